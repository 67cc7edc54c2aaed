"""Multi-scale synchrony: the paper's claim, measured by the judge pyramid from pixels and sound.

Per view (lips, head rotation alone, all) and level 0 to 3: at which lag do picture and sound agree best, how far does
that agreement stand above that of other lags, and how far would it with a voice that does not belong to the picture?
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Final

import numpy as np

from mssync.arrays import Array, Array64
from mssync.evaluation.footage import Footage
from mssync.evaluation.scores.score import Aim, Score
from mssync.media.audio import load_sound
from mssync.motion.pyramid import View
from mssync.motion.syncers import MAX_LAG, MIN_OVERLAP, SyncCurve, SyncerPyramid
from mssync.speech.logmel import log_mel
from mssync.timing import FPS, STEPS_PER_FRAME

Pair = tuple[Array, Array]

DRAWS: Final = 100
BLOCK: Final = 10  # windows drawn together: neighbours overlap and are not independent
APART: Final = MAX_LAG + 5  # windows; a voice shifted by less would still find the true lag in reach
SAME: Final = 0.9  # of the demo voice's energy; 22 other voices reach 0.68
NOT_SEPARATING: Final = "Not above the 95 % interval of voices that do not belong: this level says nothing here."


@dataclass(frozen=True)
class Embedded:
    """The unit vectors of a video's motion and sound, by view and level.

    Attributes:
        pairs: unit vectors of picture and sound per view and level; None where the clip is too short for the level.
        demo: the sound is the package's demo voice, which is then no unrelated one.
    """

    pairs: dict[View, dict[int, Pair | None]]
    demo: bool = False


def embedded(footage: Footage, judge: SyncerPyramid) -> Embedded:
    """Embed one video by all views and levels of the judge."""
    mel = log_mel(footage.sound)
    pairs: dict[View, dict[int, Pair | None]] = {}
    for view in judge.views:
        found = {level: judge.embed(footage.motion, mel, view, level) for level in judge.levels}
        pairs[view] = {
            level: None if pair is None or len(pair[0]) < MAX_LAG + MIN_OVERLAP else pair
            for level, pair in found.items()
        }
    return Embedded(pairs, is_demo(mel))


def curves(video: Embedded) -> dict[View, dict[int, SyncCurve]]:
    """The agreement curve of every view and level that the clip is long enough for."""
    return {
        view: {level: SyncCurve.of(*pair) for level, pair in levels.items() if pair is not None}
        for view, levels in video.pairs.items()
    }


def scores(video: Embedded, judge: SyncerPyramid, seed: int = 0) -> list[Score]:
    """Offset, confidence and distance per view and level.

    ``offset``: lag of the best mean cosine, in steps of the level (40 ms x 2^level), + when the picture is late.
    ``confidence``: that cosine less the median over lags of +-15 (Chung & Zisserman 2016, with cosines for distances);
    its interval is a block bootstrap over windows; its chance level is the median confidence with the voice shifted by
    more than the lags reach and with another voice. ``distance``: 1 less the best mean cosine.

    Args:
        video: by :func:`embedded`.
        judge: the pyramid that made it.
        seed: of the draws.
    """
    rng = np.random.default_rng(seed)
    out: list[Score] = []
    for view, levels in video.pairs.items():
        for level, pair in levels.items():
            key = f"sync.{view}.level{level}"
            if pair is None:
                need = ((MAX_LAG + MIN_OVERLAP + 4) * 2**level) / FPS
                why = f"The video is too short for this level; it needs {need:.1f} s."
                out += [Score.not_run(f"{key}.{n}", u, a, why) for n, u, a in _NAMES]
            else:
                out += _level(key, pair, unrelated_voice(judge, view, level, video.demo), rng)
    return out


def _level(key: str, pair: Pair, other: Array, rng: np.random.Generator) -> list[Score]:
    curve = SyncCurve.of(*pair)
    low, high = bootstrap(*pair, rng)
    by_chance = chance_confidences(pair, other, rng)
    note = "" if curve.confidence > np.quantile(by_chance, 0.975) else NOT_SEPARATING
    return [
        Score(f"{key}.offset", float(curve.best), "steps", "real", note=note),
        Score(f"{key}.confidence", curve.confidence, "", "real", float(np.median(by_chance)), (low, high), note),
        Score(f"{key}.distance", curve.distance, "", "real", note=note),
    ]


_NAMES: Final[tuple[tuple[str, str, Aim], ...]] = (
    ("offset", "steps", "real"),
    ("confidence", "", "real"),
    ("distance", "", "real"),
)


def bootstrap(motion: Array, sound: Array, rng: np.random.Generator) -> tuple[float, float]:
    """95 % interval of the confidence: blocks of windows drawn with replacement, less what drawing adds.

    A largest value of many grows with their noise, and drawing again adds noise to noise: where nothing agrees, drawn
    confidences lie half as high again as the clip's own. Their mean excess over it is taken off (Efron 1982).
    """
    n = len(motion)
    lags = np.arange(-MAX_LAG, MAX_LAG + 1)
    at = np.arange(n)[:, None] - lags[None]
    inside = (at >= 0) & (at < n)
    value = np.zeros(at.shape)
    for column in range(len(lags)):
        here = inside[:, column]
        value[here, column] = np.einsum("ne,ne->n", motion[here], sound[at[here, column]])
    size = min(BLOCK, max(1, n // 4))
    blocks = -(-n // size)
    draws = []
    for _ in range(DRAWS):
        starts = rng.integers(0, n - size + 1, blocks)
        rows = (starts[:, None] + np.arange(size)).ravel()
        count = inside[rows].sum(0)
        # A lag that none of the drawn windows reaches says nothing.
        mean = value[rows].sum(0)[count > 0] / count[count > 0]
        draws.append(float(mean.max() - np.median(mean)))
    excess = float(np.mean(draws)) - SyncCurve.of(motion, sound).confidence
    return float(np.quantile(draws, 0.025)) - excess, float(np.quantile(draws, 0.975)) - excess


def chance_confidences(pair: Pair, other: Array, rng: np.random.Generator) -> Array64:
    """Confidences with voices that do not belong to the picture: its own, shifted by more than the lags reach (where
    the clip is long enough), and another one from a random place on.

    Args:
        pair: unit vectors of motion and sound ``(N, E)``.
        other: of another voice ``(M, E)``.
    """
    motion, sound = pair
    n = len(sound)
    out = []
    for i in range(DRAWS):
        if i % 2 and n >= 2 * APART + 2:
            voice = np.roll(sound, int(rng.integers(APART, n - APART)), axis=0)
        else:
            voice = other[(int(rng.integers(len(other))) + np.arange(n)) % len(other)]
        out.append(SyncCurve.of(motion, voice).confidence)
    return np.asarray(out, np.float64)


@cache
def _demo_mel() -> Array:
    return log_mel(load_sound(Path(str(resources.files("mssync"))) / "data" / "demo.flac"))


def is_demo(mel: Array) -> bool:
    """Whether a sound ``(4 T, bands)`` holds the demo voice: the largest cross-correlation of the two, band by band
    less its mean, over the smaller one's energy."""
    a, b = (m.reshape(-1, STEPS_PER_FRAME, m.shape[1]).mean(1) for m in (mel, _demo_mel()))
    a, b = a - a.mean(0), b - b.mean(0)
    n = len(a) + len(b)
    shared = np.fft.irfft((np.fft.rfft(a, n, axis=0) * np.conj(np.fft.rfft(b, n, axis=0))).sum(1), n)
    return bool(shared.max() > SAME * max(1e-9, min((a**2).sum(), (b**2).sum())))


_unrelated: dict[tuple[Path, str, int, bool], Array] = {}


def unrelated_voice(judge: SyncerPyramid, view: View, level: int, demo: bool = False) -> Array:
    """Sound vectors ``(N, E)`` of a voice that has nothing to do with the video: the package's synthetic demo voice.

    Args:
        judge, view, level: which vectors.
        demo: the video speaks with that very voice: backwards, then.
    """
    key = (judge.folder, view, level, demo)
    if key not in _unrelated:
        # Twice over, so that there are enough windows at the highest level.
        mel = np.concatenate([_demo_mel(), _demo_mel()])
        still = np.zeros((len(mel) // STEPS_PER_FRAME, judge.columns), np.float32)
        pair = judge.embed(still, np.ascontiguousarray(mel[::-1]) if demo else mel, view, level)
        assert pair is not None
        _unrelated[key] = pair[1]
    return _unrelated[key]


def separates(score: Score) -> bool:
    """Does this confidence stand outside the chance interval, so that ratios to it mean something?"""
    return score.value is not None and score.note != NOT_SEPARATING
