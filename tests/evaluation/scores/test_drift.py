"""Drift over minutes, known and none."""

from __future__ import annotations

import numpy as np
import pytest
from motion_samples import footage, motion_of, natural, points_of, value
from numpy.typing import NDArray

from mssync.evaluation.scores.drift import drift

Array64 = NDArray[np.float64]
FRAMES = 300
T = np.arange(FRAMES) / 25.0


def test_no_drift() -> None:
    n = 3750
    found = drift(natural(0, frames=n))
    for key in ("drift.head_std", "drift.gap_std", "drift.gap_mean"):
        assert value(found, key) == pytest.approx(1.0, abs=0.25)
    assert value(found, "drift.head_mean") < 3 and value(found, "drift.gap_slope") < 0.01


def test_known_drift() -> None:
    n = 4500
    minutes = np.arange(n) / 1500
    rng = np.random.default_rng(0)
    wave = np.sin(2 * np.pi * np.arange(n) / 100)
    head = np.radians(wave * (1 + minutes) + 4 * minutes)
    gap = 0.1 + 0.02 * minutes + 0.01 * wave
    motion = motion_of(n, rot_y=head, lip_gap=gap)
    found = drift(motion)
    assert value(found, "drift.head_mean") == pytest.approx(8.0, abs=0.2)
    assert value(found, "drift.head_slope") == pytest.approx(4.0, abs=0.1)
    assert 1.2 < value(found, "drift.head_std") < 2.5
    assert value(found, "drift.gap_mean") == pytest.approx(0.15 / 0.11, rel=0.01)
    assert value(found, "drift.gap_slope") == pytest.approx(0.02, rel=0.02)
    points = np.repeat(points_of(motion_of(1)), n, 0)
    valid = rng.random(n) > 0.1
    assert value(drift(footage(motion, points=points, valid=valid)), "drift.head_slope") == pytest.approx(4, abs=0.1)


def test_short_or_unseen_is_not_judged() -> None:
    assert all(s.value is None for s in drift(natural(0, frames=2999)))
    valid = np.ones(3000, np.bool_)
    valid[1500:] = False
    points = np.repeat(points_of(motion_of(1)), 3000, 0)
    assert all(s.value is None for s in drift(footage(motion_of(3000), points=points, valid=valid)))
