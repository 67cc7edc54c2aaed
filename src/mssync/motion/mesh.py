"""The default motion space ``mesh``: rigid head + expression basis + lips, lids and gaze of their own.

The head is rigid by construction: nothing in this space can shear or melt it. Pose is relative (to the photo, or to
the middle pose of a clip); the lip gap is absolute (0 = the lips touch).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray

from mssync.arrays import Array, Array64, Wanted
from mssync.errors import InputError
from mssync.face import shape as fs
from mssync.face import topology as topo
from mssync.face.tracking import Face, Track
from mssync.motion import lips
from mssync.motion.columns import Column, mesh_columns, width
from mssync.motion.pyramid import View
from mssync.motion.space import Controls, Motion, MotionSpace, Rest, ViewOfMotion

EYE_POINTS: Final = tuple(
    sorted(
        {
            *topo.RIGHT_EYE, *topo.LEFT_EYE, *topo.RIGHT_CREASE_UPPER, *topo.LEFT_CREASE_UPPER,
            *topo.RIGHT_CREASE_LOWER, *topo.LEFT_CREASE_LOWER, *topo.RIGHT_IRIS, *topo.LEFT_IRIS,
        }
    )
)  # fmt: skip
# A blink is mostly the upper lid coming down.
UPPER_LID_SHARE: Final = 0.88
CREASE_SHARE: Final = 0.35
_SMILE: Final = ("mouthSmile", "mouthDimple", "cheekSquint")
_MOUTH: Final = ("mouth", "jaw", "cheekPuff", "cheekSquint")
MAX_GAZE: Final = 0.25
MAX_BASIS: Final = 400
LARGEST: Final = 20.0  # of any number in the arrays, inter-ocular distances
_ROOM: Final = 4 * 3 * topo.POINTS * MAX_BASIS
LIP_COLUMNS: Final = 10  # of the view of the lips
HEAD_VIEWS: Final[dict[View, tuple[str, ...]]] = {
    "head": ("rot_x", "rot_y", "rot_z"),
    "pitch": ("rot_x",),
    "yaw": ("rot_y",),
    "roll": ("rot_z",),
    "shift": ("trans_x", "trans_y", "log_scale"),
    "unpitched": ("rot_y", "rot_z", "trans_x"),
}
"""Columns of the motion that the views of nothing but the head show, ten times their size."""


@dataclass(eq=False)
class MeshSpace(MotionSpace):
    """The space, as fitted on real faces (``mssync train space``).

    Attributes:
        template: ``(478, 3)`` mean neutral face, head frame.
        basis: ``(K, 478, 3)`` expression directions; coefficients have unit RMS in the training data.
        blend: ``(52, 478, 3)`` shape change per unit of each blendshape score (ridge regression).
        opening: ``(478, 3)`` shape change per unit of lip gap.
        gap_zero: measured gap of touching lips (the tracker leaves a sliver), inter-ocular distances.
    """

    template: Array
    basis: Array
    blend: Array
    opening: Array
    gap_zero: float

    kind: ClassVar[str] = "mesh"
    stages: ClassVar[tuple[str, ...]] = (
        "head_gain", "head_smoothing", "recentring", "easing", "gaze", "gap_curve", "closures", "silence", "blinks",
        "knobs",
    )  # fmt: skip
    wanted: ClassVar[Mapping[str, Wanted]] = {
        "template": Wanted("f", 2, _ROOM),
        "basis": Wanted("f", 3, _ROOM),
        "blend": Wanted("f", 3, _ROOM),
        "opening": Wanted("f", 2, _ROOM),
        "gap_zero": Wanted("f", 0, 8),
    }

    @property
    def columns(self) -> tuple[Column, ...]:
        return mesh_columns(len(self.basis))

    @cached_property
    def _projector(self) -> Array64:
        b = self.basis.reshape(len(self.basis), -1).astype(np.float64)
        return np.asarray(np.linalg.pinv(b), np.float64)

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        space = cls(
            arrays["template"], arrays["basis"], arrays["blend"], arrays["opening"], float(arrays["gap_zero"])
        )  # fmt: skip
        space._check()
        return space

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Half precision where that is enough."""
        return {
            "template": self.template.astype(np.float32),
            "basis": self.basis.astype(np.float32),
            "blend": self.blend.astype(np.float16),
            "opening": self.opening.astype(np.float32),
            "gap_zero": np.asarray(self.gap_zero, np.float32),
        }

    def _check(self) -> None:
        """Refuse arrays that are no faces.

        Raises:
            ValueError: a shape, or numbers, that no fitted space has.
        """
        shapes = {
            "template": (topo.POINTS, 3), "basis": (len(self.basis), topo.POINTS, 3),
            "blend": (len(topo.BLENDSHAPE_NAMES), topo.POINTS, 3), "opening": (topo.POINTS, 3),
        }  # fmt: skip
        for name, shape in shapes.items():
            values = getattr(self, name)
            if values.shape != shape:
                raise ValueError(f"the array {name!r} has the shape {values.shape}")
            if not np.isfinite(values).all() or float(np.abs(values).max()) > LARGEST:
                raise ValueError(f"the array {name!r} holds numbers that are not those of faces")
        if not 1 <= len(self.basis) <= MAX_BASIS or not 0.0 <= self.gap_zero <= 1.0:
            raise ValueError("the basis or the zero of the gap is not one of faces")
        eyes = self.template[topo.EYE_CORNERS_LEFT[0]] - self.template[topo.EYE_CORNERS_RIGHT[0]]
        if not 0.5 <= float(np.linalg.norm(eyes)) <= 2.0:
            raise ValueError("the template is no face")

    # ---- faces ------------------------------------------------------------------------------------------------

    def neutral(self, points: Array, blendshapes: Array) -> Array:
        """The neutral shape ``(478, 3)`` of a face that may smile or talk: its shape less what the scores explain.

        Args:
            points: ``(478, 3)`` or ``(T, 478, 3)`` pixels; frames are averaged.
            blendshapes: ``(52,)`` or ``(T, 52)``.
        """
        pts = points.reshape(-1, topo.POINTS, 3)
        scores = blendshapes.reshape(-1, len(self.blend))
        template = self.template
        # The pose is fitted on the person's own face the second time, which takes most of its error out.
        for _ in range(2):
            shapes = fs.fit_pose(pts, template).to_head(pts)
            explained = np.tensordot(scores, self.blend.astype(np.float32), 1)
            template = (shapes - explained).mean(0)
        return np.asarray(template, np.float32)

    def prepare(self, face: Face, smile: float = 1.0) -> Rest:
        """A photo's face, its lips brought together.

        Args:
            smile: how much of the mouth's own expression stays: 1 all of it, pursed and skewed lips too; below, the
                mouth starts from its neutral shape with this share of the smile, 0 to 1. Eyes and brows stay.
        """
        pose = fs.fit_pose(face.points, self.template)
        shape = pose.to_head(face.points)
        if smile < 1.0:
            shape = shape - self._said_by_mouth(face.blendshapes, smile)
        gap = float(fs.lip_gap(shape)) - self.gap_zero
        closed = shape - max(0.0, gap) * self.opening
        return Rest(lips.set_gap(closed, 0.0), pose)

    def _said_by_mouth(self, blendshapes: Array, smile: float) -> Array:
        """What the scores of mouth and jaw explain of a shape ``(478, 3)``, of the smile all but a share."""
        names = topo.BLENDSHAPE_NAMES
        share = np.array([n.startswith(_MOUTH) for n in names]) - smile * np.array(
            [n.startswith(_SMILE) for n in names]
        )
        change = np.tensordot(np.maximum(share, 0.0) * blendshapes, self.blend.astype(np.float32), 1)
        # From the nose down: what the regression says of eyes and brows is chance.
        down = np.clip((self.template[:, 1] - 0.15) / 0.3, 0.0, 1.0)
        return np.asarray(change * down[:, None], np.float32)

    def rest_of(self, track: Track) -> Rest:
        """The neutral face of a clip at its middle pose."""
        neutral = self.neutral(track.points[track.valid], track.blendshapes[track.valid])
        pose = fs.fit_pose(track.points[track.valid], neutral)
        return Rest(neutral, _middle(pose))

    # ---- numbers ----------------------------------------------------------------------------------------------

    def encode(self, track: Track, *, smooth: int = 1) -> Motion:
        """Tracked points to motion.

        Args:
            track: a clip at a steady 25 fps (:meth:`Track.resampled`).
            smooth: width in frames of a moving average over the points (3 in the paper's training data; 1 = none).
        Raises:
            InputError: no valid frame.
        """
        if not track.valid.any():
            raise InputError("No face was found in the video; use one that shows a face.")
        rest = self.rest_of(track)
        points = _moving_average(track.points, smooth)
        pose = fs.fit_pose(points, rest.shape)
        shapes = pose.to_head(points)
        deviation = shapes - rest.shape
        deviation[:, EYE_POINTS] = 0.0
        expr = deviation.reshape(len(points), -1) @ self._projector
        gap = np.maximum(fs.lip_gap(shapes) - self.gap_zero, 0.0)
        open_now = fs.lid_opening(shapes)
        # Open eyes are the upper part of what was seen; a clip that blinks a lot must not call half-shut "open".
        open_rest = np.maximum(np.percentile(open_now[track.valid], 70, axis=0), 0.05)
        closure = np.clip(1.0 - open_now / open_rest, -0.5, 1.0)
        look = fs.gaze(shapes)
        look = np.asarray(look - np.median(look[track.valid], axis=0), np.float32)
        values = np.concatenate([_relative(pose, rest.pose), expr, gap[:, None], closure, look], 1)
        return self.motion(np.clip(values, *self.ranges).astype(np.float32))

    def decode(self, rest: Rest, row: Array) -> Controls:
        row, g = np.clip(row, *self.ranges).astype(np.float32), self.groups
        gap = max(0.0, float(row[g.lip_gap][0]))
        shape = np.asarray(rest.shape + np.tensordot(row[g.expression], self.basis, 1), np.float32)
        shape += np.float32(gap - max(0.0, float(fs.lip_gap(shape)) - self.gap_zero)) * self.opening
        shape = lips.set_gap(shape, gap)
        closure = np.clip(row[g.lids], -0.3, 1.0)
        _move_eyes(shape, rest.shape, closure, np.clip(row[g.gaze], -MAX_GAZE, MAX_GAZE))
        turn, centre = fs.rotation_matrix(row[g.rotation]), rest.pose.translation
        scale = float(np.exp(row[g.scale][0]))
        moved = centre + np.array([*row[g.translation], 0.0]) * rest.pose.scale
        pose = fs.HeadPose(turn @ rest.pose.rotation, moved, rest.pose.scale * scale)
        rigid = np.concatenate([scale * turn, (moved - scale * turn @ centre)[:, None]], 1)
        return Controls(
            pose.to_pixels(shape),
            rigid.astype(np.float32),
            gap * float(pose.scale),
            np.asarray(np.clip(closure, 0.0, 1.0), np.float32),
        )

    # ---- mirror and views ---------------------------------------------------------------------------------------

    def mirror(self) -> Array:
        """Exact for head, lips, lids and gaze; the expression's mirror image is projected back on the basis."""
        d, k, expression = len(self.names), len(self.basis), self.groups.expression
        out = np.eye(d, dtype=np.float32)
        for name in ("rot_y", "rot_z", "trans_x", "gaze_x"):
            i = self.names.index(name)
            out[i, i] = -1.0
        flipped = self.basis[:, list(topo.MIRROR)] * np.array([-1.0, 1.0, 1.0], np.float32)
        out[expression, expression] = flipped.reshape(k, -1).astype(np.float64) @ self._projector
        left, right = self.names.index("lid_left"), self.names.index("lid_right")
        out[[left, right]] = out[[right, left]]
        return out

    def lip_reach(self) -> Array:
        out = np.zeros(len(self.names), np.float32)
        lips = list(topo.LIPS_OUTER + topo.LIPS_INNER)
        out[self.groups.expression] = np.linalg.norm(self.basis[:, lips].reshape(len(self.basis), -1), axis=1)
        return out

    def view(self, name: View) -> ViewOfMotion:
        """``lips``: the ten strongest directions in which the expression basis moves the lips, then the gap (scaled to
        about the same size). The views of :data:`HEAD_VIEWS`: columns of the rotation vector in tenths of a radian,
        translation and scale likewise. ``all``: all of these, expression coefficients as they are, and the gap.
        """
        g, each = self.groups, np.eye(len(self.names), dtype=np.float32)
        if name in HEAD_VIEWS:
            columns = [self.names.index(n) for n in HEAD_VIEWS[name]]
            return ViewOfMotion(10.0 * each[:, columns], len(columns))
        gap = 15.0 * each[:, g.lip_gap]
        if name == "lips":
            lips = list(topo.LIPS_OUTER + topo.LIPS_INNER)
            reach = self.basis[:, lips].reshape(len(self.basis), -1).astype(np.float64)
            u, s, _ = np.linalg.svd(reach, full_matrices=False)
            n = min(LIP_COLUMNS, len(self.basis))
            shape = np.zeros((len(self.names), n), np.float32)
            shape[g.expression] = u[:, :n] * s[:n] / s[0]
            return ViewOfMotion(np.concatenate([shape, gap], 1), 0, n)
        parts = [10.0 * each[:, g.head], each[:, g.expression], gap]
        return ViewOfMotion(np.concatenate(parts, 1), width(g.head), width(g.head) + width(g.expression))


