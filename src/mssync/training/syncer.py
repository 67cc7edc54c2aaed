"""``mssync train syncer``: one syncer per view and pyramid level, each a short run of its own in one folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mssync.arrays import Array64
from mssync.errors import InputError
from mssync.motion.pyramid import VIEWS, View
from mssync.motion.rivals import rivals, won
from mssync.nets.syncer import Syncer, SyncerShape, info_nce
from mssync.timing import STEPS_PER_FRAME, WINDOW_FRAMES
from mssync.training.checkpoint import (
    adam_tensors,
    foreign,
    load_checkpoint,
    load_weights,
    part_of,
    restore_adam,
    save_checkpoint,
)
from mssync.training.config import SyncerConfig
from mssync.training.data.augment import SoundAugment
from mssync.training.data.levels import Level, windows_of
from mssync.training.data.listing import role_weights
from mssync.training.data.matched import MatchedWindows
from mssync.training.resume import FREE, check_data, check_recipe

Report = Callable[[int, dict[str, float]], None]

# One natural logarithm of energy in the units of each kind of features (see the features' own modules).
NAT: Final = {"bands": 1 / 2.7, "mel": 10 / np.log(10) / 60}
SPACE: Final = "motion space"
"""Name of the fingerprint that is the mark of the motion space."""

NEAR_CHANCE: Final = 1.5
LONG_ENOUGH: Final = 23  # windows: eight remain at a lag of fifteen


class SyncerTrainer:
    """One view and level.

    Args:
        config: the recipe.
        train, dev: windows of this view and level.
        view, level: which.
        out: run folder; files are named ``<view>-<level>``.
        device: ``cpu`` or ``cuda``.
        marks: fingerprints of the clips (:func:`mssync.training.resume.fingerprints`); a run goes on with the same.
        head: how many leading columns of the view are the head's (:class:`mssync.motion.space.ViewOfMotion`): what
            hides its place and scales its motion touches only them.
        lip_gap: number of the view's column that is the lip gap; None: it has none.
    Raises:
        InputError: the folder holds another run, the clips are too short, or windows are to be matched by a lip gap
            that the view lacks.
    """

    def __init__(
        self,
        config: SyncerConfig,
        train: Level,
        dev: Level,
        view: View,
        level: int,
        out: Path,
        device: str = "cpu",
        marks: Mapping[str, str] | None = None,
        head: int = 0,
        lip_gap: int | None = None,
    ) -> None:
        self.marks, self.head = dict(marks or {}), head
        self.config, self.data, self.dev, self.out = config, train, dev, out
        self.view, self.name = view, f"{view}-{level}"
        self.device = torch.device(device)
        seed = config.seed * 1000 + level * 10 + VIEWS.index(view)
        torch.manual_seed(seed)
        centred = head if view in config.centred else 0
        shape = SyncerShape(
            train.motion.shape[1], train.sound.shape[1], config.width, config.out, centred=centred
        )  # fmt: skip
        self.net = Syncer(shape, config.dropout).to(self.device)
        self.rng = np.random.default_rng(seed)
        self.draw = torch.Generator().manual_seed(seed)
        self.augment = SoundAugment(shape.bands, config.augment, NAT[config.features], self.draw)
        self.optimizer = torch.optim.AdamW(
            self.net.parameters(), lr=config.lr, betas=(0.9, 0.99), weight_decay=config.weight_decay
        )
        self.windows = self._windows()
        self.matched: MatchedWindows | None = None
        if config.matched:
            if lip_gap is None:
                raise InputError(
                    f"The view {view} shows no lip gap in this motion space, and the recipe matches windows by it; "
                    "write `matched: 0` into the recipe."
                )
            gap = train.motion[:, lip_gap]
            self.matched = MatchedWindows(gap, train.sound, train.start, train.count, train.twin)
        self.members = self._members()
        self._normalise()
        self.step, self.best, self.since_best = 0, float("-inf"), 0
        self.numbers: dict[str, float] = {}
        self.best_state = {k: v.clone() for k, v in self.net.state_dict().items()}
        self._resume()

    def _windows(self) -> int:
        """Windows per clip: as the recipe says, fewer where most clips of this level are short."""
        return int(max(2, min(self.config.windows, np.percentile(self.data.count, 40))))

    def _members(self) -> tuple[list[list[NDArray[np.int64]]], Array64]:
        groups = {f: [x[self.data.count[x] >= self.windows] for x in g] for f, g in self.data.groups.items()}
        long = {f: kept for f, g in groups.items() if (kept := [x for x in g if len(x)])}
        if not long:
            raise InputError(f"No clip is long enough for {self.name}; add longer ones or train fewer levels.")
        share = role_weights(self.config.roles_of.get(self.view, self.config.roles), long)
        return [long[f] for f in share], np.array(list(share.values()))

    @torch.no_grad()
    def _normalise(self) -> None:
        m, s = self._draw(400)
        c = self.net.shape.centred
        m[..., :c] -= m[..., :c].mean(2, keepdim=True)
        for name, x in (("motion", m), ("sound", s)):
            flat = x.flatten(0, 2)
            getattr(self.net, f"{name}_mean").copy_(flat.mean(0))
            # Small expression columns keep their size relative to the largest: noise is not blown up.
            std = flat.std(0)
            least = 0.2 * std.max() if name == "motion" else 0.05
            getattr(self.net, f"{name}_std").copy_(std.clamp(min=float(least)))

    def _draw(self, clips: int) -> tuple[Tensor, Tensor]:
        """``(clips, W, 5, V)`` and ``(clips, W, 20, bands)``."""
        rng, d, w = self.rng, self.data, self.windows
        groups, p = self.members
        rows = np.empty((clips, w), np.int64)
        for i, g in enumerate(rng.choice(len(groups), clips, p=p)):
            speaker = groups[g][int(rng.integers(len(groups[g])))]
            piece = int(speaker[int(rng.integers(len(speaker)))])
            if self.matched and rng.random() < self.config.matched:
                rows[i] = self.matched.draw(rng, piece, speaker, w)
            else:
                rows[i] = d.start[piece] + np.sort(rng.choice(d.count[piece], w, replace=False))
        return windows_of(d, rows)

    def advance(self) -> dict[str, float]:
        """One optimiser step.

        Raises:
            InputError: the loss is not finite.
        """
        c = self.config
        self.net.train()
        for group in self.optimizer.param_groups:
            group["lr"] = c.lr * min(1.0, (self.step + 1) / 50) * (0.05 + 0.95 * max(0.0, 1 - self.step / c.steps))
        # Dropout draws from the global generator: seeded per step, so that a resumed run draws the same.
        torch.manual_seed(c.seed * 1_000_003 + self.step)
        motion, sound = self._draw(c.clips)
        h = self.head
        shift = torch.randn(len(motion), 1, 1, motion.shape[-1], generator=self.draw) * c.shift
        shift[..., :h] = 0.0
        size = torch.exp(torch.randn(len(motion), 1, 1, 1, generator=self.draw) * c.head_scale)
        if c.head_drop and h < motion.shape[-1]:
            size = size * (torch.rand(size.shape, generator=self.draw) >= c.head_drop)
        noise = torch.randn(motion.shape, generator=self.draw) * c.motion_noise * self.net.motion_std.cpu()
        motion = torch.cat([motion[..., :h] * size, motion[..., h:]], 3) + shift + noise
        motion, sound = motion.to(self.device), self.augment(sound).to(self.device)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            m, s = self.net(motion.flatten(0, 1), sound.flatten(0, 1))
        loss, hit = info_nce(m.float(), s.float(), self.net.log_scale, len(motion))
        if not torch.isfinite(loss):
            raise InputError(f"Training of {self.name} diverged at step {self.step}; lower `lr` in the recipe.")
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        norm = torch.nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self.optimizer.step()
        self.step += 1
        return {"loss": float(loss.detach()), "hit": float(hit), "chance": 1 / self.windows, "grad": float(norm)}

    @torch.no_grad()
    def probe(self) -> dict[str, float]:
        """Dev numbers over clips of at least 23 windows, from the mean cosine at each lag of +-15.

        ``height``: how far lag 0 stands above the median, in standard deviations of the lags more than two away;
        ``on``: share of clips whose best lag is within one step of 0; ``on_<role>`` likewise; ``won``: share of
        equally loud moments of other words that the own sound beats, chance one half; ``dev``: ``height``, or ``won``
        in a run on matched windows, which early stopping maximises.
        """
        self.net.eval()
        height: list[float] = []
        won_shares: list[float] = []
        on: dict[str, list[bool]] = {}
        role = {i: f for f, speakers in self.dev.groups.items() for x in speakers for i in x.tolist()}
        for i, (start, count) in enumerate(zip(self.dev.start, self.dev.count, strict=True)):
            if count < LONG_ENOUGH:
                continue
            m, s = windows_of(self.dev, (start + np.arange(count))[None])
            a, b = self.net(m[0].to(self.device), s[0].to(self.device))
            heard = self.dev.sound[STEPS_PER_FRAME * start :][: STEPS_PER_FRAME * (count + WINDOW_FRAMES - 1)]
            spoken, others = rivals(heard)
            if len(spoken):
                won_shares.append(float(won(a.cpu().numpy(), b.cpu().numpy(), spoken, others).mean()))
            table = a @ b.T
            curve = np.array([float(table.diagonal(k).mean()) for k in range(-15, 16)])
            far = np.abs(np.arange(-15, 16)) > 2
            height.append(float((curve[15] - np.median(curve)) / (curve[far].std() + 1e-6)))
            on.setdefault(role[i], []).append(abs(int(np.argmax(curve)) - 15) <= 1)
        if not height:
            return {"dev": 0.0, "height": 0.0, "won": 0.5, "on": 0.0, "clips": 0.0}
        every = [x for group in on.values() for x in group]
        share = float(np.mean(won_shares)) if won_shares else 0.5
        return {
            "dev": share if self.matched else float(np.mean(height)),
            "height": float(np.mean(height)),
            "won": share,
            "on": float(np.mean(every)),
            "clips": float(len(every)),
            **{f"on_{f}": float(np.mean(x)) for f, x in on.items()},
        }

    def run(self, report: Report) -> None:
        """Train to the end of the recipe, or until dev no longer gets better."""
        from torch.utils.tensorboard import SummaryWriter

        c = self.config
        board = SummaryWriter(str(self.out / "tensorboard" / self.name), purge_step=self.step)
        hits: list[float] = []
        while self.step < c.steps and not (c.patience and self.since_best >= c.patience):
            numbers = self.advance()
            hits.append(numbers["hit"])
            if self.step % 50 == 0:
                for k, x in numbers.items():
                    board.add_scalar(f"train/{k}", x, self.step)
            if self.step % c.dev_every == 0 or self.step == c.steps:
                found = self.probe()
                for k, x in found.items():
                    board.add_scalar(f"dev/{k}", x, self.step)
                if found["dev"] > self.best:
                    self.best, self.since_best, self.numbers = found["dev"], 0, found
                    self.best_state = {k: v.clone() for k, v in self.net.state_dict().items()}
                else:
                    self.since_best += 1
                report(self.step, {**numbers, "hit": float(np.mean(hits[-100:])), **found})
            if self.step % c.save_every == 0:
                self.save()
        board.close()
        self.save()
        if hits and np.mean(hits[-200:]) < NEAR_CHANCE / self.windows:
            report(self.step, self.diagnose())

    @torch.no_grad()
    def diagnose(self) -> dict[str, float]:
        """Numbers that say why a syncer stays at chance: too few clips, dead inputs, collapsed vectors."""
        self.net.eval()
        m, s = self._draw(64)
        a, b = self.net(m.flatten(0, 1).to(self.device), s.flatten(0, 1).to(self.device))
        return {
            "near_chance_pieces": float(sum(len(x) for g in self.members[0] for x in g)),
            "near_chance_speakers": float(sum(len(g) for g in self.members[0])),
            "motion_spread_in_window": float(m.std(2).mean()),
            "sound_spread_in_window": float(s.std(2).mean()),
            "motion_vectors_spread": float(a.std(0).norm()),
            "sound_vectors_spread": float(b.std(0).norm()),
            "temperature": float(1 / self.net.log_scale.exp()),
        }

    def save(self) -> None:
        """Write the checkpoint."""
        tensors = {f"net.{k}": v for k, v in self.net.state_dict().items()}
        tensors |= {f"best.{k}": v for k, v in self.best_state.items()}
        tensors |= adam_tensors(self.optimizer, "adam") | {"draw": self.draw.get_state()}
        state: dict[str, Any] = {
            "step": self.step, "best": self.best, "since_best": self.since_best, "numbers": self.numbers,
            "rng": self.rng.bit_generator.state, "shape": self.net.shape.as_dict(), "config": self.config.model_dump(),
            "data": self.marks,
        }  # fmt: skip
        save_checkpoint(self.out, self.name, tensors, state)

    def _resume(self) -> None:
        found = load_checkpoint(self.out, self.name)
        if found is None:
            return
        tensors, state = found
        if state.get("shape") != self.net.shape.as_dict():
            raise InputError(f"{self.out} holds a run with other net sizes; choose another folder for this recipe.")
        check_recipe(self.out, state.get("config"), self.config, (*FREE, "views", "levels"))
        check_data(self.out, state.get("data"), self.marks)
        path = self.out / f"{self.name}.safetensors"
        load_weights(Syncer(self.net.shape), part_of(tensors, "best"), path)
        load_weights(self.net, part_of(tensors, "net"), path)
        with foreign(path):
            self.best_state = {k: v.to(self.device) for k, v in part_of(tensors, "best").items()}
            restore_adam(self.optimizer, self.net, tensors, "adam")
            self.draw.set_state(tensors["draw"])
            self.rng.bit_generator.state = state["rng"]
            self.step, self.best, self.since_best = int(state["step"]), float(state["best"]), int(state["since_best"])
            self.numbers = {str(k): float(v) for k, v in state["numbers"].items()}

    def best_net(self) -> Syncer:
        """The weights that were best on dev, for use."""
        net = Syncer(self.net.shape).to(self.device)
        net.load_state_dict(self.best_state)
        return net.eval()
