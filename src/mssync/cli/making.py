"""``animate``, ``render``, ``demo``: videos from a photo."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mssync.cli.console import progress, say
from mssync.cli.options import (
    Background,
    BackgroundOption,
    DeviceOption,
    FaceOption,
    ForceOption,
    ModelOption,
    OutOption,
    SizeOption,
    load_head,
    parse_size,
)
from mssync.errors import InputError, MssyncError, OutputError

Target = tuple[Path, Path | None, int]  # a video, its motion file, the seed

if TYPE_CHECKING:
    from mssync.animation import Animation
    from mssync.pipeline import Options, TalkingHead

SOME_FAILED = 2
SHOWN_PROBLEMS = 20


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
    mouth: Annotated[float, typer.Option("--mouth", metavar="X", help="How far the mouth opens, 0 to 3.")] = 1.0,
    blink: Annotated[float, typer.Option("--blink", metavar="X", help="Rate of blinking, 0 to 10.")] = 1.0,
    size: SizeOption = None,
    face: FaceOption = 1,
    head_from: Annotated[
        Path | None,
        typer.Option("--head-from", metavar="M.npz", help="Head and gaze from this motion, lips from the voice."),
    ] = None,
    background: BackgroundOption = Background.keep,
    motion_out: Annotated[
        Path | None, typer.Option("--motion-out", metavar="M.npz", help="Also save the motion.")
    ] = None,
    model: ModelOption = "default",
    device: DeviceOption = "cpu",
    force: ForceOption = False,
    skip_existing: Annotated[
        bool,
        typer.Option(
            "--skip-existing", help="Many at once: leave out videos that are there, whatever options made them."
        ),
    ] = False,
) -> None:
    """Let a photo speak.

    **Takes** use the seeds N, N+1, ... A motion for `--head-from` (from `mssync track`) is played
    once; where the speech is longer, the generated head takes over.

    **Many at once:** OUT is then a folder. Two folders: photo and speech of the same name belong together.
    A folder and a file: every photo with that speech, or that photo with every speech. A CSV file: a line
    `photo,speech` or `photo,speech,out`, then one pair a line; paths count from the CSV file's folder. A bad pair
    is reported and skipped, the rest goes on; the exit code is 2 when any pair failed. A run that was ended early goes
    on with `--skip-existing`: only whole videos ever stand under their names.
    """
    from mssync.batch import checked, is_batch, read_pairs

    options: Options = {
        "seed": seed, "head": 0.0 if still else head, "mouth": mouth, "blink": blink, "size": parse_size(size),
        "face": face, "head_from": head_from, "background": background.value,
    }  # fmt: skip
    if not is_batch(photo, speech):
        if speech is None:
            raise InputError(f"Name the speech for {photo}: mssync animate PHOTO SPEECH -o OUT.mp4.")
        if skip_existing:
            raise InputError("--skip-existing is for many at once (folders or a CSV file); leave it out.")
        targets = _take_targets(photo, speech, out, motion_out, takes, options, force, skip_existing)
        inputs = ((photo, "photo"), (speech, "sound"), (head_from, "motion"))
        _make_takes(load_head(model, device, inputs), photo, speech, targets, options, force)
        return
    if motion_out is not None:
        raise InputError("--motion-out names one file; animate the pairs one by one to save their motions.")
    if out.suffix.lower() in (".mp4", ".webm") and not out.is_dir():
        raise OutputError(f"{out} is one video, but many are to be made; name a folder, such as {out.with_suffix('')}.")
    ending = "" if background is Background.none else ".mp4"
    pairs = [checked(pair) for pair in read_pairs(photo, speech, out, ending, takes)]
    _make_folder(out)
    bad = [pair.problem for pair in pairs if pair.problem]
    for problem in bad[:SHOWN_PROBLEMS]:
        say(f"Skipped: {problem}")
    if len(bad) > SHOWN_PROBLEMS:
        say(f"Skipped: {len(bad) - SHOWN_PROBLEMS} more pairs for reasons of this kind.")
    good = [pair for pair in pairs if not pair.problem]
    talking = load_head(model, device, [(head_from, "motion")]) if good else None
    made = there = 0
    for pair in good:
        assert talking is not None
        try:
            _make_folder(pair.out.parent)
            left = _take_targets(pair.photo, pair.speech, pair.out, None, takes, options, force, skip_existing)
            _make_takes(talking, pair.photo, pair.speech, left, options, force)
            made, there = made + bool(left), there + (not left)
        except MssyncError as error:
            say(f"Skipped: {error}")
    known = f", {there} there already" if skip_existing else ""
    typer.echo(f"{out}: {made} of {len(pairs)} pairs made{known}")
    if made + there < len(pairs):
        raise typer.Exit(SOME_FAILED)


def render(
    photo: Annotated[Path, typer.Argument(metavar="PHOTO", help="The photo.")],
    motion: Annotated[Path, typer.Argument(metavar="MOTION", help="A motion, from `mssync track` or --motion-out.")],
    *,
    out: OutOption,
    speech: Annotated[
        Path | None, typer.Option("--speech", help="Sound to lay under it, cut or filled to the motion's length.")
    ] = None,
    size: SizeOption = None,
    face: FaceOption = 1,
    background: BackgroundOption = Background.keep,
    model: ModelOption = "default",
    force: ForceOption = False,
) -> None:
    """Put a motion on a photo."""
    from mssync.media.targets import ready_video

    side, alpha = parse_size(size), background is Background.none
    ready_video(out, force=force, alpha=alpha, inputs=[p for p in (photo, motion, speech) if p is not None])
    head = load_head(model, inputs=((photo, "photo"), (motion, "motion"), (speech, "sound")))
    start = time.perf_counter()
    made = head.render(photo, motion, speech, size=side, face=face, background=background.value)
    _save(made, out, None, force, start)


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


def _take_targets(
    photo: Path,
    speech: Path,
    out: Path,
    motion_out: Path | None,
    takes: int,
    options: Options,
    force: bool,
    skip_existing: bool,
) -> list[Target]:
    """All videos and motions to make, each name checked before the first one is begun."""
    from mssync.media.targets import ready_file, ready_video

    head_from, first = options["head_from"], options["seed"]
    inputs = [photo, speech, *([head_from] if isinstance(head_from, Path) else [])]
    targets: list[Target] = [(out, motion_out, first)]
    if takes > 1:
        targets = [
            (_numbered(out, n), motion_out and _numbered(motion_out, n), first + n - 1) for n in range(1, takes + 1)
        ]
    if skip_existing:
        targets = [target for target in targets if not os.path.lexists(target[0])]
    for video, rows, _ in targets:
        ready_video(video, force=force, alpha=options["background"] == "none", inputs=inputs)
        if rows is not None:
            if rows.suffix.lower() != ".npz":
                raise InputError(f"A motion file ends in .npz, not {rows.name!r}; choose another name.")
            ready_file(rows, force=force, inputs=inputs)
    return targets


def _make_takes(
    head: TalkingHead, photo: Path, speech: Path, targets: list[Target], options: Options, force: bool
) -> None:
    for video, rows, seed in targets:
        start = time.perf_counter()
        options = {**options, "seed": seed}
        _save(head.animate(photo, speech, **options), video, rows, force, start)


def _save(made: Animation, out: Path, motion_out: Path | None, force: bool, start: float) -> None:
    """Write the video under a progress bar, then one line about it."""
    with progress(out.name) as update:
        made.save(out, force=force, motion_out=motion_out, progress=update)
    factor = (time.perf_counter() - start) / made.seconds
    seed = "" if made.seed is None else f", seed {made.seed}"
    typer.echo(
        f"{out}: {len(made)} frames, {made.seconds:.2f} s, real-time factor {factor:.2f}, model {made.model}{seed}"
    )


def _numbered(path: Path, number: int) -> Path:
    return path.with_name(f"{path.stem}-{number}{path.suffix}")


def _make_folder(folder: Path) -> None:
    from mssync.files import write_error

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise write_error(folder, error) from error
