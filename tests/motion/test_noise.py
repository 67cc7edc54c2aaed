"""The generator's noise: unit variance, smooth, many time scales, the same in parts as at once."""

from __future__ import annotations

import numpy as np

from mssync.motion.noise import BURN_IN, burned_in, smooth, time_constants


def test_unit_variance_and_smooth_paths() -> None:
    rng = np.random.default_rng(0)
    white = rng.standard_normal((6000, 20, 6)).astype(np.float32)
    out, _ = smooth(white[BURN_IN:], burned_in(white[:BURN_IN]))
    assert np.allclose(out.std((0, 1)), 1.0, atol=0.1)
    step = np.diff(out, axis=0)
    # Slower columns move less per frame, and no path has corners (white noise turns 1.7 times as fast as it moves).
    assert (np.diff(step.std((0, 1))) < 0).all()
    assert (np.diff(step, axis=0).std((0, 1)) < 1.2 * step.std((0, 1))).all()
    assert list(time_constants(3)) == sorted(time_constants(3))


def test_starts_stationary() -> None:
    rng = np.random.default_rng(1)
    white = rng.standard_normal((BURN_IN + 1, 3000, 4)).astype(np.float32)
    first, _ = smooth(white[BURN_IN:], burned_in(white[:BURN_IN]))
    assert np.allclose(first[0].std(0), 1.0, atol=0.08)


def test_parts_equal_the_whole() -> None:
    white = np.random.default_rng(2).standard_normal((50, 4)).astype(np.float32)
    state = np.zeros((2, 4), np.float32)
    whole, end = smooth(white, state)
    a, state = smooth(white[:17], state)
    b, state = smooth(white[17:], state)
    assert np.array_equal(np.concatenate([a, b]), whole) and np.array_equal(state, end)
