"""The same words through a telephone, in noise, whispered: sounds changed in a known way."""

from __future__ import annotations

from typing import Final

import numpy as np

from mssync.arrays import Array

RATE: Final = 16_000
TELEPHONE: Final = (300.0, 3400.0)  # Hz, the band of a telephone line
FRAME: Final = 512  # samples, 32 ms
LIFTER: Final = 24  # cepstral coefficients that hold the vowel and not the pitch


def telephone(sound: Array) -> Array:
    """What an 8 kHz telephone line lets through: 300 to 3400 Hz."""
    spectrum = np.fft.rfft(sound)
    hertz = np.fft.rfftfreq(len(sound), 1 / RATE)
    inside = (hertz >= TELEPHONE[0]) & (hertz <= TELEPHONE[1])
    return np.asarray(np.fft.irfft(spectrum * inside, len(sound)), np.float32)


def noisy(sound: Array, decibels: float, seed: int = 0) -> Array:
    """With pink noise, ``decibels`` below the sound's own power where it is loud (its loudest half of frames)."""
    rng = np.random.default_rng(seed)
    hertz = np.fft.rfftfreq(len(sound), 1 / RATE)
    shape = 1.0 / np.sqrt(np.maximum(hertz, 50.0))
    noise = np.fft.irfft(np.fft.rfft(rng.standard_normal(len(sound))) * shape, len(sound))
    noise *= np.sqrt(power(sound) * 10.0 ** (-decibels / 10.0) / np.mean(noise**2))
    return np.asarray(np.clip(sound + noise, -1.0, 1.0), np.float32)


def power(sound: Array) -> float:
    """Mean square of the louder half of 32 ms frames."""
    frames = sound[: len(sound) // FRAME * FRAME].reshape(-1, FRAME).astype(np.float64)
    each = (frames**2).mean(1)
    return float(each[each >= np.median(each)].mean())


def whispered(sound: Array, seed: int = 0) -> Array:
    """The same mouth without a voice: every 32 ms keep their spectral envelope (cepstrum up to 1.5 ms) and loudness,
    and noise takes the place of what the vocal folds do."""
    rng = np.random.default_rng(seed)
    hann = np.hanning(FRAME + 1)[:-1]
    hop = FRAME // 2
    padded = np.concatenate([np.zeros(hop), sound, np.zeros(FRAME)])
    out = np.zeros(len(padded))
    for start in range(0, len(padded) - FRAME, hop):
        magnitude = np.abs(np.fft.rfft(padded[start : start + FRAME] * hann)) + 1e-6
        cepstrum = np.fft.irfft(np.log(magnitude))
        cepstrum[LIFTER : FRAME - LIFTER + 1] = 0.0
        envelope = np.exp(np.fft.rfft(cepstrum).real)
        breath = np.fft.irfft(envelope * np.fft.rfft(rng.standard_normal(FRAME) * hann), FRAME)
        breath *= np.sqrt((magnitude**2).sum() / max(float((np.abs(np.fft.rfft(breath)) ** 2).sum()), 1e-12))
        out[start : start + FRAME] += breath * hann
    return np.asarray(np.clip(out[hop : hop + len(sound)], -1.0, 1.0), np.float32)
