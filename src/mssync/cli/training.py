"""``preprocess``, ``train``, ``export``: from videos to a model of one's own."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from mssync.cli.console import progress, say
from mssync.cli.options import ForceOption
from mssync.errors import InputError

SOME_FAILED = 2

train = typer.Typer(help="Train the parts of a motion model.", no_args_is_help=True)

ClipsArgument = Annotated[Path, typer.Argument(metavar="CLIPS", help="Folder made by `mssync preprocess`.")]
ListOption = Annotated[
    Path, typer.Option("--list", help="CSV file with the columns path, split (train or dev), family, speaker.")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(preprocess)
    app.add_typer(train, name="train")
    app.command()(export)


def preprocess(
    videos: Annotated[Path, typer.Argument(metavar="VIDEOS", help="A video, or a folder that is searched in depth.")],
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the clips.")],
    workers: Annotated[int, typer.Option("--workers", metavar="N", min=1, help="Processes.")] = 1,
) -> None:
    """Track faces and hear voices of videos once, for training. Goes on where it was stopped.

    A bad video is reported and skipped; the exit code is 2 when there was one.
    """
    from mssync.training.preprocess import preprocess as run

    failed = done = 0
    with progress("clips") as update:
        for done, total, name, problem in run(videos, out, workers=workers):
            update(done, total)
            if problem:
                failed += 1
                say(f"Skipped: {name}: {problem}")
    typer.echo(f"{out}: {done - failed} of {done} videos made into clips or there already")
    if failed:
        raise typer.Exit(SOME_FAILED)


@train.command("space")
def train_space(
    clips: ClipsArgument,
    *,
    listing: ListOption,
    out: Annotated[Path, typer.Option("--out", "-o", help="The motion space to make (.npz).")],
    components: Annotated[int, typer.Option("--components", metavar="K", min=1, max=37, help="Basis size.")] = 32,
    seed: Annotated[int, typer.Option("--seed", metavar="N")] = 0,
    force: ForceOption = False,
) -> None:
    """Fit the motion space: mean face, expression basis, lip opening."""
    from mssync.media.targets import ready_file

    if out.suffix.lower() != ".npz":
        raise InputError(f"A motion space ends in .npz, not {out.name!r}; choose another name.")
    ready_file(out, force=force, inputs=[listing])
    with _extra("train"):
        from mssync.training.run import train_space as run
    report = run(clips, listing, out, components=components, seed=seed)
    typer.echo(
        f"{out}: {100 * report.kept:.2f} % of the variance kept, round trip {100 * report.round_trip:.2f} % "
        f"of the inter-ocular distance, on {report.clips} dev clips"
    )


@train.command("generator")
def train_generator(
    clips: ClipsArgument,
    *,
    listing: ListOption,
    space: Annotated[Path, typer.Option("--space", help="Motion space from `mssync train space`.")],
    config: Annotated[Path, typer.Option("--config", help="Recipe (YAML).")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Run folder; a run that was stopped goes on.")],
    device: Annotated[str, typer.Option("--device", help="cpu or cuda.")] = "cpu",
) -> None:
    """Train the generator: sound to motion."""
    with _extra("train"):
        from mssync.training.run import train_generator as run
    start = time.perf_counter()

    def report(step: int, numbers: dict[str, float]) -> None:
        text = "  ".join(f"{name} {value:.4g}" for name, value in numbers.items())
        say(f"step {step}  {time.perf_counter() - start:.0f} s  {text}")

    trainer = run(clips, listing, space, config, out, device=device, report=report)
    typer.echo(f"{out}: {trainer.step} steps, best dev score {trainer.best:.4f}; next: mssync export {out} -o MODEL")


def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Run folder of `mssync train generator`.")],
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help="The model folder to make.")],
    force: ForceOption = False,
) -> None:
    """Write the best weights of a run as a model that `--model` takes."""
    with _extra("train"):
        from mssync.training.export import export_model
    gap = export_model(run, out, force=force)
    typer.echo(f"{out}: exported, largest difference to the trained network {gap:.1e}")


@contextmanager
def _extra(name: str) -> Iterator[None]:
    """Imports of an optional part of mssync: what is missing becomes a sentence."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise InputError(
            f"This command needs the package {error.name!r}; install it with: python -m pip install 'mssync[{name}]'."
        ) from error
