"""Blinks as events: found in tracked lids, taken out of training data, drawn again at the measured rate.

A blink is a rare, stereotyped event; a network trained on averages either forgets it or half-closes the eyes. So the
generator learns only the slow part of the lids, and blinks come from a renewal process whose intervals (log-normal)
and course are fitted on real people.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mssync.arrays import Array
from mssync.timing import FPS

MEDIAN_FRAMES: Final = 19  # 0.76 s: wider than two blinks
THRESHOLD: Final = 0.35
COURSE_BEFORE: Final = 4
COURSE_AFTER: Final = 8


def without_blinks(lids: Array) -> Array:
    """Lid closures ``(T, 2)`` at 25 fps less everything shorter than 0.38 s (a running median)."""
    half = MEDIAN_FRAMES // 2
    pad = np.pad(lids, ((half, half), (0, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(pad, MEDIAN_FRAMES, axis=0)
    return np.median(windows, axis=-1).astype(np.float32)


def find_blinks(lids: Array) -> NDArray[np.int64]:
    """Frames ``(n,)`` where both eyes are most closed in a blink.

    Args:
        lids: ``(T, 2)`` closures at 25 fps.
    """
    rise = (lids - without_blinks(lids)).min(1)
    peak = np.zeros(len(rise), bool)
    peak[1:-1] = (rise[1:-1] >= rise[:-2]) & (rise[1:-1] > rise[2:]) & (rise[1:-1] > THRESHOLD)
    found: list[int] = []
    for t in np.flatnonzero(peak):
        if found and t - found[-1] < 6:
            if rise[t] > rise[found[-1]]:
                found[-1] = int(t)
            continue
        found.append(int(t))
    return np.asarray(found, np.int64)


@dataclass(frozen=True)
class BlinkModel:
    """How people blink.

    Attributes:
        log_mean, log_std: of the intervals in seconds.
        course: ``(COURSE_BEFORE + 1 + COURSE_AFTER,)`` closure around the peak, peak 1.
    """

    log_mean: float
    log_std: float
    course: tuple[float, ...]

    @staticmethod
    def of(manifest: Mapping[str, Any]) -> BlinkModel:
        """The blinks in a model's manifest."""
        b = manifest["blinks"]
        return BlinkModel(float(b["log_mean"]), float(b["log_std"]), tuple(map(float, b["course"])))

    @staticmethod
    def fit(clips: Sequence[Array]) -> BlinkModel:
        """Fit on lid closures of natural clips.

        Intervals cut off by a clip's end are counted with their seen length as exposure, so that short clips do not
        make people blink more often than they do.
        """
        intervals: list[float] = []
        courses = []
        exposure, count = 0.0, 0
        for lids in clips:
            peaks = find_blinks(lids)
            exposure += len(lids) / FPS
            count += len(peaks)
            intervals += list(np.diff(peaks) / FPS)
            base = without_blinks(lids)
            for p in peaks:
                if COURSE_BEFORE <= p < len(lids) - COURSE_AFTER:
                    cut = (lids - base).mean(1)[p - COURSE_BEFORE : p + COURSE_AFTER + 1]
                    courses.append(cut / cut[COURSE_BEFORE])
        spread = float(np.clip(np.std(np.log(intervals)), 0.3, 0.9)) if len(intervals) > 5 else 0.6
        mean = exposure / max(count, 1)
        course = np.clip(np.median(courses, axis=0), 0.0, 1.0) if courses else _PLAIN
        ends = np.linspace(0, 1, 3)
        course = course.copy()
        course[:2] *= ends[:2]
        course[-2:] *= ends[1::-1]
        return BlinkModel(float(np.log(mean) - spread**2 / 2), spread, tuple(round(float(c), 4) for c in course))


PAUSE: Final = 0.35  # probability of speech below which nobody speaks
# Natural speakers of the training clips blink 16 times a minute while they speak and 26 times while they do not, which
# is 15 % of the time: against their mean that is so much slower and faster.
SPEAKING: Final = 0.91
PAUSING: Final = 1.49
_PLAIN: Final = np.array([0, 0, 0.3, 0.8, 1, 0.9, 0.7, 0.45, 0.25, 0.12, 0.05, 0, 0])


class BlinkProcess:
    """Closure added by blinks, frame after frame.

    Intervals are drawn, and run faster while nobody speaks: people keep their blinks for pauses and ends of phrases.

    Args:
        model: how people blink.
        seed: of the intervals.
        rate: 1 = as measured, 2 = twice as often, 0 = never.
    """

    def __init__(self, model: BlinkModel, seed: int, rate: float = 1.0) -> None:
        self._model, self._rate = model, rate
        self._rng = np.random.default_rng([seed, 0xB11])
        self._course = np.asarray(model.course, np.float32)
        self._at = len(self._course)  # of the course; its length: between two blinks
        self._left = max(0.6 * self._draw() - COURSE_BEFORE, 0.0)

    def _draw(self) -> float:
        """Frames to the next peak, somebody speaking as usual."""
        if self._rate <= 0:
            return float("inf")
        seconds = self._rng.lognormal(self._model.log_mean, self._model.log_std) / self._rate
        return max(float(seconds) * FPS, float(len(self._course)))

    def state(self) -> dict[str, Array]:
        """All that it remembers but its random generator: place in the course of a blink, and frames to the next."""
        return {"at": np.array(self._at, np.float32), "left": np.array(self._left, np.float32)}

    def next(self, speech: Array) -> Array:
        """Closure ``(n,)`` in [0, 1] of the coming frames.

        Args:
            speech: ``(n,)`` probability that somebody speaks.
        """
        out = np.zeros(len(speech), np.float32)
        for i, pace in enumerate(np.where(np.asarray(speech) < PAUSE, PAUSING, SPEAKING)):
            if self._at == len(self._course):
                self._left -= float(pace)
                if self._left > -0.5:
                    continue
                # What is left over belongs to the next interval, so that rounding changes no rate.
                self._left += max(self._draw() - len(self._course), 0.0)
                self._at = 0
            out[i] = self._course[self._at]
            self._at += 1
        return out
