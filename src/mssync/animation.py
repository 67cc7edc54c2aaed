"""What the corridor carries: the voice, read piece by piece, and an animation that is made frame by frame."""

from __future__ import annotations

import tempfile
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mssync.errors import InputError
from mssync.media.audio import MIN_SECONDS, SPEECH_RATE, iter_sound, probe_sound, save_wav
from mssync.media.files import PathLike
from mssync.media.provenance import synthetic_metadata
from mssync.media.targets import ready_file, ready_video
from mssync.media.video import VideoWriter
from mssync.motion.mesh import MeshSpace, Rest
from mssync.motion.space import FPS, Motion
from mssync.render.warp import Scene, WarpRenderer

Array = NDArray[np.float32]
Frame = NDArray[np.uint8]
Progress = Callable[[int, int], None]

SAMPLES_PER_FRAME: Final = round(SPEECH_RATE / FPS)

# Headers of these kinds say exactly how long the sound is (others estimate), so that a file that was cut off shows.
_EXACT_LENGTH: Final = (".wav", ".flac", ".m4a", ".mp4", ".mov")
# Programs that write into a pipe put a very large number there instead of the length.
_PLACEHOLDER_SECONDS: Final = 3600.0


@dataclass(frozen=True)
class Speech:
    """A voice: a file that is read again whenever it is needed, or samples.

    Attributes:
        samples: how many at 16 kHz.
        path: the file.
        array: ``(samples,)`` float32 mono in [-1, 1] at 16 kHz, where there is no file.
    """

    samples: int
    path: Path | None = None
    array: Array | None = None

    @staticmethod
    def open(source: PathLike | Array) -> Speech:
        """Take a sound file (or the sound of a video), or mono samples at 16 kHz.

        The file is decoded once from end to end, so that its length is known and damage shows before the long work.

        Raises:
            InputError: it cannot be read, breaks off, or holds under 0.2 seconds.
        """
        if isinstance(source, np.ndarray):
            return Speech(len(source), array=_checked_samples(source))
        path = Path(source)
        promised = probe_sound(path).seconds
        samples = sum(map(len, iter_sound(path)))
        heard = samples / SPEECH_RATE
        if (
            promised is not None
            and path.suffix.lower() in _EXACT_LENGTH
            and 0.95 * promised - 0.5 > heard
            and promised < _PLACEHOLDER_SECONDS
        ):
            raise InputError(
                f"The sound {path} breaks off after {heard:.1f} of {promised:.1f} s; copy or save it again."
            )
        return Speech(samples, path)

    @property
    def frames(self) -> int:
        """Video frames at 25 fps that the sound lasts, to the nearest, at least one."""
        return max(1, round(self.samples / SAMPLES_PER_FRAME))

    def chunks(self) -> Iterator[Array]:
        """The samples ``(n,)`` from the beginning, about a second at a time."""
        if self.path is not None:
            yield from iter_sound(self.path)
        elif self.array is not None:
            for start in range(0, self.samples, SPEECH_RATE):
                yield self.array[start : start + SPEECH_RATE]

    @contextmanager
    def file(self) -> Iterator[Path]:
        """The sound as a file, for the time of the ``with`` block."""
        if self.path is not None:
            yield self.path
            return
        assert self.array is not None
        with tempfile.TemporaryDirectory(prefix="mssync-") as folder:
            path = Path(folder) / "speech.wav"
            save_wav(path, self.array, SPEECH_RATE, force=True)
            yield path


class Animation:
    """A talking head, made frame by frame.

    Iterate for the frames (nothing is made before it is asked for), or :meth:`save` a video. Every iteration starts
    at the first frame and gives the same frames; only the motion (a few hundred bytes per frame) is kept in between.

    Args:
        scene: the photo, prepared.
        rest: the face in the motion space.
        space: the motion space.
        renderer: draws the frames.
        rows: yields the motion, ``(k, D)`` rows at a time.
        header: a motion without rows, for names and facts.
        frames: how many rows will come.
        speech: the voice under the video, or None.
        model: title of the model, for the mark in the file.
        seed: of the motion; None where it was not drawn.
        alpha: frames of the person alone, with transparency.
        inputs: files that an output must not replace.
    """

    def __init__(
        self,
        scene: Scene,
        rest: Rest,
        *,
        space: MeshSpace,
        renderer: WarpRenderer,
        rows: Iterator[Array],
        header: Motion,
        frames: int,
        speech: Speech | None,
        model: str,
        seed: int | None,
        alpha: bool,
        inputs: tuple[Path, ...],
    ) -> None:
        self.model, self.seed, self.alpha = model, seed, alpha
        self._scene, self._rest, self._space, self._renderer = scene, rest, space, renderer
        self._source, self._header, self._frames = rows, header, frames
        self._speech, self._inputs = speech, inputs
        self._blocks: list[Array] = []

    def __len__(self) -> int:
        return self._frames

    def __iter__(self) -> Iterator[Frame]:
        return self.frames()

    @property
    def seconds(self) -> float:
        """Length at 25 frames per second."""
        return self._frames / FPS

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the frames in pixels."""
        height, width = self._scene.photo.shape[:2]
        return int(width), int(height)

    @property
    def motion(self) -> Motion:
        """The whole motion; what was not made yet is made now, without drawing anything."""
        return self._header.with_values(np.concatenate(list(self._rows())))

    def frames(self) -> Iterator[Frame]:
        """The frames, ``(H, W, 3)`` uint8 RGB, or ``(H, W, 4)`` with straight alpha where ``alpha`` is set."""
        draw = self._renderer.render_rgba if self.alpha else self._renderer.render
        for block in self._rows():
            for row in block:
                yield draw(self._scene, self._space.decode(self._rest, row))

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
        target = ready_video(out, force=force, alpha=self.alpha, inputs=self._inputs)
        if motion_out is not None:
            ready_file(motion_out, force=force, inputs=self._inputs)
        if self._speech is None:
            self._write(out, None, force, motion_out, progress)
        else:
            with self._speech.file() as sound:
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
        with video, closing(_ahead(self.frames())) as frames:
            for frame in frames:
                video.write(frame)
                if progress is not None:
                    progress(video.frames, self._frames)
            if motion_out is not None:
                self.motion.save(Path(motion_out), force=force)

    def _rows(self) -> Iterator[Array]:
        """All blocks of rows ``(k, D)`` from the first on: those made already, then new ones."""
        at = made = 0
        while made < self._frames:
            if at == len(self._blocks):
                block = next(self._source, None)
                if block is None:
                    raise InputError("The sound ended earlier than before; leave the file alone while it is read.")
                self._blocks.append(block)
            block = self._blocks[at][: self._frames - made]
            at, made = at + 1, made + len(block)
            if len(block):
                yield block


def _ahead(frames: Iterator[Frame], depth: int = 3) -> Generator[Frame]:
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


def _checked_samples(samples: Array) -> Array:
    if samples.ndim != 1 or samples.dtype.kind != "f" or not np.isfinite(samples).all():
        raise InputError(
            f"Speech as an array must be one channel of floats in [-1, 1] at {SPEECH_RATE} Hz, "
            f"not {samples.dtype} of shape {samples.shape}; convert it, or name a file."
        )
    if len(samples) < MIN_SECONDS * SPEECH_RATE:
        raise InputError(
            f"The speech has only {len(samples) / SPEECH_RATE:.2f} s of sound; give at least {MIN_SECONDS} s."
        )
    return np.clip(samples, -1.0, 1.0).astype(np.float32)
