"""Preprocessed clips ready for training: blinks taken out, av-offset corrected, mirror images added."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from mssync.arrays import Array, Mask
from mssync.errors import InputError
from mssync.motion.blinks import without_blinks
from mssync.motion.columns import Groups, width
from mssync.motion.pyramid import smoothed
from mssync.motion.space import MotionSpace
from mssync.timing import FPS, STEPS_PER_FRAME
from mssync.training.data.clips import Clip, load_clip
from mssync.training.data.index import Record, read_report
from mssync.training.data.listing import Entry

Features = Literal["bands", "mel"]

TOUCHING: Final = 0.06  # share of the frames of speech in which lips are taken to touch


@dataclass(frozen=True)
class Sample:
    """One clip ready for training, 25 fps.

    Attributes:
        motion: ``(T, D)`` in the space's own units, blinks taken out.
        sound: ``(4 T, 26)`` default features, or ``(4 T, 40)`` log-mel.
        speech: ``(T,)`` probability.
        valid: ``(T,)``.
        energy: ``(2,)`` log of the clip's head speed and of its lip-gap spread.
        bilabial: ``(T,)`` 1, 0 or -1 (see :class:`mssync.training.data.clips.Clip`).
        groups: which columns of the motion move what.
    """

    entry: Entry
    motion: Array
    sound: Array
    speech: Array
    valid: Mask
    energy: Array
    bilabial: NDArray[np.int8]
    groups: Groups

    @property
    def lip_gap(self) -> Array:
        """The lip gap ``(T,)``, in a motion space that has one."""
        return self.motion[:, self.groups.lip_gap][:, 0]


def manifest_hash(folder: Path, entries: Sequence[Entry]) -> str:
    """sha256 over names and contents of the clips used, the data's fingerprint in a model card."""
    h = hashlib.sha256()
    for e in sorted(entries, key=lambda e: e.name):
        path = folder / (e.name + ".npz")
        try:
            h.update(f"{e.name} {e.split} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
        except (OSError, ValueError):  # missing, or no file can have this name: it was not used either
            continue
    return h.hexdigest()


def load_clips(folder: Path, entries: Sequence[Entry]) -> list[tuple[Entry, Clip, Record]]:
    """The clips of a list that were preprocessed and are fit for use.

    Raises:
        InputError: none of them is there.
    """
    records = read_report(folder)
    good = [(e, records[e.name]) for e in entries if e.name in records and records[e.name].kept]
    if not good:
        raise InputError(f"No good clip of the list lies in {folder}; run `mssync preprocess` first.")
    return [(e, load_clip(folder / (e.name + ".npz"), e.name), r) for e, r in good]


def make_sample(entry: Entry, clip: Clip, record: Record, groups: Groups, *, features: Features = "bands") -> Sample:
    """Smooth a clip's motion (3-frame average as in the paper), take its blinks out, align sound and picture."""
    motion = smoothed(clip.motion)
    motion[:, groups.lids] = without_blinks(motion[:, groups.lids])
    sound = clip.sound if features == "bands" else clip.mel
    plain = Sample(entry, motion, sound, clip.speech, clip.valid, clip_energy(motion, groups), clip.bilabial, groups)
    return aligned(plain, record.offset or 0)


def mirrored(sample: Sample, matrix: Array) -> Sample:
    """The sample seen in a mirror; ``matrix`` from :meth:`mssync.motion.space.MotionSpace.mirror`."""
    return replace(sample, motion=sample.motion @ matrix)


def closing(sample: Sample) -> Sample:
    """The sample with its smallest lip gaps brought to zero and its largest left.

    Everybody's lips meet within seconds of speech; on small faces the tracker never sees it, and a net that is shown
    such gaps learns to leave every /m b p/ open. What learns from such clips and what measures them must see them
    alike: the generator, the syncers that teach it, and the av-offsets measured with these.
    """
    talk = sample.valid & (sample.speech > 0.5)
    if talk.sum() < 2 * FPS or not width(sample.groups.lip_gap):
        return sample
    gap = sample.motion[:, sample.groups.lip_gap]
    low, high = np.quantile(gap[talk], (TOUCHING, 0.95))
    motion = sample.motion.copy()
    motion[:, sample.groups.lip_gap] = np.maximum(gap - low, 0.0) * (high / max(float(high - low), 1e-3))
    return replace(sample, motion=motion)


def load_samples(
    space: MotionSpace, folder: Path, entries: Sequence[Entry], *, mirror: bool, features: Features = "bands"
) -> tuple[list[Sample], list[Sample]]:
    """Train and dev samples; every train sample is followed by its mirror image when ``mirror`` is set.

    Raises:
        InputError: no good clip, none of split=train, or the clips were made with another motion space.
    """
    matrix = space.mirror()
    train: list[Sample] = []
    dev: list[Sample] = []
    for entry, clip, record in load_clips(folder, entries):
        if clip.motion.shape[1] != len(space.names) or not space.has_mark(clip.space):
            raise InputError(
                f"The clips in {folder} were made with another motion space; run `mssync preprocess` again."
            )
        sample = make_sample(entry, clip, record, space.groups, features=features)
        if entry.split == "train":
            train += [sample, mirrored(sample, matrix)] if mirror else [sample]
        elif entry.split == "dev":
            dev.append(sample)
    if not train:
        raise InputError("The list names no preprocessed clip of split=train; check the list and the folder.")
    if not dev:
        warnings.warn(
            "No clip is kept aside (split=dev): the dev numbers are measured on what is trained on, and say little.",
            stacklevel=2,
        )
        dev = train[:: 2 if mirror else 1]
    return train, dev


def aligned(sample: Sample, frames: int) -> Sample:
    """The sample with its motion moved earlier by ``frames`` (later when negative), to agree with the sound."""
    if frames == 0:
        return sample
    n = len(sample.motion) - abs(frames)
    motion_at, sound_at = (frames, 0) if frames > 0 else (0, -frames)
    return replace(
        sample,
        motion=sample.motion[motion_at : motion_at + n],
        valid=sample.valid[motion_at : motion_at + n],
        sound=sample.sound[STEPS_PER_FRAME * sound_at : STEPS_PER_FRAME * (sound_at + n)],
        speech=sample.speech[sound_at : sound_at + n],
        bilabial=sample.bilabial[sound_at : sound_at + n],
    )


def clip_energy(motion: Array, groups: Groups) -> Array:
    """Log RMS head velocity (radians per frame) and log spread of the lip gap of one clip, ``(2,)``.

    In a motion space without a head or a lip gap, all its columns stand for them.
    """
    turn = np.diff(motion[:, groups.rotation] if width(groups.rotation) else motion, axis=0)
    gap = motion[:, groups.lip_gap] if width(groups.lip_gap) else motion - motion.mean(0)
    return np.asarray(np.log([np.sqrt((turn**2).sum(1).mean()) + 1e-4, gap.std() + 2e-3]), np.float32)


def scales(samples: Sequence[Sample]) -> Array:
    """One number per column ``(D,)`` that brings the data to about unit size, roles weighed alike.

    Small expression columns keep their size relative to the largest, so that noise is not blown up.
    """
    roles = sorted({s.entry.role for s in samples})
    power = np.zeros(samples[0].motion.shape[1])
    for r in roles:
        members = [s for s in samples if s.entry.role == r]
        power += np.mean([(s.motion[s.valid] ** 2).mean(0) for s in members], axis=0) / len(roles)
    out = np.sqrt(power) + 1e-6
    return out.astype(np.float32)
