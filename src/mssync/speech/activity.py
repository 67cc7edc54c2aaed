"""When somebody speaks: a speech probability per video frame, and the gate that shuts the mouth in silence.

All sound is float32 mono in [-1, 1] at 16 kHz; a video frame is 640 samples (25 fps). Every stream here gives
the same result for any chunking of its input, and each states how far it looks ahead.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mssync.arrays import Array, Array64, Mask
from mssync.assets import asset_bytes
from mssync.sessions import open_session
from mssync.speech.features import check_sound
from mssync.timing import SAMPLE_RATE, SAMPLES_PER_FRAME

VAD_WINDOW = 512
"""Samples per decision of the voice activity network (32 ms)."""

ACTIVITY_LOOKAHEAD = VAD_WINDOW - 128
"""Most samples past a frame's end that its probability depends on: 384 (24 ms)."""

MIN_SPEECH_FRAMES = 2
"""Shorter bursts (under 80 ms) are clicks and lip noise, not speech."""

# Weights of a speech frame on the frames after it, and on those before it: nearest last.
_AFTER = (0.9, 0.65, 0.35, 0.1)
_BEFORE = (1 / 3, 2 / 3, 1.0)

EARLY = 9
"""Frames before speech is detected at which a mouth may begin to part. People's lips do so well before they speak: a
gate that opens three frames early costs the lip gap 0.05 of its correlation with the person's own."""
LEAST_EARLY = len(_BEFORE)
"""The network detects a beginning about one frame late: opening so much earlier still leads the sound by 80 ms."""

_FILE = "silero_vad_16k_op15.onnx"
_CONTEXT = 64  # samples of the window before that the network hears again


class _Network:
    """The Silero voice activity network on one stream of sound; its recurrent state lives here.

    Raises:
        AssetError: its file is missing or damaged.
    """

    def __init__(self) -> None:
        self._session = _session()
        self._heard = np.zeros(_CONTEXT, np.float32)
        self._state = np.zeros((2, 1, 128), np.float32)

    def process(self, samples: Array64) -> float:
        """Probability of speech in the next ``VAD_WINDOW`` samples."""
        sound = np.concatenate([self._heard, samples.astype(np.float32)])
        self._heard = sound[-_CONTEXT:]
        feed = {"input": sound[None], "state": self._state, "sr": np.asarray(SAMPLE_RATE, np.int64)}
        probability, self._state = self._session.run(None, feed)
        return float(probability[0, 0])


@cache
def _session() -> Any:
    """One for the process: running it changes nothing in it."""
    return open_session(Path(_FILE), data=asset_bytes(_FILE), origin="asset")


