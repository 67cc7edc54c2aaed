"""Training windows, drawn from clips: roles by weight, speakers and clips evenly, places from a seed."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from mssync.arrays import Array
from mssync.errors import InputError
from mssync.motion.drive import Drive
from mssync.speech.features import FEATURE_RANGE
from mssync.timing import FPS, STEPS_PER_FRAME
from mssync.training.data.listing import role_weights, some
from mssync.training.data.samples import Sample

SILENT_FEATURE: Final = FEATURE_RANGE[0]


@dataclass(frozen=True)
class Window:
    """A batch of windows; sound carries its context on both sides.

    Attributes:
        motion: ``(B, N, D)``; sound: ``(B, 4 (before + N + after), 26)``; speech: ``(B, N)``; energy: ``(B, 2)``.
        driven: ``(B, N, columns, 9)`` voice of :meth:`mssync.motion.drive.Drive.filter`; None without a drive.
        roles: ``(B,)`` of their clips.
    """

    motion: Array
    sound: Array
    speech: Array
    energy: Array
    driven: Array | None
    roles: list[str]


class Sampler:
    """Draws windows: role by weight, speaker evenly, clip evenly, place at random.

    Args:
        samples: training samples; those shorter than a window are left out.
        weights: one number per role; none at all: roles weigh alike.
        frames: N, length of a window, a multiple of 8.
        before, after: frames of sound context.
        seed: of the draw.
        drive: how noise follows the voice; None: it does not.
    Raises:
        InputError: no clip fills a window, or no role that is there has a weight.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        weights: dict[str, float],
        frames: int,
        before: int,
        after: int,
        seed: int,
        drive: Drive | None = None,
    ) -> None:
        self._drive = drive
        self._driven: dict[int, Array] = {}  # by the identity of a clip's sound: mirror images share it
        self._frames, self._before, self._after = frames, before, after
        self._rng = np.random.default_rng(seed)
        groups: dict[str, dict[str, list[Sample]]] = {}
        for s in _long_enough(samples, frames):
            groups.setdefault(s.entry.role, {}).setdefault(s.entry.speaker, []).append(s)
        share = role_weights(weights, groups)
        self._groups = {f: list(groups[f].values()) for f in share}
        self._roles, self._p = list(share), np.array(list(share.values()))

    def state(self) -> dict[str, object]:
        """The random state, for resuming."""
        return dict(self._rng.bit_generator.state)

    def restore(self, state: dict[str, object]) -> None:
        """Go on from :meth:`state`."""
        self._rng.bit_generator.state = state

    def batches(self, size: int) -> Iterator[Window]:
        """Endless batches."""
        while True:
            parts = [self._one() for _ in range(size)]
            motion, sound, speech, energy = (np.stack(p) for p in zip(*(p[0] for p in parts), strict=True))
            driven = (
                None if self._drive is None else np.stack([self._drive_along(self._drive, s, at) for _, s, at in parts])
            )
            yield Window(motion, sound, speech, energy, driven, [s.entry.role for _, s, _ in parts])

    def _drive_along(self, drive: Drive, s: Sample, start: int) -> Array:
        if id(s.sound) not in self._driven:
            self._driven[id(s.sound)] = drive.recording(s.sound)
        driven = self._driven[id(s.sound)]
        return driven[np.minimum(np.arange(start, start + self._frames), len(driven) - 1)]

    def _one(self) -> tuple[tuple[Array, Array, Array, Array], Sample, int]:
        rng, n = self._rng, self._frames
        for _ in range(50):
            group = self._groups[self._roles[int(rng.choice(len(self._roles), p=self._p))]]
            speaker = group[int(rng.integers(len(group)))]
            s = speaker[int(rng.integers(len(speaker)))]
            start = int(rng.integers(0, max(1, len(s.motion) - n + 1)))
            if s.valid[start : start + n].mean() > 0.95:
                break
        return cut(s, start, n, self._before, self._after), s, start


def _long_enough(samples: Sequence[Sample], frames: int) -> list[Sample]:
    """The samples that fill a window: what is added to a shorter one would be a head that freezes.

    Raises:
        InputError: there are none.
    """
    fit = [s for s in samples if len(s.motion) >= frames]
    names, short = ({s.entry.name for s in x} for x in (samples, (s for s in samples if len(s.motion) < frames)))
    window = f"the {frames} frames ({frames / FPS:.1f} s) of a window"
    if not fit:
        raise InputError(f"Every clip is shorter than {window}; add longer ones, or write a smaller `frames`.")
    if short:
        warnings.warn(
            f"{len(short)} of {len(names)} clips are shorter than {window} and are left out: {some(sorted(short))}.",
            stacklevel=3,
        )
    return fit


def cut(s: Sample, start: int, n: int, before: int, after: int) -> tuple[Array, Array, Array, Array]:
    """One window; beyond the clip's ends the pose holds still and the sound is silence."""
    rows = np.clip(np.arange(start, start + n), 0, len(s.motion) - 1)
    lo, hi = (start - before) * STEPS_PER_FRAME, (start + n + after) * STEPS_PER_FRAME
    sound = np.full((hi - lo, s.sound.shape[1]), SILENT_FEATURE, np.float32)
    a, b = max(lo, 0), min(hi, len(s.sound))
    sound[a - lo : b - lo] = s.sound[a:b]
    return s.motion[rows], sound, s.speech[rows], s.energy
