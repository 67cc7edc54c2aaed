"""The face itself as a mesh of triangles: where each pixel of a moved face comes from in the photo.

A triangle mesh, unlike one smooth map, lets lips and lids meet and part, lets the nose hide a cheek, and gives the
photo back exactly when nothing moves.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from mssync.arrays import Array, Mask
from mssync.face.topology import FACE_OVAL, LEFT_EYE, LIPS_INNER, RIGHT_EYE, SURFACE_POINTS
from mssync.render.outline import Box, box_around
from mssync.render.triangles import HOLES, TRIANGLES

_SHIFT = 4  # fractional bits of the polygon corners given to the rasteriser
_MIN_AREA = 0.02  # square pixels; thinner triangles are not seen
# Rings around the openings, and how far their texture is drawn back when they shut, as a share of their width.
_RINGS = ((LEFT_EYE, 0.05), (RIGHT_EYE, 0.05), (LIPS_INNER, 0.02))
_GRAZING = 0.4  # cosine to the line of sight below which skin counts as seen at a grazing angle
_DRAWN_IN, _RIM = 0.04, 0.15  # face heights
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
        """Offsets ``(3, 478, 3)`` that draw the edges of left eye, right eye and mouth back into the skin."""
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

    @cached_property
    def height(self) -> float:
        """Of the face, forehead to chin, in pixels."""
        return max(float(np.linalg.norm(self.source[10] - self.source[152])), 1e-3)

    @cached_property
    def _rim(self) -> Array:
        """How near the points ``(468,)`` are to the outline of the face, 0..1."""
        places, oval = self.source[:SURFACE_POINTS, :2], self.source[list(FACE_OVAL), :2]
        nearest = np.linalg.norm(places[:, None] - oval[None], axis=-1).min(1)
        return np.asarray(np.clip(1.0 - nearest / (_RIM * self.height), 0.0, 1.0), np.float32)

    @cached_property
    def _normals(self) -> Array:
        """Unit normals ``(468, 3)`` of the photo's points; z below 0 faces the camera."""
        corners = self.source[:SURFACE_POINTS][TRIANGLES]
        faces = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        out = np.zeros((SURFACE_POINTS, 3), np.float32)
        for i in range(3):
            np.add.at(out, TRIANGLES[:, i], faces)
        return np.asarray(out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-6), np.float32)

    def _texture_points(self, rigid: Array, tuck: tuple[float, float, float]) -> Array:
        """Where the mesh's points take their colours from: the photo's points, drawn back where that is safer."""
        out = self.source + np.tensordot(np.asarray(tuck, np.float32), self._tuck, 1)
        # Skin that the photo shows at a grazing angle or not at all comes into view: at its edge there is hair or
        # wall, so the colours are taken a little farther in.
        normals = self._normals
        turned = normals @ rigid[2, :3] / max(float(np.linalg.norm(rigid[2, :3])), 1e-6)
        uncovered = np.clip((normals[:, 2] - turned) / 0.3, 0.0, 1.0)
        grazing = np.clip((normals[:, 2] + _GRAZING) / _GRAZING, 0.0, 1.0)
        sideways = normals[:, :2] / np.maximum(np.linalg.norm(normals[:, :2], axis=1, keepdims=True), 1e-6)
        inwards = _DRAWN_IN * self.height * uncovered * grazing * self._rim
        out[:SURFACE_POINTS, :2] -= inwards[:, None] * sideways
        return out

    def moved(self, points: Array, rigid: Array, tuck: tuple[float, float, float]) -> MovedMesh:
        """The mesh in its place for one frame.

        Args:
            points: ``(478, 3)`` target points in region pixels.
            rigid: ``(3, 4)`` similarity of the head.
            tuck: 0..1 for the left eye, the right eye and the mouth: how far they are shut compared to the photo.
                Where the tracked edge runs a little inside the opening, shut lids and lips would show a sliver of it.
        """
        corners = points[:SURFACE_POINTS][TRIANGLES]
        draw = np.flatnonzero(_area(corners[..., :2]) < -_MIN_AREA)
        # Openings lie beneath the skin; then from far to near, so that what is in front stays.
        depth = corners[draw, :, 2].mean(1) + 1e6 * HOLES[draw]
        draw = draw[np.argsort(-depth, kind="stable")]
        texture = self._texture_points(rigid, tuck)[TRIANGLES[draw], :2]
        table = np.zeros((10, len(draw) + 1), np.float32)
        table[:6, 1:] = _affine(corners[draw, :, :2], texture)
        # A pixel on a triangle's border may lie outside it: its source must not, or thin triangles spray colours.
        low, high = _extent(texture)
        table[6:8, 1:], table[8:, 1:] = low.T - 0.5, high.T + 0.5
        return MovedMesh(np.ascontiguousarray(corners[draw, :, :2]), table)


