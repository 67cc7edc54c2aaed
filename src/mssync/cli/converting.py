"""``convert``: published checkpoints into this project's networks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mssync.cli.console import extra, tell
from mssync.cli.options import ForceOption

convert = typer.Typer(help="Published checkpoints into networks of this project.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(convert, name="convert")


@convert.command("mssync")
def convert_mssync(
    checkpoint: Annotated[Path, typer.Argument(metavar="CKPT", help="The authors' `model_chkpt.pt`.")],
    args: Annotated[Path, typer.Argument(metavar="ARGS", help="The file `args` beside it.")],
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder to make.")],
    force: ForceOption = False,
) -> None:
    """Read a generator published by the authors of MS-Sync. Nothing that the file pickles is run."""
    from mssync.files import check_run, ready_folder

    ready_folder(out)
    check_run([out], [checkpoint, args])
    with extra("train"):
        from mssync.convert.official import convert as run
    made = run(checkpoint, args, out, force=force)
    size = sum(x.numel() for x in made.net.parameters())
    tell(f"{out}: a generator of {size / 1e6:.1f} million weights, {made.net.shape.motion} columns of motion")
