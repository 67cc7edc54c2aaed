"""Silence scores: the lip gap while nobody speaks. A mouth that babbles fails, and so does one frozen open."""

from __future__ import annotations

from typing import Final

import numpy as np

from mssync.arrays import Array, Array64, Mask
from mssync.evaluation.footage import Footage
from mssync.evaluation.scores.score import Score
from mssync.evaluation.scores.stats import block_interval
from mssync.timing import FPS

SPEECH: Final = 0.35  # the probability below which the mouth's own gate calls speech ended
CLEAR_FRAMES: Final = 5  # 0.2 s
MIN_SECONDS: Final = 0.4
BLOCK: Final = 5  # frames of a bootstrap block: a pause is short, and what moves in it moves for a fifth of a second


def clear_silence(speech: Array) -> Mask:
    """Frames ``(T,)`` of silence, at least 0.2 s away from any speech before or after.

    Speech is a probability of 0.35 or more. Before and after the recording counts as silence.

    Args:
        speech: ``(T,)`` probability per frame at 25 fps.
    """
    loud = np.pad(speech >= SPEECH, CLEAR_FRAMES)
    near = np.lib.stride_tricks.sliding_window_view(loud, 2 * CLEAR_FRAMES + 1)
    return np.asarray(~near.any(-1), np.bool_)


def scores(footage: Footage) -> list[Score]:
    """The lips in clear silence.

    - ``silence.gap``: median lip gap (iod = inter-ocular distances; 0 = the lips touch); chance: its median over the
      whole clip, which is what a mouth has that does not know of the silence;
    - ``silence.speed``: median of ``|gap[t+1] - gap[t]| * 25`` (iod/s), chance likewise;
    - ``silence.seconds``: how much clear silence there was to judge by.

    The first two must be read together: a mouth frozen open moves as little as a closed one. Their intervals draw
    blocks of a fifth of a second. Strong compression (crf 28 for 18) moved them by as much as a fifth of the gap and
    nine tenths of the speed.
    """
    gap = footage.column("lip_gap").astype(np.float64)
    valid = footage.track.valid
    quiet = clear_silence(footage.speech) & valid
    seconds = float(quiet.sum() / FPS)
    length = Score("silence.seconds", seconds, "s", "real")
    pair = valid[1:] & valid[:-1]
    speed = np.abs(np.diff(gap)) * FPS
    still = quiet[1:] & quiet[:-1]
    if seconds < MIN_SECONDS or not still.any():
        why = f"There are {seconds:.2f} s of clear silence; it needs {MIN_SECONDS} s."
        return [
            Score.not_run("silence.gap", "iod", "low", why),
            Score.not_run("silence.speed", "iod/s", "low", why),
            length,
        ]
    return [
        _median("silence.gap", "iod", gap[quiet], gap[valid]),
        _median("silence.speed", "iod/s", speed[still], speed[pair]),
        length,
    ]


def _median(key: str, unit: str, here: Array64, everywhere: Array64) -> Score:
    interval = block_interval(here, lambda v: np.median(v, axis=1), BLOCK)
    return Score(key, float(np.median(here)), unit, "low", float(np.median(everywhere)), interval)
