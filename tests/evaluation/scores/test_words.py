"""Own words among others that are as loud, by a judge whose every vector is known."""

from __future__ import annotations

import numpy as np
import pytest
from motion_samples import by_key, motion_of

from mssync.arrays import Array
from mssync.evaluation.scores import words
from mssync.motion.pyramid import View
from mssync.motion.rivals import loudness_course
from mssync.motion.space import Motion
from mssync.motion.syncers import SyncerPyramid, shipped_judge

FRAMES = 240
RNG = np.random.default_rng(5)
LOUD = 0.5 + 0.3 * np.sin(2 * np.pi * np.arange(4 * FRAMES) / 44)
# Band 0 alone says which word it is; the mean over bands, the loudness, does not know it.
WORD = np.repeat(RNG.standard_normal(FRAMES // 8), 32)
MEL = np.stack([LOUD + WORD, LOUD - WORD], 1).astype(np.float32)


def mouth() -> Motion:
    """A mouth as open as it is loud, whose first expression is the word."""
    return motion_of(FRAMES, lip_gap=0.2 * LOUD[::4], expr_00=WORD[::4])


class Known(SyncerPyramid):
    """Looks at the word, or at the loudness and the opening alone."""

    def __init__(self, what: str) -> None:
        self.what = what

    def embed(self, motion: Array, sound: Array, view: View, level: int) -> tuple[Array, Array] | None:
        assert (view, level) == ("lips", 0)
        n = min(len(motion), len(sound) // 4) - 4
        if n < 1:
            return None
        gap, word = motion[:n, -5], motion[:n, 6]
        said = (sound[::4, 0] - sound[::4, 1])[:n] / 2
        loud = loudness_course(sound).mean(1)[:n]
        seen, heard = (word, said) if self.what == "word" else (gap / 0.2, loud)
        turn = [np.stack([np.cos(x), np.sin(x)], 1).astype(np.float32) for x in (seen, heard)]
        return turn[0], turn[1]


def test_a_mouth_that_says_the_word_finds_its_own_and_one_in_time_does_not() -> None:
    word, timing = (by_key(words.scores(mouth(), MEL, Known(what))) for what in ("word", "timing"))
    for key in ("words.loudness", "words.opening"):
        said, timed = word[key], timing[key]
        assert said.value is not None and said.value > 0.9 and said.chance == 0.5
        assert said.interval is not None and said.interval[0] <= said.value <= said.interval[1]
        assert timed.value is not None and timed.value == pytest.approx(0.5, abs=0.15)


def test_one_shape_for_all_words_is_found_among_mouths_as_open() -> None:
    still = mouth().with_values(np.where(np.arange(43) == 6, 0.0, mouth().values))
    found = by_key(words.scores(still, MEL, Known("word")))["words.opening"]
    assert found.value is not None and found.value < 0.7


def test_a_short_clip_is_not_judged() -> None:
    for frames in (4, 20):
        for score in words.scores(motion_of(frames), MEL[: 4 * frames], Known("word")):
            assert score.value is None and "two seconds" in score.note


def test_the_shipped_judges_open_and_know_their_views() -> None:
    content, axes = (SyncerPyramid.load(shipped_judge(name)) for name in ("judge-content", "judge-axes"))
    assert content.views == ("lips",) and content.levels == (0,) and content.features == "mel"
    assert axes.views == ("pitch", "yaw", "roll", "shift", "unpitched") and axes.levels == (1, 2)
    mel = np.random.default_rng(0).random((400, 40)).astype(np.float32)
    still = motion_of(100, lip_gap=0.05)
    moved = motion_of(100, lip_gap=0.05, rot_x=0.1 * np.sin(np.arange(100.0)))
    for view in axes.views:
        a, b = (axes.embed(m.values, mel, view, 1) for m in (still, moved))
        assert a is not None and b is not None
        assert np.array_equal(a[0], b[0]) == (view != "pitch"), "a nod is seen by pitch alone"
    assert all(s.value is not None for s in words.scores(moved, mel, content))
