"""The syncer of one pyramid level: a motion and an audio tower whose unit vectors agree where both belong together.

MS-Sync (arXiv 2307.03270) trains one per level on windows of five motion frames and twenty feature steps;
its own network and loss were never published. Here: an MLP on the motion window, a small convolution on the feature
window, cosine of unit vectors, InfoNCE (van den Oord et al. 2018) with negatives from the same clip and from others.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mssync.timing import PYRAMID_KERNEL, WINDOW_FRAMES, WINDOW_STEPS


@dataclass(frozen=True)
class SyncerShape:
    """Sizes.

    Attributes:
        motion: columns V of the view.
        bands: audio features per step.
        width: of the towers.
        out: length of the unit vectors.
        frames, steps: window lengths.
        centred: leading columns whose mean over the window is taken out (the head's place in the picture).
    """

    motion: int
    bands: int
    width: int = 192
    out: int = 64
    frames: int = WINDOW_FRAMES
    steps: int = WINDOW_STEPS
    centred: int = 0

    def as_dict(self) -> dict[str, int]:
        """Sizes by name, as checkpoints hold them."""
        return asdict(self)


class Syncer(nn.Module):
    """One level's two towers. Inputs are normalised by buffers that the trainer fills from its data."""

    motion_mean: Tensor
    motion_std: Tensor
    sound_mean: Tensor
    sound_std: Tensor

    def __init__(self, shape: SyncerShape, dropout: float = 0.0) -> None:
        super().__init__()
        s, w = shape, shape.width
        self.shape = shape
        self.register_buffer("motion_mean", torch.zeros(s.motion))
        self.register_buffer("motion_std", torch.ones(s.motion))
        self.register_buffer("sound_mean", torch.zeros(s.bands))
        self.register_buffer("sound_std", torch.ones(s.bands))
        self.motion_tower = nn.Sequential(
            nn.Flatten(),
            nn.Linear(s.frames * s.motion, w), nn.GELU(), nn.Dropout(dropout),
            nn.Linear(w, w), nn.GELU(), nn.Dropout(dropout),
            nn.Linear(w, s.out),
        )  # fmt: skip
        after = ((s.steps - 4 + 1) // 2 - 4 + 1) // 2
        self.sound_tower = nn.Sequential(
            nn.Conv1d(s.bands, w // 2, 5, stride=2), nn.GELU(), nn.Dropout(dropout),
            nn.Conv1d(w // 2, w, 5, stride=2), nn.GELU(), nn.Flatten(), nn.Dropout(dropout),
            nn.Linear(w * after, w), nn.GELU(),
            nn.Linear(w, s.out),
        )  # fmt: skip
        self.log_scale = nn.Parameter(torch.tensor(2.3))

    def motion(self, windows: Tensor) -> Tensor:
        """``(N, frames, V)`` -> unit vectors ``(N, out)``."""
        c = self.shape.centred
        if c:
            head = windows[..., :c] - windows[..., :c].mean(1, keepdim=True)
            windows = torch.cat([head, windows[..., c:]], 2)
        x = (windows - self.motion_mean) / self.motion_std
        return F.normalize(self.motion_tower(x), dim=1)

    def sound(self, windows: Tensor) -> Tensor:
        """``(N, steps, bands)`` -> unit vectors ``(N, out)``."""
        x = (windows - self.sound_mean) / self.sound_std
        return F.normalize(self.sound_tower(x.transpose(1, 2)), dim=1)

    def forward(self, motion: Tensor, sound: Tensor) -> tuple[Tensor, Tensor]:
        """Both towers, for the export."""
        return self.motion(motion), self.sound(sound)


def info_nce(motion: Tensor, sound: Tensor, log_scale: Tensor, clips: int) -> tuple[Tensor, Tensor]:
    """Symmetric InfoNCE of ``clips`` x W aligned windows, over all pairs, and again within each clip.

    The second term is the harder one: same voice, same face, only the moment differs.

    Args:
        motion, sound: unit vectors ``(clips * W, out)``, rows of a clip together.
        log_scale: logarithm of the inverse temperature.
        clips: number of clips.
    Returns:
        the loss, and the share of windows whose own sound is the nearest within the clip (chance 1 / W).
    """
    scale = log_scale.clamp(max=3.9).exp()
    logits = scale * motion @ sound.T
    target = torch.arange(len(motion), device=motion.device)
    between = (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2
    m, s = motion.reshape(clips, -1, motion.shape[1]), sound.reshape(clips, -1, sound.shape[1])
    own = scale * m @ s.transpose(1, 2)
    w = own.shape[1]
    place = torch.arange(w, device=motion.device).repeat(clips)
    within = (F.cross_entropy(own.flatten(0, 1), place) + F.cross_entropy(own.transpose(1, 2).flatten(0, 1), place)) / 2
    hit = (own.argmax(2).flatten() == place).float().mean()
    return between + within, hit


def coarser(x: Tensor) -> Tensor:
    """One pyramid level up, for ``(B, T, D)`` (the torch twin of :func:`mssync.motion.pyramid.coarser`)."""
    pad = F.pad(x.transpose(1, 2), (PYRAMID_KERNEL // 2, PYRAMID_KERNEL // 2), mode="reflect")
    return F.avg_pool1d(pad, PYRAMID_KERNEL, stride=2).transpose(1, 2)


def windows(x: Tensor, length: int, hop: int) -> Tensor:
    """``(B, T, D)`` -> ``(B, W, length, D)``, every ``hop`` samples."""
    return x.unfold(1, length, hop).transpose(2, 3)


def synchrony(syncer: Syncer, motion: Tensor, sound: Tensor) -> Tensor:
    """Cosine of every aligned window of one level ``(B, W)``.

    Args:
        motion: ``(B, T, V)``, sound: ``(B, 4 T, bands)`` of the same level.
    """
    s = syncer.shape
    per = s.steps // s.frames
    m, a = windows(motion, s.frames, 1), windows(sound, s.steps, per)
    n = min(m.shape[1], a.shape[1])
    left = syncer.motion(m[:, :n].flatten(0, 1))
    right = syncer.sound(a[:, :n].flatten(0, 1))
    return (left * right).sum(1).reshape(len(motion), n)
