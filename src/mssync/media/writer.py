"""Video out: frames one by one, the sound along with them, and a finished file or none."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import numpy as np

from mssync.arrays import Rgb
from mssync.errors import OutputError
from mssync.files import PathLike, checked_folder, checked_target, replacing, replacing_folder, write_error
from mssync.media.sinks import CONTAINERS, ContainerSink, FolderSink, SoundFeed, is_frame_folder
from mssync.timing import FPS

_MAX_SIDE = 16_384  # H.264's and VP9's largest


class _Abandoned(BaseException):
    """Tells what is being written that it will not be finished."""


class VideoWriter:
    """Writes a video frame by frame, with the sound pulled from its file along the way (constant memory).

    The kind follows from the name: ``.mp4`` is H.264 (yuv420p, BT.709, limited range) and AAC with the index
    in front (:mod:`mssync.media.encoders` says by which encoder, and what comes where there is none);
    ``.webm`` is VP9 and Opus, with transparency where ``alpha``; a name without suffix or with a ``/`` at its
    end is a folder of numbered PNG files and ``audio.wav``. Odd sizes are padded to even ones by
    repeating the last row or column. On leaving the ``with`` block the sound is cut or padded with silence to
    exactly ``frames / fps`` and the finished file takes the place of ``out``; leaving by an error or Ctrl-C
    leaves no trace.

    Args:
        out: the file or folder to make.
        width, height: of the frames, pixels.
        fps: frames per second.
        sound: file whose sound is laid under the frames from their start on; ``None`` = silent film.
        metadata: text tags, see :mod:`mssync.media.provenance`.
        force: replace an existing ``out`` (a folder only if it holds nothing but frames made this way).
        alpha: keep the fourth channel.
        crf: H.264 quality (0-51, lower is better; 18 looks lossless); VP9's scale is derived from it.

    Raises:
        OutputError: unknown suffix, ``out`` exists, no permission, disk full, no frame was written.
        InputError: on entering: the sound cannot be used.
        ValueError: a frame of the wrong shape or type.
    """

    def __init__(
        self,
        out: PathLike,
        width: int,
        height: int,
        *,
        fps: float = FPS,
        sound: PathLike | None = None,
        metadata: Mapping[str, str] | None = None,
        force: bool = False,
        alpha: bool = False,
        crf: int = 18,
    ) -> None:
        if not (1 <= width <= _MAX_SIDE and 1 <= height <= _MAX_SIDE and 0 < fps <= 1000 and 0 <= crf <= 51):
            raise OutputError(
                f"A video of {width} x {height} at {fps:g} fps cannot be; use at most {_MAX_SIDE} pixels."
            )
        self.out = Path(out)
        self.frames = 0
        self.alpha = alpha
        self._size = (height, width)
        self._rate = Fraction(fps).limit_denominator(1001)
        self._sound = None if sound is None else Path(sound)
        self._metadata = dict(metadata or {})
        self._force = force
        self._crf = crf
        self._suffix = "" if os.fspath(out).endswith(("/", os.sep)) else self.out.suffix.lower()
        if self._suffix and self._suffix not in CONTAINERS:
            known = ", ".join(CONTAINERS)
            raise OutputError(
                f"The output {self.out} has an unknown ending; use {known} or none (a folder of PNG files)."
            )
        if alpha and self._suffix == ".mp4":
            raise OutputError(f"MP4 has no transparency: name {self.out} .webm, or without ending for PNG files.")
        self._check_target()
        self._sink: ContainerSink | FolderSink | None = None
        self._stack = ExitStack()

    def _check_target(self) -> None:
        inputs = [] if self._sound is None else [self._sound]
        if self._suffix:
            checked_target(self.out, force=self._force, inputs=inputs)
        else:
            checked_folder(self.out, force=self._force, ours=is_frame_folder, inputs=inputs)

    def __enter__(self) -> VideoWriter:
        with ExitStack() as stack:
            try:
                sink = self._open(stack)
            except (av.FFmpegError, OSError) as error:
                raise write_error(self.out, error) from error
            stack.callback(sink.abort)  # closed before the rename: Windows does not move open files
            self._sink, self._stack = sink, stack.pop_all()
        return self

    def _open(self, stack: ExitStack) -> ContainerSink | FolderSink:
        kind = CONTAINERS.get(self._suffix)
        inputs = []
        feed = None
        if self._sound is not None:
            inputs.append(self._sound)
            feed = SoundFeed(self._sound, () if kind is None else kind.sound_rates)
            stack.callback(feed.close)
        if kind is None:
            folder = replacing_folder(self.out, force=self._force, ours=is_frame_folder, inputs=inputs)
            return FolderSink(stack.enter_context(folder), self._rate, feed, self._metadata)
        part = stack.enter_context(replacing(self.out, force=self._force, inputs=inputs))
        return ContainerSink(part, kind, self._size, self._rate, feed, self._metadata, self.alpha, self._crf)

    def write(self, frame: Rgb) -> None:
        """Append one (H, W, 3) RGB or (H, W, 4) RGBA uint8 frame; a 4th channel without ``alpha`` is dropped."""
        if self._sink is None:
            raise ValueError("write() works only inside the with block")
        if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[:2] != self._size or frame.shape[2] not in (3, 4):
            raise ValueError(
                f"expected ({self._size[0]}, {self._size[1]}, 3 or 4) uint8, got {frame.dtype} {frame.shape}"
            )
        if not self.alpha:
            frame = frame[..., :3]
        elif frame.shape[2] == 3:
            frame = np.dstack([frame, np.full(self._size, 255, np.uint8)])
        try:
            self._sink.write(np.ascontiguousarray(frame))
        except (av.FFmpegError, OSError) as error:
            raise write_error(self.out, error) from error
        self.frames += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        sink, self._sink = self._sink, None
        assert sink is not None
        with self._stack as stack:
            if error is not None:
                # Not the error itself: what went wrong while frames were made is no failed write.
                stack.__exit__(_Abandoned, _Abandoned(), None)
            elif not self.frames:
                raise OutputError(f"No frame was made, so {self.out} was not written; check the input.")
            else:
                try:
                    sink.finish()
                except (av.FFmpegError, OSError) as failure:
                    raise write_error(self.out, failure) from failure
