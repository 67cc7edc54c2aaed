"""Eyeballs under moving lids: the photo's own eye, extended under the lids, seen through the lids' opening."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from mssync.arrays import Array, Rgb
from mssync.face import topology as topo
from mssync.render.outline import Box, box_around, line_mask, opening_mask, paint, smooth_side
from mssync.render.plate import fill_smoothly

_HARDLY, _SHUT = 0.1, 0.97  # closures below and above which there is no lid or no eyeball to draw


@dataclass(frozen=True)
class Eye:
    """One eye of the photo.

    Attributes:
        upper, lower, crease: points of the lids and of the fold above, outer to inner corner.
        iris: centre and rim points.
        source: ``(478, 3)`` the photo's points in region pixels.
        texture: eyeball colours around the eye, ``box`` of the region.
        box: where ``texture`` lies.
        skin: ``(9, 3)`` colours of the lid from the outer to the inner corner.
        lash: ``(3,)`` colour of the line where the lids meet.
        size: width and height of the region.
    """

    upper: tuple[int, ...]
    lower: tuple[int, ...]
    crease: tuple[int, ...]
    iris: tuple[int, ...]
    source: Array
    texture: Rgb
    box: Box
    skin: Array
    lash: Array
    size: tuple[int, int]

    def draw(self, frame: Rgb, points: Array, rigid: Array, shut: float) -> None:
        """Paint the eyeball into ``frame`` (region pixels, in place), clipped to the moved lids.

        Args:
            frame: ``(H, W, 3 or 4)`` uint8.
            points: ``(478, 3)`` target points.
            rigid: ``(3, 4)`` similarity of the head.
            shut: closure in [0, 1].
        """
        upper = smooth_side(points[list(self.upper), :2])
        lower = smooth_side(points[list(self.lower), :2])
        width = float(np.linalg.norm(upper[0] - upper[-1]))
        if shut > _HARDLY:
            self._draw_lid(frame, points, upper, np.asarray((upper + lower) / 2, np.float32), width, min(shut, 1.0))
        box = box_around(np.concatenate([upper, lower]), 3, self.size)
        mask = opening_mask(upper, lower, box, 0.012 * width)
        if shut >= _SHUT or not mask.any():
            return
        x, y = self._sources(box, points, rigid, width)
        eye = cv2.remap(
            self.texture, x - self.box[0], y - self.box[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        paint(frame, box, eye.astype(np.float32), mask)

    def _draw_lid(self, frame: Rgb, points: Array, upper: Array, seam: Array, width: float, shut: float) -> None:
        """Even out the lid that comes down, whose few pixels of the photo are stretched, and draw the lashes' line."""
        crease = smooth_side(points[list(self.crease), :2])
        box = box_around(np.concatenate([upper, crease, seam]), 0.1 * width + 2, self.size)
        mask = opening_mask(crease, upper, box, 0.05 * width) * np.float32(0.8 * shut * shut)
        if not mask.any():
            return
        ax, ay = (upper[-1] - upper[0]) / max(width, 1e-6)
        xx = np.arange(box[0], box[2], dtype=np.float32)[None] - upper[0, 0]
        yy = np.arange(box[1], box[3], dtype=np.float32)[:, None] - upper[0, 1]
        along = (ax * xx + ay * yy) / max(width, 1e-6)
        place = np.linspace(0.0, 1.0, len(self.skin))
        skin = np.stack([np.interp(along, place, self.skin[:, i]) for i in range(3)], -1).astype(np.float32)
        paint(frame, box, skin, mask)
        line = line_mask(seam, box, max(0.7, 0.018 * width)) * np.float32(0.75 * np.clip(2.5 * shut - 1.5, 0.0, 1.0))
        paint(frame, box, np.broadcast_to(self.lash, skin.shape), line)

    def _sources(self, box: Box, points: Array, rigid: Array, width: float) -> tuple[Array, Array]:
        """Where in the photo each pixel of ``box`` finds its piece of eyeball."""
        ends = [self.upper[0], self.upper[-1]]
        # The eye as a plane through its corners, turned with the head.
        edge = self.source[ends[1]] - self.source[ends[0]]
        slope = edge[2] * edge[:2] / max(float(edge[:2] @ edge[:2]), 1e-6)
        linear = rigid[:2, :2] + np.outer(rigid[:2, 2], slope)
        inverse = np.linalg.inv(linear).astype(np.float32)
        here, there = self.source[ends, :2].mean(0), points[ends, :2].mean(0)
        yy, xx = np.mgrid[box[1] : box[3], box[0] : box[2]].astype(np.float32)
        dx, dy = xx - there[0], yy - there[1]
        sx = inverse[0, 0] * dx + inverse[0, 1] * dy + here[0]
        sy = inverse[1, 0] * dx + inverse[1, 1] * dy + here[1]
        iris = self.source[list(self.iris), :2]
        radius = float(np.linalg.norm(iris[1:] - iris[0], axis=1).mean())
        # The gaze is what the iris does beyond the head's own motion (the tracker's depth of an iris is vague).
        carried = self.source[self.iris[0]] - self.source[ends].mean(0)
        look = inverse @ (points[self.iris[0], :2] - there - rigid[:2, :3] @ carried)
        moved = iris[0] + look
        if float(np.abs(look).max()) < 0.01:
            return sx, sy
        # The iris moves whole; the white gives way towards the corners.
        distance = np.hypot(sx - moved[0], sy - moved[1])
        fall = np.clip(1.0 - (distance - 1.15 * radius) / max(0.45 * width, radius), 0.0, 1.0)
        return sx - look[0] * fall, sy - look[1] * fall


