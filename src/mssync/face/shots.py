"""Where a video is cut: a new scene, or the same scene a moment later."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from mssync.arrays import Array, Rgb

_SIDE: Final = 24  # of the thumbnails that are compared
# Correlation of two neighbouring thumbnails: under the first it is another scene; between the two it is one where the
# thumbnails had agreed before and the face jumps as well.
_OTHER: Final = 0.6
_PERHAPS: Final = 0.9
JUMP: Final = 0.25
"""Temple widths that a face moves between two frames of 25 a second at most; a head is never faster."""
_FRAME: Final = 0.04
_LONGEST_STEP: Final = 0.2


class CutFinder:
    """Compares every frame with the one before.

    A flash of light changes brightness, not the pattern, and is no cut; a pan changes the pattern little by little.
    """

    def __init__(self) -> None:
        self._last: Array | None = None

    def agreement(self, rgb: Rgb) -> float:
        """Correlation of a frame's colours with those of the frame before in [-1, 1]; 1 for the first frame."""
        small = cv2.resize(rgb, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
        now = (small - small.mean(axis=(0, 1))).ravel()
        before, self._last = self._last, now
        if before is None:
            return 1.0
        size = float(np.linalg.norm(now) * np.linalg.norm(before))
        # Black frames and plain ones have no pattern: the next picture is compared with the last one that has.
        if np.linalg.norm(now) < _SIDE:
            self._last = before
            return 1.0
        return float(now @ before) / size if size > 0 else 1.0


def another_scene(agreement: float) -> bool:
    """Whether two frames of that agreement show different scenes, whatever their faces do."""
    return agreement < _OTHER


def jumped(distance: float, seconds: float, agreement: float) -> bool:
    """Whether a face moved as no head does.

    Args:
        distance: in temple widths between two frames.
        seconds: between them.
        agreement: of the two frames; a face that jumps in a changed picture needs less.
    """
    steps = min(max(seconds, _FRAME), _LONGEST_STEP) / _FRAME
    return distance > JUMP * steps or (agreement < _PERHAPS and distance > 0.5 * JUMP * steps)
