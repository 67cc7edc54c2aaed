"""Readers of photos, sounds and videos."""

from __future__ import annotations

import itertools
import random
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
import skimage.data
from PIL import Image as Pil

from fuzz.mutations import spoil_bytes
from fuzz.reader import Reader, Valid, place
from mssync.face.tracking import FaceTracker
from mssync.inputs import load_photo
from mssync.media.audio import load_sound, probe_sound
from mssync.media.provenance import read_synthetic_mark
from mssync.media.video import iter_frames, probe_video
from mssync.voice import Speech

_SOUNDS: Final = (
    ("a.wav", "wav", "pcm_s16le"), ("b.wav", "wav", "pcm_f32le"), ("c.flac", "flac", "flac"),
    ("d.mp3", "mp3", "libmp3lame"),
    ("e.m4a", "mp4", "aac"), ("f.aac", "adts", "aac"), ("g.opus", "ogg", "libopus"), ("h.webm", "webm", "libopus"),
    ("i.mkv", "matroska", "aac"), ("j.aiff", "aiff", "pcm_s16be"), ("k.au", "au", "pcm_mulaw"),
)  # fmt: skip
_VIDEOS: Final = (
    ("a.mp4", "mp4", "libx264"), ("b.mkv", "matroska", "libx264"), ("c.ts", "mpegts", "libx264"),
    ("d.avi", "avi", "mjpeg"),
    ("e.webm", "webm", "libvpx"), ("f.mov", "mov", "mpeg4"),
)  # fmt: skip


@cache
def tracker() -> FaceTracker:
    """One for the process."""
    return FaceTracker()


def _prepare_photos(folder: Path) -> None:
    face = Pil.fromarray(np.ascontiguousarray(skimage.data.astronaut()[:256, 96:352]))
    for name in ("a.jpg", "b.png", "c.webp", "d.gif", "e.tiff", "f.bmp", "g.avif", "h.mpo", "i.jp2", "j.ppm", "k.tga"):
        try:
            face.save(folder / name)
        except (OSError, KeyError, ValueError):  # this Pillow cannot write it
            (folder / name).unlink(missing_ok=True)
    exif = Pil.Exif()
    exif[0x0112] = 6
    face.save(folder / "l.jpg", exif=exif, quality=70, progressive=True)
    face.convert("CMYK").save(folder / "m.jpg")
    face.convert("RGBA").save(folder / "n.png")
    face.convert("P").save(folder / "o.png", transparency=3)
    Pil.fromarray(np.asarray(face.convert("L")).astype(np.uint16) * 257).save(folder / "p.png")
    face.save(folder / "q.tiff", compression="tiff_lzw")
    face.resize((64, 64)).save(folder / "r.webp", lossless=True)


def _prepare_sounds(folder: Path) -> None:
    t = np.arange(8000) / 16_000
    wave = (0.3 * np.sin(2 * np.pi * 220 * t) * np.abs(np.sin(9 * t))).astype(np.float32)
    for name, muxer, encoder in _SOUNDS:
        rate = 48_000 if encoder == "libopus" else 16_000
        with av.open(str(folder / name), "w", format=muxer) as out:
            _add_sound(out, encoder, np.repeat(wave, rate // 16_000), rate)


def _add_sound(out: Any, encoder: str, wave: Any, rate: int) -> None:
    stream = out.add_stream(encoder, rate=rate)
    stream.layout = "mono"
    stream.codec_context.open()
    frame = av.AudioFrame.from_ndarray(wave[None], format="flt", layout="mono")
    frame.sample_rate, frame.pts = rate, 0
    size = stream.codec_context.frame_size or 1024
    for piece in av.AudioResampler(stream.codec_context.format, "mono", rate, size).resample(frame):
        out.mux(stream.encode(piece))
    out.mux(stream.encode(None))


def _prepare_videos(folder: Path) -> None:
    face = np.asarray(Pil.fromarray(np.ascontiguousarray(skimage.data.astronaut()[:256, 96:352])).resize((128, 128)))
    for name, muxer, encoder in _VIDEOS:
        with av.open(str(folder / name), "w", format=muxer) as out:
            video = out.add_stream(encoder, rate=25)
            video.width = video.height = 128
            video.pix_fmt = "yuvj420p" if encoder == "mjpeg" else "yuv420p"
            video.codec_context.time_base = Fraction(1, 25)
            for n in range(8):
                frame = av.VideoFrame.from_ndarray(np.roll(face, n, 1), format="rgb24").reformat(format=video.pix_fmt)
                frame.pts, frame.time_base = n, Fraction(1, 25)
                out.mux(video.encode(frame))
            out.mux(video.encode(None))
    t = np.arange(5120) / 16_000
    with av.open(str(folder / "g.mp4"), "w") as out:
        _add_sound(out, "aac", (0.3 * np.sin(900 * t)).astype(np.float32), 16_000)


def _spoil_one(valid: Valid, rng: random.Random, folder: Path) -> None:
    """One of the files, spoiled; now and then under the name of another."""
    name = rng.choice(list(valid))
    data = spoil_bytes(valid[name], rng, list(valid.values()))
    place(folder, name if rng.random() < 0.9 else rng.choice(list(valid)), data)


def one_file(folder: Path) -> Path:
    """The case's only file."""
    return next(p for p in folder.iterdir())


def _read_photo(folder: Path) -> None:
    image, _ = load_photo(one_file(folder), 1024)
    assert image.rgb.dtype == np.uint8 and image.rgb.shape == (image.height, image.width, 3)
    if image.width * image.height <= 512 * 512:
        tracker().detect(image.rgb)


def _read_sound(folder: Path) -> None:
    path = one_file(folder)
    assert probe_sound(path).rate > 0
    speech = Speech.open(path)
    assert speech.frames > 0
    for piece in itertools.islice(speech.chunks(), 50):
        assert piece.dtype == np.float32 and np.isfinite(piece).all()
    load_sound(path)


def _read_video(folder: Path) -> None:
    path = one_file(folder)
    assert probe_video(path).fps > 0
    mark = read_synthetic_mark(path)
    assert mark is None or mark["synthetic"] is True
    last, shapes = -np.inf, set()
    for seconds, rgb in itertools.islice(iter_frames(path), 20):
        assert seconds > last and rgb.dtype == np.uint8
        last = seconds
        shapes.add(rgb.shape)
    assert len(shapes) <= 1


READERS: Final = (
    Reader("photos", 2600, _prepare_photos, _spoil_one, _read_photo, ("skimage",), tracker),
    Reader("sounds", 2400, _prepare_sounds, _spoil_one, _read_sound, ("skimage",)),
    Reader("videos", 2400, _prepare_videos, _spoil_one, _read_video, ("skimage",)),
)
