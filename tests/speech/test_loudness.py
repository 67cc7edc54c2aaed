"""One number for a recording: quiet speech is raised, noise and silence are not."""

from __future__ import annotations

import numpy as np
import pytest

from mssync.speech.loudness import LoudnessMeter, amplified

RATE = 16_000


def syllables(seconds: float = 8.0) -> np.ndarray:
    t = np.arange(int(RATE * seconds)) / RATE
    rhythm = np.clip(np.sin(2 * np.pi * 2 * t), 0, 1)
    tone = rhythm * np.sin(2 * np.pi * 220 * t)
    return tone / np.sqrt(np.mean(tone**2))


def noise(seconds: float = 8.0) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(int(RATE * seconds))


def measured(sound: np.ndarray, chunk: int = 1000) -> LoudnessMeter:
    meter = LoudnessMeter()
    for start in range(0, len(sound), chunk):
        meter.push(sound[start : start + chunk])
    return meter


@pytest.mark.parametrize("level", [-12, -20, -33])
def test_usual_levels_are_left_alone(level: int) -> None:
    sound = (syllables() * 10 ** (level / 20)).astype(np.float32)
    assert measured(sound).gain == 1.0
    assert amplified(sound, 1.0) is sound


@pytest.mark.parametrize("level", [-50, -60, -75])
def test_quiet_speech_is_brought_to_one_level(level: int) -> None:
    sound = syllables() * 10 ** (level / 20) + noise() * 10 ** ((level - 25) / 20)
    raised = amplified(sound.astype(np.float32), measured(sound).gain)
    assert 20 * np.log10(np.sqrt(np.mean(raised**2))) == pytest.approx(-40, abs=1.5)
    hour = np.concatenate([noise(400) * 10 ** ((level - 25) / 20), sound])
    assert measured(hour, 10**6).gain == pytest.approx(measured(sound).gain, rel=0.15)


@pytest.mark.parametrize("level", [-20, -50, -80])
def test_noise_is_not_raised(level: int) -> None:
    meter = measured(noise() * 10 ** (level / 20))
    assert meter.gain == 1.0
    assert meter.speech_level is None
    assert meter.loudest == pytest.approx(level, abs=1.5)


def test_silence_and_a_pause_in_loud_speech() -> None:
    assert measured(np.zeros(RATE)).gain == 1.0
    assert measured(np.zeros(RATE)).loudest == -np.inf
    loud = syllables() * 0.1
    assert measured(np.concatenate([loud, noise() * 1e-3, loud])).gain == 1.0


@pytest.mark.parametrize("chunk", [1, 639, 10**9])
def test_any_chunking(chunk: int) -> None:
    sound = syllables(0.5) * 0.003
    assert measured(sound, chunk).gain == measured(sound).gain
    assert measured(sound, chunk).loudest == measured(sound).loudest
