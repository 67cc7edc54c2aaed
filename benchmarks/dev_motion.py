"""Motion of a model on people it was not trained on, beside their own motion.

    python benchmarks/dev_motion.py CLIPS VIDEOS --list clips.csv

CLIPS is a folder of `mssync preprocess`, VIDEOS the videos it was made from. For every talking dev clip of three
seconds or more the whole runtime (features, generator, silence, lip-gap curve) is run on the clip's own sound, once per
seed, and held against the tracked motion, whose audio-visual offset has been settled as in training. This looks at raw
motion, not at finished video, and uses no learned judge: it is a quick check, not an evaluation.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from common import RESULTS, machine
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from mssync import TalkingHead
from mssync.media.audio import load_sound
from mssync.motion.blinks import find_blinks
from mssync.motion.generator import MotionOptions
from mssync.motion.mesh import MeshSpace
from mssync.training.data import load_clips, make_samples, read_list
from mssync.training.offsets import aligned, measure_offsets

Array = NDArray[np.float32]
LAGS = 10


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path)
    parser.add_argument("videos", type=Path)
    parser.add_argument("--list", type=Path, required=True)
    parser.add_argument("--model", default="default")
    parser.add_argument("--seeds", type=int, default=2)
    args = parser.parse_args()
    head = TalkingHead.load(args.model)
    space = MeshSpace.load(head.model.file("space.npz"))
    entries = read_list(args.list)
    samples = make_samples(space, load_clips(args.clips, entries), mirror=False)
    offsets = measure_offsets(samples, [s.entry.split == "train" for s in samples])
    found: dict[str, list[dict[str, float]]] = {}
    for sample, offset in zip(samples, offsets, strict=True):
        long = len(sample.motion) >= 75 and sample.speech.mean() > 0.3
        if sample.entry.split != "dev" or not long or not offset.clear:
            continue
        sound = load_sound(next(args.videos.glob(sample.entry.name + ".*")))
        made = []
        for seed in range(args.seeds):
            stream = head.stream(MotionOptions(seed=seed))
            made.append(np.concatenate([stream.push(sound), stream.flush()]))
        # Sound and motion of the real clip are shifted against each other; the made motion belongs to the sound.
        real = aligned(sample, offset.frames)
        start = max(0, -offset.frames)
        made = [m[start : start + len(real.motion)] for m in made]
        n = min(len(real.motion), *map(len, made))
        found.setdefault(sample.entry.family, []).append(_row([m[:n] for m in made], real.motion[:n], real.speech[:n]))
    table = Table("family", "clips", *next(iter(found.values()))[0], title="medians over clips; ratios are made / real")
    means = {}
    for family, rows in found.items():
        means[family] = {k: float(np.median([r[k] for r in rows])) for k in rows[0] if k != "lips on"}
        means[family]["lips on"] = float(np.mean([r["lips on"] for r in rows]))
        table.add_row(family, str(len(rows)), *(f"{means[family][k]:.2f}" for k in rows[0]))
    Console(width=170).print(table)
    RESULTS.mkdir(parents=True, exist_ok=True)
    facts = {"machine": machine(), "model": head.model.title, "clips": {k: len(v) for k, v in found.items()}, **means}
    (RESULTS / "dev_motion.json").write_text(json.dumps(facts, indent=1) + "\n", "utf-8")


def _row(made: list[Array], real: Array, speech: Array) -> dict[str, float]:
    gap, gaps = real[:, -5], [m[:, -5] for m in made]
    curve = [_corr(gaps[0][LAGS:-LAGS], np.roll(gap, k)[LAGS:-LAGS]) for k in range(-LAGS, LAGS + 1)]
    row = {
        "lips on": float(abs(int(np.argmax(curve)) - LAGS) <= 1),
        "lips r": curve[LAGS],
        "gap std": float(gaps[0].std() / gap.std()),
        "shut, made": float(np.mean(gaps[0][speech > 0.5] < 0.01)),
        "shut, real": float(np.mean(gap[speech > 0.5] < 0.01)),
        "turn std": float(made[0][:, :3].std(0).mean() / real[:, :3].std(0).mean()),
        "turn speed": float(
            np.abs(np.diff(made[0][:, :3], axis=0)).mean() / np.abs(np.diff(real[:, :3], axis=0)).mean()
        ),
        "blinks/min": float(len(find_blinks(made[0][:, -4:-2])) / len(real) * 25 * 60),
    }
    if len(made) > 1:
        row["seeds head"] = float(np.mean([abs(_corr(made[0][:, i], made[1][:, i])) for i in range(3)]))
        row["seeds lips"] = _corr(gaps[0], gaps[1])
    return row


def _corr(a: Array, b: Array) -> float:
    a, b = a - a.mean(), b - b.mean()
    return float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum() + 1e-12))


if __name__ == "__main__":
    main()
