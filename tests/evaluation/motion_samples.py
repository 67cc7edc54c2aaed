"""Footage whose every number is known: motion written by hand on the mean face, no picture and no person in it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mssync.evaluation.footage import Footage, pinned_space
from mssync.evaluation.scores.score import Score
from mssync.face.shape import HeadPose
from mssync.face.tracking import Track
from mssync.motion.mesh import Rest
from mssync.motion.space import Motion

Array = NDArray[np.float32]
Array64 = NDArray[np.float64]

PIXELS = 80.0  # of the face's inter-ocular distance


def motion_of(frames: int, **columns: Array64 | float) -> Motion:
    """Zeros but for the named columns."""
    names = pinned_space().names
    values = np.zeros((frames, len(names)), np.float32)
    for name, x in columns.items():
        values[:, names.index(name)] = x
    return Motion(values, names)


def footage(
    motion: Motion,
    *,
    sound: Array64 | None = None,
    speech: Array64 | None = None,
    valid: NDArray[np.bool_] | None = None,
    points: Array | None = None,
) -> Footage:
    """Footage of a motion; silence and no speech unless given. The points are the motion's unless given."""
    n = len(motion)
    if points is None:
        points = points_of(motion)
    seen = np.ones(n, np.bool_) if valid is None else valid
    track = Track(points, np.zeros((n, 52), np.float32), seen, np.arange(n) / 25, 512, 512)
    heard = np.zeros(640 * n) if sound is None else sound
    talk = np.zeros(n) if speech is None else speech
    return Footage(
        Path("made.mp4"), track, motion.values, motion.names, heard.astype(np.float32), talk.astype(np.float32)
    )


def points_of(motion: Motion) -> Array:
    """``(T, 478, 3)`` pixels of a motion on the mean face."""
    space = pinned_space()
    rest = Rest(space.template, HeadPose(np.eye(3), np.array([256.0, 256.0, 0.0]), np.float64(PIXELS)))
    return np.stack([space.decode(rest, row).points for row in motion.values])


def sway(frames: int, seed: int, degrees: float = 5.0) -> dict[str, Array64]:
    """Natural-looking head turns: smoothed noise around three axes, ``degrees`` of spread each."""
    white = np.random.default_rng(seed).standard_normal((frames + 200, 3))
    n = np.arange(-30, 31)
    kernel = np.exp(-0.5 * (n / 6.0) ** 2)
    smooth = np.stack([np.convolve(white[:, i], kernel, "same")[100:-100] for i in range(3)])
    smooth = (smooth - smooth.mean(1, keepdims=True)) / smooth.std(1, keepdims=True)
    return dict(zip(("rot_x", "rot_y", "rot_z"), np.radians(degrees) * smooth, strict=True))


def by_key(scores: Iterable[Score]) -> dict[str, Score]:
    return {s.key: s for s in scores}


def value(scores: Iterable[Score], key: str) -> float:
    """The value of a score that must have been run."""
    found = by_key(scores)[key].value
    assert found is not None
    return found


def natural(seed: int, scale: float = 1.0, frames: int = 300) -> Motion:
    """People's motion: the same speech for every seed, another sway."""
    gap = 0.1 + 0.1 * np.sin(np.cumsum(np.random.default_rng(99).uniform(0.3, 1.2, frames)))
    return motion_of(frames, lip_gap=gap, **{k: scale * v for k, v in sway(frames, seed).items()})
