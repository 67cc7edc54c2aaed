"""What is drawn of the inside of a mouth: two rows of teeth, the tongue and the dark behind, in the photo's own light.

Amounts after real mouths (`benchmarks/mouths.py`): 53 people of the training clips, by opening, relative to the skin
of their cheeks. Teeth are some 1.2 times as bright as the skin in an open mouth and half of that in a hardly open one,
the tongue 0.85 with the skin's own cast, the dark between them 0.45, the corners half of the middle.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from mssync.arrays import Array, Rgb
from mssync.face import topology as topo

# Visible widths of teeth from the middle outwards, millimetres as seen from the front (the arch turns the outer ones
# away), and their heights. After Wheeler's dental anatomy; the outer corners of the eyes are about 90 mm apart.
MM_PER_EYES: Final = 90.0
UPPER_WIDTHS: Final = (8.5, 6.4, 6.2, 4.2, 3.4, 2.4)
UPPER_HEIGHTS: Final = (10.0, 9.2, 9.6, 8.4, 7.8, 7.0)
LOWER_WIDTHS: Final = (5.2, 5.5, 5.8, 4.6, 3.8, 2.8)
LOWER_HEIGHTS: Final = (8.5, 8.7, 9.0, 8.0, 7.5, 7.0)
# Brightness over that of the cheeks.
_TEETH, _TONGUE, _DARK = 1.25, 0.88, 0.42
_CAST = 0.7  # share of the skin's cast that teeth have


@dataclass(frozen=True)
class Tones:
    """Colours (RGB 0..255) of a mouth's inside and of the line between the lips; a grey photo gives greys.

    ``warmth`` holds the exponents by which shade lies on enamel: light that has come by lips and cheeks is theirs.
    """

    teeth: Array
    tongue: Array
    throat: Array
    seam: Array
    warmth: Array


@dataclass(frozen=True)
class Bite:
    """How one person's teeth differ from others', in millimetres and shares.

    Attributes:
        width: factor on the widths.
        lengths: ``(2, 2, 6)`` added to the heights: upper and lower row, left and right half, from the middle.
        seam: how dark the lines between teeth are.
        gap: between the upper middle teeth.
        shown: how far the resting upper teeth reach below the lip.
        middle: where the rows' middle lies beside the face's.
    """

    width: float
    lengths: Array
    seam: float
    gap: float
    shown: float
    middle: float

    @staticmethod
    def of(rgb: Rgb) -> Bite:
        """Somebody's, by chance, the same for the same picture."""
        draw = np.random.default_rng(zlib.crc32(np.ascontiguousarray(rgb).tobytes()))
        return Bite(
            width=float(draw.uniform(0.94, 1.06)),
            lengths=draw.normal(0.0, 0.35, (2, 2, 6)).clip(-0.8, 0.8).astype(np.float32),
            seam=float(draw.uniform(0.10, 0.24)),
            gap=float(max(0.0, draw.normal(0.0, 0.25))),
            shown=float(draw.uniform(1.6, 3.6)),
            middle=float(draw.normal(0.0, 0.5)),
        )


def tones(rgb: Rgb, points: Array) -> Tones:
    """Colours that fit the photo's light, after the skin of the cheeks and the lips.

    Args:
        rgb: ``(H, W, 3)``.
        points: ``(478, 2 or 3)`` pixels.
    """
    skin = sample(rgb, points, (50, 280, 101, 330, 205, 425, 117, 346), 50)
    lip = sample(rgb, points, (84, 17, 314, 181, 405, 85, 16, 315), 40)
    light = float(np.clip(grey(skin), 20.0, 230.0))
    cast = skin / max(grey(skin), 1.0)
    # A grey photo has no red flesh.
    colourful = float(np.clip(np.ptp(cast) / 0.3, 0.0, 1.0))
    flesh = 1 + colourful * np.array([0.26, -0.16, -0.10], np.float32)
    lips = lip / max(grey(lip), 1.0)
    return Tones(
        teeth=np.minimum(_TEETH * light * (1 - _CAST + _CAST * cast), 250.0).astype(np.float32),
        tongue=(_TONGUE * light * (0.5 * cast + 0.5 * lips) * (1 + 0.1 * (flesh - 1))).astype(np.float32),
        throat=(_DARK * light * cast * flesh).astype(np.float32),
        seam=(0.42 * lip * (1 + colourful * np.array([0.45, -0.22, -0.18]))).astype(np.float32),
        warmth=(1 + colourful * np.array([-0.1, 0.0, 0.08])).astype(np.float32),
    )


