"""Photos in, pictures out: any common format becomes upright 8-bit sRGB."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from threading import Lock

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, ImageCms, UnidentifiedImageError
from PIL import Image as Pil
from PIL.PngImagePlugin import PngInfo

from mssync.arrays import Rgb
from mssync.errors import InputError
from mssync.files import PathLike, readable_file, replacing
from mssync.media.kinds import misplaced
from mssync.media.large import divided, fraction, load_fraction

_WARNINGS = Lock()

MAX_PIXELS = 120_000_000

# A closed list: Pillow's readers for EPS and the like start other programs.
_FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")

# EXIF orientation -> the turn that makes the picture upright (CIPA DC-008, tag 0x0112).
_UPRIGHT = {
    2: Pil.Transpose.FLIP_LEFT_RIGHT,
    3: Pil.Transpose.ROTATE_180,
    4: Pil.Transpose.FLIP_TOP_BOTTOM,
    5: Pil.Transpose.TRANSPOSE,
    6: Pil.Transpose.ROTATE_270,
    7: Pil.Transpose.TRANSVERSE,
    8: Pil.Transpose.ROTATE_90,
}


# TIFF 6.0 and DNG tags.
_SUBFILE_TYPE, _REDUCED, _SUB_IFDS, _DNG_VERSION = 254, 1, 330, 50706


@dataclass(frozen=True)
class Image:
    """An upright sRGB picture.

    Attributes:
        rgb: (H, W, 3) uint8, C-contiguous.
        alpha: (H, W) uint8, 255 = opaque; ``None`` when the whole picture is opaque.
        name: the file's name, for messages.
        longest: longer side in pixels of the picture as it was given, where it was read smaller; 0: it is whole.
    """

    rgb: Rgb
    alpha: NDArray[np.uint8] | None = None
    name: str = "picture"
    longest: int = 0

    @property
    def height(self) -> int:
        """Rows."""
        return int(self.rgb.shape[0])

    @property
    def width(self) -> int:
        """Columns."""
        return int(self.rgb.shape[1])

    def resized(self, longer_side: int) -> Image:
        """Return the picture with its longer side ``longer_side`` pixels (>= 1), the aspect kept.

        Shrinking averages areas, growing interpolates (Lanczos). Returns ``self`` when the size is right
        already. Transparent pixels do not bleed into opaque ones.

        Raises:
            InputError: ``longer_side`` is under 1.
        """
        if longer_side < 1:
            raise InputError(f"A picture cannot be {longer_side} pixels large; give a size of at least 1.")
        longest = max(self.height, self.width)
        if longest == longer_side:
            return self
        size = tuple(max(1, round(side * longer_side / longest)) for side in (self.width, self.height))
        how = Pil.Resampling.BOX if longer_side < longest else Pil.Resampling.LANCZOS
        whole = self.rgb if self.alpha is None else np.dstack([self.rgb, self.alpha])
        small = np.array(Pil.fromarray(whole).resize((size[0], size[1]), how))
        alpha = None if self.alpha is None else np.ascontiguousarray(small[..., 3])
        return Image(np.ascontiguousarray(small[..., :3]), alpha, self.name)


def load_image(path: PathLike | bytes, max_pixels: int = MAX_PIXELS, side: int | None = None) -> Image:
    """Read a photo: JPEG, PNG, WebP, GIF and other animations (first frame), BMP, TIFF, AVIF.

    16-bit, greyscale, palette and CMYK pictures become 8-bit RGB, an embedded colour profile is converted to
    sRGB, and the EXIF orientation is applied. The size is checked in the header, before anything is decoded.

    Args:
        path: the file, or what it holds.
        max_pixels: the largest width x height accepted.
        side: longer side that is needed at least; a very large picture is then read at a fraction of its size, in
            a fraction of the memory (see :mod:`mssync.media.large`).

    Raises:
        InputError: no such file, empty, damaged, not a picture, or too large.
    """
    opened = io.BytesIO(path) if isinstance(path, bytes) else readable_file(path, "photo")
    named, name = ("The photo", "the photo") if isinstance(opened, io.BytesIO) else (f"The photo {opened}", opened.name)
    Pil.init()
    formats = [name for name in _FORMATS if name in Pil.OPEN]
    too_large = f"{named} has over {max_pixels / 1e6:g} megapixels; make it smaller (12 are plenty)."
    with _quiet_pillow():
        try:
            # By its name Pillow would map some TIFF files into memory, and then not turn them as their tag says.
            handle = io.BytesIO(path) if isinstance(path, bytes) else readable_file(path, "photo").open("rb")
            with handle, Pil.open(handle, formats=formats) as picture:
                if picture.width * picture.height > max_pixels:
                    raise InputError(too_large)
                if _is_raw(picture):
                    raise InputError(f"{named} is a camera's raw file; export it as JPEG or PNG and give that.")
                longest = max(picture.size)
                loaded = load_fraction(picture, opened, side)
                return replace(
                    _upright(loaded, _turn(picture), name), longest=longest if max(loaded.size) < longest else 0
                )
        except InputError:
            raise
        except Pil.DecompressionBombError as error:
            raise InputError(too_large) from error
        except UnidentifiedImageError as error:
            raise (
                misplaced(opened, "photo")
                or InputError(f"{named} is damaged or not a picture of a known kind; save it as JPEG or PNG.")
            ) from error
        except Exception as error:  # damaged files make Pillow's readers raise nearly any type
            cut = "truncated" in str(error).lower() or isinstance(error, EOFError)
            cause = " (its end is missing); copy or download it again" if cut else "; save it again as JPEG or PNG"
            raise InputError(f"{named} is damaged or cut off{cause}.") from error


def _is_raw(picture: Pil.Image) -> bool:
    """Whether a TIFF is a camera's raw file (DNG, NEF, ARW, ...), whose first picture is a thumbnail."""
    tags = getattr(picture, "tag_v2", {}) if picture.format == "TIFF" else {}
    return _DNG_VERSION in tags or (tags.get(_SUBFILE_TYPE) == _REDUCED and _SUB_IFDS in tags)


