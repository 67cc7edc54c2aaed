"""The Frechet distance against its closed forms; intervals of series and of shares."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import sqrtm

from mssync.evaluation.scores.stats import block_interval, frechet, share_interval


def test_equal_samples_lie_at_zero_and_a_shift_counts_squared() -> None:
    a = np.random.default_rng(0).standard_normal((40, 6))
    assert frechet(a, a) == pytest.approx(0, abs=1e-9)
    assert frechet(a, a + np.array([3, 0, 0, 0, 0, 4])) == pytest.approx(25)


def test_one_dimension_is_the_difference_of_means_and_spreads() -> None:
    a = np.array([[-1.0], [1.0]]) / np.sqrt(2)  # standard deviation 1
    assert frechet(a, 3 * a + 5) == pytest.approx(5**2 + (3 - 1) ** 2)


@pytest.mark.parametrize("n", [5, 200])
def test_agrees_with_the_matrix_root(n: int) -> None:
    rng = np.random.default_rng(1)
    a, b = rng.standard_normal((n, 8)) @ rng.standard_normal((8, 8)), rng.standard_normal((n + 3, 8)) + 0.5
    ca, cb = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    nudge = 1e-10 * np.eye(8)  # the root of a singular product is what the plain formula stumbles over
    root = sqrtm((ca + nudge) @ (cb + nudge)).real
    plain = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(ca + cb - 2 * root)
    assert frechet(a, b) == pytest.approx(plain, rel=1e-3)


def test_is_symmetric() -> None:
    rng = np.random.default_rng(2)
    a, b = rng.standard_normal((9, 30)), 2 * rng.standard_normal((14, 30))
    assert frechet(a, b) == pytest.approx(frechet(b, a))


@pytest.mark.parametrize("bad", [np.zeros((1, 3)), np.zeros(3), np.full((4, 3), np.nan), np.zeros((4, 2))])
def test_other_shapes_are_refused(bad: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"columns|finite"):
        frechet(np.zeros((4, 3)), bad)


def test_block_interval() -> None:
    rng = np.random.default_rng(0)
    inside = 0
    for _ in range(60):
        found = block_interval(rng.normal(1.0, 1.0, 300), lambda v: v.mean(1))
        assert found is not None
        inside += found[0] <= 1.0 <= found[1]
    assert inside >= 51
    assert block_interval(np.zeros(49), lambda v: v.mean(1)) is None
    # What is alike within a second makes the interval wide, as it should.
    steps = np.repeat(rng.standard_normal(20), 25)
    mixed = rng.permutation(steps)
    a, b = block_interval(steps, lambda v: v.mean(1)), block_interval(mixed, lambda v: v.mean(1))
    assert a is not None and b is not None and a[1] - a[0] > 2 * (b[1] - b[0])
    assert block_interval(steps, lambda v: v.mean(1)) == a  # the same numbers every time


def test_interval_of_a_share() -> None:
    assert share_interval(0, 10) == pytest.approx((0.0, 0.2775), abs=1e-3)
    assert share_interval(5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-3)
    assert share_interval(10, 10) == pytest.approx((0.7225, 1.0), abs=1e-3)
