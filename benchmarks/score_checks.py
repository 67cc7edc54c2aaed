"""Can the scores be trusted? Real footage with known faults put into it, of people that no judge was trained on.

    python -m pip install '.[eval]'
    python benchmarks/score_checks.py CLIPS VIDEOS --list clips.csv

CLIPS is a folder of `mssync preprocess --points`, VIDEOS the videos it was made from; the talking dev clips of three
seconds or more with a clear av-offset are used, their offset taken out. Five checks: does the judge find the true
offset, and does real sound stand clear of shuffled sound; is a delay of k frames reported as k; what does compression
do to each score; is half and one and a half times the head motion told apart; and does real footage beat the same
footage with another clip's sound, and a still photo. A still photo is one frame's motion and points held.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from common import RESULTS, machine
from dev_set import list_with_roles
from marks import percent, real_footage, usable
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from spoiled import delayed, encode, held, shuffled, turned

from mssync.evaluation.footage import Footage, read_footage
from mssync.evaluation.results.systems import GENERATED
from mssync.evaluation.run.suite import SCORES, Case, Item, Settings
from mssync.evaluation.scores import articulation, head, prosody, silence, sync
from mssync.evaluation.scores.score import Score
from mssync.face.tracking import FaceTracker
from mssync.motion.syncers import SyncCurve, SyncerPyramid
from mssync.speech.logmel import log_mel
from mssync.timing import FPS
from mssync.training.data.index import read_report
from mssync.training.data.listing import NATURAL

Array64 = NDArray[np.float64]
Scores = dict[str, Score]

SHIFTS = (-6, -3, 2, 5)  # frames of 40 ms
AMOUNTS = (0.5, 1.5)
ENCODINGS = {"crf 18, 128 kbit/s": (18, 128), "crf 28, 128 kbit/s": (28, 128), "crf 18, 64 kbit/s": (18, 64)}
LONG = 250  # frames
LOUD_CHANGE = 0.1  # of a score without an interval
CONSOLE = Console(width=150)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path)
    parser.add_argument("videos", type=Path)
    parser.add_argument("--list", type=Path, required=True)
    args = parser.parse_args()
    records = read_report(args.clips)
    entries = [e for e in list_with_roles(args.list) if e.split == "dev" and usable(records.get(e.name))]
    real = {e.name: real_footage(e, args.clips, args.videos, records[e.name]) for e in entries}
    roles = {e.name: e.role for e in entries}
    judge = SyncerPyramid.load()
    videos = {name: sync.embedded(seen, judge) for name, seen in real.items()}
    facts = {
        "machine": machine(),
        "clips": len(real),
        "seconds": sum(map(len, real.values())) / FPS,
        "judge": judge_check(judge, videos),
        "delay": delay_check(judge, real),
        "head motion": head_check(real),
        "order": order_check(judge, real, roles),
        "encoding": encoding_check(real, roles),
    }
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "score_checks.json").write_text(json.dumps(facts, indent=1) + "\n", "utf-8")


# ---- the judge ----------------------------------------------------------------------------------------------------


def judge_check(judge: SyncerPyramid, videos: Mapping[str, sync.Embedded]) -> dict[str, Any]:
    """Offsets found, and real confidence against voices that do not belong (other clips', and the own one shifted)."""
    table = Table(
        "view", "level", "clips", "within a step", "confidence, median", "shuffled: median", "95 % of medians",
        "separates", "single clips that do", "by `evaluate`", title="judge: real against shuffled voices",
    )  # fmt: skip
    out: dict[str, Any] = {}
    printed = {name: keyed(sync.scores(v, judge)) for name, v in videos.items()}
    for view in judge.views:
        for level in judge.levels:
            rng = np.random.default_rng(level)
            found = {name: pair for name, v in videos.items() if (pair := v.pairs[view][level]) is not None}
            curves = {name: SyncCurve.of(*pair) for name, pair in found.items()}
            own = np.array([curve.confidence for curve in curves.values()])
            drawn = []
            for name, pair in found.items():
                others = np.concatenate([sound for other, (_, sound) in found.items() if other != name])
                drawn.append(sync.chance_confidences(pair, others, rng))
            strange = np.stack(drawn)
            low, high = np.quantile(np.median(strange, 0), [0.025, 0.975])
            told = [sync.separates(printed[name][f"sync.{view}.level{level}.confidence"]) for name in found]
            row = {
                "clips": len(own),
                "on": float(np.mean([abs(curve.best) <= 1 for curve in curves.values()])),
                "confidence": float(np.median(own)),
                "shuffled": float(np.median(strange)),
                "interval": [float(low), float(high)],
                "separates": bool(np.median(own) > high),
                "single clips": float((own > np.quantile(strange, 0.975, axis=1)).mean()),
                "told by evaluate": float(np.mean(told)),
            }
            out[f"{view}-{level}"] = row
            table.add_row(
                view, str(level), str(len(own)), percent(row["on"]), f"{row['confidence']:.3f}",
                f"{row['shuffled']:.3f}", f"{low:.3f} to {high:.3f}", "yes" if row["separates"] else "NO",
                percent(row["single clips"]), percent(row["told by evaluate"]),
            )  # fmt: skip
    CONSOLE.print(table)
    return out


def delay_check(judge: SyncerPyramid, real: Mapping[str, Footage]) -> dict[str, Any]:
    """A sound delayed by k frames makes the picture k frames early: the lips' offset must be -k."""
    table = Table(
        "sound delayed by k", "clips", "offset is -k", "within 1", "it moved by -k", "within 1",
        "articulation.lag is run", "it moved by -k", "within 1",
        title="a known delay, in frames of 40 ms: offset of the lips at level 0, and articulation.lag",
    )  # fmt: skip
    out: dict[str, Any] = {}
    lags = {name: keyed(articulation.scores(seen, None))["articulation.lag"].value for name, seen in real.items()}
    places = {name: lip_offset(judge, seen) for name, seen in real.items()}
    for k in SHIFTS:
        offsets, steps, moves = [], [], []
        for name, seen in real.items():
            late = delayed(seen, k)
            offset = lip_offset(judge, late)
            offsets.append(offset + k)
            steps.append(offset - places[name] + k)
            lag, first = keyed(articulation.scores(late, None))["articulation.lag"].value, lags[name]
            if lag is not None and first is not None:
                moves.append(lag - first + k)
        kinds = {"offset": offsets, "offset moved": steps, "lag moved": moves}
        out[str(k)] = {
            kind: {"clips": len(off), "exact": exact(off), "within 1": exact(off, 1)} for kind, off in kinds.items()
        }  # fmt: skip
        cells = [percent(exact(off, within)) for off in kinds.values() for within in (0, 1)]
        table.add_row(str(k), str(len(offsets)), *cells[:4], f"{len(moves)} clips", *cells[4:])
    CONSOLE.print(table)
    return out


def lip_offset(judge: SyncerPyramid, seen: Footage) -> int:
    """``sync.lips.level0.offset``, without the rest."""
    curve = judge.curve(seen.motion, log_mel(seen.sound), "lips", 0)
    assert curve is not None
    return curve.best


def exact(off: Sequence[float], within: int = 0) -> float:
    """Share of numbers that are zero, or nearly."""
    return float(np.mean(np.abs(off) <= within)) if len(off) else float("nan")


# ---- head motion --------------------------------------------------------------------------------------------------


def head_check(real: Mapping[str, Footage]) -> dict[str, Any]:
    """Rotation scaled about the clip's middle pose: is the new spread outside the real one's interval?"""
    table = Table(
        "score", "times", "median ratio to real", "clips told apart", "of 10 s and more", title="head rotation scaled"
    )  # fmt: skip
    long = [name for name, seen in real.items() if len(seen) >= LONG]
    out: dict[str, Any] = {}
    base = {name: keyed(head.scores(seen, None)) for name, seen in real.items()}
    for times in AMOUNTS:
        scaled = {name: keyed(head.scores(turned(seen, times), None)) for name, seen in real.items()}
        for key in ("head.yaw_std", "head.pitch_std", "head.roll_std"):
            ratio = float(np.median([number(scaled[n][key]) / number(base[n][key]) for n in real]))
            apart = {n: outside(number(scaled[n][key]), base[n][key]) for n in real}
            shares = float(np.mean(list(apart.values()))), float(np.mean([apart[n] for n in long]))
            out[f"{key} x {times}"] = {"ratio": ratio, "told apart": shares[0], "told apart, long": shares[1]}
            table.add_row(key, str(times), f"{ratio:.2f}", *map(percent, shares))
    CONSOLE.print(table)
    return out


def outside(value: float, score: Score) -> bool:
    """Does a number lie outside a score's interval?"""
    assert score.interval is not None
    return not score.interval[0] <= value <= score.interval[1]


# ---- real, shuffled, still ----------------------------------------------------------------------------------------


def order_check(judge: SyncerPyramid, real: Mapping[str, Footage], roles: Mapping[str, str]) -> dict[str, Any]:
    """Median scores of real footage, of the same with another clip's sound, and of one frame held.

    Each pair of columns is taken over the clips in which both were run.
    """
    table = Table(
        "score", "chance, real", "clips", "real", "sound shuffled", "real is better", "clips", "real", "still",
        "real is better", title="real, shuffled, still: medians, and the share of clips in which real is better",
    )  # fmt: skip
    names = list(real)
    out: dict[str, Any] = {}
    rows: dict[str, list[list[Score]]] = {}
    for name in names:
        partner = another(name, names, real, roles)
        kinds = (real[name], shuffled(real[name], real[partner]), held(real[name]))
        found = [
            keyed([*sync.scores(sync.embedded(k, judge), judge), *articulation.scores(k, None), *silence.scores(k),
                   *head.scores(k, None), *prosody.scores(k)])
            for k in kinds
        ]  # fmt: skip
        for key in found[0]:
            rows.setdefault(key, []).append([f[key] for f in found])
    for key, clips in rows.items():
        if key.endswith(("offset", "distance", "lag", "seconds")):
            continue
        if all(c[0].value is None for c in clips):
            continue
        out[key] = {"chance": middle([c[0].chance for c in clips])}
        cells = [digits(out[key]["chance"])]
        for other, kind in ((1, "shuffled"), (2, "still")):
            pairs = [(c[0], c[other]) for c in clips if c[0].value is not None and c[other].value is not None]
            medians = [middle([p[i].value for p in pairs]) for i in (0, 1)]
            wins = share([better(*p) for p in pairs])
            out[key][kind] = {"clips": len(pairs), "real": medians[0], kind: medians[1], "real is better": wins}
            cells += [str(len(pairs)), *map(digits, medians), "-" if wins is None else percent(wins)]
        table.add_row(key, *cells)
    CONSOLE.print(table)
    return out


def another(name: str, names: Sequence[str], real: Mapping[str, Footage], roles: Mapping[str, str]) -> str:
    """The next clip of the same kind of talk, by another speaker where there is one."""
    at = names.index(name)
    later = [*names[at + 1 :], *names[:at]]
    alike = [n for n in later if roles[n] == roles[name] and Path(n).parent != Path(name).parent]
    return (alike or later)[0]


def better(real: Score, other: Score) -> bool | None:
    """By the aim. Where that is the real footage's own value: further above chance; without a chance level, told apart
    (the other value lies outside the real one's interval). None where nothing tells, or the two are equal."""
    if number(real) == number(other):
        return None
    if real.aim != "real":
        return number(real) > number(other) if real.aim == "high" else number(real) < number(other)
    if real.chance is not None and other.chance is not None:
        return number(real) - real.chance > number(other) - other.chance
    return None if real.interval is None else outside(number(other), real)


# ---- compression --------------------------------------------------------------------------------------------------


def encoding_check(real: Mapping[str, Footage], roles: Mapping[str, str]) -> dict[str, Any]:
    """All quick scores of four clips encoded again: by how much of half its interval does each move?"""
    names = [n for n in real if roles[n] != NATURAL][:2]
    names += sorted((n for n in real if roles[n] == NATURAL), key=lambda n: len(real[n]))[:2]
    tracker = FaceTracker(threads=1)
    found: dict[str, list[Scores]] = {title: [] for title in ENCODINGS}
    with tempfile.TemporaryDirectory(prefix="mssync-") as folder:
        for name in names:
            original = real[name].path
            whole = read_footage(original, tracker=tracker)
            for title, (crf, kbit) in ENCODINGS.items():
                path = Path(folder) / f"{Path(name).stem}-{crf}-{kbit}.mp4"
                encode(original, path, crf, kbit)
                item = Item(Path(name).name, {GENERATED: path}, original)
                case = Case(read_footage(path, tracker=tracker), whole, item, Settings(), tracker)
                found[title].append(keyed([s for f in SCORES.values() for s in f(case)]))
    first, *others = ENCODINGS
    out: dict[str, Any] = {"clips": names}
    for title in others:
        table = Table(
            "score", "clips", "median", "median |difference|", "largest", "largest, of half its interval",
            "largest, of its value", title=f"{first} -> {title}: scores that move by more than half their interval, "
            "or, without one, by over 10 % (places in time: by over one step)",
        )  # fmt: skip
        rows = {
            key: moved(key, [f[key] for f in found[first]], [f[key] for f in found[title]]) for key in found[first][0]
        }
        out[title] = {key: row for key, row in rows.items() if row is not None}
        for key, row in out[title].items():
            if row["too far"]:
                numbers = (row[k] for k in ("median", "difference", "largest", "of half its interval", "of its value"))
                table.add_row(key, str(row["clips"]), *map(digits, numbers))
        CONSOLE.print(table)
        with_interval = sum(row["of half its interval"] is not None for row in out[title].values())
        print(f"of {len(out[title])} scores, {with_interval} with an interval")
    return out


def moved(key: str, before: Sequence[Score], after: Sequence[Score]) -> dict[str, Any] | None:
    """How far one score went, over the clips in which both were run; levels that say nothing are left out."""
    both = [
        (a, b) for a, b in zip(before, after, strict=True)
        if a.value is not None and b.value is not None and a.note != sync.NOT_SEPARATING
    ]  # fmt: skip
    if not both:
        return None
    steps = [abs(number(b) - number(a)) for a, b in both]
    halves = [(a.interval[1] - a.interval[0]) / 2 if a.interval is not None else 0.0 for a, _ in both]
    against = max((step / half for step, half in zip(steps, halves, strict=True) if half > 0), default=None)
    relative = max((s / abs(number(a)) for s, (a, _) in zip(steps, both, strict=True) if number(a)), default=None)
    place = key.endswith(("offset", "lag"))
    if against is None:
        too_far = max(steps) > (0.04 if both[0][0].unit == "s" else 1) if place else (relative or 0.0) > LOUD_CHANGE
    else:
        too_far = against > 1
    return {
        "clips": len(both), "median": float(np.median([number(a) for a, _ in both])),
        "difference": float(np.median(steps)), "largest": max(steps), "of half its interval": against,
        "of its value": None if place else relative, "too far": too_far,
    }  # fmt: skip


# ---- numbers ------------------------------------------------------------------------------------------------------


def keyed(scores: Sequence[Score]) -> Scores:
    """By key."""
    return {score.key: score for score in scores}


def number(score: Score) -> float:
    """The value of a score that was run."""
    assert score.value is not None, score.key
    return float(score.value)


def middle(values: Sequence[float | None]) -> float | None:
    """Median of what there is."""
    there = [v for v in values if v is not None]
    return float(np.median(there)) if there else None


def share(answers: Sequence[bool | None]) -> float | None:
    """Share of yes among the answers given."""
    given = [a for a in answers if a is not None]
    return float(np.mean(given)) if given else None


def digits(value: float | None) -> str:
    """Three digits that matter."""
    return "-" if value is None else f"{value:.3g}"


if __name__ == "__main__":
    main()
