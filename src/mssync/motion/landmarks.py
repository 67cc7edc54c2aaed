"""The motion space ``landmarks``, the kind that papers write motion in: where the 68 points of iBUG are.

Every column is how far a point has moved in the picture, from where it is in the face at rest with its lips touching,
in that face's eye distances. Nothing in it keeps a head rigid. To put it on a photo, the pose, expression, lip gap and
lids that come nearest to the points are found in a ``mesh`` space (least squares), and what they leave of the points'
way is added around each of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any, ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray

from mssync.arrays import Array, Array64, Wanted
from mssync.errors import InputError
from mssync.face import shape as fs
from mssync.face import topology as topo
from mssync.face.tracking import Face, Track
from mssync.motion.columns import Column
from mssync.motion.mesh import MeshSpace
from mssync.motion.pyramid import View
from mssync.motion.space import Controls, Motion, MotionSpace, Rest, ViewOfMotion

POINTS: Final = list(topo.IBUG68)
RANGE: Final = 20.0  # eye distances
# Of the 68: bridge and base of the nose, corners of the eyes, the jaw where it meets the ears.
RIGID: Final = [0, 1, 15, 16, *range(27, 36), 36, 39, 42, 45]
LIPS: Final = list(range(48, 68))
LIP_PAIRS: Final = [(61, 67), (62, 66), (63, 65)]
EYES: Final = ([(43, 47), (44, 46)], [(37, 41), (38, 40)])  # upper and lower lid of the person's left and right eye
CORNERS: Final = [36, 45]
NOSE_TIP: Final = 30
RIDGE: Final = 0.05  # of the expression: its columns have unit size in the training data
LEAST_OPEN: Final = 0.02  # eye distances between the lids of an eye at rest
SMOOTH: Final = 0.3  # ridge of the interpolation: points may differ a little from where they shall be
REACH: Final = 0.12  # eye distances around a point that go with what the mesh leaves of its way
ROUNDS: Final = 3


class LandmarkSpace(MotionSpace):
    """The space; a mesh space seen through its 68 points.

    Args:
        mesh: finds the face that belongs to the points.
    """

    kind: ClassVar[str] = "landmarks"
    wanted: ClassVar[Mapping[str, Wanted]] = MeshSpace.wanted

    def __init__(self, mesh: MeshSpace) -> None:
        self.mesh = mesh

    @property
    def columns(self) -> tuple[Column, ...]:
        way = {"x": "+ to the picture's right", "y": "+ down"}
        return tuple(
            Column(f"{axis}_{i:02d}", "inter-ocular distances", way[axis], -RANGE, RANGE, "points", i)
            for i in range(len(POINTS))
            for axis in way
        )

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        return cls(MeshSpace.of_arrays(arrays))

    def arrays(self) -> dict[str, NDArray[Any]]:
        return self.mesh.arrays()

    def prepare(self, face: Face, smile: float = 1.0) -> Rest:
        return self.mesh.prepare(face, smile)

    def encode(self, track: Track, *, smooth: int = 1) -> Motion:
        if not track.valid.any():
            raise InputError("No face was found in the video; use one that shows a face.")
        rest = self.rest_of(track)
        x = track.points[:, POINTS, :2].astype(np.float64)
        if smooth > 1:
            pad = np.pad(x, ((smooth // 2, (smooth - 1) // 2), (0, 0), (0, 0)), mode="edge")
            x = np.lib.stride_tricks.sliding_window_view(pad, smooth, axis=0).mean(-1)
        return self.motion(self.rows_of(rest, x))

    def rest_of(self, track: Track) -> Rest:
        """The neutral face of a clip at its middle pose."""
        return self.mesh.rest_of(track)

    def rows_of(self, rest: Rest, points: Array64 | Array) -> Array:
        """Rows ``(T, 136)`` that bring the 68 points of a face at rest to ``points`` ``(T, 68, 2)``, in pixels."""
        moved = (np.asarray(points, np.float64) - _at_rest(rest)) / float(rest.pose.scale)
        rows: Array = np.clip(moved.reshape(len(moved), -1), *self.ranges).astype(np.float32)
        return rows

    def decode(self, rest: Rest, row: Array) -> Controls:
        target = _at_rest(rest) + np.clip(row, *self.ranges).reshape(-1, 2) * float(rest.pose.scale)
        expression = np.zeros(len(self.mesh.basis))
        for _ in range(ROUNDS):
            shape = rest.shape + np.tensordot(expression, self.mesh.basis, 1)
            pose = _weak_pose(shape[POINTS], target, rest)
            expression = expression + self._expression(pose, shape[POINTS], target, expression)
        made = self.mesh.decode(rest, self._mesh_row(rest, pose, expression, target))
        left = target - made.points[POINTS, :2]
        points = made.points.copy()
        points[:, :2] += self._around(rest) @ left
        return replace(made, points=points.astype(np.float32))

    def _expression(self, pose: fs.HeadPose, shape: Array64, target: Array64, before: Array64) -> Array64:
        """What to add to the expression, by ridge regression on the points as the pose shows them."""
        shown = pose.rotation[:2] @ np.swapaxes(self._basis68, 1, 2)  # (K, 2, 68)
        b = np.swapaxes(shown, 1, 2).reshape(len(shown), -1)
        seen = pose.to_pixels(shape.astype(np.float32))[:, :2]
        left = ((target - seen) / float(pose.scale)).ravel()
        gram = b @ b.T + RIDGE**2 * np.eye(len(b))
        return np.asarray(np.linalg.solve(gram, b @ left - RIDGE**2 * before), np.float64)

    @cached_property
    def _basis68(self) -> Array64:
        return self.mesh.basis[:, POINTS].astype(np.float64)

    def _mesh_row(self, rest: Rest, pose: fs.HeadPose, expression: Array64, target: Array64) -> Array:
        """The row of the mesh space: pose relative to the photo's, expression, lip gap and lids of the points."""
        groups, out = self.mesh.groups, np.zeros(len(self.mesh.names))
        out[groups.rotation] = fs.rotation_vector(pose.rotation @ rest.pose.rotation.T)
        out[groups.translation] = (pose.translation - rest.pose.translation)[:2] / float(rest.pose.scale)
        out[groups.scale] = np.log(float(pose.scale / rest.pose.scale))
        out[groups.expression] = expression
        down = pose.rotation[:2, 1] / np.linalg.norm(pose.rotation[:2, 1])
        apart = np.mean([(target[low] - target[up]) @ down for up, low in LIP_PAIRS]) / float(pose.scale)
        out[groups.lip_gap] = max(0.0, float(apart))
        at_rest = _at_rest(rest)
        for i, pairs in enumerate(EYES, groups.lids.start):
            open_at_rest = max(_opening(at_rest, pairs) / float(rest.pose.scale), LEAST_OPEN)
            out[i] = 1.0 - _opening(target, pairs) / float(pose.scale) / open_at_rest
        return out.astype(np.float32)

    def _around(self, rest: Rest) -> Array64:
        """``(478, 68)``: how much every point goes with what is left of each of the 68 points' way."""
        far = np.linalg.norm(rest.shape[:, None, :2] - rest.shape[None, POINTS, :2], axis=-1)
        near = np.exp(-0.5 * (far / REACH) ** 2)
        return np.asarray(near @ np.linalg.inv(near[POINTS] + SMOOTH * np.eye(len(POINTS))), np.float64)

    def mirror(self) -> Array:
        """Points change places with those of the other side."""
        own = {p: i for i, p in enumerate(POINTS)}
        out = np.zeros((len(self.names), len(self.names)), np.float32)
        for i, p in enumerate(POINTS):
            j = own[topo.MIRROR[p]]
            out[2 * i, 2 * j], out[2 * i + 1, 2 * j + 1] = -1.0, 1.0
        return out

    def lip_reach(self) -> Array:
        out = np.zeros((len(POINTS), 2), np.float32)
        out[LIPS] = 1.0
        return out.ravel()

    def view(self, name: View) -> ViewOfMotion:
        """``head``: turns as the points show them, tip of the nose against the eyes, and the line of the eyes;
        ``lips``: the points of the lips less that of the nose's tip; ``all``: both. In tenths of an eye distance.

        Raises:
            InputError: another view: points do not tell the axes of the head apart.
        """
        if name not in ("head", "lips", "all"):
            raise InputError(f"Motion of the kind {self.kind!r} has no view {name!r}; use head, lips or all.")
        each = np.eye(len(self.names), dtype=np.float32).reshape(-1, len(POINTS), 2)
        eyes = each[:, CORNERS].mean(1)
        nose = each[:, NOSE_TIP]
        head = np.concatenate([nose - eyes, each[:, CORNERS[1], 1:] - each[:, CORNERS[0], 1:]], 1)
        lips = (each[:, LIPS] - nose[:, None]).reshape(len(each), -1)
        parts = {"head": [head], "lips": [lips], "all": [head, lips]}[name]
        matrix = np.asarray(10.0 * np.concatenate(parts, 1), np.float32)
        return ViewOfMotion(matrix, 0 if name == "lips" else head.shape[1])


