"""Eyeballs under moving lids: the photo's own eye, extended under the lids, seen through the lids' opening."""

from __future__ import annotations

from dataclasses import dataclass, replace

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
        grain: ``(h, w)`` fine differences in brightness of the skin below the eye, from the outer to the inner corner.
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
    grain: Array
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
        mask = opening_mask(crease, upper, box, 0.0)
        if not mask.any():
            return
        ax, ay = (upper[-1] - upper[0]) / max(width, 1e-6)
        xx = np.arange(box[0], box[2], dtype=np.float32)[None] - upper[0, 0]
        yy = np.arange(box[1], box[3], dtype=np.float32)[:, None] - upper[0, 1]
        side = 1.0 if ax > 0 else -1.0  # the subject's left eye runs from the right to the left
        along, down = (ax * xx + ay * yy) / max(width, 1e-6), side * (ax * yy - ay * xx)
        place = np.linspace(0.0, 1.0, len(self.skin))
        skin = np.stack([np.interp(along, place, self.skin[:, i]) for i in range(3)], -1).astype(np.float32)
        # A lid is a piece of a ball: brightest where it faces the light from above, darker in the crease and over the
        # lashes.
        edges = [_height_along(curve, upper, ax, ay, along, width) for curve in (crease, upper)]
        share = np.clip((down - edges[0]) / np.maximum(edges[1] - edges[0], 1.0), 0.0, 1.0)
        # The edge is soft towards the skin above, into which it runs, and ends at the lashes.
        mask = np.minimum(1.5 * cv2.GaussianBlur(mask, (0, 0), max(0.6, 0.07 * width)), 1.0)
        mask *= np.clip(edges[1] - down + 1.0, 0.0, 1.0) * np.float32(0.9 * shut * shut)
        form = 1.0 - 0.10 * (1 - share) ** 3 - 0.10 * share**4
        skin = skin * form[..., None] + self._grain_at(along, down, edges[1])[..., None]
        paint(frame, box, np.asarray(skin, np.float32), np.asarray(mask, np.float32))
        line = line_mask(seam, box, max(0.7, 0.018 * width)) * np.float32(0.75 * np.clip(2.5 * shut - 1.5, 0.0, 1.0))
        paint(frame, box, np.broadcast_to(self.lash, skin.shape), line)

    def _grain_at(self, along: Array, down: Array, lash: Array) -> Array:
        """The skin's own grain, brightness only, mirrored at the lashes: what lies below the eye shows on the lid."""
        side = self.grain.shape[1]
        x = (along * (side - 1)).astype(np.float32)
        y = np.abs(lash - down).astype(np.float32)
        return np.asarray(cv2.remap(self.grain, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101), np.float32)

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
    left, right = _prepare(rgb, points, _LEFT), _prepare(rgb, points, _RIGHT)
    # Hair, spectacles or a shadow on one side are no lid: what both eyes agree on counts, and of the rest a part.
    bright = [float(eye.skin.mean()) for eye in (left, right)]
    low, high = min(bright), max(bright)
    wanted = [max(b, high - 0.6 * (high - low)) for b in bright]
    return (
        replace(left, skin=left.skin * np.float32(wanted[0] / max(bright[0], 1.0))),
        replace(right, skin=right.skin * np.float32(wanted[1] / max(bright[1], 1.0))),
    )


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
    # Farther from the eye than its creases, where make-up, lashes and their shadows end.
    middle = np.asarray((points[list(upper), :2] + points[list(lower), :2]) / 2, np.float32)
    higher, deeper = (
        _at(soft, np.asarray(middle + reach * (points[list(ring), :2] - middle) - corner, np.float32))
        for ring, reach in ((crease, 1.5), (under, 1.6))
    )
    sides = np.stack([above, higher, below, deeper])
    # Spectacle frames, hair, lashes and eye shadow are darker than skin: the brighter half of what is found.
    order = np.sort(sides.mean(-1), axis=0)
    bright = sides.mean(-1) >= order[2] - 1e-3
    found = (sides * bright[..., None]).sum(0) / bright.sum(0)[:, None]
    usual = np.percentile(sides.reshape(-1, 3), 65, axis=0)
    skin = 0.5 * found + 0.5 * usual
    skin[1:-1] = (skin[:-2] + skin[1:-1] + skin[2:]) / 3
    # Of a lid that is darker than all around (make-up, a tired eye) something stays.
    own = np.median(above[1:-1], axis=0)
    skin *= np.clip(0.4 + 0.6 * own.mean() / max(float(skin.mean()), 1.0), 0.7, 1.05)
    middle_tone = usual
    edge = _at(patch, points[list(upper), :2] - corner)[1:-1]
    lash = np.minimum(np.percentile(edge, 25, axis=0), 0.55 * middle_tone)
    return Eye(
        upper, lower, crease, iris, points, np.round(texture).clip(0, 255).astype(np.uint8), box,
        skin.astype(np.float32), _grain(patch, curves[1] - corner, width), lash.astype(np.float32), size,
    )  # fmt: skip


def _grain(patch: Array, lower: Array, width: float) -> Array:
    """Fine differences in brightness below the lower lid, a strip as wide as the eye."""
    bright = patch @ np.array([0.299, 0.587, 0.114], np.float32)
    fine = bright - cv2.GaussianBlur(bright, (0, 0), max(1.0, 0.05 * width))
    a, b = lower[0], lower[-1]
    across = (b - a) / max(float(np.linalg.norm(b - a)), 1e-6)
    # Down in the picture, whichever eye it is.
    down = np.array([-across[1], across[0]]) * (1.0 if across[0] > 0 else -1.0)
    deepest = float(((lower - a) @ down).max()) + 0.12 * width
    columns = max(4, round(width))
    t, d = np.meshgrid(np.linspace(0, 1, columns), np.arange(max(4, round(0.3 * width))) + deepest)
    x, y = (a[i] + t * (b - a)[i] + d * down[i] for i in (0, 1))
    strip = cv2.remap(
        fine, x.astype(np.float32), y.astype(np.float32), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
    )
    return np.asarray(np.clip(strip, -14.0, 10.0), np.float32)


def _height_along(curve: Array, upper: Array, ax: float, ay: float, along: Array, width: float) -> Array:
    """How far below the line between the corners a curve runs at places ``along`` the eye, pixels."""
    x = ((curve - upper[0]) @ np.array([ax, ay], np.float32)) / max(width, 1e-6)
    y = (curve - upper[0]) @ np.array([-ay, ax], np.float32) * np.float32(1.0 if ax > 0 else -1.0)
    order = np.argsort(x, kind="stable")
    return np.asarray(np.interp(along, x[order], y[order]), np.float32)


def _at(rgb: Array, places: Array) -> Array:
    x, y = np.round(places).astype(int).T
    return np.asarray(rgb[np.clip(y, 0, rgb.shape[0] - 1), np.clip(x, 0, rgb.shape[1] - 1)], np.float32)
