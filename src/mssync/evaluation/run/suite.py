"""The suites: which scores are run on a video, and one item's evaluation from files to plain data."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mssync.errors import AssetError, InputError, MssyncError
from mssync.evaluation.footage import Footage, pinned_space, read_footage
from mssync.evaluation.results.result import sha256
from mssync.evaluation.results.systems import GENERATED, REAL, Row
from mssync.evaluation.scores import (
    articulation,
    blinks,
    drift,
    feature_nets,
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
from mssync.motion.curves import head_angles
from mssync.motion.syncers import SyncerPyramid
from mssync.speech.phones import Phone, align, sentence
from mssync.timing import FPS

Progress = Callable[[int, int | None], None]

# What is kept of every video for the scores of the whole set (mssync.evaluation.run.pool).
Pool = dict[str, NDArray[Any]]


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


def evaluate_one(
    item: Item, settings: Settings, tracker: FaceTracker, progress: Progress | None = None
) -> tuple[list[Row], list[Pool]]:
    """Evaluate an item's videos, the real one first.

    A file that cannot be used gives a row with a ``problem``; a score that fails gives a note. Neither stops the rest.

    Args:
        item: the files.
        settings: of the evaluation.
        tracker: finds faces.
        progress: called with (frames tracked, all frames of this video if known).
    Returns:
        rows, fit for JSON: ``name, kind, system, path, audio, sha256, seconds, scores, curves, phones, sync, problem``;
        and for every row what the scores of the set need (empty where there is a problem).
    """
    rows: list[Row] = []
    pools: list[Pool] = []
    real: Footage | None = None
    for system, path, audio in videos_of(item):
        row = _blank(item, system, path, audio)
        pool: Pool = {}
        try:
            if item.problem and (system == REAL or item.reference is None):
                raise InputError(item.problem)
            seen = read_footage(path, audio, tracker=tracker, progress=progress)
            row["sha256"] = sha256(path)
            case = Case(seen, None if system == REAL else real, item, settings, tracker)
            row |= _filled(case)
            pool = _pool(case)
            real = seen if system == REAL else real
        except MssyncError as error:
            row["problem"] = str(error)
        except Exception as error:  # one video must not end the others, whatever a library makes of it
            row["problem"] = f"{path} cannot be evaluated ({type(error).__name__}: {error}); please report it."
        rows.append(row)
        pools.append(pool)
    return rows, pools


def videos_of(item: Item) -> list[tuple[str, Path, Path | None]]:
    """System, file and given sound of every row that an item makes, the real one first."""
    real = [] if item.reference is None else [(REAL, item.reference, None)]
    return [*real, *((system, path, item.audio) for system, path in item.videos.items())]


def lost(item: Item, why: str) -> tuple[list[Row], list[Pool]]:
    """What :func:`evaluate_one` would give if all its videos had one problem."""
    rows = [_blank(item, *video) | {"problem": why} for video in videos_of(item)]
    return rows, [{} for _ in rows]


def _blank(item: Item, system: str, path: Path, audio: Path | None) -> Row:
    return {
        "name": item.name, "kind": REAL if system == REAL else GENERATED, "system": system, "path": str(path),
        "audio": None if audio is None else str(audio), "sha256": "", "seconds": 0.0, "scores": [], "curves": {},
        "phones": [], "sync": {}, "problem": "",
    }  # fmt: skip


def _filled(case: Case) -> Row:
    return {
        "seconds": len(case.seen) / FPS,
        "scores": [score.as_dict() for score in run_scores(case)],
        "curves": _curves(case.seen),
        "phones": _phones(case),
        "sync": _sync_curves(case),
    }


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


def _curves(footage: Footage) -> dict[str, list[float]]:
    """What the report draws, per frame at 25 fps: degrees, inter-ocular distances, dB above quiet, probability."""
    pitch, yaw, roll = head_angles(footage.rotation).T
    loud = articulation.loudness(footage.sound, len(footage))
    lines = {
        "t": np.arange(len(footage)) / FPS, "yaw": yaw, "pitch": pitch, "roll": roll,
        "lip_gap": footage.column("lip_gap"), "loudness": loud, "speech": footage.speech,
    }  # fmt: skip
    return {name: [round(float(v), 3) for v in values] for name, values in lines.items()}


def _phones(case: Case) -> list[dict[str, Any]]:
    try:
        found = case.phones or []
    except InputError:  # the articulation scores say so
        return []
    return [{"phone": p.name, "start": round(p.start, 3), "end": round(p.end, 3)} for p in found if p.name != "SIL"]


def _sync_curves(case: Case) -> dict[str, dict[str, Any]]:
    try:
        found = sync.curves(case.agreement)
    except AssetError:  # the sync scores say so
        return {}
    return {
        view: {
            str(level): {
                "lags": [int(lag) for lag in c.lags],
                "cosine": [round(float(v), 4) for v in c.cosine],
                "best": int(c.best),
                "confidence": round(float(c.confidence), 4),
            }
            for level, c in levels.items()
        }
        for view, levels in found.items()
    }


def _pool(case: Case) -> Pool:
    """Motion, windows of head motion, features, and which speech it is."""
    seen, settings = case.seen, case.settings
    pool: Pool = {
        "motion": seen.motion,
        "windows": head.motion_windows(seen.rotation, seen.track.valid).astype(np.float32),
    }
    # Takes of one speech belong together: the same real footage or sound file; else the very same samples.
    speech = str(case.item.reference or case.item.audio or hashlib.sha256(seen.sound.tobytes()).hexdigest())
    pool["speech"] = np.array(hashlib.sha256(speech.encode(errors="backslashreplace")).hexdigest())
    if settings.picture_net is not None:
        net = feature_net(settings.picture_net, feature_nets.PICTURE)
        pool["fid"] = feature_nets.picture_features(net, seen)
    if settings.clip_net is not None:
        pool["fvd"] = feature_nets.clip_features(feature_net(settings.clip_net, feature_nets.CLIP), seen)
    return pool


def check_nets(settings: Settings) -> None:
    """Refuse networks of the user's that are not what they should be, before the work begins.

    Raises:
        InputError: which one, and why; or PyTorch is missing.
    """
    if settings.picture_net is not None:
        feature_net(settings.picture_net, feature_nets.PICTURE)
    if settings.clip_net is not None:
        feature_net(settings.clip_net, feature_nets.CLIP)
    if settings.syncnet is not None:
        lse.check_weights(settings.syncnet)


@cache
def feature_net(path: Path, shape: tuple[int, ...]) -> feature_nets.FeatureNet:
    """A user's feature network, loaded once per process.

    Raises:
        InputError: it is not what :mod:`mssync.evaluation.scores.feature_nets` asks for.
    """
    return feature_nets.FeatureNet(path, shape)
