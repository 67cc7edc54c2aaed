"""What lies behind the person, and the person's own colours beyond the edge of the matte."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mssync.arrays import Array, Mask, Rgb
from mssync.render.matting import both_colours

_WORK_SIZE = 640  # pixels of the longer side at which unknown colours are made up
_NOTHING = 0.02  # share of the person below which a pixel is background
_UNSEEN, _EVEN = 2.0, 12.0  # levels that nobody sees, and that the wall may change for a line on it to be seen
_OWN_SPREAD, _LEAST_ROUGH = 20.0, 3.0  # levels by which colours of hair, and of an even wall, are uncertain
_FAINT = 64  # of 255: less of the person than this is a line at its edge
_SOFTER = (0.005, 0.02, 0.06)  # of the picture's side: depths in the hole between which what is made up grows soft
_REACH = 4  # pixels around each that in-painting takes its colours from


@dataclass(frozen=True)
class Layers:
    """A picture taken apart.

    Attributes:
        colours: ``(H, W, 3)`` uint8 of the person, equal to the picture where ``alpha`` is 255 and extended beyond the
            edge, so that a moved edge carries no old background.
        alpha: ``(H, W)`` uint8 matte.
        plate: ``(H, W, 3)`` uint8 background, equal to the picture where ``alpha`` is 0.
    """

    colours: Rgb
    alpha: Rgb
    plate: Rgb


def background_plate(rgb: Rgb, hole: Mask) -> Rgb:
    """The picture without the person: in-painted in the hole (Telea 2004), unchanged elsewhere.

    Args:
        rgb: ``(H, W, 3)`` uint8.
        hole: ``(H, W)`` bool.
    """
    if hole.all():
        return np.full_like(rgb, np.median(rgb.reshape(-1, 3), axis=0).astype(np.uint8))
    # In 16 bits: with eight, rounding darkens an even wall by a level every ten pixels.
    channels = (np.ascontiguousarray(rgb[..., i], np.uint16) * 256 for i in range(3))
    filled = [
        np.asarray(cv2.inpaint(x, hole.astype(np.uint8), _REACH, cv2.INPAINT_TELEA), np.float32) for x in channels
    ]
    out = np.stack(filled, -1) / np.float32(256)
    # It carries what stands at the rim inwards in streaks: the farther in, the softer.
    depth = cv2.distanceTransform(hole.astype(np.uint8), cv2.DIST_L2, 3) / max(hole.shape)
    for start, end in itertools.pairwise(_SOFTER):
        soft = cv2.GaussianBlur(out, (0, 0), 0.3 * end * max(hole.shape))
        out += (soft - out) * np.clip((depth - start) / (end - start), 0, 1)[..., None]
    return np.where(hole[..., None], np.round(out), rgb).astype(np.uint8)


def take_apart(rgb: Rgb, alpha: Array, halo: float) -> Layers:
    """Split a picture into the person and the background, which composite back to the picture.

    What is unknown (background behind, colours beyond the edge) is found at a working size; only the soft edge is
    worked on at full resolution, so that memory stays a small multiple of the picture's.

    Args:
        rgb: ``(H, W, 3)`` uint8.
        alpha: ``(H, W)`` float32 matte.
        halo: pixels by which sharpening and lossy coding may have spread the person beyond its matte.
    """
    reach = 2 * max(2, round(halo)) + 1
    fine = np.round(255 * np.where(alpha > _NOTHING, alpha, 0)).astype(np.uint8)
    touched = cv2.dilate((fine > 0).astype(np.uint8), np.ones((reach, reach), np.uint8)) > 0
    near, behind, rough = _unknown_parts(rgb, alpha, touched)
    # Sharpening, lossy coding and single hairs draw a line around a person, and a matte may be too tight: what differs
    # from an even wall goes with the person.
    rim = touched & (fine < 255) & (rough < _EVEN)
    line = rgb[rim].astype(np.float32) - behind[rim]
    seen = np.abs(line).max(-1)
    span = np.where(line > 0, 255.0 - behind[rim], behind[rim])
    least = (np.abs(line) / np.maximum(span, 1)).max(-1)  # with less of it no colour could draw the line
    least = np.minimum(np.ceil(255 * least), fine[rim] + _FAINT)
    least = np.where((seen > _UNSEEN) & (seen > rough[rim]), np.minimum(least, 255), 0)
    fine[rim] = np.maximum(fine[rim], least)
    hole, soft = fine > 0, (fine > 0) & (fine < 255)
    colours = np.where((fine == 255)[..., None], rgb, near)
    plate = np.where(hole[..., None], behind, rgb)
    # What the two do not explain of a mixed pixel goes to both, to each as far as it is uncertain, so that the picture
    # comes back: a rough wall behind cannot be known, the colour of a hair on a smooth one can.
    a = fine[soft][:, None].astype(np.float32) / 255
    own, back = near[soft].astype(np.float32), behind[soft].astype(np.float32)
    one, other = a * _OWN_SPREAD**2, (1 - a) * np.where(rim & (fine < _FAINT), 0, rough)[soft][:, None] ** 2
    rest = (rgb[soft] - a * own - (1 - a) * back) / (a * one + (1 - a) * other)
    own, back = np.clip(own + one * rest, 0, 255), np.clip(back + other * rest, 0, 255)
    left = rgb[soft] - a * own - (1 - a) * back  # where one of them ran out of colours
    colours[soft] = np.round(np.clip(own + np.where(a < 0.5, 0, left / a), 0, 255))
    plate[soft] = np.round(np.clip(back + np.where(a < 0.5, left / (1 - a), 0), 0, 255))
    return Layers(colours, fine, plate)


def _unknown_parts(rgb: Rgb, alpha: Array, hole: Mask) -> tuple[Rgb, Rgb, Array]:
    """Colours of the person in and beyond the edge, the background in-painted, both ``(H, W, 3)`` uint8, and how
    uncertain that background is, ``(H, W)`` levels."""
    h, w = alpha.shape
    scale = min(1.0, _WORK_SIZE / max(h, w))
    size = max(1, round(w * scale)), max(1, round(h * scale))
    small, share = rgb, alpha
    if scale < 1.0:
        small = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
        share = np.asarray(cv2.resize(alpha, size, interpolation=cv2.INTER_AREA), np.float32)
        hole = cv2.resize(hole.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0
    near, _ = both_colours(np.asarray(small / 255, np.float32), share)
    parts: list[NDArray[Any]] = [
        np.round(255 * near),
        background_plate(small, hole),
        _roughness(small, ~hole, max(4.0, 0.02 * max(size))),
    ]
    if scale < 1.0:
        parts = [np.asarray(cv2.resize(x, (w, h), interpolation=cv2.INTER_LINEAR)) for x in parts]
    return np.asarray(parts[0], np.uint8), np.asarray(parts[1], np.uint8), np.asarray(parts[2], np.float32)


def _roughness(rgb: Rgb, known: Mask, reach: float) -> Array:
    """How much the known part of a picture changes from place to place near every pixel ``(H, W)``, levels.

    A wall that slowly grows darker is even.
    """
    weight = known.astype(np.float32)[..., None]

    def mean(x: Array, sigma: float) -> Array:
        share = cv2.GaussianBlur(weight, (0, 0), sigma)[..., None] + 1e-4
        return np.asarray(cv2.GaussianBlur(x * weight, (0, 0), sigma), np.float32) / share

    picture = rgb.astype(np.float32)
    spread = mean((picture - mean(picture, 0.3 * reach)) ** 2, reach)
    return np.asarray(np.sqrt(spread.mean(-1) + _LEAST_ROUGH**2), np.float32)


def fill_smoothly(picture: Array, known: Mask) -> Array:
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


def _nearest(unknown: Mask) -> tuple[Array, Array, Array]:
    """Column, row and distance of the nearest known pixel, each ``(H, W)`` float32."""
    distance, labels = cv2.distanceTransformWithLabels(
        unknown.astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    ys, xs = np.nonzero(~unknown)
    lut = np.zeros((int(labels.max()) + 1, 2), np.float32)
    lut[labels[ys, xs]] = np.stack([xs, ys], 1)
    place = lut[labels]
    return place[..., 0], place[..., 1], distance.astype(np.float32)
