"""Drawn teeth, tongue and throat for photos whose mouth is shut."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from mssync.arrays import Array, Rgb
from mssync.face import topology as topo

# Visible widths of teeth from the middle outwards, millimetres as seen from the front (the arch turns the outer ones
# away), and their heights. After Wheeler's dental anatomy; the outer corners of the eyes are about 90 mm apart.
MM_PER_EYES: Final = 90.0
UPPER_WIDTHS: Final = (8.5, 6.4, 6.2, 4.2, 3.4, 2.4)
UPPER_HEIGHTS: Final = (10.0, 9.2, 9.6, 8.4, 7.8, 7.0)
LOWER_WIDTHS: Final = (5.2, 5.5, 5.8, 4.6, 3.8, 2.8)
LOWER_HEIGHTS: Final = (8.5, 8.7, 9.0, 8.0, 7.5, 7.0)


@dataclass(frozen=True)
class Tones:
    """Colours (RGB 0..255) of a mouth's inside and of the line between the lips; a grey photo gives greys."""

    teeth: Array
    tongue: Array
    throat: Array
    seam: Array


def tones(rgb: Rgb, points: Array) -> Tones:
    """Colours that fit the photo's light: teeth after the whites of the eyes and the skin, the rest after the lips.

    Args:
        rgb: ``(H, W, 3)``.
        points: ``(478, 2 or 3)`` pixels.
    """
    skin = _sample(rgb, points, (50, 280, 101, 330, 205, 425, 117, 346), 50)
    lip = _sample(rgb, points, (84, 17, 314, 181, 405, 85, 16, 315), 40)
    white = _sample(rgb, points, (163, 145, 153, 390, 374, 380, 161, 157, 388, 384), 70)
    light = float(np.clip(max(1.05 * _grey(white), 1.25 * _grey(skin)), 25.0, 215.0))
    # The photo's own colour cast, as far as the skin tells it; enamel takes a part of it.
    warm = skin / max(_grey(skin), 1.0)
    # A grey photo has no red flesh.
    colourful = float(np.clip(np.ptp(warm) / 0.3, 0.0, 1.0))
    flesh = 1 + colourful * np.array([0.45, -0.22, -0.18], np.float32)
    lip_grey = max(_grey(lip), 1.0)
    return Tones(
        teeth=np.minimum(light * (0.55 + 0.45 * warm), 245.0).astype(np.float32),
        tongue=(0.62 * min(lip_grey, 0.8 * light) * flesh**0.8 * (0.5 + 0.5 * warm)).astype(np.float32),
        throat=(0.17 * light * flesh).astype(np.float32),
        seam=(0.42 * lip * flesh).astype(np.float32),
    )


def upper_teeth(x: Array, y: Array) -> tuple[Array, Array]:
    """Brightness and cover of the upper row.

    Args:
        x: millimetres from the middle.
        y: millimetres below the gums' line of the incisors.
    Returns:
        two arrays like ``x``: brightness in [0, 1], cover in [0, 1].
    """
    return _row(x, y, UPPER_WIDTHS, UPPER_HEIGHTS, 1.3)


def lower_teeth(x: Array, y: Array) -> tuple[Array, Array]:
    """Brightness and cover of the lower row; ``y`` counts upwards from the lower gums."""
    bright, cover = _row(x, y, LOWER_WIDTHS, LOWER_HEIGHTS, 0.8)
    return 0.82 * bright, cover


def _row(x: Array, y: Array, widths: tuple[float, ...], heights: tuple[float, ...], bow: float) -> tuple[Array, Array]:
    edges = np.concatenate([[0.0], np.cumsum(widths)])
    away = np.abs(x)
    number = np.clip(np.searchsorted(edges, away.ravel(), side="right") - 1, 0, len(widths) - 1).reshape(x.shape)
    left, wide = edges[number].astype(np.float32), np.asarray(widths, np.float32)[number]
    inside = np.clip((away - left) / wide, 0.0, 1.0) * 2 - 1
    # The biting edge: rounded at the corners of each tooth, the whole row slightly bowed.
    bottom = np.asarray(heights, np.float32)[number] - 0.9 * inside**4 - bow * (away / 20.0) ** 2
    cover = np.clip((bottom - y) / 0.8 + 0.5, 0.0, 1.0) * np.clip((edges[-1] - away) / 4.0, 0.0, 1.0)
    seam = 1 - 0.22 * np.exp(-(((1 - np.abs(inside)) * wide / 0.55) ** 2))
    round_off = 1 - 0.10 * inside**2
    # The arch runs back and into the cheeks' shadow.
    depth = 1.0 - 0.75 * np.clip((away - 6.0) / 24.0, 0.0, 1.0) ** 1.3
    return (seam * round_off * depth).astype(np.float32), cover.astype(np.float32)


def _sample(rgb: Rgb, points: Array, indices: tuple[int, ...], percentile: float) -> Array:
    """A robust colour at some points: the mean of the pixels around the given percentile of brightness."""
    size = max(1, round(0.012 * float(np.ptp(points[:, 1]))))
    found = []
    for x, y in np.round(points[list(indices), :2]).astype(int):
        x, y = np.clip(x, 0, rgb.shape[1] - 1), np.clip(y, 0, rgb.shape[0] - 1)
        found.append(rgb[max(0, y - size) : y + size + 1, max(0, x - size) : x + size + 1].reshape(-1, 3))
    pixels = np.concatenate(found).astype(np.float32)
    grey = pixels @ np.array([0.299, 0.587, 0.114], np.float32)
    low, high = np.percentile(grey, [max(0, percentile - 20), min(100, percentile + 20)])
    return np.asarray(pixels[(grey >= low) & (grey <= high)].mean(0), np.float32)


def _grey(colour: Array) -> float:
    return float(colour @ np.array([0.299, 0.587, 0.114]))


def outer_eyes(points: Array) -> float:
    """Pixels per inter-ocular distance."""
    a, b = topo.OUTER_EYE_CORNERS
    return max(float(np.linalg.norm(points[a] - points[b])), 1e-3)
