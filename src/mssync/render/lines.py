"""The line drawing of a face, as papers on speech-driven motion show it: the 68 points of iBUG, joined by lines.

Nothing of the photo is seen but how its face is built: what moves is all that moves, whatever a picture would hide.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from mssync.arrays import Array, Rgb
from mssync.face import topology as topo
from mssync.face.tracking import Face
from mssync.motion.space import Controls

# First and last of the 68 points of every line, and whether it ends where it began.
PARTS: Final = (
    (0, 16, False), (17, 21, False), (22, 26, False), (27, 30, False), (31, 35, False), (36, 41, True), (42, 47, True),
    (48, 59, True), (60, 67, True),
)  # fmt: skip
INK: Final = (30, 40, 60)
PAPER: Final = (255, 255, 255)
THICKNESS: Final = 0.006  # of the face's height
_SHIFT: Final = 4  # binary digits of a pixel's fraction in OpenCV's drawing


@dataclass(frozen=True)
class Sheet:
    """What is drawn on.

    Attributes:
        photo: ``(H, W, 3)`` the photo; only its size counts.
        thickness: of the lines in pixels.
    """

    photo: Rgb
    thickness: int


class LineRenderer:
    """Draws the lines of a face."""

    def prepare(self, rgb: Rgb, face: Face) -> Sheet:
        """A sheet of the photo's size.

        Args:
            rgb: ``(H, W, 3)`` the photo.
            face: whose lines are drawn.
        """
        return Sheet(rgb, max(1, round(THICKNESS * float(np.ptp(face.points[:, 1])))))

    def render(self, scene: Sheet, controls: Controls) -> Rgb:
        """One frame ``(H, W, 3)`` uint8: dark lines on white."""
        return _drawn(np.full((*scene.photo.shape[:2], 3), PAPER, np.uint8), controls.points, scene.thickness, INK)

    def render_rgba(self, scene: Sheet, controls: Controls) -> Rgb:
        """One frame ``(H, W, 4)`` uint8: the lines alone."""
        clear = np.zeros((*scene.photo.shape[:2], 1), np.uint8)
        alpha = _drawn(clear, controls.points, scene.thickness, (255,))
        return np.dstack([np.full_like(scene.photo[..., :3], INK), alpha])


def _drawn(canvas: Rgb, points: Array, thickness: int, ink: tuple[int, ...]) -> Rgb:
    marks = np.round(points[list(topo.IBUG68), :2] * 2**_SHIFT)
    for first, last, closed in PARTS:
        line = np.clip(marks[first : last + 1], -(2**24), 2**24).astype(np.int32)
        cv2.polylines(canvas, [line], closed, ink, thickness, cv2.LINE_AA, _SHIFT)
    return canvas
