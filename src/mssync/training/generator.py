"""``mssync train generator``: the training loop, readable from top to bottom.

Two takes of every window run on their own outputs (free-running after a few observed
frames); :mod:`mssync.training.objective` says what is asked of them. Checkpoints are safetensors beside a JSON state;
a run that was stopped goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from mssync.errors import InputError
from mssync.files import make_folder
from mssync.motion.columns import width
from mssync.motion.drive import FEATURES, directions, project
from mssync.motion.noise import BURN_IN, burned_in, smooth
from mssync.motion.space import MotionSpace
from mssync.nets.discriminator import DiscriminatorShape, WindowDiscriminator, hinge_real_fake
from mssync.nets.generator import Generator, GeneratorShape, RolloutState
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
    save_tensors,
    sizes,
)
from mssync.training.config import GeneratorConfig
from mssync.training.data.augment import SoundAugment
from mssync.training.data.samples import Sample
from mssync.training.data.windows import Sampler, Window
from mssync.training.facts import Facts
from mssync.training.init import Start
from mssync.training.objective import Objective, Rollouts
from mssync.training.probe import probe_generator
from mssync.training.resume import check_data, check_recipe
from mssync.training.syncer import NAT
from mssync.training.teachers import SyncTeachers

CHECKPOINT: Final = "state"


class Trainer:
    """One training run in one folder.

    Args:
        config: the recipe.
        space: fitted motion space.
        train, dev: samples, already aligned.
        out: run folder (``state.json``, ``state.safetensors``, ``best.safetensors``, tensorboard, samples).
        device: ``cpu`` or ``cuda`` (there the networks run in bfloat16 where that is safe).
        syncers: folder of ``mssync train syncer``; None where the recipe does not weigh synchrony.
        start: what a new run goes on from; None: from nothing.
        marks: fingerprints of the clips (:func:`mssync.training.resume.fingerprints`); a run goes on with the same.
    Raises:
        InputError: the folder holds another run, ``start`` or the syncers do not fit, or the syncers are missing.
    """

    def __init__(
        self,
        config: GeneratorConfig,
        space: MotionSpace,
        train: Sequence[Sample],
        dev: Sequence[Sample],
        out: Path,
        *,
        device: str = "cpu",
        syncers: Path | None = None,
        start: Start | None = None,
        marks: Mapping[str, str] | None = None,
    ) -> None:
        torch.manual_seed(config.seed)
        torch.set_num_threads(config.threads)
        self.config, self.space, self.dev, self.out = config, space, dev, out
        self.device = torch.device(device)
        n, d = config.net, len(space.names)
        found = load_checkpoint(out, CHECKPOINT)
        if found:
            with foreign(out):
                self.facts = Facts.from_json(found[1]["facts"], d, n.noise)
        else:
            self.facts = start.facts if start else Facts.of(train)
            if n.variation == "noise":
                self.facts = replace(self.facts, drive=None)
            elif self.facts.drive is None and config.steps:
                self.facts = self.facts.with_drive(train, n.noise, n.lookahead)
        shape = GeneratorShape(
            motion=d, bands=BANDS, channels=n.channels, width=n.width, hidden=n.hidden,
            branch=n.branch, window=n.window, style=2 + n.style_noise, noise=n.noise, decay=n.decay,
            sigmoid=int(n.masks == "sigmoid"), head=width(space.groups.head),
            context=n.context, lookahead=n.lookahead, block=n.block,
        )  # fmt: skip
        self.net = Generator(shape).to(self.device)
        if start:
            start.check_shape(shape)
            self.net.load_state_dict(start.net.state_dict())
        critic = DiscriminatorShape(d, config.discriminator.width, config.discriminator.hidden)
        self.critic = WindowDiscriminator(critic).to(self.device)
        self.ema = {k: v.detach().clone() for k, v in self.net.state_dict().items()}
        self.optimizer = torch.optim.Adam(self.net.parameters(), lr=config.lr, betas=config.betas)
        self.critic_optimizer = torch.optim.Adam(
            self.critic.parameters(), lr=config.discriminator.lr, betas=(0.0, 0.99)
        )  # fmt: skip
        self.sampler = Sampler(
            train, config.roles, config.frames, n.context, n.lookahead, config.seed, self.facts.drive
        )  # fmt: skip
        self.batches = self.sampler.batches(config.batch)
        self.noise = torch.Generator(device="cpu").manual_seed(config.seed + 1)
        self.augment = SoundAugment(BANDS, config.augment, NAT["bands"], self.noise)
        self.scales = torch.as_tensor(self.facts.scales, device=self.device)
        teachers, self.marks = None, dict(marks or {})
        if any(w > 0 for w in config.loss.synchrony.values()):
            if syncers is None:
                raise InputError("The recipe weighs synchrony, but no syncers are given; name some with --syncers.")
            teachers = SyncTeachers(syncers, space, self.scales, config.loss.synchrony)
            self.marks["syncers"] = hashlib.sha256(json.dumps(teachers.hashes, sort_keys=True).encode()).hexdigest()
        self.objective = Objective(config.loss, space, self.facts.scales, train, teachers, self.device)
        self.carry: RolloutState | None = None
        self.step, self.best, self.since_best = 0, float("inf"), 0
        make_folder(out)
        if found:
            self._resume(*found)

    # ---- one step -----------------------------------------------------------------------------------------------

    def _rollouts(self, batch: Window) -> Rollouts:
        c, dev, g = self.config, self.device, self.noise
        reference = torch.as_tensor(batch.motion, device=dev) / self.scales
        amount = 1 + (torch.rand(len(reference), 1, 1, generator=g).to(dev) * 2 - 1) * c.motion_scale
        head = self.space.groups.head
        reference = reference.clone()
        reference[..., head] *= amount
        features = torch.as_tensor(batch.sound, device=dev)
        b, n = reference.shape[:2]
        energy = torch.as_tensor((batch.energy - self.facts.energy_mean) / self.facts.energy_std, device=dev)
        with torch.autocast(dev.type, torch.bfloat16, enabled=dev.type == "cuda"):
            levels = self.net.sound(self.augment(features)).float()
        levels = torch.cat([levels, levels])
        style = torch.randn(2 * b, 1, c.net.style_noise, generator=g).to(dev)
        fresh = smooth_noise(2 * b, n, c.net.noise, g)
        if batch.driven is not None:
            own = directions(torch.randn(2 * b, 1, c.net.noise, FEATURES, generator=g).numpy())
            fresh = torch.from_numpy(project(np.concatenate([batch.driven] * 2), own, fresh.numpy()))
        fresh = fresh.to(dev)
        extra = torch.cat([torch.cat([energy, energy])[:, None].expand(-1, n, -1), style.expand(-1, n, -1), fresh], 2)
        if float(torch.rand(1, generator=g)) < c.carry and self.carry is not None:
            # From where earlier rollouts ended, on new audio: the net meets its own long-run poses and must still
            # move as people do, so it learns not to drift.
            generated, end = self.net.rollout(self.carry, levels, extra, gradient_scale=c.gradient_scale)
            burn_in, warm_up, nudged = c.burn_in, 0, None
        else:
            burn_in = warm_up = int(torch.randint(c.warm_min, min(c.warm_max, n // 2) + 1, (1,), generator=g))
            # The observed frames are nudged off the real path: the net learns to come back.
            nudge = torch.randn(2 * b, 1, reference.shape[2], generator=g).to(dev) * c.nudge * 0.3
            nudge[..., head] /= 0.3
            observed = torch.cat([reference, reference])[:, :burn_in] + nudge
            start = self.net.start(2 * b, observed[:, 0])
            generated, end = self.net.rollout(start, levels, extra, observed, gradient_scale=c.gradient_scale)
            nudged = observed[:b]
        self.carry = end.detached()
        first = self.net.shape.context
        features = features[:, first * STEPS_PER_FRAME : (first + n) * STEPS_PER_FRAME]
        heads = torch.as_tensor([not c.loss.heads_of or r in c.loss.heads_of for r in batch.roles], device=dev)
        return Rollouts(generated[:b], generated[b:], reference, features, burn_in, warm_up, nudged, heads)

    def _train_critic(self, rollouts: Rollouts) -> dict[str, float]:
        """One step of the discriminator on the same rollouts."""
        real = self.critic(rollouts.discriminated_reference)
        fake = self.critic(rollouts.discriminated.detach())
        loss = hinge_real_fake(real, fake)
        self.critic_optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.critic_optimizer.step()
        return {
            "critic": float(loss.detach()),
            "critic_real": float(real[1].detach().mean()),
            "critic_fake": float(fake[1].detach().mean()),
        }

    def advance(self) -> dict[str, float]:
        """One optimiser step of the generator (and of the discriminator where it has set in); returns its numbers.

        Raises:
            InputError: the loss is not finite.
        """
        c = self.config
        for group in self.optimizer.param_groups:
            group["lr"] = c.lr * _schedule(self.step, c.steps)
        rollouts = self._rollouts(next(self.batches))
        numbers: dict[str, float] = {}
        adversarial = c.loss.adversarial > 0 and self.step >= c.loss.adversarial_from
        if adversarial:
            numbers = self._train_critic(rollouts)
            self.critic.requires_grad_(False)
        loss, parts = self.objective(rollouts, self.step, self.critic if adversarial else None)
        if not torch.isfinite(loss):
            raise InputError(f"Training diverged at step {self.step}; lower `lr` in the recipe and start again.")
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.critic.requires_grad_(True)
        norm = torch.nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self.optimizer.step()
        self.step += 1
        with torch.no_grad():
            keep = min(c.ema, (1 + self.step) / (10 + self.step))
            for k, v in self.net.state_dict().items():
                self.ema[k].lerp_(v, 1 - keep)
        return {"loss": float(loss.detach()), "grad": float(norm), **parts, **numbers}

    # ---- the run ------------------------------------------------------------------------------------------------

    def run(
        self,
        report: Callable[[int, dict[str, float]], None] | None = None,
        sample: Callable[[Trainer], None] | None = None,
    ) -> None:
        """Train to ``config.steps`` or until dev no longer gets better.

        Args:
            report: called with ``(step, numbers)`` every 20 steps and after each dev probe.
            sample: called every ``config.sample_every`` steps, to make a video of what the net can do so far.
        """
        from torch.utils.tensorboard import SummaryWriter

        c = self.config
        board = SummaryWriter(str(self.out / "tensorboard"), purge_step=self.step)
        while self.step < c.steps and not (c.patience and self.since_best >= c.patience):
            numbers = self.advance()
            if self.step % 20 == 0 or self.step == c.steps:
                for k, x in numbers.items():
                    board.add_scalar(f"train/{k}", x, self.step)
                if report:
                    report(self.step, numbers)
            if self.step % c.dev_every == 0 or self.step == c.steps:
                found = self.probe()
                for k, x in found.items():
                    board.add_scalar(f"dev/{k}", x, self.step)
                if found["score"] < self.best:
                    self.best, self.since_best = found["score"], 0
                    save_tensors(self.out / "best.safetensors", self.ema)
                else:
                    self.since_best += 1
                if report:
                    report(self.step, found)
            if sample and c.sample_every and self.step % c.sample_every == 0:
                sample(self)
            if self.step % c.save_every == 0 or self.step == c.steps:
                self.save()
        board.close()

    def averaged(self) -> Generator:
        """The net with its averaged weights."""
        net = Generator(self.net.shape).to(self.device)
        net.load_state_dict(self.ema)
        return net

    def probe(self) -> dict[str, float]:
        """Free-running dev numbers of the averaged weights (see :func:`mssync.training.probe.probe_generator`)."""
        facts = self.facts
        return probe_generator(self.averaged(), facts, self.dev, self.objective.teachers)

    def save(self) -> None:
        """Write the checkpoint."""
        tensors = {f"net.{k}": v for k, v in self.net.state_dict().items()}
        tensors |= {f"ema.{k}": v for k, v in self.ema.items()}
        tensors |= {f"critic.{k}": v for k, v in self.critic.state_dict().items()}
        tensors |= adam_tensors(self.optimizer, "adam") | adam_tensors(self.critic_optimizer, "critic_adam")
        tensors["noise"] = self.noise.get_state()
        if self.carry is not None:
            tensors |= {f"carry.{k}": v for k, v in vars(self.carry).items()}
        state = {
            "step": self.step, "best": self.best, "since_best": self.since_best, "sampler": self.sampler.state(),
            "facts": self.facts.as_json(), "config": self.config.model_dump(), "shape": self.net.shape.as_dict(),
            "data": self.marks,
        }  # fmt: skip
        save_checkpoint(self.out, CHECKPOINT, tensors, state)

    def _resume(self, tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
        with foreign(self.out):
            same = GeneratorShape.of(sizes(state["shape"])) == self.net.shape
        if not same:
            raise InputError(f"{self.out} holds a run with other net sizes; choose another folder for this recipe.")
        check_recipe(self.out, state.get("config"), self.config)
        check_data(self.out, state.get("data"), self.marks)
        path = self.out / f"{CHECKPOINT}.safetensors"
        load_weights(self.net, part_of(tensors, "net"), path)
        load_weights(self.critic, part_of(tensors, "critic"), path)
        with foreign(path):
            ema = {k: v.to(self.device) for k, v in part_of(tensors, "ema").items()}
            if {k: v.shape for k, v in ema.items()} != {k: v.shape for k, v in self.ema.items()}:
                raise ValueError("averages of another net")
            self.ema = ema
            restore_adam(self.optimizer, self.net, tensors, "adam")
            restore_adam(self.critic_optimizer, self.critic, tensors, "critic_adam")
            self.noise.set_state(tensors["noise"])
            carried: dict[str, Any] = {k: v.to(self.device) for k, v in part_of(tensors, "carry").items()}
            self.carry = RolloutState(**carried) if carried else None
            self.sampler.restore(state["sampler"])
            self.step, self.best, self.since_best = int(state["step"]), float(state["best"]), int(state["since_best"])


def smooth_noise(batch: int, frames: int, columns: int, generator: torch.Generator) -> Tensor:
    """Noise ``(batch, frames, columns)`` of the runtime's kind (:mod:`mssync.motion.noise`), after its burn-in."""
    white = torch.randn(BURN_IN + frames, batch, columns, generator=generator).numpy()
    made, _ = smooth(white[BURN_IN:], burned_in(white[:BURN_IN]))
    return torch.from_numpy(made).transpose(0, 1)


def _schedule(step: int, steps: int) -> float:
    """Short warm-up, then a cosine to 5 %."""
    if step < 100:
        return (step + 1) / 100
    return 0.05 + 0.95 * 0.5 * (1 + float(np.cos(np.pi * step / max(steps, 1))))
