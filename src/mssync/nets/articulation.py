"""What does the mouth do at this sound? A convolutional net that hears about a second and answers once.

What is said decides how far lips part, how wide and how round they are, far more than who says it. A generator that
must be a person, with a pose, a history and noise, learns that part slowly and from its own mistakes; here it is a
plain regression from sound to the mouth's columns. The generator's own mouth then adds what differs between two takes.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

DILATIONS: Final = (1, 2, 4, 4)
FRONT: Final = 3  # frames that the two strided convolutions take off a stretch
HEARD: Final = 2 * sum(DILATIONS) + FRONT  # frames of sound beside the answered ones, before and after together


class ArticulationNet(nn.Module):
    """``forward``: sound around N frames, the generator's own mouth and an amount to the mouth that is shown.

    All convolutions are unpadded and nothing is averaged over time, so the same frames come out of any stretch. How
    many of the ``HEARD`` frames lie after the answered ones is the caller's choice: the look-ahead it was trained with.

    Attributes:
        from_sound, from_own: ``(columns, columns)`` by which the answer and the generator's mouth are multiplied before
            they are added; identity and zero until they are measured (:mod:`mssync.training.calibrate`).
    """

    from_sound: Tensor
    from_own: Tensor

    def __init__(self, bands: int, columns: int, width: int = 96, dropout: float = 0.0) -> None:
        super().__init__()
        self.front = nn.Sequential(
            nn.Conv1d(bands, width, 5, stride=2), nn.GELU(), _Norm(width), nn.Dropout(dropout),
            nn.Conv1d(width, width, 5, stride=2),
        )  # fmt: skip
        self.body = nn.Sequential(*(_Residual(width, d, dropout) for d in DILATIONS))
        self.head = nn.Sequential(
            _Norm(width), nn.Conv1d(width, width, 1), nn.GELU(), nn.Dropout(dropout), nn.Conv1d(width, columns, 1)
        )
        self.register_buffer("from_sound", torch.eye(columns))
        self.register_buffer("from_own", torch.zeros(columns, columns))

    def hear(self, sound: Tensor) -> Tensor:
        """What the sound alone says: ``(B, 4 (HEARD + N), bands)`` -> ``(B, N, columns)``, normalised."""
        out: Tensor = self.head(self.body(self.front(sound.transpose(1, 2))))
        return out.transpose(1, 2)

    def forward(self, sound: Tensor, own: Tensor, amount: Tensor) -> Tensor:
        """The mouth ``(B, N, columns)``, normalised.

        Args:
            sound: ``(B, 4 (HEARD + N), bands)``.
            own: ``(B, N, columns)`` the generator's mouth.
            amount: ``(B, N, 1)`` by which the answer is multiplied.
        """
        return (self.hear(sound) * amount) @ self.from_sound + own @ self.from_own


class _Norm(nn.Module):
    """Layer norm over channels, one time step at a time."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.norm(x.transpose(1, 2)).transpose(1, 2)
        return out


class _Residual(nn.Module):
    """A dilated convolution beside a cut-out shortcut."""

    def __init__(self, channels: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.norm = _Norm(channels)
        self.wide = nn.Conv1d(channels, channels, 3, dilation=dilation)
        self.point = nn.Conv1d(channels, channels, 1)
        self.dropout = nn.Dropout(dropout)
        self.margin = dilation

    def forward(self, x: Tensor) -> Tensor:
        short = x[..., self.margin : -self.margin]
        out: Tensor = short + self.dropout(self.point(F.gelu(self.wide(self.norm(x)))))
        return out
