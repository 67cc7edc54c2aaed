"""Verdicts from the many scores: is this as good as real footage, and is the difference certain?

Five questions (:data:`QUESTIONS`) are asked of every system: sync, closures, silence, head, picture. Each rests on one
to three *measures*: a score, or how far it stands above its chance level, or its share of that level. A measure is

* ``like`` the real footage where the 95 % interval of the difference reaches the measure's *slack*, the difference that
  another compression of the same footage makes;
* ``worse`` or ``better`` where the whole interval lies beyond it, on that side;
* ``unclear`` where there is nothing to go by, with the reason.

A question has the worst answer of its measures. Synchrony and sharpness above real footage are no merit and count as
``like``; any other amount of head motion than the real one is ``worse``.

Beside a paired reference the differences are those of each clip. Where no reference was given at all, the measure is
held against the range of real people (:attr:`Measure.people`), which tells gross faults only. Everything here is
arithmetic on the rows of an evaluation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np

from mssync.evaluation.results.systems import REAL
from mssync.evaluation.scores.sync import NOT_SEPARATING

Outcome = Literal["better", "like", "worse", "unclear"]
Good = Literal["high", "low", "near", "enough"]
Of = Literal["value", "above chance", "share of chance"]
Row = Mapping[str, Any]

Interval = tuple[float, float]

BETTER: Final = "better"
LIKE: Final = "like"
WORSE: Final = "worse"
UNCLEAR: Final = "unclear"

# Fewer clips than this say nothing about the spread of their median; their own intervals are put together.
_MIN_CLIPS: Final = 5
_DRAWS: Final = 1000
# Without an interval a difference has to be this many times the slack.
_BLIND: Final = 2.0
_NO_CHANCE: Final = 1e-6


@dataclass(frozen=True)
class Measure:
    """One number that an answer rests on.

    Attributes:
        key: the score.
        name: in plain words.
        good: ``high`` or ``low``: the higher or lower the better; ``near``: as real footage has it; ``enough``: less
            than real footage is worse, more is no merit.
        slack: a difference that says nothing, in the measure's own unit.
        share: the same as a share of the real number; both together.
        people: 5 and 95 % quantile over real clips of people (``benchmarks/people.py``).
        of: what is taken of the score.
    """

    key: str
    name: str
    good: Good
    slack: float
    share: float
    people: Interval
    of: Of = "value"


OFFSET: Final = "sync.lips.level0.offset"
CONFIDENCE: Final = "sync.lips.level0.confidence"
# How many clips the ranges of people are of.
PEOPLE: Final = 22

QUESTIONS: Final[Mapping[str, tuple[Measure, ...]]] = {
    "sync": (
        Measure(CONFIDENCE, "lips and sound agree", "enough", 0.01, 0.0, (0.10, 0.29)),
        Measure(OFFSET, "lips late by [0.04 s]", "near", 1.0, 0.0, (-1.0, 1.0)),
    ),
    "closures": (
        Measure("articulation.closed", "lips shut at p, b, m, above chance", "high", 0.02, 0.0, (0.40, 0.72),
                "above chance"),
    ),
    "silence": (
        Measure("silence.gap", "lip gap in silence", "low", 0.02, 0.0, (0.0, 0.18)),
        Measure("silence.speed", "lip speed in silence, share of the speed in all", "low", 0.15, 0.0, (0.0, 0.69),
                "share of chance"),
    ),
    "head": (
        Measure("head.yaw_std", "spread of yaw [deg]", "near", 0.1, 0.2, (0.17, 5.5)),
        Measure("head.pitch_std", "spread of pitch [deg]", "near", 0.1, 0.2, (0.46, 6.9)),
        Measure("head.roll_std", "spread of roll [deg]", "near", 0.1, 0.2, (0.12, 4.6)),
    ),
    "picture": (
        Measure("picture.face_sharpness", "sharpness of the face", "enough", 0.0, 0.15, (2.9, 6.0)),
        Measure("picture.mouth_sharpness", "sharpness of the mouth", "enough", 0.0, 0.15, (4.1, 7.4)),
        Measure("picture.identity", "likeness of the person", "enough", 0.12, 0.0, (0.70, 0.97)),
    ),
}  # fmt: skip


def verdicts(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Answers for every system but the real footage.

    Args:
        rows: of an evaluation, see :func:`mssync.evaluation.run.evaluate.evaluate_one`.
    Returns:
        one entry per system and question, fit for JSON: ``system, question, outcome, against`` (``reference`` or
        ``people``), ``reason`` (why it is unclear, else empty) and ``measures``, the deciding one first: ``key, name,
        outcome, ours, theirs`` (medians), ``ours_interval, theirs_interval, difference, interval, clips, reason``.
        ``theirs_interval`` is the range of people where there is no reference, and then there is no difference.
    """
    good = [row for row in rows if not row["problem"]]
    systems = dict.fromkeys(row["system"] for row in good if row["system"] != REAL)
    real = {row["name"]: row for row in good if row["system"] == REAL}
    asked = any(row["system"] == REAL for row in rows)
    return [
        _answer(system, question, measures, [r for r in good if r["system"] == system], real if asked else None)
        for system in systems
        for question, measures in QUESTIONS.items()
    ]


