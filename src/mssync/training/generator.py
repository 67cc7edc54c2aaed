"""``mssync train generator``: the training loop, readable from top to bottom.

Two rollouts of every window from different noise run on their own outputs (free-running after a few observed
frames), and energy scores hold them against the real motion. Checkpoints are safetensors beside a JSON state; a run
that was stopped goes on where it was.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor

from mssync.errors import InputError
from mssync.face import topology as topo
from mssync.motion.mesh import MeshSpace
from mssync.motion.noise import BURN_IN, settled, smooth
from mssync.nets.generator import CONTEXT_FRAMES, LOOKAHEAD_FRAMES, Generator, GeneratorShape, RolloutState
from mssync.speech.features import BANDS
from mssync.training.config import GeneratorConfig
from mssync.training.data import HEAD_COLUMNS, Sample, Sampler, Window, scales
from mssync.training.losses import closeness, energy_score
from mssync.training.probe import probe_generator

Array = NDArray[np.float32]

HEAD_WINDOWS = (5, 10, 20, 40)
MOUTH_WINDOWS = (1, 5, 20)
CLOSURE_SOFTNESS = 0.02  # inter-ocular distances


@dataclass(frozen=True)
class Facts:
    """What the data says, kept with the weights: scales per column, energy statistics, the style used by default."""

    scales: Array
    energy_mean: Array
    energy_std: Array
    style_default: Array

    @staticmethod
    def of(samples: Sequence[Sample]) -> Facts:
        families = sorted({s.entry.family for s in samples})
        groups = [np.stack([s.energy for s in samples if s.entry.family == f]) for f in families]
        # Families weigh the same here too, or the many clips of one corpus would set the scale for all.
        mean = np.mean([g.mean(0) for g in groups], axis=0)
        std = np.sqrt(np.mean([((g - mean) ** 2).mean(0) for g in groups], axis=0)) + 1e-3
        natural = [s.energy for s in samples if s.entry.family == "presenter"] or [s.energy for s in samples]
        return Facts(
            scales(samples),
            mean.astype(np.float32),
            std.astype(np.float32),
            ((np.median(natural, axis=0) - mean) / std).astype(np.float32),
        )

    def as_json(self) -> dict[str, list[float]]:
        return {
            k: [float(x) for x in getattr(self, k)] for k in ("scales", "energy_mean", "energy_std", "style_default")
        }


class Trainer:
    """One training run in one folder.

    Args:
        config: the recipe.
        space: fitted motion space.
        train, dev: samples, already aligned.
        out: run folder (``state.json``, ``weights.safetensors``, ``best.safetensors``, tensorboard).
        device: ``cpu`` or ``cuda``.
    """

    def __init__(
        self,
        config: GeneratorConfig,
        space: MeshSpace,
        train: Sequence[Sample],
        dev: Sequence[Sample],
        out: Path,
        *,
        device: str = "cpu",
    ) -> None:
        torch.manual_seed(config.seed)
        torch.set_num_threads(config.threads)
        self.config, self.space, self.dev, self.out = config, space, dev, out
        self.device = torch.device(device)
        self.facts = Facts.of(train)
        n = config.net
        shape = GeneratorShape(
            motion=len(space.names), bands=BANDS, channels=n.channels, width=n.width, hidden=n.hidden,
            branch=n.branch, window=n.window, style=2 + n.style_noise, noise=n.noise,
        )  # fmt: skip
        self.net = Generator(shape).to(self.device)
        self.ema = {k: v.detach().clone() for k, v in self.net.state_dict().items()}
        self.optimizer = torch.optim.Adam(self.net.parameters(), lr=config.lr, betas=(0.9, 0.99))
        self.sampler = Sampler(train, config.families, config.frames, CONTEXT_FRAMES, LOOKAHEAD_FRAMES, config.seed)
        self.batches = self.sampler.batches(config.batch)
        self.noise = torch.Generator(device="cpu").manual_seed(config.seed + 1)
        self.weights = self._column_weights(train)
        self.carry: RolloutState | None = None
        self.step, self.best = 0, float("inf")
        out.mkdir(parents=True, exist_ok=True)
        if (out / "state.json").exists():
            self._resume()

    # ---- one step -----------------------------------------------------------------------------------------------

    def _column_weights(self, train: Sequence[Sample]) -> dict[str, Tensor]:
        """Expression columns count by how far they move the lips; speeds by their own spread."""
        lips = list(topo.LIPS_OUTER + topo.LIPS_INNER)
        reach = np.linalg.norm(self.space.basis[:, lips].reshape(len(self.space.basis), -1), axis=1)
        k = HEAD_COLUMNS + len(reach)
        mouth = np.concatenate([reach / reach.max() * self.facts.scales[HEAD_COLUMNS:k], [2.0]])
        speed = np.mean(
            [(np.diff(s.motion / self.facts.scales, axis=0) ** 2).mean(0) for s in train if len(s.motion) > 2],
            axis=0,
        )

        def tensor(x: NDArray[Any]) -> Tensor:
            return torch.as_tensor(x, dtype=torch.float32, device=self.device)

        return {
            "scales": tensor(self.facts.scales),
            "mouth": tensor(mouth),
            "speed": tensor(1.0 / np.sqrt(speed + 1e-6)),
        }

    def _loss(self, batch: Window) -> tuple[Tensor, dict[str, float]]:
        c, dev = self.config, self.device
        real = torch.as_tensor(batch.motion, device=dev) / self.weights["scales"]
        sound = torch.as_tensor(batch.sound, device=dev)
        b, n = real.shape[:2]
        gain = (torch.rand(b, 1, 1, generator=self.noise) * 2 - 1).to(dev) * c.sound_gain
        sound = sound + gain + torch.randn(sound.shape, generator=self.noise).to(dev) * c.sound_noise
        energy = torch.as_tensor((batch.energy - self.facts.energy_mean) / self.facts.energy_std, device=dev)
        levels = self.net.sound(sound)
        levels = torch.cat([levels, levels])
        style = torch.randn(2 * b, 1, c.net.style_noise, generator=self.noise).to(dev)
        fresh = smooth_noise(2 * b, n, c.net.noise, self.noise).to(dev)
        extra = torch.cat([torch.cat([energy, energy])[:, None].expand(-1, n, -1), style.expand(-1, n, -1), fresh], 2)
        go_on = float(torch.rand(1, generator=self.noise)) < c.carry
        if go_on and self.carry is not None:
            # From where earlier rollouts ended, on new sound: the net meets its own long-run poses and must still
            # move as people do, so it learns not to drift.
            made, end = self.net.rollout(self.carry, levels, extra)
            skip = c.settle
        else:
            skip = int(torch.randint(c.warm_min, min(c.warm_max, n // 2) + 1, (1,), generator=self.noise))
            # The observed frames are nudged off the real path: the net learns to come back.
            nudge = torch.randn(2 * b, 1, real.shape[2], generator=self.noise).to(dev) * c.nudge
            nudge[..., HEAD_COLUMNS:] *= 0.3
            seen = torch.cat([real, real])[:, :skip] + nudge
            made, end = self.net.rollout(self.net.start(2 * b, seen[:, 0]), levels, extra, real=seen)
        self.carry = end.detached()
        return self._scores(made[:b, skip:], made[b:, skip:], real[:, skip:])

    def _scores(self, a: Tensor, b: Tensor, y: Tensor) -> tuple[Tensor, dict[str, float]]:
        w, speed = self.config.loss, self.weights["speed"]
        turn, shift = slice(0, 3), slice(3, HEAD_COLUMNS)
        beta = w.mouth_spread if self.step >= w.mouth_spread_from else 1.0
        mouth, eyes = slice(HEAD_COLUMNS, -4), slice(-4, None)

        def rate(x: Tensor) -> Tensor:
            return (x[:, 1:] - x[:, :-1]) * speed

        def lips(x: Tensor) -> Tensor:
            return x[..., mouth] * self.weights["mouth"]

        def shut(x: Tensor) -> Tensor:
            return closeness(x[..., -5:-4] * self.weights["scales"][-5], CLOSURE_SOFTNESS)

        ra, rb, ry = rate(a), rate(b), rate(y)
        parts = {
            "head": w.head * sum_of(energy_score, a, b, y, (turn, shift), HEAD_WINDOWS),
            "head_speed": w.head_speed * sum_of(energy_score, ra, rb, ry, (turn, shift), HEAD_WINDOWS),
            "mouth": w.mouth * energy_score(lips(a), lips(b), lips(y), MOUTH_WINDOWS, beta),
            "mouth_speed": w.mouth_speed * energy_score(lips(ra), lips(rb), lips(ry), (1, 5), beta),
            "closure": w.closure * energy_score(shut(a), shut(b), shut(y), (1, 5), beta),
            "eyes": w.eyes * energy_score(a[..., eyes], b[..., eyes], y[..., eyes], (1, 10)),
        }
        total = torch.stack(list(parts.values())).sum()
        return total, {k: float(v.detach()) for k, v in parts.items()}

    # ---- the run ------------------------------------------------------------------------------------------------

    def run(self, report: Callable[[int, dict[str, float]], None] | None = None) -> None:
        """Train to ``config.steps``; ``report(step, numbers)`` is called every 20 steps and after each dev probe."""
        from torch.utils.tensorboard import SummaryWriter

        c = self.config
        board = SummaryWriter(str(self.out / "tensorboard"), purge_step=self.step)
        while self.step < c.steps:
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
                    self.best = found["score"]
                    save_file(self.ema, self.out / "best.safetensors")
                if report:
                    report(self.step, found)
            if self.step % c.save_every == 0 or self.step == c.steps:
                self.save()
        board.close()

    def advance(self) -> dict[str, float]:
        """One optimiser step; returns its numbers.

        Raises:
            InputError: the loss is not finite.
        """
        c = self.config
        for group in self.optimizer.param_groups:
            group["lr"] = c.lr * _schedule(self.step, c.steps)
        loss, parts = self._loss(next(self.batches))
        if not torch.isfinite(loss):
            raise InputError(f"Training diverged at step {self.step}; lower `lr` in the recipe and start again.")
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        norm = torch.nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self.optimizer.step()
        self.step += 1
        with torch.no_grad():
            keep = min(c.ema, (1 + self.step) / (10 + self.step))
            for k, v in self.net.state_dict().items():
                self.ema[k].lerp_(v, 1 - keep)
        return {"loss": float(loss.detach()), "grad": float(norm), **parts}

    def probe(self) -> dict[str, float]:
        """Free-running dev numbers of the averaged weights (see :func:`mssync.training.probe.probe_generator`)."""
        net = Generator(self.net.shape).to(self.device)
        net.load_state_dict(self.ema)
        return probe_generator(net, self.facts.scales, self.facts.style_default, self.dev)

    def save(self) -> None:
        """Write the checkpoint aside and rename it."""
        tensors = {f"net.{k}": v for k, v in self.net.state_dict().items()}
        tensors |= {f"ema.{k}": v for k, v in self.ema.items()}
        for i, s in enumerate(self.optimizer.state_dict()["state"].values()):
            tensors |= {f"adam.{i}.{k}": torch.as_tensor(v) for k, v in s.items()}
        tensors["noise"] = self.noise.get_state()
        if self.carry is not None:
            tensors |= {f"carry.{k}": v for k, v in vars(self.carry).items()}
        part = self.out / "weights.part"
        save_file({k: v.contiguous() for k, v in tensors.items()}, part)
        part.replace(self.out / "weights.safetensors")
        state = {
            "step": self.step, "best": self.best, "sampler": self.sampler.state(), "facts": self.facts.as_json(),
            "config": self.config.model_dump(), "shape": self.net.shape.as_dict(),
        }  # fmt: skip
        part = self.out / "state.part"
        part.write_text(json.dumps(state, indent=1), "utf-8")
        part.replace(self.out / "state.json")

    def _resume(self) -> None:
        state: dict[str, Any] = json.loads((self.out / "state.json").read_text("utf-8"))
        if state["shape"] != self.net.shape.as_dict():
            raise InputError(f"{self.out} holds a run with other net sizes; choose another folder for this recipe.")
        tensors = load_file(self.out / "weights.safetensors")
        self.net.load_state_dict({k[4:]: v for k, v in tensors.items() if k.startswith("net.")})
        self.ema = {k[4:]: v.to(self.device) for k, v in tensors.items() if k.startswith("ema.")}
        adam = self.optimizer.state_dict()
        count = len(list(self.net.parameters()))
        adam["state"] = {
            i: {k: tensors[f"adam.{i}.{k}"] for k in ("step", "exp_avg", "exp_avg_sq")} for i in range(count)
        }
        self.optimizer.load_state_dict(adam)
        self.noise.set_state(tensors["noise"])
        if "carry.pose" in tensors:
            self.carry = RolloutState(
                **{k[6:]: v.to(self.device) for k, v in tensors.items() if k.startswith("carry.")}
            )
        self.sampler.restore(state["sampler"])
        self.step, self.best = int(state["step"]), float(state["best"])


def smooth_noise(batch: int, frames: int, columns: int, generator: torch.Generator) -> Tensor:
    """Noise ``(batch, frames, columns)`` of the runtime's kind (:mod:`mssync.motion.noise`), long since started."""
    white = torch.randn(BURN_IN + frames, batch, columns, generator=generator).numpy()
    made, _ = smooth(white[BURN_IN:], settled(white[:BURN_IN]))
    return torch.from_numpy(made).transpose(0, 1)


def sum_of(
    score: Callable[..., Tensor],
    a: Tensor,
    b: Tensor,
    y: Tensor,
    columns: Sequence[slice],
    lengths: tuple[int, ...],
) -> Tensor:
    """One score per group of columns, added."""
    return torch.stack([score(a[..., c], b[..., c], y[..., c], lengths) for c in columns]).sum()


def _schedule(step: int, steps: int) -> float:
    """Short warm-up, then a cosine to 5 %."""
    if step < 100:
        return (step + 1) / 100
    return 0.05 + 0.95 * 0.5 * (1 + float(np.cos(np.pi * step / max(steps, 1))))
