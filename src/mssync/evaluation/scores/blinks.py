"""How often and how long people blink."""

from __future__ import annotations

from typing import Final

import numpy as np

from mssync.arrays import Array64
from mssync.evaluation.footage import Footage
from mssync.evaluation.scores.score import Score
from mssync.motion.blinks import find_blinks, without_blinks
from mssync.timing import FPS

MINUTE: Final = 1500  # frames


def blinks(seen: Footage) -> list[Score]:
    """Blinks (:func:`mssync.motion.blinks.find_blinks`).

    - ``blinks.rate`` per minute in which the face is seen; interval: that of a Poisson count n, ``(sqrt(n) - 0.98)^2``
      to ``(sqrt(n + 1) + 0.98)^2``;
    - ``blinks.duration`` (s): median width at half height of the closure (of the less closed eye, over its running
      median).
    """
    lids = np.stack([seen.column("lid_left"), seen.column("lid_right")], 1)
    valid = seen.track.valid
    found = [int(t) for t in find_blinks(lids) if valid[t]]
    minutes = float(valid.sum()) / MINUTE
    low, high = float(max(0.0, len(found) ** 0.5 - 0.98) ** 2), float(((len(found) + 1) ** 0.5 + 0.98) ** 2)
    rate = Score("blinks.rate", len(found) / minutes, "1/min", "real", interval=(low / minutes, high / minutes))
    if not found:
        return [rate, Score.not_run("blinks.duration", "s", "real", "There is no blink.")]
    closure = (lids - without_blinks(lids)).min(1).astype(np.float64)
    widths = np.array([_width(closure, t) / FPS for t in found])
    return [rate, Score("blinks.duration", float(np.median(widths)), "s", "real", note=f"{len(found)} blinks.")]


def _width(x: Array64, peak: int) -> float:
    """Frames between the two places around a peak where ``x`` crosses half its height, interpolated linearly."""
    half = x[peak] / 2
    ends = []
    for side in (x[peak::-1], x[peak:]):
        below = np.flatnonzero(side < half)
        if not len(below):
            ends.append(float(len(side) - 1))
            continue
        k = int(below[0])
        ends.append(k - 1 + (side[k - 1] - half) / (side[k - 1] - side[k]))
    return float(sum(ends))
