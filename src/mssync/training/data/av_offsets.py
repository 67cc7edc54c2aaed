"""Av-offsets of preprocessed clips: measured with a level-0 syncer, written into the folder's report.

Re-encoded footage comes with sound and picture up to five frames apart. What is clear and beyond a frame is taken out
when clips are loaded; a talking clip that agrees with its sound at no lag is dropped; a clip with too little speech
to tell is kept as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from mssync.errors import InputError
from mssync.motion.pyramid import View
from mssync.motion.space import MotionSpace
from mssync.motion.syncers import SyncCurve, SyncerPyramid
from mssync.timing import FPS
from mssync.training.data.clips import Clip, load_clip
from mssync.training.data.index import Record, read_report, write_report
from mssync.training.data.linear_av_offsets import linear_av_offsets
from mssync.training.data.listing import Entry
from mssync.training.data.samples import Sample, clip_energy, closing

MIN_FRAMES: Final = 75
MIN_TALK: Final = 0.3
LARGEST: Final = 9  # frames; what is farther off is no lag of a recording but a failed measurement
RIVAL: Final = 0.8  # share of the best hill that any other may reach

Update = Callable[[int, int], None]


def measure_av_offsets(
    folder: Path, syncer: Path | None, space: MotionSpace, update: Update = lambda done, total: None
) -> dict[str, Record]:
    """Measure every clip's av-offset and write it into ``report.json``.

    Args:
        folder: of ``mssync preprocess``.
        syncer: folder of a syncer pyramid with the view ``lips`` or ``all`` at level 0; None: a linear regression
            (:mod:`mssync.training.data.linear_av_offsets`) instead, which needs no training and serves until there is a
            syncer.
        space: motion space of the clips.
        update: called with (done, total).
    Returns:
        the new records.
    Raises:
        InputError: the syncers or the clips are of another motion space.
    """
    records = {k: r.without_offset() for k, r in read_report(folder).items()}
    names = [n for n, r in records.items() if not r.problem and r.seconds * FPS >= MIN_FRAMES and r.talk >= MIN_TALK]
    if syncer is None:
        # A regression needs a corpus to be fitted on; a handful of clips stays as it is.
        if len(names) >= 20:
            clips = [load_clip(folder / (n + ".npz"), n) for n in names]
            found = linear_av_offsets([_sample(c, space) for c in clips], [True] * len(clips))
            for name, o in zip(names, found, strict=True):
                records[name] = replace(
                    records[name], offset=o.frames if o.clear else 0, agreement=o.agreement, clear=o.clear
                )
        update(len(names), len(names))
    else:
        pyramid = SyncerPyramid.load(syncer)
        pyramid.check_space(space)
        view: View = "lips" if "lips" in pyramid.views else "all"
        for done, name in enumerate(names, 1):
            clip = load_clip(folder / (name + ".npz"), name)
            sound = clip.sound if pyramid.features == "bands" else clip.mel
            motion = closing(_sample(clip, space)).motion if pyramid.features == "bands" else clip.motion
            curve = pyramid.curve(motion, sound, view, 0)
            if curve is not None:
                good = clear(curve)
                best = curve.best if good and abs(curve.best) > 1 else 0
                records[name] = replace(records[name], offset=best, agreement=round(1 - curve.distance, 4), clear=good)
            update(done, len(names))
    write_report(folder, records)
    return records


def clear(curve: SyncCurve) -> bool:
    """One hill that stands out: no lag more than three frames from the best one rises above the curve's median by more
    than :data:`RIVAL` of what the best one does, and the best one is no farther than :data:`LARGEST`."""
    if abs(curve.best) > LARGEST:
        return False
    far = np.abs(curve.lags - curve.best) > 3
    span = float(curve.cosine.max() - np.median(curve.cosine))
    rival = float(curve.cosine[far].max() - np.median(curve.cosine))
    return span > 0 and rival < RIVAL * span


def _sample(clip: Clip, space: MotionSpace) -> Sample:
    if clip.motion.shape[1] != len(space.names) or not space.has_mark(clip.space):
        raise InputError(f"The clip {clip.name} was made with another motion space; run `mssync preprocess` again.")
    groups, energy = space.groups, clip_energy(clip.motion, space.groups)
    entry = Entry(clip.name, "train", "", "")
    return Sample(entry, clip.motion, clip.sound, clip.speech, clip.valid, energy, clip.bilabial, groups)
