"""A baseline without a model: play the motion that went with the most similar sound among real recordings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from mssync.arrays import Array
from mssync.errors import InputError
from mssync.speech.logmel import log_mel
from mssync.timing import STEPS_PER_FRAME

WINDOW: Final = 25  # frames, one second
HOP: Final = 10  # frames between the windows that are looked up
STRIDE: Final = 5  # frames between the windows that are looked among
MAX_CANDIDATES: Final = 20_000  # bounds the memory: 80 MB


@dataclass(frozen=True)
class Recording:
    """Audio features and motion of a recording: ``sound (T, 40)`` of :func:`frame_features`, ``motion (T, D)``."""

    sound: Array
    motion: Array


def frame_features(samples: Array) -> Array:
    """Log-mel energies per video frame ``(T, 40)``, less the recording's own mean (microphone and voice).

    Args:
        samples: ``(n,)`` at 16 kHz.
    """
    steps = log_mel(samples)
    frames = steps.reshape(-1, STEPS_PER_FRAME, steps.shape[1]).mean(1)
    return np.asarray(frames - frames.mean(0), np.float32)


def nearest_motion(sound: Array, recordings: Sequence[Recording]) -> Array:
    """Motion to a sound, pieced together from recordings.

    For every second of sound, one starting every ten frames, the recorded second of the least squared distance is
    found; its motion is taken, and the pieces are cross-faded with a triangular weight.

    Args:
        sound: ``(T, 40)`` of :func:`frame_features`.
        recordings: to take from; those under a second are left out.
    Returns:
        ``(T, D)``.
    Raises:
        InputError: no recording lasts a second.
    """
    long = [r for r in recordings if min(len(r.sound), len(r.motion)) >= WINDOW]
    if not long:
        raise InputError("There is no real recording of a second or more to take motion from; add clips.")
    total = sum(len(r.sound) for r in long)
    stride = max(STRIDE, -(-total // MAX_CANDIDATES))
    places = [
        (r, start) for r in long for start in range(0, min(len(r.sound), len(r.motion)) - WINDOW + 1, stride)
    ]  # fmt: skip
    table = np.stack([r.sound[start : start + WINDOW].ravel() for r, start in places])
    energy = (table**2).sum(1)
    frames = len(sound)
    padded = np.pad(sound, ((0, max(0, WINDOW - frames)), (0, 0)), mode="edge")
    fade = 1.0 - np.abs(np.arange(WINDOW) - (WINDOW - 1) / 2) / (WINDOW / 2)
    out = np.zeros((len(padded), long[0].motion.shape[1]))
    weight = np.zeros(len(padded))
    last = len(padded) - WINDOW
    for start in [*range(0, last, HOP), last]:
        query = padded[start : start + WINDOW].ravel()
        found, at = places[int(np.argmin(energy - 2 * (table @ query)))]
        rows = slice(start, start + WINDOW)
        out[rows] += fade[:, None] * found.motion[at : at + WINDOW]
        weight[rows] += fade
    return np.asarray((out / weight[:, None])[:frames], np.float32)
