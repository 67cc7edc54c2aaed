"""The inside of the mouth: the photo's own teeth where it shows them, drawn ones where it does not.

Upper teeth hang on the skull and lower teeth on the jaw: lips uncover them, nothing stretches them. What else the
photo shows between its lips is kept while they stand about as they do there; farther open or shut it gives way to what
is drawn, without a step.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from mssync.arrays import Array, Mask, Rgb
from mssync.face import topology as topo
from mssync.render.cover import mouth_covered
from mssync.render.outline import Box, box_around, line_mask, opening_mask, paint, smooth_side
from mssync.render.plate import fill_smoothly
from mssync.render.teeth import (
    MM_PER_EYES,
    Bite,
    Tones,
    drawn_inside,
    grey,
    lit,
    outer_eyes,
    ramp,
    sample,
    tones,
)

_UPPER, _LOWER = list(topo.LIPS_INNER_UPPER), list(topo.LIPS_INNER_LOWER)
_CHEEKS = (50, 280, 101, 330, 205, 425)
# In inter-ocular distances:
_SEEN = 0.035  # from this gap on the photo's own mouth is worth using
_KEPT, _GONE = 0.012, 0.07  # how far from the photo's gap its own inside is kept, and from where on it is gone
_BEHIND = 0.05  # teeth lie so far behind the lips
_ROOTS = 0.09  # so far teeth go on under the upper lip


@dataclass(frozen=True)
class Mouth:
    """The mouth of one photo.

    Attributes:
        source: ``(478, 3)`` points in region pixels.
        size: width and height of the region.
        unit: pixels per inter-ocular distance in the photo.
        gap: the photo's own lip gap in pixels.
        texture: the photo's interior extended beyond the lips inside ``box``; None when the photo shows none.
        box: where ``texture`` lies.
        teeth: ``(h, w)`` share of the photo's own upper teeth in ``texture``; None when it shows none.
        tones: colours of drawn parts.
        bite: the form of drawn teeth.
        blur: how soft drawn parts have to be to match the photo, pixels.
        covered: whether a mask, a microphone or the like hides the mouth: it stays as it is then.
    """

    source: Array
    size: tuple[int, int]
    unit: float
    gap: float
    texture: Rgb | None
    box: Box
    teeth: Array | None
    tones: Tones
    bite: Bite
    blur: float
    covered: bool = False

    @property
    def shows(self) -> bool:
        """Whether the photo shows the inside of its mouth."""
        return self.texture is not None

    def draw(self, frame: Rgb, points: Array, rigid: Array, lip_gap: float) -> None:
        """Paint the interior into ``frame`` (region pixels, in place) inside the moved inner edge of the lips.

        Args:
            frame: ``(H, W, 3 or 4)`` uint8.
            points: ``(478, 3)`` target points.
            rigid: ``(3, 4)`` similarity of the head.
            lip_gap: pixels; at 0 nothing is painted.
        """
        if self.covered:
            return
        scale = float(np.cbrt(max(np.linalg.det(rigid[:, :3]), 1e-6)))
        unit = self.unit * scale
        upper, lower = smooth_side(points[_UPPER, :2]), smooth_side(points[_LOWER, :2])
        if self.shows:
            seam = np.asarray((upper + lower) / 2, np.float32)
            self._draw_seam(frame, seam, unit, float(ramp(0.05 * unit - lip_gap, 0.0, 0.04 * unit)))
        if lip_gap < 0.004 * unit:
            return
        box = box_around(np.concatenate([upper, lower]), 3, self.size)
        mask = opening_mask(upper, lower, box, _soft(unit))
        if not mask.any():
            return
        if self.texture is None:
            # Parted lips of the photo keep what they show; wider than that is drawn.
            mask = mask * ramp(lip_gap - self.gap * scale, 0.0, 0.03 * unit)
        frame_of = _Frame.of(self.source, rigid, self.unit)
        paint(frame, box, self._inside(frame_of, box, points, lip_gap / unit), mask)

    def held(self, points: Array, rigid: Array) -> Array:
        """Points ``(478, 3)`` whose lower face keeps the photo's expression: what covers it moves with the head."""
        still = np.asarray(self.source @ rigid[:, :3].T + rigid[:, 3], np.float32)
        top, low = self.source[6, :2], self.source[2, :2]
        down = (low - top) / max(float((low - top) @ (low - top)), 1e-6)
        share = ramp((self.source[:, :2] - top) @ down, 0.3, 1.0)[:, None]
        share[list(topo.LEFT_EYE + topo.RIGHT_EYE + topo.LEFT_IRIS + topo.RIGHT_IRIS)] = 0.0
        return np.asarray(points + (still - points) * share, np.float32)

    def as_bright_as(self, patch: Rgb, inside: Mask) -> Tones:
        """The tones of tongue and throat by which the drawn inside is about as bright as the photo's own."""
        if int(inside.sum()) < 12:
            return self.tones
        view = _Frame.of(self.source, np.eye(3, 4, dtype=np.float32), self.unit)
        drawn = replace(self, texture=None, teeth=None)._inside(view, self.box, self.source, self.gap / self.unit)
        weights = np.array([0.299, 0.587, 0.114], np.float32)
        both = [float((np.asarray(x, np.float32)[inside] @ weights).mean()) for x in (patch, drawn)]
        factor = float(np.clip(both[0] / max(both[1], 1.0), 0.6, 1.1))
        return replace(self.tones, tongue=self.tones.tongue * factor, throat=self.tones.throat * factor)

    def _draw_seam(self, frame: Rgb, seam: Array, unit: float, strength: float) -> None:
        """The dark line between touching lips, which a photo of an open mouth lacks."""
        if strength <= 0.0:
            return
        box = box_around(seam, 0.03 * unit + 2, self.size)
        line = line_mask(seam, box, max(0.7, 0.009 * unit)) * np.float32(0.6 * strength)
        paint(frame, box, np.broadcast_to(self.tones.seam, (*line.shape, 3)), line)

    def _inside(self, view: _Frame, box: Box, points: Array, gap: float) -> Array:
        """Colours of the whole box, ``gap`` in inter-ocular distances."""
        yy, xx = np.mgrid[box[1] : box[3], box[0] : box[2]].astype(np.float32)
        # Places and lip edges in the mouth's own axes in the photo, carried by the skull.
        px, py = view.to_photo(xx, yy)
        mx, my = view.to_mouth(px, py)
        top, bottom = (self._edge(view, points[side, :2]) for side in (_UPPER, _LOWER))
        up = np.interp(mx, top[:, 0], top[:, 1]).astype(np.float32)
        low = np.interp(mx, bottom[:, 0], bottom[:, 1]).astype(np.float32)
        mm = MM_PER_EYES / self.unit
        colours = drawn_inside(
            self.tones, self.bite, mx * mm, (my - up) * mm, (low - my) * mm, gap * MM_PER_EYES, (my - view.lip) * mm
        )
        if self.blur > 0.3:
            colours = np.asarray(cv2.GaussianBlur(colours, (0, 0), self.blur), np.float32)
        return colours if self.texture is None else self._own(colours, view, mx, my, up, low, gap)

    def _edge(self, view: _Frame, places: Array) -> Array:
        x, y = view.to_photo(places[:, 0], places[:, 1])
        edge = np.stack(view.to_mouth(x, y), 1)
        return np.asarray(edge[np.argsort(edge[:, 0], kind="stable")], np.float32)

    def _own(self, colours: Array, view: _Frame, mx: Array, my: Array, up: Array, low: Array, gap: float) -> Array:
        """The photo's own inside over what is drawn: all of it near the photo's gap, its upper teeth always."""
        assert self.texture is not None
        s_up, s_low = self._photo_edges(view, mx)
        beyond = gap - self.gap / self.unit
        if self.teeth is None:  # nothing in it that must not be squeezed
            beyond = 0.5 * max(beyond, 0.0)
        near = float(1 - ramp(abs(beyond), _KEPT, _GONE))
        if near > 0:
            share = (my - up) / np.maximum(low - up, 1e-3)
            own = self._sampled(self.texture, view, mx, s_up + share * (s_low - s_up))
            colours = colours + (own - colours) * np.float32(near)
        if self.teeth is None:
            return colours
        cover = self._sampled(self.teeth, view, mx, my)[..., None]
        return np.asarray(colours + (self._sampled(self.texture, view, mx, my) - colours) * cover, np.float32)

    def _sampled(self, picture: Rgb | Array, view: _Frame, mx: Array, my: Array) -> Array:
        x, y = view.from_mouth(mx, my)
        border = cv2.BORDER_REPLICATE if picture.ndim == 3 else cv2.BORDER_CONSTANT
        out = cv2.remap(picture, x - self.box[0], y - self.box[1], cv2.INTER_LINEAR, borderMode=border)
        return np.asarray(out, np.float32)

    def _photo_edges(self, view: _Frame, mx: Array) -> tuple[Array, Array]:
        out = []
        for side in (_UPPER, _LOWER):
            x, y = view.to_mouth(self.source[side, 0], self.source[side, 1])
            out.append(np.interp(mx, x, y).astype(np.float32))
        return out[0], out[1]


