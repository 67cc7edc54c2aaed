"""Opening and decoding what FFmpeg knows, without trusting it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from mssync.errors import InputError
from mssync.files import PathLike, readable_file
from mssync.media.kinds import kind_of, misplaced

# A sound track whose samples stay under this (-75 dB) for so long is silent, if another one is not.
_SILENT = 10 ** (-75 / 20)
_LOOK_SECONDS = 1800.0

_Frame = TypeVar("_Frame", AudioFrame, VideoFrame)


@contextmanager
def open_media(path: PathLike, what: str) -> Iterator[InputContainer]:
    """Open a sound or video file for reading.

    The bytes come through a Python file and every protocol is switched off, so a playlist dressed up as a
    sound cannot make FFmpeg open other files or addresses.

    Raises:
        InputError: not a readable file, or not one that FFmpeg knows.
    """
    source = readable_file(path, what)
    kind = kind_of(source)
    if kind is not None and kind.unplayable and (refusal := misplaced(source, what)):
        raise refusal
    with source.open("rb") as handle:
        try:
            container = av.open(handle, "r", container_options={"protocol_whitelist": "none"}, **_tag_errors())
        except (av.FFmpegError, OSError, ValueError) as error:
            raise (misplaced(source, what) or _unopened(source, what)) from error
        with container:
            yield container


def _tag_errors() -> dict[str, Any]:
    """How PyAV is asked to bear tags that are not UTF-8; from version 19 on it takes no such word."""
    return {"metadata_errors": "replace"} if int(av.__version__.split(".")[0]) < 19 else {}


def _unopened(source: Path, what: str) -> InputError:
    """Why FFmpeg cannot open a file that begins like a sound or a video, or like nothing known."""
    kind = kind_of(source)
    if kind is not None:
        return InputError(
            f"The {what} {source} is {kind.name} that is cut off or damaged (its index is missing or broken), "
            "as after a broken download or recording; copy or save it again."
        )
    return InputError(
        f"The {what} {source} cannot be opened: it is damaged or of an unknown kind; convert it to WAV, MP3 or MP4."
    )


def sound_stream(container: InputContainer, path: PathLike, tell: bool = False) -> AudioStream:
    """Return the main sound track that can be decoded, or raise :class:`InputError`.

    Where it is silent the first one that is not takes its place; ``tell`` makes a note of that.
    """
    tracks = container.streams.audio
    if not tracks:
        raise misplaced(Path(path), "sound") or InputError(
            f"The file {path} has no sound track; give a recording with speech."
        )
    track = container.streams.best("audio") or tracks[0]
    if len(tracks) > 1:
        used = _first_sounding(Path(path), tracks.index(track), *_stamp(Path(path)))
        if tell and tracks[used] is not track:
            warnings.warn(
                f"Sound track {tracks.index(track) + 1} of {path} is silent, so track {used + 1} is used.", stacklevel=2
            )
        track = tracks[used]
    if not isinstance(track, AudioStream) or track.codec_context is None:
        raise InputError(f"The sound of {path} uses an unknown codec; convert it to WAV or MP3.")
    return track


def _stamp(path: Path) -> tuple[int, int]:
    """Tells whether a file is still the one that was looked at."""
    about = path.stat()
    return about.st_mtime_ns, about.st_size


@lru_cache(maxsize=64)
def _first_sounding(path: Path, main: int, *_: int) -> int:
    """Number of the sound track to use: the main one, or where that is silent the first that is not.

    Args:
        path: the file.
        main: number of the main track among the sound tracks.
        _: the file's stamp, so that another file of that name is looked at again.
    """
    heard: set[int] = set()
    with open_media(path, "sound") as container:
        tracks = container.streams.audio
        first: float | None = None
        numbers = {track.index: number for number, track in enumerate(tracks)}
        for frame, track in _all_frames(container, tracks):
            number = numbers[track]
            if number not in heard and _is_sound(frame):
                heard.add(number)
            now = frame.time
            first = now if first is None else first
            if main in heard or (now is not None and first is not None and now - first > _LOOK_SECONDS):
                break
    return main if main in heard or not heard else min(heard)


def _all_frames(container: InputContainer, tracks: tuple[AudioStream, ...]) -> Iterator[tuple[AudioFrame, int]]:
    """Decoded frames of several sound tracks, each with the index of its track; what cannot be decoded is left out."""
    packets = container.demux(*(track for track in tracks if track.codec_context is not None))
    while True:
        try:
            packet = next(packets)
        except (StopIteration, av.FFmpegError, OSError, IndexError):
            return
        try:
            for frame in packet.decode():
                if isinstance(frame, AudioFrame):
                    yield frame, packet.stream.index
        except (av.FFmpegError, ValueError):
            continue


def _is_sound(frame: AudioFrame) -> bool:
    """Whether anything in the frame is louder than the noise of a silent track."""
    try:
        values = av.AudioResampler(format="flt", layout=frame.layout).resample(frame)
        return any(float(np.nanmax(np.abs(part.to_ndarray()), initial=0.0)) > _SILENT for part in values)
    except (av.FFmpegError, ValueError):
        return False


def video_stream(container: InputContainer, path: PathLike) -> VideoStream:
    """Return the main picture track that can be decoded (cover art is none), or raise :class:`InputError`."""
    tracks = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not tracks:
        raise misplaced(Path(path), "video") or InputError(f"The file {path} has no video track; give a video.")
    best = container.streams.best("video")
    track = best if isinstance(best, VideoStream) and best in tracks else tracks[0]
    if track.codec_context is None:
        raise InputError(f"The video {path} uses an unknown codec; convert it to MP4 (H.264).")
    return track


def decode(
    container: InputContainer, stream: AudioStream | VideoStream, kind: type[_Frame]
) -> Iterator[tuple[Packet[Any], _Frame]]:
    """Yield ``(packet, frame)`` for whatever can be decoded; damaged packets and tails are passed over."""
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except (av.FFmpegError, OSError, IndexError):
            # The file breaks off here (IndexError: tracks that PyAV does not know turned up on the way). An empty
            # packet asks the decoder for the frames it still holds.
            packet = Packet()
            packet.stream = stream
        try:
            frames = packet.decode()
        except (av.FFmpegError, ValueError):
            continue
        for frame in frames:
            if isinstance(frame, kind):
                yield packet, frame
