"""Sound in: whatever FFmpeg decodes becomes float32 in [-1, 1], piece by piece in constant memory."""

from __future__ import annotations

import math
import warnings
import wave
from collections.abc import Generator, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import soxr
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from numpy.typing import NDArray

from mssync.arrays import Array
from mssync.errors import InputError
from mssync.files import PathLike, replacing
from mssync.media.channels import ChannelJoiner
from mssync.media.container import decode, open_media, sound_stream
from mssync.timing import SAMPLE_RATE

MIN_SECONDS = 0.2

_RATES = range(1_000, 768_001)
_MAX_CHANNELS = 64
# A jump in the time stamps longer than the first is a pause that was not recorded (browsers, calls) and is
# filled with silence, so that later words keep their time; longer than the second it is a broken time stamp.
# A file cannot grow without bound that way: at most as much is filled in as was heard, plus one longest gap.
_GAP_SECONDS = (0.1, 30.0)


@dataclass(frozen=True)
class SoundInfo:
    """What the header of a sound file says.

    Attributes:
        path: the file.
        rate: samples per second.
        channels: how many.
        seconds: length; ``None`` where the header does not tell (it may be an estimate where it does).
        format: FFmpeg's names of the container, such as ``"wav"`` or ``"mov,mp4,m4a,3gp,3g2,mj2"``.
    """

    path: Path
    rate: int
    channels: int
    seconds: float | None
    format: str = ""


def probe_sound(path: PathLike) -> SoundInfo:
    """Read the header of a sound file or of a video's sound track.

    Raises:
        InputError: no such file, damaged, unknown, or without a sound track.
    """
    with open_media(path, "sound") as container:
        stream = sound_stream(container, path)
        rate, channels = int(stream.codec_context.sample_rate or 0), int(stream.codec_context.channels or 0)
        if rate not in _RATES or not 1 <= channels <= _MAX_CHANNELS:
            raise InputError(f"The sound {path} is damaged or of an odd format; convert it to WAV or MP3.")
        return SoundInfo(Path(path), rate, channels, stream_seconds(container, stream), container.format.name)


def stream_seconds(container: InputContainer, stream: av.stream.Stream) -> float | None:
    """Length in seconds as the header tells it, or ``None``."""
    seconds = None
    if stream.duration and stream.time_base:
        seconds = float(stream.duration * stream.time_base)
    elif container.duration:
        seconds = container.duration / av.time_base
    return seconds if seconds is not None and seconds > 0 else None


def sound_start(path: PathLike) -> float | None:
    """Time stamp (seconds, the file's own clock) of the first sample; ``None`` without a decodable sound."""
    with suppress(InputError), open_media(path, "sound") as container:
        for _, frame in decode(container, sound_stream(container, path), AudioFrame):
            return None if frame.time is None else float(frame.time)
    return None


def iter_sound(
    path: PathLike, rate: int = SAMPLE_RATE, mono: bool = True, block: int = SAMPLE_RATE, tell: bool = True
) -> Generator[Array]:
    """Decode and resample a sound piece by piece.

    Any format, sample type, rate and number of channels that FFmpeg decodes, the sound track of a video too.
    What a damaged file still yields is kept. Changes of rate or channels on the way are followed, missing
    stretches become silence, samples that are no number become 0. Where ``rate`` is the file's own nothing is
    resampled.

    Args:
        path: the file.
        rate: samples per second wanted.
        mono: join the channels (by their mean, unless that loses speech: see :mod:`mssync.media.channels`); otherwise
            keep the number of channels of the first piece.
        block: samples per piece (>= 1); every piece but the first and the last has this length, the first is
            longer where ``block`` is under ``MIN_SECONDS``.
        tell: make notes of a silent track that was passed over and of channels that cancel; not where a file is read
            again.

    Yields:
        (n,) float32 in [-1, 1], or (n, channels) without ``mono``.

    Raises:
        InputError: at the first piece: the file cannot be read, has no sound, or under ``MIN_SECONDS`` of it.
    """
    if rate < 1 or block < 1:
        raise ValueError(f"rate and block must be positive, got {rate} and {block}")
    with open_media(path, "sound") as container:
        stream = sound_stream(container, path, tell)
        names = tuple(channel.name for channel in stream.codec_context.layout.channels)
        pieces = _resampled(_native(container, stream), rate, _Mono(names, path, tell) if mono else None)
        least = int(MIN_SECONDS * rate)
        held: list[Array] = []
        count, started = 0, False
        for piece in pieces:
            held.append(piece)
            count += len(piece)
            if count < (block if started else max(block, least)):
                continue
            whole = np.concatenate(held)
            first = block if started else max(block, least)
            started = True
            cuts = range(first, count + 1, block)
            for end in cuts:
                yield whole[max(0, end - block) if end > first else 0 : end]
            held = [whole[cuts[-1] :]]
            count = len(held[0])
        if not started and count < least:
            raise InputError(f"The sound {path} has only {count / rate:.2f} s of sound; give at least {MIN_SECONDS} s.")
        if count:
            yield np.concatenate(held)


