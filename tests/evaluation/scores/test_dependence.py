"""Dependence on signals whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from motion_samples import motion_of, sway

from mssync.evaluation.scores.dependence import (
    AXES,
    correlations,
    likeness,
    other_seed,
    other_speech,
    paths,
    with_lips,
)
from mssync.motion.space import Motion

FRAMES = 300


def made(speech: int, seed: int) -> Motion:
    """Pitch follows the speech alone, yaw the seed alone, roll both alike; nothing shifts; lips as the speech says."""
    of_speech, of_seed = sway(FRAMES + 50 * speech, 100 + speech), sway(FRAMES + 50 * speech, 7)
    noise = sway(2 * FRAMES, 200 + seed)
    n = FRAMES + 50 * speech
    return motion_of(
        n,
        rot_x=of_speech["rot_x"],
        rot_y=noise["rot_y"][:n],
        rot_z=of_speech["rot_z"] + noise["rot_z"][:n],
        lip_gap=0.1 + of_speech["rot_y"],
        trans_x=0.0 * of_seed["rot_x"],
    )


TAKES = [[made(speech, seed) for seed in range(3)] for speech in range(4)]


def test_an_axis_that_follows_its_noise_is_found_and_one_that_listens_is_not() -> None:
    speech, seed = other_speech(TAKES), other_seed(TAKES)
    assert speech["yaw"].signed > 0.95 and speech["yaw"].size > 0.95  # the pose's turn order mixes in a little pitch
    assert abs(speech["pitch"].signed) < 0.25 and speech["pitch"].size < 0.3
    assert 0.3 < speech["roll"].signed < 0.7
    assert seed["pitch"].signed > 0.95 and seed["lips"].signed > 0.99
    assert abs(seed["yaw"].signed) < 0.25
    assert 0.3 < seed["roll"].signed < 0.7


def test_pairs_are_those_of_one_seed_and_those_of_one_speech() -> None:
    assert other_speech(TAKES)["pitch"].pairs == 3 * 6
    assert other_seed(TAKES)["pitch"].pairs == 4 * 3


def test_an_axis_that_never_moves_has_no_number() -> None:
    found = other_speech(TAKES)["x"]
    assert np.isnan(found.size) and found.pairs == 0


def test_what_trembles_with_the_lips_is_found_and_slow_turns_are_not() -> None:
    t = np.arange(FRAMES) / 25.0
    gap = 0.1 + 0.05 * np.sin(2 * np.pi * 4.0 * t)
    slow = 0.2 * np.sin(2 * np.pi * 0.1 * t)
    motion = motion_of(FRAMES, lip_gap=gap, rot_x=slow - 0.2 * gap, rot_y=slow, log_scale=0.01 * gap)
    found = dict(zip(AXES, with_lips(motion), strict=True))
    assert found["size"] > 0.99 and found["pitch"] < -0.9 and abs(found["yaw"]) < 0.2
    assert np.isnan(found["x"]) and np.isnan(with_lips(motion_of(20, lip_gap=0.1))).all()


def test_opposite_motion_is_alike_in_size_and_not_in_sign() -> None:
    path = sway(FRAMES, 1)["rot_y"]
    found = likeness([(motion_of(FRAMES, rot_y=path), motion_of(FRAMES, rot_y=-path))])
    assert found["yaw"].size == pytest.approx(1.0) and found["yaw"].signed == pytest.approx(-1.0)


def test_the_longer_one_is_cut_at_its_end() -> None:
    a = np.random.default_rng(0).standard_normal((2, 80))
    b = np.concatenate([a, np.full((2, 40), 9.0)], 1)
    assert correlations(a, b) == pytest.approx([1.0, 1.0])


def test_paths_are_named_axes_in_degrees_and_iod() -> None:
    turned = motion_of(5, rot_y=np.radians(10.0), trans_x=0.2, trans_y=-0.1, log_scale=0.3, lip_gap=0.05)
    at = dict(zip(AXES, paths(turned)[:, 0], strict=True))
    assert abs(at["yaw"]) == pytest.approx(10.0, abs=1e-4) and at["pitch"] == pytest.approx(0.0, abs=1e-4)
    assert [at[k] for k in ("x", "y", "size", "lips")] == pytest.approx([0.2, -0.1, 0.3, 0.05], abs=1e-6)
