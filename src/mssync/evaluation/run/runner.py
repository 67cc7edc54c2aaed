"""Many items: spread over processes, kept as they are finished, put together at the end."""

from __future__ import annotations

import hashlib
import json
import re
import warnings
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any, Final, cast

from mssync.assets import ASSETS
from mssync.errors import AssetError, InputError, MssyncError, OutputError
from mssync.evaluation.frames import CROP, SIDE
from mssync.evaluation.results.result import Result, assemble, sha256
from mssync.evaluation.results.systems import Row
from mssync.evaluation.run.evaluate import check_nets, evaluate_one, lost, videos_of
from mssync.evaluation.run.parts import Outcome, load, save
from mssync.evaluation.run.pool import set_rows
from mssync.evaluation.run.suite import Item, Settings, judge
from mssync.face.tracking import FaceTracker
from mssync.files import discard, write_error
from mssync.models import load_model
from mssync.processes import spread
from mssync.timing import FPS, SAMPLE_RATE

# Raised when the meaning of a finished part changes.
_PARTS_VERSION: Final = 2
# A finished item, or what a run that was killed left of one.
_PART: Final = re.compile(r"[0-9a-f]{24}\.(json|npz)|\.[0-9a-f]{24}\.(json|npz)\..*\.(part|lock)")
_TRACKER_FILE: Final = "face_landmarker.task"

Progress = Callable[[int, int | None], None]


def parts_folder(out: Path) -> Path:
    """Where the finished items of an unfinished evaluation lie."""
    return out.with_name(out.name + ".parts")


def run(
    items: Sequence[Item],
    settings: Settings,
    parts: Path,
    *,
    workers: int = 1,
    tracker: FaceTracker | None = None,
    done: Callable[[int, int, list[Row]], None] | None = None,
    frames: Progress | None = None,
) -> Result:
    """Evaluate all items.

    Every finished item without a problem is written into ``parts`` and not made again when the same evaluation is
    started once more: same files (by name, size and date), same settings, same version. The folder goes when all
    went well; it stays when an item had a problem, so that mending that one is quick.

    Args:
        items: what to evaluate.
        settings: how.
        parts: folder for finished items.
        workers: processes; 1 works in this one.
        tracker: for work in this process; made when not given.
        done: called after each item with (items done, all items, its rows).
        frames: called while a single item is tracked, with (frames done, frames of this video if known).
    Raises:
        InputError: a network of the user's is not what it should be.
        OutputError: the parts cannot be written, or their folder holds something else.
    """
    with one_thread():
        return _run(items, settings, parts, workers, tracker, done or (lambda *_: None), frames)


def _run(
    items: Sequence[Item],
    settings: Settings,
    parts: Path,
    workers: int,
    tracker: FaceTracker | None,
    done: Callable[[int, int, list[Row]], None],
    frames: Progress | None,
) -> Result:
    _own_folder(parts)
    check_nets(settings)
    kept = [load(parts, _key(item, settings), [v[:2] for v in videos_of(item)]) for item in items]
    outcomes: dict[int, Outcome] = {n: found for n, found in enumerate(kept) if found is not None}
    for count, number in enumerate(outcomes, 1):
        done(count, len(items), outcomes[number][0])
    todo = [n for n in range(len(items)) if n not in outcomes]
    with closing(_outcomes([items[n] for n in todo], settings, workers, tracker, frames)) as made:
        for place, outcome in made:
            number = todo[place]
            outcomes[number] = outcome
            if not _problem(outcome[0]):
                save(parts, _key(items[number], settings), outcome)
            done(len(outcomes), len(items), outcome[0])
    rows = [row for n in range(len(items)) for row in outcomes[n][0]]
    pools = [pool for n in range(len(items)) for pool in outcomes[n][1]]
    hashes = _hashes(items, rows, settings)
    result = assemble(rows, set_rows(rows, pools), settings.suite, _config(settings), hashes)
    if not any(map(_problem, (outcome[0] for outcome in outcomes.values()))):
        discard(parts)
    return result


def _problem(rows: Sequence[Row]) -> str:
    return next((str(row["problem"]) for row in rows if row["problem"]), "")


# ---- work ---------------------------------------------------------------------------------------------------------

_DIED: Final = (
    "The process that worked on it died, perhaps for lack of memory; close other programs, use fewer --workers."
)
_tracker: FaceTracker | None = None


