"""One item's evaluation, from files to rows of plain data."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mssync.errors import AssetError, InputError, MssyncError
from mssync.evaluation.footage import Footage, read_footage
from mssync.evaluation.results.result import sha256
from mssync.evaluation.results.systems import GENERATED, REAL, Row
from mssync.evaluation.run.suite import Case, Item, Settings, run_scores
from mssync.evaluation.scores import (
    articulation,
    feature_nets,
    head,
    lse,
    sync,
)
from mssync.face.tracking import FaceTracker
from mssync.motion.curves import head_angles
from mssync.timing import FPS

# What is kept of every video for the scores of the whole set (mssync.evaluation.run.pool).
Progress = Callable[[int, int | None], None]
Pool = dict[str, NDArray[Any]]


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
