"""The whole of each training command: from folders and recipes to weights."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mssync.errors import InputError
from mssync.files import replacing
from mssync.motion.blinks import BlinkModel
from mssync.motion.pyramid import LEVELS, View, view_matrix
from mssync.nets.syncer import Syncer
from mssync.training.calibrate import calibrate, closing
from mssync.training.closure import train_closures
from mssync.training.config import GeneratorConfig, SyncerConfig
from mssync.training.data import load_clips, load_samples, manifest_hash
from mssync.training.export import best_net, export_syncers
from mssync.training.generator import Trainer
from mssync.training.index import read_report
from mssync.training.listing import Entry
from mssync.training.prepare import checked_space, chosen_clips, chosen_device
from mssync.training.preprocess import load_all_points, space_mark
from mssync.training.recipe import load_config
from mssync.training.sample import SampleVideo
from mssync.training.settle import MIN_FRAMES, MIN_TALK
from mssync.training.space import SpaceReport, fit_space, measure_space
from mssync.training.syncer import CROWDED, SyncerTrainer, in_fold, make_level

LevelReport = Callable[[str, int, dict[str, float]], None]
Array = NDArray[np.float32]
Report = Callable[[int, dict[str, float]], None]


def train_space(clips: Path, listing: Path | None, out: Path, *, components: int = 32, seed: int = 0) -> SpaceReport:
    """``mssync train space``: fit on ``split=train``, measure on ``split=dev``, write ``out``.

    Raises:
        InputError: the list or the tracked points are missing.
    """
    entries = {e.name: e for e in chosen_clips(clips, listing, None)}
    records = read_report(clips)
    good = [n for n in entries if n in records and not records[n].problem]
    loaded = [(entries[n], p.track) for n, p in load_all_points(clips, good)]
    train = [(e, t) for e, t in loaded if e.split == "train"]
    dev = [t for e, t in loaded if e.split == "dev"]
    if not train or not dev:
        raise InputError(
            f"A motion space needs clips of split=train and of split=dev; {clips} has {len(train)} and {len(dev)} with "
            "points; add videos, or correct the list."
        )
    space = fit_space([t for _, t in train], [e.family for e, _ in train], components=components, seed=seed)
    space.save(out)
    return measure_space(space, dev)


def train_syncer(
    clips: Path,
    listing: Path | None,
    space_path: Path,
    recipe: str | Path,
    out: Path,
    *,
    device: str = "cpu",
    report: LevelReport,
) -> dict[str, dict[str, float]]:
    """``mssync train syncer``: every view and level of the recipe, then the graphs that settle offsets or judge.

    Returns:
        dev numbers by ``<view>-<level>``.
    """
    config = load_config(recipe, SyncerConfig)
    chosen_device(device)
    torch.set_num_threads(config.threads)
    entries = chosen_clips(clips, listing, out, config.skip_speakers)
    space = checked_space(space_path, clips, entries)
    train, dev = load_samples(space, clips, entries, mirror=config.mirror, ear=config.ear)
    crowd = Counter(s.entry.speaker for s in train)
    crowded = {k for k, n in crowd.items() if n > CROWDED}
    train = [s for s in train if not in_fold(s, config.folds, config.leave_out, crowded)]
    talk = [s for s in dev if len(s.motion) >= MIN_FRAMES and s.speech.mean() >= MIN_TALK]
    nets: dict[str, Syncer] = {}
    numbers: dict[str, dict[str, float]] = {}
    for view in config.views:
        matrix = view_matrix(space, view)
        for level in config.levels:
            data = make_level(train, matrix, level, phases=True)
            probe = make_level(talk or dev, matrix, level, phases=False)
            trainer = SyncerTrainer(config, data, probe, view, level, out, device)
            trainer.run(partial(report, trainer.name))
            nets[trainer.name], numbers[trainer.name] = trainer.best_net(), trainer.numbers
    used = {s.entry.name for s in train}
    facts = {
        "name": config.name, "release": config.release, "ear": config.ear, "views": config.views,
        "levels": config.levels, "space": space_mark(space_path), "recipe": config.model_dump(), "dev": numbers,
        "data": {
            "manifest_sha256": manifest_hash(clips, [e for e in entries if e.name in used]),
            "clips": len(used), "speakers": len({s.entry.speaker for s in train}),
        },
    }  # fmt: skip
    export_syncers(nets, {v: view_matrix(space, v) for v in config.views}, facts, out)
    return numbers


def syncer_hashes(run: Path, weights: dict[View, float]) -> dict[str, str]:
    """sha256 of the syncers that taught, by name."""
    names = [f"{v}-{level}" for v, w in weights.items() if w > 0 for level in range(LEVELS)]
    return {n: hashlib.sha256((run / f"{n}.safetensors").read_bytes()).hexdigest() for n in names}


def fit_blinks(clips: Path, entries: list[Entry], names: Sequence[str]) -> BlinkModel:
    """Blink statistics of the training people who look about naturally (presenters; everybody when there are none)."""
    train = [e for e in entries if e.split == "train"]
    natural = [e for e in train if e.family == "presenter"] or train
    lids = [names.index("lid_left"), names.index("lid_right")]
    return BlinkModel.fit([c.motion[:, lids] for _, c, _ in load_clips(clips, natural)])


def train_generator(
    clips: Path,
    listing: Path | None,
    space_path: Path,
    recipe: str | Path,
    out: Path,
    *,
    device: str = "cpu",
    syncers: Path | None = None,
    photo: Path | None = None,
    report: Report,
) -> Trainer:
    """``mssync train generator``: prepare, train, and leave all that ``mssync export`` needs in ``out``.

    Args:
        clips, listing, space_path, recipe, out: as on the command line.
        device: ``cpu`` or ``cuda``.
        syncers: run folder of ``mssync train syncer``; None trains without the synchrony loss.
        photo: face of the sample videos.
        report: called with (step, numbers).
    """
    config = load_config(recipe, GeneratorConfig)
    chosen_device(device)
    entries = chosen_clips(clips, listing, out, config.skip_speakers)
    space = checked_space(space_path, clips, entries)
    train, dev = load_samples(space, clips, entries, mirror=config.mirror)
    train, dev = [closing(s) for s in train], [closing(s) for s in dev]
    blinks = fit_blinks(clips, entries, space.names)
    data: dict[str, Any] = {
        "manifest_sha256": manifest_hash(clips, entries),
        "clips": {"train": len({s.entry.name for s in train}), "dev": len({s.entry.name for s in dev})},
        "speakers": {
            "train": len({s.entry.speaker for s in train}),
            "dev": len({s.entry.speaker for s in dev}),
        },
        "syncers": None if syncers is None else syncer_hashes(syncers, config.loss.synchrony),
        "blinks": {"log_mean": blinks.log_mean, "log_std": blinks.log_std, "course": list(blinks.course)},
    }
    trainer = Trainer(config, space, train, dev, out, device=device, syncers=syncers)
    sampler = SampleVideo(space, photo) if config.sample_every else None
    trainer.run(report, sampler)
    trainer.save()
    closures = train_closures(
        config.closure, config.families, train, dev, out, config.seed, config.closure.steps_of(config.steps), report
    )
    data |= calibrate(best_net(out, trainer.net.shape.as_dict()), closures, trainer.facts, train)
    space.save(out / "space.npz")
    with replacing(out / "data.json", force=True) as part:
        part.write_text(json.dumps(data, indent=1), "utf-8")
    return trainer
