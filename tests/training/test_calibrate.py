"""Calibration gives people's amounts to the motion that comes out, after all stages, not to what the net says."""

from __future__ import annotations

import numpy as np

from mssync.arrays import Array
from mssync.models import load_model
from mssync.motion.options import MotionOptions
from mssync.motion.spaces import load_space
from mssync.motion.stages import Heard, Setting, stages_of, through
from mssync.training.calibrate import head_gain
from mssync.training.data.listing import Entry
from mssync.training.data.samples import Sample

SPACE = load_space(load_model().file("space.npz"))
FRAMES = 400


def _head(seed: int, seconds: float) -> Array:
    """Heads that move within so many seconds."""
    white = np.random.default_rng(seed).standard_normal((FRAMES + 200, 6))
    keep = np.exp(-1 / (25 * seconds))
    for _ in range(2):
        for t in range(1, len(white)):
            white[t] = keep * white[t - 1] + (1 - keep) * white[t]
    out = white[200:] - white[200:].mean(0)
    return (0.1 * out / out.std(0)).astype(np.float32)


def _sample(seed: int) -> Sample:
    motion = np.zeros((FRAMES, len(SPACE.names)), np.float32)
    motion[:, SPACE.groups.head] = _head(seed, 0.15)
    one, unknown = np.ones(FRAMES, np.float32), np.full(FRAMES, -1, np.int8)
    sound = np.zeros((4 * FRAMES, 26), np.float32)
    return Sample(
        Entry("a", "train", "a", "s"), motion, sound, one, one > 0, np.zeros(2, np.float32), unknown, SPACE.groups
    )  # fmt: skip


def _amount(head: Array) -> Array:
    return np.sqrt(head.std(0) * np.abs(np.diff(head, axis=0)).mean(0))


def test_heads_have_peoples_amount_when_they_come_out_of_the_stages() -> None:
    real = [_sample(seed) for seed in range(6)]
    # The net's heads move half as much, and tremble: what is smoothed away must be made up for.
    made = [np.zeros_like(s.motion) for s in real]
    for seed, m in enumerate(made):
        m[:, SPACE.groups.head] = 0.5 * _head(100 + seed, 0.05)
    gain = head_gain(made, real, SPACE)
    setting = Setting(SPACE.groups, {"head_gain": gain}, MotionOptions())
    names = ("head_gain", "head_smoothing", "recentring", "easing")
    out = [through(stages_of(names, setting), m, Heard.silent(FRAMES))[20:, SPACE.groups.head] for m in made]
    ratio = np.median([_amount(o) / _amount(s.motion[20:, SPACE.groups.head]) for o, s in zip(out, real)], axis=0)
    np.testing.assert_allclose(ratio, 1.0, atol=0.03)
    head = SPACE.groups.head
    raw = np.median([_amount(s.motion[:, head]) / _amount(m[:, head]) for s, m in zip(real, made)], axis=0)
    assert (gain > 1.05 * raw).all()  # smoothing takes a part that a gain measured before it would not give back