@dataclass(frozen=True)
class _Frame:
    """Between the frame's pixels, the photo's pixels (by the skull's motion) and the mouth's own axes in the photo."""

    inverse: Array  # (2, 3) frame to photo
    origin: Array
    axis: Array
    lip: float  # height of the resting upper lip's edge in mouth axes

    @staticmethod
    def of(source: Array, rigid: Array, unit: float) -> _Frame:
        left, right = source[_UPPER[0]], source[_UPPER[-1]]
        across = right - left
        slope = across[2] * across[:2] / max(float(across[:2] @ across[:2]), 1e-6)
        middle = (left + right) / 2
        deep = float(source[[13, 14], 2].mean()) + _BEHIND * unit
        linear = rigid[:2, :2] + np.outer(rigid[:2, 2], slope)
        # depth(x, y) = deep + slope . ((x, y) - middle)
        shift = rigid[:2, 3] + rigid[:2, 2] * (deep - float(slope @ middle[:2]))
        inverse = np.linalg.inv(linear)
        axis = across[:2] / max(float(np.linalg.norm(across[:2])), 1e-6)
        down = np.array([-axis[1], axis[0]])
        lip = float((source[13, :2] - middle[:2]) @ down)
        full = np.concatenate([inverse, -(inverse @ shift)[:, None]], 1)
        return _Frame(full.astype(np.float32), middle[:2].astype(np.float32), axis.astype(np.float32), lip)

    def to_photo(self, x: Array, y: Array) -> tuple[Array, Array]:
        m = self.inverse
        return m[0, 0] * x + m[0, 1] * y + m[0, 2], m[1, 0] * x + m[1, 1] * y + m[1, 2]

    def to_mouth(self, x: Array, y: Array) -> tuple[Array, Array]:
        dx, dy = x - self.origin[0], y - self.origin[1]
        return self.axis[0] * dx + self.axis[1] * dy, self.axis[0] * dy - self.axis[1] * dx

    def from_mouth(self, x: Array, y: Array) -> tuple[Array, Array]:
        a, b = self.axis
        return (
            (a * x - b * y + self.origin[0]).astype(np.float32),
            (b * x + a * y + self.origin[1]).astype(np.float32),
        )


