"""Limits of the head's pose on a photo: a recorded head stays where the photo can show it.

A driver may walk through the room, come nearer or sit down; a portrait cannot. What moves slowly and far is taken out,
as a camera that follows would do, and what is left is bounded softly by the room around the head in the photo. Motion
as people make it while they talk passes unchanged. The reasons are in docs/adr/0015-recorded-heads.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from mssync.arrays import Array, Array64
from mssync.motion.space import Rest
from mssync.timing import FPS

_FOLLOW_SECONDS: Final = 1.0  # the camera's slowness (standard deviation of its average)
# Rotation vector (radians), shift (inter-ocular distances), logarithm of the scale: how far people sway slowly while
# they talk, measured on generated and tracked heads; what goes beyond it for long is followed by the camera.
_SWAY: Final = np.array([0.25, 0.35, 0.2, 0.25, 0.25, 0.08])
# The farthest from the photo's own pose that is drawn, and the share of it up to which nothing is changed.
_FARTHEST: Final = np.array([0.5, 0.7, 0.45, 0.6, 0.6, 0.2])
_FREE: Final = 0.6
# Whatever the photo's margins, a head may move so far.
_LEAST_ROOM: Final = 0.15
# Hair and ears around the points of the face, in its width and height.
_HAIR: Final = 0.35
_EARS: Final = 0.1


@dataclass(frozen=True)
class ShiftLimits:
    """How far the head of a photo may shift, in inter-ocular distances: to the left, right, up and down."""

    left: float
    right: float
    up: float
    down: float

    @staticmethod
    def around(rest: Rest, width: int, height: int) -> ShiftLimits:
        """The room between the head and the edges of its picture of ``width`` x ``height`` pixels."""
        points = rest.pose.to_pixels(rest.shape)[:, :2]
        low, high = points.min(0), points.max(0)
        wide, tall = high - low
        unit = float(rest.pose.scale)
        margins = (
            low[0] - _EARS * wide,
            width - (high[0] + _EARS * wide),
            low[1] - _HAIR * tall,
            height - high[1],
        )
        return ShiftLimits(*(float(np.clip(m / unit, _LEAST_ROOM, _FARTHEST[3])) for m in margins))


def within_limits(head: Array, limits: ShiftLimits) -> Array:
    """Head columns ``(T, 6)`` of a recording at 25 fps, brought within the limits of a photo."""
    calm = head.astype(np.float64)
    slow = _followed(calm)
    calm -= slow - _soft(slow, -_SWAY, _SWAY)
    low, high = -_FARTHEST, _FARTHEST.copy()
    low[3:5], high[3:5] = (-limits.left, -limits.up), (limits.right, limits.down)
    return _soft(calm, low, high).astype(np.float32)


def _followed(x: Array64) -> Array64:
    """The slow part of ``(T, C)``: a Gaussian average; at the ends the curve is mirrored through its end point, so that
    a steady drift is followed to the last frame."""
    reach = int(min(3 * _FOLLOW_SECONDS * FPS, len(x) - 1))
    if reach < 1:
        return x.copy()
    weight = np.exp(-0.5 * (np.arange(-reach, reach + 1) / (_FOLLOW_SECONDS * FPS)) ** 2)
    weight /= weight.sum()
    before, after = 2 * x[:1] - x[reach:0:-1], 2 * x[-1:] - x[-2 : -reach - 2 : -1]
    padded = np.concatenate([before, x, after])
    return np.stack([np.convolve(column, weight, "valid") for column in padded.T], 1)


def _soft(x: Array64, low: Array64, high: Array64) -> Array64:
    """``x`` held between ``low`` < 0 and ``high`` > 0: unchanged up to a share of the way, then ever slower."""
    limit = np.where(x < 0, -low, high)
    free = _FREE * limit
    over = np.maximum(np.abs(x) - free, 0.0)
    rest = limit - free
    return np.asarray(np.sign(x) * (np.minimum(np.abs(x), free) + rest * over / (over + rest)))
