"""The knobs of motion."""

from __future__ import annotations

from dataclasses import dataclass

from mssync.errors import InputError


@dataclass(frozen=True)
class MotionOptions:
    """The knobs of motion.

    Attributes:
        seed: same inputs, seed and version give the same motion.
        head: head-motion amount; 1 = as people do, 0 = still.
        mouth: amount of articulation; 1 = as people do.
        blink: blink rate; 1 = as people do, 0 = never.
    """

    seed: int = 0
    head: float = 1.0
    mouth: float = 1.0
    blink: float = 1.0

    def __post_init__(self) -> None:
        for name, low, high in (("head", 0.0, 3.0), ("mouth", 0.0, 3.0), ("blink", 0.0, 10.0)):
            value = getattr(self, name)
            if not low <= value <= high:
                raise InputError(f"--{name} must lie between {low:g} and {high:g}, not {value}.")
        if not 0 <= self.seed < 2**63:
            raise InputError(f"--seed must be a whole number from 0 to 2^63 - 1, not {self.seed}.")
