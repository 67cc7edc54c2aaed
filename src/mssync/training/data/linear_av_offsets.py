"""Av-offsets of clips, by linear prediction of the mouth from the sound.

A ridge regression from half a second of sound to the lip gap and the strongest expression columns, fitted on all
training clips at once, finds the shift at which a clip agrees best; fit and shifts are refined in turn. It needs
seconds, no network, and serves until a syncer is trained (``mssync preprocess --syncer none``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from mssync.arrays import Array64
from mssync.motion.columns import width
from mssync.training.data.samples import Sample

WINDOW: Final = 6
RIDGE: Final = 20000.0
MARGIN: Final = 8
EXPRESSION: Final = 6  # columns, the strongest


@dataclass(frozen=True)
class Offset:
    """One clip's result.

    Attributes:
        frames: + when the picture comes later than the sound.
        agreement: correlation of predicted and seen mouth at that shift, in [-1, 1].
        clear: the agreement is high enough to act on.
    """

    frames: int
    agreement: float
    clear: bool


def linear_av_offsets(
    samples: Sequence[Sample], fit_on: Sequence[bool], *, rounds: int = 3, clear: float = 0.25
) -> list[Offset]:
    """Offset of every sample; the regression is fitted on those marked."""
    inputs = [_windows(s) for s in samples]
    targets = [_targets(s) for s in samples]
    lags = [0] * len(samples)
    out: list[Offset] = []
    for _ in range(rounds):
        x = np.concatenate([f[MARGIN:-MARGIN] for f, use in zip(inputs, fit_on) if use])
        y = np.concatenate([np.roll(t, -lag, 0)[MARGIN:-MARGIN] for t, lag, use in zip(targets, lags, fit_on) if use])
        mean = x.mean(0)
        x = x - mean
        weights = np.linalg.solve(x.T @ x + RIDGE * np.eye(x.shape[1]), x.T @ y)
        out = [_best((f - mean) @ weights, t, clear) for f, t in zip(inputs, targets)]
        lags = [o.frames if o.clear else 0 for o in out]
    return out


def _windows(s: Sample) -> Array64:
    frames = s.sound.reshape(len(s.motion), -1).astype(np.float64)
    pad = np.pad(frames, ((WINDOW, WINDOW), (0, 0)), mode="edge")
    return np.concatenate([pad[i : i + len(frames)] for i in range(2 * WINDOW + 1)], 1)


def _targets(s: Sample) -> Array64:
    gap, expression = s.motion[:, s.groups.lip_gap] * 20.0, s.motion[:, s.groups.expression][:, :EXPRESSION]
    seen = np.concatenate([gap, expression], 1) if width(s.groups.mouth) else s.motion
    y = seen.astype(np.float64)
    return np.asarray(y - y.mean(0), np.float64)


def _best(predicted: Array64, seen: Array64, clear: float) -> Offset:
    shifts = range(-MARGIN, MARGIN + 1)
    p = predicted[MARGIN:-MARGIN]
    scores = []
    for k in shifts:
        z = np.roll(seen, -k, 0)[MARGIN:-MARGIN]
        scores.append(float((z * p).sum() / np.sqrt((z**2).sum() * (p**2).sum() + 1e-9)))
    best = int(np.argmax(scores))
    lag = shifts[best]
    return Offset(lag, scores[best], scores[best] > clear and abs(lag) < MARGIN - 2)
