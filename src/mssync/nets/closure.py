"""Do the lips touch at this moment? A small net that hears half a second of sound and nothing else.

A generator that must answer for many possible mouths closes them late, or half. But whether lips meet is a fact about
the sound and can be learnt by itself: here, by convolutions over the filterbank. It answers two questions. Do this
person's lips touch? People's often do without need. Is this /p b m/? Then everybody's must.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn

STEPS_BEFORE: Final = 24
STEPS_AFTER: Final = 28
WINDOW: Final = STEPS_BEFORE + STEPS_AFTER  # sound steps around the beginning of a frame


class ClosureNet(nn.Module):
    """``(N, WINDOW, bands)`` sound around N frames -> logits ``(N, 2)``: the lips touch; it is /p b m/."""

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
        out: Tensor = self.net(sound.transpose(1, 2))
        return out


def padded(sound: Tensor) -> Tensor:
    """Sound ``(4 T, bands)`` with its edges repeated, so that frame t's window begins at row 4 t."""
    return torch.cat([sound[:1].expand(STEPS_BEFORE, -1), sound, sound[-1:].expand(STEPS_AFTER, -1)])


def cut_windows(sound: Tensor) -> Tensor:
    """Windows of every frame ``(T, WINDOW, bands)`` of sound ``(4 T, bands)``."""
    return padded(sound).unfold(0, WINDOW, 4).transpose(1, 2)[: len(sound) // 4]
