"""Noise that follows the voice: unit variance, the same in parts, one take unlike itself on another voice."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from mssync.motion.drive import FEATURES, LIMIT, Drive, directions, project, voice_features
from mssync.motion.noise import BURN_IN, burned_in, smooth

Array = NDArray[np.float32]
COLUMNS = 8
SILENCE = -1.12


def _voice(seed: int, frames: int = 600) -> Array:
    """Something like speech: bands that rise and fall over tenths of a second, pauses between."""
    rng = np.random.default_rng(seed)
    white = rng.standard_normal((4 * frames + BURN_IN, 26)).astype(np.float32)
    kernel = np.hanning(24)
    smoothed = np.stack([np.convolve(x, kernel, "same") for x in white.T], 1)[BURN_IN:]
    talk = np.repeat(rng.random(4 * frames // 120 + 1) > 0.25, 120)[: 4 * frames, None]
    return np.where(talk, smoothed / smoothed.std() * 0.8, SILENCE).astype(np.float32)


@pytest.fixture(scope="module")
def drive() -> Drive:
    return Drive.fit([_voice(s) for s in range(10, 22)], COLUMNS)


def _take(drive: Drive, voice: Array, seed: int) -> Array:
    rng = np.random.default_rng(seed)
    own = directions(rng.standard_normal((COLUMNS, FEATURES)).astype(np.float32))
    white = rng.standard_normal((BURN_IN + len(voice) // 4, COLUMNS)).astype(np.float32)
    noise, _ = smooth(white[BURN_IN:], burned_in(white[:BURN_IN]))
    return project(drive.recording(voice), own, noise)


def test_features_say_how_loud_and_how_fast_it_rises() -> None:
    quiet, loud = np.full((4, 26), -1.0, np.float32), np.full((8, 26), 1.0, np.float32)
    rows = voice_features(np.concatenate([quiet, quiet, loud]))
    assert rows.shape == (3, FEATURES)
    assert np.allclose(rows[:, 0], np.sqrt(26) * np.sqrt(2) * np.array([-1, 1, 1]), atol=1e-4)
    assert np.allclose(rows[:, 1:-1], 0, atol=1e-4)
    # The whole rise, 2, falls into the first of the second frame's four steps.
    assert np.allclose(rows[:, -1], [0.0, 0.5, 0.0], atol=1e-6)


def test_other_voices_are_heard_at_about_unit_variance_and_limited(drive: Drive) -> None:
    rows = np.concatenate([drive.recording(_voice(s)) for s in range(30, 38)])
    assert 0.6 < rows.std() < 1.2 and np.abs(rows).max() <= LIMIT
    spread = rows.std((0, 2))
    assert spread.min() > 0.5 and spread.max() < 1.4, "slow bands count as much as fast ones"


def test_parts_equal_the_whole(drive: Drive) -> None:
    voice = _voice(1, 64)
    whole, end = drive.filter(voice, drive.start())
    state, parts = drive.start(), []
    for first in range(1, 63, 8):
        last = min(first + 8, 64)
        made, state = drive.filter(voice[4 * (first - 1) : 4 * last], state)
        parts.append(made)
    assert np.allclose(np.concatenate(parts), whole, atol=1e-5) and np.allclose(state, end, atol=1e-5)


def test_a_whole_recording_is_heard_ahead(drive: Drive) -> None:
    voice = _voice(2, 80)
    padded = np.concatenate([np.full((4, 26), SILENCE, np.float32), voice])
    made = drive.recording(voice)
    plain, _ = Drive(drive.centre, drive.matrices, 0).filter(padded[4 * drive.lead :], drive.start())
    assert made.shape == (80, COLUMNS, FEATURES)
    assert np.allclose(made[: len(plain)], plain, atol=1e-5)


def test_one_take_answers_each_voice_in_its_own_way_and_takes_differ(drive: Drive) -> None:
    voices = [_voice(s) for s in range(40, 46)]
    one = [_take(drive, v, 3) for v in voices]
    two = [_take(drive, v, 4) for v in voices]

    def r(a: Array, b: Array) -> float:
        return float(np.median([abs(np.corrcoef(x, y)[0, 1]) for x, y in zip(a.T, b.T, strict=True)]))

    speeches = [r(a, b) for i, a in enumerate(one) for b in one[:i]]
    assert np.median(speeches) < 0.25, "a take of independent noise has 1"
    assert 0.1 < np.median([r(a, b) for a, b in zip(one, two, strict=True)]) < 0.6


def test_numbers_survive_a_manifest_and_others_are_refused(drive: Drive) -> None:
    again = Drive.from_json(drive.as_json(), COLUMNS)
    voice = _voice(3, 50)
    assert again.lead == drive.lead and np.allclose(again.recording(voice), drive.recording(voice), atol=1e-3)
    for bad in ({"centre": [0.0]}, {"matrices": [[1.0]]}, {"lead": -1}, {"centre": [float("nan")] * FEATURES}):
        with pytest.raises(ValueError, match="drive"):
            Drive.from_json({**drive.as_json(), **bad}, COLUMNS)
    with pytest.raises(ValueError, match="another net"):
        Drive.from_json(drive.as_json(), COLUMNS + 1)


def test_a_listener_is_moved_by_noise_and_a_speaker_hardly() -> None:
    rng = np.random.default_rng(0)
    own = directions(rng.standard_normal((COLUMNS, FEATURES)).astype(np.float32))
    noise = rng.standard_normal((4000, COLUMNS)).astype(np.float32)
    nothing = np.zeros((4000, COLUMNS, FEATURES), np.float32)
    voice = rng.standard_normal(nothing.shape).astype(np.float32)
    assert np.allclose(project(nothing, own, noise).std(), np.sqrt(0.3), atol=0.02)
    heard = project(voice, own, noise)
    assert np.allclose(heard.std(), 1.0, atol=0.05)
    assert abs(np.corrcoef(heard.ravel(), noise.ravel())[0, 1]) < 0.4
