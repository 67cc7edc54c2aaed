"""Head motion that comes out of the stages beside people's, with head gains measured before and through the stages.

    python benchmarks/calibration.py CLIPS --list clips.csv --split train

Prints per head column the gain, and medians over the clips of natural speakers of generated over real velocity and
spread, after all stages; 1.00 is people's. Voices: the clips' own, the model's one free run of at most 20 seconds.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from mssync.arrays import Array
from mssync.motion.columns import HEAD_NAMES
from mssync.motion.options import MotionOptions
from mssync.motion.space import MotionSpace
from mssync.motion.stages import EASE_FRAMES, STAGES, Heard, Setting, stages_of, through
from mssync.training.calibrate import MOST_FRAMES, head_gain
from mssync.training.data.index import read_report
from mssync.training.data.listing import natural, read_list
from mssync.training.data.samples import Sample, load_clips, make_sample
from mssync.training.init import load_start
from mssync.training.probe import generate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path, help="folder of `mssync preprocess`")
    parser.add_argument("--list", type=Path, required=True, help="clips.csv")
    parser.add_argument("--split", default="dev")
    parser.add_argument("--model", default="default")
    args = parser.parse_args()
    start = load_start(args.model)
    space = start.space
    lines = [e for e in read_list(args.list, read_report(args.clips)) if e.split == args.split]
    people = [
        make_sample(e, clip, record, space.groups)
        for e, clip, record in load_clips(args.clips, natural(lines, lambda e: e))
    ]
    frames = min(MOST_FRAMES, max(len(s.motion) for s in people))
    free = generate(start.net, start.facts.scales, start.facts.style_default, people, 0, frames)
    made = [m[: len(s.motion)] for m, s in zip(free, people, strict=True)]
    gains = {
        "of the model": np.asarray(start.measured["head_gain"]),
        "before the stages": head_gain(made, people, space, stages=()),
        "through the stages": head_gain(made, people, space),
    }
    table = Table(f"{len(people)} clips of {args.split}", "", *HEAD_NAMES, title="1.00 is people's amount")
    for name, gain in gains.items():
        velocity, spread = ratios(made, people, space, gain)
        for what, values in (("gain", gain), ("velocity", velocity), ("spread", spread)):
            table.add_row(name if what == "gain" else "", what, *(f"{v:.2f}" for v in values))
    Console(width=120).print(table)


def ratios(made: Sequence[Array], people: Sequence[Sample], space: MotionSpace, gain: Array) -> tuple[Array, Array]:
    """Generated over real velocity and spread, ``(6,)`` each."""
    head, found = space.groups.head, []
    names = [n for n in space.stages if STAGES[n].needs in ("", "head_gain")]
    for m, s in zip(made, people, strict=True):
        stages = stages_of(names, Setting(space.groups, {"head_gain": gain}, MotionOptions()))
        out = through(stages, m, Heard.silent(len(m)))[EASE_FRAMES:, head]
        real = s.motion[EASE_FRAMES : len(m), head]
        found.append([np.abs(np.diff(x, axis=0)).mean(0) for x in (out, real)] + [x.std(0) for x in (out, real)])
    fast, faster, wide, wider = np.moveaxis(np.asarray(found), 1, 0)
    return np.median(fast / faster, axis=0), np.median(wide / wider, axis=0)


if __name__ == "__main__":
    main()
