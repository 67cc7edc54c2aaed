"""Where the person is: a soft matte of the head's region.

A small segmentation network says person or background at 256 x 256. What it is sure of stays; between, closed-form
matting finds hair by the colours on both sides. Without the network GrabCut started from the face points takes its
place (docs/adr/0003-matte.md).
"""

from __future__ import annotations

import warnings
from typing import Any

import cv2
import numpy as np

from mssync.arrays import Array, Mask, Rgb
from mssync.assets import asset_bytes
from mssync.errors import AssetError, PlatformError
from mssync.face.networks import LiteNet
from mssync.face.topology import FACE_OVAL
from mssync.render.matting import closed_form

_NET_SIZE = 256
_GRABCUT_SIZE = 320
# Hair is found at this size at most; larger photos get it by their own colours.
_SOLVE_SIZE = 640
# The network's mask: above, surely the person; below, surely not; and how far in from there, in face heights.
_PERSON, _BACKGROUND, _DRAWN_BACK = 0.9, 0.1, 0.035
_FEW = 0.02  # share of a picture that says little
_SEEN = 0.5  # of the face: where the network sees less it sees no person
_SHADE = 3  # levels by which neighbours of one wall differ
_WALL, _HOLED = 0.15, 0.25  # the least of a picture that a wall takes, and the most of the face's outline
_MORE = 0.15  # of the longer side: how far a picture is continued
_CLEAN = (0.03, 0.97)  # what colours leave as a haze on both sides of the edge is cut


def person_matte(rgb: Rgb, points: Array) -> Array:
    """Share of the person in every pixel of a head-and-shoulders crop.

    Args:
        rgb: ``(H, W, 3)`` uint8.
        points: ``(478, 2 or 3)`` face points in pixels of the crop.
    Returns:
        ``(H, W)`` float32 in [0, 1]; exactly 0 away from the person, 1 inside the face.
    """
    face = np.zeros(rgb.shape[:2], np.uint8)
    cv2.fillPoly(face, [np.round(points[list(FACE_OVAL), :2]).astype(np.int32)], 1)
    try:
        coarse = _segment(rgb)
    except (AssetError, PlatformError) as error:
        warnings.warn(f"The person's outline is found from colours alone. {error}", stacklevel=2)
        coarse = _grabcut(rgb, points)
    else:
        if coarse[face > 0].mean() < _SEEN:  # drawings, that the network takes for no person
            drawn = _before_even_wall(rgb, face)
            if drawn is None:
                coarse = _grabcut(rgb, points)
            else:
                coarse, face = drawn, np.where(drawn > 0.5, face, 0).astype(np.uint8)
    coarse = _only_connected(np.maximum(coarse, face), face)
    scale = min(1.0, _SOLVE_SIZE / max(rgb.shape[:2]))
    size = (max(1, round(rgb.shape[1] * scale)), max(1, round(rgb.shape[0] * scale)))
    small, coarse = (_resize(x, size) for x in (rgb, coarse))
    inside, outside = _sure(coarse, float(np.ptp(points[:, 1])) * scale)
    inside |= _resize(face, size) > 0
    picture = small.astype(np.float32) / 255
    guess = np.where(inside, 1, np.where(outside, 0, coarse)).astype(np.float32)
    low, high = _CLEAN
    solved = closed_form(picture, guess, inside | outside)
    alpha = np.asarray(np.clip((solved - low) / (high - low), 0, 1), np.float32)
    if scale == 1.0:
        return alpha
    return _at_full_size(rgb, picture, alpha)


def is_cut_out(rgb: Rgb, alpha: Rgb) -> bool:
    """Whether a picture's own transparency shows a person cut out, and not a rim, round corners or a fading border.

    It is believed where it clears most of what the network takes for background.

    Args:
        rgb: ``(H, W, 3)`` uint8.
        alpha: ``(H, W)`` uint8.
    """
    clear = alpha < 128
    try:
        ground = _segment(rgb) < _BACKGROUND
    except (AssetError, PlatformError):
        return bool(clear.mean() > _FEW)
    return bool(clear[ground].mean() > 0.5) if ground.mean() > _FEW else bool(clear.mean() > _FEW)


