"""Clips as syncers see them: one view at one pyramid level, and groups of speakers that are left out."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mssync.arrays import Array
from mssync.errors import InputError
from mssync.motion.pyramid import coarser
from mssync.timing import STEPS_PER_FRAME, WINDOW_FRAMES, WINDOW_STEPS
from mssync.training.data.samples import Sample

CROWDED: Final = 200  # clips; a speaker with more is split by clip, not by person


@dataclass(frozen=True)
class Level:
    """All clips of one view and pyramid level, behind each other, with where each begins.

    Attributes:
        motion: ``(N, V)``; sound: ``(4 N, bands)``.
        start, count: first row and number of windows of each piece.
        twin: which copy of its clip a piece is (mirrored, from another first frame); pieces of one copy are of
            different clips.
        groups: role -> speaker -> pieces.
    """

    motion: Array
    sound: Array
    start: NDArray[np.int64]
    count: NDArray[np.int64]
    twin: NDArray[np.int64]
    groups: dict[str, list[NDArray[np.int64]]]


def make_level(samples: Sequence[Sample], matrix: Array, level: int, *, phases: bool) -> Level:
    """Pyramid level of every sample; with ``phases`` from each of the 2^level first frames (all the data)."""
    motions: list[Array] = []
    sounds: list[Array] = []
    starts: list[int] = []
    counts: list[int] = []
    twins: list[int] = []
    copies: Counter[str] = Counter()
    groups: dict[str, dict[str, list[int]]] = {}
    at = 0
    for s in samples:
        for phase in range(2**level if phases else 1):
            m, a = s.motion[phase:] @ matrix, s.sound[STEPS_PER_FRAME * phase :]
            for _ in range(level):
                m, a = coarser(m), coarser(a)
            n = min(len(m), len(a) // STEPS_PER_FRAME)
            if n < WINDOW_FRAMES:
                continue
            groups.setdefault(s.entry.role, {}).setdefault(s.entry.speaker, []).append(len(starts))
            motions.append(m[:n])
            sounds.append(a[: STEPS_PER_FRAME * n])
            starts.append(at)
            counts.append(n - WINDOW_FRAMES + 1)
            twins.append(copies[s.entry.name])
            copies[s.entry.name] += 1
            at += n
    if not motions:
        raise InputError(f"Every clip is too short for level {level}; train fewer levels or add longer clips.")
    return Level(
        np.concatenate(motions).astype(np.float32),
        np.concatenate(sounds).astype(np.float32),
        np.asarray(starts),
        np.asarray(counts),
        np.asarray(twins),
        {f: [np.asarray(i) for i in g.values()] for f, g in groups.items()},
    )


def in_fold(sample: Sample, folds: int, fold: int, crowded: set[str]) -> bool:
    """Does this sample belong to group ``fold`` of ``folds``? By speaker, or by clip for speakers with very many."""
    if folds < 2:
        return False
    who = sample.entry.name if sample.entry.speaker in crowded else sample.entry.speaker
    return int(hashlib.sha256(who.encode()).hexdigest()[:8], 16) % folds == fold % folds


def windows_of(d: Level, rows: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
    """Windows that begin at ``rows (B, W)``: motion ``(B, W, 5, V)`` and features ``(B, W, 20, bands)``."""
    m = d.motion[rows[..., None] + np.arange(WINDOW_FRAMES)]
    s = d.sound[STEPS_PER_FRAME * rows[..., None] + np.arange(WINDOW_STEPS)]
    return torch.from_numpy(m), torch.from_numpy(s)
