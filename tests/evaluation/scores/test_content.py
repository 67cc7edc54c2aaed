"""What the mouth says, on courses whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from motion_samples import motion_of, points_of, sway

from mssync.evaluation.footage import pinned_space
from mssync.evaluation.scores import content
from mssync.face import topology as topo
from mssync.motion.space import Motion

RNG = np.random.default_rng(3)


def course(frames: int, seed: int) -> np.ndarray:
    return sway(frames, seed)["rot_x"]


def moved(frames: int, seed: int, size: float) -> Motion:
    """An expression that moves in every direction, lips parting."""
    rng = np.random.default_rng(seed)
    k = len(pinned_space().basis)
    columns = {f"expr_{i:02d}": size * rng.standard_normal(frames) for i in range(k)}
    return motion_of(frames, lip_gap=0.1 + 0.05 * rng.random(frames), **columns)


def test_the_lag_is_positive_when_the_made_course_is_late_and_is_found_between_frames() -> None:
    real = course(300, 1)
    late = np.roll(real, 3)
    found = content.agreement(late, real)
    assert found is not None and found.lag == pytest.approx(3.0, abs=0.1) and found.r > 0.99
    t = np.arange(300)
    half = np.interp(t + 1.5, t, real)
    found = content.agreement(half, real)
    assert found is not None and found.lag == pytest.approx(-1.5, abs=0.1)


def test_a_lag_beyond_reach_is_no_agreement() -> None:
    white = RNG.standard_normal(400)
    found = content.agreement(np.roll(white, 8), white)
    assert found is not None and found.r < 0.2


def test_frames_that_do_not_count_do_not_count() -> None:
    real, made = course(300, 1), course(300, 1)
    made[:100] = -50.0 * made[:100]
    used = np.arange(300) >= 110
    everything, some = content.agreement(made, real), content.agreement(made, real, used)
    assert some is not None and some.r == pytest.approx(1.0)
    assert everything is not None and everything.r < 0.5


@pytest.mark.parametrize("made", [np.full(200, 0.3), np.arange(15.0)])
def test_nothing_is_said_of_still_or_short_courses(made: np.ndarray) -> None:
    assert content.agreement(made, course(200, 2)) is None


def test_the_mouth_is_that_of_the_points_which_are_drawn() -> None:
    motion = moved(12, 0, 0.3)
    drawn = points_of(motion) / 80.0  # inter-ocular distances, the head upright
    opening, width, forward = content.mouth(motion, pinned_space())
    assert opening == pytest.approx(motion.column("lip_gap"))
    seen = np.linalg.norm(drawn[:, 61] - drawn[:, 291], axis=1)
    assert width == pytest.approx(seen, abs=0.005) and width.std() > 0.01
    assert np.corrcoef(forward, -drawn[:, list(content.UPPER_LIP), 2].mean(1))[0, 1] > 0.98
    brows = -drawn[:, list(topo.RIGHT_BROW + topo.LEFT_BROW), 1].mean(1)
    assert content.brows(motion, pinned_space()) == pytest.approx(brows - brows.mean(), abs=0.01)


def test_a_puckered_mouth_is_narrow_and_stands_forward() -> None:
    space = pinned_space()
    pucker = space.blend[topo.BLENDSHAPE_NAMES.index("mouthPucker")].reshape(-1).astype(float)
    rows = pucker @ np.linalg.pinv(space.basis.reshape(len(space.basis), -1).astype(float))
    columns = {f"expr_{i:02d}": np.array([0.0, x]) for i, x in enumerate(rows)}
    _, width, forward = content.mouth(motion_of(2, lip_gap=0.05, **columns), space)
    assert width[1] < 0.92 * width[0] and forward[1] > forward[0] + 0.005


def test_the_head_does_not_touch_the_mouth() -> None:
    still = content.mouth(motion_of(50, lip_gap=0.1), pinned_space())
    turned = content.mouth(motion_of(50, lip_gap=0.1, trans_x=0.4, log_scale=0.2, **sway(50, 3)), pinned_space())
    assert turned == pytest.approx(still)


def test_spread_over_mean_knows_no_size() -> None:
    x, used = 2.0 + course(100, 4), np.ones(100, bool)
    assert content.relative_spread(3.0 * x, used) == pytest.approx(content.relative_spread(x, used))
    assert content.relative_spread(x, used) == pytest.approx(x.std() / x.mean())


def test_still_directions_use_no_variance_and_wild_ones_no_more_than_there_is() -> None:
    real = moved(400, 1, 1.0)
    k = len(pinned_space().basis)
    columns = slice(6, 6 + k)
    values = real.values.copy()
    values[:, 6 : 6 + k // 2] = 0.0
    values[:, 6 + k // 2 : 6 + k] *= 5.0
    every = np.ones(400, bool)
    share = content.used_variance(real.with_values(values), real, columns, every, every)
    assert share == pytest.approx(1 - (k // 2) / k, abs=0.06)
    assert content.used_variance(real, real, columns, every, every) == pytest.approx(1.0)
