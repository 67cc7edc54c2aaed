"""Smooth outlines of openings (mouth, eyes) and their soft masks."""

from __future__ import annotations

import cv2
import numpy as np

from mssync.arrays import Array, Rgb

Box = tuple[int, int, int, int]

_FINE = 6  # drawn points per side of the ring


def smooth_side(points: Array) -> Array:
    """A Catmull-Rom curve through one side of an opening, corner to corner.

    Args:
        points: ``(n, k)`` from one corner to the other.
    Returns:
        ``((n - 1) * 6 + 1, k)`` float32.
    """
    p = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    t = (np.arange(_FINE, dtype=np.float32) / _FINE)[None, :, None]
    a, b, c, d = p[:-3, None], p[1:-2, None], p[2:-1, None], p[3:, None]
    curve = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
    return np.concatenate([curve.reshape(-1, points.shape[1]), points[-1:]]).astype(np.float32)


def box_around(points: Array, margin: float, size: tuple[int, int]) -> Box:
    """Whole-pixel box x0, y0, x1, y1 around points ``(n, 2)``, cut to a picture of ``size`` (width, height)."""
    low, high = np.floor(points.min(0) - margin), np.ceil(points.max(0) + margin)
    x0, y0 = max(0, int(low[0])), max(0, int(low[1]))
    return x0, y0, max(x0, min(size[0], int(high[0]) + 1)), max(y0, min(size[1], int(high[1]) + 1))


def opening_mask(upper: Array, lower: Array, box: Box, soft: float) -> Array:
    """Soft mask of the opening between two curves.

    Args:
        upper, lower: ``(n, 2)`` curves in pixels, corner to corner; where they cross nothing is open.
        box: the part of the picture wanted.
        soft: standard deviation of the edge in pixels.
    Returns:
        ``(h, w)`` float32 in [0, 1]; zero everywhere when the opening is thinner than about half a pixel.
    """
    h, w = box[3] - box[1], box[2] - box[0]
    width = float(np.linalg.norm(upper[-1] - upper[0])) + 1e-6
    across = np.array([-(upper[-1] - upper[0])[1], (upper[-1] - upper[0])[0]]) / width
    height = (lower - upper) @ across
    if across[1] < 0:
        height = -height
    strength = float(np.clip((height.max() - 0.6) / 1.2, 0.0, 1.0))
    if strength == 0.0 or min(h, w) == 0:
        return np.zeros((max(h, 0), max(w, 0)), np.float32)
    # Where the curves cross, both take the middle.
    middle = (upper + lower) / 2
    crossed = (height < 0)[:, None]
    ring = np.concatenate([np.where(crossed, middle, upper), np.where(crossed, middle, lower)[::-1]])
    mask = np.zeros((h, w), np.uint8)
    polygon = np.round((ring - np.array(box[:2])) * 16).astype(np.int32)
    cv2.fillPoly(mask, [polygon], 255, cv2.LINE_AA, 4)
    out = mask.astype(np.float32) * np.float32(strength / 255)
    if soft <= 0.2:
        return out
    # The soft edge lies inside the opening, where the interior is known and nothing of it can spill on the skin.
    return np.clip(2 * cv2.GaussianBlur(out, (0, 0), soft) - 1, 0, 1).astype(np.float32)


def paint(frame: Rgb, box: Box, colours: Array, mask: Array) -> None:
    """Blend ``colours`` ``(h, w, 3)`` into the first three channels of ``frame`` inside ``box``, in place."""
    view = frame[box[1] : box[3], box[0] : box[2], :3]
    under = view.astype(np.float32)
    np.copyto(view, np.clip(under + (colours - under) * mask[..., None] + 0.5, 0, 255).astype(np.uint8))


def line_mask(curve: Array, box: Box, width: float) -> Array:
    """Soft mask ``(h, w)`` float32 of a line along ``curve`` ``(n, 2)`` that thins out towards its ends."""
    yy, xx = np.mgrid[box[1] : box[3], box[0] : box[2]].astype(np.float32)
    if xx.size == 0:
        return np.zeros((box[3] - box[1], box[2] - box[0]), np.float32)
    ends = curve[-1] - curve[0]
    length = max(float(np.linalg.norm(ends)), 1e-6)
    ax, ay = ends / length
    along = (xx - curve[0, 0]) * ax + (yy - curve[0, 1]) * ay
    place = (curve - curve[0]) @ np.array([[ax, -ay], [ay, ax]], np.float32)
    order = np.argsort(place[:, 0], kind="stable")
    middle = np.interp(along, place[order, 0], place[order, 1]).astype(np.float32)
    away = (yy - curve[0, 1]) * ax - (xx - curve[0, 0]) * ay - middle
    t = np.clip(along / length, 0.0, 1.0)
    taper = np.clip(6 * np.minimum(t, 1 - t), 0.0, 1.0)
    return np.asarray(np.exp(-0.5 * (away / width) ** 2) * taper, np.float32)
