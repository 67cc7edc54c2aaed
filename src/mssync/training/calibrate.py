"""Calibration of a trained generator on training clips: amount of head motion, lip-gap curve, closure thresholds.

A net that predicts for many possible people predicts between them: its heads turn too little, its closures stay a
little open. Matching a few numbers of its free-running motion to people's gives that back without moving anything in
time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

import numpy as np

from mssync.arrays import Array
from mssync.motion.columns import HEAD_NAMES
from mssync.motion.gap_curve import GapCurve
from mssync.nets.closure import ClosureNet
from mssync.nets.generator import Generator
from mssync.training.closure import TALK, closure_probability, fit_thresholds
from mssync.training.data.listing import NATURAL
from mssync.training.data.samples import Sample
from mssync.training.facts import Facts
from mssync.training.probe import generate

MOST_FRAMES: Final = 500
MOST_CLIPS: Final = 60  # per role
GAIN: Final = (0.5, 3.0)


def calibrate(net: Generator, closures: ClosureNet, facts: Facts, train: Sequence[Sample]) -> dict[str, Any]:
    """The part of a model's manifest that is measured rather than learnt.

    Returns:
        ``gap_curve``: quantiles of generated and of real lip gaps of natural speakers; ``head_gain``: per head column,
        what generated motion is multiplied by to have people's amount (geometric mean of the ratios of spread and
        speed); ``closure``: probabilities (touching lips, /p b m/) above which lips are brought together.
    """
    roles = {s.entry.role for s in train}
    usual = NATURAL if NATURAL in roles else sorted(roles)[0]
    drawn = {r: _clips(train, r) for r in sorted(roles)}
    made = {r: _made(net, facts, clips) for r, clips in drawn.items()}
    talks = [s.speech[:MOST_FRAMES] > TALK for s in drawn[usual]]
    talks = talks if any(t.any() for t in talks) else [np.ones(len(t), bool) for t in talks]
    curve = GapCurve.fit(
        np.concatenate([m[t, -5] for m, t in zip(made[usual], talks, strict=True)]),
        np.concatenate([s.motion[:MOST_FRAMES, -5][t] for s, t in zip(drawn[usual], talks, strict=True)]),
    )
    gaps, heard, real, spoken = [], [], [], []
    for r, clips in drawn.items():
        speech = [s.speech[:MOST_FRAMES] > TALK for s in clips]
        if not any(t.any() for t in speech):
            continue
        gaps.append(np.concatenate([curve(m[t, -5]) for m, t in zip(made[r], speech, strict=True)]))
        heard.append(
            np.concatenate(
                [closure_probability(closures, s.sound)[:MOST_FRAMES][t] for s, t in zip(clips, speech, strict=True)]
            )
        )
        real.append(np.concatenate([s.motion[:MOST_FRAMES, -5][t] for s, t in zip(clips, speech, strict=True)]))
        spoken.append(np.concatenate([s.bilabial[:MOST_FRAMES][t] for s, t in zip(clips, speech, strict=True)]))
    thresholds = fit_thresholds(gaps, heard, real, np.concatenate(spoken)) if gaps else [0.5, 0.5]
    return {
        "gap_curve": asdict(curve),
        "head_gain": [round(float(g), 4) for g in head_gain(made[usual], drawn[usual])],
        "closure": {"thresholds": thresholds},
    }


def head_gain(made: Sequence[Array], real: Sequence[Sample]) -> Array:
    """Factor per head column ``(6,)``, medians over clips."""
    ratios, h = [], len(HEAD_NAMES)
    for m, s in zip(made, real, strict=True):
        people, net = (x.std(0) * np.abs(np.diff(x, axis=0)).mean(0) for x in (s.motion[: len(m), :h], m[:, :h]))
        ratios.append(np.sqrt(people / (net + 1e-9)))
    return np.asarray(np.clip(np.median(ratios, axis=0), *GAIN), np.float32)


def _clips(train: Sequence[Sample], role: str) -> list[Sample]:
    """The clips of a role, each once, without mirror images, at most :data:`MOST_CLIPS`, evenly spread."""
    once = list({s.entry.name: s for s in reversed(train) if s.entry.role == role}.values())
    return once[:: max(1, len(once) // MOST_CLIPS)][:MOST_CLIPS]


def _made(net: Generator, facts: Facts, clips: Sequence[Sample]) -> list[Array]:
    """Free-running motion for each clip's sound, as long as the clip, at most 20 seconds."""
    frames = min(MOST_FRAMES, max(len(s.motion) for s in clips))
    made = generate(net, facts.scales, facts.style_default, clips, 0, frames)
    return [m[: len(s.motion)][:frames] for m, s in zip(made, clips, strict=True)]
