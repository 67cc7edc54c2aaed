"""The whole of each training command: from folders and recipes to weights."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, Final

import torch

from mssync.errors import InputError
from mssync.files import readable_file
from mssync.models import load_model, shipped_syncer
from mssync.motion.blinks import BlinkModel, find_blinks
from mssync.motion.columns import Groups
from mssync.motion.landmarks import LandmarkSpace
from mssync.motion.mesh import MeshSpace
from mssync.motion.pyramid import View
from mssync.motion.space import MotionSpace
from mssync.motion.spaces import load_space
from mssync.motion.stages import Blinks, Closures
from mssync.nets.generator import Generator, GeneratorShape
from mssync.nets.syncer import Syncer
from mssync.texts import clean
from mssync.timing import FPS, LOOKAHEAD_FRAMES
from mssync.training.articulation import FILE as ARTICULATION_FILE
from mssync.training.articulation import train_articulation
from mssync.training.calibrate import calibrate
from mssync.training.checkpoint import load_tensors, load_weights, part_of, save_json, save_tensors
from mssync.training.closure import FILE as CLOSURE_FILE
from mssync.training.closure import train_closures
from mssync.training.config import GeneratorConfig, SyncerConfig
from mssync.training.data.av_offsets import MIN_FRAMES, MIN_TALK
from mssync.training.data.index import read_report
from mssync.training.data.levels import CROWDED, in_fold, make_level
from mssync.training.data.listing import Entry, natural
from mssync.training.data.preprocess import load_all_points
from mssync.training.data.samples import closing, load_clips, load_samples, manifest_hash
from mssync.training.export import export_syncers
from mssync.training.generator import Trainer
from mssync.training.init import load_start
from mssync.training.prepare import checked_space, chosen_clips, chosen_device, keep_list
from mssync.training.recipe import load_config
from mssync.training.resume import fingerprints
from mssync.training.sample import SampleVideo
from mssync.training.space import SpaceReport, fit_space, measure_space
from mssync.training.syncer import SPACE, SyncerTrainer

LevelReport = Callable[[str, int, dict[str, float]], None]
Report = Callable[[int, dict[str, float]], None]
FITTED: Final = (MeshSpace.kind, LandmarkSpace.kind)
FEW_BLINKS: Final = 20  # fewer say nothing of how often somebody blinks

log = logging.getLogger(__name__)


def train_space(
    clips: Path, listing: Path | None, out: Path, *, kind: str = "mesh", components: int = 32, seed: int = 0
) -> SpaceReport:
    """``mssync train space``: fit on ``split=train``, measure on ``split=dev``, write ``out``.

    Args:
        clips, listing, out: as on the command line.
        kind: ``mesh``, or ``landmarks``: the same space seen through its 68 points.
        components: size of the expression basis.
        seed: of what is drawn.
    Raises:
        InputError: the list or the tracked points are missing, or the kind is another.
    """
    if kind not in FITTED:
        raise InputError(
            f"A motion space of the kind {clean(kind, 40)!r} cannot be fitted; use one of {', '.join(FITTED)}."
        )
    entries = {e.name: e for e in chosen_clips(clips, listing, None, acted=True)}
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
    mesh = fit_space([t for _, t in train], [e.role for e, _ in train], components=components, seed=seed)
    space = LandmarkSpace(mesh) if kind == LandmarkSpace.kind else mesh
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
    """``mssync train syncer``: every view and level of the recipe, then the graphs that measure av-offsets or judge.

    Returns:
        dev numbers by ``<view>-<level>``.
    """
    config = load_config(recipe, SyncerConfig)
    chosen_device(device)
    torch.set_num_threads(config.threads)
    entries = chosen_clips(clips, listing, out, config.skip_speakers)
    space = checked_space(space_path, clips, entries)
    train, dev = load_samples(space, clips, entries, mirror=config.mirror, features=config.features)
    if config.features == "bands":  # these teach a generator whose lips touch; judges see people as they are tracked
        train, dev = [closing(s) for s in train], [closing(s) for s in dev]
    keep_list(out, listing, entries)
    crowd = Counter(s.entry.speaker for s in train)
    crowded = {k for k, n in crowd.items() if n > CROWDED}
    train = [s for s in train if not in_fold(s, config.folds, config.leave_out, crowded)]
    talk = [s for s in dev if len(s.motion) >= MIN_FRAMES and s.speech.mean() >= MIN_TALK]
    marks = {**fingerprints(clips, entries), SPACE: space.mark}
    nets: dict[str, Syncer] = {}
    numbers: dict[str, dict[str, float]] = {}
    for view in config.views:
        seen = space.view(view)
        for level in config.levels:
            data = make_level(train, seen.matrix, level, phases=True)
            probe = make_level(talk or dev, seen.matrix, level, phases=False)
            trainer = SyncerTrainer(config, data, probe, view, level, out, device, marks, seen.head, seen.lip_gap)
            trainer.run(partial(report, trainer.name))
            nets[trainer.name], numbers[trainer.name] = trainer.best_net(), trainer.numbers
    used = {s.entry.name for s in train}
    facts = {
        "name": config.name, "release": config.release, "features": config.features, "views": config.views,
        "levels": config.levels, "space": space.mark, "recipe": config.model_dump(), "dev": numbers,
        "data": {
            "manifest_sha256": manifest_hash(clips, [e for e in entries if e.name in used]),
            "clips": len(used), "speakers": len({s.entry.speaker for s in train}),
        },
    }  # fmt: skip
    export_syncers(nets, {v: space.view(v).matrix for v in config.views}, facts, out)
    return numbers


def fit_blinks(clips: Path, entries: list[Entry], groups: Groups) -> tuple[BlinkModel, int]:
    """Blink statistics of the training people who look about naturally (role natural; everybody when there are none).

    Returns:
        the statistics, and how many blinks they are from.
    """
    train = [e for e in entries if e.split == "train"]
    usual = natural(train, lambda e: e)
    lids = [c.motion[:, groups.lids] for _, c, _ in load_clips(clips, usual)]
    return BlinkModel.fit(lids), sum(len(find_blinks(x)) for x in lids)


def chosen_syncers(weights: Mapping[View, float], given: Path | None, space: MotionSpace) -> Path | None:
    """The syncers that teach: those given, else the shipped ones; None where the recipe does not weigh synchrony.

    Raises:
        InputError: there are none that fit.
    """
    if not any(w > 0 for w in weights.values()):
        if given is not None:
            log.info("The recipe gives synchrony no weight: the syncers in %s are not used.", given)
        return None
    if given is not None:
        return given
    shipped = shipped_syncer()
    default = load_model()
    if shipped is None or space.mark != load_space(default.file("space.npz"), default.data["space.npz"]).mark:
        raise InputError(
            "The recipe weighs synchrony, and the shipped syncers know another motion space than the clips': train "
            "some with `mssync train syncer` and give --syncers, or write `loss: {synchrony: {}}` into the recipe."
        )
    log.info("Synchrony is taught by the shipped syncers; --syncers names others.")
    return shipped


def train_generator(
    clips: Path,
    listing: Path | None,
    space_path: Path,
    recipe: str | Path,
    out: Path,
    *,
    device: str = "cpu",
    syncers: Path | None = None,
    init: str | None = None,
    photo: Path | None = None,
    report: Report,
) -> Trainer:
    """``mssync train generator``: prepare, train, and leave all that ``mssync export`` needs in ``out``.

    Args:
        clips, listing, space_path, recipe, out: as on the command line.
        device: ``cpu`` or ``cuda``.
        syncers: folder of ``mssync train syncer``; None: the shipped ones, where the recipe weighs synchrony.
        init: what to go on from, instead of what the recipe says; ``none``: nothing.
        photo: face of the sample videos.
        report: called with (step, numbers).
    Raises:
        InputError, AssetError: something that is read cannot be used.
        OutputError: the run folder cannot be written.
    """
    config = load_config(recipe, GeneratorConfig)
    chosen_device(device)
    name = config.init if init is None else init
    config = config.model_copy(update={"init": "" if name == "none" else name})
    start = load_start(config.init) if config.init else None
    if not config.steps and start is None:
        raise InputError("The recipe has `steps: 0`: nothing to train; write how many, or go on from a model (--init).")
    if photo is not None:
        readable_file(photo, "photo")
    entries = chosen_clips(clips, listing, out, config.skip_speakers)
    space = checked_space(space_path, clips, entries)
    if start:
        start.check_space(space)
        log.info("Going on from %s.", start.title)
    teachers = chosen_syncers(config.loss.synchrony, syncers, space)
    train, dev = load_samples(space, clips, entries, mirror=config.mirror)
    train, dev = [closing(s) for s in train], [closing(s) for s in dev]
    marks = fingerprints(clips, entries)
    trainer = Trainer(config, space, train, dev, out, device=device, syncers=teachers, start=start, marks=marks)
    keep_list(out, listing, entries)
    data: dict[str, Any] = {
        "manifest_sha256": marks["clips"],
        "clips": {"train": len({s.entry.name for s in train}), "dev": len({s.entry.name for s in dev})},
        "speakers": {
            "train": len({s.entry.speaker for s in train}),
            "dev": len({s.entry.speaker for s in dev}),
        },
        "minutes": round(sum(len(s.motion) for s in train) / FPS / 60 / (1 + config.mirror), 2),
        "families": dict(Counter(e.family for e in {s.entry.name: s.entry for s in train}.values())),
        "init": start.title if start else None,
        "syncers": trainer.objective.teachers.hashes if trainer.objective.teachers else None,
    }
    sampler = SampleVideo(space, photo) if config.sample_every else None
    trainer.run(report, sampler)
    trainer.save()
    closures = None
    if Closures.name not in space.stages:
        log.info("Motion of the kind %s goes through no stage %s: no net is trained for it.", space.kind, Closures.name)
    elif start and start.closures and config.closure.steps is None:
        log.info("The closure net of %s stays; `closure: {steps: N}` in the recipe trains one.", start.title)
        closures = start.closures
        save_tensors(out / CLOSURE_FILE, closures.state_dict())
    else:
        steps = config.closure.steps_of(config.steps)
        closures = train_closures(config.closure, config.roles, train, dev, out, config.seed, steps, report)
    articulation, lookahead = start.articulation if start else None, min(config.net.lookahead, LOOKAHEAD_FRAMES)
    if start and config.articulation.steps is None and (articulation or not config.steps):
        log.info("The articulation net of %s stays; `articulation: {steps: N}` in the recipe trains one.", start.title)
        lookahead = int(start.measured.get("articulation", {}).get("lookahead", lookahead))
    elif isinstance(space, MeshSpace):
        steps = config.articulation.steps_of(config.steps)
        articulation = train_articulation(
            config.articulation, config.roles, space, trainer.facts.scales, train, dev, out, config.seed,
            lookahead, config.frames, steps, report,
        )  # fmt: skip
    if start and not config.steps and config.articulation.steps is None:
        data |= start.measured
    else:
        if Blinks.name in space.stages:
            blinks, seen = fit_blinks(clips, entries, space.groups)
            data |= {"blinks": start.measured["blinks"] if start and seen < FEW_BLINKS else asdict(blinks)}
        best = best_net(out, trainer.net.shape.as_dict())
        data |= calibrate(best, closures, articulation, lookahead, trainer.facts, train, space)
    if articulation is not None:
        save_tensors(out / ARTICULATION_FILE, articulation.state_dict())
    space.save(out / "space.npz")
    save_json(out / "data.json", data)
    return trainer


def best_net(run: Path, shape: dict[str, int]) -> Generator:
    """The weights of a run that were best on dev (the averaged last ones where no dev probe was made)."""
    net, best = Generator(GeneratorShape(**shape)).eval(), run / "best.safetensors"
    if best.exists():
        load_weights(net, load_tensors(best), best)
    else:
        last = run / "state.safetensors"
        load_weights(net, part_of(load_tensors(last), "ema"), last)
    return net
