"""The lip-gap curve: a monotone map from the generator's lip gaps to people's.

A net that predicts for many possible mouths predicts between them: its closures stay a little open and its wide
vowels a little shut. Matching the quantiles of its gaps to those of real speech gives both back without moving anything
in time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from mssync.arrays import Array

QUANTILES: Final = (0.04, 0.08, 0.15, 0.25, 0.4, 0.55, 0.7, 0.85, 0.95, 0.99)


@dataclass(frozen=True)
class GapCurve:
    """Knots of the curve, inter-ocular distances, both rising.

    Attributes:
        made: gaps as generated.
        real: gaps of people at the same quantiles.
    """

    made: tuple[float, ...]
    real: tuple[float, ...]

    @staticmethod
    def fit(made: Array, real: Array) -> GapCurve:
        """Match quantiles of generated ``(n,)`` and real ``(m,)`` gaps during speech."""
        x = np.maximum.accumulate(np.quantile(made, QUANTILES))
        y = np.maximum.accumulate(np.quantile(np.maximum(real, 0.0), QUANTILES))
        x = x + np.arange(len(x)) * 1e-6  # strictly rising, also where many gaps are equal
        return GapCurve(tuple(round(float(v), 6) for v in x), tuple(round(float(v), 6) for v in y))

    def __call__(self, gap: Array) -> Array:
        """The corrected gaps, >= 0; beyond the ends the curve goes on with the slope of one."""
        x, y = np.asarray(self.made, np.float32), np.asarray(self.real, np.float32)
        out = np.interp(gap, x, y) + np.maximum(gap - x[-1], 0.0) + np.minimum(gap - x[0], 0.0)
        return np.asarray(np.maximum(out, 0.0), np.float32)
