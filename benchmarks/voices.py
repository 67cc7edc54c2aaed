"""Does the model hear any voice? Lips on changed and on synthetic voices beside the same model on clean dev voices.

    python -m pip install '.[train,eval]' py-nanotts==0.1.1
    python benchmarks/voices.py CLIPS VIDEOS --list clips.csv --model default

Every dev presenter's voice is given as recorded, through a telephone, with noise 10 dB below it, and whispered; what
the lips then do is judged against the voice *as recorded*, so that the judge's own hearing is not tested. Synthetic
voices (high, low, child-like, slow, fast; and four other languages) are judged against themselves, and in English asked
for closed lips at /p b m/. Raw motion.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from changed_voices import noisy, telephone, whispered
from common import RESULTS, machine
from dev_set import Take, dev_people, taker
from rich.console import Console
from rich.table import Table

from mssync import TalkingHead
from mssync.arrays import Array
from mssync.evaluation.footage import pinned_space
from mssync.evaluation.scores.articulation import closures
from mssync.motion.syncers import SyncerPyramid
from mssync.speech.logmel import log_mel
from mssync.speech.phones import align

LEVELS = (0, 1, 2)
ENGLISH = (
    "The harbour was quiet when the first boats came back. Nobody had expected them before noon, and the market was "
    "still closed. A woman put down her basket, looked at the water for a while, and began to laugh."
)
# What py-nanotts is asked for: voice, speed, pitch.
SPOKEN = {
    "female": ("en-US", 1.0, 1.0), "female, British": ("en-GB", 1.0, 1.0), "low, like a man": ("en-GB", 1.0, 0.6),
    "child-like": ("en-US", 1.0, 1.6), "slow": ("en-US", 0.75, 1.0), "fast": ("en-US", 1.4, 1.0),
}  # fmt: skip
LANGUAGES = {
    "de-DE": "Der Hafen war still, als die ersten Boote kamen. Niemand hatte sie vor Mittag erwartet, und der Markt "
    "war noch zu. Eine Frau stellte ihren Korb ab, sah eine Weile auf das Wasser und begann zu lachen.",
    "es-ES": "El puerto estaba tranquilo cuando volvieron los primeros barcos. Nadie los esperaba antes del mediodía. "
    "Una mujer dejó su cesta, miró el agua un momento y empezó a reír.",
    "fr-FR": "Le port était calme quand les premiers bateaux sont revenus. Personne ne les attendait avant midi. Une "
    "femme posa son panier, regarda longtemps la mer et se mit à rire.",
    "it-IT": "Il porto era tranquillo quando tornarono le prime barche. Nessuno le aspettava prima di mezzogiorno. Una "
    "donna posò il cesto, guardò a lungo il mare e cominciò a ridere.",
}  # fmt: skip


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path)
    parser.add_argument("videos", type=Path)
    parser.add_argument("--list", type=Path, required=True)
    parser.add_argument("--model", default="default")
    args = parser.parse_args()
    voices = [p.sound for p in dev_people(args.clips, args.videos, args.list) if p.presenter]
    facts = {
        "machine": machine(),
        "model": args.model,
        "voices": voice_marks(taker(TalkingHead.load(args.model)), SyncerPyramid.load(), voices),
    }
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "voices.json").write_text(json.dumps(facts, indent=1) + "\n", "utf-8")


def voice_marks(take: Take, judge: SyncerPyramid, voices: Sequence[Array]) -> dict[str, Any]:
    """Confidence and offset by kind of voice, and the confidence over that of the clean voices."""
    pairs: dict[str, list[tuple[Array, Array]]] = {
        "clean": [(v, v) for v in voices],
        "telephone": [(telephone(v), v) for v in voices],
        "noise, 10 dB": [(noisy(v, 10.0), v) for v in voices],
        "whispered": [(whispered(v), v) for v in voices],
    }
    pairs |= synthetic()
    levels = (f"level {k}" for k in LEVELS)
    table = Table("voice", "sounds", *levels, "median / clean", "offset on", "/p b m/", title="lips' confidence")
    gap = pinned_space().names.index("lip_gap")
    out: dict[str, Any] = {}
    for name, sounds in pairs.items():
        moved = [(take(heard, 0).values, log_mel(truth)) for heard, truth in sounds]
        curves = {k: [c for m, mel in moved if (c := judge.curve(m, mel, "lips", k)) is not None] for k in LEVELS}
        height = [float(np.median([c.at_zero for c in curves[k]])) if curves[k] else float("nan") for k in LEVELS]
        on = float(np.mean([abs(c.best) <= 1 for k in LEVELS for c in curves[k]]))
        clean = out["clean"]["confidence"] if out else height
        ratio = float(np.nanmedian(np.asarray(height) / np.asarray(clean)))
        out[name] = {"sounds": len(sounds), "confidence": height, "ratio": ratio, "on": on}
        closed = ""
        if name.startswith("English"):
            rows = moved[0][0]
            hits = closures(rows[:, gap], np.ones(len(rows), np.bool_), align(sounds[0][1], ENGLISH))
            out[name] |= {"bilabials": len(hits), "closed": int(hits.sum())}
            closed = f"{hits.sum()} of {len(hits)}"
        heights = (f"{x:.3f}" for x in height)
        table.add_row(name, str(len(sounds)), *heights, f"{ratio:.2f}", f"{100 * on:.0f} %", closed)
    Console(width=120).print(table)
    return out


def synthetic() -> dict[str, list[tuple[Array, Array]]]:
    """Synthetic voices, where py-nanotts is installed."""
    try:
        from py_nanotts import NanoTTS
    except ImportError:
        print("py-nanotts is not installed: no synthetic voices")
        return {}

    def say(text: str, voice: str, speed: float, pitch: float) -> Array:
        data = NanoTTS().speak(text, voice=voice, speed=speed, pitch=pitch)
        return np.frombuffer(data, "<i2").astype(np.float32) / 32768.0

    sounds = {f"English, {name}": say(ENGLISH, *how) for name, how in SPOKEN.items()}
    sounds |= {f"language, {voice}": say(text, voice, 1.0, 1.0) for voice, text in LANGUAGES.items()}
    return {name: [(sound, sound)] for name, sound in sounds.items()}


if __name__ == "__main__":
    main()
