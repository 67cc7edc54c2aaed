"""The whole of ``mssync train paper``, and what its runs are used by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from mssync.arrays import Array
from mssync.errors import InputError
from mssync.nets.paper import PaperGenerator, PaperShape
from mssync.training.checkpoint import foreign, load_checkpoint, load_weights, part_of
from mssync.training.config.paper import PaperConfig
from mssync.training.data.samples import load_samples
from mssync.training.paper import CHECKPOINT, PaperTrainer
from mssync.training.prepare import checked_space, chosen_clips, chosen_device, keep_list
from mssync.training.recipe import load_config
from mssync.training.resume import fingerprints
from mssync.training.run import chosen_syncers


def train_paper(
    clips: Path,
    listing: Path | None,
    space_path: Path,
    recipe: str | Path,
    out: Path,
    *,
    device: str = "cpu",
    syncers: Path | None = None,
    report: Callable[[int, dict[str, float]], None],
) -> PaperTrainer:
    """Prepare and train.

    Args:
        clips, listing, space_path, recipe, out: as on the command line.
        device: ``cpu`` or ``cuda``.
        syncers: folder of ``mssync train syncer``; None: the shipped ones, where the recipe weighs synchrony.
        report: called with (step, numbers).
    Raises:
        InputError, AssetError: something that is read cannot be used.
        OutputError: the run folder cannot be written.
    """
    config = load_config(recipe, PaperConfig)
    chosen_device(device)
    entries = chosen_clips(clips, listing, out, config.skip_speakers)
    space = checked_space(space_path, clips, entries)
    weighed = config.loss.synchrony if any(config.loss.levels.values()) else {}
    teachers = chosen_syncers(weighed, syncers, space)
    train, dev = load_samples(space, clips, entries, mirror=config.mirror)
    marks = fingerprints(clips, entries)
    trainer = PaperTrainer(config, space, train, dev, out, device=device, syncers=teachers, marks=marks)
    keep_list(out, listing, entries)
    trainer.run(report)
    trainer.save()
    return trainer


@dataclass(frozen=True)
class PaperRun:
    """A trained generator.

    Attributes:
        net: the network.
        scales: ``(D,)`` units of its motion.
        observed: frames of warm-up that it was trained with.
    """

    net: PaperGenerator
    scales: Array
    observed: int

    @torch.no_grad()
    def speak(self, pose: Array, features: Array, seed: int = 0) -> Array:
        """Motion ``(T, D)`` in the space's units that goes out from ``pose (D,)``, for features ``(4 T, bands)``."""
        start = torch.as_tensor(pose / self.scales, dtype=torch.float32)[None]
        heard, s = torch.as_tensor(features)[None], self.net.shape
        draw, frames = torch.Generator().manual_seed(seed), heard.shape[1] // 4 + self.observed - 1
        style = torch.randn(1, 1, s.style, generator=draw).expand(-1, frames, -1)
        extra = torch.cat([style, torch.randn(1, frames, s.noise, generator=draw)], 2) if s.style + s.noise else None
        return np.asarray(self.net.speak(start, heard, self.observed, extra)[0].numpy() * self.scales, np.float32)


def load_paper_run(run: Path) -> PaperRun:
    """The generator of a run of ``mssync train paper``.

    Raises:
        InputError: there is none, or it is damaged.
    """
    found = load_checkpoint(run, CHECKPOINT)
    if found is None:
        raise InputError(f"{run} holds no training run; name the folder given to `mssync train paper -o`.")
    tensors, state = found
    with foreign(run):
        if state["kind"] != "paper":
            raise ValueError("a run of another kind")
        net = PaperGenerator(PaperShape.of(state["shape"])).eval()
        scales, observed = tensors["scales"].numpy(), int(state["config"]["observed"])
        if scales.shape != (net.shape.motion,):
            raise ValueError("scales of another space")
    load_weights(net, part_of(tensors, "net"), run / f"{CHECKPOINT}.safetensors")
    return PaperRun(net, scales, observed)
