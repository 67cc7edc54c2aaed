"""Where the picture ends: no frame shows what the photo lacks.

Hair, a hat or a shoulder that the photo's border cuts off must not come away from that border, since nobody knows what
would follow. Two things keep it there. What the head does towards the inside is softly held to the room that there
is; and what is left of it fades out towards the border over a part of the head's height, so that hair there stretches a
little instead of ending in stripes. A head that moves the other way, or touches no border, is not changed at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mssync.arrays import Array, Mask, Rgb
from mssync.face.topology import LEFT_CREASE_UPPER, LIPS_OUTER, RIGHT_CREASE_UPPER
from mssync.render.field import HeadField
from mssync.render.outline import Box

_LEFT, _TOP, _RIGHT, _BOTTOM = range(4)
_TOUCHES = 64  # of 255: so much of the person in a border cell touches the border
# In face heights: how far inwards the fading reaches, how far it stays away from eyes and lips, and its least width.
_WIDEST, _AWAY, _LEAST = 0.5, 0.06, 0.05
_STRETCH = 0.25  # of the fading's width may be missing at the border: there hair is stretched to twice its length
# A rim: at most this share of the picture's side or so many pixels, black bars more; levels by which a plain line may
# change; the share of its length along which the picture behind it differs, less where hair may be black too.
_RIM, _RIM_LINES, _BAR = 0.02, 4, 0.3
_PLAIN, _BLACK, _ALL_ALONG, _HALF_ALONG = 5.0, 12.0, 0.8, 0.5
_FREE = 0.6  # share of that up to which motion is not changed


@dataclass(frozen=True)
class Border:
    """The borders that one photo's person touches.

    Attributes:
        field: how the surroundings of the face follow the head.
        cells: for left, top, right and bottom the cells of the field's grid in which the person touches that border.
        widths: pixels from each border over which motion fades out.
        size: width and height of the region in pixels.
    """

    field: HeadField
    cells: tuple[NDArray[np.intp], ...]
    widths: tuple[float, ...]
    size: tuple[int, int]

    @staticmethod
    def of(field: HeadField, alpha: Rgb, points: Array, fades: tuple[bool, bool, bool, bool]) -> Border:
        """The borders of a photo.

        Args:
            field: how the surroundings of the face follow the head.
            alpha: ``(h, w)`` uint8 matte of the region.
            points: ``(478, 3)`` the photo's face in region pixels.
            fades: left, top, right, bottom: whether the motion ends at that side of the region, and not the photo.
        """
        h, w = alpha.shape
        high = max(float(np.linalg.norm(points[10] - points[152])), 8.0)
        eyes, lips = points[[*LEFT_CREASE_UPPER, *RIGHT_CREASE_UPPER], :2], points[list(LIPS_OUTER), :2]
        inner = (eyes[:, 0].min(), eyes[:, 1].min(), w - eyes[:, 0].max(), h - lips[:, 1].max())
        places = np.clip((field.grid[..., :2] + 0.5).astype(int), 0, (w - 1, h - 1))
        numbers = np.arange(places[..., 0].size).reshape(places.shape[:2])
        lines: tuple[Any, ...] = (np.s_[:, 0], np.s_[0], np.s_[:, -1], np.s_[-1])
        cells, widths = [], []
        for side, (line, fade) in enumerate(zip(lines, fades, strict=True)):
            edge = alpha[line][places[line][:, 1 - side % 2]]
            cells.append(numbers[line][(edge > _TOUCHES) & (not fade)])
            widths.append(float(np.clip(inner[side] - _AWAY * high, _LEAST * high, _WIDEST * high)))
        return Border(field, tuple(cells), tuple(widths), (w, h))

    @property
    def free(self) -> bool:
        """Whether the person touches no border."""
        return not any(len(c) for c in self.cells)

    def held(self, points: Array, rigid: Array) -> tuple[Array, Array]:
        """The same motion with what goes too far inwards taken off: shrinking first, then shift.

        Args:
            points: ``(478, 3)`` moved points in region pixels.
            rigid: ``(3, 4)`` similarity in region pixels.
        """
        points, rigid = points.copy(), rigid.copy()
        far = self._inwards(points, rigid)
        for first, second in ((_LEFT, _RIGHT), (_TOP, _BOTTOM)):
            if min(far[first], far[second]) > 0:
                points, rigid = self._less_shrunk(points, rigid, first, second)
                far = self._inwards(points, rigid)
        for side, missing in enumerate(far):
            back = missing - soft_limit(missing, _STRETCH * self.widths[side])
            sign = 1 if side in (_LEFT, _TOP) else -1
            points[:, side % 2] -= sign * back
            rigid[side % 2, 3] -= sign * back
        return points, rigid

    def _inwards(self, points: Array, rigid: Array) -> list[float]:
        """How far the person comes away from left, top, right and bottom, pixels; 0 where there is no contact."""
        out = []
        for side, cells in enumerate(self.cells):
            sign = 1 if side in (_LEFT, _TOP) else -1
            moved = sign * self.field.forward(points, rigid, cells)[:, side % 2] if len(cells) else np.zeros(1)
            out.append(max(float(moved.max()), 0.0))
        return out

    def _less_shrunk(self, points: Array, rigid: Array, first: int, second: int) -> tuple[Array, Array]:
        """A head that comes away from both sides at once is held at its size."""
        scale = float(np.cbrt(np.linalg.det(rigid[:, :3])))
        most = _STRETCH * (self.widths[first] + self.widths[second]) / self.size[first % 2]
        more = max(1.0, (1 - soft_limit(max(1 - scale, 0.0), most)) / max(scale, 1e-3))
        centre = points.mean(0)
        moved = np.concatenate([more * rigid[:, :3], (centre + more * (rigid[:, 3] - centre))[:, None]], 1)
        return (centre + more * (points - centre)).astype(np.float32), moved.astype(np.float32)

    def keep_inside(self, flow: Array, step: int) -> None:
        """Change a backward map so that it never asks for what lies beyond a border that the person touches.

        Args:
            flow: ``(h, w, 2)`` displacement on a grid over the region (``source = target + displacement``), changed in
                place.
            step: pixels per cell of that grid.
        """
        h, w = flow.shape[:2]
        for side, cells in enumerate(self.cells):
            if not len(cells):
                continue
            axis, count = side % 2, (w, h)[side % 2]
            last = self.size[axis] - 1
            # The grid's last cell may lie beyond the picture.
            from_border = np.minimum((np.arange(count, dtype=np.float32) + 0.5) * step - 0.5, np.float32(last))
            line = flow[..., axis] if axis else flow[..., axis].T  # (along the depth, along the border)
            if side in (_LEFT, _TOP):
                missing = np.maximum(0, -(from_border[:, None] + line)).max(0)
                sign, depth = 1, from_border
            else:
                missing = np.maximum(0, from_border[:, None] + line - last).max(0)
                sign, depth = -1, last - from_border
            if not missing.any():
                continue
            width = max(self.widths[side], 3.0 * float(missing.max()))
            fading = np.clip(1 - (depth - depth.min()) / width, 0, 1) ** 2
            line += sign * fading[:, None] * missing[None]


def soft_limit(far: float, most: float) -> float:
    """``far`` >= 0 held below ``most``: unchanged up to a share of it, then ever slower."""
    free = _FREE * most
    over, room = max(far - free, 0.0), most - free
    return min(far, free) + room * over / (over + room) if over else far


def inside_rim(rgb: Rgb, alpha: Rgb | None) -> Box:
    """The part x0, y0, x1, y1 of a picture within its rim: lines of one colour, or transparent, all along a side.

    A rim is narrow, or a black bar. A wall of one colour is none: a rim ends at once, all along its side.

    Args:
        rgb: ``(H, W, 3)`` uint8.
        alpha: ``(H, W)`` uint8, where there is one.
    """
    found = []
    for turns in range(4):  # top, right, bottom, left: the side that is on top after so many quarter turns
        side = rgb.shape[turns % 2]
        lines = np.rot90(rgb, turns)[: round(_BAR * side) + 2]
        clear = None if alpha is None else np.rot90(alpha, turns)[: len(lines)].max(1) < 16
        found.append(_rim_lines(lines, clear, max(_RIM_LINES, round(_RIM * side))))
    top, right, bottom, left = found
    return left, top, rgb.shape[1] - right, rgb.shape[0] - bottom


def _rim_lines(lines: Rgb, clear: Mask | None, most: int) -> int:
    """How many of the lines ``(n, w, 3)`` from the border inwards are its rim; ``most`` unless they are black."""
    if clear is not None and clear[0]:
        count = 0 if clear.all() else int(np.argmin(clear))
        return count if count <= most else 0
    colour = lines[0].mean(0)
    black = colour.max() < _BLACK
    off = np.abs(lines[: len(lines) if black else most + 2] - colour).max(-1)
    plain = off.mean(1) < _PLAIN
    if not plain[0] or plain.all():
        return 0
    count = int(np.argmin(plain))
    # The line after it may be mixed of both; the one behind that one is another thing nearly everywhere.
    other = (off[min(count + 1, len(off) - 1)] > 4 * _PLAIN).mean()
    return count + 1 if other > (_HALF_ALONG if black else _ALL_ALONG) and count < len(off) - 1 else 0
