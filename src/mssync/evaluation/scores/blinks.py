"""Blink scores: rate, duration and moments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mssync.arrays import Array, Array64, Mask
from mssync.evaluation.footage import Footage
from mssync.evaluation.scores.score import Score
from mssync.evaluation.scores.stats import share_interval
from mssync.motion.blinks import find_blinks, without_blinks
from mssync.timing import FPS

MINUTE: Final = 1500  # frames
PAUSE: Final = 0.35  # speech probability below which nobody speaks


@dataclass(frozen=True)
class Blinks:
    """The blinks of one motion.

    Attributes:
        frames: ``(n,)`` where the eyes are most closed.
        widths: ``(n,)`` seconds at half height of the closure (of the less closed eye, over its running median).
        seen: frames in which the face is seen.
        pausing: how many of the blinks peak while nobody speaks.
        pauses: share of the seen frames in which nobody speaks: what ``pausing / n`` is by chance.
    """

    frames: NDArray[np.int64]
    widths: Array64
    seen: int
    pausing: int
    pauses: float

    @property
    def rate(self) -> float:
        """Blinks per minute."""
        return len(self.frames) * MINUTE / max(self.seen, 1)


def find(lids: Array, valid: Mask, speech: Array) -> Blinks:
    """Blinks (:func:`mssync.motion.blinks.find_blinks`) and when they happen.

    Args:
        lids: ``(T, 2)`` closures at 25 fps; valid: ``(T,)``; speech: ``(T,)`` probability.
    """
    frames = find_blinks(lids)
    frames = frames[valid[frames]]
    closure = (lids - without_blinks(lids)).min(1).astype(np.float64)
    widths = np.array([_width(closure, int(t)) / FPS for t in frames], np.float64)
    quiet = speech < PAUSE
    pauses = float(quiet[valid].mean()) if valid.any() else 0.0
    return Blinks(frames, widths, int(valid.sum()), int(quiet[frames].sum()), pauses)


def blinks(footage: Footage) -> list[Score]:
    """How often, how long and when.

    - ``blinks.rate`` per minute in which the face is seen; interval: that of a Poisson count n, ``(sqrt(n) - 0.98)^2``
      to ``(sqrt(n + 1) + 0.98)^2``;
    - ``blinks.duration`` (s): median width at half height of the closure;
    - ``blinks.pauses``: share of the blinks that peak while nobody speaks; chance: the share of such frames. Speakers
      blink in pauses and at the ends of phrases rather than within them (Nakano and Kitazawa 2010).
    """
    lids = np.stack([footage.column("lid_left"), footage.column("lid_right")], 1)
    found = find(lids, footage.track.valid, footage.speech)
    n, minutes = len(found.frames), found.seen / MINUTE
    low, high = float(max(0.0, n**0.5 - 0.98) ** 2), float(((n + 1) ** 0.5 + 0.98) ** 2)
    rate = Score("blinks.rate", found.rate, "1/min", "real", interval=(low / minutes, high / minutes))
    if not n:
        why = "There is no blink."
        none = (("blinks.duration", "s"), ("blinks.pauses", "share"))
        return [rate, *(Score.not_run(key, unit, "real", why) for key, unit in none)]
    return [
        rate,
        Score("blinks.duration", float(np.median(found.widths)), "s", "real", note=f"{n} blinks."),
        Score(
            "blinks.pauses", found.pausing / n, "share", "real", found.pauses, share_interval(found.pausing, n),
            f"{n} blinks.",
        ),
    ]  # fmt: skip


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
