"""Can the judge of content be fooled? Mouths that are in time and say the wrong thing, made from people's own.

    python -m pip install '.[train]'
    python benchmarks/content_checks.py CLIPS VIDEOS --list clips.csv

On every talking dev clip (as in `benchmarks/raw_marks.py`): the person's own mouth; the same opening with one shape for
every opening; the same opening with the shapes of another half of the clip; an opening that follows the loudness alone,
with one shape for every opening; and the whole face moved by half the clip. Beside the shares of the judge of content
stands the agreement at level 0 of the judge of lips, which timing alone can please.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from common import RESULTS, machine
from dev_set import Person, dev_people
from rich.console import Console
from rich.table import Table

from mssync.arrays import Array
from mssync.evaluation.scores import words
from mssync.motion.columns import HEAD
from mssync.motion.space import Motion
from mssync.motion.syncers import SyncerPyramid, shipped_judge
from mssync.timing import STEPS_PER_FRAME

AROUND = 3  # frames of loudness on each side that the opening is made from


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path)
    parser.add_argument("videos", type=Path)
    parser.add_argument("--list", type=Path, required=True)
    args = parser.parse_args()
    people = dev_people(args.clips, args.videos, args.list)
    lips, judge = SyncerPyramid.load(), SyncerPyramid.load(shipped_judge("judge-content"))
    table = Table(
        "mouth", "as loud", "as loud and open", "better than real", "lips, level 0: confidence", "offset on",
        title=f"own words found among other moments, mean of {len(people)} clips (chance 50 %)",
    )  # fmt: skip
    out = {}
    real: np.ndarray | None = None
    for name, make in CASES.items():
        rows = []
        for p in people:
            motion = make(p)
            found = {s.key: s.value for s in words.scores(motion, p.mel, judge)}
            curve = lips.curve(motion.values, p.mel, "lips", 0)
            if curve is None or any(v is None for v in found.values()):
                raise SystemExit(f"{p.entry.name} is too short for the judges.")
            rows.append([found["words.loudness"], found["words.opening"], curve.at_zero, abs(curve.best) <= 1])
        values = np.asarray(rows, float)
        real = values if real is None else real
        loud, opened, height, on = values.mean(0)
        better = float((values[:, 0] > real[:, 0]).mean())
        out[name] = {"as loud": loud, "as open": opened, "better": better, "confidence": height, "on": on}
        table.add_row(
            name, f"{100 * loud:.0f} %", f"{100 * opened:.0f} %", f"{100 * better:.0f} %", f"{height:.3f}",
            f"{100 * on:.0f} %",
        )  # fmt: skip
    Console(width=130).print(table)
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / "content_checks.json"
    path.write_text(json.dumps({"machine": machine(), "cases": out}, indent=1) + "\n", "utf-8")


# ---- mouths whose fault is known ----------------------------------------------------------------------------------


def one_shape(p: Person) -> Motion:
    """The person's own opening, and for every opening one expression (a parabola fitted on the clip)."""
    return shaped(p.motion, p.motion.column("lip_gap"))


def other_shapes(p: Person) -> Motion:
    """The person's own opening, and the expressions of half the clip later."""
    values = p.motion.values.copy()
    k = expressions(p.motion)
    values[:, k] = np.roll(values[:, k], len(values) // 2, 0)
    return p.motion.with_values(values)


def in_time(p: Person) -> Motion:
    """An opening that is a linear function of the loudness of 0.28 s around, with one expression for every opening."""
    n = len(p.motion)
    level = p.mel[: STEPS_PER_FRAME * n].reshape(n, -1).mean(1)
    around = np.stack([*(np.roll(level, s) for s in range(-AROUND, AROUND + 1)), np.ones(n)], 1)
    gap = p.motion.column("lip_gap")
    fitted = around @ np.linalg.lstsq(around, gap, rcond=None)[0]
    return shaped(p.motion, np.maximum(fitted, 0.0).astype(np.float32))


def moved(p: Person) -> Motion:
    """All of it, half the clip later."""
    return p.motion.with_values(np.roll(p.motion.values, len(p.motion) // 2, 0))


def shaped(motion: Motion, gap: Array) -> Motion:
    """A motion with this opening and the expression that goes with such an opening on average."""
    k, own = expressions(motion), motion.column("lip_gap")
    fit = np.linalg.lstsq(np.stack([own**0, own, own**2], 1), motion.values[:, k], rcond=None)[0]
    values = motion.values.copy()
    values[:, k] = np.stack([gap**0, gap, gap**2], 1) @ fit
    values[:, motion.names.index("lip_gap")] = gap
    return motion.with_values(values)


def expressions(motion: Motion) -> slice:
    """The expression's columns."""
    return slice(len(HEAD), len(HEAD) + sum(n.startswith("expr_") for n in motion.names))


CASES: dict[str, Callable[[Person], Motion]] = {
    "the person's own": lambda p: p.motion,
    "own opening, one shape": one_shape,
    "own opening, shapes of other moments": other_shapes,
    "opening by loudness, one shape": in_time,
    "moved by half the clip": moved,
}


if __name__ == "__main__":
    main()
