"""Do the lips close on /p b m/? GRID clips, whose file names spell the sentence, with phones by forced alignment.

    pip install "mssync[eval]"
    python benchmarks/closures.py CLIPS VIDEOS --list clips.csv

For every bilabial the smallest lip gap within the phone, one frame wider on both sides, is taken from the model's
motion and from the tracked motion of the speaker; a closure is a gap below 0.02 inter-ocular distances. The share of
all speech frames below 0.01 stands beside it: a mouth that is shut too often closes on /p b m/ too.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from common import RESULTS, machine

from mssync import TalkingHead
from mssync.errors import InputError
from mssync.evaluation.articulation import BILABIALS, CLOSED, frames_of
from mssync.evaluation.phones import align, sentence
from mssync.media.audio import load_sound
from mssync.motion.generator import MotionOptions
from mssync.motion.mesh import MeshSpace
from mssync.training.data import load_clips, make_samples, read_list


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path)
    parser.add_argument("videos", type=Path)
    parser.add_argument("--list", type=Path, required=True)
    parser.add_argument("--split", default="dev")
    parser.add_argument("--model", default="default")
    args = parser.parse_args()
    head = TalkingHead.load(args.model)
    space = MeshSpace.load(head.model.file("space.npz"))
    entries = [e for e in read_list(args.list) if e.split == args.split and sentence(e.name)]
    made, real, shut = [], [], []
    for sample in make_samples(space, load_clips(args.clips, entries), mirror=False):
        sound = load_sound(next(args.videos.glob(sample.entry.name + ".*")))
        stream = head.stream(MotionOptions())
        gap = np.concatenate([stream.push(sound), stream.flush()])[:, -5]
        own = sample.motion[:, -5]
        n = min(len(gap), len(own))
        talk = sample.speech[:n] > 0.5
        shut.append([np.mean(gap[:n][talk] < CLOSED / 2), np.mean(own[:n][talk] < CLOSED / 2)])
        try:
            phones = align(sound, sentence(sample.entry.name) or "")
        except InputError as e:
            print(f"{sample.entry.name}: {e}", file=sys.stderr)
            continue
        for phone in phones:
            rows = frames_of(phone, n, wider=1)
            if phone.name in BILABIALS and len(own[rows]):
                made.append(gap[rows].min() < CLOSED)
                real.append(own[rows].min() < CLOSED)
    facts = {
        "clips": len(shut), "bilabials": len(made),
        "closed, made": float(np.mean(made)), "closed, real": float(np.mean(real)),
        "shut in speech, made": float(np.mean(shut, 0)[0]), "shut in speech, real": float(np.mean(shut, 0)[1]),
    }  # fmt: skip
    for k, v in facts.items():
        print(f"{k}: {v:.2f}" if isinstance(v, float) else f"{k}: {v}")
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "closures.json").write_text(json.dumps({"machine": machine(), **facts}, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
