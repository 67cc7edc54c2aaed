"""The whole of each training command: from folders and recipes to weights."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mssync.errors import InputError
from mssync.motion.blinks import BlinkModel
from mssync.motion.gap_curve import GapCurve
from mssync.motion.mesh import MeshSpace
from mssync.nets.generator import Generator
from mssync.training.config import load_config
from mssync.training.data import Entry, Sample, load_clips, make_samples, manifest_hash, read_list
from mssync.training.export import best_net
from mssync.training.generator import Facts, Trainer
from mssync.training.offsets import aligned, measure_offsets
from mssync.training.probe import generate
from mssync.training.space import SpaceReport, fit_space, measure_space

FLOOR_QUANTILE: Final = 0.06
Array = NDArray[np.float32]
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


def fit_gap_curve(net: Generator, facts: Facts, train: Sequence[Sample]) -> GapCurve:
    """Generated against real lip gaps while natural speakers speak (training clips, at most 20 seconds each)."""
    natural = [s for s in train if s.entry.family == "presenter"] or list(train)
    # Every clip is followed by its mirror image where there is one; the gaps are the same.
    clips = list({s.entry.name: s for s in natural}.values())
    frames = min(500, max(len(s.motion) for s in clips))
    made = generate(net, facts.scales, facts.style_default, clips, 0, frames)
    talks = [s.speech[:frames] > 0.6 for s in clips]
    talks = talks if any(t.any() for t in talks) else [np.ones(len(t), bool) for t in talks]
    return GapCurve.fit(
        np.concatenate([m[: len(t), -5][t] for m, t in zip(made, talks, strict=True)]),
        np.concatenate([closing(s.motion[:frames, -5][t]) for s, t in zip(clips, talks, strict=True) if t.any()]),
    )


def closing(gap: Array) -> Array:
    """A clip's gaps ``(n,)`` with its own smallest ones brought to zero and its largest left.

    Everybody's lips meet within seconds of speech; on small faces the tracker never sees it.
    """
    low, high = np.quantile(gap, (FLOOR_QUANTILE, 0.95))
    return np.asarray(np.maximum(gap - low, 0.0) * (high / max(high - low, 1e-3)), np.float32)


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
    blinks = fit_blinks(clips, entries, space)
    data: dict[str, Any] = {
        "manifest_sha256": manifest_hash(clips, entries),
        "clips": {"train": len({s.entry.name for s in train}), "dev": len({s.entry.name for s in dev})},
        "speakers": {
            "train": len({s.entry.speaker for s in train}),
            "dev": len({s.entry.speaker for s in dev}),
        },
        "blinks": {"log_mean": blinks.log_mean, "log_std": blinks.log_std, "course": list(blinks.course)},
    }
    trainer = Trainer(config, space, train, dev, out, device=device)
    trainer.run(report)
    curve = fit_gap_curve(best_net(out, trainer.net.shape.as_dict()), trainer.facts, train)
    data["gap_curve"] = asdict(curve)
    space.save(out / "space.npz")
    (out / "data.json").write_text(json.dumps(data, indent=1), "utf-8")
    return trainer
