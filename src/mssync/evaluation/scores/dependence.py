"""Measures of dependence on the speech: correlations between takes that share the speech or the seed.

A generator that listens makes another motion for another speech, whatever its seed; one that follows its noise makes
nearly the same motion for every speech of one seed. A synchrony score over all axes does not see that as long as one
axis listens, so every axis stands alone here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np

from mssync.arrays import Array64
from mssync.motion.curves import head_angles
from mssync.motion.space import Motion

AXES: Final = ("pitch", "yaw", "roll", "x", "y", "size", "lips")
COURSE: Final = 13  # frames, half a second
STILL: Final = 1e-7  # spread of a path below which it does not move and has no correlation


@dataclass(frozen=True)
class Likeness:
    """How alike the paths of one axis are over pairs of motions.

    Attributes:
        size: median of abs(r), r being Pearson's correlation; 0.1 to 0.3 between unrelated motions, by chance.
        signed: median of r.
        pairs: how many pairs moved on both sides.
    """

    size: float
    signed: float
    pairs: int


def paths(motion: Motion) -> Array64:
    """The axes' courses ``(7, T)`` in the order of :data:`AXES`: degrees, inter-ocular distances, log of the size,
    and the lip gap in inter-ocular distances."""
    turn = np.stack([motion.column(c) for c in ("rot_x", "rot_y", "rot_z")], 1)
    rest = [motion.column(c) for c in ("trans_x", "trans_y", "log_scale", "lip_gap")]
    return np.concatenate([head_angles(turn).T, np.asarray(rest, np.float64)])


def correlations(a: Array64, b: Array64) -> Array64:
    """Pearson's r of each row of ``(n, T)`` and ``(n, U)``, the longer one cut; nan where a row does not move."""
    n = min(a.shape[1], b.shape[1])
    a, b = (x[:, :n] - x[:, :n].mean(1, keepdims=True) for x in (a, b))
    size = np.sqrt((a**2).mean(1) * (b**2).mean(1))
    return np.where(size > STILL**2, (a * b).mean(1) / np.maximum(size, STILL**2), np.nan)


def likeness(pairs: Iterable[tuple[Motion, Motion]]) -> dict[str, Likeness]:
    """Per axis, how alike the two motions of a pair are; nan where nothing moves."""
    rows = [correlations(paths(a), paths(b)) for a, b in pairs]
    table = np.asarray(rows, np.float64).reshape(-1, len(AXES))
    out = {}
    for axis, r in zip(AXES, table.T, strict=True):
        r = r[np.isfinite(r)]
        size, signed = (float(np.median(x)) if len(x) else float("nan") for x in (np.abs(r), r))
        out[axis] = Likeness(size, signed, len(r))
    return out


def with_lips(motion: Motion) -> Array64:
    """Pearson's r ``(7,)`` of every axis with the lip gap, both less their mean over half a second.

    Heads hardly move with single syllables, but a tracker that takes the jaw for a part of the head does: what stands
    here says how much of an axis is read from the mouth. nan where an axis does not move or the clip is too short.
    """
    courses = paths(motion)
    if courses.shape[1] < 3 * COURSE:
        return np.full(len(AXES), np.nan)
    kernel = np.full(COURSE, 1.0 / COURSE)
    fast = np.stack([x[COURSE // 2 : -(COURSE // 2)] - np.convolve(x, kernel, "valid") for x in courses])
    return correlations(fast, np.repeat(fast[-1:], len(fast), 0))


def other_speech(takes: Sequence[Sequence[Motion]]) -> dict[str, Likeness]:
    """Same seed, other speech: low where the motion follows what is said. ``takes[speech][seed]``."""
    return likeness(pair for of_seed in zip(*takes, strict=True) for pair in combinations(of_seed, 2))


def other_seed(takes: Sequence[Sequence[Motion]]) -> dict[str, Likeness]:
    """Same speech, other seed: 0 where speech means nothing, 1 where chance means nothing. ``takes[speech][seed]``."""
    return likeness(pair for of_speech in takes for pair in combinations(of_speech, 2))