def _at_rest(rest: Rest) -> Array64:
    """The 68 points ``(68, 2)`` of a face at rest, in pixels."""
    return rest.pose.to_pixels(rest.shape[POINTS])[:, :2].astype(np.float64)


def _opening(points: Array64, pairs: list[tuple[int, int]]) -> float:
    """Mean distance of an eye's lids."""
    return float(np.mean([np.linalg.norm(points[up] - points[low]) for up, low in pairs]))


def _weak_pose(shape: Array64, target: Array64, rest: Rest) -> fs.HeadPose:
    """The pose in which a shape ``(68, 3)`` shows its rigid points where they shall be, in weak perspective: the best
    affine view, brought to the nearest turn and size (DeMenthon and Davis 1995)."""
    x, y = shape[RIGID].astype(np.float64), target[RIGID]
    middle, centre = x.mean(0), y.mean(0)
    affine = np.linalg.lstsq(x - middle, y - centre, rcond=None)[0].T  # (2, 3)
    u, s, vt = np.linalg.svd(affine, full_matrices=False)
    two = u @ vt
    rotation = np.vstack([two, np.cross(two[0], two[1])])
    scale = float(s.mean())
    shift = centre - scale * two @ middle
    return fs.HeadPose(rotation, np.array([*shift, rest.pose.translation[2]]), np.asarray(scale))
