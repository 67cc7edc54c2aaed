"""The dev people of a corpus for the benchmarks: who moves how and says what, offset and fade taken out."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from mssync import TalkingHead
from mssync.arrays import Array, Mask
from mssync.evaluation.footage import pinned_space
from mssync.media.audio import load_sound
from mssync.motion.options import MotionOptions
from mssync.motion.space import Motion
from mssync.speech.logmel import log_mel
from mssync.timing import SAMPLES_PER_FRAME
from mssync.training.data.clips import load_clip
from mssync.training.data.index import Record, read_report
from mssync.training.data.listing import NATURAL, Entry, read_list

Take = Callable[[Array, int], Motion]

MIN_FRAMES, MIN_TALK = 75, 0.3
LONG = 200  # frames from which on a correlation over time says something
TALKING = 0.5
FAMILIES = {"presenter": NATURAL, "grid": "read", "various": "words"}


@dataclass(frozen=True)
class Person:
    """One dev clip.

    Attributes:
        motion: ``(T, D)`` as tracked; valid: ``(T,)``; speech: ``(T,)`` probability; sound: ``(640 T,)`` at 16 kHz.
    """

    entry: Entry
    motion: Motion
    valid: Mask
    speech: Array
    sound: Array

    @property
    def speaking(self) -> Mask:
        """Frames of speech."""
        return np.asarray(self.speech >= TALKING, np.bool_)

    @property
    def presenter(self) -> bool:
        """Someone who moves the head as people do."""
        return self.entry.role == NATURAL

    @cached_property
    def mel(self) -> Array:
        """The features of judges, ``(4 T, 40)``."""
        return log_mel(self.sound)


def list_with_roles(path: Path) -> list[Entry]:
    """The list of clips, which must say who moves as people do: in its column `role`, or, in a list without one, by the
    families of the shipped weights' corpus (``FAMILIES``); where it has neither, everybody does."""
    entries = read_list(path)
    if any(e.role == NATURAL for e in entries):
        return entries
    entries = [replace(e, role=FAMILIES.get(e.role, e.role)) for e in entries]
    if not any(e.role == NATURAL for e in entries):
        print(f"{path} has no column `role` (benchmarks/add_roles.py): everybody counts as {NATURAL}.", file=sys.stderr)
        entries = [replace(e, role=NATURAL) for e in entries]
    return entries


def usable(record: Record | None) -> bool:
    """A talking clip, long enough, whose av-offset is clear."""
    return record is not None and record.clear is True and record.seconds * 25 >= MIN_FRAMES and record.talk >= MIN_TALK


def dev_people(clips: Path, videos: Path, listing: Path) -> list[Person]:
    """The talking dev clips."""
    records = read_report(clips)
    return [
        person(e, clips, videos, records[e.name])
        for e in list_with_roles(listing)
        if e.split == "dev" and usable(records.get(e.name))
    ]


def person(entry: Entry, clips: Path, videos: Path, record: Record) -> Person:
    """One clip with its video's sound."""
    clip = load_clip(clips / (entry.name + ".npz"), entry.name)
    start, late = round(record.faded * 25), record.offset or 0
    first, heard = max(0, late), max(0, -late)
    sound = load_sound(next(videos.glob(entry.name + ".*")))[SAMPLES_PER_FRAME * (start + heard) :]
    n = min(len(clip.motion) - first, len(clip.speech) - heard, len(sound) // SAMPLES_PER_FRAME)
    return Person(
        entry,
        Motion(clip.motion[first : first + n], pinned_space().names),
        clip.valid[first : first + n],
        clip.speech[heard : heard + n],
        sound[: SAMPLES_PER_FRAME * n],
    )


def taker(model: TalkingHead) -> Take:
    """The model as a function of sound and seed."""

    def take(sound: Array, seed: int) -> Motion:
        stream = model.stream(MotionOptions(seed=seed))
        return Motion(np.concatenate([stream.push(sound), stream.flush()]), pinned_space().names)

    return take
