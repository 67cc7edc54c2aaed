"""Drift: what changes between the first and the last minute of a long video."""

from __future__ import annotations

from typing import Final

import numpy as np

from mssync.evaluation.footage import Footage
from mssync.evaluation.scores.score import Aim, Score
from mssync.evaluation.scores.takes import rotation_of
from mssync.motion.curves import head_angles
from mssync.motion.space import Motion

MINUTE: Final = 1500  # frames


def drift(source: Footage | Motion) -> list[Score]:
    """What changes between the first and the last minute, two minutes at least.

    - ``drift.head_std``: spread of the head's angles (root of the summed variances), last over first;
    - ``drift.head_mean`` (deg): distance of the mean poses, as (pitch, yaw, roll);
    - ``drift.head_slope`` (deg/min): length of the three angles' least-squares slopes over the whole;
    - ``drift.gap_std``, ``drift.gap_mean``: of the lip gap, last over first; ``drift.gap_slope`` (iod/min).
    """
    motion = source if isinstance(source, Motion) else Motion(source.motion, source.names)
    valid = np.ones(len(source), np.bool_) if isinstance(source, Motion) else source.track.valid
    keys: tuple[tuple[str, str, Aim], ...] = (
        ("drift.head_std", "ratio", "real"), ("drift.head_mean", "deg", "low"), ("drift.head_slope", "deg/min", "low"),
        ("drift.gap_std", "ratio", "real"), ("drift.gap_mean", "ratio", "real"), ("drift.gap_slope", "iod/min", "low"),
    )  # fmt: skip
    frames = np.flatnonzero(valid)
    first, last = frames[frames < MINUTE], frames[frames >= len(motion) - MINUTE]
    if len(motion) < 2 * MINUTE or not len(first) or not len(last):
        why = "It needs two minutes in which the face is seen."
        return [Score.not_run(key, unit, aim, why) for key, unit, aim in keys]
    angles = head_angles(rotation_of(motion))
    gap = motion.column("lip_gap").astype(np.float64)
    head_spread = [np.sqrt(angles[rows].var(0).sum()) for rows in (first, last)]
    numbers = (
        head_spread[1] / max(head_spread[0], 1e-9),
        np.linalg.norm(angles[last].mean(0) - angles[first].mean(0)),
        np.linalg.norm(np.polyfit(frames / MINUTE, angles[frames], 1)[0]),
        gap[last].std() / max(gap[first].std(), 1e-9),
        gap[last].mean() / max(gap[first].mean(), 1e-9),
        abs(np.polyfit(frames / MINUTE, gap[frames], 1)[0]),
    )
    return [Score(key, float(x), unit, aim) for (key, unit, aim), x in zip(keys, numbers, strict=True)]
