"""Statistics of the training data that belong to the weights: scales of the motion, energies, the default style."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mssync.arrays import Array
from mssync.motion.drive import LEAD, Drive
from mssync.training.data.listing import natural
from mssync.training.data.samples import Sample, scales


@dataclass(frozen=True)
class Facts:
    """Statistics of the training data.

    Attributes:
        scales: ``(D,)`` size of each column of motion, in the space's units.
        energy_mean, energy_std: ``(2,)`` over clips of :func:`mssync.training.data.samples.clip_energy`.
        style_default: ``(2,)`` energies in units of ``energy_std`` that the model is asked for where nobody chooses.
        drive: how noise follows the voice; None for a net whose noise is independent of it.
    """

    scales: Array
    energy_mean: Array
    energy_std: Array
    style_default: Array
    drive: Drive | None = None

    @staticmethod
    def of(samples: Sequence[Sample]) -> Facts:
        roles = sorted({s.entry.role for s in samples})
        groups = [np.stack([s.energy for s in samples if s.entry.role == r]) for r in roles]
        # Roles weigh the same here too, or the many clips of one corpus would set the scale for all.
        mean = np.mean([g.mean(0) for g in groups], axis=0)
        std = np.sqrt(np.mean([((g - mean) ** 2).mean(0) for g in groups], axis=0)) + 1e-3
        usual = [s.energy for s in natural(samples, lambda s: s.entry)]
        return Facts(
            scales(samples),
            mean.astype(np.float32),
            std.astype(np.float32),
            ((np.median(usual, axis=0) - mean) / std).astype(np.float32),
        )

    def with_drive(self, samples: Sequence[Sample], columns: int, lookahead: int) -> Facts:
        """The same with a drive of so many columns, measured on natural speakers where there are any."""
        sounds = {id(s.sound): s.sound for s in natural(samples, lambda s: s.entry)}
        return replace(self, drive=Drive.fit(list(sounds.values()), columns, min(LEAD, lookahead)))

    def as_json(self) -> dict[str, Any]:
        names = ("scales", "energy_mean", "energy_std", "style_default")
        drive = None if self.drive is None else self.drive.as_json()
        return {**{k: [float(x) for x in getattr(self, k)] for k in names}, "drive": drive}

    @staticmethod
    def from_json(values: Mapping[str, Any], columns: int, noise: int) -> Facts:
        """From :meth:`as_json`.

        Args:
            values: parsed.
            columns: of the motion.
            noise: columns of variation.
        Raises:
            KeyError, TypeError, ValueError: these are none.
        """
        found = [np.asarray(values[k], np.float32) for k in ("scales", "energy_mean", "energy_std", "style_default")]
        if [x.shape for x in found] != [(columns,), (2,), (2,), (2,)] or not all(np.isfinite(x).all() for x in found):
            raise ValueError("facts of other data")
        if not (found[0] > 0).all() or not (found[2] > 0).all():
            raise ValueError("scales that are not positive")
        drive = values.get("drive")
        found_drive = None if drive is None else Drive.from_json(drive, noise)
        return Facts(found[0], found[1], found[2], found[3], found_drive)
