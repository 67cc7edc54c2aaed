"""Scores of a whole set of videos: distances of distributions, diversity and collapse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mssync.evaluation.footage import pinned_space
from mssync.evaluation.results.systems import REAL, Row
from mssync.evaluation.scores.score import Score
from mssync.evaluation.scores.stats import frechet
from mssync.evaluation.scores.takes import collapse, diversity, head_energy
from mssync.motion.space import Motion

Pool = Mapping[str, NDArray[Any]]

MIN_ROWS: Final = 50


def set_rows(rows: Sequence[Row], pools: Sequence[Pool]) -> list[Row]:
    """One row of set scores per system, ``system`` and ``scores`` only.

    - ``collapse.share`` against the median head energy of the real clips;
    - ``diversity.*`` where a system has several takes of one speech: means over those speeches;
    - ``head.set_frechet``: Frechet distance of all head-motion windows to all real ones; its note gives the distance
      of two halves of the real clips, which no system can go below;
    - ``picture.fid`` and ``picture.fvd`` where features were made.

    Args:
        rows: of all clips, with the pools of :func:`mssync.evaluation.run.evaluate.evaluate_one` beside them.
    """
    by_system: dict[str, list[Pool]] = {}
    for row, pool in zip(rows, pools, strict=True):
        if pool:
            by_system.setdefault(row["system"], []).append(pool)
    real = by_system.get(REAL, [])
    energy = float(np.median([head_energy(_motion(p)) for p in real])) if real else None
    out: list[Row] = []
    for system, found in by_system.items():
        scores = [*_takes(system, found, energy), *_distances(system, found, real)]
        out.append({"system": system, "scores": [s.as_dict() for s in scores]})
    return out


def _motion(pool: Pool) -> Motion:
    return Motion(pool["motion"], pinned_space().names)


def _takes(system: str, found: Sequence[Pool], energy: float | None) -> list[Score]:
    if energy is None:
        shown = [Score.not_run("collapse.share", "share", "low", "It needs real footage to compare with.")]
    else:
        shown = [collapse([_motion(p) for p in found], energy)]
    by_speech: dict[str, list[Motion]] = {}
    for pool in found:
        by_speech.setdefault(str(pool["speech"]), []).append(_motion(pool))
    # Every real clip that is listed twice is the same recording.
    several = [takes for takes in by_speech.values() if len(takes) > 1] if system != REAL else []
    return [*shown, *_mean_scores([diversity(takes) for takes in several])]


def _mean_scores(groups: Sequence[Sequence[Score]]) -> list[Score]:
    """The same scores of several groups as their means."""
    out = []
    for scores in zip(*groups, strict=True):
        run = [s for s in scores if s.value is not None]
        if not run:
            out.append(scores[0])
            continue
        value, chance = (float(np.mean([v for v in values if v is not None])) for values in (
            [s.value for s in run], [s.chance for s in run]
        ))  # fmt: skip
        out.append(Score(run[0].key, value, run[0].unit, run[0].aim, chance, note=f"{len(run)} speeches."))
    return out


def _distances(system: str, found: Sequence[Pool], real: Sequence[Pool]) -> list[Score]:
    if system == REAL:
        return []
    out = [_distance("head.set_frechet", "deg^2", "windows", found, real)]
    if "fid" in found[0]:
        out.append(_distance("picture.fid", "", "fid", found, real))
    if "fvd" in found[0]:
        out.append(_distance("picture.fvd", "", "fvd", found, real))
    return out


def _distance(key: str, unit: str, part: str, found: Sequence[Pool], real: Sequence[Pool]) -> Score:
    if not real:
        return Score.not_run(key, unit, "low", "There is no real footage to compare with.")
    try:
        return _measured(key, unit, part, found, real)
    except (ValueError, ArithmeticError, MemoryError, np.linalg.LinAlgError) as error:  # one score must not end all
        return Score.not_run(key, unit, "low", f"It failed on these clips ({type(error).__name__}: {error}).")


def _measured(key: str, unit: str, part: str, found: Sequence[Pool], real: Sequence[Pool]) -> Score:
    ours, theirs = (_stacked(part, pools) for pools in (found, real))
    least = 2 if part != "windows" else MIN_ROWS
    if min(len(ours), len(theirs)) < least:
        return Score.not_run(key, unit, "low", f"It needs {least} rows, there are {min(len(ours), len(theirs))}.")
    note = f"{len(ours)} rows against {len(theirs)} real ones"
    halves = [_stacked(part, real[side::2]) for side in (0, 1)]
    if min(map(len, halves)) >= least:
        note += f"; two halves of the real clips are {frechet(*halves):.3g} apart"
    return Score(key, frechet(ours, theirs), unit, "low", note=note + ".")


def _stacked(part: str, pools: Sequence[Pool]) -> NDArray[Any]:
    kept = [pool[part] for pool in pools if len(pool[part])]
    return np.concatenate(kept) if kept else np.zeros((0, 1))
