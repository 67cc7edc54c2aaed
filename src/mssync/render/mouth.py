"""The inside of the mouth: the photo's own teeth when it shows them, drawn ones when it does not.

Upper teeth hang on the skull and lower teeth on the jaw: lips uncover them, nothing stretches them.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from mssync.arrays import Array, Rgb
from mssync.face import topology as topo
from mssync.render.outline import Box, box_around, line_mask, opening_mask, paint, smooth_side
from mssync.render.plate import fill_smoothly
from mssync.render.teeth import MM_PER_EYES, Tones, lower_teeth, outer_eyes, tones, upper_teeth

_UPPER, _LOWER = list(topo.LIPS_INNER_UPPER), list(topo.LIPS_INNER_LOWER)
# In inter-ocular distances:
_SEEN = 0.035  # from this gap on the photo's own mouth is worth using
_SHOWN = 0.03  # millimetres / 90: how far resting upper teeth reach below the edge of the upper lip
_BEHIND = 0.05  # teeth lie so far behind the lips


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
        teeth_share: how much of the opening the photo's upper teeth fill from the top (1 = down to the lower lip).
        tones: colours of drawn parts.
        blur: how soft drawn parts have to be to match the photo, pixels.
    """

    source: Array
    size: tuple[int, int]
    unit: float
    gap: float
    texture: Rgb | None
    box: Box
    teeth_share: float
    tones: Tones
    blur: float

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
        scale = float(np.cbrt(max(np.linalg.det(rigid[:, :3]), 1e-6)))
        unit = self.unit * scale
        upper, lower = smooth_side(points[_UPPER, :2]), smooth_side(points[_LOWER, :2])
        if self.shows:
            seam = np.asarray((upper + lower) / 2, np.float32)
            self._draw_seam(frame, seam, unit, float(_ramp(0.05 * unit - lip_gap, 0.0, 0.04 * unit)))
        if lip_gap < 0.004 * unit:
            return
        box = box_around(np.concatenate([upper, lower]), 3, self.size)
        mask = opening_mask(upper, lower, box, _soft(unit))
        if not mask.any():
            return
        if self.texture is None:
            # Parted lips of the photo keep what they show; wider than that is drawn.
            mask = mask * _ramp(lip_gap - self.gap * scale, 0.0, 0.03 * unit)
        frame_of = _Frame.of(self.source, rigid, self.unit)
        colours = self._inside(frame_of, box, points)
        if self.blur > 0.3:
            drawn = cv2.GaussianBlur(colours, (0, 0), self.blur) if self.texture is None else colours
            colours = np.asarray(drawn, np.float32)
        paint(frame, box, colours, mask)

    def _draw_seam(self, frame: Rgb, seam: Array, unit: float, strength: float) -> None:
        """The dark line between touching lips, which a photo of an open mouth lacks."""
        if strength <= 0.0:
            return
        box = box_around(seam, 0.03 * unit + 2, self.size)
        line = line_mask(seam, box, max(0.7, 0.009 * unit)) * np.float32(0.6 * strength)
        paint(frame, box, np.broadcast_to(self.tones.seam, (*line.shape, 3)), line)

    def _inside(self, view: _Frame, box: Box, points: Array) -> Array:
        yy, xx = np.mgrid[box[1] : box[3], box[0] : box[2]].astype(np.float32)
        # Places and lip edges in the mouth's own axes in the photo, carried by the skull.
        px, py = view.to_photo(xx, yy)
        mx, my = view.to_mouth(px, py)
        top, bottom = (self._edge(view, points[side, :2]) for side in (_UPPER, _LOWER))
        up = np.interp(mx, top[:, 0], top[:, 1]).astype(np.float32)
        low = np.interp(mx, bottom[:, 0], bottom[:, 1]).astype(np.float32)
        if self.texture is None:
            return self._drawn(view, mx, my, up, low)
        return self._own(view, mx, my, up, low)

    def _edge(self, view: _Frame, places: Array) -> Array:
        x, y = view.to_photo(places[:, 0], places[:, 1])
        edge = np.stack(view.to_mouth(x, y), 1)
        return np.asarray(edge[np.argsort(edge[:, 0], kind="stable")], np.float32)

    def _photo_edges(self, view: _Frame, mx: Array) -> tuple[Array, Array]:
        out = []
        for side in (_UPPER, _LOWER):
            x, y = view.to_mouth(self.source[side, 0], self.source[side, 1])
            out.append(np.interp(mx, x, y).astype(np.float32))
        return out[0], out[1]

    def _own(self, view: _Frame, mx: Array, my: Array, up: Array, low: Array) -> Array:
        """The photo's interior: upper part rigid; what lies below the teeth follows the lower lip."""
        assert self.texture is not None
        s_up, s_low = self._photo_edges(view, mx)
        hinge = s_up + self.teeth_share * (s_low - s_up)
        whole = self.teeth_share >= 1.0
        y = my
        if not whole:
            room, had = np.maximum(low - hinge, 1e-3), s_low - hinge
            y = np.where(my > hinge, hinge + (my - hinge) * np.maximum(had, 0) / np.maximum(room, 0.4 * had + 1e-3), my)
        x, y = view.from_mouth(mx, y)
        own = cv2.remap(
            self.texture, x - self.box[0], y - self.box[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        ).astype(np.float32)
        if not whole:
            return own
        # Below the edge of the teeth lies the open mouth.
        cavity = self._cavity(mx, my, np.maximum(up, s_up), low)
        # Between a smile's teeth and the lip it is the lip's inner side and the tongue that show, not the throat.
        cavity = 0.6 * cavity + 0.35 * self.tones.tongue
        soft = max(1.0, 0.02 * self.unit)
        alpha = 1 - _ramp(my - s_low, 0.0, soft)
        return own * alpha[..., None] + cavity * (1 - alpha)[..., None]

    def _cavity(self, mx: Array, my: Array, up: Array, low: Array) -> Array:
        """Throat, tongue and lower teeth."""
        mm = MM_PER_EYES / self.unit
        depth = (low - my) * mm
        opening = np.maximum(low - up, 0.0) * mm
        colours = np.broadcast_to(self.tones.throat, (*mx.shape, 3)).astype(np.float32)
        mound = np.exp(-((mx * mm / 15.0) ** 4)) * _ramp(opening, 5.0, 14.0)
        crest = np.minimum(0.45 * opening, 9.0)
        tongue = mound * _ramp(crest - depth, -2.5, 2.5) * (0.55 + 0.45 * _ramp(depth, 0.0, 6.0))
        colours = colours + (self.tones.tongue - colours) * tongue[..., None]
        bright, cover = lower_teeth(mx * mm, 6.0 + depth)
        cover = 0.6 * cover * _ramp(opening, 6.0, 13.0) * _ramp(15.0 - np.abs(mx * mm), 0.0, 6.0)
        shade = (bright * (0.3 + 0.35 * _ramp(depth, 0.0, 2.5)))[..., None] * self.tones.teeth
        return np.asarray(colours + (shade - colours) * cover[..., None], np.float32)

    def _drawn(self, view: _Frame, mx: Array, my: Array, up: Array, low: Array) -> Array:
        mm = MM_PER_EYES / self.unit
        colours = self._cavity(mx, my, up, low)
        bite = view.lip + _SHOWN * self.unit
        bright, cover = upper_teeth(mx * mm, 10.0 + (my - bite) * mm)
        # The upper lip throws a shadow on the teeth.
        shadow = 0.72 + 0.28 * _ramp((my - up) * mm, -0.5, 3.0)
        shade = (bright * shadow)[..., None] * self.tones.teeth
        return np.asarray(colours + (shade - colours) * cover[..., None], np.float32)


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
    colours = tones(rgb, points)
    curves = smooth_side(points[_UPPER, :2]), smooth_side(points[_LOWER, :2])
    box = box_around(np.concatenate(curves), 0.35 * unit + 2, size)
    blur = max(0.0, 0.006 * unit)
    inside = opening_mask(*curves, box, 0.0) > 0.5
    share = _teeth_share(rgb, points, colours)
    # Without teeth to keep, a drawn inside takes over as the lips part farther than in the photo.
    if gap < _SEEN * unit or gap < 2.5 or int(inside.sum()) < 12 or share == 0.0:
        return Mouth(points, size, unit, gap, None, box, 0.0, colours, blur)
    patch = rgb[box[1] : box[3], box[0] : box[2]].astype(np.float32)
    texture = fill_smoothly(patch, inside).round().clip(0, 255).astype(np.uint8)
    return Mouth(points, size, unit, gap, texture, box, share, colours, blur)


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


def _teeth_share(rgb: Rgb, points: Array, colours: Tones) -> float:
    """How far down the opening the photo's upper teeth reach, 0..1, by brightness along the middle of the mouth."""
    top, low = points[_UPPER, :2][3:8], points[_LOWER, :2][3:8]
    t = np.linspace(0.08, 0.92, 24, dtype=np.float32)[:, None, None]
    lines = top + (low - top) * t
    values = cv2.remap(rgb, lines[..., 0].astype(np.float32), lines[..., 1].astype(np.float32), cv2.INTER_LINEAR)
    grey = values.astype(np.float32).mean(-1)
    bright = grey > 0.6 * max(float(colours.teeth.mean()), float(np.percentile(grey, 90)))
    # Upper teeth begin near the upper lip: brightness that begins lower is tongue or lower teeth.
    starts = np.where(bright.any(0), bright.argmax(0), len(t))
    if bright.mean() < 0.15 or float(np.median(starts)) > 0.4 * len(t):
        return 0.0
    # They end where two dark samples follow.
    dark = ~bright[:-1] & ~bright[1:] & (np.arange(len(t) - 1)[:, None] > starts)
    ends = np.where(dark.any(0), dark.argmax(0), len(t) - 1)
    share = float(t[round(float(np.median(ends))), 0, 0])
    # A sliver below them is too little to show an open mouth from.
    return 1.0 if share > 0.6 else share


def _ramp(x: Array | float, low: float, high: float) -> Array:
    t = np.clip((np.asarray(x, np.float32) - low) / (high - low), 0.0, 1.0)
    return np.asarray(t * t * (3 - 2 * t), np.float32)
