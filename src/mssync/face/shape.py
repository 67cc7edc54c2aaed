"""Head pose and the face's shape in the head's own frame.

The head frame: origin at the middle of the rigid points' template, x to the picture's right, y down, z away from the
camera, unit = the distance between the outer eye corners of the face itself ("inter-ocular distance").
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mssync.arrays import Array, Array64
from mssync.face.topology import (
    EYE_CORNERS_LEFT,
    EYE_CORNERS_RIGHT,
    LEFT_IRIS,
    LEFT_LID_PAIRS,
    LIP_GAP_PAIRS,
    RIGHT_IRIS,
    RIGHT_LID_PAIRS,
    RIGID,
)

_RIGID = np.asarray(RIGID)


@dataclass(frozen=True)
class HeadPose:
    """Weak-perspective pose of one or many heads: ``pixels = scale * rotation @ shape + translation``.

    Attributes:
        rotation: ``(..., 3, 3)`` rotation matrices.
        translation: ``(..., 3)`` pixels.
        scale: ``(...,)`` pixels per inter-ocular distance.
    """

    rotation: Array64
    translation: Array64
    scale: Array64

    def to_head(self, points: Array) -> Array:
        """Pixels ``(..., N, 3)`` to the head frame."""
        centred = np.asarray(points, np.float64) - self.translation[..., None, :]
        out = centred @ self.rotation / self.scale[..., None, None]
        return out.astype(np.float32)

    def to_pixels(self, shape: Array) -> Array:
        """Head-frame points ``(..., N, 3)`` to pixels."""
        out = np.asarray(shape, np.float64) @ np.swapaxes(self.rotation, -1, -2) * self.scale[..., None, None]
        return (out + self.translation[..., None, :]).astype(np.float32)


def fit_pose(points: Array, template: Array) -> HeadPose:
    """The similarity that best takes a template's rigid points to the tracked ones (least squares, Umeyama 1991).

    Args:
        points: ``(..., 478, 3)`` pixels.
        template: ``(478, 3)`` or ``(..., 478, 3)`` head-frame shape: the mean face, or better the person's own.
    Returns:
        The pose; its ``rotation`` is proper (determinant 1).
    """
    p = np.asarray(points, np.float64)[..., _RIGID, :]
    q = np.asarray(template, np.float64)[..., _RIGID, :]
    q = np.broadcast_to(q, p.shape)
    mp, mq = p.mean(-2), q.mean(-2)
    pc, qc = p - mp[..., None, :], q - mq[..., None, :]
    u, s, vt = np.linalg.svd(np.swapaxes(pc, -1, -2) @ qc)
    d = np.ones(s.shape)
    d[..., -1] = np.sign(np.linalg.det(u @ vt))
    rotation = (u * d[..., None, :]) @ vt
    scale = (s * d).sum(-1) / (qc**2).sum((-1, -2))
    translation = mp - scale[..., None] * np.einsum("...ij,...j->...i", rotation, mq)
    return HeadPose(rotation, translation, scale)


def rotation_vector(rotation: Array64) -> Array64:
    """Rotation matrices ``(..., 3, 3)`` to rotation vectors ``(..., 3)`` in radians (angle below pi)."""
    r = np.asarray(rotation, np.float64)
    w = np.stack([r[..., 2, 1] - r[..., 1, 2], r[..., 0, 2] - r[..., 2, 0], r[..., 1, 0] - r[..., 0, 1]], -1) / 2
    sin = np.linalg.norm(w, axis=-1)
    cos = (np.trace(r, axis1=-2, axis2=-1) - 1) / 2
    angle = np.arctan2(sin, cos)
    return w * np.where(sin > 1e-8, angle / np.maximum(sin, 1e-12), 1.0)[..., None]


def rotation_matrix(vector: Array64 | Array) -> Array64:
    """Rotation vectors ``(..., 3)`` in radians to matrices ``(..., 3, 3)`` (Rodrigues)."""
    v = np.asarray(vector, np.float64)
    angle = np.linalg.norm(v, axis=-1)[..., None, None]
    k = np.zeros((*v.shape[:-1], 3, 3))
    k[..., 2, 1], k[..., 1, 2] = v[..., 0], -v[..., 0]
    k[..., 0, 2], k[..., 2, 0] = v[..., 1], -v[..., 1]
    k[..., 1, 0], k[..., 0, 1] = v[..., 2], -v[..., 2]
    small = angle < 1e-6
    safe = np.where(small, 1.0, angle)
    a = np.where(small, 1.0, np.sin(safe) / safe)
    b = np.where(small, 0.5, (1 - np.cos(safe)) / safe**2)
    return np.asarray(np.eye(3) + a * k + b * (k @ k))


def lip_gap(shape: Array) -> Array:
    """Distance between the inner edges of the lips ``(...,)``, mean of three pairs, in the shape's own unit."""
    return _pair_distance(shape, LIP_GAP_PAIRS)


def lid_opening(shape: Array) -> Array:
    """How far the eyes are open ``(..., 2)`` (subject's left, right): lid distance over the width of the eye."""
    left = _pair_distance(shape, LEFT_LID_PAIRS) / _pair_distance(shape, (EYE_CORNERS_LEFT,))
    right = _pair_distance(shape, RIGHT_LID_PAIRS) / _pair_distance(shape, (EYE_CORNERS_RIGHT,))
    return np.stack([left, right], -1).astype(np.float32)


def gaze(shape: Array) -> Array:
    """Offset of the irises from the middle of the eye corners ``(..., 2)`` (x, y), mean of both eyes, in eye widths."""
    out = []
    for corners, iris in ((EYE_CORNERS_LEFT, LEFT_IRIS), (EYE_CORNERS_RIGHT, RIGHT_IRIS)):
        middle = shape[..., list(corners), :2].mean(-2)
        width = _pair_distance(shape, (corners,))[..., None]
        out.append((shape[..., iris[0], :2] - middle) / width)
    return np.asarray((out[0] + out[1]) / 2, np.float32)


def _pair_distance(shape: Array, pairs: tuple[tuple[int, int], ...]) -> Array:
    a, b = np.asarray([p[0] for p in pairs]), np.asarray([p[1] for p in pairs])
    apart = np.linalg.norm(shape[..., a, :] - shape[..., b, :], axis=-1)
    return np.asarray(apart.mean(-1), np.float32)
