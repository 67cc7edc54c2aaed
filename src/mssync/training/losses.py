"""Losses on generated motion.

The energy score (Gneiting & Raftery 2007, eq. 22) is a strictly proper rule: of two rollouts from different noise,
each is attracted by the reference and repelled by the other, by just so much that the spread of the rollouts
equals the spread of references given the audio. It is minimised neither by the mean (a still head) nor by one motion
for all (mode collapse), and it needs no discriminator. Scored over windows of several lengths, like the paper's
discriminator, it covers velocity and rhythm as well as position.
"""

from __future__ import annotations

import torch
from torch import Tensor


def windows(x: Tensor, length: int) -> Tensor:
    """Half-overlapping windows of ``(..., N, D)`` as ``(..., W, length * D)``."""
    if x.shape[-2] < length:
        length = x.shape[-2]
    return x.unfold(-2, length, max(1, length // 2)).flatten(-2)


def distance(a: Tensor, b: Tensor) -> Tensor:
    """Root mean square distance along the last axis, smooth at zero."""
    return ((a - b).square().mean(-1) + 1e-6).sqrt()


def energy_score(
    first: Tensor, second: Tensor, reference: Tensor, lengths: tuple[int, ...], beta: float = 1.0
) -> Tensor:
    """Energy score of two samples against the reference, averaged over windows, then over lengths.

    Args:
        first, second, reference: ``(B, N, D)``.
        lengths: window lengths in frames.
        beta: weight of the repulsion; 1 is the proper score.
    Returns:
        a scalar; 0 where there are no columns.
    """
    total = reference.new_zeros(())
    if not reference.shape[-1]:
        return total
    for n in lengths:
        a, b, y = windows(first, n), windows(second, n), windows(reference, n)
        attract = (distance(a, y) + distance(b, y)).mean() / 2
        total = total + attract - 0.5 * beta * distance(a, b).mean()
    return total / len(lengths)


def closeness(gap: Tensor, soft: float) -> Tensor:
    """How nearly the lips touch, in (0, 1]: 1 at a gap of 0, fading over ``soft``."""
    return torch.exp(-gap.clamp(min=0.0) / soft)
