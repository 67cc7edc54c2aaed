"""Groups of windows that are alike in loudness and opening, and of other words."""

from __future__ import annotations

import numpy as np

from mssync.motion.rivals import APART, loudness_course
from mssync.training.data.matched import ALONE, MatchedWindows

RNG = np.random.default_rng(1)
LENGTHS = (60, 60, 60, 60, 400)
START = np.cumsum([0, *LENGTHS[:-1]])
COUNT = np.asarray(LENGTHS) - 4
TWIN = np.array([0, 1, 0, 1, 0])
N = sum(LENGTHS)
SOUND = np.repeat(np.cumsum(RNG.standard_normal((N, 3)), 0) % 1.0, 4, axis=0).astype(np.float32)
MOTION = RNG.random((N, 2)).astype(np.float32)


def piece_of(rows: np.ndarray) -> np.ndarray:
    return np.searchsorted(START, rows, side="right") - 1


def test_windows_are_alike_apart_and_whole() -> None:
    draw = MatchedWindows(MOTION[:, -1], SOUND, START, COUNT, TWIN)
    rng = np.random.default_rng(2)
    course = loudness_course(SOUND)
    spreads, random = [], []
    for _ in range(40):
        rows = draw.draw(rng, 4, np.array([4]), 6)
        assert len(rows) == 6 and (np.diff(rows) >= APART).all()
        assert (piece_of(rows) == 4).all() and (rows + 4 < N).all()
        spreads.append(course[rows].std(0).mean())
        random.append(course[START[4] + rng.integers(COUNT[4], size=6)].std(0).mean())
    assert np.mean(spreads) < 0.7 * np.mean(random)


def test_a_short_clip_takes_other_clips_of_its_speaker_but_no_copies_of_its_own() -> None:
    assert COUNT[0] < ALONE <= COUNT[4]
    draw = MatchedWindows(MOTION[:, -1], SOUND, START, COUNT, TWIN)
    rng = np.random.default_rng(3)
    seen = {int(p) for _ in range(30) for p in piece_of(draw.draw(rng, 0, np.array([0, 1, 2, 3]), 6))}
    assert seen == {0, 2}


def test_what_is_missing_is_filled_with_moments_of_the_piece() -> None:
    start, count = np.array([0]), np.array([16])
    draw = MatchedWindows(MOTION[:20, -1], SOUND[:80], start, count, np.array([0]))
    rows = draw.draw(np.random.default_rng(4), 0, np.array([0]), 8)
    assert len(rows) == 8 and rows.min() >= 0 and rows.max() < 16
