"""How much is articulated: two takes of one sentence say the same, now more clearly, now less."""

from __future__ import annotations

from typing import Final

import numpy as np

from mssync.arrays import Array

HEARD_FRAMES: Final = 25  # frames of sound beside a block's that the articulation net hears
COLUMN: Final = 3  # of the noise: amounts change from word to word
AMOUNT: Final = 0.45  # by how much
LIMIT: Final = 1.5  # standard deviations


def amounts(noise: Array) -> Array:
    """Factors ``(T, 1)`` around 1 by which the mouth's answer to the sound is multiplied.

    Args:
        noise: ``(T, columns)`` smooth, unit variance (:mod:`mssync.motion.noise`).
    """
    column = noise[:, min(COLUMN, noise.shape[1] - 1)]
    return np.asarray(1.0 + AMOUNT * np.clip(column, -LIMIT, LIMIT)[:, None], np.float32)
