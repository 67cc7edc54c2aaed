"""Exact lip gaps: the correction of points that closes the lips on /m b p/ whatever the photo's own smile is."""

from __future__ import annotations

from typing import Final

import numpy as np

from mssync.arrays import Array
from mssync.face import topology as topo

# From corner to corner: how much of the middle's gap each pair of inner points has in open mouths.
PROFILE: Final = np.sin(np.linspace(0.0, np.pi, len(topo.LIPS_INNER_UPPER))).astype(np.float32) ** 0.7
# How much the outer parts of the lips follow the inner edge.
FOLLOW: Final = ((1.0, topo.LIPS_INNER_UPPER, topo.LIPS_INNER_LOWER),
                 (0.8, topo.LIPS_MIDDLE_UPPER, topo.LIPS_MIDDLE_LOWER),
                 (0.55, topo.LIPS_OUTER_UPPER, topo.LIPS_OUTER_LOWER))  # fmt: skip
# The lower lip does most of the way.
UPPER_SHARE: Final = 0.35


def set_gap(shape: Array, gap: float) -> Array:
    """Move the lips of a head-frame shape so that their gap is ``gap``.

    Args:
        shape: ``(478, 3)``, inter-ocular distances.
        gap: wanted mean distance between the inner edges, >= 0; at 0 every pair of inner points meets.
    Returns:
        A new ``(478, 3)``; only lip points differ.
    """
    out = np.array(shape, np.float32)
    up, low = list(topo.LIPS_INNER_UPPER), list(topo.LIPS_INNER_LOWER)
    between = out[low] - out[up]
    # A pair that has crossed counts as negative: the lower edge must lie below the upper one.
    now = np.linalg.norm(between, axis=1) * np.sign(between[:, 1])
    mean = float(now[_GAP_ROWS].mean())
    if gap <= 1e-6:
        want = np.zeros_like(now)
    elif mean > 0.25 * gap:
        # The shape already has an opening of about the right form: keep the form, set its size.
        want = np.maximum(now, 0.0) * (gap / max(float(np.maximum(now, 0.0)[_GAP_ROWS].mean()), 1e-6))
    else:
        want = PROFILE * (gap / float(PROFILE[_GAP_ROWS].mean()))
    want[[0, -1]] = 0.0
    axis = _down(shape)
    target = want[:, None] * axis
    delta = target - between
    for share, upper, lower in FOLLOW:
        out[list(upper)[1:-1]] -= (share * UPPER_SHARE * delta)[1:-1]
        out[list(lower)[1:-1]] += (share * (1.0 - UPPER_SHARE) * delta)[1:-1]
    return out


_GAP_ROWS: Final = [topo.LIPS_INNER_UPPER.index(a) for a, _ in topo.LIP_GAP_PAIRS]


def _down(shape: Array) -> Array:
    """Unit vector from the upper to the lower inner lip: the direction of the opening, or straight down."""
    v = shape[[b for _, b in topo.LIP_GAP_PAIRS]].mean(0) - shape[[a for a, _ in topo.LIP_GAP_PAIRS]].mean(0)
    n = float(np.linalg.norm(v))
    if n < 0.01 or v[1] < 0.5 * n:
        return np.array([0.0, 1.0, 0.0], np.float32)
    return np.asarray(v / n, np.float32)
