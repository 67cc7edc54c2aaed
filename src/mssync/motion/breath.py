"""Breath: how the chest rises and sinks while somebody talks or listens, by chance but the same for the same seed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from mssync.timing import FPS

RATE: Final = 0.25
"""Breaths a second in the mean; it wanders between 0.2 and 0.3."""
_WANDER: Final = ((0.031, 0.03), (0.073, 0.015))  # how fast the rate wanders, and how far, Hz


@dataclass(frozen=True)
class Breath:
    """The breath of one take.

    Attributes:
        seed: another breath for another take.
    """

    seed: int

    def at(self, frame: int) -> float:
        """How far the chest is up, -1 to 1; frame 0 is where the photo is (0), rising."""
        draw = np.random.default_rng((self.seed, 0xB4EA7))
        phases, size = draw.uniform(0, 2 * np.pi, len(_WANDER)), draw.uniform(0.8, 1.0)
        t = frame / FPS
        turn = RATE * t
        for (speed, amount), phase in zip(_WANDER, phases, strict=True):
            turn += amount / (2 * np.pi * speed) * (np.sin(2 * np.pi * speed * t + phase) - np.sin(phase))
        angle = 2 * np.pi * turn
        # In goes faster than out.
        return float(size * np.sin(angle + 0.35 * np.sin(angle)))
