"""Eyes that keep to the viewer: they answer the turns of the head, and leap a little from fixation to fixation.

Natural speakers of the training clips hold the camera: of a turn of the head their irises take back 0.34 eye widths per
radian sideways and 0.12 up and down (medians over 68 clips), which is most of what would hold the gaze still
(an eye's radius is 0.4 of its width). What is left leaps between fixations, 1.7 times a second by more than 0.02.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from mssync.arrays import Array
from mssync.timing import FPS

# Eye widths per radian: irises to the picture's right where the nose turns to its left, up where the head nods down.
HOLD: Final = np.array([0.34, -0.12], np.float32)
REACH: Final = np.array([0.014, 0.009], np.float32)  # standard deviation of fixations around the viewer, eye widths
FARTHEST: Final = 2.5  # standard deviations
FIXATION: Final = 0.6  # seconds, mean
SHORTEST: Final = 0.16  # a new fixation is not begun sooner


class Fixations:
    """Where the eyes rest, relative to the viewer, frame after frame.

    Args:
        seed: of places and durations.
    """

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng([seed, 0x6A2E])
        self._place = np.zeros(2, np.float32)  # first of all one looks at the viewer
        self._left = self._duration()

    def _duration(self) -> float:
        return float(FPS * (SHORTEST + self._rng.exponential(FIXATION - SHORTEST)))

    def state(self) -> dict[str, Array]:
        """All that they remember but their random generator: the place, and frames to the next."""
        return {"place": self._place, "left": np.array(self._left, np.float32)}

    def next(self, frames: int) -> Array:
        """Places ``(frames, 2)`` in eye widths; a leap takes no longer than a frame."""
        out = np.empty((frames, 2), np.float32)
        for i in range(frames):
            self._left -= 1.0
            if self._left < 0.0:
                drawn = np.clip(self._rng.standard_normal(2), -FARTHEST, FARTHEST)
                self._place = np.asarray(drawn * REACH, np.float32)
                self._left += self._duration()
            out[i] = self._place
        return out
