"""Whether something covers the mouth of a face: a mask, a microphone, a hand in a glove, a cup."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from mssync.arrays import Array, Rgb
from mssync.face import topology as topo

_SKIN: Final = (50, 280, 117, 346, 151, 9, 67, 297, 6, 197)  # cheekbones, forehead, bridge of the nose
_GREYISH: Final = 5.0  # a picture with less colour in its skin does not tell
# In CIELAB: how far from the skin lips may be towards green or blue before they are none.
_LESS_RED, _BLUER, _YELLOWER = 7.0, 16.0, 22.0
_BLACK, _FAINT = 0.6, 0.45  # of the skin's lightness and redness
_FEWEST, _FEWEST_BELOW = 0.35, 0.6  # share of the whole lips, and of each part below, that has to look like skin
_RINGS: Final = {
    "lips": topo.LIPS_OUTER,
    "lower lip": topo.LIPS_OUTER_LOWER + topo.LIPS_INNER_LOWER[-1:0:-1],
    "below": (*topo.LIPS_MIDDLE_LOWER, 424, 335, 406, 313, 18, 83, 182, 106, 204),
}


def mouth_covered(rgb: Rgb, points: Array) -> bool:
    """Whether the place of the lips shows neither lips nor skin.

    Args:
        rgb: ``(H, W, 3)``.
        points: ``(478, 3)`` the face's points in pixels.
    """
    unit = max(float(np.linalg.norm(points[33] - points[263])), 1.0)
    size = max(1, round(0.03 * unit))
    low = np.clip(np.floor(points[:, :2].min(0)).astype(int), 0, np.array(rgb.shape[1::-1]) - 2)
    high = np.clip(np.ceil(points[:, :2].max(0)).astype(int) + 1, low + 1, rgb.shape[1::-1])
    part = rgb[low[1] : high[1], low[0] : high[0]].astype(np.float32) / 255
    lab = np.asarray(cv2.cvtColor(part, cv2.COLOR_RGB2LAB), np.float32)
    places = np.round(points[list(_SKIN), :2] - low).astype(int)
    skin = np.median(
        [lab[max(0, y - size) : y + size + 1, max(0, x - size) : x + size + 1].reshape(-1, 3).mean(0)
         for x, y in np.clip(places, 0, np.array(lab.shape[1::-1]) - 1)], axis=0,
    ).astype(np.float32)  # fmt: skip
    if float(np.hypot(skin[1], skin[2])) < _GREYISH:
        return False
    like = {
        name: _like_lips(lab, np.asarray(points[list(ring), :2] - low, np.float32), skin)
        for name, ring in _RINGS.items()
    }
    # A microphone may stand before the lower lip and the chin alone; a black beard leaves the lower lip free.
    return like["lips"] < _FEWEST or (like["lower lip"] < _FEWEST_BELOW and like["below"] < _FEWEST_BELOW)


def _like_lips(lab: Array, ring: Array, skin: Array) -> float:
    """Share of the pixels inside a ring that look like lips or skin; 1 where the ring is too small to tell."""
    mask = np.zeros(lab.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.round(ring).astype(np.int32)], 1)
    lips = lab[mask > 0]
    if len(lips) < 8:
        return 1.0
    # A shadow takes colour away as it takes light.
    light = np.clip(lips[:, 0] / max(float(skin[0]), 1.0), 0.3, 1.0)
    red, yellow = lips[:, 1] - skin[1] * light, lips[:, 2] - skin[2] * light
    like = (red > -_LESS_RED) & (yellow > -_BLUER) & (yellow < _YELLOWER)
    # Black foam or cloth: dark, and grey where dark lips would still be red.
    like &= (lips[:, 0] > _BLACK * skin[0]) | (lips[:, 1] > _FAINT * skin[1])
    return float(like.mean())
