"""What lies behind the person, and the person's own colours beyond the edge of the matte."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Rgb = NDArray[np.uint8]


def background_plate(rgb: Rgb, alpha: Array, grain: float) -> Rgb:
    """The picture without the person: unchanged where ``alpha`` is 0, in-painted elsewhere.

    Colours flow in smoothly from the hole's rim; the fine structure is mirrored at the rim, so that grain and texture
    do not stop there.

    Args:
        rgb: ``(H, W, 3)`` uint8.
        alpha: ``(H, W)`` float32 matte.
        grain: size in pixels of what counts as fine structure.
    """
    hole = alpha > 0
    if not hole.any():
        return rgb.copy()
    if hole.all():
        return np.full_like(rgb, np.median(rgb.reshape(-1, 3), axis=0).astype(np.uint8))
    picture = rgb.astype(np.float32)
    # Colours near the matte's edge are often half hair: the fill starts from a little farther out.
    wide = cv2.dilate(hole.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    if wide.all():
        wide = hole
    smooth = fill_smoothly(picture, ~wide)
    known = (~wide).astype(np.float32)
    weight = cv2.GaussianBlur(known, (0, 0), grain)[..., None]
    base = cv2.GaussianBlur(picture * known[..., None], (0, 0), grain) / np.maximum(weight, 1e-3)
    detail = np.where(wide[..., None], 0.0, picture - base).astype(np.float32)
    xs, ys, distance = _nearest(wide)
    yy, xx = np.indices(hole.shape, np.float32)
    mirrored = cv2.remap(
        detail, 2 * xs - xx, 2 * ys - yy, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REFLECT_101
    )
    mirrored *= np.clip(2.0 - distance / (6 * grain), 0.0, 1.0)[..., None]
    filled = np.clip(smooth + mirrored, 0, 255)
    # From the wider hole's rim to the hole's own the photo fades out, where it is not the photo anyway.
    out = np.where(hole[..., None], filled, picture)
    return np.asarray(np.round(out), np.uint8)


@dataclass(frozen=True)
class Layers:
    """A picture taken apart.

    Attributes:
        colours: ``(H, W, 3)`` uint8 of the person, equal to the picture where ``alpha`` is 255 and extended beyond the
            edge, so that a moved edge carries no old background.
        alpha: ``(H, W)`` uint8 matte, sharpened by the colours on both sides.
        plate: ``(H, W, 3)`` uint8 background, equal to the picture where ``alpha`` is 0.
    """

    colours: Rgb
    alpha: Rgb
    plate: Rgb


def take_apart(rgb: Rgb, alpha: Array, grain: float) -> Layers:
    """Split a picture into the person and the background, which composite back to the picture.

    Args:
        rgb: ``(H, W, 3)`` uint8.
        alpha: ``(H, W)`` float32 matte.
        grain: see :func:`background_plate`.
    """
    plate = background_plate(rgb, alpha, grain)
    sure = alpha > 0.97
    if not sure.any():
        return Layers(rgb.copy(), np.round(255 * alpha).astype(np.uint8), plate)
    picture, behind = rgb.astype(np.float32), plate.astype(np.float32)
    xs, ys, _ = _nearest(~sure)
    near = cv2.GaussianBlur(picture[ys.astype(np.intp), xs.astype(np.intp)], (0, 0), max(0.8, 0.4 * grain))
    fine = np.round(255 * _share_of_person(picture, near, behind, alpha)).astype(np.uint8)
    a = fine[..., None].astype(np.float32) / 255
    # The compositing equation solved for the foreground; trusted the more the less background is in the pixel.
    solved = np.clip((picture - (1 - a) * behind) / np.maximum(a, 0.02), 0, 255)
    trust = np.clip((a - 0.05) / 0.15, 0.0, 1.0)
    colours = np.where(a >= 1.0, picture, trust * solved + (1 - trust) * near)
    plate = np.where(a <= 0.0, rgb, plate)
    return Layers(np.round(colours).astype(np.uint8), fine, plate)


def _share_of_person(picture: Array, person: Array, behind: Array, alpha: Array) -> Array:
    """Refine a matte by where each pixel's colour lies between the person's and the background's near it."""
    span = person - behind
    square = (span**2).sum(-1)
    along = np.clip(((picture - behind) * span).sum(-1) / np.maximum(square, 1.0), 0.0, 1.0)
    miss = ((picture - behind - along[..., None] * span) ** 2).sum(-1)
    # Alike colours, or a colour that is neither, say little.
    trust = square / (square + 40.0**2) * np.exp(-miss / 50.0**2)
    mixed = alpha + (along - alpha) * trust
    return np.asarray(np.where((alpha > 0) & (alpha < 1), mixed, alpha), np.float32)


def fill_smoothly(picture: Array, known: NDArray[np.bool_]) -> Array:
    """Fill the unknown part of a picture from its rim by averages over ever larger windows (push-pull).

    Args:
        picture: ``(H, W, C)`` float32.
        known: ``(H, W)`` bool with at least one True.
    Returns:
        ``(H, W, C)`` float32, equal to ``picture`` where ``known``.
    """
    h, w = known.shape
    weight = known.astype(np.float32)
    if min(h, w) <= 2 or known.all():
        mean = picture[known].mean(0)
        return np.asarray(np.where(known[..., None], picture, mean), np.float32)
    half = ((w + 1) // 2, (h + 1) // 2)
    low_weight = cv2.resize(weight, half, interpolation=cv2.INTER_AREA)
    low = cv2.resize(picture * weight[..., None], half, interpolation=cv2.INTER_AREA)
    low = low / np.maximum(low_weight, 1e-6)[..., None]
    below = fill_smoothly(low.astype(np.float32), low_weight > 0.01)
    up = cv2.resize(below, (w, h), interpolation=cv2.INTER_LINEAR)
    # One light blur per level hides the steps of the pyramid.
    up = cv2.GaussianBlur(up, (5, 5), 0)
    return np.asarray(np.where(known[..., None], picture, up), np.float32)


def _nearest(unknown: NDArray[np.bool_]) -> tuple[Array, Array, Array]:
    """Column, row and distance of the nearest known pixel, each ``(H, W)`` float32."""
    distance, labels = cv2.distanceTransformWithLabels(
        unknown.astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    ys, xs = np.nonzero(~unknown)
    lut = np.zeros((int(labels.max()) + 1, 2), np.float32)
    lut[labels[ys, xs]] = np.stack([xs, ys], 1)
    place = lut[labels]
    return place[..., 0], place[..., 1], distance.astype(np.float32)
