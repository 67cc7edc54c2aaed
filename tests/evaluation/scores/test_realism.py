"""Faces that melt, shear and scatter, and faces that are faces."""

from __future__ import annotations

from pathlib import Path

import matplotlib.cbook
import numpy as np
import pytest
from motion_samples import PIXELS, footage, motion_of, natural, points_of, sway, value
from numpy.typing import NDArray

from mssync.evaluation.scores.realism import MAX_RESIDUAL, fit68, mesh_residual, outside68, unrealistic
from mssync.face import topology as topo
from mssync.face.tracking import FaceTracker
from mssync.media.image import load_image

Array64 = NDArray[np.float64]
FRAMES = 300
T = np.arange(FRAMES) / 25.0


def face_points(frames: int = 60) -> Array64:
    """A talking, turning face, ``(frames, 68, 2)``."""
    gap = 0.1 + 0.1 * np.sin(np.arange(frames))
    expr = {f"expr_{i:02d}": 0.7 * np.sin(np.arange(frames) / (5 + i) + i) for i in range(6)}
    motion = motion_of(frames, lip_gap=gap, **expr, **sway(frames, 3, degrees=8.0))
    return points_of(motion)[:, list(topo.IBUG68), :2].astype(np.float64)


def sheared(points: Array64, amount: float | Array64) -> Array64:
    out = points.copy()
    height = points[..., 1] - points[..., 1].mean(1, keepdims=True)
    out[..., 0] += np.broadcast_to(amount, (len(points),))[:, None] * height
    return out


def test_a_face_is_a_face_wherever_it_is() -> None:
    points = face_points()
    fit = fit68(points)
    assert fit.residual.max() < 0.02 and np.abs(fit.skew).max() < 0.05
    assert outside68(points).mean() == 0.0
    turn = np.array([[np.cos(0.5), -np.sin(0.5)], [np.sin(0.5), np.cos(0.5)]])
    moved = 3.7 * points @ turn.T + [1000, -50]
    for name in ("residual", "skew", "aspect", "expression"):
        np.testing.assert_allclose(getattr(fit68(moved), name), getattr(fit, name), atol=1e-6)


@pytest.mark.parametrize("amount", [-0.3, -0.2, 0.2, 0.3])
def test_a_sheared_face_is_flagged(amount: float) -> None:
    points = sheared(face_points(), amount)
    assert outside68(points).mean() > 0.95
    assert np.sign(np.median(fit68(points).skew)) == np.sign(amount)


def test_only_the_sheared_frames_are_flagged() -> None:
    amount = np.zeros(60)
    amount[20:35] = 0.3
    np.testing.assert_array_equal(outside68(sheared(face_points(), amount)), amount > 0)


def test_melting_squeezing_and_scattering_are_flagged() -> None:
    points = face_points()
    middle = points.mean(1, keepdims=True)
    place = (points - middle) / PIXELS
    melted = points.copy()
    melted[..., 1] += PIXELS * 0.2 * np.sin(3 * place[..., 0]) * (place[..., 1] > 0)
    scattered = points + np.random.default_rng(0).normal(0, 0.06 * PIXELS, points.shape)
    for bad in (melted, scattered, points * [0.6, 1.0], points * [1.0, 0.6]):
        assert outside68(bad).mean() > 0.9


def test_points_that_are_no_points_are_flagged_too() -> None:
    points = face_points(6)
    points[1] = 7.0
    points[2] = np.nan
    points[3, 10] = np.inf
    np.testing.assert_array_equal(outside68(points), [False, True, True, True, False, False])
    with pytest.raises(ValueError, match="68, 2"):
        fit68(np.zeros((3, 67, 2)))


def test_long_motions_are_fitted_in_pieces() -> None:
    points = np.tile(face_points(30), (20, 1, 1))
    np.testing.assert_allclose(fit68(points).residual[570:], fit68(points[570:]).residual, atol=1e-9)


def test_a_photographed_face_is_realistic() -> None:
    photo = load_image(Path(str(matplotlib.cbook.get_sample_data("grace_hopper.jpg", asfileobj=False))))
    face = FaceTracker(threads=1).detect(photo.rgb)[0]
    points = face.points[None, list(topo.IBUG68), :2].astype(np.float64)
    assert not outside68(points).any() and outside68(sheared(points, 0.3)).all()


def test_footage_of_a_face_and_of_a_melting_one() -> None:
    motion = natural(3, frames=120)
    points = points_of(motion)
    assert mesh_residual(footage(motion).track).max() < MAX_RESIDUAL
    assert value([unrealistic(footage(motion))], "unrealistic.share") == 0.0
    bad = points.copy()
    rows = np.arange(40, 80)
    height = points[rows, :, 1] - points[rows, :, 1].mean(1, keepdims=True)
    bad[rows, :, 0] += 0.3 * height
    assert value([unrealistic(footage(motion, points=bad))], "unrealistic.share") == pytest.approx(40 / 120, abs=0.05)
    jumbled = points.copy()
    jumbled[rows] += np.random.default_rng(0).normal(0, 0.05 * PIXELS, jumbled[rows].shape).astype(np.float32)
    seen = footage(motion, points=jumbled)
    assert (mesh_residual(seen.track)[rows] > MAX_RESIDUAL).all()
    lost = np.ones(120, np.bool_)
    lost[rows] = False
    assert value([unrealistic(footage(motion, points=jumbled, valid=lost))], "unrealistic.share") < 0.05


def test_blinking_and_looking_are_no_residual() -> None:
    motion = motion_of(60, lid_left=np.linspace(0, 1, 60), lid_right=np.linspace(0, 1, 60), gaze_x=0.2)
    assert mesh_residual(footage(motion).track).max() < 1e-3
