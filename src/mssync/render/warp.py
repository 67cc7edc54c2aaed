"""The renderer: one photo made ready once, then one frame per set of controls.

Back to front: the background without the person; the person, warped backwards (face by a triangle mesh, hair, ears
and neck by a smooth field); eyeballs behind the lids; the inside of the mouth behind the lips. Only the region that
the head can reach is touched (docs/adr/0004-renderer.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import cv2
import numpy as np

from mssync.arrays import Array, Rgb
from mssync.face.topology import FACE_OVAL, LEFT_EYE, LIPS_INNER, OUTER_EYE_CORNERS, RIGHT_EYE
from mssync.face.tracking import Face
from mssync.motion.space import Controls
from mssync.render.border import Border, inside_rim
from mssync.render.eyes import Eye, prepare_eyes
from mssync.render.facemesh import FaceMesh
from mssync.render.field import HeadField, head_field, too_deep
from mssync.render.matte import is_cut_out, person_matte
from mssync.render.mouth import Mouth, lips_for_hole, prepare_mouth
from mssync.render.outline import Box, box_around
from mssync.render.plate import take_apart
from mssync.render.turning import Turning

# In face heights (forehead to chin): how far the head, its hair and its motion reach beyond the face.
_ASIDE, _ABOVE, _BELOW = 1.0, 1.0, 0.75
_NO_MAP: Any = None  # second map of cv2.remap: the first holds columns and rows
_HALO = 0.015  # how far sharpening spreads a person's edge
_REACH = 0.4  # how far the head may move beyond its matte
_MESH_CELLS = 100  # cells of the drawing grid per face height
_FIELD_CELLS = 28  # cells of the surroundings' grid per face height, about


class Picture(Protocol):
    """What the renderer needs of a photo (:class:`mssync.media.image.Image` is one)."""

    @property
    def rgb(self) -> Rgb: ...

    @property
    def alpha(self) -> Rgb | None: ...


@dataclass(frozen=True)
class Scene:
    """A photo made ready for :meth:`WarpRenderer.render`.

    Attributes:
        photo: ``(H, W, 3)`` uint8.
        matte: ``(H, W)`` uint8 share of the person, known inside ``near`` and 0 elsewhere.
        near: x0, y0, x1, y1 of the head-and-shoulders crop the matte was found in.
        box: x0, y0, x1, y1 of the region that is drawn; everything else is the photo.
        person: ``(h, w, 4)`` uint8 colours of the person times the matte, and matte, of the region: so that what lies
            between two pixels is mixed as light is.
        plate: ``(h, w, 3)`` uint8 background of the region.
        mesh, field, eyes, mouth: the movable parts, in region pixels.
        turning: what the face's points do beyond a rigid turn.
        border: where the person touches the picture's border.
        identity: ``(h, w, 2)`` float32 column and row of every pixel of the region.
        relief: factors on the depth of the face as turns to the sides and up and down show it
            (:mod:`mssync.render.relief`).
    """

    photo: Rgb
    matte: Rgb
    near: Box
    box: Box
    person: Rgb
    plate: Rgb
    mesh: FaceMesh
    field: HeadField
    eyes: tuple[Eye, Eye]
    mouth: Mouth
    turning: Turning
    border: Border
    identity: Array
    relief: tuple[float, float] = (1.0, 1.0)

    @cached_property
    def whole_matte(self) -> Rgb:
        """``(H, W)`` uint8 matte of the whole photo, lower body included, for frames without background."""
        x0, y0, x1, y1 = self.near
        if (x1 - x0, y1 - y0) == (self.photo.shape[1], self.photo.shape[0]):
            return self.matte
        points = self.mesh.source + np.array([*self.box[:2], 0], np.float32)
        whole = np.asarray(np.round(255 * person_matte(self.photo, points)), np.uint8)
        whole[y0:y1, x0:x1] = self.matte[y0:y1, x0:x1]
        return whole

    @property
    def warped_pixels(self) -> int:
        """How many pixels a frame costs."""
        return int(self.person.shape[0] * self.person.shape[1])


class WarpRenderer:
    """Moves the head of a photo."""

    def prepare(self, image: Picture, face: Face) -> Scene:
        """Cut the photo into its layers.

        Args:
            image: the photo; its alpha, where there is one, is taken for the matte.
            face: the face to move, in pixels of the photo.
        """
        rgb = np.ascontiguousarray(image.rgb)
        own = None if image.alpha is None or int(image.alpha.min()) == 255 else image.alpha
        ends = inside_rim(rgb, own)
        near = _around(face.points, ends, _BELOW + 0.7)
        crop = np.s_[near[1] : near[3], near[0] : near[2]]
        points = face.points - np.array([near[0], near[1], 0], np.float32)
        if own is not None and is_cut_out(rgb[crop], own[crop]):
            alpha = np.asarray(own[crop] / 255, np.float32)
            box = _needed(alpha, points, near, ends)
            return _build(rgb, own.copy(), (0, 0, rgb.shape[1], rgb.shape[0]), box, ends, face.points)
        alpha = person_matte(rgb[crop], points)
        matte = np.zeros(rgb.shape[:2], np.uint8)
        matte[crop] = np.round(255 * alpha)
        return _build(rgb, matte, near, _needed(alpha, points, near, ends), ends, face.points)

    def render(self, scene: Scene, controls: Controls) -> Rgb:
        """One frame ``(H, W, 3)`` uint8; bit for bit the photo where neither the old nor the moved person is."""
        x0, y0, x1, y1 = scene.box
        out = scene.photo.copy()
        out[y0:y1, x0:x1] = self.region(scene, controls)
        return out

    def region(self, scene: Scene, controls: Controls) -> Rgb:
        """The part of a frame that is drawn, ``scene.box`` of the picture."""
        drawn, alpha = self._person(scene, controls)
        rest = cv2.cvtColor(cv2.bitwise_not(alpha), cv2.COLOR_GRAY2RGB)
        return np.asarray(cv2.add(drawn, cv2.multiply(scene.plate, rest, scale=1 / 255)), np.uint8)

    def render_rgba(self, scene: Scene, controls: Controls) -> Rgb:
        """One frame ``(H, W, 4)`` uint8 of the person alone, straight (not premultiplied) alpha."""
        drawn, alpha = self._person(scene, controls)
        x0, y0, x1, y1 = scene.box
        out = np.dstack([scene.photo, scene.whole_matte])
        # Straight colours from premultiplied ones.
        share = np.maximum(cv2.cvtColor(alpha, cv2.COLOR_GRAY2RGB), 1)
        out[y0:y1, x0:x1, :3] = cv2.divide(drawn, share, scale=255)
        out[y0:y1, x0:x1, 3] = alpha
        return out

    def _person(self, scene: Scene, controls: Controls) -> tuple[Rgb, Rgb]:
        """Colours ``(h, w, 3)``, premultiplied, and matte ``(h, w)`` of the moved person in the region."""
        points, rigid = _to_region(controls, scene.box)
        if scene.mouth.covered:
            points = scene.mouth.held(points, rigid)
        points[:, :2] += scene.turning.offsets(rigid, points[list(OUTER_EYE_CORNERS), :2])
        points[:, :2] -= np.outer(too_deep(scene.mesh.source), rigid[:2, 2])
        rigid = _deeper(points, rigid, scene)
        if not scene.border.free:
            points, rigid = scene.border.held(points, rigid)
        size = (scene.person.shape[1], scene.person.shape[0])
        shut = 1 - controls.lip_gap / max(scene.mouth.gap, 1e-3)
        tuck = float(controls.lids[0]), float(controls.lids[1]), float(np.clip(shut, 0, 1)) * scene.mouth.shows
        flow = scene.field.backward(points, rigid, controls.body, controls.breath)
        flow = _finer(flow, scene.field.step // scene.mesh.step, scene.mesh.grid_size)
        mesh = scene.mesh.moved(points, rigid, tuck)
        mesh.blend_into(flow, scene.mesh.step)
        scene.border.keep_inside(flow, scene.mesh.step)
        sources = np.asarray(cv2.add(_finer(flow, scene.mesh.step, size), scene.identity), np.float32)
        if scene.mesh.step > 1:
            for ring in (LEFT_EYE, RIGHT_EYE, LIPS_INNER):
                mesh.refine(sources, box_around(points[list(ring), :2], 0.01 * _height(points), size))
        moved = cv2.remap(scene.person, sources, _NO_MAP, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        drawn = np.asarray(cv2.cvtColor(moved, cv2.COLOR_RGBA2RGB), np.uint8)
        alpha = np.asarray(cv2.extractChannel(moved, 3), np.uint8)
        for eye, shut in zip(scene.eyes, controls.lids, strict=True):
            eye.draw(drawn, points, rigid, float(shut))
        scene.mouth.draw(drawn, points, rigid, controls.lip_gap)
        return drawn, alpha


def _build(rgb: Rgb, matte: Rgb, near: Box, box: Box, ends: Box, points: Array) -> Scene:
    x0, y0, x1, y1 = box
    local = (points - np.array([x0, y0, 0], np.float32)).astype(np.float32)
    cut = np.ascontiguousarray(rgb[y0:y1, x0:x1])
    alpha = np.asarray(matte[y0:y1, x0:x1] / 255, np.float32)
    height = _height(points)
    size = (x1 - x0, y1 - y0)
    layers = take_apart(cut, alpha, _HALO * height)
    matte[y0:y1, x0:x1] = layers.alpha
    colours = lips_for_hole(layers.colours, local)
    share = cv2.cvtColor(layers.alpha, cv2.COLOR_GRAY2RGB)
    person = np.dstack([cv2.multiply(colours, share, scale=1 / 255), layers.alpha])
    fade = (x0 > ends[0], y0 > ends[1], x1 < ends[2], y1 < ends[3])
    step, wide = drawing_steps(height)
    field = head_field(local, size, wide, fade)
    yy, xx = np.indices((size[1], size[0]), np.float32)
    return Scene(
        photo=rgb,
        matte=matte,
        near=near,
        box=box,
        person=np.ascontiguousarray(person),
        plate=layers.plate,
        mesh=FaceMesh(local, size, step),
        field=field,
        eyes=prepare_eyes(cut, local),
        mouth=prepare_mouth(cut, local),
        turning=Turning.of(local),
        border=Border.of(field, layers.alpha, local, fade),
        identity=np.stack([xx, yy], -1),
    )


def _height(points: Array) -> float:
    return max(float(np.linalg.norm(points[10] - points[152])), 8.0)


def _around(points: Array, ends: Box, below: float) -> Box:
    """Box of the head and the shoulders, cut to the picture inside its rim."""
    oval, high = points[list(FACE_OVAL), :2], _height(points)
    low, top = oval.min(0), oval.max(0)
    return (
        int(np.clip(low[0] - _ASIDE * high, ends[0], ends[2] - 2)),
        int(np.clip(low[1] - _ABOVE * high, ends[1], ends[3] - 2)),
        int(np.clip(top[0] + _ASIDE * high, ends[0] + 2, ends[2])),
        int(np.clip(top[1] + below * high, ends[1] + 2, ends[3])),
    )


def _needed(alpha: Array, points: Array, wide: Box, ends: Box) -> Box:
    """The part of the wide box that the moving head can reach."""
    near = _around(points + np.array([wide[0], wide[1], 0], np.float32), ends, _BELOW)
    body = alpha[: near[3] - wide[1]]
    chin = int(np.clip(points[152, 1], 1, body.shape[0]))
    columns, rows = np.flatnonzero((body[:chin] > 0).any(0)), np.flatnonzero((body > 0).any(1))
    if columns.size == 0 or rows.size == 0:
        return near
    reach = _REACH * _height(points)
    return (
        max(near[0], int(wide[0] + columns[0] - reach)),
        max(near[1], int(wide[1] + rows[0] - reach)),
        min(near[2], int(wide[0] + columns[-1] + 1 + reach)),
        near[3],
    )


def _to_region(controls: Controls, box: Box) -> tuple[Array, Array]:
    """Points and similarity moved from the photo's pixels to the region's."""
    origin = np.array([box[0], box[1], 0], np.float32)
    rigid = np.array(controls.rigid, np.float32)
    rigid[:, 3] += rigid[:, :3] @ origin - origin
    return (controls.points - origin).astype(np.float32), rigid


def _deeper(points: Array, rigid: Array, scene: Scene) -> Array:
    """What a turn does to places at depth made larger by the photo's relief, at the eyes' depth left as it is.

    Args:
        points: ``(478, 3)`` moved points, changed in place.
        rigid: ``(3, 4)`` similarity in region pixels.
    Returns:
        the similarity so changed, for what is not of the mesh.
    """
    more = (np.array(scene.relief, np.float32) - 1) * rigid[:2, 2]
    source = scene.mesh.source
    middle = source[list(OUTER_EYE_CORNERS), 2].mean()
    points[:, :2] += np.outer(source[:, 2] - middle, more)
    out = rigid.copy()
    out[:2, 2] += more
    out[:2, 3] -= more * middle
    return out


def drawing_steps(height: float) -> tuple[int, int]:
    """Pixels per cell of the drawing grid and of the surroundings' grid for a face of this height."""
    step = max(1, round(height / _MESH_CELLS))
    return step, step * max(2, round(height / _FIELD_CELLS / step))


def _finer(flow: Array, times: int, size: tuple[int, int]) -> Array:
    """A coarse field ``times`` finer, cut to ``size`` (width, height)."""
    if times == 1:
        return flow[: size[1], : size[0]]
    h, w = flow.shape[:2]
    return np.asarray(cv2.resize(flow, (w * times, h * times), interpolation=cv2.INTER_LINEAR)[: size[1], : size[0]])
