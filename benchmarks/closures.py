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
from pathlib import Path

import numpy as np
from common import RESULTS, machine
from pocketsphinx import Decoder

from mssync import TalkingHead
from mssync.media.audio import load_sound
from mssync.motion.generator import MotionOptions
from mssync.motion.mesh import MeshSpace
from mssync.training.data import load_clips, make_samples, read_list

COMMAND = {"b": "bin", "l": "lay", "p": "place", "s": "set"}
COLOUR = {"b": "blue", "g": "green", "r": "red", "w": "white"}
WHERE = {"a": "at", "b": "by", "i": "in", "w": "with"}
NUMBERS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
DIGIT = dict(zip("z123456789", NUMBERS, strict=True))
ADVERB = {"a": "again", "n": "now", "p": "please", "s": "soon"}
SHUT = 0.02


def sentence(name: str) -> str | None:
    """The words of a GRID clip from the six letters its file name begins with, or None."""
    c = name[:6].lower()
    parts = [COMMAND.get(c[:1]), COLOUR.get(c[1:2]), WHERE.get(c[2:3]), c[3:4], DIGIT.get(c[4:5]), ADVERB.get(c[5:6])]
    return " ".join(p for p in parts if p) if all(parts) else None


def phones(sound: np.ndarray, text: str) -> list[tuple[str, float, float]]:
    """Forced alignment: (phone, start, end) in seconds."""
    decoder = Decoder(samprate=16000, bestpath=False, loglevel="FATAL")
    pcm = (np.clip(sound, -1, 1) * 32767).astype(np.int16).tobytes()
    decoder.set_align_text(text)
    try:
        _decode(decoder, pcm)
        decoder.set_alignment()  # from words to the phones within them
        _decode(decoder, pcm)
        # Entries live only while the alignment is walked through: no list of words may be kept.
        found = decoder.get_alignment() or ()
        return [(p.name, p.start / 100, (p.start + p.duration) / 100) for word in found for p in word]
    except RuntimeError:  # no alignment was found
        return []


def _decode(decoder: Decoder, pcm: bytes) -> None:
    decoder.start_utt()
    decoder.process_raw(pcm, full_utt=True)
    decoder.end_utt()


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
    entries = [e for e in read_list(args.list) if e.split == args.split and sentence(Path(e.name).name)]
    made, real, shut = [], [], []
    for sample in make_samples(space, load_clips(args.clips, entries), mirror=False):
        sound = load_sound(next(args.videos.glob(sample.entry.name + ".*")))
        stream = head.stream(MotionOptions())
        gap = np.concatenate([stream.push(sound), stream.flush()])[:, -5]
        own = sample.motion[:, -5]
        n = min(len(gap), len(own))
        talk = sample.speech[:n] > 0.5
        shut.append([np.mean(gap[:n][talk] < SHUT / 2), np.mean(own[:n][talk] < SHUT / 2)])
        for phone, start, end in phones(sound, sentence(Path(sample.entry.name).name) or ""):
            rows = slice(max(0, int(start * 25) - 1), int(np.ceil(end * 25)) + 1)
            if phone in ("P", "B", "M") and len(gap[rows]) and len(own[rows]):
                made.append(gap[rows].min() < SHUT)
                real.append(own[rows].min() < SHUT)
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