def _outcomes(
    items: Sequence[Item], settings: Settings, workers: int, tracker: FaceTracker | None, frames: Progress | None
) -> Generator[tuple[int, Outcome]]:
    """(number, outcome) of every item, in the order in which they are finished."""
    if workers <= 1 or len(items) <= 1:
        for number, item in enumerate(items):
            tracker = tracker or FaceTracker()
            yield number, evaluate_one(item, settings, tracker, frames if len(items) == 1 else None)
        return
    with closing(spread(_work, [(item, settings) for item in items], workers)) as made:
        for number, outcome, alive in made:
            if isinstance(outcome, MssyncError):
                raise outcome
            yield number, outcome if alive else lost(items[number], _DIED)


def _work(task: tuple[Item, Settings]) -> Outcome | MssyncError:
    """One item in a process of its own; what concerns all items, as networks that are missing, is handed back."""
    global _tracker
    try:
        _tracker = _tracker or FaceTracker(threads=1)
        with one_thread():
            return evaluate_one(*task, _tracker)
    except MssyncError as error:
        return error


def one_thread() -> AbstractContextManager[object]:
    """Linear algebra in one thread: sums in the same order, so the same numbers whatever the processors are."""
    try:
        from threadpoolctl import threadpool_limits
    except ModuleNotFoundError:
        warnings.warn(
            "Without the package threadpoolctl the last digits of some numbers depend on the number of processors; "
            "install it for the same bytes everywhere: python -m pip install threadpoolctl",
            stacklevel=2,
        )
        return nullcontext()
    return cast("AbstractContextManager[object]", threadpool_limits(1))


# ---- parts --------------------------------------------------------------------------------------------------------


def _own_folder(parts: Path) -> None:
    """Refuse a folder of parts that holds anything but parts: it is removed in the end."""
    try:
        strange = sorted(p.name for p in parts.iterdir() if not _PART.fullmatch(p.name)) if parts.exists() else []
    except OSError as error:
        raise write_error(parts, error) from error
    if strange:
        raise OutputError(
            f"{parts} is where finished items are kept, but it holds {strange[0]}, which is no such item; "
            "move it away or choose another name for the result."
        )


def _key(item: Item, settings: Settings) -> str:
    """Tells finished items apart: what was asked for, of which files, by which version."""
    paths = [*item.videos.values(), item.reference, item.audio, item.photo]
    facts = {
        "version": _PARTS_VERSION,
        "item": asdict(item),
        "settings": asdict(settings),
        "files": [_stamp(p) for p in paths if p is not None],
        "hashes": dict(_own_hashes()),
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()[:24]


def _stamp(path: Path) -> tuple[int, int]:
    try:
        facts = path.stat()
    except OSError:
        return 0, 0
    return facts.st_size, facts.st_mtime_ns


# ---- facts --------------------------------------------------------------------------------------------------------


def _config(settings: Settings) -> dict[str, Any]:
    """What is pinned and what was chosen, in plain words."""
    chosen = {k: str(v) if isinstance(v, Path) else v for k, v in asdict(settings).items() if v is not None}
    return {
        "frames per second": FPS, "sound": f"{SAMPLE_RATE} Hz mono",
        "motion space": "mesh of the shipped default model",
        "face crop": f"{SIDE} inter-ocular distances, {CROP} pixels",
        "pixels looked at": "all frames" if settings.every == 1 else f"one frame in {settings.every}",
        **chosen,
    }  # fmt: skip


@cache
def _own_hashes() -> Mapping[str, str]:
    """SHA-256 of what measures: the tracker's networks, the motion space, the judge."""
    out = {
        _TRACKER_FILE: ASSETS[_TRACKER_FILE].sha256,
        "space.npz": str(load_model().manifest["files"]["space.npz"]),
    }
    try:
        out |= {f"judge/{name}": str(digest) for name, digest in judge().manifest["files"].items()}
    except AssetError:  # the sync scores say so
        out["judge"] = "none"
    return out


def _hashes(items: Sequence[Item], rows: Sequence[Row], settings: Settings) -> dict[str, str]:
    """SHA-256 of every file that was read."""
    files = {row["path"]: row["sha256"] for row in rows if row["sha256"]}
    others = {p for item in items for p in (item.audio, item.photo)}
    others |= {settings.syncnet, settings.picture_net, settings.clip_net}
    return {**files, **{str(p): _digest(p) for p in others if p is not None and p.is_file()}, **_own_hashes()}


def _digest(path: Path) -> str:
    """Of a file that may have gone or been closed to us since it was read: nothing is lost for that."""
    try:
        return sha256(path)
    except InputError:
        return "unreadable"
