"""The command line: one typed function per command, no logic. Rooms are imported inside the functions, so that
``mssync --help`` is quick and training packages are loaded only by training commands."""

from __future__ import annotations

import errno
import logging
import signal
import sys
import warnings
from typing import Annotated, NoReturn

import typer

from mssync import __version__, assets
from mssync.cli import converting, evaluating, making, motion, training, weights
from mssync.cli.console import fetching, open_streams, say, tell, told_all
from mssync.errors import MssyncError, OutputError, PlatformError

INTERRUPTED = 130  # what shells report for Ctrl-C

app = typer.Typer(
    name="mssync",
    help="One photo and one voice in, one talking head out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)
making.register(app)
motion.register(app)
evaluating.register(app)
weights.register(app)
training.register(app)
converting.register(app)


def _show_version(wanted: bool) -> None:
    if wanted:
        tell(f"mssync {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and stop.")
    ] = False,
) -> None:
    """One photo and one voice in, one talking head out."""


def _stop_tidily() -> list[int]:
    """Being told to stop cleans up as Ctrl-C does: by a kill, a terminal that closes, Ctrl-Break.

    Returns:
        the exit code, once we were told. Where an interrupt meets a package that is being loaded, it may come up as
        an error of that package.
    """
    told: list[int] = []
    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)]

    def stop(number: int, _: object) -> None:
        for other in numbers:  # a closing terminal sends several: the cleaning is not to be cut short
            signal.signal(other, signal.SIG_IGN)
        told.append(128 + number)
        sys.exit(128 + number)

    def interrupt(number: int, _: object) -> None:
        told.append(INTERRUPTED)
        raise KeyboardInterrupt

    for number in numbers:
        if signal.getsignal(number) != signal.SIG_IGN:  # nohup wants no end
            signal.signal(number, stop)
    if signal.getsignal(signal.SIGINT) == signal.default_int_handler:
        signal.signal(signal.SIGINT, interrupt)
    return told


def _run(told: list[int]) -> None:
    try:
        app()
    except Exception:
        if told:
            sys.exit(told[0])
        raise


def main() -> NoReturn:
    """Run the command line. Exit codes: 0 done, 2 a mistake that the user can put right, 130 interrupted."""
    open_streams()
    logging.basicConfig(format="%(message)s", stream=sys.stderr)
    logging.getLogger("mssync").setLevel(logging.INFO)
    warnings.showwarning = lambda message, *_, **__: say(f"Note: {message}")
    assets.announce = fetching
    told = _stop_tidily()
    try:
        _run(told)
    except SystemExit as end:
        if not end.code and not told_all():
            sys.exit(OutputError.exit_code)
        raise
    except MssyncError as error:
        say(str(error))
        sys.exit(error.exit_code)
    except ImportError as error:
        if (error.name or "").split(".")[0] == "mssync":
            raise
        say(str(PlatformError.of(error)))
        sys.exit(PlatformError.exit_code)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        say("The disk is full; free some space and run again.")
        sys.stdout = None  # what is left for it would be tried again at the end
        sys.exit(OutputError.exit_code)
    sys.exit(0)
