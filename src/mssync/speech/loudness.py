"""How loud a whole recording is: quiet speech is raised by one factor, and a silent file is told from noise."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from mssync.arrays import Array
from mssync.timing import SAMPLES_PER_FRAME

# dBFS of 40 ms frames. Speech recorded as usual lies between -35 and -15; what is quieter is raised to the target.
_TARGET: Final = -34.0
_MOST_GAIN: Final = 60.0
# A recording whose frames never rise this far above its own noise holds nothing to be raised.
_ABOVE_NOISE: Final = 6.0
_NOISE_SHARE: Final = 10.0  # per cent of the frames that hold any sound
_SPEECH_SHARE: Final = 80.0  # per cent of the frames above the noise
_LOWEST: Final = -110  # what lies below counts as digital silence
_LEAST_FRAMES: Final = 5


class LoudnessMeter:
    """Levels of all 40 ms frames of a sound of any length, as counts per decibel (constant memory)."""

    def __init__(self) -> None:
        self._counts = np.zeros(-_LOWEST + 1, np.int64)  # bin k: _LOWEST + k dBFS
        self._pending = np.zeros(0, np.float32)

    def push(self, samples: npt.ArrayLike) -> None:
        """Take any number of samples in [-1, 1]."""
        joined = np.concatenate([self._pending, np.asarray(samples, np.float32)])
        whole = joined.size // SAMPLES_PER_FRAME * SAMPLES_PER_FRAME
        self._pending = joined[whole:].copy()
        power = np.square(joined[:whole].reshape(-1, SAMPLES_PER_FRAME), dtype=np.float64).mean(axis=1)
        level = np.rint(10.0 * np.log10(power + 1e-20)).astype(int)
        heard = np.clip(level[level >= _LOWEST] - _LOWEST, 0, self._counts.size - 1)
        self._counts += np.bincount(heard, minlength=self._counts.size)

    @property
    def loudest(self) -> float:
        """Level of the loudest frame in dBFS, -inf for digital silence."""
        heard = np.flatnonzero(self._counts)
        return float(heard[-1] + _LOWEST) if heard.size else -np.inf

    @property
    def speech_level(self) -> float | None:
        """Level in dBFS of what rises above the recording's own noise; ``None`` where nothing does."""
        noise = _percentile(self._counts, _NOISE_SHARE)
        if noise is None:
            return None
        above = self._counts.copy()
        above[: int(np.ceil(noise + _ABOVE_NOISE))] = 0
        if above.sum() < _LEAST_FRAMES:
            return None
        level = _percentile(above, _SPEECH_SHARE)
        return None if level is None else level + _LOWEST

    @property
    def gain(self) -> float:
        """Factor (1 to 1000) that brings quiet speech to a level that is heard; exactly 1 for usual recordings."""
        level = self.speech_level
        if level is None or level >= _TARGET:
            return 1.0
        return float(10.0 ** (min(_TARGET - level, _MOST_GAIN) / 20.0))


def amplified(samples: Array, gain: float) -> Array:
    """Samples times a gain, within [-1, 1]; untouched where the gain is 1."""
    return samples if gain == 1.0 else np.asarray(np.clip(samples * np.float32(gain), -1.0, 1.0), np.float32)


def _percentile(counts: npt.NDArray[np.int64], share: float) -> int | None:
    total = int(counts.sum())
    if total == 0:
        return None
    return int(np.searchsorted(np.cumsum(counts), max(1.0, share / 100.0 * total)))
