"""How everything around the face follows the head: hair, ears, neck.

The surroundings move *forward* by a smooth field that is fixed per photo: full rigid motion above the jaw, fading
down the neck to nothing at the shoulders, plus what the outline of the face does beyond that (the jaw). It is linear
in the pose and in the outline, so a frame costs one small matrix product; the backward map that drawing needs is
found by a few fixed-point steps on the same coarse grid.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mssync.arrays import Array
from mssync.face.topology import FACE_OVAL, OUTER_EYE_CORNERS, TEMPLES

_OVAL = np.asarray(FACE_OVAL)
_CHIN, _TOP = 152, 10
# All lengths in face heights (forehead to chin).
_REACH = 0.22  # how far the outline's own motion carries outwards
_DEPTH = 1.0  # how fast the head recedes behind the outline
_MAX_DEPTH = 0.5
_FLAT = 0.9  # share of the depth that is kept behind the eyes
_NECK_START, _NECK_END = -0.3, 0.6  # along the neck, 0 = chin
_FOLLOW = 0.14  # share of the head's own shift that shoulders follow
_RISE = 0.012  # how far breath lifts them
_BORDER = 0.4  # above the lower border of what is drawn the body comes to rest within this
_STEPS = 8


@dataclass(frozen=True)
class HeadField:
    """The field of one photo on a coarse grid.

    Attributes:
        grid: ``(h, w, 3)`` pixels of the region with the depth given to each.
        share: ``(h, w, 1)`` how much of the head's rigid motion a place follows.
        spread: ``(h * w, 36)`` influence of the outline's points.
        oval: ``(36, 3)`` outline of the photo's face.
        oval_share: ``(36, 1)`` rigid share at the outline.
        step: pixels per grid cell.
        body: ``(h, w, 1)`` how much a place is of the shoulders, 0 at the lower border.
        high: the face's height in pixels.
    """

    grid: Array
    share: Array
    spread: Array
    oval: Array
    oval_share: Array
    step: int
    body: Array
    high: float

    def body_shift(self, rigid: Array, body: float, breath: float) -> Array:
        """How far the shoulders move ``(2,)`` pixels: a little with the head, and up with the breath.

        Args:
            rigid: ``(3, 4)`` similarity of the head in region pixels.
            body: amount, 0 to 1.
            breath: how far the chest is up, -1 to 1.
        """
        middle = self.oval.mean(0)  # of the face, which a turn leaves about where it is
        shift = np.clip(_moved(middle[None], rigid)[0] - middle[:2], -0.25 * self.high, 0.25 * self.high)
        down = self.oval[FACE_OVAL.index(_CHIN), :2] - self.oval[FACE_OVAL.index(_TOP), :2]
        up = -down / max(float(np.linalg.norm(down)), 1e-6)
        return np.asarray(body * (_FOLLOW * shift + _RISE * self.high * breath * up), np.float32)

    def forward(self, points: Array, rigid: Array, cells: NDArray[np.intp] | None = None) -> Array:
        """How far places of the photo move.

        Args:
            points: ``(478, 3)`` target points in region pixels.
            rigid: ``(3, 4)`` similarity in region pixels.
            cells: numbers of the grid's cells, row by row; None: all.
        Returns:
            ``(n, 2)`` float32 pixels.
        """
        grid, share, spread = self.grid.reshape(-1, 3), self.share.reshape(-1, 1), self.spread
        if cells is not None:
            grid, share, spread = grid[cells], share[cells], spread[cells]
        out = (_moved(grid, rigid) - grid[:, :2]) * share
        rest = points[_OVAL, :2] - self.oval[:, :2] - (_moved(self.oval, rigid) - self.oval[:, :2]) * self.oval_share
        return np.asarray(out + _product(spread, rest.astype(np.float32)), np.float32)

    def backward(self, points: Array, rigid: Array, body: float = 0.0, breath: float = 0.0) -> Array:
        """Backward displacement on the coarse grid: ``source = target + displacement``.

        Args:
            points: ``(478, 3)`` target points in region pixels.
            rigid: ``(3, 4)`` similarity in region pixels.
            body, breath: see :class:`~mssync.motion.space.Controls`.
        Returns:
            ``(h, w, 2)`` float32 pixels.
        """
        forward = self.forward(points, rigid).reshape(*self.grid.shape[:2], 2)
        if body > 0:
            forward += self.body * self.body_shift(rigid, body, breath)
        # In units of the grid from here: source s of target t solves s + f(s) = t.
        flow = np.ascontiguousarray(forward / self.step)
        h, w = flow.shape[:2]
        y, x = np.indices((h, w), np.float32)
        sx, sy = x - flow[..., 0], y - flow[..., 1]
        for _ in range(_STEPS):
            f = cv2.remap(flow, sx, sy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            sx += 0.7 * (x - f[..., 0] - sx)
            sy += 0.7 * (y - f[..., 1] - sy)
        return np.asarray(np.stack([sx - x, sy - y], -1) * self.step, np.float32)


def head_field(points: Array, size: tuple[int, int], step: int, fade: tuple[bool, bool, bool, bool]) -> HeadField:
    """Prepare the field of a photo.

    Args:
        points: ``(478, 3)`` the photo's face in region pixels.
        size: width and height of the region in pixels.
        step: pixels per grid cell.
        fade: left, top, right, bottom: whether the motion has to end at that side of the region (it does not where
            the photo itself ends).
    """
    w, h = max(2, int(np.ceil(size[0] / step))), max(2, int(np.ceil(size[1] / step)))
    y, x = np.indices((h, w), np.float32)
    flat = np.stack([(x + 0.5) * step - 0.5, (y + 0.5) * step - 0.5], -1)
    oval = points[_OVAL].copy()
    oval[:, 2] -= too_deep(points)[_OVAL]
    down = points[_CHIN, :2] - points[_TOP, :2]
    high = float(np.linalg.norm(down))
    down = down / max(high, 1e-6)
    unit = _kernel(oval[:, :2], oval[:, :2], high)
    spread = _product(_kernel(flat.reshape(-1, 2), oval[:, :2], high), np.linalg.inv(unit).astype(np.float32))
    back = float((points[:, 2] - too_deep(points))[list(TEMPLES)].mean())
    contour = np.ascontiguousarray(oval[:, :2]).reshape(-1, 1, 2)
    outside = np.array([-cv2.pointPolygonTest(contour, (float(a), float(b)), True) for a, b in flat.reshape(-1, 2)])
    outside = np.maximum(outside, 0.0).astype(np.float32)
    depth = back + _product(spread, (oval[:, 2] - back)[:, None])[:, 0]
    depth += _MAX_DEPTH * high * (1 - np.exp(-outside * _DEPTH / (_MAX_DEPTH * high)))
    share = _share(flat, points[_CHIN, :2], oval[:, :2].mean(0), down, high)
    window = _window(flat, size, fade, 0.25 * high)
    grid = np.concatenate([flat, depth.reshape(h, w, 1)], -1).astype(np.float32)
    # The jaw's motion ends where the neck's does: shoulders stand wholly still.
    along = np.asarray((flat - points[_CHIN, :2]) @ down / high, np.float32)
    still = _smooth((along - 0.25 * _NECK_END) / (0.75 * _NECK_END))
    spread = spread * np.asarray(window * (1 - still), np.float32).reshape(-1, 1)
    oval_share = _share(oval[:, :2], points[_CHIN, :2], oval[:, :2].mean(0), down, high)[:, None]
    # Shoulders, where the head's own motion has faded; they rest at every border, so that nothing is missing there.
    right, bottom = size[0] - 1 - flat[..., 0], size[1] - 1 - flat[..., 1]
    ends = (
        _smooth(flat[..., 0] / (0.15 * high))
        * _smooth(right / (0.15 * high))
        * _smooth(bottom / (_BORDER * high) - 0.05)
    )
    body = (1 - share) * ends * _smooth(along / 0.2 + 1)
    return HeadField(
        grid,
        (share * window)[..., None],
        spread.astype(np.float32),
        oval,
        oval_share,
        step,
        np.asarray(body, np.float32)[..., None],
        high,
    )


def too_deep(points: Array) -> Array:
    """Depth ``(N,)`` in pixels that is taken off the sides of the face and what lies behind.

    A photo has few pixels of what lies edge-on: at its true depth a turn would stretch them to a smear. A flatter head
    turns without one, and looks right up to some 25 degrees.
    """
    behind = points[:, 2] - points[list(OUTER_EYE_CORNERS), 2].mean()
    return np.asarray((1 - _FLAT) * np.maximum(behind, 0.0), np.float32)


def _moved(points: Array, rigid: Array) -> Array:
    return np.asarray(points @ rigid[:2, :3].T + rigid[:2, 3], np.float32)


def _kernel(a: Array, b: Array, high: float) -> Array:
    distance = np.linalg.norm(a[:, None] - b[None], axis=-1)
    return np.asarray(np.exp(-distance / (_REACH * high)), np.float32)


def _share(places: Array, chin: Array, middle: Array, down: Array, high: float) -> Array:
    """Share of the rigid motion: 1 on the head, 0 on the shoulders."""
    along = (places - chin) @ down / high
    aside = np.abs((places - middle) @ np.array([-down[1], down[0]], np.float32)) / high
    end = _NECK_END - 0.3 * _smooth((aside - 0.35) / 0.5)
    return np.asarray(1 - _smooth((along - _NECK_START) / (end - _NECK_START)), np.float32)


def _window(places: Array, size: tuple[int, int], fade: tuple[bool, bool, bool, bool], width: float) -> Array:
    x, y = places[..., 0], places[..., 1]
    out = np.ones(x.shape, np.float32)
    for on, distance in zip(fade, (x, y, size[0] - 1 - x, size[1] - 1 - y), strict=True):
        if on:
            out *= _smooth((distance - 0.03 * width) / width)
    return out


def _smooth(x: NDArray[Any]) -> Array:
    t = np.clip(x, 0.0, 1.0)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def _product(a: Array, b: Array) -> Array:
    """``a @ b``, digit for digit the same on any number of processors, which a BLAS library does not promise."""
    columns = [np.einsum("nk,k->n", a, np.ascontiguousarray(column), optimize=False) for column in b.T]
    return np.asarray(np.stack(columns, 1), np.float32)