def prepare_mouth(rgb: Rgb, points: Array) -> Mouth:
    """The mouth of a photo.

    Args:
        rgb: ``(H, W, 3)`` region of the photo.
        points: ``(478, 3)`` in region pixels.
    """
    size = (rgb.shape[1], rgb.shape[0])
    unit = outer_eyes(points)
    pairs = np.asarray(topo.LIP_GAP_PAIRS)
    gap = float(np.linalg.norm(points[pairs[:, 0], :2] - points[pairs[:, 1], :2], axis=1).mean())
    curves = smooth_side(points[_UPPER, :2]), smooth_side(points[_LOWER, :2])
    box = box_around(np.concatenate(curves), 0.35 * unit + 2, size)
    patch = rgb[box[1] : box[3], box[0] : box[2]]
    mouth = Mouth(points, size, unit, gap, None, box, None, tones(rgb, points), Bite.of(patch), 0.006 * unit)
    if mouth_covered(rgb, points):
        return replace(mouth, covered=True)
    inside = opening_mask(*curves, box, 0.0) > 0.5
    # Lips that hardly part show too little of what lies behind them.
    if gap < _SEEN * unit or gap < 2.5 or int(inside.sum()) < 12:
        return mouth
    texture = fill_smoothly(patch.astype(np.float32), inside).round().clip(0, 255).astype(np.uint8)
    found = _own_teeth(rgb, points, inside, box)
    mouth = replace(mouth, texture=texture, teeth=found)
    if found is not None:
        shown = patch[found > 0.8].astype(np.float32)
        bright = shown[shown.mean(-1) >= np.median(shown.mean(-1))]
        light = float(lit(gap / unit * MM_PER_EYES))
        teeth = np.minimum(bright.mean(0) / light, 250.0) if len(bright) else mouth.tones.teeth
        mouth = replace(
            mouth,
            tones=replace(mouth.tones, teeth=np.asarray(teeth, np.float32)),
            bite=replace(mouth.bite, shown=_reach(points, found, box) * MM_PER_EYES / unit),
        )
    rest = inside if found is None else inside & (found < 0.2)
    return replace(mouth, tones=mouth.as_bright_as(patch, rest))


