"""Small media files that the tests make for themselves."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.fifo import AudioFifo

# format -> (file ending, muxer, encoder)
SOUND_KINDS = {
    "wav-s16": (".wav", "wav", "pcm_s16le"),
    "wav-u8": (".wav", "wav", "pcm_u8"),
    "wav-s24": (".wav", "wav", "pcm_s24le"),
    "wav-s32": (".wav", "wav", "pcm_s32le"),
    "wav-s64": (".wav", "wav", "pcm_s64le"),
    "wav-f32": (".wav", "wav", "pcm_f32le"),
    "wav-f64": (".wav", "wav", "pcm_f64le"),
    "flac": (".flac", "flac", "flac"),
    "mp3": (".mp3", "mp3", "libmp3lame"),
    "m4a": (".m4a", "mp4", "aac"),
    "aac": (".aac", "adts", "aac"),
    "opus": (".opus", "ogg", "libopus"),
    "ogg": (".ogg", "ogg", "libopus"),
    "webm": (".webm", "webm", "libopus"),
    "mkv": (".mkv", "matroska", "aac"),
}


def tone(seconds: float, rate: int, hertz: float = 300.0, channels: int = 1, level: float = 0.4) -> np.ndarray:
    """(n, channels) float32 sine; channel k has level / (k + 1)."""
    wave = np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)
    return np.stack([level / (k + 1) * wave for k in range(channels)], axis=1).astype(np.float32)


def write_sound(path: Path, samples: np.ndarray, rate: int, muxer: str, encoder: str, layout: str = "") -> Path:
    """Encode (n, channels) floats with PyAV, converting to what the encoder takes."""
    layout = layout or {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1", 16: "hexadecagonal"}[samples.shape[1]]
    with av.open(str(path), "w", format=muxer) as container:
        stream = container.add_stream(encoder, rate=rate)
        stream.layout = layout
        stream.codec_context.open()
        _encode_sound(container, stream, samples, rate, layout)
    return path


def _encode_sound(container, stream, samples, rate, layout):  # type: ignore[no-untyped-def]
    frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="flt", layout=layout)
    frame.sample_rate = rate
    frame.pts = 0
    context = stream.codec_context
    fifo = AudioFifo()
    for part in av.AudioResampler(format=context.format, layout=layout, rate=rate).resample(frame):
        fifo.write(part)
    pts = 0
    while (piece := fifo.read(context.frame_size or 1024, partial=True)) is not None:
        piece.pts = pts
        piece.time_base = Fraction(1, rate)
        pts += piece.samples
        container.mux(stream.encode(piece))
    container.mux(stream.encode(None))


def picture(height: int = 48, width: int = 64, shift: int = 0) -> np.ndarray:
    """(H, W, 3) smooth coloured gradients, different for every ``shift``."""
    y, x = np.mgrid[0:height, 0:width]
    red = 255 * x / max(1, width - 1)
    green = 255 * y / max(1, height - 1)
    blue = 127 + 100 * np.sin(x / 9 + shift / 3)
    return np.stack([red, green, blue], axis=2).astype(np.uint8)


def write_video(
    path: Path,
    frames: list[np.ndarray],
    *,
    times: list[int] | None = None,
    fps: int = 25,
    rotation: int = 0,
    sound: np.ndarray | None = None,
    rate: int = 16_000,
    delay: float = 0.0,
    muxer: str = "mp4",
) -> Path:
    """Encode RGB frames as H.264; ``times`` are in 1/fps, ``delay`` moves the picture against the sound."""
    with av.open(str(path), "w", format=muxer) as container:
        video = container.add_stream("libx264", rate=fps, options={"g": "5", "preset": "ultrafast"})
        video.height, video.width = frames[0].shape[:2]
        video.pix_fmt = "yuv420p"
        video.codec_context.time_base = Fraction(1, fps * 10)
        if rotation:
            video.set_display_rotation(rotation)
        audio = None
        if sound is not None:
            audio = container.add_stream("aac", rate=rate)
            audio.layout = "mono"
            audio.codec_context.open()
        for index, rgb in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(rgb, format="rgb24")
            stamp = times[index] if times else index
            frame.pts = stamp * 10 + round(delay * fps * 10)
            frame.time_base = Fraction(1, fps * 10)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if audio is not None:
            _encode_sound(container, audio, sound, rate, "mono")
    return path