def drawn_inside(colours: Tones, bite: Bite, x: Array, below: Array, above: Array, gap: float, edge: Array) -> Array:
    """The inside of a mouth.

    Args:
        colours: of the photo.
        bite: of the person.
        x: millimetres from the middle of the mouth.
        below, above: millimetres below the upper and above the lower lip's edge.
        gap: millimetres between the lips in the middle.
        edge: millimetres below the edge of the resting upper lip, on the skull.
    Returns:
        colours like ``x`` with a last axis of 3.
    """
    opening = np.maximum(below + above, 0.0)
    # The lips shade what lies behind them: little light gets into a mouth that is hardly open, or into its corners.
    light = lit(gap)
    aside = 0.42 + 0.58 * np.exp(-((x / 14.0) ** 4))
    lid = np.exp(-np.maximum(below, 0.0) / 1.5)[..., None]
    out = (0.75 + 0.35 * (1 - ramp(gap, 6.0, 20.0))) * aside[..., None] * colours.throat
    # The tongue lies on the floor of the mouth, brightest in front; its back sinks as the jaw does.
    crest = 0.64 * opening - 0.007 * opening**2
    mound = np.exp(-((x / 16.0) ** 4)) * ramp(crest - above, -1.2 - 0.05 * opening, 1.2 + 0.08 * opening)
    front = 0.74 + 0.26 * ramp(crest - above, 0.0, np.maximum(0.8 * crest, 2.0))
    tongue = (front * aside * (0.5 + 0.5 * light))[..., None] * colours.tongue
    out = out + (tongue - out) * mound[..., None]
    bright, cover = _row(x - bite.middle, 5.0 + above, LOWER_WIDTHS, LOWER_HEIGHTS, 0.8, bite, 1)
    cover = 0.55 * cover * ramp(opening, 7.0, 14.0) * ramp(15.0 - np.abs(x), 0.0, 6.0)
    teeth = (0.80 * bright * aside * (0.5 + 0.5 * light) * (0.6 + 0.4 * ramp(above, 0.0, 2.0)))[..., None]
    out = out + (teeth * colours.teeth - out) * cover[..., None]
    bright, cover = _row(x - bite.middle, 10.0 + edge - bite.shown, UPPER_WIDTHS, UPPER_HEIGHTS, 1.3, bite, 0)
    shade = (bright * (0.5 + 0.5 * aside) * light)[..., None] ** colours.warmth
    teeth = shade * colours.teeth
    out = out + (teeth - out) * cover[..., None]
    # What lies right behind the upper lip is dark and red of it.
    return np.asarray(out + (colours.seam * 1.15 - out) * (0.5 * lid), np.float32)


def lit(gap: float) -> Array:
    """Share of the light that gets in between lips that stand ``gap`` millimetres apart."""
    return 0.6 + 0.4 * ramp(gap, 0.0, 22.0)


def _row(
    x: Array, y: Array, widths: tuple[float, ...], heights: tuple[float, ...], bow: float, bite: Bite, row: int
) -> tuple[Array, Array]:
    """Brightness and cover of a row; ``y`` counts from the gums of the incisors towards their edge."""
    wide_of = np.asarray(widths, np.float32) * bite.width
    edges = np.concatenate([[0.0], np.cumsum(wide_of)])
    away, half = np.abs(x), (x > 0).astype(int)
    number = np.clip(np.searchsorted(edges, away.ravel(), side="right") - 1, 0, len(widths) - 1).reshape(x.shape)
    left, wide = edges[number].astype(np.float32), wide_of[number]
    inside = np.clip((away - left) / wide, 0.0, 1.0) * 2 - 1
    # The biting edge: rounded at the corners of each tooth, the whole row slightly bowed.
    long = np.asarray(heights, np.float32)[number] + bite.lengths[row][half, number]
    bottom = long - 0.9 * inside**4 - bow * (away / 20.0) ** 2
    cover = np.clip((bottom - y) / 1.2 + 0.5, 0.0, 1.0) * np.clip((edges[-1] - away) / 4.0, 0.0, 1.0)
    seam = 1 - bite.seam * np.exp(-(((1 - np.abs(inside)) * wide / 0.6) ** 2))
    if row == 0 and bite.gap > 0.1:
        seam = seam * (1 - 0.6 * np.exp(-((away / bite.gap) ** 2)))
    # Enamel is rounded from side to side and a little darker and warmer towards the gums.
    round_off = (1 - 0.10 * inside**2) * (1 - 0.1 * ramp(bottom - y, 0.5, 7.0))
    # The arch runs back and into the cheeks' shadow.
    depth = 1.0 - 0.72 * np.clip((away - 7.0) / 24.0, 0.0, 1.0) ** 1.3
    return (seam * round_off * depth).astype(np.float32), cover.astype(np.float32)


def sample(rgb: Rgb, points: Array, indices: tuple[int, ...], percentile: float) -> Array:
    """A robust colour at some points: the mean of the pixels around the given percentile of brightness."""
    size = max(1, round(0.012 * float(np.ptp(points[:, 1]))))
    found = []
    for x, y in np.round(points[list(indices), :2]).astype(int):
        x, y = np.clip(x, 0, rgb.shape[1] - 1), np.clip(y, 0, rgb.shape[0] - 1)
        found.append(rgb[max(0, y - size) : y + size + 1, max(0, x - size) : x + size + 1].reshape(-1, 3))
    pixels = np.concatenate(found).astype(np.float32)
    bright = pixels @ _GREY
    low, high = np.percentile(bright, [max(0, percentile - 20), min(100, percentile + 20)])
    return np.asarray(pixels[(bright >= low) & (bright <= high)].mean(0), np.float32)


_GREY: Final = np.array([0.299, 0.587, 0.114], np.float32)


def grey(colour: Array) -> float:
    """Brightness of a colour."""
    return float(colour @ _GREY)


def ramp(x: ArrayLike, low: ArrayLike, high: ArrayLike) -> Array:
    """0 up to ``low``, 1 from ``high`` on, smooth between."""
    start, end = np.asarray(low, np.float32), np.asarray(high, np.float32)
    t = np.clip((np.asarray(x, np.float32) - start) / (end - start), 0.0, 1.0)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def outer_eyes(points: Array) -> float:
    """Pixels per inter-ocular distance."""
    a, b = topo.OUTER_EYE_CORNERS
    return max(float(np.linalg.norm(points[a] - points[b])), 1e-3)
