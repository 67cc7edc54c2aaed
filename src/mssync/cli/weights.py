"""``models list`` and ``models fetch``: what the commands need on this computer."""

from __future__ import annotations

from typing import Annotated

import typer

from mssync.cli.console import say, tell
from mssync.errors import AssetError, InputError, MssyncError

models = typer.Typer(help="Model files: which, where, present or not.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(models, name="models")


@models.command("list")
def list_models() -> None:
    """List the motion models that ship with mssync and the third-party files it uses."""
    from mssync.assets import list_assets
    from mssync.models import load_model, shipped_models

    rows = [("name", "what", "MB", "licence", "state", "where")]
    for name in shipped_models():
        try:
            model = load_model(name)
            size = sum(file.stat().st_size for file in model.folder.iterdir())
            rows.append((name, f"motion model {model.title}", _mb(size), "Apache-2.0", "ready", str(model.folder)))
        except MssyncError as error:
            rows.append((name, "motion model", "", "Apache-2.0", "damaged", str(error)))
    for row in list_assets():
        asset = row.asset
        state = row.state if asset.required or row.state == "ready" else f"{row.state} (optional)"
        rows.append((asset.name, asset.purpose, _mb(asset.size), asset.licence, state, str(row.path)))
    # Plain columns: a terminal folds what is too long, and nothing is cut when the output goes to a file.
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for line in rows:
        tell("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())


def _mb(size: int) -> str:
    return f"{size / 1e6:.1f}"


@models.command("fetch")
def fetch_models(
    names: Annotated[list[str] | None, typer.Argument(help="Which; all when not given.", metavar="NAME...")] = None,
) -> None:
    """Fetch the third-party files now, to work offline later."""
    from mssync.assets import ASSETS, asset_path

    for name in names or ():
        if name not in ASSETS:
            raise InputError(f"There is no model file named {name!r}; known are: {', '.join(ASSETS)}.")
    failed: AssetError | None = None
    for name in names or ASSETS:
        try:
            tell(f"{name}: {asset_path(name)}")
        except AssetError as error:
            if ASSETS[name].required or names:
                failed = error
            else:
                say(f"Note: {error} It is optional.")
    if failed is not None:
        raise failed
