"""Does the mouth find its own words among others that are as loud? What timing alone cannot win.

The judge of content was trained to tell apart moments that sound equally loud and open the mouth equally far
(:mod:`mssync.training.data.matched`). Here every spoken window's own sound stands against those of ten other moments of
the same clip that are most equal in loudness, and the share it beats is the score: 0.5 by chance.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from mssync.arrays import Array
from mssync.evaluation.scores.score import Score
from mssync.evaluation.scores.stats import block_interval
from mssync.motion.rivals import rivals, won
from mssync.motion.space import Motion
from mssync.motion.syncers import SyncerPyramid
from mssync.timing import STEPS_PER_FRAME, WINDOW_FRAMES

VIEW: Final = "lips"
BLOCK: Final = 10  # windows drawn together: neighbours overlap
SHORT: Final = "The clip is too short for moments of other words; it needs two seconds of speech."


def scores(motion: Motion, sound: Array, judge: SyncerPyramid) -> list[Score]:
    """Shares of other moments that the own sound beats.

    - ``words.loudness``: the others are as loud, from frame to frame;
    - ``words.opening``: and this very mouth is as open there, so that only its shape can tell.

    Args:
        motion: of the mesh space, not smoothed.
        sound: ``(4 T, 40)`` log-mel.
        judge: of content.
    """
    pair = judge.embed(motion.values, sound, VIEW, 0)
    keys = ("words.loudness", "words.opening")
    if pair is None:
        return [Score.not_run(key, "share", "real", SHORT) for key in keys]
    frames = len(pair[0]) + WINDOW_FRAMES - 1
    out = []
    for key, opening in zip(keys, (None, motion.column("lip_gap")[:frames]), strict=True):
        rows, others = rivals(sound[: STEPS_PER_FRAME * frames], opening)
        if not len(rows):
            out.append(Score.not_run(key, "share", "real", SHORT))
            continue
        share = won(*pair, rows, others).astype(np.float64)
        interval = block_interval(share, lambda drawn: drawn.mean(1), BLOCK)
        out.append(Score(key, float(share.mean()), "share", "real", 0.5, interval, f"{len(rows)} windows."))
    return out
