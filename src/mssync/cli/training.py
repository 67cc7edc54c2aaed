"""``preprocess``, ``train``, ``export``: from videos to a model of one's own."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from mssync.cli.console import extra, progress, say, tell
from mssync.cli.options import ForceOption
from mssync.errors import InputError

SOME_FAILED = 2

train = typer.Typer(help="Train the parts of a motion model.", no_args_is_help=True)

ClipsArgument = Annotated[Path, typer.Argument(metavar="CLIPS", help="Folder made by `mssync preprocess`.")]
ListOption = Annotated[
    Path | None,
    typer.Option(
        "--list",
        help="CSV file with the columns path, split (train or dev), family, speaker, perhaps role. Default: all good "
        "clips, a tenth of them kept aside as dev.",
    ),
]


SpaceOption = Annotated[Path | None, typer.Option("--space", help="Motion space (.npz); default: the shipped model's.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(preprocess)
    app.add_typer(train, name="train")
    app.command()(export)
    app.command()(export_weights)


def preprocess(
    videos: Annotated[Path, typer.Argument(metavar="VIDEOS", help="A video, or a folder that is searched in depth.")],
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the clips.")],
    space: SpaceOption = None,
    syncer: Annotated[
        str | None,
        typer.Option(
            "--syncer",
            help="Syncer pyramid that measures av-offsets; none: a linear regression. Default: the shipped one.",
        ),
    ] = None,
    points: Annotated[bool, typer.Option("--points", help="Keep tracked points (to fit a motion space).")] = False,
    workers: Annotated[int, typer.Option("--workers", metavar="N", min=1, help="Processes.")] = 1,
) -> None:
    """Track faces and analyse voices of videos once, for training. Goes on where it was stopped.

    Afterwards the offset between sound and picture of every talking clip is measured: clear ones beyond a frame are
    taken out when the clip is used, clips that agree with their sound nowhere are dropped. report.json and report.png
    tell all. A bad video is reported and skipped; the exit code is 2 when there was one.
    """
    from mssync.files import make_folder, readable_file
    from mssync.models import load_model, shipped_syncer
    from mssync.motion.spaces import load_space
    from mssync.motion.syncers import SyncerPyramid
    from mssync.training.data.av_offsets import measure_av_offsets
    from mssync.training.data.overview import draw_overview
    from mssync.training.data.preprocess import preprocess as run
    from mssync.training.data.videos import exclusively, find_videos

    failed = done = 0
    chosen = readable_file(space or load_model().file("space.npz"), "motion space")
    moves = load_space(chosen)
    pyramid = None if syncer == "none" else Path(syncer) if syncer else shipped_syncer()
    if pyramid is not None:
        SyncerPyramid.load(pyramid).check_space(moves)  # hours before it is needed
    find_videos(videos)
    with exclusively(make_folder(out)):
        with progress("clips") as update:
            for done, total, name, problem in run(videos, out, chosen, workers=workers, keep_points=points):
                update(done, total)
                if problem:
                    failed += 1
                    say(f"Skipped: {name}: {problem}")
        with progress("offsets") as update:
            records = measure_av_offsets(out, pyramid, moves, update)
        draw_overview(records, out / "report.png")
    moved = sum(bool(r.offset) for r in records.values())
    unclear = sum(r.clear is False for r in records.values())
    good = sum(not r.problem for r in records.values())
    tell(
        f"{out}: {good} of {len(records)} videos made into clips or there already; sound and picture brought together "
        f"in {moved}, {unclear} dropped because they agree nowhere; see {out / 'report.png'}"
    )
    if failed:
        raise typer.Exit(SOME_FAILED)


@train.command("space")
def train_space(
    clips: ClipsArgument,
    *,
    listing: ListOption = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="The motion space to make (.npz).")],
    kind: Annotated[
        str, typer.Option("--kind", metavar="NAME", help="mesh, or landmarks: where the 68 points of iBUG are.")
    ] = "mesh",
    components: Annotated[int, typer.Option("--components", metavar="K", min=1, max=37, help="Basis size.")] = 32,
    seed: Annotated[int, typer.Option("--seed", metavar="N")] = 0,
    force: ForceOption = False,
) -> None:
    """Fit the motion space: mean face, expression basis, lip opening."""
    from mssync.files import ready_file

    if out.suffix.lower() != ".npz":
        raise InputError(f"A motion space ends in .npz, not {out.name!r}; choose another name.")
    ready_file(out, force=force, inputs=[listing] if listing else [])
    with extra("train"):
        from mssync.training.run import train_space as run
    report = run(clips, listing, out, kind=kind, components=components, seed=seed)
    tell(
        f"{out}: {100 * report.kept:.2f} % of the variance kept, round trip {100 * report.round_trip:.2f} % "
        f"of the inter-ocular distance, on {report.clips} dev clips"
    )


@train.command("syncer")
def train_syncer(
    clips: ClipsArgument,
    *,
    listing: ListOption = None,
    config: Annotated[str, typer.Option("--config", help="Recipe: syncer, judge or a YAML file.")] = "syncer",
    out: Annotated[Path, typer.Option("--out", "-o", help="Run folder; a run that was stopped goes on.")],
    space: SpaceOption = None,
    device: Annotated[str, typer.Option("--device", help="cpu or cuda.")] = "cpu",
) -> None:
    """Train the pyramid of syncers: do this motion and this sound belong together, on every time scale?"""
    from mssync.files import ready_folder
    from mssync.models import load_model

    ready_folder(out)
    with extra("train"):
        from mssync.training.run import train_syncer as run

    def report(name: str, step: int, numbers: dict[str, float]) -> None:
        say(f"{name}  step {step}  " + "  ".join(f"{k} {v:.4g}" for k, v in numbers.items()))

    chosen = space or load_model().file("space.npz")
    found = run(clips, listing, chosen, config, out, device=device, report=report)
    for name, numbers in found.items():
        on, count = 100 * numbers.get("on", 0.0), int(numbers.get("clips", 0))
        tell(
            f"{name}: true lag stands {numbers.get('height', 0.0):.1f} deviations high, offset found on {on:.0f} % of "
            f"{count} clips, other words beaten in {100 * numbers.get('won', 0.5):.0f} % (chance 50)"
        )


@train.command("generator")
def train_generator(
    clips: ClipsArgument,
    *,
    listing: ListOption = None,
    config: Annotated[str, typer.Option("--config", help="Recipe: own, default or a YAML file.")] = "own",
    out: Annotated[Path, typer.Option("--out", "-o", help="Run folder; a run that was stopped goes on.")],
    init: Annotated[
        str | None,
        typer.Option(
            "--init",
            help="Go on from this model (default, or a folder of `mssync export`) or run; none: from nothing. Default: "
            "as the recipe says.",
        ),
    ] = None,
    syncers: Annotated[
        Path | None,
        typer.Option(
            "--syncers", help="Folder of `mssync train syncer`, for the synchrony loss. Default: the shipped ones."
        ),
    ] = None,
    space: SpaceOption = None,
    photo: Annotated[
        Path | None, typer.Option("--photo", help="Face of the sample videos; default: the demo's.")
    ] = None,
    device: Annotated[str, typer.Option("--device", help="cpu or cuda.")] = "cpu",
) -> None:
    """Train the generator: sound to motion. Checkpoints, tensorboard curves and sample videos lie in the run folder."""
    from mssync.files import ready_folder
    from mssync.models import load_model

    ready_folder(out)
    with extra("train"):
        from mssync.training.run import train_generator as run
    start = time.perf_counter()

    def report(step: int, numbers: dict[str, float]) -> None:
        text = "  ".join(f"{name} {value:.4g}" for name, value in numbers.items())
        what = "closure net, step" if "closure_loss" in numbers else "step"
        say(f"{what} {step}  {time.perf_counter() - start:.0f} s  {text}")

    chosen = space or load_model().file("space.npz")
    trainer = run(
        clips, listing, chosen, config, out, device=device, syncers=syncers, init=init, photo=photo, report=report
    )  # fmt: skip
    best = f", best dev score {trainer.best:.4f}" if trainer.step else ""
    tell(f"{out}: {trainer.step} steps{best}; next: mssync export {out} -o MODEL")


@train.command("paper")
def train_paper(
    clips: ClipsArgument,
    *,
    listing: ListOption = None,
    config: Annotated[
        str, typer.Option("--config", help="Recipe: paper-landmarks, paper-landmarks-small or a YAML file.")
    ] = "paper-landmarks-small",
    out: Annotated[Path, typer.Option("--out", "-o", help="Run folder; a run that was stopped goes on.")],
    syncers: Annotated[
        Path | None,
        typer.Option("--syncers", help="Folder of `mssync train syncer`. Default: the shipped ones, where they fit."),
    ] = None,
    space: SpaceOption = None,
    device: Annotated[str, typer.Option("--device", help="cpu or cuda.")] = "cpu",
) -> None:
    """Train the generator as it was published, with all its switches, for comparisons: such a run is not exported."""
    from mssync.files import ready_folder
    from mssync.models import load_model

    ready_folder(out)
    with extra("train"):
        from mssync.training.run_paper import train_paper as run

    def report(step: int, numbers: dict[str, float]) -> None:
        say(f"step {step}  " + "  ".join(f"{name} {value:.4g}" for name, value in numbers.items()))

    chosen = space or load_model().file("space.npz")
    trainer = run(clips, listing, chosen, config, out, device=device, syncers=syncers, report=report)
    size = sum(x.numel() for x in trainer.net.parameters())
    tell(f"{out}: {trainer.step} steps of a generator of {size / 1e6:.1f} million weights")


def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Run folder of `mssync train generator`.")],
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help="The model folder to make.")],
    name: Annotated[
        str | None, typer.Option("--name", help="What the model is called, in its videos too; default: as the folder.")
    ] = None,
    release: Annotated[str | None, typer.Option("--release", help="Its release; default: the recipe's.")] = None,
    force: ForceOption = False,
) -> None:
    """Write the best weights of a run as a model that `--model` takes, with a model card to fill in."""
    from mssync.files import check_run, ready_folder

    ready_folder(out)
    check_run([out], [run])
    with extra("train"):
        from mssync.training.export import export_model
    gap = export_model(run, out, force=force, name=name, release=release)
    tell(f"{out}: exported, largest difference to the trained network {gap:.1e}")


def export_weights(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="`default`, a model's folder, or a finished run.")],
    *,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="W.safetensors", help="The file to make.")],
    force: ForceOption = False,
) -> None:
    """Write a model's weights as safetensors, by the names of `mssync.nets`, for PyTorch programs."""
    from mssync.files import check_ending, ready_file

    check_ending(out, (".safetensors",), "A file of weights")
    ready_file(out, force=force)
    with extra("train"):
        from mssync.training.init import load_start, save_start
    start = load_start(model)
    tell(f"{out}: {save_start(start, out, force=force)} tensors of {start.title}")
