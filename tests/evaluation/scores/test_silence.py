"""Silence: mouths at rest, babbling, and frozen open."""

from __future__ import annotations

import numpy as np
import pytest
from motion_samples import by_key, footage, motion_of, value
from numpy.typing import NDArray

from mssync.evaluation.scores.silence import clear_silence, scores

FRAMES = 200
SPEECH = np.zeros(FRAMES)
SPEECH[50:150] = 0.9
TALKING = np.where(SPEECH > 0, 0.1 + 0.08 * np.sin(np.arange(FRAMES)), 0.0)


def numbers(gap: NDArray[np.float64]) -> tuple[float, float]:
    found = scores(footage(motion_of(FRAMES, lip_gap=gap), speech=SPEECH))
    return value(found, "silence.gap"), value(found, "silence.speed")


def test_clear_silence_keeps_away_from_speech() -> None:
    quiet = clear_silence(SPEECH.astype(np.float32))
    assert np.flatnonzero(quiet).tolist() == [*range(45), *range(155, 200)]
    one = np.zeros(30, np.float32)
    one[15] = 0.36
    assert np.flatnonzero(~clear_silence(one)).tolist() == list(range(10, 21))
    assert not clear_silence(np.ones(30, np.float32)).any() and clear_silence(np.zeros(3, np.float32)).all()


def test_a_mouth_at_rest() -> None:
    seen = footage(motion_of(FRAMES, lip_gap=TALKING), speech=SPEECH)
    found = by_key(scores(seen))
    assert found["silence.gap"].value == found["silence.speed"].value == 0.0
    assert found["silence.gap"].chance is not None and found["silence.gap"].chance > 0.01
    assert found["silence.seconds"].value == pytest.approx(90 / 25)


def test_a_mouth_frozen_open_fails_by_its_gap() -> None:
    gap, speed = numbers(np.full(FRAMES, 0.15))
    assert gap == pytest.approx(0.15) and speed == pytest.approx(0.0, abs=1e-6)
    rest, _ = numbers(TALKING)
    assert gap > rest + 0.1


def test_a_babbling_mouth_fails_by_its_speed() -> None:
    gap, speed = numbers(0.02 + 0.02 * np.cos(np.pi * np.arange(FRAMES)))
    assert speed == pytest.approx(1.0, rel=1e-3) and 0.0 <= gap <= 0.04


def test_speed_is_per_second() -> None:
    _, speed = numbers(np.arange(FRAMES) * 0.001)
    assert speed == pytest.approx(0.025, rel=1e-3)


@pytest.mark.parametrize(("frames", "run"), [(9, False), (10, True)])
def test_too_little_silence_is_not_judged(frames: int, run: bool) -> None:
    speech = np.ones(100)
    speech[40 : 40 + frames + 10] = 0.0
    found = by_key(scores(footage(motion_of(100, lip_gap=0.1), speech=speech)))
    assert (found["silence.gap"].value is not None) == run == (found["silence.speed"].value is not None)
    assert found["silence.seconds"].value == pytest.approx(frames / 25)


def test_lost_frames_are_not_silence() -> None:
    valid = np.ones(FRAMES, np.bool_)
    valid[:45] = False
    gap = TALKING.copy()
    gap[:45] = 0.4
    found = scores(footage(motion_of(FRAMES, lip_gap=gap), speech=SPEECH, valid=valid))
    assert value(found, "silence.gap") == 0.0 and value(found, "silence.seconds") == pytest.approx(45 / 25)
