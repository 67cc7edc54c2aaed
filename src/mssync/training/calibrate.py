"""Calibration of a trained generator on training clips: amount of head motion, lip-gap curve, closure thresholds.

A net that predicts for many possible people predicts between them: its heads turn too little, its closures stay a
little open. Matching a few numbers of its free-running motion to people's gives that back without moving anything in
time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import chain, zip_longest
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

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
from mssync.nets.articulation import ArticulationNet
from mssync.nets.closure import ClosureNet
from mssync.nets.generator import Generator
from mssync.timing import FPS
from mssync.training.articulation import heard_mouth, set_mixing, shape_gain, shown_mouth
from mssync.training.closure import CLOSED, TALK, brought_together, closure_probability, fit_thresholds
from mssync.training.data.listing import NATURAL
from mssync.training.data.samples import Sample
from mssync.training.facts import Facts
from mssync.training.probe import generate

MOST_FRAMES: Final = 500
MOST_CLIPS: Final = 60  # per role
GAIN: Final = (0.5, 3.0)
ALIKE: Final = 2000  # gaps that each role has a say with


def calibrate(
    net: Generator,
    closures: ClosureNet | None,
    articulation: ArticulationNet | None,
    lookahead: int,
    facts: Facts,
    train: Sequence[Sample],
    space: MotionSpace,
) -> dict[str, Any]:
    """The part of a model's manifest that its stages are made from and that is measured rather than learnt.

    Each number is measured on what comes out of the stages before its own and, where these bend it, after: a head that
    is smoothed moves less, and its gain must make up for that. The articulation net's mixing is set first.

    Args:
        net, closures, articulation: trained; ``closures`` may be None where the space has no lip gap, ``articulation``
            where the generator's own mouth is shown.
        lookahead: of the articulation net.
        facts: of the data.
        train: samples.
        space: of the motion; its stages say what is measured.
    Returns:
        ``gap_curve``: quantiles of generated and of real gaps of open lips in speech; ``head_gain``: per head column,
        what generated motion is multiplied by to have people's amount (geometric mean of the ratios of spread and
        velocity); ``closure``: probabilities (touching lips, /p b m/) above which lips are brought together;
        ``articulation``: look-ahead and columns of its net.
    """
    out: dict[str, Any] = {}
    roles = sorted({s.entry.role for s in train})
    usual = NATURAL if NATURAL in roles else roles[0]
    drawn = {r: _clips(train, r) for r in roles}
    if not {HeadGain.name, Gaps.name, Closures.name} & set(space.stages) and articulation is None:
        return out
    made = {r: _made(net, facts, clips) for r, clips in drawn.items()}
    if HeadGain.name in space.stages:
        out["head_gain"] = [round(float(g), 4) for g in head_gain(made[usual], drawn[usual], space)]
    if articulation is not None:
        mouth = space.groups.mouth
        out["articulation"] = {"lookahead": lookahead, "columns": [mouth.start, mouth.stop]}
        set_mixing(articulation, space, facts.scales)
        _articulate(articulation, lookahead, facts, drawn, made, mouth)
    speech = {r: list(map(partial(_Speech.of, closures, space), clips, made[r])) for r, clips in drawn.items()}
    parts = [found for clips in speech.values() if (found := [c for c in clips if len(c.made)])]
    if Closures.name in space.stages and closures is not None:
        out["closure"] = {"thresholds": _thresholds(parts)}
    if Gaps.name in space.stages:
        curve = _gap_curve(parts, out["closure"]["thresholds"] if "closure" in out else [1.0, 1.0])
        out["gap_curve"] = asdict(curve)
        if articulation is not None:
            long = [c for p in parts for c in p if len(c.made) > FPS]
            shown = [np.concatenate([c.made[:, :-1], curve(c.made[:, -1])[:, None]], 1) for c in long]
            set_mixing(articulation, space, facts.scales, shape_gain(space, shown, [c.real for c in long]))
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


@dataclass(frozen=True)
class _Speech:
    """A clip's frames of speech.

    Attributes:
        made, real: mouths ``(n, columns)``; heard: probabilities ``(n, 2)`` of closures; bilabial: ``(n,)``.
    """

    made: Array
    real: Array
    heard: Array
    bilabial: NDArray[np.int8]

    @staticmethod
    def of(closures: ClosureNet | None, space: MotionSpace, sample: Sample, made: Array) -> _Speech:
        n, mouth = len(made), space.groups.mouth
        talk = (sample.speech[:n] > TALK) & sample.valid[:n]
        heard = np.zeros((n, 2), np.float32)
        if closures is not None:
            heard = closure_probability(closures, sample.sound)[:n]
        return _Speech(made[talk, mouth], sample.motion[:n][talk, mouth], heard[talk], sample.bilabial[:n][talk])


def _articulate(
    net: ArticulationNet,
    lookahead: int,
    facts: Facts,
    drawn: Mapping[str, Sequence[Sample]],
    made: Mapping[str, Sequence[Array]],
    mouth: slice,
) -> None:
    """Put the mouth that is shown into generated motion, in place."""
    unit = facts.scales[mouth]
    for role, clips in drawn.items():
        for i, (m, s) in enumerate(zip(made[role], clips, strict=True)):
            answer = heard_mouth(net, lookahead, s, MOST_FRAMES)
            m[:, mouth] = shown_mouth(net, answer, m[:, mouth] / unit, i) * unit


def _thresholds(roles: Sequence[Sequence[_Speech]]) -> list[float]:
    """Of the stage that closes lips."""
    if not roles:
        return [0.5, 0.5]
    heard, real = ([np.concatenate([f(c) for c in clips]) for clips in roles] for f in (_heard, _real_gap))
    return fit_thresholds(heard, real, np.concatenate([c.bilabial for clips in roles for c in clips]))


def _heard(clip: _Speech) -> Array:
    return clip.heard


def _real_gap(clip: _Speech) -> Array:
    return clip.real[:, -1]


def _gap_curve(roles: Sequence[Sequence[_Speech]], thresholds: Sequence[float]) -> GapCurve:
    """From generated to real gaps where lips are open, roles alike: closing them is left to the closure net."""
    pairs = []
    for clips in roles:
        open_lips = ~brought_together(np.concatenate([c.heard for c in clips]), thresholds)
        real = np.concatenate([c.real[:, -1] for c in clips])
        pairs.append((np.concatenate([c.made[:, -1] for c in clips])[open_lips], real[real >= CLOSED]))
    pairs = [(x, y) for x, y in pairs if len(x) and len(y)]
    if not pairs:
        return GapCurve((0.0, 1.0), (0.0, 1.0))
    places = np.linspace(0.0, 1.0, ALIKE)
    x, y = (np.concatenate([np.quantile(part, places) for part in side]) for side in zip(*pairs, strict=True))
    return GapCurve.fit(x, y)


def _through(names: Sequence[str], rows: Array, measured: dict[str, Any], space: MotionSpace) -> Array:
    """A whole clip's motion through fresh stages, somebody speaking throughout and no closure heard."""
    quiet = Heard.silent(len(rows))
    heard = replace(quiet, speech=np.ones_like(quiet.speech))
    return through(stages_of(names, Setting(space.groups, measured, MotionOptions())), rows, heard)


def _clips(train: Sequence[Sample], role: str) -> list[Sample]:
    """A role's clips, each once, without mirror images, at most :data:`MOST_CLIPS`, speakers in turn."""
    once = {s.entry.name: s for s in reversed(train) if s.entry.role == role}
    speakers: dict[str, list[Sample]] = {}
    for s in reversed(once.values()):
        speakers.setdefault(s.entry.speaker, []).append(s)
    turns = chain.from_iterable(zip_longest(*speakers.values()))
    return [s for s in turns if s is not None][:MOST_CLIPS]


def _made(net: Generator, facts: Facts, clips: Sequence[Sample]) -> list[Array]:
    """Free-running motion for each clip's sound, as long as the clip, at most 20 seconds."""
    frames = min(MOST_FRAMES, max(len(s.motion) for s in clips))
    made = generate(net, facts, clips, 0, frames)
    return [m[: len(s.motion)][:frames] for m, s in zip(made, clips, strict=True)]
