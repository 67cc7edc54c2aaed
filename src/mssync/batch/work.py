"""The making: names checked first, then take by take; what went wrong with a pair ends that pair alone."""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from mssync.batch.names import numbered
from mssync.batch.pairs import Pair
from mssync.errors import InputError, MssyncError
from mssync.files import check_run, readable_file, ready_file, write_error
from mssync.inputs import SMILE, check_face_number, check_shares, check_size
from mssync.media.sinks import is_frame_folder
from mssync.media.targets import ready_video
from mssync.motion.curves import CURVES, export_curves
from mssync.motion.options import MotionOptions
from mssync.motion.space import Motion
from mssync.motion.spaces import of_mesh
from mssync.pipeline import Options, TalkingHead

MAX_TAKES: Final = 1000

Show = Callable[[str, int, int], None]  # name of the video, frames done, all frames


@dataclass(frozen=True)
class Work:
    """What is done with every pair.

    Attributes:
        options: for :meth:`~mssync.pipeline.TalkingHead.animate`; take n has the seed ``seed + n - 1``.
        takes: how many videos of a pair; their names are numbered where there is more than one.
        force: existing outputs may be replaced.
        skip_existing: existing outputs are left as they are, whatever options made them.
        make_folders: folders that an output needs are made.
    """

    options: Options = field(default_factory=Options)
    takes: int = 1
    force: bool = False
    skip_existing: bool = False
    make_folders: bool = False


@dataclass(frozen=True)
class Take:
    """One animation and what is still to be written of it.

    Attributes:
        name: the video, also where it is there already.
        video, motion, curves: the files to write; None: not wanted or there already.
        seed: of the motion.
    """

    name: Path
    video: Path | None
    motion: Path | None
    curves: Path | None
    seed: int


@dataclass(frozen=True)
class Made:
    """One finished animation, for the line about it."""

    name: Path
    frames: int
    seconds: float
    factor: float
    model: str
    seed: int | None

    def __str__(self) -> str:
        seed = "" if self.seed is None else f", seed {self.seed}"
        return (
            f"{self.name}: {self.frames} frames, {self.seconds:.2f} s, real-time factor {self.factor:.2f}, "
            f"model {self.model}{seed}"
        )


@dataclass(frozen=True)
class Outcome:
    """What became of a pair.

    Attributes:
        number: of the pair in the list that was given.
        made: the takes that were made now.
        problem: why the rest was not made; empty when all is there.
        notes: what is to be said about the inputs.
    """

    number: int
    made: tuple[Made, ...] = ()
    problem: str = ""
    notes: tuple[str, ...] = ()

    @property
    def result(self) -> str:
        """One word: failed, made, or skipped (all was there already)."""
        if self.problem:
            return "failed"
        return "made" if self.made else "skipped"


def check(work: Work) -> None:
    """Refuse what would fail with every pair, before any is begun.

    Raises:
        InputError: an option is out of its range, or the recorded head cannot be used.
    """
    if not 1 <= work.takes <= MAX_TAKES:
        raise InputError(f"--takes must lie between 1 and {MAX_TAKES}, not {work.takes}.")
    options = work.options
    seed = options.get("seed", 0)
    mouth = options.get("mouth")
    for one in (seed, seed + work.takes - 1):
        MotionOptions(one, options.get("head", 1.0), 1.0 if mouth is None else mouth, options.get("blink", 1.0))
    check_shares(smile=options.get("smile", SMILE), body=options.get("body", 1.0))
    check_size(options.get("size"))
    check_face_number(options.get("face", 1))
    recorded = options.get("head_from")
    if recorded is not None and not isinstance(recorded, Motion):
        Motion.load(readable_file(recorded, "motion"))


