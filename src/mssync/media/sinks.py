"""Where :class:`mssync.media.video.VideoWriter` puts frames: a video container or a folder of PNG files."""

from __future__ import annotations

import re
import wave
from collections.abc import Generator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from av.video.stream import VideoStream
from PIL import Image as Pil

from mssync.arrays import Array, Rgb
from mssync.media.audio import iter_sound, open_wav, pcm16, probe_sound
from mssync.media.channels import ChannelJoiner
from mssync.media.encoders import CHOICE, MP4_ENCODERS, WEBM_ENCODERS, Encoder, choose
from mssync.media.image import png_info

_BT709 = 1  # the same number in FFmpeg's lists of matrices, primaries and transfer curves
_SOUND_NAME = "audio.wav"
# As many threads on every computer: what H.264 makes of a frame depends on their number.
_THREADS = "4"
_FRAME_NAME = re.compile(r"\d{6,}\.png")


@dataclass(frozen=True)
class Container:
    """What goes into one kind of file; ``sound_rates`` ascend, ``choice`` names a variable that names the encoder."""

    format: str
    encoders: tuple[Encoder, ...]
    sound_codec: str
    sound_rates: tuple[int, ...]
    sound_bits_per_channel: int
    sound_options: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    choice: str | None = None


CONTAINERS: Mapping[str, Container] = {
    ".mp4": Container(
        "mp4",
        MP4_ENCODERS,
        "aac",
        (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000),
        128_000,
        # FFmpeg's default AAC coder loses the first frame of some steady sounds; this one is closer and faster.
        {"aac_coder": "fast"},
        {"movflags": "+faststart"},
        CHOICE,
    ),
    ".webm": Container(
        "webm",
        WEBM_ENCODERS,
        "libopus",
        (48_000,),
        64_000,
        # Else numbers drawn by chance and the date are written into the file.
        options={"fflags": "+bitexact"},
    ),
}


class SoundFeed:
    """Pulls a sound piece by piece at an exact pace; silence after its end.

    Args:
        path: the sound.
        rates: rates that the encoder knows, ascending; empty = any. The next one not below the sound's own is
            taken.

    Attributes:
        rate: samples per second.
        channels: 1 or 2 as in the file; more than two are joined to one.

    Raises:
        InputError: the sound cannot be used.
    """

    def __init__(self, path: Path, rates: tuple[int, ...]) -> None:
        native = probe_sound(path).rate
        self.rate = next((rate for rate in rates if rate >= native), rates[-1] if rates else native)
        self._pieces = iter_sound(path, self.rate, mono=False, block=8192, tell=False)
        self._held: Array = next(self._pieces)
        if self._held.shape[1] > 2:
            # No channel is preferred here, as it is for the lips: what is heard is all that the user gave.
            joiner = ChannelJoiner(self.rate, self._held.shape[1])
            self._pieces = _one_channel(self._held, self._pieces, joiner)
            self._held = next(self._pieces)
        self.channels = self._held.shape[1]

    def take(self, count: int) -> Array:
        """Return the next ``count`` samples, (count, channels) float32."""
        parts = [self._held]
        have = len(self._held)
        while have < count:
            piece = next(self._pieces, None)
            if piece is None:
                piece = np.zeros((count - have, self._held.shape[1]), np.float32)
            parts.append(piece)
            have += len(piece)
        whole = np.concatenate(parts)
        self._held = whole[count:]
        return whole[:count]

    def close(self) -> None:
        """Let go of the file."""
        self._pieces.close()


def _one_channel(first: Array, rest: Generator[Array], joiner: ChannelJoiner) -> Generator[Array]:
    """Pieces of many channels as ``(n, 1)``."""
    with closing(rest):
        yield joiner.push(first)
        for piece in rest:
            yield joiner.push(piece)
        yield joiner.flush()


