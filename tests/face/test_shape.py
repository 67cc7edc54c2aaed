"""Rotations, poses and the measures of lips, lids and gaze, on shapes whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mssync.face import topology as topo
from mssync.face.shape import (
    fit_pose,
    gaze,
    lid_opening,
    lip_gap,
    rotation_matrix,
    rotation_vector,
)

axis = st.tuples(*[st.floats(-1, 1)] * 3).map(np.array).filter(lambda v: np.linalg.norm(v) > 0.1)


@given(axis, st.floats(0, 3.1))
def test_rotation_vector_and_matrix_are_inverse(direction: np.ndarray, angle: float) -> None:
    vector = direction / np.linalg.norm(direction) * angle
    matrix = rotation_matrix(vector)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(matrix) == pytest.approx(1.0)
    np.testing.assert_allclose(rotation_vector(matrix), vector, atol=1e-7)


def test_rotations_of_many_frames_at_once() -> None:
    vectors = np.random.default_rng(0).normal(0, 0.5, (5, 4, 3))
    matrices = rotation_matrix(vectors)
    assert matrices.shape == (5, 4, 3, 3)
    np.testing.assert_allclose(matrices[2, 1], rotation_matrix(vectors[2, 1]))
    np.testing.assert_allclose(rotation_vector(matrices), vectors, atol=1e-10)
    # A quarter turn about z takes x to y (y points down in the picture: clockwise).
    np.testing.assert_allclose(rotation_matrix(np.array([0, 0, np.pi / 2])) @ [1, 0, 0], [0, 1, 0], atol=1e-12)


def some_shape(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.6, (topo.POINTS, 3)).astype(np.float32)


@settings(max_examples=30, deadline=None)
@given(axis, st.floats(0, 2.5), st.floats(5, 2000), st.integers(0, 1000))
def test_fit_pose_recovers_a_known_pose(direction: np.ndarray, angle: float, scale: float, seed: int) -> None:
    shape = some_shape(seed)
    turn = rotation_matrix(direction / np.linalg.norm(direction) * angle)
    shift = np.array([300.0, -120.0, 40.0])
    pose = fit_pose((scale * shape @ turn.T + shift).astype(np.float32), shape)
    np.testing.assert_allclose(pose.rotation, turn, atol=1e-4)
    assert float(pose.scale) == pytest.approx(scale, rel=1e-4)
    np.testing.assert_allclose(pose.translation, shift, atol=1e-3 * scale)
    np.testing.assert_allclose(pose.to_head(pose.to_pixels(shape)), shape, atol=1e-3)


def test_fit_pose_looks_at_the_rigid_points_only_and_never_mirrors() -> None:
    shape = some_shape()
    moved = shape * 100
    others = [i for i in range(topo.POINTS) if i not in topo.RIGID]
    moved[others] += 50.0
    np.testing.assert_allclose(fit_pose(moved, shape).rotation, np.eye(3), atol=1e-5)
    poses = fit_pose(np.stack([shape * [-100, 100, 100], shape * 100]).astype(np.float32), shape)
    assert poses.rotation.shape == (2, 3, 3) and poses.scale.shape == (2,)
    np.testing.assert_allclose(np.linalg.det(poses.rotation), 1.0)


def test_lip_gap_is_the_mean_distance_of_the_inner_edges() -> None:
    shape = some_shape()
    for (upper, lower), gap in zip(topo.LIP_GAP_PAIRS, (0.1, 0.2, 0.3), strict=True):
        shape[lower] = shape[upper] + np.array([0.0, gap, 0.0], np.float32)
    assert lip_gap(shape) == pytest.approx(0.2, rel=1e-5)
    np.testing.assert_allclose(lip_gap(np.stack([shape, 2 * shape])), [0.2, 0.4], rtol=1e-5)


def test_lid_opening_and_gaze() -> None:
    shape = np.zeros((topo.POINTS, 3), np.float32)
    opening = {"left": 0.1, "right": 0.05}
    eyes = (
        (topo.LEFT_LID_PAIRS, topo.EYE_CORNERS_LEFT, topo.LEFT_IRIS, "left", 0.8),
        (topo.RIGHT_LID_PAIRS, topo.EYE_CORNERS_RIGHT, topo.RIGHT_IRIS, "right", -0.8),
    )
    for pairs, corners, iris, side, x in eyes:
        shape[corners[0]], shape[corners[1]] = (x - 0.25, 0, 0), (x + 0.25, 0, 0)
        for upper, lower in pairs:
            shape[upper], shape[lower] = (x, -opening[side] / 2, 0), (x, opening[side] / 2, 0)
        # To the picture's right and down by 0.05 and 0.02 of the 0.5 wide eye.
        shape[list(iris)] = (x + 0.05, 0.02, 0)
    np.testing.assert_allclose(lid_opening(shape), [0.2, 0.1], rtol=1e-5)  # the subject's left first
    np.testing.assert_allclose(gaze(shape), [0.1, 0.04], rtol=1e-5)
