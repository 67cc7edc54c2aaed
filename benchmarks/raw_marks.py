"""Marks of raw motion, in seconds and without a picture: does it depend on the speech, does it say what is said?

    python -m pip install '.[train]'
    python benchmarks/raw_marks.py CLIPS VIDEOS --list clips.csv --model default

CLIPS is a folder of `mssync preprocess`, VIDEOS the videos it was made from. Every talking dev clip of three seconds
or more (av-offsets taken out) gives its sound to the model; the motion that comes out is measured against the
person's own and against other takes, real people's own number beside it. Heads and dependence are measured on clips
of eight seconds and more, brows, spread and speed on presenters. Numbers of real people are read from pixels by the
tracker, the model's are not: `benchmarks/marks.py` has the numbers of rendered video.
"""

from __future__ import annotations

import argparse
import json
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from common import RESULTS, machine
from dev_set import LONG, Person, Take, dev_people, taker
from judged import Case, agreement, said
from life import beats, blinking, moves
from rich.console import Console
from rich.table import Table

from mssync import TalkingHead
from mssync.evaluation.footage import pinned_space
from mssync.evaluation.scores import content, dependence
from mssync.evaluation.scores.takes import collapsed, head_energy
from mssync.motion.space import Motion
from mssync.motion.syncers import SyncerPyramid, shipped_judge

MEASURES = ("dependence", "content", "variety", "head", "blinks", "beats", "takes", "sync", "words")
TOUCHING = 0.01


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path)
    parser.add_argument("videos", type=Path)
    parser.add_argument("--list", type=Path, required=True)
    parser.add_argument("--model", default="default")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", default=",".join(MEASURES), help="some of: " + ", ".join(MEASURES))
    args = parser.parse_args()
    only = tuple(args.only.split(","))
    if not set(only) <= set(MEASURES):
        parser.error("--only knows " + ", ".join(MEASURES))
    people = dev_people(args.clips, args.videos, args.list)
    facts = raw_marks(people, taker(TalkingHead.load(args.model)), args.seeds, only)
    RESULTS.mkdir(parents=True, exist_ok=True)
    facts = {"machine": machine(), "model": str(args.model), **facts}
    (RESULTS / "raw_marks.json").write_text(json.dumps(facts, indent=1) + "\n", "utf-8")


def raw_marks(people: list[Person], take: Take, seeds: int, only: tuple[str, ...] = MEASURES) -> dict[str, Any]:
    """All measures of raw motion; ``takes[person][seed]``."""
    takes = [[take(p.sound, seed) for seed in range(seeds)] for p in people]
    table = {
        "dependence": depends, "content": says, "variety": varies, "head": moves, "blinks": blinking, "beats": beats,
        "takes": differ, "sync": synced, "words": finds_words,
    }  # fmt: skip
    return {name: table[name](people, takes) for name in only}


def depends(people: list[Person], takes: list[list[Motion]]) -> dict[str, Any]:
    """Correlations over seeds and over speeches, per axis."""
    long = [i for i, p in enumerate(people) if len(p.motion) >= LONG]
    rows = {
        "same seed, other speech": dependence.other_speech([takes[i] for i in long]),
        "same speech, other seed": dependence.other_seed([takes[i] for i in long]),
        "real people, other speech": dependence.likeness(combinations([people[i].motion for i in long], 2)),
    }
    table = Table("pairs", *dependence.AXES, title=f"median |r| (median r), {len(long)} clips of 8 s and more")
    for name, row in rows.items():
        table.add_row(name, *(f"{row[a].size:.2f} ({row[a].signed:+.2f})" for a in dependence.AXES))
    for name, motions in (("made", [of[0] for of in takes]), ("real people", [p.motion for p in people])):
        fast = np.nanmedian([dependence.with_lips(m) for m in motions], axis=0)
        table.add_row(f"{name}, fast, with the lips", *(f"{x:+.2f}" for x in fast))
    Console(width=120).print(table)
    return {name: {a: {"abs": x.size, "r": x.signed} for a, x in row.items()} for name, row in rows.items()}


def says(people: list[Person], takes: list[list[Motion]]) -> dict[str, Any]:
    """Opening, width and protrusion against the person's own; chance: other people's speech."""
    space = pinned_space()
    made = [[content.mouth(m, space) for m in of_speech] for of_speech in takes]
    real = [content.mouth(p.motion, space) for p in people]
    families = sorted({p.entry.family for p in people})
    table = Table("shape", "r", "chance", *families, "lag [frames]", "seeds' r", title="the mouth against the person's")
    out: dict[str, Any] = {}
    for i, name in enumerate(content.SHAPES):
        own = [[content.agreement(m[i], r[i], p.valid) for m in of] for of, r, p in zip(made, real, people)]
        found = [[a for a in of if a is not None] for of in own]
        per_clip = np.array([np.mean([a.r for a in of]) if of else np.nan for of in found])
        lag = float(np.median([a.lag for of in found for a in of]))
        # Someone else's speech of about this length.
        others = [
            content.agreement(made[b][0][i], real[a][i], people[a].valid)
            for a in range(len(people))
            for b in range(len(people))
            if a != b and 2 * min(len(real[a][i]), len(real[b][i])) > max(len(real[a][i]), len(real[b][i]))
        ]
        chance = float(np.median([a.r for a in others if a is not None]))
        alike = [np.corrcoef(x[i], y[i])[0, 1] for of in made for x, y in combinations(of, 2)]
        by_family = [
            float(np.nanmedian([r for r, p in zip(per_clip, people) if p.entry.family == f])) for f in families
        ]
        out[name] = {
            "r": float(np.nanmedian(per_clip)), "chance": chance, "lag": lag,
            **dict(zip(families, by_family)), "seeds": float(np.median(alike)) if alike else None,
        }  # fmt: skip
        alike_text = f"{np.median(alike):.2f}" if alike else ""
        table.add_row(
            name, f"{np.nanmedian(per_clip):.2f}", f"{chance:.2f}", *(f"{x:.2f}" for x in by_family), f"{lag:+.1f}",
            alike_text,
        )  # fmt: skip
    Console(width=120).print(table)
    return out


