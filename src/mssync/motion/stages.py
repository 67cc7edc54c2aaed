"""What motion goes through after the network: small stages, one after the other, chosen by the model's manifest.

A network that must answer for many possible people answers between them, knows no photo and hears no silence. Each
stage puts one such thing right, on blocks of rows of any length, with a state of fixed size: any division into blocks
gives the same motion. Calibration (:mod:`mssync.training.calibrate`) measures through the same stages.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Self

import numpy as np

from mssync.arrays import Array
from mssync.motion.blinks import BlinkModel, BlinkProcess
from mssync.motion.columns import Groups, width
from mssync.motion.gap_curve import GapCurve
from mssync.motion.gaze import HOLD, Fixations
from mssync.motion.options import MotionOptions

RECENTRE_FRAMES: Final = 300  # time constant of the slow return to the photo's own pose
EASE_FRAMES: Final = 12
SILENT_EXPRESSION: Final = 0.1  # share of the expression that stays while nobody speaks
LIDS: Final = (-0.2, 0.6)  # the slow part of lids: what is further shut is a blink


@dataclass(frozen=True)
class Heard:
    """What stages know of a block beside its rows.

    Attributes:
        first: number of its first frame.
        speech: ``(n,)`` the mouth's gate in [0, 1]: 1 while somebody speaks.
        closure: ``(n,)`` in [0, 1]: 1 where the sound asks the lips to touch.
        voice: ``(n,)`` probability that somebody speaks in the frame itself.
    """

    first: int
    speech: Array
    closure: Array
    voice: Array

    @staticmethod
    def silent(frames: int, first: int = 0) -> Heard:
        """Nothing heard at all."""
        return Heard(first, *(np.zeros(frames, np.float32) for _ in range(3)))


@dataclass(frozen=True)
class Setting:
    """What a stage is made from.

    Attributes:
        groups: columns of the motion space.
        measured: what was measured for the model, by the names of its manifest.
        options: the knobs.
    """

    groups: Groups
    measured: Mapping[str, Any]
    options: MotionOptions


class Stage(ABC):
    """One thing put right, block after block."""

    name: ClassVar[str]
    """In manifests."""
    needs: ClassVar[str] = ""
    """The manifest's entry that it is made from; empty: none."""

    @classmethod
    @abstractmethod
    def of(cls, setting: Setting) -> Self:
        """A fresh stage, before the first frame."""

    @abstractmethod
    def __call__(self, rows: Array, heard: Heard) -> Array:
        """The next rows ``(n, D)``; those given are left as they are."""

    def state(self) -> dict[str, Array]:
        """All that it remembers, as arrays of fixed size."""
        return {}


class HeadGain(Stage):
    """Head columns times factors that give them people's amount of motion."""

    name = "head_gain"
    needs = "head_gain"

    def __init__(self, head: slice, gain: Array) -> None:
        self._head, self._gain = head, gain

    @classmethod
    def of(cls, setting: Setting) -> Self:
        return cls(setting.groups.head, np.asarray(setting.measured["head_gain"], np.float32))

    def __call__(self, rows: Array, heard: Heard) -> Array:
        return _changed(rows, self._head, rows[:, self._head] * self._gain)


class HeadSmoothing(Stage):
    """Above 6 Hz heads only tremble: a binomial average over three frames, one frame late, takes most of it out."""

    name = "head_smoothing"

    def __init__(self, head: slice) -> None:
        self._head = head
        self._before = np.zeros((2, width(head)), np.float32)

    @classmethod
    def of(cls, setting: Setting) -> Self:
        return cls(setting.groups.head)

    def __call__(self, rows: Array, heard: Heard) -> Array:
        x = np.concatenate([self._before, rows[:, self._head]])
        self._before = x[-2:].copy()
        return _changed(rows, self._head, (x[:-2] + 2.0 * x[1:-1] + x[2:]) / 4.0)

    def state(self) -> dict[str, Array]:
        return {"before": self._before}


class Recentring(Stage):
    """Head, lids and gaze less their slow mean.

    Some styles lean, droop their lids or look aside for good; a photo should keep its own posture. Motion in the
    training data is relative to the middle of some ten seconds, and so it is here.
    """

    name = "recentring"

    def __init__(self, groups: Groups) -> None:
        self._columns = np.r_[groups.head, groups.lids, groups.gaze]
        self._centre = np.zeros(len(self._columns), np.float32)

    @classmethod
    def of(cls, setting: Setting) -> Self:
        return cls(setting.groups)

    def __call__(self, rows: Array, heard: Heard) -> Array:
        out, seen = rows.copy(), rows[:, self._columns]
        for t, row in enumerate(seen):
            out[t, self._columns] = row - self._centre
            self._centre += (row - self._centre) / RECENTRE_FRAMES
        return out

    def state(self) -> dict[str, Array]:
        return {"centre": self._centre}


class Easing(Stage):
    """The first frame is the photo's own pose; within half a second the head comes to its own motion."""

    name = "easing"

    def __init__(self, head: slice) -> None:
        self._head = head

    @classmethod
    def of(cls, setting: Setting) -> Self:
        return cls(setting.groups.head)

    def __call__(self, rows: Array, heard: Heard) -> Array:
        t = np.clip((heard.first + np.arange(len(rows))) / EASE_FRAMES, 0.0, 1.0)[:, None]
        return _changed(rows, self._head, rows[:, self._head] * (t * t * (3.0 - 2.0 * t)).astype(np.float32))


