"""Syncer pyramids: agreement at known lags, and files that are refused."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from mssync.errors import AssetError
from mssync.motion.syncers import SyncCurve, SyncerPyramid
from mssync.speech.logmel import MEL_BANDS

JUDGE = Path(str(resources.files("mssync"))) / "weights" / "judge"


def _unit(x: np.ndarray) -> np.ndarray:
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("lag", [-15, -4, 0, 3, 15])
def test_a_known_shift_is_reported_as_it_is(lag: int) -> None:
    rng = np.random.default_rng(0)
    base = rng.standard_normal((120, 16))
    sound = _unit(base[20:100])
    motion = _unit(base[20 - lag : 100 - lag] + 0.5 * rng.standard_normal((80, 16)))
    curve = SyncCurve.of(motion, sound)
    assert curve.best == lag and curve.confidence > 0.5 and curve.distance == pytest.approx(1 - curve.cosine.max())
    assert (curve.at_zero == pytest.approx(curve.confidence)) == (lag == 0)


def test_shipped_judge_is_whole_and_small() -> None:
    judge = SyncerPyramid.load()
    assert judge.views == ("lips", "head", "all") and judge.levels == (0, 1, 2, 3) and judge.features == "mel"
    assert sum(p.stat().st_size for p in JUDGE.iterdir()) <= 8_000_000
    motion = np.zeros((100, judge.columns), np.float32)
    mel = np.random.default_rng(0).random((400, MEL_BANDS)).astype(np.float32)
    for view in judge.views:
        pair = judge.embed(motion, mel, view, 3)
        assert pair is not None and all(np.allclose(np.linalg.norm(x, axis=1), 1.0, atol=1e-3) for x in pair)


def test_short_clips_are_not_judged_at_high_levels() -> None:
    judge = SyncerPyramid.load()
    still, mel = np.zeros((75, judge.columns), np.float32), np.zeros((300, MEL_BANDS), np.float32)
    assert judge.curve(still, mel, "lips", 1) is not None
    assert judge.curve(still, mel, "lips", 2) is None
    assert judge.embed(still[:3], mel[:12], "lips", 0) is None


def test_damaged_judge_is_refused(tmp_path: Path) -> None:
    shutil.copytree(JUDGE, tmp_path / "judge")
    path = tmp_path / "judge" / "lips-0.onnx"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(AssetError, match="damaged"):
        SyncerPyramid.load(tmp_path / "judge")
    manifest = tmp_path / "judge" / "manifest.json"
    manifest.write_text(json.dumps({"format": "else"}))
    with pytest.raises(AssetError, match="no syncer pyramid"):
        SyncerPyramid.load(tmp_path / "judge")
    with pytest.raises(AssetError, match="no syncer pyramid"):
        SyncerPyramid.load(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        {"views": ["lips", "ears"]},
        {"views": "lips"},
        {"views": []},
        {"views": [["lips"]]},
        {"levels": ["0"]},
        {"levels": [0, -1]},
        {"levels": [0, 10**9]},
        {"levels": None},
        {"features": 3},
        {"features": ["mel"]},
        {"features": "ears"},
        {"ear": 3},  # the older name
        {"files": []},
        {"files": {}},
        {"files": {"../../secret": "0"}},
        {"format": None},
    ],
)
def test_a_manifest_of_another_shape_is_a_sentence(tmp_path: Path, change: dict[str, object]) -> None:
    folder = Path(shutil.copytree(JUDGE, tmp_path / "judge"))
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    (folder / "manifest.json").write_text(json.dumps(manifest | change))
    with pytest.raises(AssetError, match="holds no syncer pyramid"):
        SyncerPyramid.load(folder)


def test_a_manifest_that_is_none_is_a_sentence(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(JUDGE, tmp_path / "judge"))
    for text in ("[" * 100_000, "[]", "null", '"x"', "{", ""):
        (folder / "manifest.json").write_text(text)
        with pytest.raises(AssetError, match="holds no syncer pyramid"):
            SyncerPyramid.load(folder)


def put(folder: Path, name: str, data: bytes) -> None:
    """A file of a pyramid replaced, under its true hash."""
    (folder / name).write_bytes(data)
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    manifest["files"][name] = hashlib.sha256(data).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_views_of_another_shape_are_a_sentence(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(JUDGE, tmp_path / "judge"))
    with np.load(JUDGE / "views.npz") as z:
        whole = dict(z)
    for wrong in (
        {"lips": np.full((43, 11), np.nan)}, {"head": np.zeros((42, 3))}, {"all": np.zeros(43)}, {"all": np.array("x")},
    ):  # fmt: skip
        packed = io.BytesIO()
        np.savez(packed, **whole | wrong)
        put(folder, "views.npz", packed.getvalue())
        with pytest.raises(AssetError, match="holds no syncer pyramid"):
            SyncerPyramid.load(folder)
    put(folder, "views.npz", b"PK")
    with pytest.raises(AssetError, match="holds no syncer pyramid"):
        SyncerPyramid.load(folder)


def test_another_networks_graph_is_a_sentence(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(JUDGE, tmp_path / "judge"))
    put(folder, "lips-0.onnx", (JUDGE / "head-0.onnx").read_bytes())
    put(folder, "lips-1.onnx", b"no graph")
    judge = SyncerPyramid.load(folder)
    motion, sound = np.zeros((60, 43), np.float32), np.zeros((240, MEL_BANDS), np.float32)
    for level in (0, 1):
        with pytest.raises(AssetError, match=rf"lips-{level}\.onnx"):
            judge.embed(motion, sound, "lips", level)
    assert judge.embed(motion, sound, "head", 0) is not None


def test_what_was_checked_is_what_judges(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(JUDGE, tmp_path / "judge"))
    judge = SyncerPyramid.load(folder)
    for path in folder.iterdir():
        path.write_bytes(b"changed after the check")
    draw = np.random.default_rng(0)
    motion = draw.normal(0, 0.1, (40, judge.columns)).astype(np.float32)
    sound = draw.normal(0, 1, (160, 40)).astype(np.float32)
    pairs = [j.embed(motion, sound, "lips", 0) for j in (judge, SyncerPyramid.load(JUDGE))]
    assert pairs[0] is not None and pairs[1] is not None
    for a, b in zip(*pairs, strict=True):
        np.testing.assert_array_equal(a, b)
