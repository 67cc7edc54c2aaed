"""Variety: takes alike and unlike, collapsed and periodic heads, faces that melt, drift, blinks."""

from __future__ import annotations

from pathlib import Path

import matplotlib.cbook
import numpy as np
import pytest
from motion_samples import PIXELS, by_key, footage, motion_of, points_of, sway, value
from numpy.typing import NDArray

from mssync.evaluation.footage import pinned_space
from mssync.evaluation.scores.variety import (
    MAX_RESIDUAL,
    PERIODIC,
    blinks,
    collapse,
    collapsed,
    diversity,
    drift,
    fit68,
    head_energy,
    mesh_residual,
    outside68,
    periodicity,
    unrealistic,
    unrealistic68,
)
from mssync.face import topology as topo
from mssync.face.tracking import FaceTracker
from mssync.media.image import load_image
from mssync.motion.space import Motion

Array64 = NDArray[np.float64]
FRAMES = 300
T = np.arange(FRAMES) / 25.0


def natural(seed: int, scale: float = 1.0, frames: int = FRAMES) -> Motion:
    gap = 0.1 + 0.1 * np.sin(np.cumsum(np.random.default_rng(99).uniform(0.3, 1.2, frames)))  # one speech for all
    return motion_of(frames, lip_gap=gap, **{k: scale * v for k, v in sway(frames, seed).items()})


def pendulum(noise: float = 0.0) -> Motion:
    wave = {"rot_x": 5 * np.sin(4 * T), "rot_y": 3 * np.sin(4 * T + 1), "rot_z": np.zeros(FRAMES)}
    rng = np.random.default_rng(0)
    return motion_of(FRAMES, **{k: np.radians(v + noise * rng.standard_normal(FRAMES)) for k, v in wave.items()})


# ---- takes --------------------------------------------------------------------------------------------------------


def test_the_same_take_twice_has_no_diversity() -> None:
    head = by_key(diversity([natural(0), natural(0, scale=1.5)]))["diversity.head"]
    assert head.value == pytest.approx(1.0) and head.chance is not None and head.chance < 0.5


def test_other_seeds_move_the_head_otherwise_and_the_lips_alike() -> None:
    found = by_key(diversity([natural(i) for i in range(4)]))
    head, lips = found["diversity.head"], found["diversity.lips"]
    assert head.value is not None and head.chance is not None and lips.chance is not None
    assert head.value == pytest.approx(head.chance, abs=0.15) and head.value < 0.4
    assert lips.value == pytest.approx(1.0) and abs(lips.chance) < 0.2
    assert (head.aim, lips.aim) == ("low", "high")


def test_a_mirrored_head_is_the_same_head() -> None:
    a = natural(0)
    b = a.with_values(a.values * np.where(np.isin(a.names, ("rot_y", "rot_z")), -1, 1))
    assert value(diversity([a, b]), "diversity.head") == pytest.approx(1.0)


def test_takes_of_other_lengths_are_cut() -> None:
    assert value(diversity([natural(0), natural(0).with_values(natural(0).values[:200])]), "diversity.head") > 0.999


def test_diversity_needs_takes_that_move() -> None:
    for takes in ([], [natural(0)], [natural(0), motion_of(FRAMES)], [natural(0), natural(1, frames=40)]):
        assert by_key(diversity(takes))["diversity.head"].value is None


# ---- collapse -----------------------------------------------------------------------------------------------------


def test_energy_is_the_mean_squared_speed() -> None:
    steady = motion_of(100, rot_y=np.radians(np.arange(100.0)))
    assert head_energy(steady) == pytest.approx(625.0, rel=1e-3)
    assert head_energy(motion_of(3)) == 0.0


def test_too_little_motion_is_a_collapse() -> None:
    real = head_energy(natural(0))
    assert not collapsed(natural(1), real) and not collapsed(natural(1, 0.5), real)
    assert collapsed(natural(0, 0.3), real)  # 9 % of the energy
    assert collapsed(motion_of(FRAMES), real)


def test_a_pendulum_is_a_collapse() -> None:
    real = head_energy(natural(0))
    for noise in (0.0, 0.5):
        assert periodicity(pendulum(noise)) > PERIODIC
        assert collapsed(pendulum(noise), real)
    assert periodicity(pendulum()) > 0.98


def test_natural_motion_is_not_periodic() -> None:
    assert max(periodicity(natural(seed)) for seed in range(30)) < PERIODIC
    assert periodicity(motion_of(FRAMES)) == 0.0
    assert periodicity(motion_of(FRAMES, rot_x=np.linspace(0, 1, FRAMES))) < 0.1
    short = pendulum().with_values(pendulum().values[:90])
    assert not collapsed(short, head_energy(short))  # too short to tell


