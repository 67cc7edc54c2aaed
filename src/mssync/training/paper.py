"""``mssync train paper``: the published generator, its losses and its discriminator, in any motion space.

A rollout goes out from a few observed frames and runs on its own outputs. Beside the published network
(:mod:`mssync.nets.paper`) stand the project's window discriminator and syncers (the paper's were never published) and
its audio features; the paper's own features are whole-file ones, for later.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from mssync.errors import InputError
from mssync.files import make_folder
from mssync.motion.landmarks import POINTS, RIGID, LandmarkSpace
from mssync.motion.space import MotionSpace
from mssync.nets.discriminator import DiscriminatorShape, WindowDiscriminator, hinge_fooled, hinge_real_fake
from mssync.nets.paper import PaperGenerator, PaperShape
from mssync.speech.features import BANDS
from mssync.timing import STEPS_PER_FRAME
from mssync.training.checkpoint import (
    adam_tensors,
    foreign,
    load_checkpoint,
    load_weights,
    part_of,
    restore_adam,
    save_checkpoint,
)
from mssync.training.config.paper import PaperConfig, PaperOptimiserConfig
from mssync.training.data.samples import Sample, scales
from mssync.training.data.windows import Sampler, cut
from mssync.training.resume import check_data, check_recipe
from mssync.training.teachers import SyncTeachers

CHECKPOINT: Final = "state"
REPORT_EVERY: Final = 20


def keypoints_of(space: MotionSpace, per: str) -> tuple[int, int]:
    """Keypoints, each with one mask, and numbers of each: of a space of points, else every column by itself.

    Raises:
        InputError: ``per`` is keypoint, and the space has none.
    """
    count = Counter(c.keypoint for c in space.columns)
    if per == "column":
        return len(space.columns), 1
    if None in count or len(set(count.values())) != 1:
        raise InputError(
            f"The motion space {space.kind} writes no face as keypoints; write `net: {{masks_per: column}}` into the "
            "recipe."
        )
    return len(count), next(iter(count.values()))


class PaperTrainer:
    """One training run in one folder.

    Args:
        config: the recipe.
        space: motion space.
        train, dev: samples, already aligned.
        out: run folder (``state.json``, ``state.safetensors``, tensorboard).
        device: ``cpu`` or ``cuda``.
        syncers: folder of ``mssync train syncer``; None where the recipe does not weigh synchrony.
        marks: fingerprints of the clips (:func:`mssync.training.resume.fingerprints`); a run goes on with the same.
    Raises:
        InputError: the folder holds another run, the recipe does not fit the space, or syncers are missing.
    """

    def __init__(
        self,
        config: PaperConfig,
        space: MotionSpace,
        train: Sequence[Sample],
        dev: Sequence[Sample],
        out: Path,
        *,
        device: str = "cpu",
        syncers: Path | None = None,
        marks: Mapping[str, str] | None = None,
    ) -> None:
        torch.manual_seed(config.seed)
        torch.set_num_threads(config.threads)
        self.config, self.dev, self.out, self.device = config, dev, out, torch.device(device)
        n, d = config.net, len(space.names)
        keypoints, dims = keypoints_of(space, n.masks_per)
        self.shape = PaperShape(
            keypoints, dims, bands=BANDS, channels=n.channels, width=n.width, hidden=n.hidden, layers=n.layers,
            heads=n.heads, feed_forward=n.feed_forward, positions=int(n.positions), context=n.context, branch=n.branch,
            trunk=tuple(n.trunk), ends=n.ends, expansion=n.expansion, levels=n.branches, bias=int(n.bias),
            sigmoid=int(n.masks == "sigmoid"), style=n.style, noise=n.noise,
        )  # fmt: skip
        self.net = PaperGenerator(self.shape).to(self.device)
        c = config.discriminator
        self.critic = WindowDiscriminator(DiscriminatorShape(d, c.width, c.hidden), c.windows).to(self.device)
        self.optimizer = torch.optim.Adam(self.net.parameters(), lr=config.optimiser.lr, betas=config.optimiser.betas)
        self.critic_optimizer = torch.optim.Adam(self.critic.parameters(), lr=c.lr, betas=c.betas)
        self.sampler = Sampler(train, config.roles, config.observed + config.longest, 0, 0, config.seed)
        self.batches = self.sampler.batches(config.batch)
        self.draw = torch.Generator().manual_seed(config.seed + 1)
        self.scales = torch.as_tensor(scales(train), device=self.device)
        self.teachers, self.marks = None, dict(marks or {})
        if any(w > 0 for w in config.loss.synchrony.values()) and any(w > 0 for w in config.loss.levels.values()):
            if syncers is None:
                raise InputError("The recipe weighs synchrony, but no syncers are given; name some with --syncers.")
            self.teachers = SyncTeachers(syncers, space, self.scales, config.loss.synchrony)
            hashes = json.dumps(self.teachers.hashes, sort_keys=True)
            self.marks["syncers"] = hashlib.sha256(hashes.encode()).hexdigest()
        self.rest: Tensor | None = None
        if config.loss.rigidity > 0:
            if not isinstance(space, LandmarkSpace):
                raise InputError("The recipe weighs rigidity, which only the motion space landmarks has; write 0.")
            self.rest = torch.as_tensor(space.mesh.template[POINTS, :2], dtype=torch.float32, device=self.device)
        self.step = 0
        make_folder(out)
        found = load_checkpoint(out, CHECKPOINT)
        if found:
            self._resume(*found)

    # ---- one step -----------------------------------------------------------------------------------------------

    def _batch(self) -> tuple[Tensor, Tensor]:
        """Normalised motion ``(B, observed + N, D)`` and features, augmented."""
        c, g = self.config, self.draw
        batch = next(self.batches)
        low, high = c.frames, c.longest
        frames = c.observed + int(torch.randint(low, high + 1, (1,), generator=g))
        motion = torch.as_tensor(batch.motion[:, :frames], device=self.device) / self.scales
        features = torch.as_tensor(batch.sound[:, : STEPS_PER_FRAME * frames], device=self.device)
        size = 1 + (2 * torch.rand(len(motion), 1, 1, generator=g) - 1).to(self.device) * c.motion_scale
        span = features.amax((1, 2), keepdim=True) - features.amin((1, 2), keepdim=True)
        louder = (2 * torch.rand(len(motion), 1, 1, generator=g) - 1).to(self.device) * c.gain * 0.1 * span
        return motion * size, features + louder

    def _extra(self, rows: int, frames: int) -> Tensor | None:
        s, g = self.shape, self.draw
        if not s.style + s.noise:
            return None
        style = torch.randn(rows, 1, s.style, generator=g).expand(-1, frames, -1)
        return torch.cat([style, torch.randn(rows, frames, s.noise, generator=g)], 2).to(self.device)

    def advance(self) -> dict[str, float]:
        """One step of the discriminator and of the generator on the same rollout; returns the weighted losses.

        Raises:
            InputError: a loss is not finite.
        """
        c, m = self.config, self.config.observed
        real, features = self._batch()
        seen, made = self.net(real[:, :m], features, self._extra(len(real), real.shape[1]))
        numbers: dict[str, float] = {}
        start = real[:, 1:m] if m > 1 else real[:, :1]  # as the authors: the observed frames but the first
        adversarial = c.loss.adversarial > 0 and self.step >= c.loss.adversarial_from
        if adversarial:
            judged = hinge_real_fake(
                self.critic(torch.cat([start, real[:, m:]], 1)), self.critic(torch.cat([start, made], 1).detach())
            )
            _move(self.critic_optimizer, self.critic, judged, c.discriminator, self.step, c.steps)
            numbers["critic"] = float(judged.detach())
            self.critic.requires_grad_(False)
        parts = self._losses(real, seen, made, features)
        if adversarial:
            parts["adversarial"] = c.loss.adversarial * hinge_fooled(self.critic(torch.cat([start, made], 1)))
        total = torch.stack([made.new_zeros(()), *parts.values()]).sum()
        if not torch.isfinite(total):
            raise InputError(f"Training diverged at step {self.step}; lower `lr` in the recipe and start again.")
        if total.requires_grad:
            _move(self.optimizer, self.net, total, c.optimiser, self.step, c.steps)
        self.critic.requires_grad_(True)
        self.step += 1
        return {"loss": float(total.detach()), **{k: float(v.detach()) for k, v in parts.items()}, **numbers}

    def _losses(self, real: Tensor, seen: Tensor, made: Tensor, features: Tensor) -> dict[str, Tensor]:
        w, m = self.config.loss, self.config.observed
        parts: dict[str, Tensor] = {}
        if w.supervised > 0:
            parts["supervised"] = w.supervised * self._distance(made, real[:, m:])
        if w.warm_up > 0 and m > 1:
            parts["warm_up"] = w.warm_up * self._distance(seen, real[:, 1:m])
        if w.velocity > 0:
            parts["velocity"] = w.velocity * made.diff(dim=1).abs().mean()
        if self.rest is not None:
            scale, points = self.scales, (len(made), -1, len(POINTS), 2)
            now, was = ((x * scale).reshape(points) + self.rest for x in (made, real[:, :1]))
            parts["rigidity"] = w.rigidity * rigidity(now, was, w.rigidity_to)
        if self.teachers is not None:
            whole = torch.cat([real[:, :1], seen, made], 1)
            for view, weight in self.teachers.weights.items():
                agree = self.teachers.agreement(whole, features, view)
                found = [(w.levels.get(level, 0.0), a.mean()) for level, a in enumerate(agree)]
                every = sum(x for x, _ in found)
                if every > 0:
                    parts[f"sync_{view}"] = -weight * torch.stack([x * a for x, a in found]).sum() / every
        return parts

    def _distance(self, a: Tensor, b: Tensor) -> Tensor:
        """Squared distance per keypoint, averaged (the authors' ``l2_loss``)."""
        return (a - b).square().sum(-1).mean() / self.shape.keypoints

    @torch.no_grad()
    def probe(self) -> dict[str, float]:
        """Dev numbers over the clips' first windows: ``l2`` per keypoint; ``velocity`` of generated over real motion;
        per view ``sync_<view>``, the agreement of generated over that of real motion (above 1 is no merit).
        """
        m, frames = self.config.observed, self.config.observed + self.config.frames
        long = [s for s in self.dev if len(s.motion) >= frames]
        if not long:
            return {}
        cuts = [cut(s, 0, frames, 0, 0) for s in long]
        real = torch.as_tensor(np.stack([x[0] for x in cuts]), device=self.device) / self.scales
        features = torch.as_tensor(np.stack([x[1] for x in cuts]), device=self.device)
        draw = torch.Generator().manual_seed(0)
        self.draw, kept = draw, self.draw
        _, made = self.net(real[:, :m], features, self._extra(len(real), frames))
        self.draw = kept
        out = {
            "l2": float(self._distance(made, real[:, m:])),
            "velocity": float(made.diff(dim=1).abs().mean() / real[:, m:].diff(dim=1).abs().mean()),
        }
        for view in self.teachers.weights if self.teachers else ():
            assert self.teachers is not None
            got, want = (
                float(torch.stack([a.mean() for a in self.teachers.agreement(x, features[:, 4 * m :], view)]).mean())
                for x in (made, real[:, m:])
            )
            out[f"sync_{view}"] = got / want if want else 0.0
        return out

    # ---- the run ------------------------------------------------------------------------------------------------

    def run(self, report: Callable[[int, dict[str, float]], None]) -> None:
        """Train to ``config.steps``; ``report`` gets (step, numbers) every 20 steps and after each dev probe."""
        from torch.utils.tensorboard import SummaryWriter

        c = self.config
        board = SummaryWriter(str(self.out / "tensorboard"), purge_step=self.step)
        while self.step < c.steps:
            numbers = self.advance()
            last = self.step == c.steps
            if self.step % REPORT_EVERY == 0 or last:
                report(self.step, numbers)
                for k, x in numbers.items():
                    board.add_scalar(f"train/{k}", x, self.step)
            if self.step % c.dev_every == 0 or last:
                found = self.probe()
                report(self.step, found)
                for k, x in found.items():
                    board.add_scalar(f"dev/{k}", x, self.step)
            if self.step % c.save_every == 0 or last:
                self.save()
        board.close()

    def save(self) -> None:
        """Write the checkpoint."""
        tensors = {f"net.{k}": v for k, v in self.net.state_dict().items()}
        tensors |= {f"critic.{k}": v for k, v in self.critic.state_dict().items()}
        tensors |= adam_tensors(self.optimizer, "adam") | adam_tensors(self.critic_optimizer, "critic_adam")
        tensors |= {"draw": self.draw.get_state(), "scales": self.scales}
        state: dict[str, Any] = {
            "step": self.step, "sampler": self.sampler.state(), "shape": self.shape.as_dict(), "kind": "paper",
            "config": self.config.model_dump(mode="json"), "data": self.marks,
        }  # fmt: skip
        save_checkpoint(self.out, CHECKPOINT, tensors, state)

    def _resume(self, tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
        check_recipe(self.out, state.get("config"), self.config)
        check_data(self.out, state.get("data"), self.marks)
        path = self.out / f"{CHECKPOINT}.safetensors"
        load_weights(self.net, part_of(tensors, "net"), path)
        load_weights(self.critic, part_of(tensors, "critic"), path)
        with foreign(path):
            restore_adam(self.optimizer, self.net, tensors, "adam")
            restore_adam(self.critic_optimizer, self.critic, tensors, "critic_adam")
            self.draw.set_state(tensors["draw"])
            self.sampler.restore(state["sampler"])
            self.step = int(state["step"])


def rigidity(points: Tensor, first: Tensor, to: str) -> Tensor:
    """Mean relative change of the distances between rigid points.

    Args:
        points: ``(B, N, 68, dims)`` generated; first: ``(B, 1, 68, dims)`` observed.
        to: ``init``: against the first; ``delta``: from frame to frame.
    Returns:
        the mean over all ordered pairs, points with themselves included, as the authors take it.
    """

    def between(x: Tensor) -> Tensor:
        x = x[..., RIGID, :]
        gap = (x[..., :, None, :] - x[..., None, :, :]).square().sum(-1)
        return gap.clamp(min=1e-12).sqrt()

    now, was = between(points), between(first)
    if to == "delta":
        now, was = now[:, 1:], now[:, :-1]
    return ((now - was).abs() / was.clamp(min=1e-3)).mean()


def _move(
    optimizer: torch.optim.Optimizer, net: nn.Module, loss: Tensor, config: PaperOptimiserConfig, step: int, steps: int
) -> None:
    for group in optimizer.param_groups:
        group["lr"] = config.lr * factor(config, step, steps)
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    if config.clip > 0:
        nn.utils.clip_grad_norm_(net.parameters(), config.clip)
    optimizer.step()


def factor(config: PaperOptimiserConfig, step: int, steps: int) -> float:
    """Of the learning rate at a step of so many."""
    if config.schedule == "cosine":
        return 0.05 + 0.95 * 0.5 * (1 + float(np.cos(np.pi * step / max(steps, 1))))
    return float(config.gamma ** (step // config.every)) if config.schedule == "step" else 1.0
