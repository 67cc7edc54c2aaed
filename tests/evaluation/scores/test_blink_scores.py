"""Blinks of a known rate and width."""

from __future__ import annotations

import numpy as np
import pytest
from motion_samples import by_key, footage, motion_of
from numpy.typing import NDArray

from mssync.evaluation.footage import pinned_space
from mssync.evaluation.scores.blinks import blinks
from mssync.motion.space import Motion

Array64 = NDArray[np.float64]
FRAMES = 300
T = np.arange(FRAMES) / 25.0


def blinking(frames: int, at: list[int], width: int) -> Motion:
    """Triangular blinks, ``width`` frames wide at half height."""
    t = np.arange(frames)
    lid = np.max([np.maximum(0.0, 1 - np.abs(t - m) / width) for m in at], axis=0) if at else np.zeros(frames)
    return motion_of(frames, lid_left=lid, lid_right=lid)


@pytest.mark.parametrize("width", [2, 4])
def test_rate_and_duration(width: int) -> None:
    found = by_key(blinks(footage(blinking(750, [100, 300, 450, 600], width))))
    rate = found["blinks.rate"]
    assert rate.value == pytest.approx(8.0) and rate.interval is not None and rate.interval[0] < 8 < rate.interval[1]
    assert found["blinks.duration"].value == pytest.approx(width / 25, rel=0.05)


def test_no_blink() -> None:
    found = by_key(blinks(footage(blinking(750, [], 3))))
    assert found["blinks.rate"].value == 0.0 and found["blinks.duration"].value is None
    interval = found["blinks.rate"].interval
    assert interval is not None and interval[0] == 0.0 and 5 < interval[1] < 10


def test_blinks_in_pauses_against_the_share_of_pauses() -> None:
    speech = np.zeros(750)
    speech[:500] = 1.0
    found = by_key(blinks(footage(blinking(750, [100, 300, 550, 600, 700], 3), speech=speech)))["blinks.pauses"]
    assert found.value == pytest.approx(3 / 5) and found.chance == pytest.approx(1 / 3)
    assert found.interval is not None and found.interval[0] < 0.6 < found.interval[1]
    assert by_key(blinks(footage(blinking(750, [], 3))))["blinks.pauses"].value is None


def test_half_the_clip_unseen() -> None:
    valid = np.arange(750) >= 375
    found = by_key(blinks(footage(blinking(750, [100, 300, 450, 600], 3), valid=valid)))
    assert found["blinks.rate"].value == pytest.approx(8.0)


def test_the_space_of_the_samples_is_the_pinned_one() -> None:
    assert motion_of(1).names == pinned_space().names
