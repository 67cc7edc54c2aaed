"""Takes alike and unlike, collapsed and periodic heads."""

from __future__ import annotations

import numpy as np
import pytest
from motion_samples import by_key, motion_of, natural, value
from numpy.typing import NDArray

from mssync.evaluation.scores.takes import PERIODIC, collapse, collapsed, diversity, head_energy, periodicity
from mssync.motion.space import Motion

Array64 = NDArray[np.float64]
FRAMES = 300
T = np.arange(FRAMES) / 25.0


def pendulum(noise: float = 0.0) -> Motion:
    wave = {"rot_x": 5 * np.sin(4 * T), "rot_y": 3 * np.sin(4 * T + 1), "rot_z": np.zeros(FRAMES)}
    rng = np.random.default_rng(0)
    return motion_of(FRAMES, **{k: np.radians(v + noise * rng.standard_normal(FRAMES)) for k, v in wave.items()})


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
