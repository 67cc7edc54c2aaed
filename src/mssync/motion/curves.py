"""Motion as curves for animators: head angles in degrees, lip gap, and the 52 ARKit-named face curves, as CSV.

Axes are those of ARKit's face anchor: x to the face's own left (right in the picture), y up, z out of the face. With
``R = R_y(yaw) R_x(pitch) R_z(roll)``, pitch > 0 looks down, yaw > 0 turns to the face's own left and roll > 0 tilts to
its own right shoulder (counter-clockwise in the picture). All relative to the pose the motion starts from.
"""

from __future__ import annotations

import csv
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np

from mssync.arrays import Array, Array64
from mssync.errors import InputError
from mssync.face import topology as topo
from mssync.face.shape import rotation_matrix
from mssync.files import written_aside
from mssync.motion.mesh import EYE_POINTS, MeshSpace
from mssync.motion.space import Motion, MotionSpace
from mssync.motion.spaces import of_mesh

CURVES: Final = "Curves for animation programs are made"  # begin of the sentence that refuses other spaces
ARKIT_NAMES: Final = (*topo.BLENDSHAPE_NAMES[1:], "tongueOut")
HEAD_CURVES: Final = ("head_pitch", "head_yaw", "head_roll", "head_x", "head_y", "head_scale")
CURVE_COLUMNS: Final = ("time", *HEAD_CURVES, "lip_gap", *ARKIT_NAMES)

# Chosen on training clips by agreement with the tracker's own scores (docs/motion-format.md).
RIDGE: Final = 0.01
RIDGE_FLOOR: Final = 0.3
LIP_WEIGHT: Final = 4.0
STEPS: Final = 200
CHUNK: Final = 4096
# Below this gap the jaw runs shut with it, so that any rig's lips meet where ours do (inter-ocular distances).
SHUT_GAP: Final = 0.02
# Iris offset, in eye widths, at which the tracker's own look scores reach 1: sideways, up or down.
FULL_LOOK: Final = (0.30, 0.16)

_LIPS: Final = frozenset(topo.LIPS_OUTER + topo.LIPS_INNER + topo.LIPS_MIDDLE_UPPER + topo.LIPS_MIDDLE_LOWER)
# The tracker never scores these on people who talk: nothing is known of their shape.
UNSEEN: Final = ("cheekPuff", "cheekSquintLeft", "cheekSquintRight", "jawForward", "noseSneerLeft", "noseSneerRight")
_SOLVED: Final = tuple(
    i
    for i, n in enumerate(topo.BLENDSHAPE_NAMES)
    if i and n not in UNSEEN and not n.startswith(("eyeBlink", "eyeLook"))
)


def head_angles(turn: Array | Array64) -> Array64:
    """Rotation vectors ``(..., 3)`` of a motion's head columns to pitch, yaw, roll in degrees ``(..., 3)``.

    Axes, order and signs as in the module's text; pitch lies in [-90, 90].
    """
    flip = np.array([1.0, -1.0, -1.0])  # picture axes (x right, y down, z away) to x right, y up, z towards us
    r = rotation_matrix(np.asarray(turn, np.float64) * flip)
    pitch = np.arcsin(np.clip(-r[..., 1, 2], -1.0, 1.0))
    yaw = np.arctan2(r[..., 0, 2], r[..., 2, 2])
    roll = np.arctan2(r[..., 1, 0], r[..., 1, 1])
    return np.asarray(np.degrees(np.stack([pitch, yaw, roll], -1)), np.float64)


class CurveSolver:
    """Expression columns to face curves, by regularised least squares within [0, 1].

    Finds the weights ``w`` of the space's blendshape fields that come nearest to the shape a motion row makes:
    ``min ||sum_j w_j blend_j - shape||^2 + RIDGE sum_j (||blend_j||^2 + RIDGE_FLOOR mean_i ||blend_i||^2) w_j^2`` with
    ``0 <= w <= 1``, lip points counting ``LIP_WEIGHT`` times, by accelerated projected gradient (Beck and Teboulle
    2009) on weights scaled to a unit diagonal.

    Args:
        space: the motion's space.
    """

    def __init__(self, space: MeshSpace) -> None:
        self.space = space

    @cached_property
    def _system(self) -> tuple[Array64, Array64, Array64, Array64, Array64]:
        """Gram matrix of the scaled curves, their products with basis and opening, the scales, lip gap per basis."""
        points = [i for i in range(topo.POINTS) if i not in EYE_POINTS]
        weight = np.sqrt([LIP_WEIGHT if i in _LIPS else 1.0 for i in points])[:, None]

        def flat(fields: Array) -> Array64:
            return (fields[:, points].astype(np.float64) * weight).reshape(len(fields), -1)

        curves = flat(self.space.blend[list(_SOLVED)])
        gram = curves @ curves.T
        energy = np.diag(gram)
        gram = gram + RIDGE * np.diag(energy + RIDGE_FLOOR * energy.mean())
        size = np.sqrt(np.diag(gram))
        gram /= np.outer(size, size)
        curves /= size[:, None]
        upper, lower = (np.asarray([pair[side] for pair in topo.LIP_GAP_PAIRS]) for side in (0, 1))
        gap = (self.space.basis[:, lower, 1] - self.space.basis[:, upper, 1]).mean(1).astype(np.float64)
        return gram, flat(self.space.basis) @ curves.T, flat(self.space.opening[None])[0] @ curves.T, size, gap

    def solve(self, expr: Array, lip_gap: Array) -> Array:
        """The solved curves of rows of expression.

        Args:
            expr: ``(T, K)`` expression columns.
            lip_gap: ``(T,)`` absolute lip gap, inter-ocular distances; the jaw follows it, 0 shuts it.
        Returns:
            ``(T, 52)`` float32 in [0, 1] in the order of :data:`~mssync.face.topology.BLENDSHAPE_NAMES`; what the
            lids and the gaze decide, and :data:`UNSEEN`, is 0.
        """
        gram, basis, opening, size, gap_of = self._system
        rows = np.asarray(expr, np.float64)
        # The shape that is drawn: the expression, its mouth opened or shut to the lip gap (as MeshSpace.decode does).
        target = rows @ basis + (np.asarray(lip_gap, np.float64) - rows @ gap_of)[:, None] * opening
        length = float(np.linalg.eigvalsh(gram)[-1])
        w = np.zeros_like(target)
        ahead, pace = w, 1.0
        for _ in range(STEPS):
            step = np.clip(ahead - (ahead @ gram - target) / length, 0.0, size)
            following = (1.0 + np.sqrt(1.0 + 4.0 * pace**2)) / 2.0
            ahead = step + (pace - 1.0) / following * (step - w)
            w, pace = step, following
        out = np.zeros((len(rows), len(topo.BLENDSHAPE_NAMES)), np.float32)
        out[:, list(_SOLVED)] = w / size
        out[:, _index("jawOpen")] *= np.clip(np.asarray(lip_gap) / SHUT_GAP, 0.0, 1.0)
        return out


