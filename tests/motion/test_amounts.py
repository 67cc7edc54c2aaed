from __future__ import annotations

import numpy as np

from mssync.motion.articulation import AMOUNT, LIMIT, amounts


def test_amounts_follow_one_column_around_one_and_within_limits() -> None:
    noise = np.zeros((5, 8), np.float32)
    assert np.array_equal(amounts(noise), np.ones((5, 1), np.float32))
    noise[:, 3] = (-9.0, -1.0, 0.0, 1.0, 9.0)
    low, high = 1 - AMOUNT * LIMIT, 1 + AMOUNT * LIMIT
    assert np.allclose(amounts(noise)[:, 0], (low, 1 - AMOUNT, 1, 1 + AMOUNT, high))
    assert low > 0  # nobody's lips part where they should shut


def test_a_narrow_noise_has_amounts_too() -> None:
    assert np.allclose(amounts(np.full((2, 1), 0.5, np.float32)), 1 + 0.5 * AMOUNT)
