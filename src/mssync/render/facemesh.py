"""The face itself as a mesh of triangles: where each pixel of a moved face comes from in the photo.

A triangle mesh, unlike one smooth map, lets lips and lids meet and part, lets the nose hide a cheek, and gives the
photo back exactly when nothing moves.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from mssync.face.topology import LEFT_EYE, LIPS_INNER, RIGHT_EYE, SURFACE_POINTS
from mssync.render.outline import box_around
from mssync.render.triangles import HOLES, TRIANGLES

Array = NDArray[np.float32]

_SHIFT = 4  # fractional bits of the polygon corners given to the rasteriser
_MIN_AREA = 0.02  # square pixels of the drawing grid; thinner triangles are not seen
# Rings around the openings, and how far their texture is drawn back when they shut, as a share of their width.
_RINGS = ((LEFT_EYE, 0.05), (RIGHT_EYE, 0.05), (LIPS_INNER, 0.02))
_FEATHER = 3.5  # cells over which the mesh's edge runs into the surroundings


@dataclass(frozen=True)
class FaceMesh:
    """The mesh of one photo.

    Attributes:
        source: ``(478, 3)`` the photo's points in region pixels.
        size: width and height of the region in pixels.
        step: pixels per cell of the grid the map is made on.
    """

    source: Array
    size: tuple[int, int]
    step: int

    @property
    def grid_size(self) -> tuple[int, int]:
        """Columns and rows of the grid."""
        return -(-self.size[0] // self.step), -(-self.size[1] // self.step)

    @cached_property
    def _tuck(self) -> Array:
        """Offsets ``(3, 478, 3)`` that draw the edges of the left eye, the right eye and the mouth back into the skin."""
        out = np.zeros((3, *self.source.shape), np.float32)
        for row, (ring, share) in zip(out, _RINGS, strict=True):
            edge = self.source[list(ring), :2]
            along = edge[len(ring) // 2] - edge[0]
            width = max(float(np.linalg.norm(along)), 1e-6)
            across = np.array([-along[1], along[0]]) / width
            away = (edge - edge.mean(0)) @ across
            most = max(float(np.abs(away).max()), 1e-6)
            row[list(ring), :2] = np.outer(np.clip(away / (0.5 * most), -1, 1) * share * width, across)
        return out

    def blend_into(self, flow: Array, points: Array, tuck: tuple[float, float, float]) -> None:
        """Lay the moved mesh's backward displacement (``source = target + displacement``) over that of the surroundings.

        Args:
            flow: ``(h, w, 2)`` float32 pixels on the grid, changed in place where the mesh is.
            points: ``(478, 3)`` target points in region pixels.
            tuck: 0..1 for the left eye, the right eye and the mouth: how far they are shut compared to the photo.
                Where the tracked edge runs a little inside the opening, shut lids and lips would show a sliver of it.
        """
        corners = points[:SURFACE_POINTS][TRIANGLES]
        tucked = self.source + np.tensordot(np.asarray(tuck, np.float32), self._tuck, 1)
        area = _area(corners[..., :2])
        draw = np.flatnonzero(area < -_MIN_AREA * self.step**2)
        # Openings lie beneath the skin; then from far to near, so that what is in front stays.
        depth = corners[draw, :, 2].mean(1) + 1e6 * HOLES[draw]
        draw = draw[np.argsort(-depth, kind="stable")]
        cells = (corners[draw, :, :2] + 0.5) / self.step - 0.5
        w, h = self.grid_size
        box = box_around(cells.reshape(-1, 2), 2, (w, h))
        if box[0] >= box[2] or box[1] >= box[3]:
            return
        polygons = np.round((cells - np.array(box[:2])) * (1 << _SHIFT)).astype(np.int32)
        ids = np.zeros((box[3] - box[1], box[2] - box[0]), np.int16)
        for number, polygon in enumerate(polygons, 1):
            cv2.fillConvexPoly(ids, polygon, number, cv2.LINE_8, _SHIFT)
        texture = tucked[TRIANGLES[draw], :2]
        table = np.zeros((len(draw) + 1, 10), np.float32)
        table[1:, :6] = _affine(corners[draw, :, :2], texture)
        # A pixel on a triangle's border may lie outside it: its source must not, or thin triangles spray colours.
        table[1:, 6:8], table[1:, 8:] = texture.min(1) - 0.5, texture.max(1) + 0.5
        inside = (ids > 0).astype(np.float32)
        k = 2 * round(_FEATHER) + 1
        # Half of the window is inside at a straight edge: weight 0 there.
        weight = np.clip(2.0 * cv2.blur(inside, (k, k), borderType=cv2.BORDER_REPLICATE) - 1.0, 0.0, 1.0) * inside
        view = flow[box[1] : box[3], box[0] : box[2]]
        x = (np.arange(box[0], box[2], dtype=np.float32)[None] + 0.5) * self.step - 0.5
        y = (np.arange(box[1], box[3], dtype=np.float32)[:, None] + 0.5) * self.step - 0.5
        c = table[ids]
        for axis, at in enumerate((x, y)):
            place = c[..., 3 * axis] * x + c[..., 3 * axis + 1] * y + c[..., 3 * axis + 2]
            place = np.minimum(np.maximum(place, c[..., 6 + axis]), c[..., 8 + axis]) - at
            view[..., axis] += (place - view[..., axis]) * weight


def _area(corners: Array) -> Array:
    """Twice the signed area of triangles ``(..., 3, 2)``; negative for those that face the camera."""
    a, b = corners[..., 1, :] - corners[..., 0, :], corners[..., 2, :] - corners[..., 0, :]
    return np.asarray((a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]), np.float32)


def _affine(target: Array, source: Array) -> Array:
    """Source place of every triangle as an affine function of the target place: ``(n, 6)`` rows a b c d e f.

    Solved relative to the first corner and in double precision: thin triangles are ill-conditioned.
    """
    t, s = target.astype(np.float64), source.astype(np.float64)
    e1, e2 = t[:, 1] - t[:, 0], t[:, 2] - t[:, 0]
    d1, d2 = s[:, 1] - s[:, 0], s[:, 2] - s[:, 0]
    det = e1[:, 0] * e2[:, 1] - e1[:, 1] * e2[:, 0]
    det = np.where(np.abs(det) < 1e-6, np.inf, det)
    gx = (d1 * e2[:, 1:] - d2 * e1[:, 1:]) / det[:, None]
    gy = (d2 * e1[:, :1] - d1 * e2[:, :1]) / det[:, None]
    c = s[:, 0] - gx * t[:, 0, :1] - gy * t[:, 0, 1:]
    return np.stack([gx[:, 0], gy[:, 0], c[:, 0], gx[:, 1], gy[:, 1], c[:, 1]], 1).astype(np.float32)