class ActivityStream:
    """Probability of speech per video frame, from sound in chunks of any length.

    The network decides every 512 samples; a frame's value is the mean of the two windows it touches, weighted
    by overlap. Look-ahead: at most 384 samples (24 ms) past the frame's end.

    Raises:
        AssetError: the network's file is missing or damaged.
    """

    def __init__(self) -> None:
        self._network = _Network()
        self._pending = np.zeros(0)
        self._samples = 0
        self._windows: list[float] = []  # probabilities of windows from number _first on
        self._first = 0
        self._frames = 0
        self._closed = False

    def push(self, samples: npt.ArrayLike) -> Array:
        """Take any number of samples, return the probabilities in [0, 1] they complete: (k,) float32, k >= 0.

        Raises:
            InputError: more than one channel, or values that are not finite.
            ValueError: the stream was flushed already.
        """
        if self._closed:
            raise ValueError("this ActivityStream was flushed; make a new one for the next recording")
        checked = check_sound(samples)
        self._samples += checked.size
        return self._take(checked)

    def flush(self) -> Array:
        """End the sound (silence follows): the rest, so that all frames are ceil(n / 640) for n samples."""
        if self._closed:
            raise ValueError("this ActivityStream was flushed; make a new one for the next recording")
        self._closed = True
        frames = -(-self._samples // SAMPLES_PER_FRAME)
        missing = frames * SAMPLES_PER_FRAME - self._samples
        missing += -(self._samples + missing) % VAD_WINDOW
        return self._take(np.zeros(missing))

    def _take(self, samples: Array64) -> Array:
        window = VAD_WINDOW
        buffer = np.concatenate([self._pending, samples])
        whole = buffer.size // window * window
        self._pending = buffer[whole:].copy()
        self._windows += [self._network.process(part) for part in buffer[:whole].reshape(-1, window)]
        heard = (self._first + len(self._windows)) * window
        frames = []
        while (self._frames + 1) * SAMPLES_PER_FRAME <= heard:
            frames.append(self._frame(self._frames * SAMPLES_PER_FRAME))
            self._frames += 1
        done = self._frames * SAMPLES_PER_FRAME // window - self._first
        self._windows = self._windows[done:]
        self._first += done
        return np.asarray(frames, dtype=np.float32)

    def _frame(self, start: int) -> float:
        """Mean of the windows over samples [start, start + 640), weighted by overlap."""
        window, end = VAD_WINDOW, start + SAMPLES_PER_FRAME
        total = 0.0
        for number in range(start // window, -(-end // window)):
            overlap = min(end, (number + 1) * window) - max(start, number * window)
            total += overlap * self._windows[number - self._first]
        return total / SAMPLES_PER_FRAME


def speech_probability(sound: npt.ArrayLike) -> Array:
    """Speech probability per frame of a whole recording: (ceil(n / 640),) float32 in [0, 1].

    Raises:
        InputError: more than one channel, or values that are not finite.
    """
    stream = ActivityStream()
    return np.concatenate([stream.push(sound), stream.flush()])


class MaskStream:
    """Speech or not, per frame, from probabilities: hysteresis, no short bursts, a hangover.

    Speech begins where the probability reaches ``on`` and lasts while it stays at or above ``off``. Runs
    shorter than ``min_speech_frames`` are dropped; the others are kept for ``hangover_frames`` more.
    Look-ahead: ``min_speech_frames - 1`` frames (default 1 = 40 ms).

    Args:
        on: probability that starts speech.
        off: probability under which speech ends, at most ``on``.
        hangover_frames: frames added after each run, >= 0.
        min_speech_frames: shortest run kept, >= 1.

    Raises:
        ValueError: a parameter is out of range.
    """

    def __init__(
        self,
        on: float = 0.5,
        off: float = 0.35,
        hangover_frames: int = 3,
        min_speech_frames: int = MIN_SPEECH_FRAMES,
    ) -> None:
        if not 0 < off <= on <= 1 or hangover_frames < 0 or min_speech_frames < 1:
            raise ValueError("need 0 < off <= on <= 1, hangover_frames >= 0 and min_speech_frames >= 1")
        self._on, self._off = on, off
        self._hangover, self._shortest = hangover_frames, min_speech_frames
        self._run = 0  # length of the run of speech that the newest frame belongs to
        self._undecided: list[bool] = []
        self._left = 0  # hangover frames still to give

    def push(self, probability: npt.ArrayLike) -> Mask:
        """Take (k,) probabilities, return the decisions they complete: (j,) bool."""
        decided = []
        for value in np.asarray(probability, dtype=np.float64):
            self._run = self._run + 1 if value >= (self._off if self._run else self._on) else 0
            self._undecided.append(self._run > self._shortest)
            if self._run == self._shortest:
                self._undecided[-self._run :] = [True] * self._run
            if len(self._undecided) == self._shortest:
                decided.append(self._extend(self._undecided.pop(0)))
        return np.asarray(decided, dtype=np.bool_)

    def flush(self) -> Mask:
        """End the probabilities: the decisions still waiting. A run that the end cuts short is dropped."""
        decided = [self._extend(flag) for flag in self._undecided]
        self._undecided = []
        return np.asarray(decided, dtype=np.bool_)

    def _extend(self, speech: bool) -> bool:
        self._left = self._hangover if speech else self._left - 1
        return speech or self._left >= 0


def speech_mask(
    probability: npt.ArrayLike,
    on: float = 0.5,
    off: float = 0.35,
    hangover_frames: int = 3,
    min_speech_frames: int = MIN_SPEECH_FRAMES,
) -> Mask:
    """:class:`MaskStream` over all probabilities (T,) at once: (T,) bool."""
    stream = MaskStream(on, off, hangover_frames, min_speech_frames)
    return np.concatenate([stream.push(probability), stream.flush()])


class GateStream:
    """How far the mouth may follow the voice: 1 in speech, 0 in silence, smooth between.

    From speech probabilities per frame. The gate begins to open ``early`` frames before speech is detected and is shut
    five frames (0.2 s) after the last speech frame; shorter pauses than both together do not shut it.

    Args:
        early: at least :data:`LEAST_EARLY`.

    Attributes:
        lookahead: frames of speech probability a gate value waits for: ``early`` and one more.
    """

    def __init__(self, early: int = EARLY) -> None:
        if early < LEAST_EARLY:
            raise ValueError(f"the gate opens at least {LEAST_EARLY} frames early, not {early}")
        self._mask = MaskStream(hangover_frames=0)
        self._early = early
        self.lookahead = early + MIN_SPEECH_FRAMES - 1
        # One row of weights, oldest frame first: what speech k frames ago, now, and k frames ahead gives the gate.
        self._reach = np.array([*_AFTER[::-1], *[1.0] * (early - LEAST_EARLY + 1), *_BEFORE[::-1]])
        self._speech = np.zeros(len(_AFTER))  # speech frames the next value depends on; silence before the start

    def push(self, probability: npt.ArrayLike) -> Array:
        """Take (k,) probabilities, return the gate values they complete: (j,) float32 in [0, 1]."""
        return self._take(self._mask.push(probability))

    def flush(self) -> Array:
        """End the probabilities (silence follows): the gate values of the frames still waiting."""
        waiting = self._mask.flush()
        return self._take(np.concatenate([waiting, np.zeros(self._early, dtype=np.bool_)]))

    def _take(self, speech: Mask) -> Array:
        joined = np.concatenate([self._speech, speech])
        if joined.size < self._reach.size:
            self._speech = joined
            return np.zeros(0, dtype=np.float32)
        self._speech = joined[1 - self._reach.size :]
        around = np.lib.stride_tricks.sliding_window_view(joined, self._reach.size)
        return np.asarray((around * self._reach).max(axis=1), dtype=np.float32)


def mouth_gate(probability: npt.ArrayLike) -> Array:
    """:class:`GateStream` over all probabilities (T,) at once: (T,) float32 in [0, 1]."""
    stream = GateStream()
    return np.concatenate([stream.push(probability), stream.flush()])
