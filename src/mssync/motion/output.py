"""Files that the motion room writes: refused when they exist, written aside, then renamed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mssync.errors import OutputError


@contextmanager
def written_aside(out: Path, suffixes: tuple[str, ...], what: str, *, force: bool) -> Iterator[Path]:
    """A temporary path beside ``out``; what the body wrote there becomes ``out`` when it ends well, else goes.

    Args:
        out: where the file shall be.
        suffixes: endings allowed, in lower case.
        what: what the sentence calls the file, for example "A plot".
        force: overwrite an existing file.
    Raises:
        OutputError: another ending, the file exists and ``force`` is not set, or it cannot be written.
    """
    if out.suffix.lower() not in suffixes:
        raise OutputError(f"{what} ends in {' or '.join(suffixes)}, not {out.name!r}; choose another name.")
    try:
        out.lstat()  # unlike exists(), this tells a forbidden name from a missing file
        there = True
    except (FileNotFoundError, NotADirectoryError):  # the latter: writing will say so
        there = False
    except (OSError, ValueError) as e:  # a name that the system does not allow
        raise OutputError(f"{str(out)!r} cannot be a file's name; choose another one.") from e
    if there and not force:
        raise OutputError(f"{out} exists already; choose another name or allow overwriting with --force.")
    part = out.with_name(f".{out.stem}.{os.getpid()}.part{out.suffix}")
    try:
        yield part
        part.replace(out)
    except OSError as e:
        raise OutputError(f"Cannot write {out} ({e.strerror or e}); check the folder and the free space.") from e
    finally:
        with suppress(OSError):  # the folder itself is not one, or is gone: nothing was left there
            part.unlink(missing_ok=True)
