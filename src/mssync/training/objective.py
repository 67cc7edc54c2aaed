"""Everything a generator is asked for, as one weighted sum with a name for every part.

Energy scores (:mod:`mssync.training.losses`) hold two rollouts against the real motion; the synchrony loss of MS-Sync
(arXiv 2307.03270) asks a frozen pyramid of syncers; the window discriminator asks whether motion is alive; the paper's
supervised L2, warm-up reconstruction and velocity L1 cost nothing where their weight is 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mssync.face import topology as topo
from mssync.motion.mesh import MeshSpace
from mssync.nets.discriminator import WindowDiscriminator, hinge_fooled
from mssync.training.config import LossConfig
from mssync.training.data.samples import HEAD_COLUMNS, Sample
from mssync.training.losses import closeness, energy_score
from mssync.training.teachers import SyncTeachers

Array = NDArray[np.float32]

HEAD_WINDOWS: Final = (5, 10, 20, 40)
MOUTH_WINDOWS: Final = (1, 5, 20)
CLOSURE_SOFTNESS: Final = 0.02  # inter-ocular distances
OBSERVED: Final = 5  # frames of the start that the discriminator sees before what was generated


@dataclass(frozen=True)
class Rollouts:
    """What one training step made, all normalised.

    Attributes:
        first, second: ``(B, N, D)`` two rollouts of the same windows.
        real: ``(B, N, D)``.
        sound: ``(B, 4 N, bands)`` of the same frames, as recorded.
        skip: frames at the start that do not count.
        warm: of them were observed (the outputs there are one-step guesses); 0 when the rollout went on from an older
        one.
    """

    first: Tensor
    second: Tensor
    real: Tensor
    sound: Tensor
    skip: int
    warm: int

    def seen(self, which: Tensor) -> Tensor:
        """A rollout as the discriminator sees it: the last observed frames, then what was generated."""
        start = max(0, self.skip - OBSERVED)
        before = self.real if self.warm else which
        return torch.cat([before[:, start : self.skip], which[:, self.skip :]], 1)

    @property
    def seen_real(self) -> Tensor:
        """The real motion over the same frames."""
        return self.real[:, max(0, self.skip - OBSERVED) :]


class Objective:
    """The weighted sum.

    Args:
        config: weights.
        space: fitted motion space.
        scales: ``(D,)``.
        train: samples, for the usual size of speeds.
        teachers: frozen syncers, or None.
        device: where tensors live.
    """

    def __init__(
        self,
        config: LossConfig,
        space: MeshSpace,
        scales: Array,
        train: Sequence[Sample],
        teachers: SyncTeachers | None,
        device: torch.device,
    ) -> None:
        self.config, self.teachers = config, teachers
        lips = list(topo.LIPS_OUTER + topo.LIPS_INNER)
        reach = np.linalg.norm(space.basis[:, lips].reshape(len(space.basis), -1), axis=1)
        k = HEAD_COLUMNS + len(reach)
        # Expression columns count by how far they move the lips; speeds by their own spread.
        mouth = np.concatenate([reach / reach.max() * scales[HEAD_COLUMNS:k], [2.0]])
        steps = [(np.diff(s.motion / scales, axis=0) ** 2).mean(0) for s in train if len(s.motion) > 2]

        def tensor(x: NDArray[Any]) -> Tensor:
            return torch.as_tensor(x, dtype=torch.float32, device=device)

        self.scales, self.mouth = tensor(scales), tensor(mouth)
        self.speed = tensor(1.0 / np.sqrt(np.mean(steps, axis=0) + 1e-6))

    def __call__(
        self, made: Rollouts, step: int, discriminator: WindowDiscriminator | None
    ) -> tuple[Tensor, dict[str, float]]:
        """Total and the parts, already weighed."""
        c = self.config
        n = made.skip
        a, b, y = made.first[:, n:], made.second[:, n:], made.real[:, n:]
        parts = self._energy(a, b, y, c.mouth_spread if step >= c.mouth_spread_from else 1.0)
        if c.supervised > 0:
            parts["supervised"] = c.supervised * ((a - y).square().mean() + (b - y).square().mean()) / 2
        if c.velocity > 0:
            parts["velocity"] = c.velocity * (self._rate(a) - self._rate(y)).abs().mean()
        if c.warm_up > 0 and made.warm > 1:
            guess, was = made.first[:, 1 : made.warm], made.real[:, 1 : made.warm]
            parts["warm_up"] = c.warm_up * (guess - was).square().mean()
        if self.teachers is not None and step >= c.synchrony_from:
            sound = made.sound[:, 4 * n :]
            parts |= self.teachers.loss(
                torch.cat([a, b]), torch.cat([y, y]), torch.cat([sound, sound]), up_to_real=c.synchrony_up_to_real
            )
        if discriminator is not None:
            parts["adversarial"] = c.adversarial * hinge_fooled(discriminator(made.seen(made.first)))
        total = torch.stack(list(parts.values())).sum()
        return total, {k: float(v.detach()) for k, v in parts.items()}

    def _rate(self, x: Tensor) -> Tensor:
        return (x[:, 1:] - x[:, :-1]) * self.speed

    def _energy(self, a: Tensor, b: Tensor, y: Tensor, beta: float) -> dict[str, Tensor]:
        w = self.config
        turn, shift = slice(0, 3), slice(3, HEAD_COLUMNS)
        mouth, face, eyes = slice(HEAD_COLUMNS, -4), slice(HEAD_COLUMNS, -5), slice(-4, None)

        def lips(x: Tensor) -> Tensor:
            return x[..., mouth] * self.mouth

        def shut(x: Tensor) -> Tensor:
            return closeness(x[..., -5:-4] * self.scales[-5], CLOSURE_SOFTNESS)

        ra, rb, ry = self._rate(a), self._rate(b), self._rate(y)
        return {
            "head": w.head * sum_of(energy_score, a, b, y, (turn, shift), HEAD_WINDOWS),
            "head_speed": w.head_speed * sum_of(energy_score, ra, rb, ry, (turn, shift), HEAD_WINDOWS),
            "mouth": w.mouth * energy_score(lips(a), lips(b), lips(y), MOUTH_WINDOWS, beta),
            "mouth_speed": w.mouth_speed * energy_score(lips(ra), lips(rb), lips(ry), (1, 5), beta),
            "closure": w.closure * energy_score(shut(a), shut(b), shut(y), (1, 5), beta),
            "face": w.face * energy_score(a[..., face], b[..., face], y[..., face], (1, 20)),
            "eyes": w.eyes * energy_score(a[..., eyes], b[..., eyes], y[..., eyes], (1, 10)),
        }


def sum_of(
    score: Callable[..., Tensor], a: Tensor, b: Tensor, y: Tensor, columns: Sequence[slice], lengths: tuple[int, ...]
) -> Tensor:
    """One score per group of columns, added."""
    return torch.stack([score(a[..., c], b[..., c], y[..., c], lengths) for c in columns]).sum()
