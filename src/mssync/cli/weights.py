"""``models list`` and ``models fetch``: what the commands need on this computer."""

from __future__ import annotations

import typer

from mssync.cli.console import say
from mssync.errors import AssetError, MssyncError

models = typer.Typer(help="Model files: which, where, present or not.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(models, name="models")


@models.command("list")
def list_models() -> None:
    """List the motion models that ship with mssync and the third-party files it uses."""
    from rich.console import Console
    from rich.table import Table

    from mssync.assets import list_assets
    from mssync.models import load_model, shipped_models

    table = Table("name", "what", "licence", "state", "where", box=None)
    for name in shipped_models():
        try:
            model = load_model(name)
            table.add_row(name, f"motion model {model.title}", "Apache-2.0", "ready", str(model.folder))
        except MssyncError as error:
            table.add_row(name, "motion model", "Apache-2.0", "damaged", str(error))
    for row in list_assets():
        state = row.state if row.asset.required or row.state == "ready" else f"{row.state} (optional)"
        table.add_row(row.asset.name, row.asset.purpose, row.asset.licence, state, str(row.path))
    # Wide enough that no path is folded when the output goes to a file.
    console = Console()
    Console(width=None if console.is_terminal else 250).print(table)


@models.command("fetch")
def fetch_models() -> None:
    """Fetch the third-party files now, to work offline later."""
    from mssync.assets import ASSETS, asset_path

    failed: AssetError | None = None
    for name, asset in ASSETS.items():
        try:
            typer.echo(f"{name}: {asset_path(name)}")
        except AssetError as error:
            if asset.required:
                failed = error
            else:
                say(f"Note: {error} It is optional.")
    if failed is not None:
        raise failed
