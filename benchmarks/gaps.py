"""What a syncer pyramid thinks of lip gaps as they are tracked, and of gaps whose smallest are brought to zero.

    python benchmarks/gaps.py CLIPS --list clips.csv

The generator learns the second kind (:func:`mssync.training.data.samples.closing`). Printed per view and level: on how
many talking dev clips, the mean confidence, and the share whose best lag lies within one step of 0.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from mssync.models import load_model, shipped_syncer
from mssync.motion.spaces import load_space
from mssync.motion.syncers import SyncerPyramid
from mssync.training.data.av_offsets import MIN_FRAMES, MIN_TALK
from mssync.training.data.listing import read_list
from mssync.training.data.samples import closing, load_clips, make_sample


def main() -> None:
    parser = argparse.ArgumentParser(description="Confidence of a syncer pyramid on tracked and on closed lip gaps.")
    parser.add_argument("clips", type=Path, metavar="CLIPS", help="folder of `mssync preprocess`")
    parser.add_argument("--list", type=Path, required=True, help="clips.csv")
    parser.add_argument("--syncers", type=Path, default=shipped_syncer(), help="folder; default: the shipped ones")
    options = parser.parse_args()
    pyramid = SyncerPyramid.load(options.syncers)
    space = load_space(load_model().file("space.npz"))
    pyramid.check_space(space)
    found: dict[tuple[str, int, str], list[tuple[float, bool]]] = {}
    for entry, clip, record in load_clips(options.clips, [e for e in read_list(options.list) if e.split == "dev"]):
        tracked = make_sample(entry, clip, record, space.groups)
        if len(tracked.motion) < MIN_FRAMES or tracked.speech.mean() < MIN_TALK:
            continue
        for gaps, sample in (("tracked", tracked), ("closed", closing(tracked))):
            for view in pyramid.views:
                for level in pyramid.levels:
                    curve = pyramid.curve(sample.motion, sample.sound, view, level)
                    if curve is not None:
                        found.setdefault((view, level, gaps), []).append((curve.confidence, abs(curve.best) <= 1))
    for (view, level, gaps), numbers in sorted(found.items()):
        confidence, on = np.mean(numbers, axis=0)
        print(f"{view} {level} {gaps:8} {len(numbers)} clips: confidence {confidence:.3f}, on {100 * on:.0f} %")


if __name__ == "__main__":
    main()
