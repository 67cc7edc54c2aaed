"""Windows that sound and open alike at other words: what a judge of content must tell apart.

Random moments of a clip differ in loudness and in how far the mouth is open, so a syncer learns timing and stops there.
Groups drawn here are as alike in both as one speaker's recordings allow; what is left to tell them apart is the
sound's colour and the mouth's shape.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from mssync.arrays import Array
from mssync.motion.rivals import APART, loudness_course
from mssync.timing import WINDOW_FRAMES

Rows = NDArray[np.int64]

CANDIDATES: Final = 400
ALONE: Final = 150  # windows from which on a clip needs no other clips of its speaker


class MatchedWindows:
    """Draws such groups from the pieces of one level.

    Args:
        lip_gap: ``(N,)``; sound: ``(4 N, bands)``.
        start, count: first row and number of windows of each piece.
        twin: which copy of its clip a piece is (mirrored, another first frame): copies say the same.
    """

    def __init__(self, lip_gap: Array, sound: Array, start: Rows, count: Rows, twin: Rows) -> None:
        self._start, self._count, self._twin = start, count, twin
        loud = loudness_course(sound)
        gap = np.lib.stride_tricks.sliding_window_view(lip_gap, WINDOW_FRAMES)
        self._likeness = np.concatenate([loud / (loud.std() + 1e-6), gap / (gap.std() + 1e-6)], 1).astype(np.float32)

    def draw(self, rng: np.random.Generator, piece: int, speaker: Rows, windows: int) -> Rows:
        """First rows ``(windows,)`` of an anchor in ``piece`` and of the most similar windows of other words.

        Args:
            rng: of the draw.
            piece: where the anchor lies; a long piece is enough by itself.
            speaker: the pieces of its speaker, those of the same copy count.
            windows: how many; where there are not enough, random ones of the piece fill up.
        """
        pieces = np.array([piece]) if self._count[piece] >= ALONE else speaker[self._twin[speaker] == self._twin[piece]]
        anchor = int(self._start[piece] + rng.integers(self._count[piece]))
        share = self._count[pieces] / self._count[pieces].sum()
        chosen = pieces[rng.choice(len(pieces), CANDIDATES, p=share)]
        rows = self._start[chosen] + (rng.random(CANDIDATES) * self._count[chosen]).astype(np.int64)
        order = np.argsort(((self._likeness[rows] - self._likeness[anchor]) ** 2).sum(1), kind="stable")
        out = [anchor]
        for row in rows[order]:
            # Pieces lie behind each other, so rows that are far apart are other moments, or other clips.
            if min(abs(int(row) - x) for x in out) >= APART:
                out.append(int(row))
                if len(out) == windows:
                    break
        missing = windows - len(out)
        filled = self._start[piece] + rng.integers(self._count[piece], size=missing)
        return np.sort(np.concatenate([np.asarray(out, np.int64), filled]))
