"""What a bench keeps on disk is believed only where it is whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mssync.evaluation.run.bench import _kept
from mssync.speech.logmel import MEL_BANDS

COLUMNS = 43


def write(path: Path, **changes: np.ndarray) -> Path:
    arrays = {"sound": np.ones((30, MEL_BANDS), np.float32), "motion": np.ones((30, COLUMNS), np.float32)}
    np.savez_compressed(path, **(arrays | changes))
    return path


def test_a_whole_recording_is_used(tmp_path: Path) -> None:
    found = _kept(write(tmp_path / "r.npz"), COLUMNS)
    assert found is not None and found.sound.shape == (30, MEL_BANDS) and found.motion.shape == (30, COLUMNS)


@pytest.mark.parametrize(
    "wrong",
    [
        {"motion": np.ones((30, COLUMNS - 1), np.float32)},
        {"motion": np.full((30, COLUMNS), np.nan, np.float32)},
        {"sound": np.ones((30, MEL_BANDS, 1), np.float32)},
        {"sound": np.array(["x"])},
        {"sound": np.zeros((0, MEL_BANDS), np.float32)},
    ],
)
def test_one_of_another_shape_is_made_again(tmp_path: Path, wrong: dict[str, np.ndarray]) -> None:
    assert _kept(write(tmp_path / "r.npz", **wrong), COLUMNS) is None


def test_a_damaged_one_is_made_again(tmp_path: Path) -> None:
    path = write(tmp_path / "r.npz")
    whole = path.read_bytes()
    assert _kept(tmp_path / "none.npz", COLUMNS) is None
    for cut in (0, 1, 100, len(whole) // 2, len(whole) - 30):
        path.write_bytes(whole[:cut])
        assert _kept(path, COLUMNS) is None
