"""The training objective of the generator: a weighted sum of named losses.

Energy scores (:mod:`mssync.training.losses`) of two rollouts against the reference motion, the synchrony loss of
MS-Sync (arXiv 2307.03270) from a frozen pyramid of syncers, the adversarial loss of the window discriminator, and the
paper's supervised L2, warm-up reconstruction and velocity L1. A loss of weight 0 is not computed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mssync.arrays import Array
from mssync.motion.columns import width
from mssync.motion.space import MotionSpace
from mssync.nets.discriminator import WindowDiscriminator, hinge_fooled
from mssync.timing import STEPS_PER_FRAME
from mssync.training.config import LossConfig
from mssync.training.data.samples import Sample
from mssync.training.losses import closeness, energy_score
from mssync.training.teachers import SyncTeachers

HEAD_WINDOWS: Final = (5, 10, 20, 40)
AXIS_WINDOWS: Final = (1, 10, 40)
POSTURE: Final = 16
MOUTH_WINDOWS: Final = (1, 5, 20)
POINT_WINDOWS: Final = (1, 5, 20)
CLOSURE_SOFTNESS: Final = 0.02  # inter-ocular distances
OBSERVED: Final = 5  # observed frames that the discriminator sees before the generated ones


@dataclass(frozen=True)
class Rollouts:
    """Two rollouts and their reference, all normalised.

    Attributes:
        first, second: ``(B, N, D)`` two rollouts of the same windows.
        reference: ``(B, N, D)``.
        features: ``(B, 4 N, bands)`` audio features of the same frames, not augmented.
        burn_in: frames at the start that no loss counts.
        warm_up: how many of them were observed (outputs there are one-step predictions); 0 when the rollout continues
            an older one.
        observed: ``(B, warm_up, D)`` the warm-up frames that the first rollout went out from, as the network saw them;
            None: those of the reference.
        heads: ``(B,)`` windows whose people move their heads; None: all.
    """

    first: Tensor
    second: Tensor
    reference: Tensor
    features: Tensor
    burn_in: int
    warm_up: int
    observed: Tensor | None = None
    heads: Tensor | None = None

    @property
    def discriminated(self) -> Tensor:
        """Input of the discriminator for the first rollout: the last observed frames, then the generated ones."""
        start = max(0, self.burn_in - OBSERVED)
        observed = self.reference if self.observed is None else self.observed
        before = observed if self.warm_up else self.first
        return torch.cat([before[:, start : self.burn_in], self.first[:, self.burn_in :]], 1)

    @property
    def discriminated_reference(self) -> Tensor:
        """Input of the discriminator for the reference: the same frames."""
        return self.reference[:, max(0, self.burn_in - OBSERVED) :]


class Objective:
    """The weighted sum.

    Args:
        config: weights.
        space: fitted motion space.
        scales: ``(D,)``.
        train: samples, for the spread of velocities.
        teachers: frozen syncers, or None.
        device: where tensors live.
    """

    def __init__(
        self,
        config: LossConfig,
        space: MotionSpace,
        scales: Array,
        train: Sequence[Sample],
        teachers: SyncTeachers | None,
        device: torch.device,
    ) -> None:
        self.config, self.teachers = config, teachers
        self.groups = space.groups
        reach = space.lip_reach()[space.groups.expression]
        # Expression columns count by how far they move the lips; velocities by their own spread.
        most = reach.max(initial=1e-6)
        mouth = np.concatenate([reach / most * scales[space.groups.expression], [2.0] * width(space.groups.lip_gap)])
        steps = [(np.diff(s.motion / scales, axis=0) ** 2).mean(0) for s in train if len(s.motion) > 2]

        def tensor(x: NDArray[Any]) -> Tensor:
            return torch.as_tensor(x, dtype=torch.float32, device=device)

        self.scales, self.mouth = tensor(scales), tensor(mouth)
        self.velocity_scale = tensor(1.0 / np.sqrt(np.mean(steps, axis=0) + 1e-6))

    def __call__(
        self, rollouts: Rollouts, step: int, discriminator: WindowDiscriminator | None
    ) -> tuple[Tensor, dict[str, float]]:
        """The total, and each loss times its weight by name."""
        c = self.config
        n = rollouts.burn_in
        a, b, y = rollouts.first[:, n:], rollouts.second[:, n:], rollouts.reference[:, n:]
        parts = self._energy(a, b, y, c.mouth_spread if step >= c.mouth_spread_from else 1.0)
        moving = torch.ones(len(y), dtype=torch.bool, device=y.device) if rollouts.heads is None else rollouts.heads
        if moving.any():
            parts |= self._heads(a[moving], b[moving], y[moving])
        if c.supervised > 0:
            parts["supervised"] = c.supervised * ((a - y).square().mean() + (b - y).square().mean()) / 2
        if width(self.groups.points):
            pa, pb, py = (x[..., self.groups.points] for x in (a, b, y))
            parts["points"] = c.face * energy_score(pa, pb, py, POINT_WINDOWS)
        if c.velocity > 0:
            parts["velocity"] = c.velocity * (self._velocity(a) - self._velocity(y)).abs().mean()
        if c.warm_up > 0 and rollouts.warm_up > 1:
            observed = slice(1, rollouts.warm_up)
            difference = rollouts.first[:, observed] - rollouts.reference[:, observed]
            parts["warm_up"] = c.warm_up * difference.square().mean()
        if self.teachers is not None and step >= c.synchrony_from:
            features = rollouts.features[:, STEPS_PER_FRAME * n :]
            parts |= self.teachers.loss((a, b), y, features, up_to_real=c.synchrony_up_to_real, heads=moving)
        if discriminator is not None:
            parts["adversarial"] = c.adversarial * hinge_fooled(discriminator(rollouts.discriminated))
        total = torch.stack(list(parts.values())).sum()
        return total, {k: float(v.detach()) for k, v in parts.items()}

    def _velocity(self, x: Tensor) -> Tensor:
        return (x[:, 1:] - x[:, :-1]) * self.velocity_scale

    def _energy(self, a: Tensor, b: Tensor, y: Tensor, beta: float) -> dict[str, Tensor]:
        w, g = self.config, self.groups
        mouth, face, eyes = g.mouth, g.expression, g.eyes

        def lips(x: Tensor) -> Tensor:
            return x[..., mouth] * self.mouth

        def closed(x: Tensor) -> Tensor:
            return closeness(x[..., g.lip_gap] * self.scales[g.lip_gap], CLOSURE_SOFTNESS)

        va, vb, vy = self._velocity(a), self._velocity(b), self._velocity(y)
        return {
            "mouth": w.mouth * energy_score(lips(a), lips(b), lips(y), MOUTH_WINDOWS, beta),
            "mouth_velocity": w.mouth_velocity * energy_score(lips(va), lips(vb), lips(vy), (1, 5), beta),
            "closure": w.closure * energy_score(closed(a), closed(b), closed(y), (1, 5), beta),
            "face": w.face * energy_score(a[..., face], b[..., face], y[..., face], (1, 20)),
            "eyes": w.eyes * energy_score(a[..., eyes], b[..., eyes], y[..., eyes], (1, 10)),
        }

    def _heads(self, a: Tensor, b: Tensor, y: Tensor) -> dict[str, Tensor]:
        w, g = self.config, self.groups
        groups, axes = (g.rotation, g.shift), [slice(i, i + 1) for i in range(g.head.start, g.head.stop)]
        if not axes:  # a motion space of points
            return {}
        va, vb, vy = self._velocity(a), self._velocity(b), self._velocity(y)
        parts = {
            "head": w.head * sum_of(energy_score, a, b, y, groups, HEAD_WINDOWS),
            "head_velocity": w.head_velocity * sum_of(energy_score, va, vb, vy, groups, HEAD_WINDOWS),
        }
        if w.head_axes > 0:
            # In a joint score the axis that moves most speaks for all; alone each must have people's spread and pace.
            place = sum_of(energy_score, a, b, y, axes, AXIS_WINDOWS)
            pace = sum_of(energy_score, va, vb, vy, axes, AXIS_WINDOWS)
            parts["head_axes"] = w.head_axes * (place + pace) / len(axes)
        if w.posture > 0:
            sa, sb, sy = (_course(x) for x in (a, b, y))
            parts["posture"] = w.posture * sum_of(energy_score, sa, sb, sy, axes, (1, 2, sy.shape[1])) / len(axes)
        return parts


def _course(x: Tensor) -> Tensor:
    """Means over :data:`POSTURE` frames, half-overlapping: where the head is, without the beat."""
    return torch.nn.functional.avg_pool1d(x.transpose(1, 2), POSTURE, POSTURE // 2).transpose(1, 2)


def sum_of(
    score: Callable[..., Tensor], a: Tensor, b: Tensor, y: Tensor, columns: Sequence[slice], lengths: tuple[int, ...]
) -> Tensor:
    """One score per group of columns, added."""
    return torch.stack([score(a[..., c], b[..., c], y[..., c], lengths) for c in columns]).sum()
