"""Frames of a video on the evaluation's clock of 25 per second, and the pinned face crop that the scores look at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from mssync.arrays import Array, Array64, Rgb
from mssync.errors import InputError
from mssync.evaluation.footage import Footage, pinned_space
from mssync.face.networks import Roi, crop
from mssync.face.shape import fit_pose
from mssync.face.tracking import FaceTracker
from mssync.files import PathLike
from mssync.media.image import load_image
from mssync.media.video import iter_frames
from mssync.timing import FPS

CROP: Final = 256  # pixels
# Side of the crop in inter-ocular distances: 100 of its pixels are one, whatever the video's own size.
SIDE: Final = 2.56
# Middle of the crop in the head's frame: the middle of the face's outline, from the forehead to the chin.
_MIDDLE: Final = np.array([0.0, 0.404, 0.0])


def pinned_frames(path: Path, count: int, *, every: int = 1) -> Iterator[tuple[int, Rgb]]:
    """Frames 0, ``every``, 2 ``every``, ... below ``count`` at 25 per second: each the one nearest in time.

    Two decoded frames are held at a time. A video that ends early repeats its last frame.

    Yields:
        ``(index, rgb)``: the frame of time ``index / 25``; rgb is (H, W, 3) uint8.
    Raises:
        InputError: the video cannot be read.
    """
    wanted = 0
    before: tuple[float, Rgb] | None = None
    for seconds, rgb in iter_frames(path):
        while wanted < count and wanted / FPS <= seconds:
            earlier = before is not None and wanted / FPS - before[0] < seconds - wanted / FPS
            yield wanted, before[1] if before is not None and earlier else rgb
            wanted += every
        if wanted >= count:
            return
        before = seconds, rgb
    while before is not None and wanted < count:
        yield wanted, before[1]
        wanted += every


def paired_frames(first: Footage, second: Footage | None, *, every: int = 1) -> Iterator[tuple[int, Rgb, Rgb | None]]:
    """:func:`pinned_frames` of a video with those of a second one beside them.

    Yields:
        ``(index, a, b)`` for every wanted frame of the first; b is in the second's own size (see :func:`resized`), None
        where there is no second video or it has ended.
    Raises:
        InputError: one of the videos cannot be read.
    """
    both = 0 if second is None else min(len(first), len(second))
    others = pinned_frames(second.path, both, every=every) if second is not None else iter(())
    for index, a in pinned_frames(first.path, len(first), every=every):
        _, b = next(others, (index, None))
        yield index, a, b


@dataclass(frozen=True)
class Portrait:
    """A photo and the face in it: ``rgb (H, W, 3)`` uint8, ``points (478, 3)`` pixels."""

    rgb: Rgb
    points: Array

    @staticmethod
    def read(path: PathLike, tracker: FaceTracker) -> Portrait:
        """The largest face of a picture file.

        Raises:
            InputError: the file cannot be read, or shows no face.
        """
        rgb = load_image(path).rgb
        faces = tracker.detect(rgb)
        if not faces:
            raise InputError(f"No face was found in {path}; use a picture that shows the face of the video.")
        return Portrait(rgb, faces[0].points)


def resized(rgb: Rgb, width: int, height: int) -> Rgb:
    """The picture at another size, averaged where it shrinks."""
    if rgb.shape[:2] == (height, width):
        return rgb
    shrinks = width * height < rgb.shape[0] * rgb.shape[1]
    out = cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
    return np.asarray(out, np.uint8)


@dataclass(frozen=True)
class FaceCrop:
    """A square of 2.56 inter-ocular distances around the face, eyes level, one per frame.

    Size and place come from the rigid points fitted in three dimensions, so that neither a turned head nor an open
    mouth changes the crop's scale.

    Attributes:
        centre: ``(T, 2)`` pixels of the video.
        side: ``(T,)`` pixels of the video.
        angle: ``(T,)`` radians, clockwise in the picture.
    """

    centre: Array64
    side: Array64
    angle: Array64

    @staticmethod
    def of(points: Array) -> FaceCrop:
        """The crop that follows the tracked points ``(T, 478, 3)``."""
        pose = fit_pose(points, pinned_space().template)
        middle = pose.translation + pose.scale[:, None] * (pose.rotation @ _MIDDLE)
        angle = np.arctan2(pose.rotation[:, 1, 0], pose.rotation[:, 0, 0])
        return FaceCrop(middle[:, :2], SIDE * pose.scale, angle)

    def held(self, row: int, zoom: float = 1.0) -> FaceCrop:
        """One row's crop held through the clip, so that the head moves in it; ``zoom`` times as wide."""
        one = np.ones(len(self.side))
        return FaceCrop(
            np.repeat(self.centre[row : row + 1], len(one), 0), one * self.side[row] * zoom, one * self.angle[row]
        )

    def cut(self, rgb: Rgb, row: int, size: int = CROP) -> Rgb:
        """The crop of one frame ``(size, size, 3)``; beyond the picture its edge is repeated."""
        (x, y), side, angle = self.centre[row], self.side[row], self.angle[row]
        return crop(rgb, Roi(float(x), float(y), float(side), float(angle)), size)

    def inside(self, points: Array, size: int = CROP) -> Array:
        """Points ``(T, N, 2 or 3)`` of the video in pixels of the crop ``(T, N, 2)``."""
        c, s = np.cos(self.angle)[:, None], np.sin(self.angle)[:, None]
        x, y = np.moveaxis(points[..., :2] - self.centre[:, None], -1, 0)
        turned = np.stack([c * x + s * y, c * y - s * x], -1)
        return np.asarray(turned * (size / self.side)[:, None, None] + size / 2, np.float32)
