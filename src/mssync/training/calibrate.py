"""Calibration of a trained generator on training clips: amount of head motion, lip-gap curve, closure thresholds.

A net that predicts for many possible people predicts between them: its heads turn too little, its closures stay a
little open. Matching a few numbers of its free-running motion to people's gives that back without moving anything in
time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any, Final

import numpy as np

from mssync.arrays import Array
from mssync.motion.columns import width
from mssync.motion.gap_curve import GapCurve
from mssync.motion.options import MotionOptions
from mssync.motion.space import MotionSpace
from mssync.motion.stages import (
    EASE_FRAMES,
    STAGES,
    Closures,
    Gaps,
    HeadGain,
    Heard,
    Setting,
    stages_of,
    through,
)
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


def calibrate(
    net: Generator, closures: ClosureNet | None, facts: Facts, train: Sequence[Sample], space: MotionSpace
) -> dict[str, Any]:
    """The part of a model's manifest that its stages are made from and that is measured rather than learnt.

    Each number is measured on what comes out of the stages before its own and, where these bend it, after: a head that
    is smoothed moves less, and its gain must make up for that.

    Args:
        net, closures: trained; ``closures`` may be None where the space has no lip gap.
        facts: of the data.
        train: samples.
        space: of the motion; its stages say what is measured.
    Returns:
        ``gap_curve``: quantiles of generated and of real lip gaps of natural speakers; ``head_gain``: per head column,
        what generated motion is multiplied by to have people's amount (geometric mean of the ratios of spread and
        velocity); ``closure``: probabilities (touching lips, /p b m/) above which lips are brought together.
    """
    out: dict[str, Any] = {}
    roles = {s.entry.role for s in train}
    usual = NATURAL if NATURAL in roles else sorted(roles)[0]
    drawn = {r: _clips(train, r) for r in sorted(roles)}
    if not {HeadGain.name, Gaps.name, Closures.name} & set(space.stages):
        return out
    made = {r: _made(net, facts, clips) for r, clips in drawn.items()}
    if HeadGain.name in space.stages:
        out["head_gain"] = [round(float(g), 4) for g in head_gain(made[usual], drawn[usual], space)]
    if Gaps.name in space.stages:
        talks = [s.speech[:MOST_FRAMES] > TALK for s in drawn[usual]]
        talks = talks if any(t.any() for t in talks) else [np.ones(len(t), bool) for t in talks]
        lip_gap = space.groups.lip_gap
        curve = GapCurve.fit(
            np.concatenate([m[t, lip_gap][:, 0] for m, t in zip(made[usual], talks, strict=True)]),
            np.concatenate([s.lip_gap[:MOST_FRAMES][t] for s, t in zip(drawn[usual], talks, strict=True)]),
        )
        out["gap_curve"] = asdict(curve)
    if Closures.name in space.stages and closures is not None:
        before = space.stages[: space.stages.index(Closures.name)]
        curved = {r: [_through(before, m, out, space) for m in rows] for r, rows in made.items()}
        out["closure"] = {"thresholds": _thresholds(closures, drawn, curved, space.groups.lip_gap)}
    return out


def head_gain(
    made: Sequence[Array], real: Sequence[Sample], space: MotionSpace, stages: Sequence[str] | None = None
) -> Array:
    """Factor per head column ``(6,)``, medians over clips: of motion that went through the stages without one.

    Args:
        made, real: clip by clip.
        space: of the motion.
        stages: names; None: all of the space's that the head goes through.
    """
    head, ratios = space.groups.head, []
    if stages is None:
        stages = [n for n in space.stages if STAGES[n].needs in ("", HeadGain.needs)]
    alone = {HeadGain.needs: np.ones(width(head))}
    for m, s in zip(made, real, strict=True):
        # The way in from the photo's own pose is no motion of the net's.
        rows = _through(stages, m, alone, space)[EASE_FRAMES:]
        pair = (s.motion[EASE_FRAMES : len(m), head], rows[:, head])
        people, net = (x.std(0) * np.abs(np.diff(x, axis=0)).mean(0) for x in pair)
        ratios.append(np.sqrt(people / (net + 1e-9)))
    return np.asarray(np.clip(np.median(ratios, axis=0), *GAIN), np.float32)


def _thresholds(
    closures: ClosureNet, drawn: dict[str, list[Sample]], made: dict[str, list[Array]], lip_gap: slice
) -> list[float]:
    """Of the stage that closes lips, on gaps as they come to it."""
    gaps, heard, real, spoken = [], [], [], []
    for r, clips in drawn.items():
        speech = [s.speech[:MOST_FRAMES] > TALK for s in clips]
        if not any(t.any() for t in speech):
            continue
        gaps.append(np.concatenate([m[t, lip_gap][:, 0] for m, t in zip(made[r], speech, strict=True)]))
        heard.append(
            np.concatenate(
                [closure_probability(closures, s.sound)[:MOST_FRAMES][t] for s, t in zip(clips, speech, strict=True)]
            )
        )
        real.append(np.concatenate([s.lip_gap[:MOST_FRAMES][t] for s, t in zip(clips, speech, strict=True)]))
        spoken.append(np.concatenate([s.bilabial[:MOST_FRAMES][t] for s, t in zip(clips, speech, strict=True)]))
    return fit_thresholds(gaps, heard, real, np.concatenate(spoken)) if gaps else [0.5, 0.5]


def _through(names: Sequence[str], rows: Array, measured: dict[str, Any], space: MotionSpace) -> Array:
    """A whole clip's motion through fresh stages, somebody speaking throughout and no closure heard."""
    quiet = Heard.silent(len(rows))
    heard = replace(quiet, speech=np.ones_like(quiet.speech))
    return through(stages_of(names, Setting(space.groups, measured, MotionOptions())), rows, heard)


def _clips(train: Sequence[Sample], role: str) -> list[Sample]:
    """The clips of a role, each once, without mirror images, at most :data:`MOST_CLIPS`, evenly spread."""
    once = list({s.entry.name: s for s in reversed(train) if s.entry.role == role}.values())
    return once[:: max(1, len(once) // MOST_CLIPS)][:MOST_CLIPS]


def _made(net: Generator, facts: Facts, clips: Sequence[Sample]) -> list[Array]:
    """Free-running motion for each clip's sound, as long as the clip, at most 20 seconds."""
    frames = min(MOST_FRAMES, max(len(s.motion) for s in clips))
    made = generate(net, facts, clips, 0, frames)
    return [m[: len(s.motion)][:frames] for m, s in zip(made, clips, strict=True)]