def _answer(
    system: str, question: str, measures: Sequence[Measure], ours: Sequence[Row], real: Mapping[str, Row] | None
) -> dict[str, Any]:
    found = [_compared(m, ours, real) for m in measures]
    outcomes = [f["outcome"] for f in found]
    outcome = next((o for o in (WORSE, BETTER, LIKE) if o in outcomes), UNCLEAR)
    found.sort(key=lambda f: f["outcome"] != outcome)  # stable: the deciding one comes first
    return {
        "system": system,
        "question": question,
        "outcome": outcome,
        "against": "people" if real is None else "reference",
        "reason": found[0]["reason"] if outcome == UNCLEAR else "",
        "measures": found,
    }


# ---- one measure --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Number:
    """A measure of one clip, its interval, and the note that came with it."""

    value: float | None
    interval: Interval | None
    note: str

    @staticmethod
    def of(measure: Measure, row: Row) -> _Number:
        entry = next((s for s in row["scores"] if s["key"] == measure.key), None)
        if entry is None or entry["value"] is None:
            return _Number(None, None, "It was not measured." if entry is None else entry["note"])
        value, chance, ends, note = entry["value"], entry["chance"], entry["interval"], entry["note"]
        if measure.key == OFFSET and note == NOT_SEPARATING:
            return _Number(None, None, "Lips and sound do not agree well enough to tell their offset.")
        if measure.of == "value":
            return _Number(value, None if ends is None else (ends[0], ends[1]), note)
        if chance is None or (measure.of == "share of chance" and chance < _NO_CHANCE):
            return _Number(None, None, "It has no chance level on this video.")

        def taken(x: float) -> float:
            return float(x - chance if measure.of == "above chance" else x / chance)

        return _Number(taken(value), None if ends is None else (taken(ends[0]), taken(ends[1])), note)


def measured(measure: Measure, row: Row) -> float | None:
    """The number of one clip; None where it has none."""
    return _Number.of(measure, row).value