def lips_for_hole(rgb: Rgb, points: Array) -> Rgb:
    """The region with the open mouth filled by the colour of the lips' inner edge, so that closed lips show no teeth.

    Args:
        rgb: ``(H, W, 3)``; returned unchanged when the photo's lips touch.
        points: ``(478, 3)`` in region pixels.
    """
    mouth = prepare_mouth(rgb, points)
    if mouth.texture is None:
        return rgb
    box = mouth.box
    curves = smooth_side(points[_UPPER, :2]), smooth_side(points[_LOWER, :2])
    hole = opening_mask(*curves, box, 0.0) > 0.02
    grown = cv2.dilate(hole.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    patch = rgb[box[1] : box[3], box[0] : box[2]].astype(np.float32)
    filled = fill_smoothly(patch, ~grown)
    # The line between closed lips is in shadow; darkest in the middle of the hole.
    deep = cv2.distanceTransform(hole.astype(np.uint8), cv2.DIST_L2, 3)
    shade = 1 - 0.45 * np.clip(deep / max(1.0, 0.02 * mouth.unit), 0.0, 1.0)
    out = rgb.copy()
    paint(out, box, filled * shade[..., None], opening_mask(*curves, box, _soft(mouth.unit)))
    return out


def _soft(unit: float) -> float:
    """Softness of the lips' inner edge in pixels."""
    return max(0.6, 0.008 * unit)


def _own_teeth(rgb: Rgb, points: Array, inside: Mask, box: Box) -> Array | None:
    """Share ``(h, w)`` of the photo's own upper teeth in ``box``, their roots under the lip included, or None.

    Teeth are what is bright and less red than the lips, in one piece that begins at the upper lip.
    """
    unit = outer_eyes(points)
    patch = rgb[box[1] : box[3], box[0] : box[2]].astype(np.float32)
    bright = patch @ np.array([0.299, 0.587, 0.114], np.float32)
    skin, lip = sample(rgb, points, _CHEEKS, 50), sample(rgb, points, (84, 17, 314, 181, 405), 40)
    red = (patch[..., 0] - patch[..., 1]) / np.maximum(bright, 1.0)
    lip_red, skin_red = (float(c[0] - c[1]) / max(grey(c), 1.0) for c in (lip, skin))
    top = float(np.percentile(bright[inside], 95))
    dark = float(np.percentile(bright[inside], 10))
    if top < max(0.7 * grey(skin), 1.15 * grey(lip)) or top < 1.25 * dark:
        return None
    found = inside & (bright > dark + 0.45 * (top - dark)) & (bright > 0.85 * grey(lip))
    if lip_red > 0.12:
        found &= red < max(skin_red, 0.75 * lip_red)
    kernel = np.ones((3, 3), np.uint8)
    pieces = cv2.morphologyEx(found.astype(np.uint8), cv2.MORPH_CLOSE, kernel) & inside.astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(pieces, connectivity=8)
    distance = _below_lip(points, box)
    keep = np.zeros(inside.shape, bool)
    for label in range(1, count):
        piece = labels == label
        if stats[label, cv2.CC_STAT_AREA] >= 6 and float(np.percentile(distance[piece], 5)) < 0.35:
            keep |= piece
    if keep.sum() < max(10, 0.08 * inside.sum()):
        return None
    # Teeth go on under the lip that hides them.
    start = np.where(keep.any(0), keep.argmax(0), len(keep))
    rows = np.arange(len(keep)).reshape(-1, 1)
    roots = (rows < start) & (rows > start - _ROOTS * unit) & keep.any(0)
    soft = max(0.6, 0.012 * unit)
    return np.asarray(cv2.GaussianBlur((keep | roots).astype(np.float32), (0, 0), soft), np.float32)


def _reach(points: Array, teeth: Array, box: Box) -> float:
    """How far the photo's teeth reach below the upper lip in the middle of the mouth, pixels."""
    x = np.clip(np.round(points[_UPPER[3:8], 0] - box[0]).astype(int), 0, teeth.shape[1] - 1)
    rows = np.arange(teeth.shape[0], dtype=np.float32).reshape(-1, 1)
    ends = np.where(teeth[:, x] > 0.5, rows, -1.0).max(0) + box[1] - points[_UPPER[3:8], 1]
    return float(np.clip(ends.max(), 0.0, 0.1 * outer_eyes(points)))


def _below_lip(points: Array, box: Box) -> Array:
    """How far down the opening each pixel of ``box`` lies, 0 at the upper lip and 1 at the lower."""
    yy, xx = np.mgrid[box[1] : box[3], box[0] : box[2]].astype(np.float32)
    a, b = points[_UPPER[0], :2], points[_UPPER[-1], :2]
    axis = (b - a) / max(float(np.linalg.norm(b - a)), 1e-6)
    along = (xx - a[0]) * axis[0] + (yy - a[1]) * axis[1]
    down = (yy - a[1]) * axis[0] - (xx - a[0]) * axis[1]
    edges = []
    for side in (_UPPER, _LOWER):
        place = (points[side, :2] - a) @ np.array([[axis[0], -axis[1]], [axis[1], axis[0]]], np.float32)
        order = np.argsort(place[:, 0], kind="stable")
        edges.append(np.interp(along, place[order, 0], place[order, 1]).astype(np.float32))
    upper, lower = edges[0], edges[1]
    return np.asarray((down - upper) / np.maximum(lower - upper, 1e-3), np.float32)