def motion_curves(motion: Motion, space: MotionSpace) -> Array64:
    """Every curve of a motion ``(T, 60)``, columns as in :data:`CURVE_COLUMNS`.

    Raises:
        InputError: the motion's columns are not those of the space, or the space is not of the kind ``mesh``.
    """
    space = of_mesh(space, CURVES)
    if not space.has(motion):
        raise InputError(
            f"This motion ({motion.space!r}, {len(motion.names)} columns) does not fit the model's motion space "
            f"({space.kind!r}, {len(space.names)} columns); name its model with --model, or make it again."
        )
    values, groups = motion.values, space.groups
    expression = values[:, groups.expression]
    gap = np.maximum(motion.column("lip_gap"), 0.0)
    solver = CurveSolver(space)
    # In pieces, so that an hour needs no more memory than a minute.
    parts = [solver.solve(expression[i : i + CHUNK], gap[i : i + CHUNK]) for i in range(0, len(motion), CHUNK)]
    face = np.concatenate(parts)
    for side in ("left", "right"):
        face[:, _index(f"eyeBlink{side.title()}")] = np.clip(motion.column(f"lid_{side}"), 0.0, 1.0)
    _look(face, motion.column("gaze_x") / FULL_LOOK[0], motion.column("gaze_y") / FULL_LOOK[1])
    head = np.stack([motion.column("trans_x"), -motion.column("trans_y"), np.exp(motion.column("log_scale"))], 1)
    times = np.arange(len(motion))[:, None] / motion.fps
    tongue = np.zeros((len(motion), 1))
    return np.concatenate([times, head_angles(values[:, groups.rotation]), head, gap[:, None], face[:, 1:], tongue], 1)


def export_curves(motion: Motion, space: MotionSpace, out: Path, *, force: bool = False) -> Path:
    """Write a motion as a table for animation programs.

    One row per frame; columns :data:`CURVE_COLUMNS`: seconds; head pitch, yaw and roll in degrees, the head's shift
    in inter-ocular distances (x right in the picture, y up) and its relative size, all in ARKit's axes (see the
    module's text) and relative to the motion's own start pose; the lip gap in inter-ocular distances; the 52 ARKit
    names in [0, 1], "Left" and "Right" being the face's own. ``tongueOut`` (the tongue is not tracked) and
    :data:`UNSEEN` are always 0.

    Raises:
        InputError: the motion does not fit the space.
        OutputError: ``out`` does not end in .csv, exists and ``force`` is not set, or cannot be written.
    """
    out = Path(out)
    with written_aside(out, (".csv",), "A table of curves", force=force) as part:
        table = motion_curves(motion, space)
        with part.open("w", newline="", encoding="utf-8") as f:
            writer = csv.writer(f, lineterminator="\n")
            writer.writerow(CURVE_COLUMNS)
            # Adding 0 turns a negative zero into a plain one.
            writer.writerows([f"{v + 0.0:.5g}" if i else f"{v:.4f}" for i, v in enumerate(row)] for row in table)
    return out


def _look(face: Array, right: Array, down: Array) -> None:
    """Fill the eight look curves from the gaze (1 = full) towards the picture's right and down, in place."""
    ways = {
        "eyeLookOutLeft": right, "eyeLookInRight": right, "eyeLookInLeft": -right, "eyeLookOutRight": -right,
        "eyeLookDownLeft": down, "eyeLookDownRight": down, "eyeLookUpLeft": -down, "eyeLookUpRight": -down,
    }  # fmt: skip
    for name, way in ways.items():
        face[:, _index(name)] = np.clip(way, 0.0, 1.0)


def _index(name: str) -> int:
    return topo.BLENDSHAPE_NAMES.index(name)