def _relative(pose: fs.HeadPose, middle: fs.HeadPose) -> Array64:
    """Rotation vector, translation (inter-ocular distances) and log-scale of poses relative to one pose ``(T, 6)``."""
    turn = fs.rotation_vector(pose.rotation @ np.swapaxes(middle.rotation, -1, -2))
    shift = (pose.translation - middle.translation)[:, :2] / middle.scale
    return np.concatenate([turn, shift, np.log(pose.scale / middle.scale)[:, None]], 1)


def _middle(pose: fs.HeadPose) -> fs.HeadPose:
    """The middle of many poses: chordal mean rotation, medians of the rest."""
    u, _, vt = np.linalg.svd(pose.rotation.mean(0))
    sign = np.diag([1.0, 1.0, np.linalg.det(u @ vt)])
    return fs.HeadPose(u @ sign @ vt, np.median(pose.translation, axis=0), np.median(pose.scale, axis=0))


def _moving_average(x: Array, width: int) -> Array:
    if width <= 1:
        return x
    pad = np.concatenate([np.repeat(x[:1], width // 2, 0), x, np.repeat(x[-1:], (width - 1) // 2, 0)])
    total = np.cumsum(np.concatenate([np.zeros_like(x[:1]), pad]), axis=0, dtype=np.float64)
    return ((total[width:] - total[:-width]) / width).astype(np.float32)


def _move_eyes(shape: Array, rest: Array, closure: Array, look: Array) -> None:
    """Lids, creases and irises of ``shape`` (changed in place), starting from the rest shape's open eyes."""
    eyes = (
        (
            topo.LEFT_LID_UPPER,
            topo.LEFT_LID_LOWER,
            topo.LEFT_CREASE_UPPER,
            topo.LEFT_IRIS,
            topo.EYE_CORNERS_LEFT,
        ),
        (
            topo.RIGHT_LID_UPPER,
            topo.RIGHT_LID_LOWER,
            topo.RIGHT_CREASE_UPPER,
            topo.RIGHT_IRIS,
            topo.EYE_CORNERS_RIGHT,
        ),
    )
    for (upper, lower, crease, iris, corners), shut in zip(eyes, closure, strict=True):
        up, low = rest[list(upper)], rest[list(lower)]
        span = (low - up) * shut
        shape[list(upper)] = up + UPPER_LID_SHARE * span
        shape[list(lower)] = low - (1.0 - UPPER_LID_SHARE) * span
        shape[list(crease)] = rest[list(crease)] + CREASE_SHARE * span
        width = float(np.linalg.norm(rest[corners[0]] - rest[corners[1]]))
        shape[list(iris), :2] = rest[list(iris), :2] + look * width
