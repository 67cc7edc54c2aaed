"""Large pictures at a fraction of their size, so that 120 megapixels are never held several times over.

JPEG is decoded small in the first place. WebP and AVIF go through FFmpeg, whose decoders hold the picture once and as
YUV. All else is decoded once by Pillow and averaged down strip by strip, before any conversion.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Final

import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter
from av.video.stream import VideoStream
from PIL import Image as Pil

from mssync.errors import InputError

LARGE: Final = 24_000_000
"""Pixels; smaller pictures are read whole."""

_SPARE: Final = 2  # the picture is kept so many times larger than asked for, and resized exactly afterwards
_STRIP_PIXELS: Final = 4_000_000
_BY_FFMPEG: Final = ("WEBP", "AVIF")
_MOST_WHOLE: Final = 40_000_000  # pixels of those that only Pillow can decode: it holds them four times


def fraction(size: tuple[int, int], side: int | None) -> int:
    """By how much a picture of ``size`` may be divided where its longer side is to be ``side``; 1 = not at all."""
    if side is None or size[0] * size[1] <= LARGE:
        return 1
    return max(1, max(size) // (_SPARE * side))


def load_fraction(picture: Pil.Image, source: Path | io.BytesIO, side: int | None) -> Pil.Image:
    """Decode an opened picture, divided where it is large.

    Args:
        picture: as opened, not yet decoded.
        source: what it was opened from.
        side: longer side that is needed at least; ``None``: all of it.
    Returns:
        the picture in its own mode, or RGB or RGBA, with its own EXIF data and colour profile in ``info``.
    Raises:
        InputError: it is large and of a kind that cannot be decoded in bounded memory.
        ValueError, OSError and others of Pillow's: it is damaged.
    """
    if fraction(picture.size, side) > 1 and side is not None:
        if picture.format in ("JPEG", "MPO"):
            picture.draft(None, (_SPARE * side, _SPARE * side))
        elif picture.format in _BY_FFMPEG:
            made = _by_ffmpeg(picture, source, fraction(picture.size, side))
            if made is not None:
                return made
            if picture.width * picture.height > _MOST_WHOLE:
                raise InputError(
                    f"The photo{f' {source}' if isinstance(source, Path) else ''} has over {_MOST_WHOLE / 1e6:g} "
                    "megapixels and is animated or transparent; make it smaller, or save it as JPEG or PNG."
                )
    picture.load()
    divisor = fraction(picture.size, side)
    return picture if divisor == 1 else divided(picture, divisor)


def divided(picture: Pil.Image, divisor: int) -> Pil.Image:
    """A decoded picture averaged down by a whole divisor, a strip at a time; modes without averages become RGB or L."""
    width, height = picture.size
    rows = max(1, _STRIP_PIXELS // max(1, width * divisor)) * divisor
    whole: Pil.Image | None = None
    for top in range(0, height, rows):
        strip = _plain(picture.crop((0, top, width, min(top + rows, height)))).reduce(divisor)
        if whole is None:
            whole = Pil.new(strip.mode, (strip.width, -(-height // divisor)))
        whole.paste(strip, (0, top // divisor))
    assert whole is not None
    whole.info.update({k: v for k, v in picture.info.items() if k not in ("transparency", "palette")})
    return whole


def _plain(strip: Pil.Image) -> Pil.Image:
    """A strip in a mode that can be averaged."""
    if strip.mode.startswith("I;16"):
        values = np.asarray(strip, np.float32) / np.float32(257)
        return Pil.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8))
    if strip.mode not in ("LA", "RGBA") and strip.has_transparency_data:
        return strip.convert("RGBA")
    if strip.mode in ("1", "P", "PA", "RGBX", "HSV", "LAB", "YCbCr"):
        return strip.convert("RGB")
    return strip


def _by_ffmpeg(picture: Pil.Image, source: Path | io.BytesIO, divisor: int) -> Pil.Image | None:
    """The picture divided by FFmpeg; ``None`` where it cannot be decoded so (animations, AVIF with transparency)."""
    transparent = picture.mode == "RGBA"
    if getattr(picture, "n_frames", 1) > 1 or (transparent and picture.format == "AVIF"):
        return None
    opened = io.BytesIO(source.getvalue()) if isinstance(source, io.BytesIO) else source.open("rb")
    width, height = (-(-side // divisor) for side in picture.size)
    try:
        with opened, av.open(opened, "r", container_options={"protocol_whitelist": "none"}) as container:
            stream = container.streams.video[0]
            assert isinstance(stream, VideoStream)
            stream.codec_context.thread_count = 1
            for frame in container.decode(stream):
                if (frame.width, frame.height) != picture.size:
                    return None
                made = VideoReformatter().reformat(
                    frame,
                    width,
                    height,
                    format="rgba" if transparent else "rgb24",
                    interpolation=Interpolation.AREA | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT,
                )
                small = Pil.fromarray(made.to_ndarray())
                small.info.update(picture.info)
                return small
    except (av.FFmpegError, OSError, ValueError, IndexError, AssertionError):
        return None
    return None