@dataclass(frozen=True)
class MovedMesh:
    """Visible triangles of one frame, far to near, and how each finds its colours.

    Attributes:
        corners: ``(n, 3, 2)`` region pixels.
        table: ``(10, n + 1)`` affine maps to the photo and their bounds, rows x y x y ...; column 0 is no triangle.
    """

    corners: Array
    table: Array

    @cached_property
    def _bounds(self) -> tuple[Array, Array]:
        return _extent(self.corners)

    def blend_into(self, flow: Array, step: int) -> None:
        """Lay the mesh's backward displacement (``source = target + displacement``) over that of the surroundings.

        Args:
            flow: ``(h, w, 2)`` float32 pixels on a grid over the region, changed in place where the mesh is.
            step: pixels per cell.
        """
        cells = np.asarray((self.corners.reshape(-1, 2) + 0.5) / step - 0.5, np.float32)
        box = box_around(cells, 2, (flow.shape[1], flow.shape[0])) if len(cells) else (0, 0, 0, 0)
        if box[0] >= box[2] or box[1] >= box[3]:
            return
        places, covered = self._sources(box, step)
        inside = covered.astype(np.float32)
        k = 2 * round(_FEATHER) + 1
        # Half of the window is inside at a straight edge: weight 0 there.
        weight = np.clip(2.0 * cv2.blur(inside, (k, k), borderType=cv2.BORDER_REPLICATE) - 1.0, 0.0, 1.0) * inside
        view = flow[box[1] : box[3], box[0] : box[2]]
        x, y = _centres(box, step)
        view[..., 0] += (places[0] - x - view[..., 0]) * weight
        view[..., 1] += (places[1] - y - view[..., 1]) * weight

    def refine(self, sources: Array, box: Box) -> None:
        """Draw a part again pixel by pixel: lips and lids meet in lines that a coarse grid would make ragged.

        Args:
            sources: ``(H, W, 2)`` float32 full-resolution map of the region, changed in place.
            box: the part, well inside the face.
        """
        if box[0] >= box[2] or box[1] >= box[3]:
            return
        places, covered = self._sources(box, 1)
        view = sources[box[1] : box[3], box[0] : box[2]]
        for axis in (0, 1):
            np.copyto(view[..., axis], places[axis], where=covered)

    def _sources(self, box: Box, step: int) -> tuple[tuple[Array, Array], Mask]:
        """Columns and rows in the photo for the cells of ``box``, and where there is any triangle."""
        cells = (self.corners + 0.5) / step - (0.5 + np.array(box[:2], np.float32))
        low, high = self._bounds
        far = np.array(box, np.float32) * step
        near = np.flatnonzero(((high >= far[:2] - step) & (low <= far[2:] + step)).all(1))
        polygons = np.rint(cells * (1 << _SHIFT)).astype(np.int32)
        ids = np.zeros((box[3] - box[1], box[2] - box[0]), np.int16)
        for number in near.tolist():
            cv2.fillConvexPoly(ids, polygons[number], number + 1, cv2.LINE_8, _SHIFT)
        x, y = _centres(box, step)
        found = []
        for axis in (0, 1):
            per_x, per_y, offset, low, high = (self.table[row].take(ids, mode="clip") for row in range(axis, 10, 2))
            place = per_x * x
            place += per_y * y
            place += offset
            found.append(np.minimum(np.maximum(place, low, out=place), high, out=place))
        return (found[0], found[1]), ids > 0


def _centres(box: Box, step: int) -> tuple[Array, Array]:
    x = (np.arange(box[0], box[2], dtype=np.float32)[None] + 0.5) * step - 0.5
    y = (np.arange(box[1], box[3], dtype=np.float32)[:, None] + 0.5) * step - 0.5
    return x, y


def _extent(corners: Array) -> tuple[Array, Array]:
    """Lowest and highest coordinates ``(n, 2)`` of triangles ``(n, 3, 2)``."""
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    return np.minimum(np.minimum(a, b), c), np.maximum(np.maximum(a, b), c)


def _area(corners: Array) -> Array:
    """Twice the signed area of triangles ``(..., 3, 2)``; negative for those that face the camera."""
    a, b = corners[..., 1, :] - corners[..., 0, :], corners[..., 2, :] - corners[..., 0, :]
    return np.asarray((a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]), np.float32)


def _affine(target: Array, source: Array) -> Array:
    """Source place of every triangle as an affine function of the target place ``(6, n)``: per x, per y, offset.

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
    return np.concatenate([gx, gy, c], 1).T.astype(np.float32)
