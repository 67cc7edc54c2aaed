"""One number of an evaluation, with all that is needed to read it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Aim = Literal["real", "high", "low"]


@dataclass(frozen=True)
class Score:
    """One score of one video.

    Attributes:
        key: dotted name, room first, for example ``head.yaw_std``.
        value: the number, or None when the score was not run (``note`` says why).
        unit: for example ``deg``, ``share``, ``dB``; empty for a pure number.
        aim: ``real``: the nearer to the real footage's number the better; ``high`` or ``low``: the higher or lower.
        chance: what the score gives without any relation of picture and sound, where it has such a level.
        interval: 95 % confidence interval of ``value``.
        note: why the score was not run, or what to beware of.
    """

    key: str
    value: float | None
    unit: str
    aim: Aim
    chance: float | None = None
    interval: tuple[float, float] | None = None
    note: str = ""

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    @staticmethod
    def not_run(key: str, unit: str, aim: Aim, why: str) -> Score:
        """A score that could not be measured; ``why`` is one clear sentence."""
        return Score(key, None, unit, aim, note=why)
