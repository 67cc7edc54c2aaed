"""The summary of an evaluation: every score's median per system, against chance, baselines and real footage."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from mssync.evaluation.results.systems import BASELINES, REAL, Row, systems_of
from mssync.evaluation.scores.score import Aim, Score
from mssync.evaluation.scores.sync import NOT_SEPARATING

# Last parts of the keys of scores that are places in time, or say how much there was to judge by.
_PLACES: Final = ("offset", "lag", "seconds", "lse_offset")
_BOOTSTRAP: Final = 1000
# Fewer clips than this say nothing about the spread of their median.
_MIN_CLIPS: Final = 5
# Of voices that do not belong, so many lie above the 97.5 % quantile of a hundred draws.
_PASS_BY_CHANCE: Final = 0.035


def summarise(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Every score's median over the clips, per system.

    Returns:
        one entry per score in order of appearance: ``key, unit, aim``; ``chance``, the median chance level of the
        generated clips (of the real ones where those have none); ``systems``: by name ``median`` (None where it was
        not run), ``chance`` (the median of its own), ``low`` and ``high`` (95 % bootstrap interval of the median over
        at least five clips; one clip's own interval), ``clips`` and ``note`` (why it was not run, or a warning);
        ``separates``: whether real footage's interval lies clear of its chance level (None where there is none);
        ``beaten_by``: baselines that come nearer to the aim than the last system, where that is none of them.
    """
    found: dict[str, dict[str, list[Score]]] = {}
    for row in rows:
        for entry in row["scores"]:
            score = score_from(entry)
            found.setdefault(score.key, {}).setdefault(row["system"], []).append(score)
    return [_summary(key, by_system, systems_of(rows)) for key, by_system in found.items()]


def score_from(entry: Mapping[str, Any]) -> Score:
    """A score as it was before JSON."""
    interval = entry.get("interval")
    return Score(**{**entry, "interval": None if interval is None else (interval[0], interval[1])})


def _summary(key: str, by_system: Mapping[str, list[Score]], systems: Sequence[str]) -> dict[str, Any]:
    any_score = next(iter(by_system.values()))[0]
    middles = {name: _middle(by_system[name]) for name in systems if name in by_system}
    real = middles.get(REAL)
    chances = [s.chance for name, scores in by_system.items() if name != REAL for s in scores if s.chance is not None]
    return {
        "key": key,
        "unit": any_score.unit,
        "aim": any_score.aim,
        "chance": float(np.median(chances)) if chances else None if real is None else real["chance"],
        "separates": _separates(by_system.get(REAL, []), real),
        "systems": middles,
        "beaten_by": _beaten_by(any_score.aim, {n: m["median"] for n, m in middles.items()}, systems[-1]),
    }


def _middle(scores: Sequence[Score]) -> dict[str, Any]:
    values = np.array([s.value for s in scores if s.value is not None])
    chances = [s.chance for s in scores if s.chance is not None]
    low = high = None
    if len(values) >= _MIN_CLIPS:
        draws = np.random.default_rng(0).integers(0, len(values), (_BOOTSTRAP, len(values)))
        low, high = (float(v) for v in np.percentile(np.median(values[draws], axis=1), [2.5, 97.5]))
    elif len(values) == 1:
        low, high = next((s.interval for s in scores if s.value is not None), None) or (None, None)
    return {
        "median": float(np.median(values)) if len(values) else None,
        "chance": float(np.median(chances)) if chances else None,
        "low": low,
        "high": high,
        "clips": len(values),
        "note": _common_note([s.note for s in scores if (s.value is None) == (not len(values))]),
    }


def _common_note(notes: Sequence[str]) -> str:
    """The commonest note, and of how many clips it is."""
    said = Counter(note for note in notes if note)
    if not said:
        return ""
    note, count = said.most_common(1)[0]
    return note if count == len(notes) else f"{count} of {len(notes)} clips: {note}"


def _separates(scores: Sequence[Score], real: Mapping[str, Any] | None) -> bool | None:
    """Whether real footage stands clear of its own chance level.

    By the clips' own tests where a score has one (the sync scores), else by the interval of the median.

    Own tests: more clips pass than would by chance alone (binomial, 5 %), however few of many that are.
    """
    run = [s for s in scores if s.value is not None]
    if run and run[0].key.startswith("sync.") and ".level" in run[0].key:
        passed, n = sum(s.note != NOT_SEPARATING for s in run), len(run)
        tail = sum(
            math.comb(n, k) * _PASS_BY_CHANCE**k * (1 - _PASS_BY_CHANCE) ** (n - k) for k in range(passed, n + 1)
        )
        return tail <= 0.05
    if real is None or None in (real["low"], real["high"], real["chance"]):
        return None
    return not real["low"] <= real["chance"] <= real["high"]


def relative(entry: Mapping[str, Any], system: str) -> tuple[float, float | None, float | None] | None:
    """A system's median, and its interval, on a scale where real footage is 1.

    With a chance level, that is 0: ``(value - chance) / (real - its own chance)``. Without one the plain ratio to
    real, where both have one sign. None where real footage does not separate from chance, a number is missing, or the
    score is a place in time, of which there are no ratios.
    """
    if entry["key"].rpartition(".")[2] in _PLACES:
        return None
    real, ours = entry["systems"].get(REAL), entry["systems"].get(system)
    if system == REAL or real is None or ours is None or entry["separates"] is False:
        return None
    if real["median"] is None or ours["median"] is None:
        return None
    zero, real_zero = ours["chance"], real["chance"]
    if (zero is None) != (real_zero is None):
        return None
    if zero is None and ours["median"] * real["median"] < 0:
        return None
    zero, span = zero or 0.0, real["median"] - (real_zero or 0.0)
    if abs(span) < 1e-9:
        return None
    ends = [None if v is None else (v - zero) / span for v in (ours["low"], ours["high"])]
    return (ours["median"] - zero) / span, *((ends[1], ends[0]) if span < 0 else (ends[0], ends[1]))


def _beaten_by(aim: Aim, medians: Mapping[str, float | None], trial: str) -> list[str]:
    """Baselines that are nearer to the aim than the system on trial."""
    if trial in (*BASELINES, REAL):
        return []
    off = {name: _off(aim, value, medians.get(REAL)) for name, value in medians.items()}
    ours = off.get(trial)
    if ours is None:
        return []
    # A hair's breadth is no victory: a score that both have at its ideal stays unmarked.
    beats = {name: off[name] for name in BASELINES if off.get(name) is not None}
    return [name for name, value in beats.items() if value is not None and value < ours - 1e-9]


def _off(aim: Aim, value: float | None, real: float | None) -> float | None:
    """How far from the aim: smaller is better; None where it cannot be said."""
    if value is None or (aim == "real" and real is None):
        return None
    if aim == "real":
        assert real is not None
        return abs(value - real)
    return value if aim == "low" else -value


def was_run(entry: Mapping[str, Any]) -> bool:
    """Whether any system has a number of a score of the summary."""
    return any(cell["median"] is not None for cell in entry["systems"].values())


def reason(entry: Mapping[str, Any]) -> str:
    """Why a score of the summary was not run, as its last system has it: real footage's own reason is another."""
    notes = [cell["note"] for cell in entry["systems"].values() if cell["note"]]
    return str(notes[-1]) if notes else "no reason given"


def number(value: float | None) -> str:
    """Three digits that matter, a dash where there is no number."""
    if value is None:
        return "-"
    if value == 0 or abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.3g}" if abs(value) >= 1e-3 else f"{value:.1e}"