def prepare_eyes(rgb: Rgb, points: Array) -> tuple[Eye, Eye]:
    """Both eyes of a photo (subject's left, right).

    Args:
        rgb: ``(H, W, 3)`` region of the photo.
        points: ``(478, 3)`` in region pixels.
    """
    return _prepare(rgb, points, _LEFT), _prepare(rgb, points, _RIGHT)


_Ring = tuple[int, ...]
# Upper lid, lower lid, upper and lower crease, iris.
_LEFT: tuple[_Ring, ...] = (
    topo.LEFT_LID_UPPER,
    topo.LEFT_LID_LOWER,
    topo.LEFT_CREASE_UPPER,
    topo.LEFT_CREASE_LOWER,
    topo.LEFT_IRIS,
)
_RIGHT: tuple[_Ring, ...] = (
    topo.RIGHT_LID_UPPER,
    topo.RIGHT_LID_LOWER,
    topo.RIGHT_CREASE_UPPER,
    topo.RIGHT_CREASE_LOWER,
    topo.RIGHT_IRIS,
)


def _prepare(rgb: Rgb, points: Array, rings: tuple[_Ring, ...]) -> Eye:
    upper, lower, crease, under, iris = rings
    size = (rgb.shape[1], rgb.shape[0])
    curves = smooth_side(points[list(upper), :2]), smooth_side(points[list(lower), :2])
    width = float(np.linalg.norm(curves[0][0] - curves[0][-1]))
    box = box_around(np.concatenate(curves), 0.5 * width + 2, size)
    patch = rgb[box[1] : box[3], box[0] : box[2]].astype(np.float32)
    inside = opening_mask(*curves, box, 0.0) > 0.5
    # A photo whose eye is shut says nothing of the eyeball: the lid's own colours stay.
    texture = fill_smoothly(patch, inside) if inside.any() else patch
    soft = np.asarray(cv2.GaussianBlur(patch, (0, 0), max(0.5, 0.03 * width)), np.float32)
    corner = np.array(box[:2], np.float32)
    above, below = (_at(soft, points[list(ring), :2] - corner) for ring in (crease, under))
    middle = np.median(np.concatenate([above[1:-1], below[1:-1]]), axis=0)
    # Spectacle frames and hair across the lid are no skin: what is far from the middle counts less.
    skin = 0.45 * above + 0.55 * middle
    edge = _at(patch, points[list(upper), :2] - corner)[1:-1]
    lash = np.minimum(np.percentile(edge, 25, axis=0), 0.55 * middle)
    return Eye(
        upper, lower, crease, iris, points, np.round(texture).clip(0, 255).astype(np.uint8), box,
        skin.astype(np.float32), lash.astype(np.float32), size,
    )  # fmt: skip


def _at(rgb: Array, places: Array) -> Array:
    x, y = np.round(places).astype(int).T
    return np.asarray(rgb[np.clip(y, 0, rgb.shape[0] - 1), np.clip(x, 0, rgb.shape[1] - 1)], np.float32)
