"""Sounds that the voices' benchmark changes, each in the way it says."""

from __future__ import annotations

import sys
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from mssync.arrays import Array
from mssync.evaluation.scores.prosody import pitch
from mssync.media.audio import load_sound
from mssync.speech.logmel import log_mel

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))

pytest.importorskip("changed_voices", reason="the benchmarks are not here")
from changed_voices import noisy, power, telephone, whispered


@pytest.fixture(scope="module")
def voice() -> Array:
    return load_sound(Path(str(resources.files("mssync"))) / "data" / "demo.flac")[:64000]


def share_within(sound: Array, low: float, high: float) -> float:
    energy = np.abs(np.fft.rfft(sound)) ** 2
    hertz = np.fft.rfftfreq(len(sound), 1 / 16000)
    return float(energy[(hertz >= low) & (hertz <= high)].sum() / energy.sum())


def test_a_telephone_lets_its_band_through(voice: Array) -> None:
    heard = telephone(voice)
    assert share_within(heard, 290, 3410) > 0.999 > share_within(voice, 290, 3410)
    assert len(heard) == len(voice)


@pytest.mark.parametrize("decibels", [0.0, 10.0, 30.0])
def test_noise_is_as_loud_as_asked(voice: Array, decibels: float) -> None:
    noise = noisy(0.3 * voice, decibels).astype(np.float64) - 0.3 * voice
    assert 10 * np.log10(power(0.3 * voice) / np.mean(noise**2)) == pytest.approx(decibels, abs=0.3)


def test_a_whisper_has_the_vowels_and_no_pitch(voice: Array) -> None:
    heard = whispered(voice)
    voiced, left = (float((pitch(x) > 0).mean()) for x in (voice, heard))
    assert left < 0.25 * voiced
    a, b = (log_mel(x).ravel() for x in (voice, heard))
    assert np.corrcoef(a, b)[0, 1] > 0.85
    assert len(heard) == len(voice)
