"""The closure net: a small convolutional net that tells from half a second of audio features whether lips touch.

A generator that predicts for many possible mouths closes them late, or half. But whether lips meet depends on the sound
alone and can be learnt by itself. Two logits: this person's lips touch (people's often do without need); this is
/p b m/ (then everybody's must).
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn

from mssync.timing import STEPS_PER_FRAME

STEPS_BEFORE: Final = 24
STEPS_AFTER: Final = 28
WINDOW: Final = STEPS_BEFORE + STEPS_AFTER  # feature steps around the beginning of a frame


class ClosureNet(nn.Module):
    """Audio features ``(N, WINDOW, bands)`` around N frames -> logits ``(N, 2)``: the lips touch; it is /p b m/."""

    def __init__(self, bands: int, width: int = 64, dropout: float = 0.0) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv1d(bands, width, 5, stride=2), nn.GELU(), nn.Dropout(dropout),
            nn.Conv1d(width, width, 5, stride=2), nn.GELU(), nn.Dropout(dropout),
            nn.Conv1d(width, width, 5), nn.GELU(), nn.Flatten(), nn.Dropout(dropout),
            nn.Linear(width * 6, width), nn.GELU(),
            nn.Linear(width, 2),
        )  # fmt: skip

    def forward(self, sound: Tensor) -> Tensor:
        """Windows of features to logits, see the class."""
        out: Tensor = self.net(sound.transpose(1, 2))
        return out


def padded(sound: Tensor) -> Tensor:
    """Features ``(4 T, bands)`` with their edges repeated, so that frame t's window begins at row 4 t."""
    return torch.cat([sound[:1].expand(STEPS_BEFORE, -1), sound, sound[-1:].expand(STEPS_AFTER, -1)])


def cut_windows(sound: Tensor) -> Tensor:
    """Windows ``(T, WINDOW, bands)`` of every frame of features ``(4 T, bands)``."""
    windows = padded(sound).unfold(0, WINDOW, STEPS_PER_FRAME).transpose(1, 2)
    return windows[: len(sound) // STEPS_PER_FRAME]
