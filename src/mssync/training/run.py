"""The whole of each training command: from folders and recipes to weights."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from mssync.errors import InputError
from mssync.motion.blinks import BlinkModel
from mssync.motion.mesh import MeshSpace
from mssync.training.config import load_config
from mssync.training.data import Entry, Sample, load_clips, make_samples, manifest_hash, read_list
from mssync.training.generator import Trainer
from mssync.training.offsets import aligned, measure_offsets
from mssync.training.space import SpaceReport, fit_space, measure_space

Report = Callable[[int, dict[str, float]], None]


def train_space(clips: Path, listing: Path, out: Path, *, components: int = 32, seed: int = 0) -> SpaceReport:
    """``mssync train space``: fit on ``split=train``, measure on ``split=dev``, write ``out``.

    Raises:
        InputError: the list or the clips are missing.
    """
    entries = read_list(listing)
    train = load_clips(clips, [e for e in entries if e.split == "train"])
    dev = load_clips(clips, [e for e in entries if e.split == "dev"])
    space = fit_space([c.track for _, c in train], [e.family for e, _ in train], components=components, seed=seed)
    out.parent.mkdir(parents=True, exist_ok=True)
    space.save(out)
    return measure_space(space, [c.track for _, c in dev])


def prepare_samples(
    space: MeshSpace, clips: Path, entries: list[Entry], *, mirror: bool, align: bool
) -> tuple[list[Sample], list[Sample]]:
    """Train and dev samples; with ``align`` clear audio-visual offsets are taken out and unclear clips dropped.

    Clips of under three seconds hold too little speech to measure: they are kept as they are.
    """
    loaded = load_clips(clips, entries)
    plain = make_samples(space, loaded, mirror=False)
    train_mask = [s.entry.split == "train" for s in plain]
    if not any(train_mask):
        raise InputError("The list names no preprocessed clip of split=train; check the list and the folder.")
    keep = list(range(len(plain)))
    shift = [0] * len(plain)
    if align and len(plain) >= 20:
        found = measure_offsets(plain, train_mask)
        shift = [o.frames if o.clear else 0 for o in found]
        keep = [i for i, o in enumerate(found) if o.clear or len(plain[i].motion) < 75 or plain[i].speech.mean() < 0.3]
    train: list[Sample] = []
    dev: list[Sample] = []
    for i in keep:
        pair = loaded[i]
        both = make_samples(space, [pair], mirror=mirror and train_mask[i])
        (train if train_mask[i] else dev).extend(aligned(s, shift[i]) for s in both)
    return train, dev


def fit_blinks(clips: Path, entries: list[Entry], space: MeshSpace) -> BlinkModel:
    """Blink statistics of the training people who look about naturally (presenters; everybody when there are none)."""
    train = [e for e in entries if e.split == "train"]
    natural = [e for e in train if e.family == "presenter"] or train
    lids = [space.encode(c.track).values[:, -4:-2] for _, c in load_clips(clips, natural)]
    return BlinkModel.fit(lids)


def train_generator(
    clips: Path,
    listing: Path,
    space_path: Path,
    recipe: Path,
    out: Path,
    *,
    device: str = "cpu",
    report: Report,
) -> Trainer:
    """``mssync train generator``: prepare, train, and leave all that ``mssync export`` needs in ``out``."""
    config = load_config(recipe)
    space = MeshSpace.load(space_path)
    entries = [e for e in read_list(listing) if e.speaker not in config.skip_speakers]
    train, dev = prepare_samples(space, clips, entries, mirror=config.mirror, align=config.align)
    out.mkdir(parents=True, exist_ok=True)
    space.save(out / "space.npz")
    blinks = fit_blinks(clips, entries, space)
    data = {
        "manifest_sha256": manifest_hash(clips, entries),
        "clips": {"train": len({s.entry.name for s in train}), "dev": len({s.entry.name for s in dev})},
        "speakers": {
            "train": len({s.entry.speaker for s in train}),
            "dev": len({s.entry.speaker for s in dev}),
        },
        "blinks": {"log_mean": blinks.log_mean, "log_std": blinks.log_std, "course": list(blinks.course)},
    }
    (out / "data.json").write_text(json.dumps(data, indent=1), "utf-8")
    trainer = Trainer(config, space, train, dev, out, device=device)
    trainer.run(report)
    return trainer