def _sure(coarse: Array, high: float) -> tuple[Mask, Mask]:
    """What is surely person and surely not: the mask's own certainty, drawn back from its edge on both sides.

    Args:
        coarse: ``(H, W)`` the network's mask.
        high: height of the face in pixels.
    """
    reach = max(1, round(_DRAWN_BACK * high))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    parts = (coarse > _PERSON, coarse < _BACKGROUND)
    inside, outside = (cv2.erode(part.astype(np.uint8), disc, borderType=cv2.BORDER_REPLICATE) > 0 for part in parts)
    return inside, outside


def _at_full_size(rgb: Rgb, picture: Array, alpha: Array) -> Array:
    """A matte found at a smaller size, by what it says there about colours (He, Sun 2015)."""
    slope, offset = affine_of_colour(picture, alpha, 2, 1e-4)
    size = (rgb.shape[1], rgb.shape[0])
    edge = _resize(cv2.dilate(((alpha > 0) & (alpha < 1)).astype(np.uint8), np.ones((5, 5), np.uint8)), size) > 0
    out = np.asarray(_resize(alpha, size), np.float32)
    slope, offset = (np.asarray(_resize(x, size), np.float32)[edge] for x in (slope, offset))
    fine = ((rgb[edge].astype(np.float32) / 255) * slope).sum(-1) + offset
    out[edge] = np.clip(fine, 0, 1)
    return out


def affine_of_colour(guide: Array, values: Array, radius: int, eps: float) -> tuple[Array, Array]:
    """The affine function of the colour that describes ``values`` around each pixel (He, Sun, Tang 2013, eq. 19-21).

    Args:
        guide: ``(H, W, 3)`` float32 in [0, 1].
        values: ``(H, W)`` float32.
        radius: half width of the window in pixels.
        eps: variance below which a window counts as flat.
    Returns:
        slope ``(H, W, 3)`` and offset ``(H, W)``.
    """

    def mean(x: Array) -> Array:
        return np.asarray(cv2.blur(x, (2 * radius + 1, 2 * radius + 1)), np.float32)

    m, v = mean(guide), mean(values)
    cov = mean(guide * values[..., None]) - m * v[..., None]
    sigma = np.empty((*values.shape, 3, 3), np.float32)
    for i in range(3):
        for j in range(i, 3):
            sigma[..., i, j] = sigma[..., j, i] = mean(guide[..., i] * guide[..., j]) - m[..., i] * m[..., j]
    sigma += eps * np.eye(3, dtype=np.float32)
    a = np.linalg.solve(sigma, cov[..., None])[..., 0].astype(np.float32)
    return mean(a), mean(v - (a * m).sum(-1))


def _segment(rgb: Rgb) -> Array:
    """The network's mask ``(H, W)``: the mean of three looks, since one may miss a hat that the border cuts off.

    The picture is continued beyond its border in two of them, and mirrored in one.
    """
    net = LiteNet(asset_bytes("selfie_segmentation.tflite"), 2)
    h, w = rgb.shape[:2]
    more = round(_MORE * max(h, w))
    total = np.zeros((h, w), np.float32)
    for above, aside, flip in ((0, 0, False), (more, 0, False), (more, more, True)):
        look = np.asarray(cv2.copyMakeBorder(rgb, above, 0, aside, aside, cv2.BORDER_REPLICATE))
        look = np.ascontiguousarray(look[:, ::-1]) if flip else look
        x = cv2.resize(look, (_NET_SIZE, _NET_SIZE), interpolation=cv2.INTER_AREA)
        y = net(np.asarray(x, np.float32)[None] / np.float32(255))[0][0, ..., 0]
        mask = _resize(np.ascontiguousarray(y, np.float32), (look.shape[1], look.shape[0]))[:, :: -1 if flip else 1]
        total += mask[above:, aside : aside + w]
    return total / np.float32(3)


