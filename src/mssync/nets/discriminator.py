"""The window discriminator of MS-Sync (arXiv 2307.03270, as in the authors' code), on motion alone.

It scores each frame's pose by itself, and windows of 5, 10, 20 and 40 frames, half overlapping, by one LSTM. A
projection (Miyato & Koyama 2018) on the encoding of the observed start scores whether a window fits that start; its
weight decays with the distance from it. Linear layers carry spectral norm; the LSTM, whose gates bound it already, does
not. It gets no audio: agreement with the sound is the syncers' part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

WINDOWS: Final = (5, 10, 20, 40)
DECAY_FRAMES: Final = 40.0  # over which the weight of the observed start decays to 1/e


@dataclass(frozen=True)
class DiscriminatorShape:
    """Sizes.

    Attributes:
        motion: columns D.
        width: of the embedding of a pose and its velocity.
        hidden: of the LSTM.
    """

    motion: int
    width: int = 96
    hidden: int = 64

    def as_dict(self) -> dict[str, int]:
        """Sizes by name."""
        return asdict(self)


class WindowDiscriminator(nn.Module):
    """Scores of frames and windows; > 0 means real.

    Args:
        shape: sizes.
        windows: lengths in frames.
    """

    def __init__(self, shape: DiscriminatorShape, windows: Sequence[int] = WINDOWS) -> None:
        super().__init__()
        self.shape, self.windows = shape, tuple(windows)
        d, w, h = shape.motion, shape.width, shape.hidden
        self.embed = nn.Sequential(spectral_norm(nn.Linear(2 * d, w)), nn.LeakyReLU(0.2))
        self.frame = nn.Sequential(
            spectral_norm(nn.Linear(w, w)), nn.LeakyReLU(0.2),
            spectral_norm(nn.Linear(w, w)), nn.LeakyReLU(0.2),
            spectral_norm(nn.Linear(w, 1)),
        )  # fmt: skip
        self.lstm = nn.LSTM(w, h, batch_first=True)
        self.window = nn.Sequential(
            spectral_norm(nn.Linear(h, h)), nn.LeakyReLU(0.2), spectral_norm(nn.Linear(h, 1))
        )  # fmt: skip
        self.start = nn.Sequential(
            spectral_norm(nn.Linear(w, h)), nn.LeakyReLU(0.2), spectral_norm(nn.Linear(h, h))
        )  # fmt: skip

    def forward(self, motion: Tensor) -> tuple[Tensor, Tensor]:
        """Score motion.

        Args:
            motion: ``(B, N, D)`` normalised; frame 0 is the observed start.
        Returns:
            frame scores ``(B, N - 1)`` and window scores ``(B, W)``.
        """
        pose, velocity = motion[:, 1:], motion[:, 1:] - motion[:, :-1]
        e = self.embed(torch.cat([pose, 4.0 * velocity], 2))
        start = self.start(e[:, 0])
        scores = []
        for n in self.windows:
            if n > e.shape[1]:
                break
            hop = max(1, n // 2)
            cut = e.unfold(1, n, hop).transpose(2, 3)
            b, count = cut.shape[:2]
            _, (last, _) = self.lstm(cut.flatten(0, 1))
            encoded = last[0].unflatten(0, (b, count))
            decay = torch.exp(-torch.arange(count, device=e.device) * hop / DECAY_FRAMES)
            projection = (encoded * start[:, None]).mean(2) * decay
            scores.append(self.window(encoded)[..., 0] + projection)
        return self.frame(e)[..., 0], torch.cat(scores, 1)


def hinge_real_fake(real: tuple[Tensor, Tensor], fake: tuple[Tensor, Tensor]) -> Tensor:
    """The discriminator's hinge loss on (frame scores, window scores) of real and of generated motion."""
    parts = [F.relu(1 - r).mean() + F.relu(1 + f).mean() for r, f in zip(real, fake, strict=True)]
    return torch.stack(parts).mean()


def hinge_fooled(fake: tuple[Tensor, Tensor]) -> Tensor:
    """The generator's hinge loss: minus the scores of generated motion."""
    return -(fake[0].mean() + fake[1].mean()) / 2