class ContainerSink:
    """Encodes frames of one size, and the sound with them, into a container file (``path``, empty or not there)."""

    def __init__(
        self,
        path: Path,
        kind: Container,
        size: tuple[int, int],
        rate: Fraction,
        feed: SoundFeed | None,
        metadata: Mapping[str, str],
        alpha: bool,
        crf: int,
    ) -> None:
        self._rate = rate
        self._feed = feed
        self._frames = self._sent = 0
        self._pad = (size[0] % 2, size[1] % 2)
        self._pixels = ("rgba", "yuva420p") if alpha else ("rgb24", "yuv420p")
        self._reformatter = VideoReformatter()
        whole = (size[0] + self._pad[0], size[1] + self._pad[1])
        encoder = choose(kind.encoders, whole, rate, self._pixels[1], kind.choice)
        # The prefix keeps FFmpeg from reading a colon in the name as a protocol.
        self._container = av.open(f"file:{path}", "w", format=kind.format, container_options=dict(kind.options))
        self._container.metadata.update(metadata)
        settings = {**encoder.settings(crf), "threads": _THREADS}
        stream = self._container.add_stream(encoder.name, rate=rate, options=settings)
        assert isinstance(stream, VideoStream)
        stream.height, stream.width = whole
        if (bits := encoder.bit_rate(crf, whole, rate)) is not None:
            stream.bit_rate = bits
        stream.pix_fmt = self._pixels[1]
        context = stream.codec_context
        context.time_base = 1 / rate
        context.color_range = ColorRange.MPEG
        context.colorspace = context.color_primaries = context.color_trc = _BT709
        self._video = stream
        self._audio: AudioStream | None = None
        if feed is not None:
            sound = self._container.add_stream(kind.sound_codec, rate=feed.rate, options=dict(kind.sound_options))
            assert isinstance(sound, AudioStream)
            sound.layout = "stereo" if feed.channels == 2 else "mono"
            sound.bit_rate = kind.sound_bits_per_channel * feed.channels
            sound.codec_context.open()  # tells the frame size
            self._audio = sound

    def write(self, frame: Rgb) -> None:
        """Encode one frame and the sound up to its end."""
        if any(self._pad):
            frame = np.pad(frame, ((0, self._pad[0]), (0, self._pad[1]), (0, 0)), mode="edge")
        picture = self._reformatter.reformat(
            VideoFrame.from_ndarray(frame, format=self._pixels[0]),
            format=self._pixels[1],
            src_color_range=ColorRange.JPEG,
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG,
            interpolation=Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INP,
        )
        picture.pts = self._frames
        picture.time_base = 1 / self._rate
        self._frames += 1
        self._container.mux(self._video.encode(picture))
        self._sound_up_to_frame(last=False)

    def _sound_up_to_frame(self, last: bool) -> None:
        if self._audio is None or self._feed is None:
            return
        due = round(self._frames * self._feed.rate / self._rate)
        size = self._audio.codec_context.frame_size
        while self._sent + size <= due or (last and self._sent < due):
            samples = self._feed.take(min(size, due - self._sent))
            frame = _audio_frame(samples, self._audio.codec_context.format.name)
            frame.sample_rate = self._feed.rate
            frame.pts = self._sent
            frame.time_base = Fraction(1, self._feed.rate)
            self._sent += len(samples)
            self._container.mux(self._audio.encode(frame))

    def finish(self) -> None:
        """Encode what is left, write the index, close."""
        self._sound_up_to_frame(last=True)
        self._container.mux(self._video.encode(None))
        if self._audio is not None:
            self._container.mux(self._audio.encode(None))
        self._container.close()

    def abort(self) -> None:
        """Let go of all files, finished or not; never raises."""
        if self._feed is not None:
            self._feed.close()
        with suppress(av.FFmpegError, OSError):
            self._container.close()


def _audio_frame(samples: Array, layout: str) -> AudioFrame:
    """Put (n, channels) floats into the encoder's sample format (``fltp`` of AAC, ``s16`` of Opus)."""
    channels = "stereo" if samples.shape[1] == 2 else "mono"
    if layout == "fltp":
        return AudioFrame.from_ndarray(np.ascontiguousarray(samples.T), format="fltp", layout=channels)
    packed = np.frombuffer(pcm16(samples), "<i2").astype(np.int16).reshape(1, -1)
    return AudioFrame.from_ndarray(packed, format="s16", layout=channels)


class FolderSink:
    """Writes frames as ``000000.png``, ``000001.png``, ... and the sound as ``audio.wav`` into a folder."""

    def __init__(self, path: Path, rate: Fraction, feed: SoundFeed | None, metadata: Mapping[str, str]) -> None:
        self._path = path
        self._rate = rate
        self._feed = feed
        self._info = png_info(metadata)
        self._frames = self._sent = 0
        self._wav: wave.Wave_write | None = None
        if feed is not None:
            self._wav = open_wav(path / _SOUND_NAME, feed.rate, feed.channels)

    def write(self, frame: Rgb) -> None:
        """Write one frame and the sound up to its end."""
        name = self._path / f"{self._frames:06d}.png"
        Pil.fromarray(frame).save(name, "PNG", pnginfo=self._info, compress_level=3)
        self._frames += 1
        if self._wav is not None and self._feed is not None:
            due = round(self._frames * self._feed.rate / self._rate)
            self._wav.writeframesraw(pcm16(self._feed.take(due - self._sent)))
            self._sent = due

    def finish(self) -> None:
        """Complete the header of the sound."""
        if self._wav is not None:
            self._wav.close()
            self._wav = None

    def abort(self) -> None:
        """Let go of all files, finished or not; never raises."""
        if self._feed is not None:
            self._feed.close()
        with suppress(OSError, wave.Error):
            self.finish()


def is_frame_folder(path: Path) -> bool:
    """Whether a folder holds only what :class:`FolderSink` writes, so that replacing it loses no more."""
    return all(item.name == _SOUND_NAME or _FRAME_NAME.fullmatch(item.name) for item in path.iterdir())
