"""Blinks: found where they are, drawn at the rate asked for, the same whatever the chunks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mssync.motion.blinks import (
    COURSE_AFTER,
    COURSE_BEFORE,
    BlinkModel,
    BlinkProcess,
    find_blinks,
    without_blinks,
)

COURSE = (0.0, 0.05, 0.3, 0.8, 1.0, 0.9, 0.7, 0.45, 0.25, 0.12, 0.05, 0.0, 0.0)
MODEL = BlinkModel(float(np.log(3.0) - 0.5**2 / 2), 0.5, COURSE)  # every 3 s on average


def talk(frames: int) -> np.ndarray:
    """Somebody speaks as usual: pauses are 15 % of the time."""
    return (np.arange(frames) % 100 >= 15).astype(np.float32)


def peaks(closure: np.ndarray) -> np.ndarray:
    return np.flatnonzero(closure == 1.0)


def lids(at: list[int], frames: int = 400, level: float = 0.1) -> np.ndarray:
    """Both lids, slowly drifting, with blinks at the given frames."""
    x = np.full(frames, level) + 0.05 * np.sin(np.arange(frames) / 60)
    for p in at:
        x[p - COURSE_BEFORE : p + COURSE_AFTER + 1] += np.asarray(COURSE) * (0.95 - level)
    return np.repeat(x[:, None], 2, 1).astype(np.float32)


@pytest.mark.parametrize("rate", [0.5, 1.0, 2.0])
def test_the_rate_is_honoured(rate: float) -> None:
    minutes = 40
    found = peaks(BlinkProcess(MODEL, seed=1, rate=rate).next(talk(minutes * 60 * 25)))
    assert len(found) == pytest.approx(minutes * 20 * rate, rel=0.12)
    assert np.diff(found).min() >= len(COURSE)


def test_blinks_prefer_pauses() -> None:
    voice = (np.arange(120 * 60 * 25) % 50 >= 15).astype(np.float32)
    found = peaks(BlinkProcess(MODEL, seed=2).next(voice))
    paused = voice[np.maximum(found - COURSE_BEFORE, 0)] == 0
    rates = [paused.sum() / (voice == 0).sum(), (~paused).sum() / (voice == 1).sum()]
    assert 1.3 < rates[0] / rates[1] < 1.8


def test_no_blinks_at_rate_0() -> None:
    assert not BlinkProcess(MODEL, seed=1, rate=0.0).next(talk(10_000)).any()


def test_the_course_of_each_blink_is_whole() -> None:
    closure = BlinkProcess(MODEL, seed=3).next(talk(5000))
    assert closure.min() >= 0.0 and closure.max() == 1.0
    for p in peaks(closure):
        if COURSE_BEFORE <= p < 5000 - COURSE_AFTER:
            np.testing.assert_allclose(closure[p - COURSE_BEFORE : p + COURSE_AFTER + 1], COURSE, atol=1e-6)


def test_the_seed_decides() -> None:
    runs = [BlinkProcess(MODEL, seed=s).next(talk(2000)) for s in (5, 5, 6)]
    np.testing.assert_array_equal(runs[0], runs[1])
    assert (runs[0] != runs[2]).any()


@settings(max_examples=25, deadline=None)
@given(sizes=st.lists(st.integers(0, 90), max_size=25), seed=st.integers(0, 2**63 - 1))
def test_chunks_do_not_matter(sizes: list[int], seed: int) -> None:
    process = BlinkProcess(MODEL, seed, rate=3.0)
    voice = talk(sum(sizes))
    chunks = [process.next(part) for part in np.split(voice, np.cumsum(sizes))]
    whole = BlinkProcess(MODEL, seed, rate=3.0).next(voice)
    np.testing.assert_array_equal(np.concatenate([*chunks, np.zeros(0, np.float32)]), whole)


def test_blinks_are_found_and_taken_out() -> None:
    at = [60, 150, 170, 320]
    seen = lids(at)
    assert find_blinks(seen).tolist() == at
    np.testing.assert_allclose(without_blinks(seen), lids([]), atol=0.05)


def test_what_is_not_a_blink() -> None:
    one_eye = lids([60])
    one_eye[:, 1] = lids([])[:, 1]
    assert find_blinks(one_eye).size == 0  # a wink
    slow = lids([])
    slow[100:200] = 0.9
    assert find_blinks(slow).size == 0  # closed eyes
    np.testing.assert_allclose(without_blinks(slow)[105:195], 0.9)
    assert find_blinks(lids([], frames=1)).size == 0


def test_fitting_finds_rate_and_course_again() -> None:
    process = BlinkProcess(MODEL, seed=9)
    clips = []
    for _ in range(40):
        closure = process.next(talk(600))[:, None]
        clips.append(np.repeat(0.05 + 0.9 * closure, 2, 1).astype(np.float32))
    model = BlinkModel.fit(clips)
    mean = np.exp(model.log_mean + model.log_std**2 / 2)
    assert mean == pytest.approx(3.0, rel=0.15)
    assert 0.3 <= model.log_std <= 0.7
    assert model.course[COURSE_BEFORE] == 1.0
    np.testing.assert_allclose(model.course, COURSE, atol=0.12)


def test_fitting_without_a_blink_still_gives_a_model() -> None:
    model = BlinkModel.fit([lids([], 250), lids([], 250)])
    assert np.exp(model.log_mean + model.log_std**2 / 2) == pytest.approx(20.0)
    assert max(model.course) == 1.0 and len(model.course) == COURSE_BEFORE + 1 + COURSE_AFTER
