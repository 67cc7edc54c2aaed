"""``mssync compare``: videos side by side, each under its name, with one sound."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from mssync.arrays import Rgb
from mssync.errors import InputError
from mssync.evaluation.report.panels import GROUND, fitted, label, steady_frames, with_landmarks
from mssync.face.tracking import FaceTracker
from mssync.media.audio import probe_sound
from mssync.media.provenance import read_synthetic_mark, synthetic_metadata
from mssync.media.targets import ready_video
from mssync.media.video import VideoInfo, VideoWriter, probe_video
from mssync.timing import FPS

HEIGHT: Final = 360
HEIGHTS: Final = (64, 2160)
MAX_PANELS: Final = 36
_GAP: Final = 4
# A panel is at most so much wider than high, and the other way round; what is longer still gets bars.
_ASPECTS: Final = (0.5, 2.0)


@dataclass(frozen=True)
class Panel:
    """A video and the name above it."""

    name: str
    video: Path

    @staticmethod
    def parse(text: str) -> Panel:
        """``NAME=VIDEO``, or ``VIDEO`` alone, which is named after its file.

        Raises:
            InputError: there is no video in it.
        """
        name, equals, video = text.partition("=")
        if not equals:
            name, video = Path(text).stem, text
        if not video.strip() or not name.strip():
            raise InputError(f"{text!r} is no panel; write NAME=VIDEO.")
        return Panel(name.strip(), Path(video))


def parse_grid(text: str | None, panels: int) -> tuple[int, int]:
    """``RxC`` as (rows, columns); without it up to four panels stand in one row, more in a block.

    Raises:
        InputError: not two numbers, or too few places for the panels.
    """
    if text is None:
        columns = panels if panels <= 4 else math.ceil(math.sqrt(panels))
        return math.ceil(panels / columns), columns
    rows, x, columns_text = text.lower().partition("x")
    if not x or not rows.strip().isdecimal() or not columns_text.strip().isdecimal():
        raise InputError(f"--grid is ROWSxCOLUMNS, for example 2x3, not {text!r}.")
    grid = int(rows), int(columns_text)
    if not panels <= grid[0] * grid[1] <= MAX_PANELS:
        raise InputError(f"--grid {text} has {grid[0] * grid[1]} places for {panels} videos; choose another grid.")
    return grid


def compare(
    panels: Sequence[Panel],
    out: Path,
    *,
    audio: Path | None = None,
    grid: tuple[int, int] | None = None,
    height: int = HEIGHT,
    tracker: FaceTracker | None = None,
    seconds: float | None = None,
    crf: int = 18,
    force: bool = False,
    progress: Callable[[int, int | None], None] | None = None,
) -> int:
    """Write videos side by side at 25 fps, frame by frame: memory does not grow with their length.

    The film lasts as long as the longest video. Shorter ones hold their last frame; the sound is cut, or filled with
    silence, to the film's length. Panels have one size, wide enough for the widest video; narrower ones get bars.

    Args:
        panels: the videos, row by row.
        out: ``.mp4`` or ``.webm``.
        audio: the sound; else the sound of the first video that has one.
        grid: rows and columns.
        height: pixels of a panel's picture.
        tracker: draw below every picture its 68 iBUG points, tracked by this one.
        seconds: show only the beginning.
        crf: quality, see :class:`VideoWriter`.
        force: replace an existing ``out``.
        progress: called with (frames done, about how many there will be).
    Returns:
        frames written.
    Raises:
        InputError: a video or the sound cannot be read, or there are too many.
        OutputError: ``out`` cannot be written. Nothing half-written stays.
    """
    if not 1 <= len(panels) <= MAX_PANELS:
        raise InputError(f"A comparison shows 1 to {MAX_PANELS} videos, not {len(panels)}; choose some of them.")
    if not HEIGHTS[0] <= height <= HEIGHTS[1]:
        raise InputError(f"--height must lie between {HEIGHTS[0]} and {HEIGHTS[1]} pixels, not {height}.")
    inputs = [p.video for p in panels] + ([audio] if audio is not None else [])
    ready_video(out, force=force, inputs=inputs)
    infos = [probe_video(p.video) for p in panels]
    shape = _Layout.of(infos, grid or parse_grid(None, len(panels)), height, tracker is not None)
    sound = audio if audio is not None else _first_sound(panels)
    cells = [_cell(p, shape, tracker, seconds) for p in panels]
    total = _expected(infos, seconds)
    video = VideoWriter(
        out, shape.width, shape.height, fps=FPS, sound=sound, metadata=_mark(panels), force=force, crf=crf
    )
    with video:
        canvas = np.full((shape.height, shape.width, 3), GROUND, np.uint8)
        running = dict(enumerate(cells))
        while running:
            for number in list(running):
                frame = next(running[number], None)
                if frame is None:
                    del running[number]
                    continue
                y, x = shape.corner(number)
                canvas[y : y + len(frame), x : x + shape.panel] = frame
            if running:
                video.write(canvas)
                if progress is not None:
                    progress(video.frames, None if total is None else max(total, video.frames))
    return video.frames


@dataclass(frozen=True)
class _Layout:
    """Where everything stands, in pixels; all of it even, as H.264 wants."""

    rows: int
    columns: int
    panel: int  # width
    picture: int  # height
    strip: int
    cell: int  # height of strip and pictures together

    @staticmethod
    def of(infos: Sequence[VideoInfo], grid: tuple[int, int], height: int, landmarks: bool) -> _Layout:
        aspect = min(max(max(i.width / i.height for i in infos), _ASPECTS[0]), _ASPECTS[1])
        picture, panel, strip = (2 * round(n / 2) for n in (height, height * aspect, max(20, 0.09 * height)))
        return _Layout(*grid, panel, picture, strip, strip + picture * (2 if landmarks else 1))

    @property
    def width(self) -> int:
        return self.columns * (self.panel + _GAP) + _GAP

    @property
    def height(self) -> int:
        return self.rows * (self.cell + _GAP) + _GAP

    def corner(self, number: int) -> tuple[int, int]:
        row, column = divmod(number, self.columns)
        return _GAP + row * (self.cell + _GAP), _GAP + column * (self.panel + _GAP)


def _cell(panel: Panel, shape: _Layout, tracker: FaceTracker | None, seconds: float | None) -> Iterator[Rgb]:
    """The cell's frames: name, picture and, where wanted, the drawing of the points."""
    strip = label(panel.name, shape.panel, shape.strip)
    pictures = (fitted(rgb, shape.panel, shape.picture) for rgb in steady_frames(panel.video, seconds))
    shown = pictures if tracker is None else with_landmarks(pictures, tracker)
    return (np.concatenate([strip, picture]) for picture in shown)


def _first_sound(panels: Sequence[Panel]) -> Path | None:
    for panel in panels:
        with suppress(InputError):
            probe_sound(panel.video)
            return panel.video
    return None


def _expected(infos: Sequence[VideoInfo], seconds: float | None) -> int | None:
    known = [i.seconds for i in infos if i.seconds is not None]
    if not known:
        return None
    longest = max(known) if seconds is None else min(max(known), seconds)
    return round(longest * FPS)


def _mark(panels: Sequence[Panel]) -> dict[str, str]:
    """A film that shows synthetic media is marked as synthetic itself."""
    marks = [read_synthetic_mark(p.video) for p in panels]
    models = sorted({str(m.get("model")) for m in marks if m is not None})
    return synthetic_metadata(", ".join(models), None) if models else {"title": "Comparison"}
