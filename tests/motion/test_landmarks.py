"""The space of 68 points: there and back on real faces, mirror, views, and what it is not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mssync.arrays import Array
from mssync.errors import InputError
from mssync.face import topology as topo
from mssync.face.shape import rotation_vector
from mssync.face.tracking import Face, Track
from mssync.motion.columns import width
from mssync.motion.landmarks import LIPS, POINTS, LandmarkSpace
from mssync.motion.mesh import MeshSpace
from mssync.motion.space import Controls, Rest
from mssync.motion.spaces import load_space

FRAMES = 40


@pytest.fixture(scope="module")
def landmarks(space: MeshSpace) -> LandmarkSpace:
    return LandmarkSpace(space)


@pytest.fixture(scope="module", params=["hopper", "astronaut"])
def face(request: pytest.FixtureRequest, faces: dict[str, Face]) -> Face:
    return faces[request.param]


def lively(space: MeshSpace) -> Array:
    """Heads that turn, mouths that speak, and a blink."""
    rng, g = np.random.default_rng(0), space.groups
    t = np.arange(FRAMES)[:, None] / 25
    rows = np.zeros((FRAMES, len(space.names)), np.float32)
    rows[:, g.head] = np.array([0.12, 0.2, 0.1, 0.1, 0.1, 0.05]) * np.sin(t * np.array([5, 3, 4, 2, 3, 2]))
    smooth = np.ones(5) / 5
    for i in range(8):
        rows[:, g.expression.start + i] = np.convolve(rng.normal(0, 0.8, FRAMES + 4), smooth, "valid")
    rows[:, g.lip_gap] = 0.1 * (1 - np.cos(t * 12))
    rows[10:14, g.lids] = np.array([[0.4], [1.0], [0.8], [0.3]])
    return rows


def drawn(space: MeshSpace, rest: Rest) -> list[Controls]:
    return [space.decode(rest, row) for row in lively(space)]


def turn_of(c: Controls) -> Array:
    linear = c.rigid[:, :3].astype(np.float64)
    return np.asarray(rotation_vector(linear / np.cbrt(np.linalg.det(linear))), np.float32)


def test_the_points_say_how_the_face_moves(space: MeshSpace, landmarks: LandmarkSpace, face: Face) -> None:
    rest = landmarks.prepare(face)
    wanted = drawn(space, rest)
    rows = landmarks.rows_of(rest, np.stack([c.points[POINTS, :2] for c in wanted]))
    assert rows.shape == (FRAMES, 136) == (FRAMES, len(landmarks.names))
    made = [landmarks.decode(rest, row) for row in rows]
    unit = float(rest.pose.scale)

    def error(points: slice | list[int]) -> float:
        apart = np.stack([a.points[points, :2] - b.points[points, :2] for a, b in zip(made, wanted, strict=True)])
        return float(np.sqrt((apart**2).sum(-1).mean()) / unit)

    assert error(POINTS) < 0.006 and error(slice(None)) < 0.015
    assert max(float(np.linalg.norm(turn_of(a) - turn_of(b))) for a, b in zip(made, wanted)) < np.radians(4)
    gaps = np.array([[a.lip_gap, b.lip_gap] for a, b in zip(made, wanted)]) / unit
    assert np.corrcoef(gaps.T)[0, 1] > 0.99 and np.abs(gaps[:, 0] - gaps[:, 1]).max() < 0.04
    shut = np.array([[a.lids.mean(), b.lids.mean()] for a, b in zip(made, wanted)])
    assert shut[11, 0] > 0.85 and np.corrcoef(shut.T)[0, 1] > 0.98


def test_a_row_of_nothing_is_the_face_at_rest(space: MeshSpace, landmarks: LandmarkSpace, face: Face) -> None:
    rest = landmarks.prepare(face)
    still = landmarks.decode(rest, np.zeros(136, np.float32))
    same = space.decode(rest, np.zeros(len(space.names), np.float32))
    assert np.abs(still.points[:, :2] - same.points[:, :2]).max() < 0.02 * float(rest.pose.scale)
    assert still.lip_gap < 0.01 * float(rest.pose.scale)
    wild = landmarks.decode(rest, np.random.default_rng(0).normal(0, 1e3, 136).astype(np.float32))
    assert np.isfinite(wild.points).all() and np.isfinite(wild.rigid).all()


def track_of(space: MeshSpace, face: Face) -> Track:
    points = np.stack([c.points for c in drawn(space, space.prepare(face))])
    scores = np.repeat(face.blendshapes[None], FRAMES, 0)
    return Track(points, scores, np.ones(FRAMES, bool), np.arange(FRAMES) / 25, 1000, 1000)


def test_a_clip_becomes_motion(space: MeshSpace, landmarks: LandmarkSpace, face: Face, tmp_path: Path) -> None:
    track = track_of(space, face)
    motion = landmarks.encode(track)
    assert motion.space == "landmarks" and motion.mark == landmarks.mark != space.mark and landmarks.has(motion)
    rest = landmarks.rest_of(track)
    back = np.stack([landmarks.decode(rest, row).points[POINTS, :2] for row in motion.values])
    assert np.sqrt(((back - track.points[:, POINTS, :2]) ** 2).sum(-1).mean()) < 0.02 * float(rest.pose.scale)
    lips = motion.values[:, 2 * 66 + 1] - motion.values[:, 2 * 62 + 1]
    assert np.corrcoef(lips, space.encode(track).column("lip_gap"))[0, 1] > 0.95
    landmarks.save(tmp_path / "space.npz")
    again = load_space(tmp_path / "space.npz")
    assert isinstance(again, LandmarkSpace) and again.has(motion)
    with pytest.raises(InputError, match="No face"):
        landmarks.encode(Track(track.points, track.blendshapes, np.zeros(FRAMES, bool), track.times, 10, 10))


def test_mirror_groups_and_views(space: MeshSpace, landmarks: LandmarkSpace, face: Face) -> None:
    g, mirror = landmarks.groups, landmarks.mirror()
    assert width(g.points) == 136 and width(g.head) == width(g.mouth) == width(g.eyes) == 0 and landmarks.stages == ()
    assert np.array_equal(mirror @ mirror, np.eye(136, dtype=np.float32))
    assert [c.keypoint for c in landmarks.columns] == [i for i in range(68) for _ in range(2)]
    assert landmarks.lip_reach().reshape(68, 2)[LIPS].all() and landmarks.lip_reach().sum() == 40
    track = track_of(space, face)
    flipped = track.points[:, list(topo.MIRROR)] * np.array([-1, 1, 1], np.float32) + np.array([1000, 0, 0], np.float32)
    own, other = (landmarks.encode(Track(p, track.blendshapes, track.valid, track.times, 1000, 1000)).values
                  for p in (track.points, flipped))  # fmt: skip
    own, other = (x - x.mean(0) for x in (own @ mirror, other))
    assert np.corrcoef(own.ravel(), other.ravel())[0, 1] > 0.99
    # A face that only moves in the picture shows the views nothing.
    shift = np.tile([0.3, -0.2], 68).astype(np.float32)
    for name, columns in (("head", 3), ("lips", 40), ("all", 43)):
        view = landmarks.view(name)  # type: ignore[arg-type]
        assert view.matrix.shape == (136, columns) and np.abs(shift @ view.matrix).max() < 1e-5
    assert (landmarks.view("all").head, landmarks.view("lips").head) == (3, 0)
    with pytest.raises(InputError, match="no view 'pitch'; use head, lips or all"):
        landmarks.view("pitch")
