"""Augmentation of audio features: other voices and rooms by changes of the 26 log filterbank energies.

The corpora hold few speakers, and a net learns their throats. A vocal tract of another length shifts
the spectrum (Jaitly & Hinton 2013), another microphone tilts and bends it, a room adds noise.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
from torch import Tensor

WARPS: Final = 21
WARP_RANGE: Final = 0.16
BENDS: Final = 4
LINE: Final = (4, 9)  # bands that a line lets fall below and above, and one more; a telephone: 3 and 7 of 26
LINES: Final = 0.25  # share of the clips that come through one, at strength 1


def warp_bank(bands: int) -> Tensor:
    """``(WARPS, bands, bands)``: each matrix reads the bands at stretched places (edges repeated)."""
    out = np.zeros((WARPS, bands, bands), np.float32)
    for i, stretch in enumerate(np.linspace(1 - WARP_RANGE, 1 + WARP_RANGE, WARPS)):
        at = np.clip(np.arange(bands) * stretch, 0, bands - 1)
        low = np.minimum(at.astype(int), bands - 2)
        part = at - low
        out[i, low, np.arange(bands)] = 1 - part
        out[i, low + 1, np.arange(bands)] += part
    return torch.from_numpy(out)


class SoundAugment:
    """Draws one voice and room for each clip of a batch.

    Args:
        bands: features per step.
        strength: 0 none, 1 as described; scales tilt, gain and noise, and the share of clips that are warped.
        unit: one natural logarithm of energy in feature units.
        generator: of the draw (CPU).
    """

    def __init__(self, bands: int, strength: float, unit: float, generator: torch.Generator) -> None:
        self.strength, self.unit, self.generator = strength, unit, generator
        self.bank = warp_bank(bands)
        place = torch.linspace(0, 1, bands)
        self.bends = torch.stack([torch.cos(np.pi * k * place) for k in range(1, BENDS + 1)])

    def __call__(self, sound: Tensor) -> Tensor:
        """``(B, steps, bands)`` or ``(B, W, steps, bands)``; every one of the B gets one voice and room."""
        if self.strength <= 0:
            return sound
        b, dev, g = len(sound), sound.device, self.generator
        flat = sound.reshape(b, -1, sound.shape[-1])
        draw = torch.randint(0, WARPS, (b,), generator=g)
        plain = torch.rand(b, generator=g) > min(1.0, 0.8 * self.strength)
        draw[plain] = WARPS // 2
        flat = torch.bmm(flat, self.bank[draw].to(dev))
        size = torch.tensor([0.6, 0.4, 0.3, 0.2]) * self.strength * self.unit
        tilt = (torch.randn(b, BENDS, generator=g) * size) @ self.bends
        gain = torch.randn(b, 1, generator=g) * 0.5 * self.strength * self.unit
        flat = flat + (tilt + gain)[:, None].to(dev)
        # Some lines let only the middle bands through, as a telephone does.
        floor = flat.amin((1, 2), keepdim=True)
        low, high = (torch.randint(0, n, (b, 1), generator=g) for n in LINE)
        place = torch.arange(flat.shape[-1])
        shut = (place < low) | (place >= flat.shape[-1] - high)
        shut &= torch.rand(b, 1, generator=g) < LINES * self.strength
        flat = torch.where(shut[:, None].to(dev), floor, flat)
        # Noise fills what is quiet and leaves what is loud: added as energy, now and then 10 dB below the voice.
        rise = (torch.rand(b, 1, 1, generator=g).square() * 8.0 - 1.0).to(dev) * self.strength * self.unit
        shape = (torch.randn(b, BENDS, generator=g) * 0.5 * self.unit) @ self.bends
        noise = floor + rise + shape[:, None].to(dev)
        flat = torch.logaddexp(flat / self.unit, noise / self.unit) * self.unit
        return flat.reshape(sound.shape)
