"""Other words at the same loudness: the wrong answers among which only a mouth that says the right thing finds its own.

Lips that open when it is loud and shut when it is quiet agree with their sound at no other moment of a clip, whatever
shapes they make. Against moments that are as loud, from frame to frame, timing alone wins nothing: chance is one half.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from mssync.arrays import Array
from mssync.timing import STEPS_PER_FRAME, WINDOW_FRAMES

COUNT: Final = 10  # rivals of a window
APART: Final = 8  # frames between a window and its rivals: what overlaps is no other word
MIN_WINDOWS: Final = 25


def loudness_course(sound: Array) -> Array:
    """Mean of the bands per frame of every window ``(N, 5)``, N = T - 4, of sound features ``(4 T, bands)``."""
    frames = len(sound) // STEPS_PER_FRAME
    level = sound[: frames * STEPS_PER_FRAME].reshape(frames, -1).mean(1)
    return np.lib.stride_tricks.sliding_window_view(level, WINDOW_FRAMES)


def rivals(sound: Array, opening: Array | None = None) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The spoken windows of a clip and, for each, those of other words that are most equal in loudness.

    Spoken are windows louder than the clip's median window. A rival is spoken and lies eight frames away or more.

    Args:
        sound: ``(4 T, bands)`` log energies.
        opening: ``(T,)`` lip gap; where it is given, rivals are also as open, from frame to frame, and only the
            mouth's shape tells them apart. Both count by their own spread.
    Returns:
        rows ``(M,)`` and their rivals ``(M, 10)``; M is 0 where a clip is too short to have them.
    """
    none = np.zeros(0, np.int64), np.zeros((0, COUNT), np.int64)
    frames = len(sound) // STEPS_PER_FRAME if opening is None else min(len(sound) // STEPS_PER_FRAME, len(opening))
    if frames - WINDOW_FRAMES + 1 < MIN_WINDOWS:
        return none
    course = loudness_course(sound[: STEPS_PER_FRAME * frames]).astype(np.float64)
    spoken = np.flatnonzero(course.mean(1) >= np.median(course.mean(1)))
    x = course[spoken] / max(float(course.std()), 1e-6)
    if opening is not None:
        gap = np.lib.stride_tricks.sliding_window_view(np.asarray(opening[:frames], np.float64), WINDOW_FRAMES)
        x = np.concatenate([x, gap[spoken] / max(float(gap.std()), 1e-6)], 1)
    distance = (x**2).sum(1)[:, None] + (x**2).sum(1)[None] - 2 * x @ x.T
    distance[np.abs(spoken[:, None] - spoken[None]) < APART] = np.inf
    enough = np.isfinite(distance).sum(1) >= COUNT
    nearest = np.argsort(distance, axis=1, kind="stable")[:, :COUNT]
    if nearest.shape[1] < COUNT:
        return none
    return spoken[enough], spoken[nearest[enough]]


def won(motion: Array, sound: Array, rows: NDArray[np.int64], others: NDArray[np.int64]) -> Array:
    """Share of its rivals that each window's own sound beats ``(M,)``; equal ones count half.

    Args:
        motion, sound: unit vectors ``(N, E)`` of a pyramid's level 0.
        rows, others: of :func:`rivals`, none beyond N.
    """
    own = (motion[rows] * sound[rows]).sum(1)
    other = np.einsum("me,mke->mk", motion[rows], sound[others])
    return np.asarray(0.5 + 0.5 * np.sign(own[:, None] - other).mean(1), np.float32)
