"""One panel of a comparison, frame by frame: a video at 25 fps, fitted into a box, with its name above it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from matplotlib import get_data_path
from PIL import Image as Pil
from PIL import ImageDraw, ImageFont

from mssync.arrays import Array, Rgb
from mssync.errors import InputError
from mssync.face.topology import IBUG68
from mssync.face.tracking import FaceTracker
from mssync.files import PathLike
from mssync.media.video import iter_frames
from mssync.timing import FPS

GROUND: Final = (24, 26, 30)
_TEXT: Final = (240, 240, 240)
_LINE: Final = (120, 200, 255)
_DOT: Final = (255, 255, 255)
# The tracker follows a face through a block; between blocks it looks anew, so that memory stays small.
_BLOCK: Final = 25

# iBUG's 68 points as lines: (first, last, closed).
_LINES: Final = (
    (0, 16, False), (17, 21, False), (22, 26, False), (27, 30, False), (31, 35, False),
    (36, 41, True), (42, 47, True), (48, 59, True), (60, 67, True),
)  # fmt: skip


def steady_frames(video: PathLike, seconds: float | None = None) -> Iterator[Rgb]:
    """A video's frames at a steady 25 per second, counted from the first sample of its sound.

    Frame n is the newest one that is shown at n / 25 s (half a frame of tolerance); frames before time 0 go.

    Args:
        video: the file.
        seconds: stop after so many; None: at its end.
    Yields:
        ``(H, W, 3)`` uint8, at least one.
    Raises:
        InputError: it cannot be read.
    """
    most = None if seconds is None else max(1, round(seconds * FPS))
    made, last, at, step = 0, None, 0.0, 1 / FPS
    for time, rgb in iter_frames(video):
        if last is not None:
            step = max(time - at, 1e-3)
            while (made + 0.5) / FPS < time:
                yield last
                made += 1
                if made == most:
                    return
        last, at = rgb, time
    assert last is not None  # iter_frames raises where there is no frame
    for _ in range(max(round((at + step) * FPS), 1) - made):
        yield last
        made += 1
        if made == most:
            return


def fitted(rgb: Rgb, width: int, height: int) -> Rgb:
    """The frame as large as fits into ``(height, width, 3)``, aspect kept, bars where it leaves room."""
    scale = min(width / rgb.shape[1], height / rgb.shape[0])
    w, h = (min(max(1, round(n * scale)), most) for n, most in ((rgb.shape[1], width), (rgb.shape[0], height)))
    small = cv2.resize(rgb, (w, h), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    out = np.full((height, width, 3), GROUND, np.uint8)
    y, x = (height - h) // 2, (width - w) // 2
    out[y : y + h, x : x + w] = small
    return out


def label(text: str, width: int, height: int) -> Rgb:
    """A strip ``(height, width, 3)`` with the text in its middle; shortened with an ellipsis where it is too long."""
    font = _font(max(8, round(height * 0.55)))
    text = " ".join(text.split())
    shown = text
    while shown and font.getlength(shown + ("" if shown == text else "\u2026")) > width - 8:
        shown = shown[:-1]
    shown += "" if shown == text else "\u2026"
    strip = Pil.new("RGB", (width, height), GROUND)
    ImageDraw.Draw(strip).text((width / 2, height / 2), shown, fill=_TEXT, font=font, anchor="mm")
    return np.asarray(strip, np.uint8)


def with_landmarks(frames: Iterable[Rgb], tracker: FaceTracker) -> Iterator[Rgb]:
    """Every frame ``(h, w, 3)`` above a drawing of its 68 iBUG points: ``(2 h, w, 3)``."""
    rest = iter(frames)
    while block := list(islice(rest, _BLOCK)):
        try:
            track = tracker.track((n / FPS, rgb) for n, rgb in enumerate(block))
            seen = [points[list(IBUG68), :2] if good else None for points, good in zip(track.points, track.valid)]
        except InputError:  # no face in the whole block
            seen = [None] * len(block)
        for rgb, points in zip(block, seen):
            yield np.concatenate([rgb, _drawing(points, rgb.shape[1], rgb.shape[0])])


def _drawing(points: Array | None, width: int, height: int) -> Rgb:
    if points is None:
        strip = label("no face found", width, min(height, 32))
        return np.pad(strip, ((0, height - len(strip)), (0, 0), (0, 0)), constant_values=GROUND[0])
    out = np.full((height, width, 3), GROUND, np.uint8)
    # Sixteenths of a pixel, so that small motion shows.
    fine = np.rint(points * 16).astype(np.int32)
    thick = max(1, round(height / 240))
    for first, last, closed in _LINES:
        cv2.polylines(out, [fine[first : last + 1]], closed, _LINE, thick, cv2.LINE_AA, 4)
    for x, y in fine:
        cv2.circle(out, (int(x), int(y)), 16 * thick, _DOT, -1, cv2.LINE_AA, 4)
    return out


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which comes with matplotlib: the same picture on every system."""
    return ImageFont.truetype(str(Path(get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"), size)
