"""``mssync train space``: fit the mesh space (template, expression basis, blendshape regression) on tracked clips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mssync.arrays import Array, Array64
from mssync.face import shape as fs
from mssync.face import topology as topo
from mssync.face.tracking import Track
from mssync.motion.landmarks import LandmarkSpace
from mssync.motion.mesh import EYE_POINTS, MeshSpace

MIRROR_POINTS: Final = np.asarray(topo.MIRROR)


@dataclass(frozen=True)
class SpaceReport:
    """How well a space holds the motion of clips it was not fitted on.

    Attributes:
        kept: share of the expression's variance that the basis keeps, in [0, 1].
        round_trip: RMS distance between tracked and encoded-decoded points, inter-ocular distances.
        clips: number of clips.
    """

    kept: float
    round_trip: float
    clips: int


def fit_template(tracks: Sequence[Track], rounds: int = 4) -> Array:
    """Mean head shape by generalised Procrustes analysis, upright, facing the camera, symmetric."""
    means = np.stack([t.points[t.valid].mean(0) for t in tracks])
    template = means[0] - means[0].mean(0)
    for _ in range(rounds):
        template = fs.fit_pose(means, _unit(template)).to_head(means).mean(0)
    template = _upright(_unit(template))
    flipped = template[MIRROR_POINTS] * np.array([-1.0, 1.0, 1.0], np.float32)
    return _unit(np.asarray((template + flipped) / 2, np.float32))


def fit_space(
    tracks: Sequence[Track],
    roles: Sequence[str],
    *,
    components: int = 32,
    frames: int = 12000,
    seed: int = 0,
) -> MeshSpace:
    """Fit every part of the space; roles weigh the same, whatever their minutes.

    Args:
        tracks: clips at 25 fps.
        roles: one name per clip.
        components: columns of the expression basis, at most 37 (the whole motion stays within 48 columns).
        frames: frames drawn in all.
        seed: of the draw.
    """
    rng = np.random.default_rng(seed)
    template = fit_template(tracks)
    shapes, scores, clip_of = _draw(tracks, roles, template, frames, rng)
    ids = np.unique(clip_of, return_inverse=True)[1]
    dev, score_dev = _within(shapes, ids), _within(scores, ids)
    gram = score_dev.T @ score_dev + 0.002 * len(score_dev) * np.eye(scores.shape[1]) * score_dev.var()
    blend = np.linalg.solve(gram, score_dev.T @ dev.reshape(len(dev), -1)).reshape(-1, topo.POINTS, 3)
    gaps = fs.lip_gap(shapes)
    lows = [np.percentile(gaps[ids == i], 5) for i in range(ids.max() + 1)]
    gap_zero = float(np.median(lows))
    blend = blend.astype(np.float32)
    # The person's neutral face, then what is left is expression.
    neutral = shapes - np.tensordot(scores.astype(np.float32), blend, 1)
    mean_neutral = np.stack([neutral[ids == i].mean(0) for i in range(ids.max() + 1)])[ids]
    expr = shapes - mean_neutral
    expr[:, EYE_POINTS] = 0.0
    flat = expr.reshape(len(expr), -1).astype(np.float64)
    _, s, vt = np.linalg.svd(flat, full_matrices=False)
    rms = s[:components] / np.sqrt(len(flat))
    basis = (vt[:components] * rms[:, None]).reshape(-1, topo.POINTS, 3)
    opening = _opening(dev, _within(gaps[:, None], ids)[:, 0])
    return MeshSpace(template, basis.astype(np.float32), blend, opening, gap_zero)


def measure_space(space: MeshSpace | LandmarkSpace, tracks: Sequence[Track]) -> SpaceReport:
    """Kept variance of the expression basis and round trip of a space on clips (dev clips, for an honest number)."""
    mesh = space.mesh if isinstance(space, LandmarkSpace) else space
    kept_num = kept_den = 0.0
    errors = []
    for track in tracks:
        rest = space.rest_of(track)
        motion = space.encode(track)
        pose = fs.fit_pose(track.points, rest.shape)
        dev = pose.to_head(track.points) - rest.shape
        dev[:, EYE_POINTS] = 0.0
        expression = mesh.encode(track).values[:, mesh.groups.expression]
        model = np.tensordot(expression, mesh.basis, 1)
        v = track.valid
        # Every clip weighs the same.
        kept_num += float(((dev - model)[v] ** 2).mean())
        kept_den += float((dev[v] ** 2).mean())
        back = np.stack([space.decode(rest, row).points for row in motion.values[v]])
        diff = (back - track.points[v])[..., :2] / pose.scale[v][:, None, None]
        errors.append(float((diff**2).sum(-1).mean()))
    return SpaceReport(1.0 - kept_num / kept_den, float(np.sqrt(np.mean(errors))), len(tracks))


def _draw(
    tracks: Sequence[Track], roles: Sequence[str], template: Array, frames: int, rng: np.random.Generator
) -> tuple[Array, Array, NDArray[np.int64]]:
    """Head shapes ``(N, 478, 3)``, scores ``(N, 52)`` and clip numbers, drawn role by role."""
    shapes, scores, clips = [], [], []
    names = sorted(set(roles))
    for name in names:
        members = [i for i, role in enumerate(roles) if role == name]
        per = max(10, frames // len(names) // len(members))
        for i in members:
            t = tracks[i]
            rows = np.flatnonzero(t.valid)
            rows = rng.choice(rows, min(per, len(rows)), replace=False)
            # The clip's own mean face as template: less of the identity leaks into the pose.
            own = fs.fit_pose(t.points[rows], template).to_head(t.points[rows]).mean(0)
            shapes.append(fs.fit_pose(t.points[rows], own).to_head(t.points[rows]))
            scores.append(t.blendshapes[rows])
            clips.append(np.full(len(rows), i))
    return np.concatenate(shapes), np.concatenate(scores), np.concatenate(clips)


def _within(x: Array, ids: NDArray[np.int64]) -> Array64:
    """Each row less the mean of its clip."""
    out = x.astype(np.float64)
    for i in range(ids.max() + 1):
        out[ids == i] -= out[ids == i].mean(0)
    return out


def _opening(dev: Array64, gap_dev: Array64) -> Array:
    """How a face changes per unit of lip gap, scaled so that the gap really grows by one."""
    field = np.tensordot(gap_dev, dev, 1) / (gap_dev @ gap_dev)
    field[list(EYE_POINTS)] = 0.0
    lower, upper = [b for _, b in topo.LIP_GAP_PAIRS], [a for a, _ in topo.LIP_GAP_PAIRS]
    grown = float((field[lower] - field[upper])[:, 1].mean())
    field = (field + field[MIRROR_POINTS] * np.array([-1.0, 1.0, 1.0])) / 2
    return np.asarray(field / grown, np.float32)


def _unit(shape: Array) -> Array:
    """Centred on the rigid points, outer eye corners one unit apart."""
    a, b = (shape[i] for i in topo.OUTER_EYE_CORNERS)
    return np.asarray((shape - shape[list(topo.RIGID)].mean(0)) / np.linalg.norm(b - a), np.float32)


def _upright(shape: Array) -> Array:
    """Turned so that the eye corners lie along x and forehead to chin lies in the picture plane."""
    x = shape[topo.OUTER_EYE_CORNERS[1]] - shape[topo.OUTER_EYE_CORNERS[0]]
    x = x / np.linalg.norm(x)
    y = shape[152] - shape[10]
    y = y - (y @ x) * x
    y = y / np.linalg.norm(y)
    return np.asarray(shape @ np.stack([x, y, np.cross(x, y)]).T, np.float32)
