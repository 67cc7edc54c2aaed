"""Whether a run that goes on is the run that was begun: the same recipe on the same data.

A run is described by its recipe. Half of it done by one recipe and half by another is described by none, so a change is
refused; what only says how long it runs and how often it writes may change.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from mssync.errors import InputError
from mssync.texts import clean
from mssync.training.checkpoint import ANEW
from mssync.training.data.index import read_report
from mssync.training.data.listing import Entry
from mssync.training.data.samples import manifest_hash

FREE: Final = ("name", "release", "steps", "save_every", "dev_every", "sample_every", "patience", "threads")
"""Fields of a recipe that may change from one start of a run to the next."""
SHOWN: Final = 3
ELSEWHERE: Final = "or train in another folder."


def fingerprints(clips: Path, entries: Sequence[Entry]) -> dict[str, str]:
    """What a run is trained on, as hashes: of the clips' contents and splits, their people, and their av-offsets.

    Args:
        clips: folder of ``mssync preprocess``.
        entries: the clips used.
    """
    records = read_report(clips)
    offsets = {e.name: records[e.name].offset for e in entries if e.name in records}
    people = sorted((e.name, e.role, e.speaker) for e in entries)
    return {
        "clips": manifest_hash(clips, entries),
        "roles and speakers": hashlib.sha256(json.dumps(people).encode()).hexdigest(),
        "av-offsets": hashlib.sha256(json.dumps(offsets, sort_keys=True).encode()).hexdigest(),
    }


def check_recipe(run: Path, before: Any, now: BaseModel, free: Sequence[str] = FREE) -> None:
    """Refuse a recipe that is not the one a run was begun with.

    Args:
        run: its folder.
        before: the recipe in its checkpoint; a field that it lacks is newer than the run and had its default.
        now: the recipe given.
        free: fields that may change.
    Raises:
        InputError: fields differ (the sentence names them), or ``before`` is no recipe of this kind.
    """
    try:
        begun = type(now).model_validate(before)
    except ValidationError as e:
        raise InputError(f"{run} holds no run of this kind or version; {ANEW}") from e
    changed = [f"{name} {was}, not {given}" for name, was, given in _changes(begun, now) if name not in free]
    if changed:
        more = f" and {len(changed) - SHOWN} more" if len(changed) > SHOWN else ""
        shown = clean("; ".join(changed[:SHOWN]), 200) + more
        raise InputError(f"{run} was begun with another recipe ({shown}): go on with that one, {ELSEWHERE}")


def check_data(run: Path, before: Any, now: Mapping[str, str]) -> None:
    """Refuse data that are not those a run was begun with.

    Args:
        run: its folder.
        before: fingerprints in its checkpoint; None: it is from a version that wrote none.
        now: fingerprints of what is given.
    Raises:
        InputError: some differ (the sentence says which).
    """
    if not isinstance(before, dict):
        return
    changed = [name for name, mark in now.items() if name in before and before[name] != mark]
    if changed:
        raise InputError(f"{run} was begun with other {' and '.join(changed)}: go on with those, {ELSEWHERE}")


def _changes(old: BaseModel, new: BaseModel, inside: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Dotted name, value before and value now of every field that differs."""
    for name in type(new).model_fields:
        was, given = getattr(old, name), getattr(new, name)
        if isinstance(given, BaseModel):
            yield from _changes(was, given, f"{inside}{name}.")
        elif was != given:
            yield f"{inside}{name}", was, given