def load_sound(path: PathLike, rate: int = SAMPLE_RATE, max_seconds: float = 3600.0) -> Array:
    """Read a whole sound as (n,) float32 mono in [-1, 1] at ``rate``; see :func:`iter_sound`.

    Raises:
        InputError: as there, or the sound is longer than ``max_seconds``.
    """
    pieces: list[Array] = []
    count, most = 0, math.floor(max_seconds * rate)
    for piece in iter_sound(path, rate):
        pieces.append(piece)
        count += len(piece)
        if count > most:
            raise InputError(f"The sound {path} is longer than {max_seconds:g} s; cut it into shorter ones.")
    return np.concatenate(pieces)


def save_wav(path: PathLike, samples: Array, rate: int, force: bool) -> None:
    """Write a 16-bit WAV, atomically.

    Args:
        path: the file to make.
        samples: (n,) or (n, channels) float in [-1, 1]; more is clipped.
        rate: samples per second.
        force: overwrite an existing file.

    Raises:
        OutputError: exists without ``force``, no permission, disk full.
    """
    with (
        replacing(path, force=force) as temporary,
        open_wav(temporary, rate, _columns(samples).shape[1]) as out,
    ):
        out.writeframes(pcm16(samples))


def open_wav(path: Path, rate: int, channels: int) -> wave.Wave_write:
    """Open a 16-bit WAV for writing piece by piece."""
    out = wave.open(str(path), "wb")  # noqa: SIM115 - the caller closes it
    out.setnchannels(channels)
    out.setsampwidth(2)
    out.setframerate(rate)
    return out


def pcm16(samples: Array) -> bytes:
    """Interleaved little-endian 16-bit samples of (n,) or (n, channels) floats in [-1, 1]."""
    return bytes(np.rint(np.clip(samples, -1.0, 1.0) * 32767.0).astype("<i2").tobytes())


def _columns(samples: Array) -> Array:
    return samples.reshape(len(samples), -1) if samples.size else samples.reshape(0, 1)


def _native(container: InputContainer, stream: AudioStream) -> Iterator[tuple[int, Array]]:
    """Yield ``(rate, (n, channels) float32 in [-1, 1])`` as decoded, gaps filled with silence."""
    # AAC in MP4 is stored in whole frames; only the last packet's duration says how much of its frame is
    # sound.
    exact_tail = "mp4" in container.format.name
    held: tuple[int, Array] | None = None
    tail: int | None = None
    end: float | None = None
    heard = filled = 0.0
    for packet, frame in decode(container, stream, AudioFrame):
        if frame.sample_rate not in _RATES or not 1 <= frame.layout.nb_channels <= _MAX_CHANNELS:
            continue
        if held is not None:
            yield held
        block = frame_samples(frame)
        rate = frame.sample_rate
        now = None if frame.time is None else float(frame.time)
        gap = 0.0 if now is None or end is None else now - end
        if _GAP_SECONDS[0] < gap < _GAP_SECONDS[1] and filled + gap <= heard + _GAP_SECONDS[1]:
            filled += gap
            missing = round(gap * rate)
            for start in range(0, missing, rate):
                yield rate, np.zeros((min(rate, missing - start), block.shape[1]), np.float32)
        heard += len(block) / rate
        end = None if now is None else now + len(block) / rate
        held, tail = (rate, block), None
        if exact_tail and packet.duration and packet.time_base:
            tail = round(packet.duration * packet.time_base * rate)
    if held is not None:
        yield held[0], held[1][: tail or None]


