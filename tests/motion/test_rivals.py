"""Other words at the same loudness, on sounds whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from mssync.motion.rivals import APART, COUNT, loudness_course, rivals, won

RNG = np.random.default_rng(0)
FRAMES = 200
# Syllables of one loudness course, each with one of two colours; the second half is quieter than the first.
LOUD = 0.5 + 0.3 * np.sin(2 * np.pi * np.arange(4 * FRAMES) / 40) - 0.1 * (np.arange(4 * FRAMES) >= 2 * FRAMES)
COLOUR = np.repeat(RNG.integers(0, 2, FRAMES // 10), 40)
SOUND = np.stack([LOUD + 0.2 * COLOUR, LOUD - 0.2 * COLOUR], 1).astype(np.float32)


def test_the_course_is_the_mean_of_bands_and_steps_frame_by_frame() -> None:
    sound = np.arange(4 * 8 * 2, dtype=np.float32).reshape(32, 2)
    course = loudness_course(sound)
    assert course.shape == (4, 5)
    assert course[1] == pytest.approx(sound.reshape(8, -1).mean(1)[1:6])


def test_rivals_are_as_loud_lie_apart_and_know_nothing_of_the_colour() -> None:
    rows, others = rivals(SOUND)
    course = loudness_course(SOUND)
    assert others.shape == (len(rows), COUNT) and len(rows) > 60
    assert (np.abs(rows[:, None] - others) >= APART).all()
    assert set(others.ravel()) <= set(rows)
    assert np.abs(course[rows][:, None] - course[others]).mean() < 0.02
    assert (course[rows].mean(1) >= np.median(course.mean(1))).all()
    colour = COLOUR[::4][: len(course)]
    assert 0.3 < (colour[rows][:, None] == colour[others]).mean() < 0.7


def test_timing_alone_wins_nothing_and_the_right_word_wins() -> None:
    rows, others = rivals(SOUND)
    course = loudness_course(SOUND)
    n = len(course)

    def unit(x: np.ndarray) -> np.ndarray:
        x = x + 0.01 * RNG.standard_normal(x.shape)
        return np.asarray(x / np.linalg.norm(x, axis=1, keepdims=True), np.float32)

    word = RNG.standard_normal((n, 24))
    timing = np.concatenate([course - course.mean(), np.zeros((n, 24))], 1)
    knows = np.concatenate([course - course.mean(), word], 1)
    assert won(unit(timing), unit(timing), rows, others).mean() == pytest.approx(0.5, abs=0.12)
    assert won(unit(knows), unit(knows), rows, others).mean() > 0.99
    assert won(unit(knows), unit(knows[::-1]), rows, others).mean() == pytest.approx(0.5, abs=0.12)


@pytest.mark.parametrize("frames", [0, 3, 20, 28])
def test_a_short_clip_has_none(frames: int) -> None:
    rows, others = rivals(SOUND[: 4 * frames])
    assert len(rows) == len(others) and others.shape[1] == COUNT
    assert len(rows) == 0