def test_share_of_takes() -> None:
    real = head_energy(natural(0))
    score = collapse([natural(1), pendulum(), motion_of(FRAMES), natural(2)], real)
    assert score.value == 0.5 and score.interval is not None and score.interval[0] < 0.5 < score.interval[1]
    assert collapse([], real).value is None


# ---- faces that no face can make ----------------------------------------------------------------------------------


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
    assert value([unrealistic68(points)], "unrealistic.share") == 0.0
    turn = np.array([[np.cos(0.5), -np.sin(0.5)], [np.sin(0.5), np.cos(0.5)]])
    moved = 3.7 * points @ turn.T + [1000, -50]
    for name in ("residual", "skew", "aspect", "expression"):
        np.testing.assert_allclose(getattr(fit68(moved), name), getattr(fit, name), atol=1e-6)


@pytest.mark.parametrize("amount", [-0.3, -0.2, 0.2, 0.3])
def test_a_sheared_face_is_flagged(amount: float) -> None:
    points = sheared(face_points(), amount)
    assert value([unrealistic68(points)], "unrealistic.share") > 0.95
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
        assert value([unrealistic68(bad)], "unrealistic.share") > 0.9


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


# ---- long videos --------------------------------------------------------------------------------------------------


def test_no_drift() -> None:
    n = 3750
    found = drift(natural(0, frames=n))
    for key in ("drift.head_std", "drift.gap_std", "drift.gap_mean"):
        assert value(found, key) == pytest.approx(1.0, abs=0.25)
    assert value(found, "drift.head_mean") < 3 and value(found, "drift.gap_slope") < 0.01


def test_known_drift() -> None:
    n = 4500
    minutes = np.arange(n) / 1500
    rng = np.random.default_rng(0)
    wave = np.sin(2 * np.pi * np.arange(n) / 100)
    head = np.radians(wave * (1 + minutes) + 4 * minutes)
    gap = 0.1 + 0.02 * minutes + 0.01 * wave
    motion = motion_of(n, rot_y=head, lip_gap=gap)
    found = drift(motion)
    assert value(found, "drift.head_mean") == pytest.approx(8.0, abs=0.2)
    assert value(found, "drift.head_slope") == pytest.approx(4.0, abs=0.1)
    assert 1.2 < value(found, "drift.head_std") < 2.5
    assert value(found, "drift.gap_mean") == pytest.approx(0.15 / 0.11, rel=0.01)
    assert value(found, "drift.gap_slope") == pytest.approx(0.02, rel=0.02)
    points = np.repeat(points_of(motion_of(1)), n, 0)
    valid = rng.random(n) > 0.1
    assert value(drift(footage(motion, points=points, valid=valid)), "drift.head_slope") == pytest.approx(4, abs=0.1)


def test_short_or_unseen_is_not_judged() -> None:
    assert all(s.value is None for s in drift(natural(0, frames=2999)))
    valid = np.ones(3000, np.bool_)
    valid[1500:] = False
    points = np.repeat(points_of(motion_of(1)), 3000, 0)
    assert all(s.value is None for s in drift(footage(motion_of(3000), points=points, valid=valid)))


# ---- blinks -------------------------------------------------------------------------------------------------------


def blinking(frames: int, at: list[int], width: int) -> Motion:
    """Triangular blinks, ``width`` frames wide at half height."""
    t = np.arange(frames)
    lid = np.max([np.maximum(0.0, 1 - np.abs(t - m) / width) for m in at], axis=0) if at else np.zeros(frames)
    return motion_of(frames, lid_left=lid, lid_right=lid)


@pytest.mark.parametrize("width", [2, 4])
def test_rate_and_duration(width: int) -> None:
    found = by_key(blinks(footage(blinking(750, [100, 300, 450, 600], width))))
    rate = found["blinks.rate"]
    assert rate.value == pytest.approx(8.0) and rate.interval is not None and rate.interval[0] < 8 < rate.interval[1]
    assert found["blinks.duration"].value == pytest.approx(width / 25, rel=0.05)


def test_no_blink() -> None:
    found = by_key(blinks(footage(blinking(750, [], 3))))
    assert found["blinks.rate"].value == 0.0 and found["blinks.duration"].value is None
    interval = found["blinks.rate"].interval
    assert interval is not None and interval[0] == 0.0 and 5 < interval[1] < 10


def test_half_the_clip_unseen() -> None:
    valid = np.arange(750) >= 375
    found = by_key(blinks(footage(blinking(750, [100, 300, 450, 600], 3), valid=valid)))
    assert found["blinks.rate"].value == pytest.approx(8.0)


def test_the_space_of_the_samples_is_the_pinned_one() -> None:
    assert motion_of(1).names == pinned_space().names
