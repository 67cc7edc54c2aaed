"""Models are found, checked by hash, and refused with one sentence when something is wrong."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mssync.errors import AssetError, InputError
from mssync.manifest import BANDS, COURSE, DRIVE_FEATURES, FILES, HEAD_COLUMNS
from mssync.manifest import HEARD_FRAMES as manifests_heard_frames
from mssync.models import load_model, shipped_models, write_manifest
from mssync.motion.articulation import HEARD_FRAMES
from mssync.motion.blinks import COURSE_AFTER, COURSE_BEFORE
from mssync.motion.columns import HEAD
from mssync.motion.drive import FEATURES
from mssync.motion.generator import MotionGenerator
from mssync.motion.options import MotionOptions
from mssync.motion.spaces import load_mesh
from mssync.pipeline import TalkingHead
from mssync.speech.features import BANDS as speech_bands

SIZES = load_model().manifest["shape"]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(load_model().folder, tmp_path / "model"))


def test_default_ships_and_loads() -> None:
    assert "default" in shipped_models()
    model = load_model()
    space = load_mesh(model.file("space.npz"))
    assert len(space.names) == model.manifest["shape"]["motion"] == len(model.manifest["scales"]) <= 48
    total = sum(model.file(f).stat().st_size for f in FILES)
    assert total < 25 * 2**20


def test_the_card_says_how_many_speakers_syncers_and_judges_share() -> None:
    weights = load_model().folder.parent
    card = (weights / "MODEL_CARD.md").read_text("utf-8")
    used = {p: json.loads((weights / p / "manifest.json").read_text())["data"]["speakers"] for p in ("syncer", "judge")}
    every = load_model().manifest["data"]["speakers"]["train"]
    shared = re.search(r"(\d+) speakers taught the syncers, (\d+) the judges, (\d+) of them both", card)
    assert shared and f"clips of {every} speakers" in card
    assert [int(n) for n in shared.groups()[:2]] == [used["syncer"], used["judge"]]
    assert int(shared[3]) >= used["syncer"] + used["judge"] - every > 0


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


@pytest.mark.parametrize(
    ("entry", "value", "words"),
    [
        ("name", 3, "'name'"),
        ("scales", [1.0] * 42, "'scales'"),
        ("scales", ["x"] * 43, r"'scales\[0\]'"),
        ("shape", {"motion": 43}, "'shape.bands' is missing"),
        ("shape", {**SIZES, "lookahead": 8}, "context must be at least 51 frames"),
        ("shape", {**SIZES, "block": 12}, "multiples of 8"),
        ("head_gain", [1.0] * 5, "'head_gain'"),
        ("blinks", {"log_mean": 1e9, "log_std": 1.0, "course": []}, "'blinks.log_mean'"),
        ("closure", {"thresholds": [0.5, 1.0]}, r"'closure.thresholds\[1\]'"),
        ("gap_curve", {"made": [1.0, 0.0], "real": [0.0, 1.0]}, "rising curve"),
        ("files", {}, "'files' lacks"),
        ("stages", ["blinks", "wings"], "'stages' holds 'wings'"),
        ("stages", [["knobs"]], r"'stages\[0\]'"),
        ("blinks", ..., "'blinks' is missing"),
        ("articulation", {"lookahead": 12}, r"'articulation.columns' is missing"),
        ("articulation", {"lookahead": 12, "columns": [39, 6]}, "'articulation.columns'"),
        ("articulation", {"lookahead": 20, "columns": [6, 39]}, "'articulation.lookahead'"),
        ("release", ..., "'release' is missing"),
    ],
)
def test_each_wrong_entry_is_named(copy: Path, entry: str, value: object, words: str) -> None:
    path = copy / "manifest.json"
    changed = {**json.loads(path.read_text()), entry: value}
    path.write_text(json.dumps({k: v for k, v in changed.items() if v is not ...}))
    with pytest.raises(AssetError, match=words) as caught:
        load_model(copy)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_a_model_without_an_articulation_net_shows_the_generators_own_mouth(copy: Path) -> None:
    path = copy / "manifest.json"
    manifest = json.loads(path.read_text())
    del manifest["articulation"], manifest["files"]["articulation.onnx"]
    path.write_text(json.dumps(manifest))
    (copy / "articulation.onnx").unlink()
    sound = np.random.default_rng(0).standard_normal(16000).astype(np.float32) * 0.1
    rows = []
    for model in (TalkingHead.load(), TalkingHead.load(copy)):
        stream = model.stream(MotionOptions())
        rows.append(np.concatenate([stream.push(sound), stream.flush()]))
    assert np.array_equal(rows[0][:, :6], rows[1][:, :6]) and not np.allclose(rows[0][:, 6:39], rows[1][:, 6:39])


@pytest.mark.parametrize("change", [{"space": "other"}, {"mark": "0" * 64}])
def test_a_manifest_of_another_space(copy: Path, change: dict[str, str]) -> None:
    path = copy / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(AssetError, match=r"space\.npz have other columns"):
        TalkingHead.load(copy)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a": NaN}', '"\\ud800"', "\ufeff{}", ""])
def test_json_that_is_no_manifest(copy: Path, text: str) -> None:
    (copy / "manifest.json").write_text(text, "utf-8")
    with pytest.raises(AssetError, match=r"manifest\.json"):
        load_model(copy)


def test_a_run_without_a_score_makes_a_model_that_loads(copy: Path) -> None:
    facts = json.loads((copy / "manifest.json").read_text()) | {"recipe": {"best_dev_score": float("inf")}}
    write_manifest(copy, {k: v for k, v in facts.items() if k not in ("format", "version", "files")})
    assert load_model(copy).manifest["recipe"] == {"best_dev_score": None}


def test_bounds_of_the_manifest_are_those_of_the_rooms() -> None:
    assert (speech_bands, len(HEAD), FEATURES) == (BANDS, HEAD_COLUMNS, DRIVE_FEATURES)
    assert COURSE == COURSE_BEFORE + 1 + COURSE_AFTER
    assert manifests_heard_frames == HEARD_FRAMES


def sign(folder: Path) -> None:
    """Hashes of the manifest as the files are now."""
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["files"] = {f: hashlib.sha256((folder / f).read_bytes()).hexdigest() for f in FILES}
    path.write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("template", lambda a: a * np.nan),
        ("template", lambda a: a[:100]),
        ("template", np.zeros_like),
        ("basis", lambda a: a * 1e6),
        ("basis", lambda a: a[:0]),
        ("blend", lambda a: a[:51]),
        ("opening", lambda a: a.astype(int)),
        ("gap_zero", lambda a: a[None]),
        ("gap_zero", lambda a: a * 0 + 5),
    ],
)
def test_a_space_that_is_none(copy: Path, name: str, change: Callable[[Any], Any]) -> None:
    with np.load(copy / "space.npz") as z:
        arrays = {k: z[k] for k in z.files}
    np.savez(copy / "space.npz", **(arrays | {name: change(arrays[name])}))
    sign(copy)
    with pytest.raises(AssetError, match=r"space\.npz is missing or damaged") as caught:
        TalkingHead.load(copy)
    assert "\n" not in str(caught.value)


def test_graphs_of_another_shape(copy: Path) -> None:
    shutil.copyfile(copy / "closure.onnx", copy / "step.onnx")
    sign(copy)
    head = TalkingHead.load(copy)
    with pytest.raises(AssetError, match=r"step\.onnx is a network with other inputs"):
        _ = head.generator


def test_sizes_that_nobody_asked_for_are_let_be(copy: Path) -> None:
    path = copy / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["shape"] |= {"leak": [1], "more": None}
    path.write_text(json.dumps(manifest))
    assert TalkingHead.load(copy).generator.columns == 43


def test_what_was_checked_is_what_is_used(copy: Path) -> None:
    head = TalkingHead.load(copy)
    for file in FILES:
        (copy / file).write_bytes(b"changed after the check")
    same = TalkingHead.load()
    sound = np.random.default_rng(0).normal(0, 0.1, 16000).astype(np.float32)
    streams = [h.stream(MotionOptions()) for h in (head, same)]
    a, b = (np.concatenate([s.push(sound), s.flush()]) for s in streams)
    np.testing.assert_array_equal(a, b)


def test_graph_that_is_no_graph(copy: Path) -> None:
    (copy / "step.onnx").write_bytes(b"nonsense")
    with pytest.raises(AssetError, match="refused as a network"):
        MotionGenerator(copy, load_model().manifest)


def test_unknown_device() -> None:
    model = load_model()
    with pytest.raises(InputError, match="device"):
        MotionGenerator(model.folder, model.manifest, device="abacus")
