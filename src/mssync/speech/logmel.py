"""Log-mel energies, 40 bands at 100 steps per second: the audio features of the judges of an evaluation.

Kept apart from :mod:`mssync.speech.features` on purpose: a judge must not share the features of the model it judges.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from mssync.arrays import Array, Array64
from mssync.timing import SAMPLE_RATE, SAMPLES_PER_FRAME, SAMPLES_PER_STEP, STEPS_PER_FRAME

WINDOW: Final = 400
FFT: Final = 512
MEL_BANDS: Final = 40
LOW_HZ: Final = 60.0
HIGH_HZ: Final = 7600.0
DYNAMIC_RANGE: Final = 60.0  # dB below the recording's loud parts; what is quieter counts as silence


def _slaney_mel(hertz: Array64) -> Array64:
    """Slaney's scale: linear below 1 kHz, logarithmic above."""
    low = hertz / (200.0 / 3.0)
    high = 15.0 + np.log(np.maximum(hertz, 1.0) / 1000.0) / (np.log(6.4) / 27.0)
    return np.asarray(np.where(hertz < 1000.0, low, high), np.float64)


def _filters() -> Array64:
    """``(257, 40)`` triangles of equal area."""
    hertz = np.fft.rfftfreq(FFT, 1 / SAMPLE_RATE)
    lowest, highest = _slaney_mel(np.array([LOW_HZ, HIGH_HZ]))
    edges_mel = np.linspace(float(lowest), float(highest), MEL_BANDS + 2)
    grid = np.linspace(0.0, SAMPLE_RATE / 2, 8001)
    edges = np.interp(edges_mel, _slaney_mel(grid), grid)
    up = (hertz[:, None] - edges[None, :-2]) / np.diff(edges)[None, :-1]
    down = (edges[None, 2:] - hertz[:, None]) / np.diff(edges)[None, 1:]
    return np.asarray(np.maximum(0.0, np.minimum(up, down)) * (2.0 / (edges[2:] - edges[:-2]))[None], np.float64)


_FILTERS: Final = _filters()
_WINDOW: Final = np.hamming(WINDOW)


def log_mel(sound: Array) -> Array:
    """Log-mel energies of a whole recording.

    Args:
        sound: ``(n,)`` mono at 16 kHz.
    Returns:
        ``(4 T, 40)`` with T = ceil(n / 640), float32 in [0, 1]: 0 is 60 dB or more below the 99.5 % loudest band, 1 is
        that loudness.
    """
    frames = -(-len(sound) // (SAMPLES_PER_FRAME))
    steps = frames * STEPS_PER_FRAME
    before = (WINDOW - SAMPLES_PER_STEP) // 2
    padded = np.zeros(before + steps * SAMPLES_PER_STEP + WINDOW)
    padded[before : before + len(sound)] = sound
    out = np.empty((steps, MEL_BANDS))
    for start in range(0, steps, 1024):
        rows = np.arange(start, min(start + 1024, steps))[:, None] * SAMPLES_PER_STEP + np.arange(WINDOW)[None]
        power = np.abs(np.fft.rfft(padded[rows] * _WINDOW, FFT)) ** 2
        out[start : start + len(rows)] = 10.0 * np.log10(power @ _FILTERS + 1e-10)
    loud = np.percentile(out, 99.5) if steps else 0.0
    return np.asarray(np.clip((out - loud) / DYNAMIC_RANGE + 1.0, 0.0, 1.0), np.float32)