class Gaze(Stage):
    """Eyes keep to the viewer while the head turns, and leap from fixation to fixation (:mod:`mssync.motion.gaze`)."""

    name = "gaze"

    def __init__(self, groups: Groups, seed: int) -> None:
        self._rotation, self._gaze, self._fixations = groups.rotation, groups.gaze, Fixations(seed)

    @classmethod
    def of(cls, setting: Setting) -> Self:
        return cls(setting.groups, setting.options.seed)

    def __call__(self, rows: Array, heard: Heard) -> Array:
        if not width(self._gaze) or not width(self._rotation):
            return rows.copy()
        pitch_yaw = rows[:, self._rotation][:, :2]
        return _changed(rows, self._gaze, pitch_yaw[:, ::-1] * HOLD + self._fixations.next(len(rows)))

    def state(self) -> dict[str, Array]:
        return self._fixations.state()


class Gaps(Stage):
    """Lip gaps through the curve that gives them people's quantiles (:mod:`mssync.motion.gap_curve`)."""

    name = "gap_curve"
    needs = "gap_curve"

    def __init__(self, lip_gap: slice, curve: GapCurve) -> None:
        self._lip_gap, self._curve = lip_gap, curve

    @classmethod
    def of(cls, setting: Setting) -> Self:
        knots = {k: tuple(map(float, v)) for k, v in setting.measured["gap_curve"].items()}
        return cls(setting.groups.lip_gap, GapCurve(**knots))

    def __call__(self, rows: Array, heard: Heard) -> Array:
        return _changed(rows, self._lip_gap, self._curve(rows[:, self._lip_gap]))


class Closures(Stage):
    """Lips touch where the sound asks for it."""

    name = "closures"
    needs = "closure"

    def __init__(self, lip_gap: slice) -> None:
        self._lip_gap = lip_gap

    @classmethod
    def of(cls, setting: Setting) -> Self:
        return cls(setting.groups.lip_gap)

    def __call__(self, rows: Array, heard: Heard) -> Array:
        return _changed(rows, self._lip_gap, rows[:, self._lip_gap] * (1.0 - heard.closure[:, None]))


class Silence(Stage):
    """While nobody speaks the lips are shut and a tenth of the expression stays."""

    name = "silence"

    def __init__(self, groups: Groups) -> None:
        self._expression, self._lip_gap = groups.expression, groups.lip_gap

    @classmethod
    def of(cls, setting: Setting) -> Self:
        return cls(setting.groups)

    def __call__(self, rows: Array, heard: Heard) -> Array:
        speech = heard.speech[:, None]
        stays = SILENT_EXPRESSION + (1 - SILENT_EXPRESSION) * speech
        out = _changed(rows, self._expression, rows[:, self._expression] * stays)
        out[:, self._lip_gap] *= speech
        return out


class Blinks(Stage):
    """Lids kept open enough, and blinks as events, oftener in pauses (:mod:`mssync.motion.blinks`)."""

    name = "blinks"
    needs = "blinks"

    def __init__(self, lids: slice, process: BlinkProcess) -> None:
        self._lids, self._process = lids, process

    @classmethod
    def of(cls, setting: Setting) -> Self:
        model, options = BlinkModel.of(setting.measured), setting.options
        return cls(setting.groups.lids, BlinkProcess(model, options.seed, options.blink))

    def __call__(self, rows: Array, heard: Heard) -> Array:
        lids = np.clip(rows[:, self._lids], *LIDS)
        return _changed(rows, self._lids, lids + (1.0 - lids) * self._process.next(heard.voice)[:, None])

    def state(self) -> dict[str, Array]:
        return self._process.state()


class Knobs(Stage):
    """The amounts of head and mouth that were asked for."""

    name = "knobs"

    def __init__(self, groups: Groups, options: MotionOptions) -> None:
        self._amounts = (
            (groups.head, options.head),
            (groups.mouth, options.mouth),
            # The eyes answer the head; a still head needs no answer.
            (groups.gaze, min(options.head, 1.0)),
        )

    @classmethod
    def of(cls, setting: Setting) -> Self:
        return cls(setting.groups, setting.options)

    def __call__(self, rows: Array, heard: Heard) -> Array:
        out = rows.copy()
        for columns, amount in self._amounts:
            out[:, columns] *= amount
        return out


STAGES: Final[dict[str, type[Stage]]] = {
    s.name: s
    for s in (
        HeadGain,
        HeadSmoothing,
        Recentring,
        Easing,
        Gaze,
        Gaps,
        Closures,
        Silence,
        Blinks,
        Knobs,
    )  # in their order
}
"""All stages by name, in the order that the space ``mesh`` takes them."""


def stages_of(names: Sequence[str], setting: Setting) -> list[Stage]:
    """Fresh stages of these names."""
    return [STAGES[name].of(setting) for name in names]


def entries_of(names: Sequence[str]) -> tuple[str, ...]:
    """The entries of a manifest that stages of these names are made from."""
    return tuple(needs for name in names if (needs := STAGES[name].needs))


def through(stages: Sequence[Stage], rows: Array, heard: Heard) -> Array:
    """The next rows, through one stage after the other."""
    for stage in stages:
        rows = stage(rows, heard)
    return rows


def _changed(rows: Array, columns: slice, values: Array) -> Array:
    out = rows.copy()
    out[:, columns] = values
    return out
