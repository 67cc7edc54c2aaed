"""What goes in: a photo at its size with its face, a voice that is read piece by piece."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil

from mssync.errors import InputError
from mssync.face.tracking import MIN_FACE, Face, FaceTracker, check_face
from mssync.files import PathLike
from mssync.media.audio import MIN_SECONDS, SPEECH_RATE, iter_sound, probe_sound, save_wav
from mssync.media.held import KeptFile, array_of, content_of, pixels_of, rate_and_samples, samples_of
from mssync.media.image import Image, load_image, upright_rgb
from mssync.motion.space import FPS

Array = NDArray[np.float32]
# What may be held in memory instead of a file: see mssync.media.held.
Photo = PathLike | NDArray[Any] | Pil.Image | bytes | IO[bytes]
Voice = PathLike | NDArray[Any] | bytes | IO[bytes] | tuple[int, NDArray[Any]]
Size = int | Literal["native"] | None

DEFAULT_SIDE: Final = 1080
SIDES: Final = (64, 8192)
MAX_FACES: Final = 16
# What is more transparent than this (of 255) is not seen against a white ground.
SEEN_ALPHA: Final = 32
SAMPLES_PER_FRAME: Final = round(SPEECH_RATE / FPS)

# Headers of these kinds say exactly how long the sound is (others estimate), so that a file that was cut off shows.
_EXACT_LENGTH: Final = (".wav", ".flac", ".m4a", ".mp4", ".mov")
# Programs that write into a pipe put a very large number into the header instead of the length.
_PLACEHOLDER_SECONDS: Final = 3600.0
_PLACEHOLDER_BYTES: Final = 2**31 - 2**16


@dataclass(frozen=True)
class Speech:
    """A voice: a file that is read again whenever it is needed, or samples.

    Attributes:
        samples: how many at 16 kHz.
        path: the file.
        array: ``(samples,)`` float32 mono in [-1, 1] at 16 kHz, where there is no file.
        kept: holds the file on the disk where it was made from what a program held in memory.
    """

    samples: int
    path: Path | None = None
    array: Array | None = None
    kept: KeptFile | None = None

    @staticmethod
    def open(source: Voice) -> Speech:
        """Take a sound file (or the sound of a video), its bytes, samples at 16 kHz, or a pair (rate, samples).

        The file is decoded once from end to end, so that its length is known and damage shows before the long work.

        Raises:
            InputError: it cannot be read, breaks off, or holds under 0.2 seconds.
        """
        if not isinstance(source, str | os.PathLike):
            return _held_speech(source)
        path = Path(source)
        promised = _promised_seconds(path)
        samples = sum(map(len, iter_sound(path)))
        heard = samples / SPEECH_RATE
        if 0.95 * promised - 0.5 > heard:
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


def load_photo(photo: Photo, size: Size) -> tuple[Image, float]:
    """Read a photo and bring it to its size.

    Args:
        photo: a picture file, its bytes or an open file, a Pillow picture, or an array (see
            :func:`mssync.media.held.pixels_of`).
        size: longer side in pixels, or ``"native"``; None: the photo's own, at most 1080.
    Returns:
        the picture, and the factor by which it was scaled.
    Raises:
        InputError: the photo cannot be used, or the size is out of range.
    """
    if size is not None and size != "native" and not SIDES[0] <= size <= SIDES[1]:
        raise InputError(f"--size must lie between {SIDES[0]} and {SIDES[1]} pixels or be native, not {size}.")
    image = load_image(photo) if isinstance(photo, str | os.PathLike) else _held_image(photo)
    if image.alpha is not None and image.alpha.max() < SEEN_ALPHA:
        raise InputError(f"{image.name} is fully transparent, so there is nothing to see; give an opaque picture.")
    native = max(image.width, image.height)
    side = native if size == "native" else size or min(native, DEFAULT_SIDE)
    return image.resized(side), side / native


def choose_face(tracker: FaceTracker, image: Image, number: int, scale: float) -> Face:
    """The face to move.

    Args:
        tracker: finds faces.
        image: the photo at its size.
        number: 1 = the largest.
        scale: factor by which the photo was scaled.
    Raises:
        InputError: there is no such face, or it is too small or cut off.
    """
    if number < 1:
        raise InputError(f"--face counts from 1 (the largest), so {number} is none; choose another.")
    faces = tracker.detect(image.rgb, max_faces=MAX_FACES)
    if not faces:
        raise InputError(f"No face was found in {image.name}; use a photo that shows a face from the front.")
    if number > len(faces):
        count = "one face" if len(faces) == 1 else f"{len(faces)} faces"
        raise InputError(f"{image.name} shows {count}, so there is no --face {number}; choose a lower number.")
    face = faces[number - 1]
    if face.width < MIN_FACE <= face.width / scale:
        raise InputError(
            f"The face in {image.name} is too small at this size ({face.width:.0f} pixels between the temples, "
            f"{MIN_FACE} are needed); use --size native or a closer crop."
        )
    face = check_face(face, image.width, image.height, image.name)
    if image.alpha is not None:
        x, y = np.rint(face.points[:, :2]).astype(int).T
        seen = image.alpha[np.clip(y, 0, image.height - 1), np.clip(x, 0, image.width - 1)]
        if np.mean(seen < SEEN_ALPHA) > 0.5:
            raise InputError(f"The face in {image.name} is transparent; give a picture in which it is opaque.")
    return face


def _held_image(photo: object) -> Image:
    """A photo that is no file name."""
    if isinstance(photo, Pil.Image):
        return upright_rgb(photo, "the photo")
    content = content_of(photo, "photo")
    if content is not None:
        return load_image(content)
    pixels = pixels_of(array_of(photo, "photo"))
    alpha = np.ascontiguousarray(pixels[..., 3]) if pixels.shape[2] == 4 else None
    return Image(np.ascontiguousarray(pixels[..., :3]), alpha, "the photo")


def on_white(image: Image) -> Image:
    """What lies behind a cut-out photo when the video has no transparency."""
    assert image.alpha is not None
    share = image.alpha[..., None].astype(np.float32) / 255
    return Image(np.rint(image.rgb * share + 255 * (1 - share)).astype(np.uint8), image.alpha, image.name)


def _promised_seconds(path: Path) -> float:
    """How long the sound is by its header, 0 where the header does not say it exactly."""
    seconds = probe_sound(path).seconds
    if seconds is None or path.suffix.lower() not in _EXACT_LENGTH or seconds > _PLACEHOLDER_SECONDS:
        return 0.0
    if path.suffix.lower() == ".wav":
        # FFmpeg counts what is there; what should be there is in the first chunk of the file.
        with path.open("rb") as file:
            head = file.read(8)
        size = int.from_bytes(head[4:], "little")
        if head[:4] == b"RIFF" and size < _PLACEHOLDER_BYTES:
            return seconds * max(1.0, (size + 8) / path.stat().st_size)
    return seconds


def _held_speech(source: object) -> Speech:
    """A voice that is no file name: one channel at 16 kHz stays an array, all else becomes a file for its lifetime."""
    content = content_of(source, "speech")
    if content is not None:
        kept = KeptFile("speech")
        kept.path.write_bytes(content)
        return replace(Speech.open(kept.path), kept=kept)
    rate, samples = rate_and_samples(source) or (SPEECH_RATE, samples_of(array_of(source, "speech")))
    if len(samples) < MIN_SECONDS * rate:
        raise InputError(f"The speech has only {len(samples) / rate:.2f} s of sound; give at least {MIN_SECONDS} s.")
    if samples.ndim == 1 and rate == SPEECH_RATE:
        return Speech(len(samples), array=samples)
    kept = KeptFile("speech.wav")
    save_wav(kept.path, samples, rate, force=True)
    return replace(Speech.open(kept.path), kept=kept)
