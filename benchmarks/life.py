"""Head, blinks and beats of a set of people's motions beside the people's own: parts of the marks."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
from dev_set import Person
from rich.console import Console
from rich.table import Table

from mssync.arrays import Array64
from mssync.evaluation.footage import rotation_of
from mssync.evaluation.scores import blinks, dependence, head, prosody
from mssync.evaluation.scores.stats import frechet
from mssync.motion.space import Motion
from mssync.timing import FPS

HEAD_AXES = dependence.AXES[:6]
HALVES = 35  # all ways to halve eight presenters


def moves(people: list[Person], takes: list[list[Motion]]) -> dict[str, Any]:
    """Spread and speed of the head per axis, spectra and windows, presenters."""
    talk = [i for i, p in enumerate(people) if p.presenter]
    table = Table("presenters", *HEAD_AXES, title="head over the presenter's own, median ratio")
    out: dict[str, Any] = {}
    for name, of_path in (("spread", spread), ("speed", speed)):
        ratios = []
        for i in talk:
            real = of_path(dependence.paths(people[i].motion)[:6])
            ratios += [of_path(dependence.paths(m)[:6]) / np.maximum(real, 1e-9) for m in takes[i]]
        middle = np.median(ratios, axis=0)
        out[name] = dict(zip(HEAD_AXES, map(float, middle)))
        table.add_row(name, *(f"{x:.2f}" for x in middle))
    Console(width=120).print(table)
    pace = [head.angular_velocity(rotation_of(people[i].motion)) for i in talk]
    own = [
        head.spectrum_distance(head.angular_velocity(rotation_of(m)), v) for i, v in zip(talk, pace) for m in takes[i]
    ]
    between = [head.spectrum_distance(a, b) for a, b in combinations(pace, 2)]
    out["spectrum"] = {"made": float(np.median(own)), "real": float(np.median(between))}
    print(f"spectrum distance: {np.median(own):.1f} dB to the presenter's own, two people {np.median(between):.1f} dB")
    out["frechet"] = windows([people[i] for i in talk], [takes[i][0] for i in talk])
    return out


def spread(path: Array64) -> Array64:
    """Standard deviation of each axis."""
    return np.asarray(path.std(1), np.float64)


def speed(path: Array64) -> Array64:
    """Mean change of each axis within 0.16 s."""
    return np.asarray(np.abs(path[:, 4:] - path[:, :-4]).mean(1), np.float64)


def windows(people: Sequence[Person], made: Sequence[Motion]) -> dict[str, float]:
    """Frechet distance of one-second head windows between made heads of one half of the people and real heads of the
    other half; the yardstick is real heads of both halves. Median over the ways to halve them."""
    real = [head.motion_windows(rotation_of(p.motion), p.valid) for p in people]
    ours = [head.motion_windows(rotation_of(m), np.ones(len(m), np.bool_)) for m in made]
    n = len(people)
    found = []
    for half in list(combinations(range(n), n // 2))[:HALVES]:
        other = [i for i in range(n) if i not in half]
        for a, b in ((list(half), other), (other, list(half))):
            target = np.concatenate([real[i] for i in b])
            found.append([frechet(np.concatenate([w[i] for i in a]), target) for w in (ours, real)])
    distance = np.median(found, axis=0)
    ratio = float(distance[0] / distance[1])
    print(f"Frechet distance of head windows to other presenters: made {distance[0]:.0f}, real {distance[1]:.0f} deg^2")
    return {"made": float(distance[0]), "real": float(distance[1]), "ratio": ratio}


def blinking(people: list[Person], takes: list[list[Motion]]) -> dict[str, Any]:
    """Rate and duration against people's middle half, share of blinks in pauses against chance; presenters and others
    who look about naturally."""
    natural = [i for i, p in enumerate(people) if p.entry.role != "read"]
    real = [find(people[i], people[i].motion) for i in natural]
    made = [find(people[i], m) for i in natural for m in takes[i]]
    out: dict[str, Any] = {}
    rates = [b.rate for b in real]
    widths = np.concatenate([b.widths for b in real])
    for key, values, mine in (
        ("rate", rates, [b.rate for b in made]),
        ("duration", widths, np.concatenate([b.widths for b in made])),
    ):
        low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
        mine_middle = float(np.median(mine)) if len(mine) else float("nan")
        out[key] = {"made": mine_middle, "real": float(middle), "low": float(low), "high": float(high)}
        print(f"blinks, {key}: made {mine_middle:.2f}; people {middle:.2f}, middle half {low:.2f} to {high:.2f}")
    shares = [pooled(real), pooled(made)]
    out["pauses"] = dict(zip(("made", "chance", "real", "real chance"), (*shares[1], *shares[0])))
    print(
        f"blinks in pauses: made {shares[1][0]:.2f} (chance {shares[1][1]:.2f}), people {shares[0][0]:.2f} "
        f"(chance {shares[0][1]:.2f})"
    )
    return out


def find(person: Person, motion: Motion) -> blinks.Blinks:
    """The blinks of a motion with this person's speech."""
    lids = np.stack([motion.column("lid_left"), motion.column("lid_right")], 1)
    n = min(len(lids), len(person.speech))
    valid = person.valid[:n] if motion is person.motion else np.ones(n, np.bool_)
    return blinks.find(lids[:n], valid, person.speech[:n])


