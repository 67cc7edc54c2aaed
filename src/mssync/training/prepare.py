"""Inputs that all training commands share: the clips, their motion space, the device."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Final

import torch

from mssync.errors import InputError
from mssync.files import make_folder, readable_file
from mssync.motion.space import MotionSpace
from mssync.motion.spaces import load_space
from mssync.texts import clean
from mssync.training.data.index import read_report
from mssync.training.data.listing import ACTED, Entry, own_list, read_list, save_list

LIST: Final = "clips.csv"

log = logging.getLogger(__name__)


def chosen_device(name: str) -> torch.device:
    """The device ``cpu`` or ``cuda``, tried out.

    Raises:
        InputError: there is no such device here.
    """
    if name not in ("cpu", "cuda"):
        raise InputError(f"There is no device {clean(name, 40)!r} for training; use --device cpu or cuda.")
    try:
        torch.zeros(1, device=name)
    except (RuntimeError, AssertionError) as e:
        raise InputError(
            f"The device {name!r} cannot be used here: this PyTorch finds no graphics card that it can use; "
            "use --device cpu, or install PyTorch with CUDA."
        ) from e
    return torch.device(name)


def chosen_clips(
    clips: Path, listing: Path | None, run: Path | None, skip: Collection[str] = (), *, acted: bool = False
) -> list[Entry]:
    """The lines of the list, or of one made for all good clips where none is given.

    Args:
        clips: folder of ``mssync preprocess``.
        listing: the list; None: the one that this run was begun with, or a new one.
        run: folder of the run; None: there is none.
        skip: speakers to leave out.
        acted: clips of the role ``acted`` too.
    Raises:
        InputError: the folder holds no clips, or the list cannot be read.
    """
    if listing is not None:
        readable_file(listing, "list of clips")
    records = read_report(clips)
    if not records:
        raise InputError(f"{clips} holds no preprocessed clips; make some with `mssync preprocess VIDEOS -o {clips}`.")
    if listing is not None:
        return _without(read_list(listing, records), skip, acted)
    kept = None if run is None else run / LIST
    if kept is not None and kept.exists():
        return _without(read_list(kept, records), skip, acted)
    good = [n for n, r in records.items() if r.kept]
    if not good:
        raise InputError(f"No clip in {clips} is fit for training; its report.json says why.")
    entries = own_list(good)
    aside = [clean(e.name, 60) for e in entries if e.split == "dev"]
    shown = ", ".join(aside[:5]) + (f" and {len(aside) - 5} more" if len(aside) > 5 else "")
    log.info(
        "No list given: %d clips are trained on, %d kept aside to measure on%s.",
        len(entries) - len(aside), len(aside), f" ({shown})" if aside else "",
    )  # fmt: skip
    return _without(entries, skip, acted)


def keep_list(run: Path, listing: Path | None, entries: Sequence[Entry]) -> None:
    """Keep a list that was made in the run's folder, so that the run goes on with the same clips aside.

    Raises:
        OutputError: it cannot be written.
    """
    if listing is None and not (run / LIST).exists():
        save_list(make_folder(run) / LIST, entries)
        log.info("The list is %s; to choose yourself, edit a copy and give it with --list.", run / LIST)


def checked_space(path: Path, clips: Path, entries: Sequence[Entry]) -> MotionSpace:
    """The motion space that the clips were made with.

    Raises:
        AssetError: the file is missing or damaged.
        InputError: the clips were made with another one.
    """
    readable_file(path, "motion space")
    space, records = load_space(path), read_report(clips)
    if not all(space.has_mark(records[e.name].space) for e in entries if e.name in records and records[e.name].kept):
        raise InputError(
            f"The clips in {clips} were made with another motion space than {path}; name theirs with --space, or run "
            "`mssync preprocess` with this one."
        )
    return space


def _without(entries: list[Entry], skip: Collection[str], acted: bool) -> list[Entry]:
    return [e for e in entries if e.speaker not in skip and (acted or e.role != ACTED)]
