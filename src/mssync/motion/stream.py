"""Sound in, motion out, any chunk sizes: features, silence, generator and stages in one stream."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mssync.arrays import Array
from mssync.motion.generator import MotionGenerator
from mssync.motion.stages import Heard, Stage, through
from mssync.speech.activity import EARLY, LEAST_EARLY, ActivityStream, GateStream
from mssync.speech.features import BANDS, FEATURE_RANGE, FeatureStream
from mssync.timing import STEPS_PER_FRAME


class MotionStream:
    """Sound in, motion out.

    Args:
        generator: the model.
        stages: what its motion goes through, fresh ones (:func:`mssync.motion.stages.stages_of`).
        seed: of what is drawn.
    """

    def __init__(self, generator: MotionGenerator, stages: Sequence[Stage], seed: int) -> None:
        self._generator, self._stages = generator, stages
        early = min(EARLY, max(LEAST_EARLY, generator.timing.lookahead - 1))
        self._features, self._activity, self._gate = FeatureStream(), ActivityStream(), GateStream(early)
        self._state = generator.start(seed)
        self._sound = _silence(generator.timing.context)
        self._open = self._voice = np.zeros(0, np.float32)
        self._made = 0
        self.speaking = 0
        """Frames so far in which the voice opened the mouth's gate."""

    def push(self, samples: Array) -> Array:
        """Give sound ``(n,)`` at 16 kHz; returns the rows ``(k, D)`` that became ready (k may be 0)."""
        self._sound = np.concatenate([self._sound, self._features.push(samples)])
        self._open = np.concatenate([self._open, self._gate.push(self._voiced(self._activity.push(samples)))])
        return self._blocks(None)

    def flush(self) -> Array:
        """The sound has ended: the rest of the rows; their total is ceil(samples / 640)."""
        timing = self._generator.timing
        self._sound = np.concatenate([self._sound, self._features.flush()])
        tail = self._gate.push(self._voiced(self._activity.flush()))
        self._open = np.concatenate([self._open, tail, self._gate.flush()])
        self._sound = np.concatenate([self._sound, _silence(timing.block + timing.lookahead)])
        return self._blocks(self._made + len(self._open))

    def _voiced(self, probability: Array) -> Array:
        """The same, remembered until its frames are made."""
        self._voice = np.concatenate([self._voice, probability])
        return probability

    def _blocks(self, end: int | None) -> Array:
        generator, block = self._generator, self._generator.timing.block
        need = generator.timing.steps
        out = [np.zeros((0, generator.columns), np.float32)]
        while len(self._sound) >= need and (end is not None or len(self._open) >= block):
            if end is not None and self._made >= end:
                break
            self._state, rows = generator.block(self._state, self._sound[:need])
            n = block if end is None else min(block, end - self._made)
            speech, closure = self._open[:n], generator.closures(self._sound[:need])[:n]
            self.speaking += int(np.count_nonzero(speech))
            out.append(through(self._stages, rows[:n], Heard(self._made, speech, closure, self._voice[:n])))
            self._open, self._voice = self._open[n:], self._voice[n:]
            self._sound = self._sound[block * STEPS_PER_FRAME :]
            self._made += n
        return np.concatenate(out)


def _silence(frames: int) -> Array:
    return np.full((frames * STEPS_PER_FRAME, BANDS), FEATURE_RANGE[0], np.float32)