def varies(people: list[Person], takes: list[list[Motion]]) -> dict[str, Any]:
    """Spread of the mouth's width, expression, brows, touching lips: made beside real."""
    space = pinned_space()
    k = slice(6, 6 + len(space.basis))
    rows: dict[str, list[tuple[float, float]]] = {}
    for p, of in zip(people, takes):
        used = p.valid & p.speaking
        if used.sum() < 25:
            continue
        for m in of[:2]:
            n = min(len(m), len(p.motion))
            both = (m, used[:n]), (p.motion, used)
            widths = [content.relative_spread(content.mouth(x, space)[1][: len(u)], u) for x, u in both]
            shut = [float((x.column("lip_gap")[: len(u)][u] < TOUCHING).mean()) for x, u in both]
            opens = [float(x.column("lip_gap")[: len(u)][u].std()) for x, u in both]
            rows.setdefault("width, spread over mean", []).append((widths[0], widths[1]))
            rows.setdefault("lip gap, spread", []).append((opens[0], opens[1]))
            rows.setdefault("touching in speech", []).append((shut[0], shut[1]))
            cut = Motion(m.values[:n], m.names)
            share = content.used_variance(cut, p.motion, k, used[:n], used)
            rows.setdefault("share of the expression's variance used", []).append((share, 1.0))
            if p.presenter:
                height = [content.brows(x, space)[: len(u)][u] for x, u in both]
                rows.setdefault("brows, spread", []).append((float(height[0].std()), float(height[1].std())))
                pace = [float(np.abs(h[4:] - h[:-4]).mean()) for h in height]
                rows.setdefault("brows, speed", []).append((pace[0], pace[1]))
    table = Table("what", "made", "real", "median ratio", title="variety while speaking (brows: presenters)")
    out = {}
    for name, found in rows.items():
        both_ = np.asarray(found)
        made, real = np.median(both_, axis=0)
        ratio = float(np.median(both_[:, 0] / np.maximum(both_[:, 1], 1e-6)))
        if name == "touching in speech":
            made, real = both_.mean(0)
            ratio = float(made / max(real, 1e-6))
        out[name] = {"made": float(made), "real": float(real), "ratio": ratio}
        table.add_row(name, f"{made:.4f}", f"{real:.4f}", f"{ratio:.2f}")
    Console(width=120).print(table)
    return out


def differ(people: list[Person], takes: list[list[Motion]]) -> dict[str, Any]:
    """Two takes of one speech, and takes whose head is still or repeats itself for ever."""
    usual = float(np.median([head_energy(p.motion) for p in people if p.presenter]))
    drawn = [m for of in takes for m in of]
    hits = sum(collapsed(m, usual) for m in drawn)
    pairs = [p for of in takes for p in combinations(of, 2)]
    lips = [np.corrcoef(a.column("lip_gap"), b.column("lip_gap"))[0, 1] for a, b in pairs]
    out = {"lips r": float(np.median(lips)), "collapsed": hits, "takes": len(drawn)}
    print(f"two takes' lips r {out['lips r']:.2f}; collapsed {hits} of {len(drawn)} takes")
    return out


def cases(people: list[Person], takes: list[list[Motion]]) -> list[Case]:
    """The first take of everybody's voice, for judges."""
    return [Case(p.presenter, of[0], p.mel, p.motion, p.mel) for p, of in zip(people, takes)]


def synced(people: list[Person], takes: list[list[Motion]]) -> dict[str, Any]:
    """Offset and confidence by the judges of lips, head and all, and of the head's axes one by one."""
    out = agreement(SyncerPyramid.load(), cases(people, takes), "raw motion, by the judges")
    natural = [c for c in cases(people, takes) if c.natural]
    axes = SyncerPyramid.load(shipped_judge("judge-axes"))
    return out | agreement(axes, natural, "presenters' heads axis by axis, raw motion")


def finds_words(people: list[Person], takes: list[list[Motion]]) -> dict[str, Any]:
    """Content by the judge that timing alone cannot please."""
    return said(SyncerPyramid.load(shipped_judge("judge-content")), cases(people, takes))


if __name__ == "__main__":
    main()