def pooled(found: Sequence[blinks.Blinks]) -> tuple[float, float]:
    """Share of all blinks that are in pauses, and of all frames."""
    count, seen = sum(len(b.frames) for b in found), sum(b.seen for b in found)
    return sum(b.pausing for b in found) / max(count, 1), sum(b.pauses * b.seen for b in found) / max(seen, 1)


def beats(people: list[Person], takes: list[list[Motion]]) -> dict[str, Any]:
    """Prosodic alignment of head beats, mean over clips of eight seconds and more: made, people's 95 % interval (clips
    drawn again), and the 95 % interval of the made beats shifted around their clips."""
    real, made = [], []
    for p, of in zip(people, takes):
        heard = prosody.events(p.sound).all
        seconds = len(p.sound) / 16000
        if seconds < 8.0:
            continue
        found = aligned(p.motion, p.valid, heard, seconds)
        mine = [aligned(m, np.ones(len(m), np.bool_), heard, seconds) for m in of]
        if found is not None and all(m is not None for m in mine):
            real.append(found)
            made.append([m for m in mine if m is not None])
    own = np.array([a.value for a in real])
    drawn = np.random.default_rng(0).choice(own, (2000, len(own))).mean(1)
    ours = float(np.mean([a.value for of in made for a in of]))
    first = [of[0] for of in made]
    chance = float(np.mean([a.chance for a in first]))
    half = [(a.chance_interval[1] - a.chance_interval[0]) / 2 for a in first]
    wide = float(np.sqrt(np.sum(np.square(half))) / len(half))
    low, high = map(float, np.quantile(drawn, [0.025, 0.975]))
    out = {
        "clips": len(own), "made": ours, "real": float(own.mean()), "low": low, "high": high,
        "shuffled low": chance - wide, "shuffled high": chance + wide,
    }  # fmt: skip
    print(
        f"prosodic alignment: made {ours:.3f}, shuffled {chance - wide:.3f} to {chance + wide:.3f}; people "
        f"{own.mean():.3f} ({low:.3f} to {high:.3f}), {len(own)} clips"
    )
    return out


def aligned(motion: Motion, valid: np.ndarray, events: Array64, seconds: float) -> prosody.Alignment | None:
    """Head beats of one motion against events."""
    return prosody.align_beats(
        prosody.head_beats(rotation_of(motion), valid),
        events,
        min(seconds, len(motion) / FPS),
    )