@contextmanager
def _quiet_pillow() -> Iterator[None]:
    """Pillow warns about large pictures and odd tags; limits and refusals here have sentences of their own.

    What is to be shown is a matter of the whole process, so one thread changes it at a time, and notes that others
    make meanwhile are shown afterwards.
    """
    others: list[warnings.WarningMessage] = []
    with _WARNINGS:
        try:
            with warnings.catch_warnings(record=True) as others:
                warnings.filterwarnings("ignore", module=r"PIL\.")
                yield
        finally:
            for note in others:
                warnings.warn_explicit(note.message, note.category, note.filename, note.lineno)


def upright_rgb(picture: Pil.Image, name: str, side: int | None = None) -> Image:
    """Turn a decoded Pillow picture of any mode into an :class:`Image`; ``side`` as for :func:`load_image`."""
    if picture.width * picture.height > MAX_PIXELS:
        raise InputError(f"The photo has over {MAX_PIXELS / 1e6:g} megapixels; make it smaller (12 are plenty).")
    picture.load()  # a TIFF turns itself
    if picture.mode in ("La", "RGBa"):
        picture = picture.convert(picture.mode.upper())
    divisor = fraction(picture.size, side)
    small = picture if divisor == 1 else divided(picture, divisor)
    return replace(_upright(small, _turn(picture), name), longest=0 if divisor == 1 else max(picture.size))


def _turn(picture: Pil.Image) -> Pil.Transpose | None:
    """What makes the picture upright, by its EXIF data."""
    try:
        return _UPRIGHT.get(picture.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # unreadable EXIF is no reason to refuse the picture
        return None


def _upright(picture: Pil.Image, turn: Pil.Transpose | None, name: str) -> Image:
    profile = picture.info.get("icc_profile")
    alpha: Pil.Image | None = None
    if picture.mode[0] in "IF":
        picture = _deep_to_8_bit(picture)
    elif picture.has_transparency_data:
        grey = picture.mode == "LA"
        picture = picture.convert("RGBA")
        alpha = picture.getchannel("A")
        picture = picture.getchannel("R") if grey else picture.convert("RGB")
    picture = _to_srgb(picture, profile)
    if turn is not None:
        picture = picture.transpose(turn)
        alpha = None if alpha is None else alpha.transpose(turn)
    opacity = None if alpha is None else np.array(alpha, dtype=np.uint8)
    if opacity is not None and opacity.min() == 255:
        opacity = None
    return Image(np.array(picture, dtype=np.uint8), opacity, name)


def _deep_to_8_bit(picture: Pil.Image) -> Pil.Image:
    """Scale deep greyscale to 8 bits: integers over 255 are 16-bit, floats up to 1 are shares of white."""
    values = np.nan_to_num(np.asarray(picture, dtype=np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    if picture.mode == "F":
        scale = 255.0 if values.max() <= 1.0 else 1.0
    else:
        scale = 1.0 / 257.0 if picture.mode.startswith("I;16") or values.max() > 255 else 1.0
    return Pil.fromarray(np.clip(np.rint(values * scale), 0, 255).astype(np.uint8))


def _to_srgb(picture: Pil.Image, profile: bytes | None) -> Pil.Image:
    """Convert to RGB, through the embedded ICC profile where it is usable and not sRGB itself."""
    if profile and picture.mode in ("P", "PA"):
        picture = picture.convert("RGB")
    if profile and picture.mode in ("RGB", "CMYK", "L"):
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            if "srgb" not in (source.profile.profile_description or "").lower():
                target = ImageCms.createProfile("sRGB")
                converted = ImageCms.profileToProfile(picture, source, target, outputMode="RGB")
                if converted is not None:
                    return converted
        except Exception:  # a damaged or mismatched profile, or Pillow built without LittleCMS: plain conversion
            pass
    return picture.convert("RGB")


def png_info(metadata: Mapping[str, str] | None) -> PngInfo:
    """Put text tags into the form in which Pillow writes them to a PNG."""
    info = PngInfo()
    for key, value in (metadata or {}).items():
        info.add_itxt(key, value)
    return info


def save_png(path: PathLike, pixels: Rgb, *, force: bool, metadata: Mapping[str, str] | None = None) -> None:
    """Write a PNG, atomically.

    Args:
        path: the file to make.
        pixels: (H, W, 3) RGB or (H, W, 4) RGBA, uint8.
        force: overwrite an existing file.
        metadata: text tags to store.

    Raises:
        OutputError: exists without ``force``, no permission, disk full.
        ValueError: ``pixels`` is not such an array.
    """
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] not in (3, 4) or 0 in pixels.shape:
        raise ValueError(f"expected (H, W, 3) or (H, W, 4) uint8, got {pixels.dtype} {pixels.shape}")
    with replacing(path, force=force) as temporary:
        Pil.fromarray(np.ascontiguousarray(pixels)).save(temporary, "PNG", pnginfo=png_info(metadata))
