"""What the judges say of motions beside those of the people whose voices they have: tables for the marks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from dev_set import Person
from rich.console import Console
from rich.table import Table

from mssync.arrays import Array
from mssync.evaluation.scores import words
from mssync.motion.space import Motion
from mssync.motion.syncers import SyncCurve, SyncerPyramid
from mssync.speech.features import default_features


@dataclass(frozen=True)
class Case:
    """One voice: the made motion and the person's own, each with the log-mel it goes with.

    Attributes:
        natural: the person moves the head as people do, which readers of commands do not.
    """

    natural: bool
    made: Motion
    made_mel: Array
    real: Motion
    real_mel: Array


def agreement(judge: SyncerPyramid, cases: Sequence[Case], title: str) -> dict[str, Any]:
    """Offset and confidence per view and level, made beside real, and real against voices that do not belong.

    ``on``: share of clips whose best lag of +-15 is within a step; ``confidence``: mean over clips of the agreement at
    lag 0 above the median of lags. ``auc``: how often a real clip's confidence stands above that of a pair of strangers
    (0.5: this level says nothing).
    """
    table = Table(
        "view", "level", "clips", "on: made", "real", "confidence: made", "real", "made / real", "on, presenters: made",
        "real", "AUC", title=title,
    )  # fmt: skip
    out: dict[str, Any] = {}
    for view in judge.views:
        for level in judge.levels:
            rows: list[tuple[bool, SyncCurve, SyncCurve]] = []
            pairs = []
            for c in cases:
                made = judge.curve(c.made.values, c.made_mel, view, level)
                real = judge.curve(c.real.values, c.real_mel, view, level)
                if made is not None and real is not None:
                    rows.append((c.natural, made, real))
                    pairs.append(judge.embed(c.real.values, c.real_mel, view, level))
            if not rows:
                continue
            on = [float(np.mean([abs(r[i].best) <= 1 for r in rows])) for i in (1, 2)]
            natural = [r for r in rows if r[0]]
            talk = [float(np.mean([abs(r[i].best) <= 1 for r in natural])) if natural else float("nan") for i in (1, 2)]
            height = [float(np.mean([r[i].at_zero for r in rows])) for i in (1, 2)]
            auc = strangers(pairs, [r[2].at_zero for r in rows])
            row = {
                "clips": len(rows), "on made": on[0], "on real": on[1],
                "confidence made": height[0], "confidence real": height[1], "ratio": height[0] / height[1],
                "presenters made": talk[0], "presenters real": talk[1], "auc": auc,
            }  # fmt: skip
            out[f"{view}-{level}"] = row
            table.add_row(
                view, str(level), str(len(rows)), *map(percent, on), *(f"{x:.4f}" for x in height),
                f"{row['ratio']:.2f}", *map(percent, talk), f"{auc:.2f}",
            )  # fmt: skip
    Console(width=150).print(table)
    return out


def strangers(pairs: Sequence[tuple[Array, Array] | None], own: Sequence[float]) -> float:
    """Share of (clip, pair of strangers) in which the clip agrees better at lag 0."""
    others = []
    for i, a in enumerate(pairs):
        for j, b in enumerate(pairs):
            if i != j and a is not None and b is not None:
                n = min(len(a[0]), len(b[1]))
                others.append(SyncCurve.of(a[0][:n], b[1][:n]).at_zero)
    if not others:
        return float("nan")
    return float((np.asarray(own)[:, None] > np.asarray(others)[None]).mean())


def said(judge: SyncerPyramid, cases: Sequence[Case]) -> dict[str, Any]:
    """Do mouths find their own words: made, real, and real with the voice moved by half the clip."""
    table = Table(
        "other moments are", "clips", "made", "real", "real, wrong moment", title="own words found (chance 50)"
    )
    out: dict[str, Any] = {}
    for key, name in (("words.loudness", "as loud"), ("words.opening", "as loud, mouth as open")):
        found: list[list[float]] = []
        for c in cases:
            half = len(c.real) // 2
            moved = c.real.with_values(np.roll(c.real.values, half, 0))
            trio = ((c.made, c.made_mel), (c.real, c.real_mel), (moved, c.real_mel))
            scores = [next(s for s in words.scores(m, mel, judge) if s.key == key).value for m, mel in trio]
            if all(x is not None for x in scores):
                found.append([float(x) for x in scores if x is not None])
        made, real, wrong = np.mean(found, axis=0)
        out[key] = {"clips": len(found), "made": float(made), "real": float(real), "wrong": float(wrong)}
        table.add_row(name, str(len(found)), percent(made), percent(real), percent(wrong))
    Console(width=120).print(table)
    return out


def pyramid_marks(name: str, pyramid: SyncerPyramid, people: Sequence[Person]) -> dict[str, Any]:
    """True offset within a step (of +-15) and AUC of matched against shuffled clips, per view and level, real clips."""
    table = Table("view", "level", "clips", "offset on", "presenters on", "AUC", title=f"{name}: real dev clips")
    out: dict[str, Any] = {}
    for view in pyramid.views:
        for level in pyramid.levels:
            pairs, curves = {}, {}
            for p in people:
                sound = p.mel if pyramid.features == "mel" else default_features(p.sound)
                pair = pyramid.embed(p.motion.values, sound, view, level)
                curve = pyramid.curve(p.motion.values, sound, view, level)
                if pair is not None and curve is not None:
                    pairs[p.entry.name], curves[p.entry.name] = pair, curve
            on = {n: abs(c.best) <= 1 for n, c in curves.items()}
            talkers = [on[p.entry.name] for p in people if p.entry.name in on and p.presenter]
            own = [float((m * s).sum(1).mean()) for m, s in pairs.values()]
            others = [
                float((m[:n] * s[:n]).sum(1).mean())
                for a, (m, _) in pairs.items()
                for b, (_, s) in pairs.items()
                if a != b and (n := min(len(m), len(s)))
            ]
            area = float(np.mean(np.asarray(own)[:, None] > np.asarray(others)[None]))
            row = {
                "clips": len(on), "on": float(np.mean(list(on.values()))),
                "presenters on": float(np.mean(talkers)), "auc": area,
            }  # fmt: skip
            out[f"{view}-{level}"] = row
            table.add_row(
                view, str(level), str(row["clips"]), percent(row["on"]), percent(row["presenters on"]), f"{area:.3f}"
            )
    Console(width=120).print(table)
    return out


def percent(x: float) -> str:
    return "" if np.isnan(x) else f"{100 * x:.0f} %"
