"""Head motion: known amounts, spectra, distances and tremblings."""

from __future__ import annotations

import numpy as np
import pytest
from motion_samples import PIXELS, by_key, footage, motion_of, points_of, sway, value

from mssync.arrays import Array64
from mssync.evaluation.footage import Footage
from mssync.evaluation.scores.head import (
    angular_velocity,
    fast_energy,
    motion_windows,
    scores,
    spectrum,
    spectrum_distance,
)
from mssync.evaluation.scores.stats import frechet
from mssync.face import topology as topo
from mssync.face.shape import rotation_matrix, rotation_vector

FRAMES = 500
T = np.arange(FRAMES) / 25.0


def head(scale: float = 1.0, seed: int = 0) -> Footage:
    return footage(motion_of(FRAMES, **{k: scale * v for k, v in sway(FRAMES, seed).items()}))


def windows(seen: Footage) -> Array64:
    return motion_windows(seen.motion[:, :3], seen.track.valid)


def test_amounts_of_a_known_sway() -> None:
    turn = np.radians(10 * np.sin(2 * np.pi * 0.5 * T))
    found = scores(footage(motion_of(FRAMES, rot_y=turn, trans_x=0.2 * np.sin(2 * np.pi * 0.5 * T))), None)
    assert value(found, "head.yaw_std") == pytest.approx(10 / np.sqrt(2), rel=1e-3)
    assert value(found, "head.x_std") == pytest.approx(0.2 / np.sqrt(2), rel=1e-3)
    # Mean |speed| of a sine is 4 f a; the secant over 0.16 s is shorter by sinc(0.08).
    assert value(found, "head.yaw_speed") == pytest.approx(20 * np.sinc(0.08), rel=0.01)
    assert value(found, "head.x_speed") == pytest.approx(0.4 * np.sinc(0.08), rel=0.01)
    for axis in ("pitch", "roll", "y"):
        assert value(found, f"head.{axis}_std") == pytest.approx(0.0, abs=1e-4)


def test_angles_are_told_apart() -> None:
    for column, axis in (("rot_x", "pitch"), ("rot_y", "yaw"), ("rot_z", "roll")):
        found = scores(footage(motion_of(FRAMES, **{column: np.radians(5 * np.sin(T))})), None)
        large = [k for k, s in by_key(found).items() if k.endswith("_std") and s.value is not None and s.value > 1]
        assert large == [f"head.{axis}_std"]


@pytest.mark.parametrize("factor", [0.5, 1.5])
def test_half_and_one_and_a_half_times_the_motion_are_told_apart(factor: float) -> None:
    plain, scaled, real = by_key(scores(head(), None)), by_key(scores(head(factor), head())), head()
    for axis in ("yaw", "pitch", "roll"):
        for kind in ("std", "speed"):
            a, b = plain[f"head.{axis}_{kind}"], scaled[f"head.{axis}_{kind}"]
            assert a.value is not None and b.value is not None and a.interval is not None and b.interval is not None
            assert b.value == pytest.approx(factor * a.value, rel=0.02)
            assert not a.interval[0] <= b.value <= a.interval[1]
    same = by_key(scores(head(), real))
    for key in ("head.spectrum", "head.frechet"):
        assert same[key].value == pytest.approx(0.0, abs=1e-3)
    # Where this head does not move at all, at high frequencies, the floor keeps the two alike.
    assert 0.5 < value(scaled.values(), "head.spectrum") / abs(20 * np.log10(factor)) < 1.0
    assert value(scaled.values(), "head.frechet") > 10


def test_a_still_head() -> None:
    found = scores(footage(motion_of(FRAMES)), head())
    assert all(value(found, f"head.{a}_{k}") == 0.0 for a in ("yaw", "pitch", "roll") for k in ("std", "speed"))
    assert value(found, "jitter.head") == pytest.approx(0.0, abs=1e-3)
    assert value(found, "head.spectrum") > 20


def test_without_real_footage_distances_are_not_run() -> None:
    found = by_key(scores(head(), None))
    assert found["head.spectrum"].value is None and found["head.frechet"].value is None
    short = by_key(scores(head(), footage(motion_of(40, **sway(40, 1)))))
    assert short["head.spectrum"].value is not None and short["head.frechet"].value is None


def test_lost_frames_do_not_count() -> None:
    turn = np.radians(5 * np.sin(T))
    valid = np.ones(FRAMES, np.bool_)
    valid[100:140] = False
    wild = turn.copy()
    wild[100:140] = 1.0
    kept = scores(footage(motion_of(FRAMES, rot_y=wild), valid=valid), None)
    assert value(kept, "head.yaw_std") == pytest.approx(np.degrees(turn[valid].std()), rel=1e-4)
    assert value(kept, "head.yaw_speed") < 6
    sparse = by_key(scores(footage(motion_of(FRAMES, rot_y=turn), valid=np.arange(FRAMES) % 3 > 0), head()))
    assert sparse["head.frechet"].value is None
    alternate = by_key(scores(footage(motion_of(50, rot_y=turn[:50]), valid=np.arange(50) % 8 < 4), None))
    assert alternate["head.yaw_speed"].value is None and alternate["head.yaw_std"].value is not None


