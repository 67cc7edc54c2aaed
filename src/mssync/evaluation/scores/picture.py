"""Picture scores: sharpness, steadiness around the person, and distance to the reference where there is one.

All scores of pixels are gathered in one pass over the video. Frames are sampled (every fifth for ``--suite quick``): at
five per second the means and medians hardly move, and the pass costs a fraction of the tracking.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from mssync.arrays import Array, Mask, Rgb
from mssync.evaluation.footage import Footage
from mssync.evaluation.frames import SIDE, FaceCrop, Portrait, paired_frames
from mssync.evaluation.scores.identity import Identity
from mssync.evaluation.scores.paired import PixelDistance, point_distances
from mssync.evaluation.scores.score import Score
from mssync.evaluation.scores.stats import BLOCK, block_interval
from mssync.face.topology import FACE_OVAL, LIPS_OUTER
from mssync.face.tracking import FaceTracker

QUICK_EVERY: Final = 5
# Scores that ask how near a video is to the photo it was made from.
OF_THE_PHOTO: Final = ("picture.identity", "picture.face_sharpness_kept", "picture.mouth_sharpness_kept")
# Longer side in pixels at which the background is compared: coding noise averages out, a bent door frame stays.
_SMALL: Final = 320
# In inter-ocular distances from the face's middle: the head and its hair lie inside, the mouth at the line.
_HEAD_RADIUS: Final = 2.0
_MOUTH_LINE: Final = 0.5
_LEAST_SHARE: Final = 0.01
_LIP_MARGIN: Final = 21  # pixels of the crop added around the lips


def scores(
    footage: Footage,
    reference: Footage | None,
    photo: Path | None,
    *,
    every: int = QUICK_EVERY,
    tracker: FaceTracker | None = None,
) -> list[Score]:
    """All picture scores of one video.

    Args:
        footage: the video.
        reference: its paired reference: the same words by the same person.
        photo: the picture that the video was made from.
        every: only every so-manieth frame is looked at; 1 for all of them.
        tracker: to find the photo's face.
    Raises:
        InputError: a file cannot be read, or the photo shows no face.
    """
    portrait = None if photo is None else Portrait.read(photo, tracker or FaceTracker())
    sharpness, background = Sharpness(footage, portrait, every), Background(footage, every)
    pixels, identity = PixelDistance(footage, reference), Identity(footage, reference, portrait)
    for index, rgb, other in paired_frames(footage, reference, every=every):
        sharpness.see(index, rgb)
        background.see(rgb)
        pixels.see(rgb, other)
        identity.see(index, rgb, other)
    gathered = [*sharpness.scores(), *background.scores(), *identity.scores(), *pixels.scores()]
    return [*gathered, *point_distances(footage, reference)]


def laplacian_spread(grey: NDArray[np.uint8], mask: NDArray[np.uint8]) -> float:
    """Standard deviation of the Laplacian inside a mask, in grey levels (Pech-Pacheco et al. 2000, their square).

    Args:
        grey: ``(H, W)`` uint8.
        mask: ``(H, W)`` uint8, not 0 where it counts.
    """
    _, spread = cv2.meanStdDev(cv2.Laplacian(grey, cv2.CV_32F), mask=mask)
    return float(spread[0, 0])


def face_sharpness(rgb: Rgb, points: Array) -> tuple[float, float]:
    """Sharpness of a face and of its mouth.

    Args:
        rgb: ``(256, 256, 3)`` pinned crop.
        points: ``(478, 2)`` in it.
    Returns:
        :func:`laplacian_spread` inside the face's outline, and around the lips (teeth and chin's edge included).
    """
    grey = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8)
    face, mouth = np.zeros_like(grey), np.zeros_like(grey)
    cv2.fillPoly(face, [np.round(points[list(FACE_OVAL)]).astype(np.int32)], 255)
    cv2.fillPoly(mouth, [np.round(points[list(LIPS_OUTER)]).astype(np.int32)], 255)
    mouth = np.asarray(cv2.dilate(mouth, np.ones((_LIP_MARGIN, _LIP_MARGIN), np.uint8)), np.uint8)
    return laplacian_spread(grey, face), laplacian_spread(grey, mouth)


class Sharpness:
    """``picture.face_sharpness`` and ``picture.mouth_sharpness``, and ``..._kept``: their ratio to the source's.

    Medians over the frames. The crop's scale is pinned, so that a small, blown-up face is not sharp. Noise, grain and
    false edges count as sharpness, and so do the teeth of an open mouth: the aim is the real footage's value, not a
    high one. Compression takes away some (crf 28 for 18: 7 to 15 % on our clips).

    Args:
        footage: the video.
        photo: the source; without it the video's first face is.
        every: the sampling of its frames.
    """

    def __init__(self, footage: Footage, photo: Portrait | None, every: int = 1) -> None:
        self._block = max(1, BLOCK // every)
        self._valid = footage.track.valid
        self._crop = FaceCrop.of(footage.track.points)
        self._points = self._crop.inside(footage.track.points)
        self._source = None if photo is None else _portrait_sharpness(photo)
        self._of = "the photo" if photo is not None else "the video's own first frame"
        self._values: list[tuple[float, float]] = []

    def see(self, index: int, rgb: Rgb) -> None:
        """Take one frame."""
        if self._valid[index]:
            self._values.append(face_sharpness(self._crop.cut(rgb, index), self._points[index]))

    def scores(self) -> list[Score]:
        """The scores of all frames seen."""
        out: list[Score] = []
        for column, part in enumerate(("face", "mouth")):
            key, kept = f"picture.{part}_sharpness", f"picture.{part}_sharpness_kept"
            if not self._values:
                why = "No sampled frame shows the face."
                out += [Score.not_run(key, "grey levels", "real", why), Score.not_run(kept, "share", "real", why)]
                continue
            values = np.array([v[column] for v in self._values], np.float64)
            ends = block_interval(values, lambda v: np.median(v, axis=1), self._block)
            value, source = float(np.median(values)), max((self._source or self._values[0])[column], 1e-6)
            kept_ends = None if ends is None else (ends[0] / source, ends[1] / source)
            out.append(Score(key, value, "grey levels", "real", interval=ends))
            note = f"relative to {self._of}"
            out.append(Score(kept, value / source, "share", "real", interval=kept_ends, note=note))
        return out


def _portrait_sharpness(photo: Portrait) -> tuple[float, float]:
    crop = FaceCrop.of(photo.points[None])
    return face_sharpness(crop.cut(photo.rgb, 0), crop.inside(photo.points[None])[0])


def background_mask(crop: FaceCrop, rows: NDArray[np.intp], width: int, height: int) -> Mask:
    """Pixels that show background in all of some frames.

    Those above the mouth's line (beneath are shoulders, long hair and hands) that are farther than two inter-ocular
    distances from the face's middle.

    Args:
        crop: the face in pixels of a ``width`` x ``height`` picture.
        rows: frames to respect.
    Returns:
        ``(height, width)``.
    """
    y, x = np.mgrid[:height, :width] + 0.5
    unit = crop.side[rows] / SIDE
    free = y < (crop.centre[rows, 1] + _MOUTH_LINE * unit).min()
    for (cx, cy), one in zip(crop.centre[rows], unit, strict=True):
        free &= (x - cx) ** 2 + (y - cy) ** 2 > (_HEAD_RADIUS * one) ** 2
    return np.asarray(free, np.bool_)


class Background:
    """``picture.background_change``: how much the surroundings differ from the first frame's.

    Mean absolute difference of the pixels of :func:`background_mask`, at most 320 pixels wide or high; median over the
    frames. A still camera's noise gives about 1; a moving camera is no fault and shows in the real footage's value too.

    Args:
        footage: the video.
        every: the sampling of its frames.
    """

    def __init__(self, footage: Footage, every: int) -> None:
        track = footage.track
        scale = min(1.0, _SMALL / max(track.width, track.height))
        self._size = max(1, round(track.width * scale)), max(1, round(track.height * scale))
        rows = np.flatnonzero(track.valid)[::every]
        crop = FaceCrop.of(track.points * np.float32(scale))
        self._mask = background_mask(crop, rows, *self._size)
        self._first: NDArray[np.int16] | None = None
        self._values: list[float] = []

    def see(self, rgb: Rgb) -> None:
        """Take one frame."""
        if self._mask.mean() < _LEAST_SHARE:
            return
        small = cv2.resize(rgb, self._size, interpolation=cv2.INTER_AREA)
        pixels = small[self._mask].astype(np.int16)
        if self._first is None:
            self._first = pixels
        else:
            self._values.append(float(np.abs(pixels - self._first).mean()))

    def scores(self) -> list[Score]:
        """The score of all frames seen."""
        key, unit = "picture.background_change", "grey levels"
        if not self._values:
            return [Score.not_run(key, unit, "low", "The picture shows too little background around the person.")]
        return [Score(key, float(np.median(self._values)), unit, "low")]
