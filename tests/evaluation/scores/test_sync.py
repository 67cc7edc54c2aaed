"""SyncerPyramid and multi-scale synchrony on vectors whose lag is known, and the shipped judge on the demo voice."""

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
from mssync.evaluation.scores.sync import bootstrap, chance_confidences, is_demo, unrelated_voice
from mssync.media.audio import load_sound
from mssync.motion.syncers import SyncCurve, SyncerPyramid
from mssync.speech.logmel import MEL_BANDS, log_mel

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


def test_what_belongs_stands_above_what_does_not() -> None:
    rng = np.random.default_rng(0)
    sound = _unit(rng.standard_normal((80, 16)))
    motion = _unit(sound + 0.4 * rng.standard_normal((80, 16)))
    other = _unit(rng.standard_normal((90, 16)))
    chance = chance_confidences((motion, sound), other, rng)
    confidence = SyncCurve.of(motion, sound).confidence
    assert confidence > np.quantile(chance, 0.975)
    low, high = bootstrap(motion, sound, rng)
    assert low < confidence < high and low > np.quantile(chance, 0.975)
    stray = SyncCurve.of(_unit(rng.standard_normal((80, 16))), sound).confidence
    assert stray < np.quantile(chance, 0.999) * 1.5


def test_the_interval_is_not_biased_where_nothing_agrees() -> None:
    """Of pairs that have nothing to do with each other the intervals hold what such pairs have on the whole."""
    rng = np.random.default_rng(3)
    pairs = [(_unit(rng.standard_normal((75, 16))), _unit(rng.standard_normal((75, 16)))) for _ in range(40)]
    values = np.array([SyncCurve.of(*p).confidence for p in pairs])
    ends = np.array([bootstrap(*p, rng) for p in pairs])
    assert ((ends[:, 0] < values) & (values < ends[:, 1])).all()
    low, high = np.quantile(values, [0.025, 0.975])
    assert abs(ends.mean() - (low + high) / 2) < 0.1 * (high - low)
    held = (ends[:, 0] <= values.mean()) & (values.mean() <= ends[:, 1])
    assert held.mean() >= 0.9


def test_shipped_judge_is_whole_and_small() -> None:
    judge = SyncerPyramid.load()
    assert judge.views == ("lips", "head", "all") and judge.levels == (0, 1, 2, 3) and judge.features == "mel"
    assert sum(p.stat().st_size for p in JUDGE.iterdir()) <= 8_000_000
    for view in judge.views:
        assert np.isfinite(unrelated_voice(judge, view, 3)).all()


def test_the_demo_voice_is_unrelated_to_itself_backwards() -> None:
    voice = load_sound(Path(str(resources.files("mssync"))) / "data" / "demo.flac")
    rng = np.random.default_rng(0)
    for own in (
        voice,
        voice[37_000:90_000],
        np.pad(voice, (12_345, 50_000)) + rng.normal(0, 0.003, len(voice) + 62_345),
    ):
        assert is_demo(log_mel(own.astype(np.float32)))
    for other in (voice[::-1].copy(), np.zeros(16_000), rng.normal(0, 0.1, 64_000)):
        assert not is_demo(log_mel(other.astype(np.float32)))
    judge = SyncerPyramid.load()
    assert not np.allclose(unrelated_voice(judge, "lips", 0), unrelated_voice(judge, "lips", 0, demo=True))


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


def test_log_mel_follows_the_sound() -> None:
    voice = load_sound(Path(str(resources.files("mssync"))) / "data" / "demo.flac")[:32000]
    mel = log_mel(voice)
    assert mel.shape == (200, MEL_BANDS) and mel.min() >= 0 and mel.max() <= 1
    assert np.allclose(log_mel(voice * 0.1), mel, atol=0.02), "loudness of the recording does not matter"
    tone = np.sin(2 * np.pi * 1000 * np.arange(16000) / 16000).astype(np.float32)
    tone[:8000] = 0
    heard = log_mel(tone)
    assert heard[:45].max() < 0.01 and heard[55:95].max() > 0.9
    assert heard[70].argmax() == heard[90].argmax() and 10 < int(heard[70].argmax()) < 20
    assert log_mel(np.zeros(641, np.float32)).shape == (8, MEL_BANDS)


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