def _compared(measure: Measure, ours: Sequence[Row], real: Mapping[str, Row] | None) -> dict[str, Any]:
    numbers = {row["name"]: _Number.of(measure, row) for row in ours}
    here = {name: n for name, n in numbers.items() if n.value is not None}
    out: dict[str, Any] = {
        "key": measure.key, "name": measure.name, "outcome": UNCLEAR, "ours": None, "ours_interval": None,
        "theirs": None, "theirs_interval": None, "difference": None, "interval": None, "clips": 0, "reason": "",
    }  # fmt: skip
    if not here:
        return out | {"reason": _first([n.note for n in numbers.values()], "No clip could be looked at.")}
    if real is None:
        value, interval = _together(list(here.values()))
        outcome = _against_people(measure, value, interval)
        return out | {
            "outcome": outcome, "ours": value, "ours_interval": interval, "theirs_interval": measure.people,
            "clips": len(here),
        }  # fmt: skip
    there = {name: _Number.of(measure, real[name]) for name in here if name in real}
    pairs = [(here[name], n) for name, n in there.items() if n.value is not None]
    if not pairs:
        value, interval = _together(list(here.values()))
        why = _first([f"The reference: {n.note}" for n in there.values()], "No clip has its reference.")
        return out | {"ours": value, "ours_interval": interval, "clips": len(here), "reason": why}
    (value, interval), (theirs, their_interval) = (_together([p[side] for p in pairs]) for side in (0, 1))
    difference, apart = _difference(pairs)
    outcome = _outcome(measure, difference, apart, measure.slack + measure.share * abs(theirs))
    reason = ""
    if outcome == WORSE and measure.key == CONFIDENCE and all(n.note == NOT_SEPARATING for _, n in pairs):
        outcome, reason = UNCLEAR, "The reference itself does not stand clear of chance."
    return out | {
        "outcome": outcome, "ours": value, "ours_interval": interval, "theirs": theirs,
        "theirs_interval": their_interval, "difference": difference, "interval": apart, "clips": len(pairs),
        "reason": reason,
    }  # fmt: skip


def _first(notes: Sequence[str], otherwise: str) -> str:
    return next((note for note in notes if note), otherwise)


def _together(numbers: Sequence[_Number]) -> tuple[float, Interval | None]:
    """The median of clips and its interval: of five and more by drawing them again, of one its own."""
    values = np.array([n.value for n in numbers], np.float64)
    middle = float(np.median(values))
    if len(values) >= _MIN_CLIPS:
        return middle, _drawn_again(values)
    return middle, numbers[0].interval if len(numbers) == 1 else None


def _difference(pairs: Sequence[tuple[_Number, _Number]]) -> tuple[float, Interval | None]:
    """Ours less theirs, clip by clip: the median of five and more clips, the mean of fewer; and its interval.

    Of few clips the two sides' intervals are taken for independent and add in squares.
    """
    apart = np.array([_known(a.value) - _known(b.value) for a, b in pairs])
    if len(apart) >= _MIN_CLIPS:
        return float(np.median(apart)), _drawn_again(apart)
    below = above = 0.0
    for a, b in pairs:
        if a.interval is None or b.interval is None:
            return float(apart.mean()), None
        ours, theirs = _known(a.value), _known(b.value)
        below += max(0.0, ours - a.interval[0]) ** 2 + max(0.0, b.interval[1] - theirs) ** 2
        above += max(0.0, a.interval[1] - ours) ** 2 + max(0.0, theirs - b.interval[0]) ** 2
    mean, n = float(apart.mean()), len(pairs)
    return mean, (mean - below**0.5 / n, mean + above**0.5 / n)


def _known(value: float | None) -> float:
    assert value is not None
    return value


def _drawn_again(values: np.ndarray[Any, np.dtype[np.float64]]) -> Interval:
    draws = np.random.default_rng(0).integers(0, len(values), (_DRAWS, len(values)))
    low, high = np.percentile(np.median(values[draws], axis=1), [2.5, 97.5])
    return float(low), float(high)


def _outcome(measure: Measure, difference: float, interval: Interval | None, slack: float) -> Outcome:
    low, high = interval or (difference, difference)
    slack = slack if interval is not None else _BLIND * slack
    side = 1 if low > slack else -1 if high < -slack else 0
    return _side(measure.good, side)


def _against_people(measure: Measure, value: float, interval: Interval | None) -> Outcome:
    """No merit is given here: what is beyond people on the good side is still like people."""
    low, high = interval or (value, value)
    least, most = measure.people
    outcome = _side(measure.good, 1 if low > most else -1 if high < least else 0)
    return LIKE if outcome == BETTER else outcome


def _side(good: Good, side: int) -> Outcome:
    """What a certain difference above (1), below (-1) or none (0) means."""
    if side == 0 or (good == "enough" and side > 0):
        return LIKE
    if good == "near" or good == "enough":
        return WORSE
    return BETTER if (side > 0) == (good == "high") else WORSE