def test_angular_velocity_is_geodesic() -> None:
    axis = np.array([0.6, 0.0, 0.8])
    start = rotation_matrix(np.array([0.4, -0.3, 0.2]))
    turn = rotation_vector(np.stack([rotation_matrix(axis * np.radians(2) * i) @ start for i in range(20)]))
    np.testing.assert_allclose(angular_velocity(turn), np.tile(axis * 50, (19, 1)), atol=1e-6)


def test_spectrum_holds_the_power_where_it_belongs() -> None:
    white = np.random.default_rng(0).normal(0, 3, (20000, 3))
    np.testing.assert_allclose(spectrum(white, 64)[2:-2], 9 / 12.5, rtol=0.25)
    tone = np.zeros((1000, 3))
    tone[:, 1] = np.sin(2 * np.pi * 25 * 8 / 64 * np.arange(1000) / 25)
    power = spectrum(tone, 64)
    assert power[:, 1].argmax() == 8 and power.shape == (33, 3) and power[:, 0].max() < 1e-12
    assert power[:, 1].sum() * 25 / 64 == pytest.approx(0.5, rel=0.01)


def test_spectrum_distance() -> None:
    a = np.random.default_rng(1).normal(0, 10, (1000, 3))
    assert spectrum_distance(a, a) == 0.0
    assert spectrum_distance(a, a / 2) == spectrum_distance(a / 2, a) == pytest.approx(6.02, abs=0.05)
    assert spectrum_distance(a[:500], a[500:]) < 2.5
    assert spectrum_distance(a, a[:30]) > 0  # short clips bring the segments down


def test_frechet_of_windows_sees_amount_and_pose() -> None:
    real, other = windows(head(seed=0)), windows(head(seed=3))
    assert real.shape == (FRAMES - 24, 21)
    near = frechet(real, other)
    for far in (head(0.3, seed=3), head(2.0, seed=3), footage(motion_of(FRAMES))):
        assert frechet(real, windows(far)) > 2 * near
    posed = real.copy()
    posed[:, 0] += 7
    assert frechet(real, posed) == pytest.approx(49, rel=1e-6)


def test_windows_hold_mean_pose_and_mean_velocity_first() -> None:
    ramp = windows(footage(motion_of(60, rot_y=np.radians(np.arange(60.0)))))
    # Motion's + turns to the picture's left, which is yaw < 0.
    np.testing.assert_allclose(ramp[:, 1], -(np.arange(36) + 12.0), atol=1e-3)
    np.testing.assert_allclose(ramp[:, 3 + 6], 25.0, atol=1e-3)
    np.testing.assert_allclose(np.delete(ramp, [1, 9], axis=1), 0.0, atol=1e-3)


@pytest.mark.parametrize(("hertz", "share"), [(1.0, 0.0), (3.0, 0.0), (9.0, 1.0), (11.0, 1.0)])
def test_fast_energy_is_what_lies_above_six_hertz(hertz: float, share: float) -> None:
    points = np.zeros((FRAMES, 4, 2))
    points[..., 0] = (0.5 * np.sin(2 * np.pi * hertz * T + 0.3))[:, None]
    energy = fast_energy(points)
    assert energy[30:-30].mean() == pytest.approx(share * 0.125, rel=0.03, abs=2e-4)
    line = np.broadcast_to(np.arange(FRAMES, dtype=np.float64)[:, None, None], (FRAMES, 3, 2))
    assert fast_energy(line).max() < 1e-12  # a steady drift does not tremble, at the ends neither


def test_jitter_of_head_and_lips() -> None:
    motion = motion_of(FRAMES, **sway(FRAMES, 2))
    plain = points_of(motion)
    rng = np.random.default_rng(0)
    calm = scores(footage(motion, points=plain), None)
    shaky = plain.copy()
    shaky[..., :2] += rng.normal(0, 0.004 * PIXELS, (FRAMES, 1, 2)).astype(np.float32)  # the whole picture trembles
    whole = scores(footage(motion, points=shaky), None)
    # White noise, two directions: (1 - 6 / 12.5) of the power lies above 6 Hz.
    assert value(whole, "jitter.head") == pytest.approx(4 * np.sqrt(2 * (1 - 6 / 12.5)), rel=0.1)
    assert value(calm, "jitter.head") < 0.3
    assert value(whole, "jitter.lips") == pytest.approx(value(calm, "jitter.lips"), abs=0.05)
    lips = plain.copy()
    rows = list(topo.LIPS_OUTER + topo.LIPS_INNER)
    lips[:, rows, :2] += rng.normal(0, 0.004 * PIXELS, (FRAMES, len(rows), 2)).astype(np.float32)
    only = scores(footage(motion, points=lips), None)
    assert value(only, "jitter.lips") > 3 and value(only, "jitter.head") == pytest.approx(
        value(calm, "jitter.head"), abs=0.01
    )
