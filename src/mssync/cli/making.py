"""``animate``, ``render``, ``demo``: videos from a photo."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mssync.cli.console import progress, progress_of_many, say, tell, tell_table
from mssync.cli.options import (
    Background,
    BackgroundOption,
    BodyOption,
    DeviceOption,
    FaceOption,
    ForceOption,
    ModelOption,
    OutOption,
    SizeOption,
    SmileOption,
    load_head,
    parse_size,
)
from mssync.errors import InputError

if TYPE_CHECKING:
    from mssync.animation import Animation
    from mssync.batch.pairs import Folders, Pair
    from mssync.batch.work import Outcome, Work
    from mssync.pipeline import Options, TalkingHead

SOME_FAILED = 2


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(animate)
    app.command()(render)
    app.command()(demo)


def animate(
    photo: Annotated[
        Path, typer.Argument(metavar="PHOTO", help="A photo, a folder of photos, or a CSV file (photo,speech[,out]).")
    ],
    speech: Annotated[
        Path | None,
        typer.Argument(metavar="SPEECH", help="A sound file or video, or a folder of them; none with a CSV."),
    ] = None,
    *,
    out: OutOption,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Another motion for the same speech.")] = 0,
    takes: Annotated[
        int,
        typer.Option("--takes", metavar="N", min=1, max=1000, help="N different motions: OUT-1.mp4, OUT-2.mp4, ..."),
    ] = 1,
    head: Annotated[float, typer.Option("--head", metavar="X", help="Amount of head motion, 0 to 3.")] = 1.0,
    still: Annotated[bool, typer.Option("--still", help="The same as --head 0: only the face moves.")] = False,
    mouth: Annotated[
        float | None, typer.Option("--mouth", metavar="X", help="How far the mouth opens, 0 to 3; covered ones too.")
    ] = None,
    blink: Annotated[float, typer.Option("--blink", metavar="X", help="Rate of blinking, 0 to 10.")] = 1.0,
    smile: SmileOption = 0.5,
    body: BodyOption = 1.0,
    size: SizeOption = None,
    face: FaceOption = 1,
    head_from: Annotated[
        Path | None,
        typer.Option("--head-from", metavar="M.npz", help="Head and gaze from this motion, lips from the voice."),
    ] = None,
    background: BackgroundOption = Background.keep,
    motion_out: Annotated[
        Path | None,
        typer.Option("--motion-out", metavar="M.npz", help="Also save the motion; many at once: a folder for motions."),
    ] = None,
    curves_out: Annotated[
        Path | None,
        typer.Option(
            "--curves-out",
            metavar="C.csv",
            help="Also write the motion as curves (see export-motion); many at once: a folder for tables.",
        ),
    ] = None,
    model: ModelOption = "default",
    device: DeviceOption = "cpu",
    force: ForceOption = False,
    skip_existing: Annotated[
        bool,
        typer.Option("--skip-existing", help="Make only what is not there yet; the rest stays, however it was made."),
    ] = False,
    workers: Annotated[
        int,
        typer.Option(
            "--workers",
            metavar="N",
            min=1,
            max=64,
            help="Many at once: processes that share the work, about 300 MB of memory each.",
        ),
    ] = 1,
) -> None:
    """Let a photo speak.

    **Takes** use the seeds N, N+1, ... A motion for `--head-from` (from `mssync track`) is played
    once; where the speech is longer, the generated head takes over.

    **Many at once:** OUT is then a folder. Two folders: photo and speech of the same name belong together.
    A folder and a file: every photo with that speech, or that photo with every speech. A CSV file: a line
    `photo,speech` or `photo,speech,out`, then one pair a line; paths count from the CSV file's folder, `out` from
    OUT. A bad pair is reported, the rest goes on; the exit code is 2 when any pair failed. A run that was ended early
    goes on with `--skip-existing`: only whole videos ever stand under their names.
    """
    from mssync.batch.pairs import Folders, Pair, is_batch, read_pairs
    from mssync.batch.work import Work, check, make, ready

    options: Options = {
        "seed": seed, "head": 0.0 if still else head, "mouth": mouth, "blink": blink, "smile": smile,
        "body": 0.0 if still else body,
        "size": parse_size(size), "face": face, "head_from": head_from, "background": background.value,
    }  # fmt: skip
    many = is_batch(photo, speech)
    work = Work(options, takes, force, skip_existing, make_folders=many)
    if many:
        to = Folders(out, motion_out, curves_out, "" if background is Background.none else ".mp4")
        _make_many(read_pairs(photo, speech, to, takes), to, work, partial(load_head, model, device), workers)
        return
    if speech is None:
        raise InputError(f"Name the speech for {photo}: mssync animate PHOTO SPEECH -o OUT.mp4.")
    check(work)
    pair = Pair(photo, speech, out, motion_out, curves_out)
    left = ready(pair, work)
    if not left:
        tell(f"{out}: there already, nothing was made")
        return
    talking = load_head(model, device, ((photo, "photo"), (speech, "sound"), (head_from, "motion")))
    with progress_of_many(1) as (_, update):
        for made in make(talking, pair, left, work, partial(update, 0)):
            tell(str(made))


def _make_many(pairs: Sequence[Pair], to: Folders, work: Work, load: Callable[[], TalkingHead], workers: int) -> None:
    """Make the pairs under progress bars; what became of each is told at once, and in a table at the end."""
    from mssync.batch.run import SHOWN, make_all, summary

    outcomes: dict[int, Outcome] = {}
    failed = 0
    with (
        progress_of_many(len(pairs)) as (finished, update),
        closing(make_all(load, pairs, to, work, workers, update)) as results,
    ):
        for outcome in results:
            outcomes[outcome.number] = outcome
            finished()
            for note in outcome.notes:
                say(f"Note: {note}")
            for made in outcome.made:
                tell(str(made))
            failed += outcome.result == "failed"
            if outcome.problem and failed <= SHOWN:
                say(f"Failed: {outcome.problem}")
    rows, line = summary(pairs, outcomes)
    tell_table(("result", "video", "reason"), rows)
    tell(f"{to.out}: {line}")
    if failed:
        raise typer.Exit(SOME_FAILED)


def render(
    photo: Annotated[Path, typer.Argument(metavar="PHOTO", help="The photo.")],
    motion: Annotated[Path, typer.Argument(metavar="MOTION", help="A motion, from `mssync track` or --motion-out.")],
    *,
    out: OutOption,
    speech: Annotated[
        Path | None, typer.Option("--speech", help="Sound to lay under it, cut or filled to the motion's length.")
    ] = None,
    smile: SmileOption = 0.5,
    body: BodyOption = 1.0,
    size: SizeOption = None,
    face: FaceOption = 1,
    background: BackgroundOption = Background.keep,
    renderer: Annotated[
        str | None,
        typer.Option("--renderer", metavar="NAME", help="warp: the photo itself; lines: the lines of its face."),
    ] = None,
    model: ModelOption = "default",
    force: ForceOption = False,
) -> None:
    """Put a motion on a photo."""
    from mssync.media.targets import ready_video

    side, alpha = parse_size(size), background is Background.none
    ready_video(out, force=force, alpha=alpha, inputs=[p for p in (photo, motion, speech) if p is not None])
    head = load_head(model, inputs=((photo, "photo"), (motion, "motion"), (speech, "sound")))
    start = time.perf_counter()
    made = head.render(
        photo,
        motion,
        speech,
        smile=smile,
        body=body,
        size=side,
        face=face,
        background=background.value,
        renderer=renderer,
    )
    _save(made, out, force, start)


def demo(
    out: OutOption = Path("demo.mp4"),
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Another motion.")] = 0,
    size: SizeOption = None,
    device: DeviceOption = "cpu",
    force: ForceOption = False,
) -> None:
    """Make a talking head from a public-domain portrait and a synthetic voice that are here already."""
    from importlib import resources

    from matplotlib import get_data_path

    photo = Path(get_data_path()) / "sample_data" / "grace_hopper.jpg"
    with resources.as_file(resources.files("mssync") / "data" / "demo.flac") as voice:
        animate(photo, voice, out=out, seed=seed, size=size, device=device, force=force)


def _save(made: Animation, out: Path, force: bool, start: float) -> None:
    """Write the video under a progress bar, then one line about it."""
    from mssync.batch.work import Made

    with progress(out.name) as update:
        made.save(out, force=force, progress=update)
    factor = (time.perf_counter() - start) / made.seconds
    tell(str(Made(out, len(made), made.seconds, factor, made.model, made.seed)))
