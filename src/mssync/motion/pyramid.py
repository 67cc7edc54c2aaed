"""The pyramid of MS-Sync (arXiv 2307.03270): level 0 is the signal; every further level is a moving average over seven
samples (reflected at the ends) of the level below, every second sample kept. Motion and sound go through the same one.

And the *views*: which part of a motion a syncer sees. ``lips`` are the lips' own shape and gap, whatever brows and
cheeks do; ``head`` is nothing but the head's rotation; ``all`` is head, expression and lips together. ``pitch``,
``yaw``, ``roll`` and ``shift`` (place and size) are the parts of the head's motion one by one: heads nod with the voice
most of all, and a view that holds a nod says nothing of the rest. ``unpitched`` is all that a head does but nodding and
going up and down.
"""

from __future__ import annotations

from typing import Final, Literal, get_args

import numpy as np

from mssync.arrays import Array
from mssync.face import topology as topo
from mssync.motion.mesh import HEAD_NAMES, MeshSpace

LEVELS: Final = 4
KERNEL: Final = 7
WINDOW_FRAMES: Final = 5
WINDOW_STEPS: Final = 20

View = Literal["lips", "head", "all", "pitch", "yaw", "roll", "shift", "unpitched"]
VIEWS: Final[tuple[View, ...]] = get_args(View)
LIP_COLUMNS: Final = 10
HEAD_VIEWS: Final[dict[View, tuple[str, ...]]] = {
    "head": ("rot_x", "rot_y", "rot_z"),
    "pitch": ("rot_x",),
    "yaw": ("rot_y",),
    "roll": ("rot_z",),
    "shift": ("trans_x", "trans_y", "log_scale"),
    "unpitched": ("rot_y", "rot_z", "trans_x", "log_scale"),
}
"""Columns of the motion that the views of nothing but the head show, ten times their size."""


def coarser(x: Array) -> Array:
    """One level up: ``(T, D)`` -> ``(ceil(T / 2), D)``; the ends are reflected (repeated below four samples)."""
    half = KERNEL // 2
    mode = "reflect" if len(x) > half else "edge"
    pad = np.pad(x, ((half, half), (0, 0)), mode=mode)  # type: ignore[call-overload]
    total = np.cumsum(np.concatenate([np.zeros_like(pad[:1]), pad]), axis=0, dtype=np.float64)
    return np.asarray(((total[KERNEL:] - total[:-KERNEL]) / KERNEL)[::2], np.float32)


def pyramid(x: Array, levels: int = LEVELS) -> list[Array]:
    """Level 0 to ``levels - 1`` of a signal ``(T, D)``."""
    out = [x]
    for _ in range(levels - 1):
        out.append(coarser(out[-1]))
    return out


def smoothed(x: Array) -> Array:
    """Three-frame moving average over time (the paper smooths its training motion so), ends repeated."""
    pad = np.pad(x, ((1, 1), (0, 0)), mode="edge")
    return np.asarray((pad[:-2] + pad[1:-1] + pad[2:]) / 3, np.float32)


def view_matrix(space: MeshSpace, view: View) -> Array:
    """``(D, V)``: a motion's row times this matrix is what the view shows.

    ``lips``: the ten strongest directions in which the expression basis moves the lips, then the gap (scaled to about
    the same size). The views of :data:`HEAD_VIEWS`: columns of the rotation vector in tenths of a radian, translation
    and scale likewise. ``all``: all of these, expression coefficients as they are, and the gap.
    """
    k, d = len(space.basis), len(space.names)
    h = len(HEAD_NAMES)
    gap = space.names.index("lip_gap")
    if view in HEAD_VIEWS:
        columns = [space.names.index(name) for name in HEAD_VIEWS[view]]
        out = np.zeros((d, len(columns)), np.float32)
        out[columns, np.arange(len(columns))] = 10.0
        return out
    if view == "lips":
        lips = list(topo.LIPS_OUTER + topo.LIPS_INNER)
        reach = space.basis[:, lips].reshape(k, -1).astype(np.float64)
        u, s, _ = np.linalg.svd(reach, full_matrices=False)
        n = min(LIP_COLUMNS, k)
        out = np.zeros((d, n + 1), np.float32)
        out[h : h + k, :n] = u[:, :n] * s[:n] / s[0]
        out[gap, n] = 15.0
        return out
    out = np.zeros((d, h + k + 1), np.float32)
    out[:h, :h] = np.eye(h) * 10.0
    out[h : h + k, h : h + k] = np.eye(k)
    out[gap, -1] = 15.0
    return out


def mirror_matrix(space: MeshSpace) -> Array:
    """``(D, D)``: a motion's row times this matrix is the motion seen in a mirror.

    Exact for head, lips, lids and gaze; the expression's mirror image is projected back on the basis.
    """
    d, k, h = len(space.names), len(space.basis), len(HEAD_NAMES)
    out = np.eye(d, dtype=np.float32)
    for name in ("rot_y", "rot_z", "trans_x", "gaze_x"):
        i = space.names.index(name)
        out[i, i] = -1.0
    flipped = space.basis[:, list(topo.MIRROR)] * np.array([-1.0, 1.0, 1.0], np.float32)
    basis = space.basis.reshape(k, -1).astype(np.float64)
    out[h : h + k, h : h + k] = flipped.reshape(k, -1).astype(np.float64) @ np.linalg.pinv(basis)
    left, right = space.names.index("lid_left"), space.names.index("lid_right")
    out[[left, right]] = out[[right, left]]
    return out
