"""The marks that a model must reach, as one table: each with its number, real people's own, what is wanted, and whether
it is reached. Numbers come from the other benchmarks' facts; none is measured here.

    python benchmarks/must_reach.py before.json after.json

lays results of `benchmarks/marks.py` side by side, as Markdown; what is reached is printed bold.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf, isfinite
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

Facts = Mapping[str, Any]
BY_CHANCE = 3 / 31  # share of clips whose best lag of +-15 lies within a step of the true one, whatever they show
HEAD = ("pitch", "yaw", "roll", "x", "y", "size")


@dataclass(frozen=True)
class Mark:
    """One line.

    Attributes:
        name: what is measured.
        source: ``raw`` motion, or ``tracked`` from the pixels of rendered video.
        made: the model's number; real: people's own, where there is one.
        low, high: what is wanted, both ends included.
    """

    name: str
    source: str
    made: float
    real: float | None
    low: float
    high: float

    @property
    def reached(self) -> bool:
        """Inside what is wanted; a number that could not be measured is not."""
        return isfinite(self.made) and self.low <= self.made <= self.high


def marks(source: str, facts: Facts) -> Iterator[Mark]:
    """The marks that one source's facts hold; what was not measured is left out.

    Args:
        source: ``raw`` or ``tracked``.
        facts: by measure, as :mod:`raw_marks` and :mod:`marks` collect them.
    """
    parts = (depends, listens, speaks, moves, lips, lives, hears)
    for part in parts:
        for name, made, real, low, high in part(facts):
            yield Mark(name, source, made, real, low, high)


Row = tuple[str, float, float | None, float, float]


def depends(facts: Facts) -> Iterator[Row]:
    """Does every axis follow the speech?"""
    if "dependence" not in facts:
        return
    found = facts["dependence"]
    speech, seed = found["same seed, other speech"], found["same speech, other seed"]
    people = found["real people, other speech"]
    for axis in (*HEAD, "lips"):
        real = people[axis]["abs"]
        yield f"same seed, other speech: |r| of {axis}", speech[axis]["abs"], real, 0.0, max(0.25, real)
    for axis in HEAD:
        yield f"same speech, other seed: |r| of {axis}", seed[axis]["abs"], None, 0.2, 0.6


def listens(facts: Facts) -> Iterator[Row]:
    """Is each axis of the head in time, and the head no more regular than people?"""
    found = facts.get("sync", {})
    for view in ("yaw", "roll"):
        for level in (1, 2):
            if row := found.get(f"{view}-{level}"):
                real = row["presenters real"]
                if real > BY_CHANCE:  # else the share of people's own clips says nothing, and no model can fall short
                    yield f"{view} alone, level {level}: presenters on", row["presenters made"], real, real, 1.0
                yield f"{view} alone, level {level}: confidence / real", row["ratio"], 1.0, 0.5, 1.5
    for level in (1, 2, 3):
        if row := found.get(f"head-{level}"):
            yield f"head, level {level}: confidence / real", row["ratio"], 1.0, 0.8, 1.3


def speaks(facts: Facts) -> Iterator[Row]:
    """Does the mouth say what the person's own says?"""
    if "content" in facts:
        for shape, least in (("opening", 0.65), ("width", 0.4)):
            row = facts["content"][shape]
            yield f"{shape} of the mouth: r with the person's own", row["r"], None, least, 1.0
        lag = facts["content"]["opening"]["lag"]
        yield "lips' lag to the person's own [frames]", lag, 0.0, -0.5, 0.5
    if "variety" in facts:
        wide = facts["variety"]["width, spread over mean"]["ratio"]
        yield "mouth width: spread / real", wide, 1.0, 0.8, 1.2
        for kind in ("spread", "speed"):
            yield f"brows: {kind} / real", facts["variety"][f"brows, {kind}"]["ratio"], 1.0, 0.8, 1.2
        touching = facts["variety"]["touching in speech"]
        real = touching["real"]
        yield "lips touch in speech: share of frames", touching["made"], real, real - 0.03, real + 0.03
    if "words" in facts:
        for key, name in (("words.loudness", "as loud"), ("words.opening", "as loud and open")):
            row = facts["words"][key]
            yield f"own words found among moments {name}: / real", row["made"] / row["real"], 1.0, 0.95, inf


def moves(facts: Facts) -> Iterator[Row]:
    """Does the head move as much, and in such a way, as people's?"""
    if "head" not in facts:
        return
    found = facts["head"]
    for kind in ("spread", "speed"):
        for axis in ("pitch", "yaw", "roll"):
            yield f"head, {kind} of {axis} / presenters'", found[kind][axis], 1.0, 0.8, 1.2
    between = found["spectrum"]["real"]
    yield "head: spectrum distance [dB]", found["spectrum"]["made"], between, 0.0, min(3.0, between)
    yield "head windows: Frechet distance / halves of real", found["frechet"]["ratio"], 1.0, 0.0, 1.5


