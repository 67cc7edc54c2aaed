"""Scores against a paired reference: PSNR and SSIM of the pictures, distances of the face points."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from mssync.arrays import Array, Rgb
from mssync.evaluation.footage import Footage, pinned_space
from mssync.evaluation.frames import FaceCrop, resized
from mssync.evaluation.scores.score import Score
from mssync.face.shape import fit_pose
from mssync.face.topology import IBUG68
from mssync.timing import FPS

MOUTH: Final = slice(48, 68)  # of the 68 points
# Two equal frames have an infinite PSNR; they count as this much, so that means stay finite.
PSNR_TOP: Final = 100.0
# The shapes of two videos may differ by the rounding of their sizes.
_SAME_SHAPE: Final = 0.02
_SAME_LENGTH: Final = 5  # frames
NO_REFERENCE: Final = "There is no paired reference."


def psnr(a: Rgb, b: Rgb) -> float:
    """Peak signal-to-noise ratio of two pictures in dB: ``10 log10(255^2 / mean squared difference)``.

    Args:
        a, b: uint8 of one shape. Equal pictures give infinity.
    """
    mse = float(np.mean(np.square(a.astype(np.float32) - b.astype(np.float32)), dtype=np.float64))
    return float(10.0 * np.log10(255.0**2 / mse)) if mse > 0 else float("inf")


def ssim(a: Rgb, b: Rgb) -> float:
    """Structural similarity of two grey pictures (Wang et al. 2004): 1 for equal ones.

    Gaussian window 11 x 11 with sigma 1.5, K1 0.01, K2 0.03, mean over the pixels whose window lies in the picture.

    Args:
        a, b: ``(H, W)`` uint8, at least 11 x 11.
    """

    def mean(x: Array) -> Array:
        return np.asarray(cv2.GaussianBlur(x, (11, 11), 1.5)[5:-5, 5:-5], np.float32)

    x, y = a.astype(np.float32), b.astype(np.float32)
    mx, my = mean(x), mean(y)
    vx, vy, cov = mean(x * x) - mx * mx, mean(y * y) - my * my, mean(x * y) - mx * my
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    near = (2 * mx * my + c1) * (2 * cov + c2) / ((mx * mx + my * my + c1) * (vx + vy + c2))
    return float(near.mean(dtype=np.float64))


class PixelDistance:
    """``picture.psnr`` and ``picture.ssim`` (on luma): means over the frames, the reference resized to the video.

    Both say little where head motion is free: a head that moves well, but elsewhere than the real one, scores badly.

    Args:
        footage: the video.
        reference: its paired reference.
    """

    def __init__(self, footage: Footage, reference: Footage | None) -> None:
        self._why = NO_REFERENCE if reference is None else ""
        self._note = "" if reference is None else both_have(footage, reference)
        if reference is not None:
            shapes = footage.track.width * reference.track.height, footage.track.height * reference.track.width
            if abs(shapes[0] / shapes[1] - 1) > _SAME_SHAPE:
                self._why = (
                    f"The reference has another shape ({reference.track.width} x {reference.track.height}) than the "
                    f"video ({footage.track.width} x {footage.track.height}), so its pixels have no partners."
                )
        self._psnr: list[float] = []
        self._ssim: list[float] = []

    def see(self, rgb: Rgb, other: Rgb | None) -> None:
        """Take one frame and the reference's frame of the same time."""
        if self._why or other is None:
            return
        other = resized(other, rgb.shape[1], rgb.shape[0])
        self._psnr.append(min(psnr(rgb, other), PSNR_TOP))
        grey = (np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8) for picture in (rgb, other))
        self._ssim.append(ssim(*grey))

    def scores(self) -> list[Score]:
        """The scores of all frames seen."""
        if self._why:
            return [
                Score.not_run("picture.psnr", "dB", "high", self._why),
                Score.not_run("picture.ssim", "", "high", self._why),
            ]
        return [
            Score("picture.psnr", float(np.mean(self._psnr)), "dB", "high", note=self._note),
            Score("picture.ssim", float(np.mean(self._ssim)), "", "high", note=self._note),
        ]


def point_distances(footage: Footage, reference: Footage | None) -> list[Score]:
    """Landmark distances, means over the frames in which both videos show the face.

    - ``lmd_face``, ``lmd_mouth`` (Chen et al. 2018): mean distance of the 68 points, or of the mouth's 20, the head's
      pose taken out in three dimensions and the face seen from the front, in inter-ocular distances: what the face
      does counts, not where the head is.
    - ``akd`` (average keypoint distance, Siarohin et al. 2019): mean distance of the 68 points with the head's motion,
      in pixels of the 256-pixel crop that each clip's first face defines and that is then held.

    Compression alone (crf 18, crf 28) puts a copy 0.003 and 0.007 inter-ocular distances, 0.4 and 0.9 px away.
    """
    units = {"picture.lmd_face": "IOD", "picture.lmd_mouth": "IOD", "picture.akd": "px"}
    if reference is None:
        return [Score.not_run(key, unit, "low", NO_REFERENCE) for key, unit in units.items()]
    n = min(len(footage), len(reference))
    both = np.flatnonzero(footage.track.valid[:n] & reference.track.valid[:n])
    if both.size == 0:
        why = "The two videos show no face at the same time."
        return [Score.not_run(key, unit, "low", why) for key, unit in units.items()]
    points = [f.track.points[both] for f in (footage, reference)]
    shape_a, shape_b = (fit_pose(p, pinned_space().template).to_head(p)[:, IBUG68, :2] for p in points)
    apart = np.linalg.norm(shape_a - shape_b, axis=-1)
    held_a, held_b = (FaceCrop.of(p).held(0).inside(p[:, IBUG68]) for p in points)
    values = apart.mean(), apart[:, MOUTH].mean(), np.linalg.norm(held_a - held_b, axis=-1).mean()
    note = both_have(footage, reference)
    found = zip(units.items(), values, strict=True)
    return [Score(key, float(value), unit, "low", note=note) for (key, unit), value in found]


def both_have(footage: Footage, reference: Footage) -> str:
    """A note where one is longer by more than a fifth of a second; both are laid together at their starts."""
    if abs(len(footage) - len(reference)) <= _SAME_LENGTH:
        return ""
    both = min(len(footage), len(reference)) / FPS
    return f"Over the first {both:.1f} s, which both videos have; the rest has no partner."