def frame_samples(frame: AudioFrame) -> Array:
    """One decoded frame as (n, channels) float32 in [-1, 1]; samples that are no number become 0."""
    # PyAV has no numpy form of 64-bit integers, and reads past the end of the plane list of 8 and more planar channels.
    if frame.format.name.startswith("s64") or (frame.format.is_planar and frame.layout.nb_channels >= 8):
        frame = av.AudioResampler(format="dbl").resample(frame)[0]
    raw: NDArray[Any] = frame.to_ndarray()
    raw = raw.T if frame.format.is_planar else raw.reshape(-1, frame.layout.nb_channels)
    if raw.dtype == np.uint8:
        return (raw.astype(np.float32) - 128.0) / 128.0
    if raw.dtype.kind == "i":
        return raw.astype(np.float32) / np.float32(2.0 ** (8 * raw.dtype.itemsize - 1))
    with np.errstate(over="ignore", invalid="ignore"):
        values = np.nan_to_num(raw.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    return np.asarray(np.clip(values, -1.0, 1.0), np.float32)


class _Mono:
    """Joins channels of possibly changing number and rate, and says so once where their mean cancels."""

    def __init__(self, names: tuple[str, ...], path: PathLike, tell: bool) -> None:
        self._names, self._path = names, path
        self._joiner: ChannelJoiner | None = None
        self._kind = (0, 1)
        self._said = not tell

    def push(self, rate: int, block: Array) -> Iterator[tuple[int, Array]]:
        """The ``(rate, (n, 1))`` blocks that this one completes."""
        kind = (rate, block.shape[1])
        if kind != self._kind:
            yield from self.flush()
            self._kind = kind
            self._joiner = ChannelJoiner(*kind, self._names) if kind[1] > 1 else None
        yield rate, block if self._joiner is None else self._joiner.push(block)
        if self._joiner is not None and self._joiner.cancelled and not self._said:
            self._said = True
            warnings.warn(
                f"The channels of {self._path} cancel each other when they are mixed, so channel "
                f"{self._joiner.cancelled} alone is listened to.",
                stacklevel=2,
            )

    def flush(self) -> Iterator[tuple[int, Array]]:
        """What is still held."""
        if self._joiner is not None:
            yield self._kind[0], self._joiner.flush()


def _joined(blocks: Iterable[tuple[int, Array]], mono: _Mono) -> Iterator[tuple[int, Array]]:
    for rate, block in blocks:
        yield from mono.push(rate, block)
    yield from mono.flush()


def _resampled(blocks: Iterable[tuple[int, Array]], rate: int, mono: _Mono | None) -> Iterator[Array]:
    """Bring blocks of possibly changing rate and width to one rate and one width."""
    resampler: soxr.ResampleStream | None = None
    current, width = 0, 0
    for native, block in blocks if mono is None else _joined(blocks, mono):
        if width and block.shape[1] != width:
            block = np.repeat(block.mean(axis=1, keepdims=True, dtype=np.float32), width, axis=1)
        width = block.shape[1]
        if native != current:
            if resampler is not None:
                yield _shaped(resampler.resample_chunk(np.zeros((0, width), np.float32), last=True), mono is not None)
            current = native
            resampler = (
                None if native == rate else soxr.ResampleStream(native, rate, width, dtype="float32", quality="HQ")
            )
        yield _shaped(block if resampler is None else resampler.resample_chunk(block), mono is not None)
    if resampler is not None:
        yield _shaped(resampler.resample_chunk(np.zeros((0, width), np.float32), last=True), mono is not None)


def _shaped(samples: Array, mono: bool) -> Array:
    """Cut the resampler's overshoot and give the public shape."""
    clipped = np.clip(samples, -1.0, 1.0)
    return clipped[:, 0] if mono else clipped
