"""The suites: what is evaluated, and which scores are run on it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Final

from mssync.errors import InputError, MssyncError
from mssync.evaluation.footage import Footage, pinned_space
from mssync.evaluation.scores import (
    articulation,
    blinks,
    drift,
    head,
    lse,
    picture,
    prosody,
    realism,
    silence,
    sync,
)
from mssync.evaluation.scores.score import Score
from mssync.face.tracking import FaceTracker
from mssync.motion.syncers import SyncerPyramid
from mssync.speech.phones import Phone, align, sentence


@dataclass(frozen=True)
class Settings:
    """What is chosen for a whole evaluation.

    Attributes:
        suite: ``quick`` looks at every fifth frame's pixels, ``full`` at all of them.
        seed: of the chance levels and intervals.
        syncnet: the published SyncNet weights, for LSE.
        picture_net, clip_net: ONNX files of the networks behind the Frechet image and video distances.
    """

    suite: str = "quick"
    seed: int = 0
    syncnet: Path | None = None
    picture_net: Path | None = None
    clip_net: Path | None = None

    @property
    def every(self) -> int:
        """Sampling of the frames whose pixels are looked at."""
        return 1 if self.suite == "full" else picture.QUICK_EVERY


@dataclass(frozen=True)
class Item:
    """One thing to evaluate: videos of the same words, beside their real footage.

    Attributes:
        name: for people; unique in a set.
        videos: by the system that made them; the system on trial last.
        reference: the real footage.
        audio: sound used instead of the generated videos' own.
        text: what is said; empty where it is not known.
        photo: the picture that the videos were made from.
        problem: what is known to be wrong with the reference, or with all of it where there is none.
    """

    name: str
    videos: Mapping[str, Path] = field(default_factory=dict)
    reference: Path | None = None
    audio: Path | None = None
    text: str = ""
    photo: Path | None = None
    problem: str = ""


@dataclass(frozen=True)
class Case:
    """What a score may look at: one video and all that belongs to it."""

    seen: Footage
    real: Footage | None
    item: Item
    settings: Settings
    tracker: FaceTracker

    @cached_property
    def text(self) -> str:
        """What is said, given or spelled by a GRID file's name; empty where it is not known."""
        names = [self.item.name, self.seen.path.name]
        names += [self.item.reference.name] if self.item.reference is not None else []
        return self.item.text or next((t for t in map(sentence, names) if t), "")

    @cached_property
    def phones(self) -> list[Phone] | None:
        """The phones of the sound; None where the text is not known.

        Raises:
            InputError: the text does not fit, or the aligner is missing.
        """
        return align(self.seen.sound, self.text) if self.text else None

    @cached_property
    def agreement(self) -> sync.Embedded:
        """The judge's view of picture and sound, for the scores and for the curves.

        Raises:
            AssetError: the judge's files are missing or damaged.
        """
        return sync.embedded(self.seen, judge())


ScoreFunction = Callable[[Case], list[Score]]


def _sync(case: Case) -> list[Score]:
    return sync.scores(case.agreement, judge(), seed=case.settings.seed)


def _articulation(case: Case) -> list[Score]:
    try:
        return articulation.scores(case.seen, case.phones)
    except InputError as error:
        rest = articulation.scores(case.seen, None)
        return [Score.not_run(s.key, s.unit, s.aim, str(error)) if s.value is None else s for s in rest]


def _silence(case: Case) -> list[Score]:
    return silence.scores(case.seen)


def _head(case: Case) -> list[Score]:
    return head.scores(case.seen, case.real)


def _prosody(case: Case) -> list[Score]:
    return prosody.scores(case.seen)


def _blinks(case: Case) -> list[Score]:
    return blinks.blinks(case.seen)


def _unrealistic(case: Case) -> list[Score]:
    return [realism.unrealistic(case.seen)]


def _drift(case: Case) -> list[Score]:
    return drift.drift(case.seen)


def _picture(case: Case) -> list[Score]:
    """With a photo that cannot be used only its own scores are missing."""
    photo, every, tracker = case.item.photo, case.settings.every, case.tracker
    if photo is None:
        return picture.scores(case.seen, case.real, None, every=every, tracker=tracker)
    try:
        return picture.scores(case.seen, case.real, photo, every=every, tracker=tracker)
    except InputError as error:
        rest = picture.scores(case.seen, case.real, None, every=every, tracker=tracker)
        return [Score.not_run(s.key, s.unit, s.aim, str(error)) if s.key in picture.OF_THE_PHOTO else s for s in rest]


def _lse(case: Case) -> list[Score]:
    return lse.scores(case.seen, case.settings.syncnet)


# The two suites have the same scores; they differ in how many frames' pixels are looked at.
SCORES: Final[dict[str, ScoreFunction]] = {
    "sync": _sync, "articulation": _articulation, "silence": _silence, "head": _head, "prosody": _prosody,
    "blinks": _blinks, "unrealistic": _unrealistic, "drift": _drift, "picture": _picture, "lse": _lse,
}  # fmt: skip


@cache
def judge() -> SyncerPyramid:
    """The shipped judge, loaded once per process.

    Raises:
        AssetError: its files are missing or damaged.
        InputError: it was trained in another motion space than the default model's.
    """
    judge = SyncerPyramid.load()
    judge.check_space(pinned_space())
    return judge


def run_scores(case: Case) -> list[Score]:
    """All scores of one video; a function that fails leaves one note under its own name."""
    out: list[Score] = []
    for name, function in SCORES.items():
        try:
            out += map(_finite, function(case))
        except MssyncError as error:
            out.append(Score.not_run(name, "", "real", str(error)))
        except Exception as error:  # one score must not end the others, whatever a library makes of it
            why = f"It failed on this video ({type(error).__name__}: {error}); please report it."
            out.append(Score.not_run(name, "", "real", why))
    return out


def _finite(score: Score) -> Score:
    if score.value is None or math.isfinite(score.value):
        return score
    return Score.not_run(score.key, score.unit, score.aim, "It has no finite value on this video.")
