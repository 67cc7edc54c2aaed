"""The generator and the syncers that teach it learn the same lip gaps; judges see people as they are tracked."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from mssync.arrays import Array
from mssync.models import load_model
from mssync.motion.pyramid import View
from mssync.motion.spaces import load_space
from mssync.motion.syncers import SyncCurve, SyncerPyramid
from mssync.training import run
from mssync.training.data.av_offsets import measure_av_offsets
from mssync.training.data.clips import Clip, save_clip
from mssync.training.data.index import Record, write_report
from mssync.training.data.samples import Sample

SPACE = load_model().file("space.npz")
WEIGHTS = Path(str(resources.files("mssync"))) / "weights"
LEAST = 0.04  # inter-ocular distances: on a small face the tracker never sees lips meet


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    records, mark, rng = {}, load_space(SPACE).mark, np.random.default_rng(0)
    for name in ("a", "b"):
        motion = np.zeros((100, 43), np.float32)
        motion[:, -5] = LEAST + 0.1 * np.abs(np.sin(np.arange(100) / 3))
        one, unknown = np.ones(100, np.float32), np.full(100, -1, np.int8)
        bands, mel = rng.standard_normal((400, 26)).astype(np.float32), rng.random((400, 40)).astype(np.float32)
        save_clip(tmp_path / f"{name}.npz", Clip(name, motion, one > 0, bands, mel, one, unknown, mark))
        records[name] = Record(space=mark, seconds=4.0, talk=1.0, face=90.0, found=1.0)
    write_report(tmp_path, records)
    return tmp_path


@pytest.mark.parametrize(("features", "least"), [("bands", 0.0), ("mel", LEAST)])
def test_syncers_learn_closed_lips_and_judges_those_that_were_seen(
    clips: Path, monkeypatch: pytest.MonkeyPatch, features: str, least: float
) -> None:
    class Stop(Exception):
        pass

    seen: list[Sample] = []

    def stop(samples: list[Sample], *_: object, **__: object) -> None:
        seen.extend(samples)
        raise Stop

    monkeypatch.setattr(run, "make_level", stop)
    (clips / "recipe.yaml").write_text(f"features: {features}\nmirror: false\n")
    with pytest.raises(Stop):
        run.train_syncer(clips, None, SPACE, clips / "recipe.yaml", clips / "run", report=lambda *_: None)
    assert seen and all(s.motion[:, -5].min() == pytest.approx(least, abs=0.02) for s in seen)


@pytest.mark.parametrize(("pyramid", "least"), [("syncer", 0.0), ("judge", LEAST)])
def test_offsets_are_measured_on_lips_as_the_pyramid_learnt_them(
    clips: Path, monkeypatch: pytest.MonkeyPatch, pyramid: str, least: float
) -> None:
    seen: list[float] = []
    curve = SyncerPyramid.curve

    def spy(self: SyncerPyramid, motion: Array, sound: Array, view: View, level: int) -> SyncCurve | None:
        seen.append(float(motion[:, -5].min()))
        return curve(self, motion, sound, view, level)

    monkeypatch.setattr(SyncerPyramid, "curve", spy)
    measure_av_offsets(clips, WEIGHTS / pyramid, load_space(SPACE))
    assert seen == pytest.approx([least, least], abs=0.005)
