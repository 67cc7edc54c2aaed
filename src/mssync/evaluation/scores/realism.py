"""Frames that no face can make: points far from a rigid head with expressions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from mssync.arrays import Array, Array64, Mask
from mssync.evaluation.footage import Footage, pinned_space
from mssync.evaluation.scores.score import Score
from mssync.evaluation.scores.stats import block_interval
from mssync.face import shape as fs
from mssync.face import topology as topo
from mssync.face.tracking import Track
from mssync.motion.mesh import EYE_POINTS

# What 99.9 % of the frames of the training clips keep to, their speakers weighed alike, rounded outwards. To measure
# again: those quantiles of `mesh_residual` and of the fields of `fit68` over the tracks that `mssync preprocess` makes.
MAX_RESIDUAL: Final = 0.015  # inter-ocular distances (iod)
MAX_RESIDUAL68: Final = 0.04
MAX_SKEW: Final = 0.115
ASPECT: Final = (-0.12, 0.25)
MAX_EXPRESSION: Final = 1.25
_FREE: Final = np.setdiff1d(np.arange(topo.POINTS), EYE_POINTS)
# Of the 68 points all but the lids, which move on their own.
_USED68: Final = np.array([i for i in range(68) if i not in (37, 38, 40, 41, 43, 44, 46, 47)])
_RIDGE68: Final = 0.03  # iod, how far points of a real face lie from the fit
_ROUNDS68: Final = 4


def mesh_residual(track: Track) -> Array64:
    """Distance of tracked frames from what a rigid head with expressions can show, ``(T,)`` in iod.

    Root mean square, over all points but the eyes', of ``shape - rest - B c``: the frame's shape in its head's own
    frame, the person's neutral shape, and the least-squares expression in the pinned ``mesh`` space.
    """
    space = pinned_space()
    rest = space.rest_of(track).shape
    basis = space.basis.copy()
    basis[:, EYE_POINTS] = 0.0
    flat = basis.reshape(len(basis), -1).astype(np.float64)
    inverse = np.linalg.pinv(flat)
    out = []
    for start in range(0, len(track.points), 512):
        points = track.points[start : start + 512]
        off = fs.fit_pose(points, rest).to_head(points) - rest
        off[:, EYE_POINTS] = 0.0
        left = off.reshape(len(off), -1) - off.reshape(len(off), -1) @ inverse @ flat
        out.append(np.sqrt((left**2).sum(1) / len(_FREE)))
    return np.concatenate(out)


@dataclass(frozen=True)
class Fit68:
    """How well 68 points in two dimensions (iBUG order) are the picture of a rigid head with an expression.

    Attributes (one number per frame each):
        residual: root mean square distance to the fit, iod.
        skew: shear along the upright head's diagonals. The camera A ``(2, 3)``, rolled so that the head stands upright,
            must be a scaled rotation: ``A A' = s^2 I``. This is ``(A A')_12 / s^2``; no person's proportions give it.
        aspect: ``((A A')_11 - (A A')_22) / 2 s^2``: stretched in width; people differ in it.
        expression: root mean square of the expression coefficients (1 is usual of all columns in training).
    """

    residual: Array64
    skew: Array64
    aspect: Array64
    expression: Array64


def fit68(points: Array | Array64) -> Fit68:
    """Fit an affine camera and an expression to each frame.

    Camera (least squares) and coefficients (ridge of 0.03 iod, the mean face as template) in turn, four rounds; lids
    are left out. An affine camera can shear; how far it must is what the fit tells.

    Args:
        points: ``(T, 68, 2)`` in any unit.
    Raises:
        ValueError: another shape.
    """
    points = np.asarray(points, np.float64)
    if points.ndim != 3 or points.shape[1:] != (68, 2):
        raise ValueError(f"points must be (T, 68, 2), not {points.shape}")
    parts = [_fit68(points[i : i + 512]) for i in range(0, len(points), 512)]
    return Fit68(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _fit68(points: Array64) -> tuple[Array64, Array64, Array64, Array64]:
    space = pinned_space()
    rows = np.asarray(topo.IBUG68)[_USED68]
    template, basis = space.template[rows].astype(np.float64), space.basis[:, rows].astype(np.float64)
    template, basis = template - template.mean(0), basis - basis.mean(1, keepdims=True)
    n, k = len(points), len(basis)
    c = np.zeros((n, k))
    with np.errstate(all="ignore"):  # points that coincide or are no numbers give no camera, and are caught by that
        p = points[:, _USED68]
        p = p - p.mean(1, keepdims=True)
        for _ in range(_ROUNDS68):
            shape = template + np.tensordot(c, basis, 1)
            turned = np.swapaxes(shape, 1, 2)
            camera = np.swapaxes(p, 1, 2) @ shape @ np.linalg.pinv(turned @ shape)
            scale = np.sqrt((camera**2).sum((1, 2)) / 2)[:, None, None]
            unit = camera / scale
            pull = (basis[None] @ np.swapaxes(unit, 1, 2)[:, None]).reshape(n, k, -1)
            want = (p / scale - template @ np.swapaxes(unit, 1, 2)).reshape(n, -1)
            normal = pull @ np.swapaxes(pull, 1, 2) + _RIDGE68**2 * np.eye(k)
            c = np.nan_to_num(np.linalg.solve(normal, (pull @ want[..., None])))[..., 0]
            left = want - (c[:, None] @ pull)[:, 0]
        roll = np.arctan2(unit[:, 0, 1], unit[:, 1, 1])
        cos, sin = np.cos(roll), np.sin(roll)
        upright = np.stack([np.stack([cos, -sin], -1), np.stack([sin, cos], -1)], -2) @ unit
    square = upright @ np.swapaxes(upright, 1, 2)  # its trace is 2
    aspect = (square[:, 0, 0] - square[:, 1, 1]) / 2
    return np.sqrt(2 * (left**2).mean(1)), square[:, 0, 1], aspect, np.sqrt((c**2).mean(1))


def outside68(points: Array | Array64) -> Mask:
    """Frames ``(T,)`` of 68 points ``(T, 68, 2)`` that no face makes: sheared, squeezed or melted.

    A field of :func:`fit68` is beyond what 99.9 % of real frames keep to: residual above 0.04, skew beyond +-0.115,
    aspect outside [-0.12, 0.25], or expression above 1.25.
    """
    fit = fit68(points)
    inside = (
        (fit.residual <= MAX_RESIDUAL68) & (np.abs(fit.skew) <= MAX_SKEW)
        & (fit.aspect >= ASPECT[0]) & (fit.aspect <= ASPECT[1]) & (fit.expression <= MAX_EXPRESSION)
    )  # fmt: skip
    return np.asarray(~inside, np.bool_)


def unrealistic(footage: Footage) -> Score:
    """``unrealistic.share``: share of frames whose tracked points leave what a rigid head with expressions can show.

    A frame does when :func:`mesh_residual` exceeds 0.015 iod or its 68-point view is :func:`outside68`. The tracker
    knows only faces and mends much of what it sees, so this finds gross damage; where a system gives its own points,
    ask :func:`outside68`.
    """
    valid = footage.track.valid
    out = mesh_residual(footage.track) > MAX_RESIDUAL
    out |= outside68(footage.track.points[:, list(topo.IBUG68), :2])
    return _share_of_frames(out[valid])


def _share_of_frames(out: Mask) -> Score:
    if not len(out):
        return Score.not_run("unrealistic.share", "share", "low", "There are no frames.")
    interval = block_interval(out.astype(np.float64), lambda v: v.mean(1))
    return Score("unrealistic.share", float(out.mean()), "share", "low", interval=interval)
