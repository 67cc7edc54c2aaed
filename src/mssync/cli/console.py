"""What the command line shows: sentences, progress with the time left, a summary. Everything but results on stderr."""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import metadata
from typing import TYPE_CHECKING

from mssync.errors import InputError
from mssync.texts import clean

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

    from mssync.assets import Asset

LONGEST = 4000  # characters of a line
_untold = False


def open_streams() -> None:
    """Make stdin, stdout and stderr usable, whatever the program was started with.

    A closed one leads nowhere: its number would else go to the next file that is opened, and messages of native
    libraries into that file. Characters that a terminal cannot show are written as their numbers.
    """
    global _untold
    _untold = False
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8", errors="backslashreplace"))  # noqa: PTH123, SIM115
        elif isinstance(stream, io.TextIOWrapper) and mode == "w":
            stream.reconfigure(errors="backslashreplace")


def say(sentence: str) -> None:
    """One line on stderr, without signs that would steer the terminal. Where nobody reads it, only the line is lost."""
    with suppress(OSError):
        print(clean(sentence, LONGEST), file=sys.stderr, flush=True)


def tell(line: str) -> None:
    """One line of results on stdout. Where it cannot be written the work goes on; see :func:`told_all`."""
    global _untold
    try:
        print(clean(line, LONGEST), flush=True)
    except OSError as error:
        # What is left in its buffer must not be tried again at the end.
        sys.stdout = open(os.devnull, "w", encoding="utf-8", errors="backslashreplace")  # noqa: PTH123, SIM115
        if error.errno != errno.EPIPE:  # nobody reads any more, as with `| head -1`: as it should be
            _untold = True
            say(f"The results cannot be shown ({error.strerror}); the work goes on without.")


def told_all() -> bool:
    """Whether all results could be written, or nobody wanted to read on."""
    return not _untold


def tell_table(names: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table on stdout: fitted to a terminal, without breaks elsewhere."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for name in names:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(Text(clean(cell, LONGEST)) for cell in row))
    text = io.StringIO()
    width = Console().width if sys.stdout.isatty() else 10_000
    Console(file=text, width=width).print(table)
    for line in text.getvalue().splitlines():
        tell(line.rstrip())


@contextmanager
def progress(title: str) -> Iterator[Callable[[int, int | None], None]]:
    """A bar with the time left, on a terminal only; yields ``update(done, total or None)``."""
    with _bars() as bars:
        task = bars.add_task(title, total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)


@contextmanager
def progress_of_many(count: int) -> Iterator[tuple[Callable[[], None], Callable[[int, str, int, int], None]]]:
    """A bar for the pairs of a batch, if there are several, and one for each that is being made, on a terminal only.

    Yields:
        ``finished()``, to be called after every pair, and ``update(slot, title, done, total)`` for the frames of the
        pair in that slot (one slot per process).
    """
    with _bars() as bars:
        pairs = bars.add_task("pairs", total=count, visible=count > 1)
        slots: dict[int, TaskID] = {}

        def update(slot: int, title: str, done: int, total: int) -> None:
            if slot not in slots:
                slots[slot] = bars.add_task(title, total=total)
            bars.update(slots[slot], description=title, completed=done, total=total)

        yield lambda: bars.advance(pairs), update


def _bars() -> Bars:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("time left"),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    # Results that go to a file or a pipe stay there.
    shared = sys.stdout.isatty()
    return Progress(*columns, console=console, disable=not console.is_terminal, transient=True, redirect_stdout=shared)


@contextmanager
def fetching(asset: Asset) -> Iterator[Callable[[int], None]]:
    """Make a download known: one line at its start and one at its end, on a terminal a bar between; yields
    ``seen(bytes so far)``.
    """
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

    say(f"Fetching {asset.name} ({asset.size / 1e6:.1f} MB: {asset.purpose}) ...")
    console = Console(stderr=True)
    columns = (BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task(asset.name, total=asset.size)
        yield lambda done: bar.update(task, completed=done)
    say(f"Fetched {asset.name}.")


@contextmanager
def quiet_natives() -> Iterator[None]:
    """Keep native libraries from writing to stderr while they start (LiteRT has no switch for its greeting).

    What Python writes to stderr meanwhile, such as the progress of a download, is still seen.
    """
    sys.stderr.flush()
    try:
        kept = os.dup(2)
    except OSError:  # there is no stderr, as in a program without a console
        yield
        return
    usual = sys.stderr
    try:
        if usual.fileno() == 2:  # else it leads elsewhere already
            sys.stderr = open(os.dup(kept), "w", encoding=usual.encoding, errors=usual.errors, buffering=1)  # noqa: PTH123, SIM115
    except (OSError, ValueError):
        pass
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - devnull is no path on Windows
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        if sys.stderr is not usual:
            sys.stderr.close()
            sys.stderr = usual
        os.dup2(kept, 2)
        os.close(kept)


@contextmanager
def extra(name: str) -> Iterator[None]:
    """Imports of an optional part of mssync: what is missing becomes a sentence."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise InputError(
            f"This command needs the package {error.name!r}; install what the {name!r} commands need with: "
            f"python -m pip install {' '.join(_requirements(name))}"
        ) from error


def _requirements(name: str) -> list[str]:
    """The packages of an optional part, quoted for a shell: right for a clone and for a wheel alike."""
    marker = f'extra == "{name}"'
    lines = [r.replace("'", '"') for r in metadata.requires("mssync") or []]
    wanted = [r.replace(f" and {marker}", "").replace(f"; {marker}", "") for r in lines if marker in r]
    return [f"'{_lower_end_first(r)}'" for r in wanted]


def _lower_end_first(requirement: str) -> str:
    """The ends in the order of pyproject.toml; what builds a package may have sorted them otherwise."""
    package, semicolon, where = requirement.partition(";")
    start = min((package.find(sign) for sign in "<>=!~" if sign in package), default=len(package))
    ends = ",".join(sorted(package[start:].split(","), reverse=True))
    return package[:start] + ends + semicolon + where
