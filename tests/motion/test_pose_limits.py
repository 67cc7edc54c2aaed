"""A recorded head stays in the picture, without a stop, and ordinary motion passes."""

from __future__ import annotations

import numpy as np
import pytest

from mssync.motion.pose_limits import ShiftLimits, within_limits

LIMITS = ShiftLimits(0.6, 0.6, 0.6, 0.6)
T = np.arange(250) / 25


def one(column: int, curve: np.ndarray, limits: ShiftLimits = LIMITS) -> np.ndarray:
    head = np.zeros((len(curve), 6), np.float32)
    head[:, column] = curve
    made = within_limits(head, limits)
    assert np.isfinite(made).all() and made.dtype == np.float32 and made.shape == head.shape
    assert not np.delete(made, column, 1).any()
    return made[:, column]


def test_talking_heads_pass_unchanged() -> None:
    sway = np.stack([a * np.sin(2 * np.pi * f * T + f) for a, f in
                     ((0.2, 0.5), (0.25, 0.7), (0.1, 0.9), (0.25, 0.4), (0.25, 0.6), (0.04, 0.3))], 1)  # fmt: skip
    assert np.abs(within_limits(sway.astype(np.float32), LIMITS) - sway).max() < 0.002


@pytest.mark.parametrize(("column", "speed"), [(3, 0.65), (3, -3.0), (4, 1.0), (5, 0.2), (2, 0.15)])
def test_a_walk_is_followed_and_what_happens_on_the_way_stays(column: int, speed: float) -> None:
    """Sideways, downwards, towards the camera, tilting; the small quick motion on top is kept."""
    small = 0.02 * np.sin(2 * np.pi * 2 * T)
    made = one(column, speed * (T - 5) + small)
    limit = 0.25 if column == 3 or column == 4 else 0.2
    assert np.abs(made).max() <= limit + 0.03
    assert np.ptp((made - np.convolve(made, np.ones(13) / 13, "same"))[25:-25]) > 0.8 * np.ptp(small)


def test_sitting_down_is_bounded_and_smooth() -> None:
    down = 3 / (1 + np.exp(-(T - 5) * 6))
    made = one(4, down - np.median(down))
    assert np.abs(made).max() <= 0.6
    assert np.abs(np.diff(made)).max() <= np.abs(np.diff(down)).max() + 1e-6
    assert np.abs(made[:50]).max() < 0.3 and np.abs(made[-50:]).max() < 0.3


def test_the_margins_of_the_photo_are_the_limit() -> None:
    nod = 0.5 * np.sin(2 * np.pi * T)
    made = one(4, nod, ShiftLimits(0.6, 0.6, 0.15, 0.4))
    assert -0.15 <= made.min() < -0.12 and 0.33 < made.max() <= 0.4
    # No stop: the curve goes on moving wherever the driver does, only slower.
    moving = np.abs(np.diff(nod)) > 0.02
    assert (np.abs(np.diff(made))[moving] > 1e-4).all()


@pytest.mark.parametrize("frames", [1, 2, 3, 40])
def test_short_recordings(frames: int) -> None:
    made = one(3, np.linspace(-5, 5, frames) if frames > 1 else np.full(1, 9.0))
    assert np.abs(made).max() <= 0.6
