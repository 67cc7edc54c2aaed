"""What lies behind the person, and the person's own colours beyond the edge of the matte."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from mssync.arrays import Array, Mask, Rgb


def background_plate(rgb: Rgb, alpha: Array, grain: float) -> Rgb:
    """The picture without the person: unchanged where ``alpha`` is 0, in-painted elsewhere.

    Colours flow in smoothly from the hole's rim; structure is mirrored at the rim, so that grain and stripes do not
    stop there.

    Args:
        rgb: ``(H, W, 3)`` uint8.
        alpha: ``(H, W)`` float32 matte.
        grain: size in pixels of what counts as structure.
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
    known = (~wide).astype(np.float32)
    weight = cv2.GaussianBlur(known, (0, 0), grain)[..., None]
    base = cv2.GaussianBlur(picture * known[..., None], (0, 0), grain) / np.maximum(weight, 1e-3)
    detail = np.where(wide[..., None], 0.0, picture - base).astype(np.float32)
    smooth = fill_smoothly(np.asarray(base, np.float32), ~wide)
    xs, ys, distance = _nearest(wide)
    yy, xx = np.indices(hole.shape, np.float32)
    # The nearest place jumps from pixel to pixel of a ragged rim; mirrored at a smoothed rim, structures hold together.
    to_rim = cv2.GaussianBlur(np.stack([xs - xx, ys - yy], -1), (0, 0), 0.3 * grain)
    mirrored = cv2.remap(
        detail,
        xx + 2 * to_rim[..., 0],
        yy + 2 * to_rim[..., 1],
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    mirrored *= np.clip(1.6 - distance / (2.5 * grain), 0.0, 1.0)[..., None]
    filled = np.clip(smooth + mirrored, 0, 255)
    # From the wider hole's rim to the hole's own the photo fades out, where it is not the photo anyway.
    out = np.where(hole[..., None], filled, picture)
    return np.asarray(np.round(out), np.uint8)


_WORK_SIZE = 1200  # pixels of the longer side at which unknown colours are made up
_FAINT = 30  # levels by which a line around the person may differ from the background


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

    What is unknown (background behind, colours beyond the edge) is smooth and found at a working size; only the soft
    edge is worked on at full resolution, so that memory stays a small multiple of the picture's.

    Args:
        rgb: ``(H, W, 3)`` uint8.
        alpha: ``(H, W)`` float32 matte.
        grain: size in pixels of the finest structure that a soft edge may carry.
    """
    fine = np.round(255 * alpha).astype(np.uint8)
    size = 2 * max(1, round(1.2 * grain)) + 1
    touched = np.asarray(cv2.dilate((alpha > 0).astype(np.uint8), np.ones((size, size), np.uint8)), np.uint8)
    near, plate = _unknown_parts(rgb, alpha, touched, grain)
    colours = np.where((fine == 255)[..., None], rgb, near)
    plate = np.where((touched > 0)[..., None], plate, rgb)
    band = (touched > 0) & (alpha < 1)
    picture, behind, rim = rgb[band].astype(np.float32), plate[band].astype(np.float32), alpha[band] <= 0
    share, miss = _share_of_person(picture, near[band].astype(np.float32), behind, alpha[band])
    # Sharpening and lossy coding draw a faint line around a person: it belongs to the person, or it would stay behind.
    line = np.abs(picture - behind).max(-1)
    share = np.where(rim & (line > 1.5) & (line < _FAINT), line / 120, np.where(rim, 0.0, share))
    fine[band] = np.round(255 * share)
    a = fine[band][:, None].astype(np.float32) / 255
    # The compositing equation solved for the foreground; trusted the more the less background is in the pixel.
    solved = np.clip((picture - (1 - a) * behind) / np.maximum(a, 0.02), 0, 255)
    trust = np.where(rim[:, None], 1.0, np.clip((a - 0.05) / 0.15, 0.0, 1.0))
    own = np.where(a >= 1.0, picture, np.round(trust * solved + (1 - trust) * near[band]))
    # In the outer haze of the matte a colour that is neither is background that the in-painting could not know.
    rest = np.clip((picture - a * own) / np.maximum(1 - a, 0.1), 0, 255)
    strange = np.where(rim, 0.0, np.clip((0.75 - a[:, 0]) / 0.2, 0.0, 1.0) * miss)[:, None]
    colours[band] = own
    plate[band] = np.where(a <= 0.0, picture, np.round(behind + (rest - behind) * strange))
    return Layers(colours, fine, plate)


def _unknown_parts(rgb: Rgb, alpha: Array, touched: Rgb, grain: float) -> tuple[Rgb, Rgb]:
    """Colours of the nearest sure part of the person, and the background in-painted, both ``(H, W, 3)`` uint8."""
    h, w = alpha.shape
    scale = min(1.0, _WORK_SIZE / max(h, w))
    if scale < 1.0:
        size = max(1, round(w * scale)), max(1, round(h * scale))
        small = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
        sure = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA) > 0.97
        hole = np.asarray(cv2.resize(touched.astype(np.float32), size, interpolation=cv2.INTER_AREA), np.float32)
    else:
        small, sure, hole = rgb, alpha > 0.97, touched.astype(np.float32)
    plate = background_plate(small, hole, 3 * grain * scale)
    near = small
    if sure.any():
        xs, ys, _ = _nearest(~sure)
        near = small[ys.astype(np.intp), xs.astype(np.intp)]
        near = np.asarray(cv2.GaussianBlur(near, (0, 0), max(0.8, 0.4 * grain * scale)), np.uint8)
    if scale < 1.0:
        near, plate = (
            np.asarray(cv2.resize(x, (w, h), interpolation=cv2.INTER_LINEAR), np.uint8) for x in (near, plate)
        )
    return near, plate


def _share_of_person(picture: Array, person: Array, behind: Array, alpha: Array) -> tuple[Array, Array]:
    """Refine a matte by where each pixel's colour lies between the person's and the background's near it.

    Args:
        picture, person, behind: ``(N, 3)`` colours.
        alpha: ``(N,)`` matte so far.
    Returns:
        the matte and, in [0, 1], how little the colour is like either; both ``(N,)`` float32.
    """
    span = person - behind
    square = (span**2).sum(-1)
    along = np.clip(((picture - behind) * span).sum(-1) / np.maximum(square, 1.0), 0.0, 1.0)
    miss = ((picture - behind - along[:, None] * span) ** 2).sum(-1)
    # Alike colours, or a colour that is neither, say little.
    like = np.exp(-miss / 50.0**2)
    mixed = alpha + (along - alpha) * like * square / (square + 40.0**2)
    return mixed.astype(np.float32), (1 - like).astype(np.float32)


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
