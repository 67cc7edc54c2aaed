"""Models are found, checked by hash, and refused with one sentence when something is wrong."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from mssync.errors import AssetError, InputError
from mssync.models import FILES, load_model, shipped_models
from mssync.motion.generator import MotionGenerator
from mssync.motion.mesh import MeshSpace


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(load_model().folder, tmp_path / "model"))


def test_default_ships_and_loads() -> None:
    assert "default" in shipped_models()
    model = load_model()
    space = MeshSpace.load(model.file("space.npz"))
    assert len(space.names) == model.manifest["shape"]["motion"] == len(model.manifest["scales"]) <= 48
    total = sum(model.file(f).stat().st_size for f in FILES)
    assert total < 25 * 2**20


def test_a_folder_works_like_a_name(copy: Path) -> None:
    assert load_model(copy).manifest == load_model().manifest


@pytest.mark.parametrize("name", ["no-such-model", "", "..", "."])
def test_unknown_model(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="There is no model"):
        load_model(name)


@pytest.mark.parametrize("file", FILES)
def test_damaged_or_missing_file(copy: Path, file: str) -> None:
    path = copy / file
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(AssetError, match="damaged"):
        load_model(copy)
    path.unlink()
    with pytest.raises(AssetError, match="lacks"):
        load_model(copy)


@pytest.mark.parametrize(
    ("change", "words"),
    [({"format": "other"}, "not a model manifest"), ({"version": 99}, "update mssync"), ({"shape": 3}, "shape")],
)
def test_wrong_manifest(copy: Path, change: dict[str, object], words: str) -> None:
    path = copy / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(AssetError, match=words):
        load_model(copy)
    path.write_text("{not json")
    with pytest.raises(AssetError, match="cannot be read"):
        load_model(copy)


def test_graph_that_is_no_graph(copy: Path) -> None:
    (copy / "step.onnx").write_bytes(b"nonsense")
    with pytest.raises(AssetError, match="cannot be loaded"):
        MotionGenerator(copy, load_model().manifest)


def test_unknown_device() -> None:
    model = load_model()
    with pytest.raises(InputError, match="device"):
        MotionGenerator(model.folder, model.manifest, device="abacus")
