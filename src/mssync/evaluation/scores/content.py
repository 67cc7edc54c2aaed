"""Measures of content: the mouth's shapes over time against those of the person who really said it.

A mouth that opens and shuts in time but makes one shape for all vowels satisfies a score of timing. Here stand the
real person's own opening, width and protrusion, frame by frame, and how much of a mouth's variety is used. Shapes are
those of the motion on the mean face, so that raw motion and tracked motion of any person are measured alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from mssync.arrays import Array64, Mask
from mssync.face import topology as topo
from mssync.motion.mesh import MeshSpace
from mssync.motion.space import Motion

SHAPES: Final = ("opening", "width", "protrusion")
CORNERS: Final = (61, 291)
UPPER_LIP: Final = (0, 11, 37, 267)  # the middle of the upper lip, which the jaw does not carry with it
REACH: Final = 5  # frames, 0.2 s
MIN_FRAMES: Final = 25
STILL: Final = 1e-6


@dataclass(frozen=True)
class Agreement:
    """Two courses at their best lag.

    Attributes:
        r: Pearson's correlation there.
        lag: frames by which the first comes later, a parabola through the best lag and its neighbours; within 0.2 s.
    """

    r: float
    lag: float


def head_shapes(motion: Motion, space: MeshSpace, points: tuple[int, ...]) -> Array64:
    """Points ``(T, n, 3)`` of the mean face as the motion's expression and lip gap move them, head frame (iod)."""
    rows = motion.values[:, space.groups.expression].astype(np.float64)
    gap = motion.column("lip_gap").astype(np.float64)
    at = list(points)
    shape = space.template[at] + np.tensordot(rows, space.basis[:, at].astype(np.float64), 1)
    upper, lower = ([p[i] for p in topo.LIP_GAP_PAIRS] for i in (0, 1))
    now = (space.template[lower] - space.template[upper])[:, 1].mean() - space.gap_zero
    opened = rows @ (space.basis[:, lower, 1] - space.basis[:, upper, 1]).mean(1).astype(np.float64)
    # The mouth is then opened or shut to the gap, as the space's own decoding does.
    return np.asarray(shape + (gap - now - opened)[:, None, None] * space.opening[at].astype(np.float64), np.float64)


def mouth(motion: Motion, space: MeshSpace) -> Array64:
    """Courses ``(3, T)`` of the mouth in inter-ocular distances, order of :data:`SHAPES`: the lip gap, the distance of
    the corners, and how far the upper lip stands forward in the head (as phoneticians measure protrusion)."""
    corners, lip = head_shapes(motion, space, CORNERS), head_shapes(motion, space, UPPER_LIP)
    width = np.linalg.norm(corners[:, 0] - corners[:, 1], axis=1)
    forward = -lip[..., 2].mean(1)  # z runs away from the camera
    return np.stack([motion.column("lip_gap").astype(np.float64), width, forward])


def brows(motion: Motion, space: MeshSpace) -> Array64:
    """Height of the brows ``(T,)`` in inter-ocular distances, + up, relative to the motion's own mean."""
    height = -head_shapes(motion, space, topo.RIGHT_BROW + topo.LEFT_BROW)[..., 1].mean(1)
    return np.asarray(height - height.mean(), np.float64)


def agreement(made: Array64, real: Array64, used: Mask | None = None, reach: int = REACH) -> Agreement | None:
    """Best correlation of two courses ``(T,)`` and ``(U,)`` over lags of +-``reach`` frames, and that lag.

    The longer one is cut. None below a second of used frames, or where one of them never moves.

    Args:
        made: the one that may come late.
        real: the reference.
        used: ``(U,)`` frames of the reference that count.
        reach: frames.
    """
    n = min(len(made), len(real))
    x, y = np.asarray(made[:n], np.float64), np.asarray(real[:n], np.float64)
    counts = np.ones(n, np.bool_) if used is None else np.asarray(used[:n], np.bool_)
    r = []
    for lag in range(-reach, reach + 1):
        rows = np.arange(max(0, -lag), n - max(0, lag))
        rows = rows[counts[rows]]
        if len(rows) < MIN_FRAMES:
            return None
        a, b = x[rows + lag], y[rows]
        if a.std() < STILL or b.std() < STILL:
            return None
        r.append(float(np.corrcoef(a, b)[0, 1]))
    best = int(np.argmax(r))
    return Agreement(r[best], best - reach + _between(r, best))


def _between(r: list[float], best: int) -> float:
    """Where between samples the top lies, by a parabola; 0 at the ends."""
    if not 0 < best < len(r) - 1:
        return 0.0
    before, top, after = r[best - 1 : best + 2]
    bend = before - 2 * top + after
    return 0.5 * (before - after) / bend if bend < 0 else 0.0


def relative_spread(x: Array64, used: Mask) -> float:
    """Standard deviation over mean of a course's used frames: how much a mouth's width varies, whatever the mouth."""
    return float(x[used].std() / max(abs(float(x[used].mean())), STILL))


def used_variance(made: Motion, real: Motion, columns: slice, made_used: Mask, real_used: Mask) -> float:
    """Share of the real motion's variance in some columns that the made motion has too, column by column.

    ``sum_i min(made_i, real_i) / sum_i real_i`` over the variances: 1 where every column moves as much as the real
    one or more, one half where half of the directions are still.
    """
    a, b = made.values[made_used, columns].var(0), real.values[real_used, columns].var(0)
    return float(np.minimum(a, b).sum() / max(float(b.sum()), STILL))
