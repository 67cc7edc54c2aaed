"""An animation: frames that are made one by one, and the video file they are saved to."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock

import numpy as np

from mssync.arrays import Array, Rgb
from mssync.errors import InputError
from mssync.files import PathLike, check_ending, check_run, ready_file
from mssync.inputs import Speech
from mssync.media.provenance import synthetic_metadata
from mssync.media.targets import ready_video
from mssync.media.video import VideoWriter
from mssync.motion.breath import Breath
from mssync.motion.space import MOTION_SUFFIXES, Motion, MotionSpace, Rest
from mssync.render.renderers import Prepared, Renderer
from mssync.timing import FPS

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Canvas:
    """A face that rows of motion are drawn on.

    Attributes:
        scene: the photo, prepared.
        rest: the face in the motion space.
        space: the motion space.
        renderer: draws the frames.
        alpha: frames of the person alone, with transparency.
        body: how much the shoulders follow the head and breathe, 0 to 1.
        breath: seed of their breath.
    """

    scene: Prepared
    rest: Rest
    space: MotionSpace
    renderer: Renderer
    alpha: bool
    body: float = 0.0
    breath: int = 0

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the frames in pixels."""
        height, width = self.scene.photo.shape[:2]
        return int(width), int(height)

    def draw(self, row: Array, number: int = 0) -> Rgb:
        """Frame ``number``, of a row ``(D,)``: ``(H, W, 3)`` uint8 RGB, or ``(H, W, 4)`` with straight alpha."""
        draw = self.renderer.render_rgba if self.alpha else self.renderer.render
        controls = self.space.decode(self.rest, row)
        if self.body > 0:
            controls = replace(controls, body=self.body, breath=Breath(self.breath).at(number))
        return draw(self.scene, controls)


@dataclass(frozen=True)
class Take:
    """A motion that is still being made, and the voice under it.

    Attributes:
        rows: yields the motion, ``(k, D)`` rows at a time.
        frames: how many rows will come.
        header: a motion without rows, for names and facts.
        speech: the voice, or None.
    """

    rows: Iterator[Array]
    frames: int
    header: Motion
    speech: Speech | None


@dataclass(frozen=True)
class Origin:
    """Where an animation comes from.

    Attributes:
        model: title of the model, for the mark in the file.
        seed: of the motion; None where it was not drawn.
        inputs: files that an output must not replace.
    """

    model: str
    seed: int | None
    inputs: tuple[Path, ...]


class Animation:
    """A talking head, made frame by frame.

    Iterate for the frames (nothing is made before it is asked for), or :meth:`save` a video. Every iteration starts
    at the first frame and gives the same frames; only the motion (a few hundred bytes per frame) is kept in between.
    Several iterations may run at a time, in any threads.

    Args:
        canvas: what is drawn on.
        take: what moves.
        origin: what both come from.
    """

    def __init__(self, canvas: Canvas, take: Take, origin: Origin) -> None:
        self._canvas, self._take, self._origin = canvas, take, origin
        self._blocks: list[Array] = []
        self._lock = Lock()  # around the making of the next block

    def __len__(self) -> int:
        return self._take.frames

    def __iter__(self) -> Iterator[Rgb]:
        return self.frames()

    @property
    def seconds(self) -> float:
        """Length at 25 frames per second."""
        return self._take.frames / FPS

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the frames in pixels."""
        return self._canvas.size

    @property
    def model(self) -> str:
        """Title of the model."""
        return self._origin.model

    @property
    def seed(self) -> int | None:
        """Of the motion; None where it was not drawn."""
        return self._origin.seed

    @property
    def alpha(self) -> bool:
        """Whether frames show the person alone, with transparency."""
        return self._canvas.alpha

    @property
    def motion(self) -> Motion:
        """The whole motion; what was not made yet is made now, without drawing anything."""
        return self._take.header.with_values(np.concatenate(list(self._rows())))

    def frames(self) -> Iterator[Rgb]:
        """The frames, ``(H, W, 3)`` uint8 RGB, or ``(H, W, 4)`` with straight alpha where ``alpha`` is set."""
        for number, row in enumerate(row for block in self._rows() for row in block):
            yield self._canvas.draw(row, number)

    def save(
        self,
        out: PathLike,
        *,
        force: bool = False,
        motion_out: PathLike | None = None,
        progress: Progress | None = None,
    ) -> Path:
        """Write a video with the voice, marked as synthetic.

        Args:
            out: ``.mp4`` (H.264, AAC), ``.webm`` (VP9, Opus), or a name without ending: a folder of PNG files.
            force: replace an existing ``out`` (never the photo or the speech).
            motion_out: also save the motion as ``.npz``.
            progress: called with (frames done, all frames) after every frame.
        Returns:
            ``out``.
        Raises:
            OutputError: ``out`` exists, its ending is unknown, no permission, disk full. Nothing half-written stays.
        """
        target = ready_video(out, force=force, alpha=self.alpha, inputs=self._origin.inputs)
        if motion_out is not None:
            check_run([out, motion_out])
            check_ending(motion_out, MOTION_SUFFIXES, "A motion file")
            ready_file(motion_out, force=force, inputs=self._origin.inputs)
        if self._take.speech is None:
            self._write(out, None, force, motion_out, progress)
        else:
            with self._take.speech.file() as sound:
                self._write(out, sound, force, motion_out, progress)
        return target

    def _write(
        self,
        out: PathLike,
        sound: Path | None,
        force: bool,
        motion_out: PathLike | None,
        progress: Progress | None,
    ) -> None:
        mark = synthetic_metadata(self.model, self.seed)
        video = VideoWriter(out, *self.size, fps=FPS, sound=sound, metadata=mark, force=force, alpha=self.alpha)
        # The motion gets its name after the video: neither stands there alone when the other one fails.
        with ExitStack() as last, video, closing(_ahead(self.frames())) as frames:
            for frame in frames:
                video.write(frame)
                if progress is not None:
                    progress(video.frames, len(self))
            if motion_out is not None:
                last.enter_context(self.motion.saving(Path(motion_out), force=force))

    def _rows(self) -> Iterator[Array]:
        """All blocks of rows ``(k, D)`` from the first on: those made already, then new ones."""
        at = made = 0
        while made < len(self):
            with self._lock:
                if at == len(self._blocks):
                    new = next(self._take.rows, None)
                    if new is None:
                        raise InputError("The sound ended earlier than before; leave the file alone while it is read.")
                    self._blocks.append(new)
            block = self._blocks[at][: len(self) - made]
            at, made = at + 1, made + len(block)
            if len(block):
                yield block


def _ahead(frames: Iterator[Rgb], depth: int = 3) -> Generator[Rgb]:
    """The same frames, up to ``depth`` of them drawn by another thread while the last one is being encoded."""
    with ThreadPoolExecutor(1) as artist:
        waiting = deque(artist.submit(next, frames, None) for _ in range(depth))
        try:
            while (frame := waiting.popleft().result()) is not None:
                waiting.append(artist.submit(next, frames, None))
                yield frame
        finally:
            for order in waiting:
                order.cancel()