def lips(facts: Facts) -> Iterator[Row]:
    """Are the lips in time, closed where they must be, and at rest in silence?"""
    for level in range(4):
        if row := facts.get("sync", {}).get(f"lips-{level}"):
            least = 1.0 if level < 3 else 0.95
            yield f"lips, level {level}: clips on", row["on made"], row["on real"], least, 1.0
            yield f"lips, level {level}: confidence / real", row["ratio"], 1.0, 0.9, 1.1
    if "mouth" in facts:
        closed = facts["mouth"]["bilabials"]
        made, real = (closed[k] / max(closed["count"], 1) for k in ("made", "real"))
        yield "/p b m/ closed: share", made, real, real - 0.03, 1.0
        for key in ("silence.gap", "silence.speed"):
            row = facts["mouth"][key]
            yield f"{key}, not above people's", row["made"], row["real"], 0.0, row["real"]
    if "takes" in facts:
        yield "two takes: lips' r", facts["takes"]["lips r"], None, 0.6, 0.85
        yield f"collapsed takes of {facts['takes']['takes']}", facts["takes"]["collapsed"], 0.0, 0.0, 0.0


def lives(facts: Facts) -> Iterator[Row]:
    """Does the head beat time and do the eyes blink as people's?"""
    if "beats" in facts:
        row = facts["beats"]
        yield "prosodic alignment, inside people's interval", row["made"], row["real"], row["low"], row["high"]
        yield "prosodic alignment, above shuffled beats'", row["made"], row["real"], row["shuffled high"], 1.0
    if "blinks" in facts:
        for key, unit in (("rate", "1/min"), ("duration", "s")):
            row = facts["blinks"][key]
            yield f"blinks, {key} [{unit}], people's middle half", row["made"], row["real"], row["low"], row["high"]
        row = facts["blinks"]["pauses"]
        above, real = row["made"] - row["chance"], row["real"] - row["real chance"]
        yield "blinks in pauses, share above chance", above, real, real / 2, 1.5 * real if real > 0 else inf


def hears(facts: Facts) -> Iterator[Row]:
    """Is it in time with any voice?"""
    found = facts.get("voices", {})
    kinds = {"telephone": 0.9, "noise, 10 dB": 0.9, "English": 0.9, "language": 0.8}
    for kind, least in kinds.items():
        rows = [row for name, row in found.items() if name.split(",")[0] == kind or name == kind]
        if rows:
            yield f"{kind}: lips' confidence / clean voices', median", median(r["ratio"] for r in rows), 1.0, least, inf
            if count := sum(r.get("bilabials", 0) for r in rows):
                closed = sum(r.get("closed", 0) for r in rows)
                yield f"{kind}: /p b m/ closed, of {count}", closed / count, None, 0.97, 1.0
            yield f"{kind}: offset on, share", sum(r["on"] for r in rows) / len(rows), None, 0.95, 1.0


def show(found: list[Mark]) -> dict[str, Any]:
    """Print the table; for JSON."""
    table = Table("mark", "source", "made", "real", "wanted", "reached", title="must reach")
    for m in found:
        wanted = f"{m.low:.3g} to {m.high:.3g}" if isfinite(m.high) else f"{m.low:.3g} or more"
        real = "" if m.real is None else f"{m.real:.3g}"
        table.add_row(escape(m.name), m.source, f"{m.made:.3g}", real, wanted, "yes" if m.reached else "NO")
    Console(width=140).print(table)
    print(f"reached: {sum(m.reached for m in found)} of {len(found)}")
    return {
        f"{m.source}: {m.name}": {
            "made": m.made, "real": m.real, "low": m.low, "high": m.high if isfinite(m.high) else None,
            "reached": m.reached,
        }
        for m in found
    }  # fmt: skip


def side_by_side(columns: Sequence[Facts]) -> str:
    """Markdown of several results of `benchmarks/marks.py`, raw and tracked columns of each; people and what is wanted
    are those of the last result that has the mark."""
    found: dict[str, dict[tuple[int, str], Mark]] = {}
    for i, facts in enumerate(columns):
        for source in ("raw", "tracked"):
            for m in marks(source, facts.get(source, {})):
                found.setdefault(m.name, {})[i, source] = m
    heads = [f"{name}, {source}" for name in map(str, range(1, len(columns) + 1)) for source in ("raw", "tracked")]
    lines = ["| mark | people | wanted | " + " | ".join(heads) + " |", "|---|---|---|" + "---|" * len(heads)]
    for name, row in found.items():
        last = row[max(row)]
        wanted = f"{last.low:.3g} to {last.high:.3g}" if isfinite(last.high) else f"{last.low:.3g} or more"
        people = "" if last.real is None else f"{last.real:.3g}"
        cells = [cell(row.get((i, source))) for i in range(len(columns)) for source in ("raw", "tracked")]
        lines.append(f"| {name.replace('|', chr(92) + '|')} | {people} | {wanted} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def cell(mark: Mark | None) -> str:
    """A number, bold where it is reached."""
    if mark is None:
        return ""
    return f"**{mark.made:.3g}**" if mark.reached else f"{mark.made:.3g}"


if __name__ == "__main__":
    print(side_by_side([json.loads(Path(name).read_text("utf-8")) for name in sys.argv[1:]]))