def ready(pair: Pair, work: Work) -> list[Take]:
    """The takes of a pair of which something is to be written, each name checked before the first one is begun.

    Raises:
        OutputError: an output cannot be written, exists already, or is an input.
        InputError: a motion file or a table has another ending.
    """
    if work.make_folders:
        for path in pair.outputs:
            make_folder(path.parent)
    head_from = work.options.get("head_from")
    inputs = [pair.photo, pair.speech, *([head_from] if isinstance(head_from, str | os.PathLike) else [])]
    takes = [take for take in _takes(pair, work) if take.video or take.motion or take.curves]
    for take in takes:
        if take.video is not None:
            alpha = work.options.get("background") == "none"
            ready_video(take.video, force=work.force, alpha=alpha, inputs=inputs)
        for file, ending, what in ((take.motion, ".npz", "A motion file"), (take.curves, ".csv", "A table of curves")):
            if file is None:
                continue
            if file.suffix.lower() != ending:
                raise InputError(f"{what} ends in {ending}, not {file.name!r}; choose another name.")
            ready_file(file, force=work.force, inputs=inputs)
    check_run([out for take in takes for out in (take.video, take.motion, take.curves) if out is not None], inputs)
    return takes


def make_folder(folder: Path) -> None:
    """Make a folder and those above it.

    Raises:
        OutputError: it cannot be.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise write_error(folder, error) from error


def make(
    head: TalkingHead, pair: Pair, takes: Iterable[Take], work: Work, show: Show = lambda *_: None
) -> Iterator[Made]:
    """Make the takes of :func:`ready`, one after the other.

    Raises:
        MssyncError: as :meth:`~mssync.pipeline.TalkingHead.animate` and :meth:`~mssync.animation.Animation.save`.
    """
    takes = list(takes)
    if any(take.curves is not None for take in takes):
        of_mesh(head.space, CURVES)  # said before the first video is drawn
    for take in takes:
        start = time.perf_counter()
        options: Options = {**work.options, "seed": take.seed}
        made = head.animate(pair.photo, pair.speech, **options)
        if take.video is not None:
            made.save(
                take.video,
                force=work.force,
                motion_out=take.motion,
                progress=lambda done, total, name=take.name.name: show(name, done, total),  # type: ignore[misc]
            )
        elif take.motion is not None:
            made.motion.save(take.motion, force=work.force)
        if take.curves is not None:
            export_curves(made.motion, head.space, take.curves, force=work.force)
        factor = (time.perf_counter() - start) / made.seconds
        yield Made(take.name, len(made), made.seconds, factor, made.model, made.seed)


def attempt(head: TalkingHead, number: int, pair: Pair, work: Work, show: Show) -> Outcome:
    """Make a pair; an error becomes its problem."""
    made: list[Made] = []
    problem = ""
    try:
        for one in make(head, pair, ready(pair, work), work, show):
            made.append(one)
    except MssyncError as error:
        problem = str(error)
    except MemoryError:
        problem = f"There is not enough memory for {pair.photo} with {pair.speech}; use a smaller --size."
    except Exception as error:  # a fault of ours should not cost the pairs that come after
        at = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{type(error).__name__} in {Path(at.filename).name}, line {at.lineno}: {error}"
        problem = f"{pair.photo} with {pair.speech} met a fault of mssync ({where}); please report it."
    return Outcome(number, tuple(made), problem)


def _takes(pair: Pair, work: Work) -> Iterator[Take]:
    first = work.options.get("seed", 0)
    for take in range(1, work.takes + 1):
        outs = [pair.out, pair.motion, pair.curves]
        if work.takes > 1:
            outs = [None if out is None else numbered(out, take) for out in outs]
        name = outs[0]
        assert name is not None
        video, motion, curves = (None if out and work.skip_existing and _whole(out) else out for out in outs)
        yield Take(name, video, motion, curves, first + take - 1)


def _whole(out: Path) -> bool:
    """Whether an output is there; whatever stands under its own name is whole."""
    try:
        return is_frame_folder(out) and any(out.iterdir()) if out.is_dir() else os.path.lexists(out)
    except OSError:
        return False
