"""The photo as an input: at its size, with its chosen face. (The voice is in :mod:`mssync.voice`.)"""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil

from mssync.errors import InputError
from mssync.face.tracking import MAX_ROLL, MIN_FACE, Face, FaceTracker, check_face
from mssync.files import PathLike, no_file_name
from mssync.media.held import array_of, content_of, pixels_of
from mssync.media.image import Image, load_image, upright_rgb
from mssync.media.kinds import misplaced
from mssync.motion.space import Motion
from mssync.voice import Speech, Voice

__all__ = ["Photo", "Size", "Speech", "Voice", "choose_face", "load_motion", "load_photo", "on_white"]

# What may be held in memory instead of a file: see mssync.media.held.
Photo = PathLike | NDArray[Any] | Pil.Image | bytes | IO[bytes]
Size = int | Literal["native"] | None

DEFAULT_SIDE: Final = 1080
SIDES: Final = (64, 8192)
MAX_FACES: Final = 16
SMILE: Final = 0.5  # of the photo's own smile, what stays while it speaks
# What is more transparent than this (of 255) is hardly seen against a white ground.
SEEN_ALPHA: Final = 64


def check_size(size: Size) -> None:
    """Raise InputError for a size that no video can have."""
    if size is not None and size != "native" and not SIDES[0] <= size <= SIDES[1]:
        raise InputError(f"--size must lie between {SIDES[0]} and {SIDES[1]} pixels or be native, not {size}.")


def check_face_number(number: int) -> None:
    """Raise InputError for a number that no face can have."""
    if number < 1:
        raise InputError(f"--face counts from 1 (the largest), so {number} is none; choose another.")


def check_shares(**options: float) -> None:
    """Check options that are shares, by their names.

    Raises:
        InputError: one lies outside 0 to 1.
    """
    for name, value in options.items():
        if not 0.0 <= value <= 1.0:
            raise InputError(f"--{name} must lie between 0 and 1, not {value}.")


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
    check_size(size)
    needed = None if size == "native" else size or DEFAULT_SIDE
    image = load_image(photo, side=needed) if isinstance(photo, str | os.PathLike) else _held_image(photo, needed)
    if image.alpha is not None and image.alpha.max() < SEEN_ALPHA:
        raise InputError(f"{image.name} is fully transparent, so there is nothing to see; give an opaque picture.")
    native = image.longest or max(image.width, image.height)
    side = native if size == "native" else size or min(native, DEFAULT_SIDE)
    return image.resized(side), side / native


def load_motion(path: PathLike) -> Motion:
    """Read a motion file; a file of another kind, an address or ``-`` is named for what it is.

    Raises:
        InputError: as for :meth:`Motion.load`.
    """
    if not isinstance(path, str | os.PathLike):
        raise InputError(f"A motion must be a Motion or the name of its file, not {type(path).__name__}.")
    try:
        return Motion.load(Path(path))
    except InputError as error:
        refusal = no_file_name(path, "motion")
        if refusal is None and Path(path).is_file():
            refusal = misplaced(Path(path), "motion")
        raise refusal or error from error


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
    check_face_number(number)
    faces = tracker.detect(image.rgb, max_faces=MAX_FACES)
    turn = tracker.lying(image.rgb)
    if turn is not None and abs(turn) > MAX_ROLL:
        raise _lying(image.name, turn)
    if not faces:
        raise InputError(
            f"No face was found in {image.name}; use a photo that shows a face from the front, large and uncovered "
            "(drawings and animals may not be seen as faces)."
        )
    if number > len(faces):
        count = "one face" if len(faces) == 1 else f"{len(faces)} faces"
        raise InputError(f"{image.name} shows {count}, so there is no --face {number}; choose a lower number.")
    face = faces[number - 1]
    if abs(face.roll) > MAX_ROLL:
        raise _lying(image.name, face.roll)
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


def _lying(name: str, turn: float) -> InputError:
    """The refusal of a face that is turned by so many degrees clockwise."""
    if abs(turn) > 150:
        return InputError(f"The face in {name} is upside down; turn the picture by half a turn and give it again.")
    back = "counter-clockwise" if turn > 0 else "clockwise"
    return InputError(
        f"The face in {name} lies on its side (turned by {abs(turn):.0f} degrees); turn the picture {back} until it "
        "is upright and give it again."
    )


def _held_image(photo: object, side: int | None) -> Image:
    """A photo that is no file name."""
    if isinstance(photo, Pil.Image):
        try:
            return upright_rgb(photo, "the photo", side)
        except InputError:
            raise
        except Exception as error:  # Pillow decodes late, and fails in nearly any way
            raise InputError(f"The photo cannot be decoded ({error}); open or save it again.") from error
    content = content_of(photo, "photo")
    if content is not None:
        return load_image(content, side=side)
    pixels = pixels_of(array_of(photo, "photo"))
    alpha = np.ascontiguousarray(pixels[..., 3]) if pixels.shape[2] == 4 else None
    return Image(np.ascontiguousarray(pixels[..., :3]), alpha, "the photo")


def on_white(image: Image) -> Image:
    """What lies behind a cut-out photo when the video has no transparency."""
    assert image.alpha is not None
    share = image.alpha[..., None].astype(np.float32) / 255
    return Image(np.rint(image.rgb * share + 255 * (1 - share)).astype(np.uint8), image.alpha, image.name)