def _before_even_wall(rgb: Rgb, face: Rgb) -> Array | None:
    """What is not joined to the upper corners by even colours, or None where that leaves too little or a holed face."""
    h, w = face.shape
    mask = np.zeros((h + 2, w + 2), np.uint8)
    for corner in ((0, 0), (w - 1, 0)):
        if not mask[corner[1] + 1, corner[0] + 1]:
            cv2.floodFill(
                rgb.copy(), mask, corner, (0, 0, 0), (_SHADE,) * 3, (_SHADE,) * 3, 4 | cv2.FLOODFILL_MASK_ONLY
            )
    wall = mask[1:-1, 1:-1] > 0
    if wall.mean() < _WALL or wall[face > 0].mean() > _HOLED:
        return None
    return np.asarray(cv2.GaussianBlur((~wall).astype(np.float32), (0, 0), 1.0), np.float32)


def _grabcut(rgb: Rgb, points: Array) -> Array:
    """Person or background from colours alone, started with the face as sure and its surroundings as likely."""
    scale = min(1.0, _GRABCUT_SIZE / max(rgb.shape[:2]))
    small = cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    oval = points[list(FACE_OVAL), :2] * scale
    centre, high = oval.mean(0), float(np.ptp(oval[:, 1]))
    h, w = small.shape[:2]

    def fill(shape: Array, label: int) -> None:
        cv2.fillPoly(mask, [np.round(shape).astype(np.int32)], label)

    mask = np.full((h, w), cv2.GC_BGD, np.uint8)
    chin = centre[1] + 0.5 * high
    body = [(-0.7, 0.05), (0.7, 0.05), (2.2, 0.7), (2.2, 9), (-2.2, 9), (-2.2, 0.7)]
    fill(np.array([(centre[0] + a * high, chin + b * high) for a, b in body], np.float32), cv2.GC_PR_BGD)
    torso = [(-0.3, 0.0), (0.3, 0.0), (0.35, 0.25), (1.2, 0.6), (1.2, 9), (-1.2, 9), (-1.2, 0.6), (-0.35, 0.25)]
    fill(np.array([(centre[0] + a * high, chin + b * high) for a, b in torso], np.float32), cv2.GC_PR_FGD)
    fill(centre + (oval - centre) * 2.0, cv2.GC_PR_BGD)
    fill(centre + (oval - centre) * 1.35 - np.array([0, 0.08 * high]), cv2.GC_PR_FGD)
    fill(centre + (oval - centre) * 0.97, cv2.GC_FGD)
    neck = [(-0.2, -0.1), (0.2, -0.1), (0.2, 0.2), (-0.2, 0.2)]
    fill(np.array([(centre[0] + a * high, chin + b * high) for a, b in neck], np.float32), cv2.GC_FGD)
    cv2.setRNGSeed(0)
    cv2.grabCut(small, mask, (0, 0, 1, 1), np.zeros((1, 65)), np.zeros((1, 65)), 5, cv2.GC_INIT_WITH_MASK)
    person = np.isin(mask, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.float32)
    return np.asarray(_resize(cv2.GaussianBlur(person, (0, 0), 1.0), (rgb.shape[1], rgb.shape[0])), np.float32)


def _only_connected(alpha: Array, face: Rgb) -> Array:
    """Drop parts that do not hang together with the face (other people, posters)."""
    count, labels = cv2.connectedComponents((alpha > 0.3).astype(np.uint8))
    if count <= 2:
        return alpha.astype(np.float32)
    mine = np.bincount(labels[face > 0], minlength=count)
    mine[0] = 0
    keep = (labels == int(mine.argmax())).astype(np.uint8)
    reach = cv2.dilate(keep, np.ones((9, 9), np.uint8))
    return (alpha * reach).astype(np.float32)


def _resize(x: Any, size: tuple[int, int]) -> Any:
    shrink = size[0] < x.shape[1]
    return cv2.resize(x, size, interpolation=cv2.INTER_AREA if shrink else cv2.INTER_LINEAR)
