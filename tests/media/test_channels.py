"""Joining channels never loses the voice, and is the plain mean, bit for bit, where that does not lose it either."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from media_samples import write_sound

from mssync.media.audio import iter_sound, load_sound
from mssync.media.channels import ChannelJoiner

RATE = 16_000
SECONDS = 6
FIVE_ONE = ("FL", "FR", "FC", "LFE", "BL", "BR")


def voice(seed: int = 0) -> np.ndarray:
    """Something with the spectrum and the rhythm of speech: syllables of harmonics and hiss."""
    rng = np.random.default_rng(seed)
    t = np.arange(RATE * SECONDS) / RATE
    pitch = 2 * np.pi * np.cumsum(120 + 20 * np.sin(2 * np.pi * 0.7 * t + seed)) / RATE
    tones = sum(np.sin(k * pitch + rng.uniform(0, 6)) / k for k in range(1, 50))
    rhythm = np.clip(np.sin(2 * np.pi * 2.3 * t + seed), 0, 1) * (np.sin(2 * np.pi * 0.4 * t + seed) > -0.6)
    return np.asarray(0.1 * rhythm * (tones + 0.3 * rng.standard_normal(t.size)), np.float32)


def noise(seed: int, amount: float) -> np.ndarray:
    return np.asarray(np.random.default_rng(seed).standard_normal(RATE * SECONDS) * amount, np.float32)


def band(x: np.ndarray, low: float, high: float) -> np.ndarray:
    spectrum = np.fft.rfft(x)
    hertz = np.fft.rfftfreq(x.size, 1 / RATE)
    return np.asarray(np.fft.irfft(np.where((hertz > low) & (hertz < high), spectrum, 0), x.size), np.float32)


def delayed(x: np.ndarray, samples: int) -> np.ndarray:
    return np.concatenate([np.zeros(samples, np.float32), x[:-samples]])


def join(channels: tuple[np.ndarray, ...], names: tuple[str, ...] = (), chunk: int = 1600) -> np.ndarray:
    stacked = np.stack(channels, 1)
    joiner = ChannelJoiner(RATE, len(channels), names)
    parts = [joiner.push(stacked[i : i + chunk]) for i in range(0, len(stacked), chunk)]
    return np.concatenate([*parts, joiner.flush()])[:, 0]


X = voice()
ORDINARY = {
    "both alike": (X, X),
    "left alone": (X, 0 * X),
    "right alone": (0 * X, X),
    "with the room": (X + noise(1, 0.02), X + noise(2, 0.02)),
    "two talkers": (X + 0.2 * voice(5), voice(5) + 0.2 * X),
    "a microphone each, one bleeding inverted": (X - 0.2 * voice(5), voice(5) - 0.2 * X),
    "only noise": (noise(1, 0.1), noise(2, 0.1)),
    "silence": (0 * X, 0 * X),
}
CANCELLING = {
    "inverted": (X, -X),
    "inverted, quieter, with noise": (X + noise(1, 0.002), -0.5 * X + noise(2, 0.002)),
    "one band inverted": (X, X - 2 * band(X, 1000, 3000)),
    "a low band inverted": (X, X - 2 * band(X, 300, 800)),
    "late by 1 ms": (X, delayed(X, 16)),
    "four, two inverted": (X, -X, X, -X),
}


@pytest.mark.parametrize("name", ORDINARY)
def test_ordinary_stereo_is_the_plain_mean(name: str) -> None:
    assert np.array_equal(join(ORDINARY[name]), np.stack(ORDINARY[name], 1).mean(1, dtype=np.float32))


@pytest.mark.parametrize("name", CANCELLING)
def test_what_cancels_is_heard_on_one_channel(name: str) -> None:
    made = join(CANCELLING[name])
    assert made.std() > 0.8 * X.std()
    assert np.array_equal(made[3 * RATE :], CANCELLING[name][0][3 * RATE :])  # the first seconds may be judged wrongly


def test_a_late_start_and_any_chunking() -> None:
    """Silence before the voice decides nothing, and pieces of any size give the same samples."""
    late = tuple(np.concatenate([np.zeros(20 * RATE, np.float32), x]) for x in (X, -X))
    made = join(late)
    assert np.array_equal(made[20 * RATE :], X)
    for chunk in (77, 9000, len(made)):
        assert np.array_equal(join(late, chunk=chunk), made)


def test_the_voice_of_a_film_is_in_its_centre() -> None:
    music = [noise(k, 0.05) for k in range(5)]
    film = (music[0], music[1], X, music[2], music[3], music[4])
    assert np.array_equal(join(film, FIVE_ONE), X)
    empty = (music[0], music[1], 0 * X, music[2], music[3], music[4])
    assert np.array_equal(join(empty, FIVE_ONE), np.stack(empty, 1).mean(1, dtype=np.float32))
    assert np.corrcoef(join((0 * X, 0 * X, X, 0 * X, 0 * X, 0 * X), FIVE_ONE), X)[0, 1] > 0.999


def test_files(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.wav", np.stack([X, -X], 1), RATE, "wav", "pcm_s16le")
    with pytest.warns(UserWarning, match=r"a\.wav cancel each other .* channel 1 alone"):
        assert np.abs(load_sound(path) - X).max() < 1e-4
    both = np.concatenate(list(iter_sound(path, mono=False)))
    assert both.shape == (len(X), 2), "what is laid under the video stays as it was"
    assert np.abs(both[:, 0] + both[:, 1]).max() < 1e-4
