"""Video in: frames as upright RGB arrays with their times. The way out, ``VideoWriter``, is exported too."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import Colorspace, Interpolation, VideoReformatter
from av.video.stream import VideoStream

from mssync.arrays import Rgb
from mssync.errors import InputError
from mssync.files import PathLike
from mssync.media.audio import sound_start, stream_seconds
from mssync.media.container import decode, open_media, video_stream
from mssync.media.writer import VideoWriter
from mssync.timing import FPS

__all__ = ["VideoInfo", "VideoWriter", "iter_frames", "probe_video"]


MAX_PIXELS = 36_000_000
"""Of a frame as it is shown: 8K. Decoders hold up to sixteen frames, so this bounds the memory of hostile files."""

_FRAME_THREADS_UP_TO = 9_000_000  # pixels; above, threads share a frame instead of holding one each
_UNSPECIFIED = 2  # AVCOL_SPC_UNSPECIFIED
# Picture and sound of one file start within this; more is a broken time stamp.
_MAX_START_GAP = 10.0


@dataclass(frozen=True)
class VideoInfo:
    """What a video is, after rotation and with square pixels.

    Attributes:
        width, height: of the frames that :func:`iter_frames` yields.
        fps: mean frames per second.
        frames: how many, where the file tells.
        seconds: length, where the file tells.
    """

    width: int
    height: int
    fps: float
    frames: int | None
    seconds: float | None


@dataclass(frozen=True)
class _Upright:
    """Turns decoded frames of one video into upright RGB of one size."""

    width: int
    height: int
    turns: int  # quarter turns counter-clockwise
    reformatter: VideoReformatter

    @classmethod
    def of(cls, frame: VideoFrame, stream: VideoStream) -> _Upright:
        """Take size, pixel shape and rotation from the first frame."""
        aspect = float(stream.sample_aspect_ratio or 1) or 1.0
        stretch = aspect if 0.1 < aspect < 10 else 1.0
        width = max(1, round(frame.width * stretch))
        return cls(width, frame.height, round(frame.rotation / 90) % 4, VideoReformatter())

    @property
    def shown(self) -> tuple[int, int]:
        """Width and height after the rotation."""
        return (self.height, self.width) if self.turns % 2 else (self.width, self.height)

    def __call__(self, frame: VideoFrame) -> Rgb:
        # Files that do not name their matrix: players take BT.709 for HD and BT.601 below, and so do we.
        hd = frame.colorspace == _UNSPECIFIED and max(frame.width, frame.height) >= 1280
        rgb = self.reformatter.reformat(
            frame,
            width=self.width,
            height=self.height,
            format="rgb24",
            src_colorspace=Colorspace.ITU709 if hd else None,
            interpolation=Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT,
        ).to_ndarray()
        return np.ascontiguousarray(np.rot90(rgb, self.turns), dtype=np.uint8)


def probe_video(path: PathLike) -> VideoInfo:
    """Read the header and the first frame of a video.

    Raises:
        InputError: no such file, damaged, unknown, without pictures, or over 36 megapixels.
    """
    with open_media(path, "video") as container:
        stream = _checked_stream(container, path)
        for _, frame in decode(container, stream, VideoFrame):
            upright = _checked(_Upright.of(frame, stream), path)
            break
        else:
            raise _undecodable(path)
        seconds = stream_seconds(container, stream)
        return VideoInfo(*upright.shown, _fps(stream), stream.frames or None, seconds)


def iter_frames(path: PathLike) -> Iterator[tuple[float, Rgb]]:
    """Decode a video frame by frame, from the first that can be decoded; damaged packets are passed over.

    Yields:
        ``(seconds, rgb)``: rgb is (H, W, 3) uint8, turned upright, with square pixels, always of the first
        frame's size. The times come from the stream (variable rates included), strictly increase, and count
        from the first sample of the file's sound track, so that they index what
        :func:`mssync.media.audio.iter_sound` yields; in a video without sound they count from its first
        frame. A picture that starts before the sound starts below 0.

    Raises:
        InputError: at the first frame: as for :func:`probe_video`.
    """
    with open_media(path, "video") as container:
        stream = _checked_stream(container, path)
        step = 1.0 / _fps(stream)
        zero = sound_start(path)
        upright: _Upright | None = None
        last = 0.0
        for _, frame in decode(container, stream, VideoFrame):
            if frame.width * frame.height > MAX_PIXELS:
                continue
            stamp = None if frame.time is None else float(frame.time)
            if upright is None:
                upright = _checked(_Upright.of(frame, stream), path)
                first = 0.0 if stamp is None else stamp
                if zero is None or abs(first - zero) > _MAX_START_GAP:
                    zero = first
                seconds = first - zero
            else:
                assert zero is not None
                seconds = last + step if stamp is None or stamp - zero <= last else stamp - zero
            last = seconds
            try:
                rgb = upright(frame)
            except (av.FFmpegError, ValueError):  # a frame whose format changed to one that has no RGB
                continue
            yield seconds, rgb
        if upright is None:
            raise _undecodable(path)


def _checked_stream(container: InputContainer, path: PathLike) -> VideoStream:
    stream = video_stream(container, path)
    context = stream.codec_context
    if context.width * context.height > MAX_PIXELS:
        raise _too_large(path)
    stream.thread_type = "AUTO" if context.width * context.height <= _FRAME_THREADS_UP_TO else "SLICE"
    return stream


def _checked(upright: _Upright, path: PathLike) -> _Upright:
    """The same, if its frames are within bounds as they are shown: pixels that are not square are stretched."""
    if upright.width * upright.height > MAX_PIXELS:
        raise _too_large(path)
    return upright


def _too_large(path: PathLike) -> InputError:
    return InputError(f"The video {path} has over {MAX_PIXELS / 1e6:g} megapixels a frame; make it smaller.")


def _fps(stream: VideoStream) -> float:
    rate = stream.average_rate or stream.guessed_rate
    return float(rate) if rate and 0.1 <= rate <= 1000 else FPS


def _undecodable(path: PathLike) -> InputError:
    return InputError(f"The video {path} has no frame that can be decoded; convert it to MP4 (H.264).")
