"""The pyramid of MS-Sync (arXiv 2307.03270): level 0 is the signal; every further level is a moving average over seven
samples (reflected at the ends) of the level below, every second sample kept. Motion and sound go through the same one.

And the *views*: which part of a motion a syncer sees. ``lips`` are the lips' own shape and gap, whatever brows and
cheeks do; ``head`` is nothing but the head's rotation; ``all`` is head, expression and lips together. ``pitch``,
``yaw``, ``roll`` and ``shift`` (place and size) are the parts of the head's motion one by one: heads nod with the voice
most of all, and a view that holds a nod says nothing of the rest. ``unpitched`` is what a head does besides nodding: it
turns, tilts and goes sideways (the tracked size is left out, since an opening mouth moves it a little).
"""

from __future__ import annotations

from typing import Final, Literal, get_args

import numpy as np

from mssync.arrays import Array
from mssync.timing import LEVELS, PYRAMID_KERNEL

View = Literal["lips", "head", "all", "pitch", "yaw", "roll", "shift", "unpitched"]
VIEWS: Final[tuple[View, ...]] = get_args(View)


def coarser(x: Array) -> Array:
    """One level up: ``(T, D)`` -> ``(ceil(T / 2), D)``; the ends are reflected (repeated below four samples)."""
    half = PYRAMID_KERNEL // 2
    mode = "reflect" if len(x) > half else "edge"
    pad = np.pad(x, ((half, half), (0, 0)), mode=mode)  # type: ignore[call-overload]
    total = np.cumsum(np.concatenate([np.zeros_like(pad[:1]), pad]), axis=0, dtype=np.float64)
    return np.asarray(((total[PYRAMID_KERNEL:] - total[:-PYRAMID_KERNEL]) / PYRAMID_KERNEL)[::2], np.float32)


def pyramid(x: Array, levels: int = LEVELS) -> list[Array]:
    """Level 0 to ``levels - 1`` of a signal ``(T, D)``."""
    out = [x]
    for _ in range(levels - 1):
        out.append(coarser(out[-1]))
    return out


def smoothed(x: Array) -> Array:
    """Three-frame moving average over time (the paper smooths its training motion so), ends repeated."""
    pad = np.pad(x, ((1, 1), (0, 0)), mode="edge")
    return np.asarray((pad[:-2] + pad[1:-1] + pad[2:]) / 3, np.float32)
