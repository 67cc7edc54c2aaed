"""The generator's noise: smooth, of many time scales.

White noise per frame makes heads tremble and never wander. Each noise column is white noise through two equal
first-order low-passes (so that its path has no corners), with time constants from a blink to a sentence, unit variance.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from mssync.arrays import Array

FASTEST: Final = 2.0  # frames
SLOWEST: Final = 48.0
BURN_IN: Final = 200  # frames until the low-passes are stationary


def time_constants(columns: int) -> Array:
    """Time constants in frames ``(columns,)``, geometric from :data:`FASTEST` to :data:`SLOWEST`."""
    return np.geomspace(FASTEST, SLOWEST, columns).astype(np.float32)


def smooth(white: Array, state: Array) -> tuple[Array, Array]:
    """Filter white noise.

    Args:
        white: ``(T, ..., columns)`` standard normal.
        state: ``(2, ..., columns)`` of the two low-passes.
    Returns:
        smooth noise ``(T, ..., columns)`` and the next state; filtering in parts equals filtering at once.
    """
    decay = np.exp(-1.0 / time_constants(white.shape[-1])).astype(np.float32)
    # Variance of (1 - k)^2 / (1 - k z)^2 driven by white noise: (1 - k)^4 (1 + k^2) / (1 - k^2)^3.
    spread = np.sqrt((1 - decay) ** 4 * (1 + decay**2) / (1 - decay**2) ** 3).astype(np.float32)
    first, second = state[0], state[1]
    out = np.empty_like(white)
    for t in range(len(white)):
        first = decay * first + (1 - decay) * white[t]
        second = decay * second + (1 - decay) * first
        out[t] = second
    return out / spread, np.stack([first, second])


def burned_in(white: Array) -> Array:
    """A stationary state ``(2, ..., columns)`` of the low-passes, after a burn-in on ``(BURN_IN, ..., columns)`` white
    noise."""
    return smooth(white, np.zeros((2, *white.shape[1:]), np.float32))[1]
