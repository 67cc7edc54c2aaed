"""Files in and out, safely: one place for the checks and for the temp-name-then-rename rule.

Every output is written to a hidden name beside its target and moved into place in one step, so a target is
either absent, the old file, or the complete new one, whatever interrupts the work.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mssync.errors import InputError, OutputError

PathLike = str | os.PathLike[str]


def readable_file(path: PathLike, what: str) -> Path:
    """Return ``path`` as a :class:`Path` if it is a regular, non-empty, readable file.

    Args:
        path: the user's file.
        what: the noun for the message, such as ``"photo"`` or ``"sound"``.

    Raises:
        InputError: missing, a folder, something else that is no file, empty, or not permitted.
    """
    source = Path(path)
    # A path squeezes the two slashes of an address into one.
    if re.match(r"(https?|ftps?|file|data|s3|gs):", os.fspath(path), re.IGNORECASE) and not source.exists():
        raise InputError(f"The {what} {os.fspath(path)[:80]} is an address; download it and give the file.")
    if os.fspath(path) == "-":
        raise InputError(f"The {what} cannot be read from standard input (-); save it and give the file.")
    try:
        if source.is_dir():
            raise InputError(f"The {what} {source} is a folder; give one file.")
        if not source.exists():
            raise InputError(f"The {what} {source} does not exist; check its name and folder.")
        if not source.is_file():
            raise InputError(f"The {what} {source} is not an ordinary file; give one on the disk.")
        with source.open("rb") as handle:
            empty = not handle.read(1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"The {what} {source} cannot be read ({reason}); check its name and rights.") from error
    if empty:
        raise InputError(f"The {what} {source} is empty; give a file with content.")
    return source


def checked_target(path: PathLike, *, force: bool) -> Path:
    """Return the output ``path`` if it may be written.

    Raises:
        OutputError: the folder is missing, the target is a folder, or it exists and ``force`` is false.
    """
    target = Path(path)
    try:
        if os.fspath(path) == "-":
            raise OutputError("The output cannot be standard output (-); give a file name.")
        if not target.name or "\0" in target.name:
            raise OutputError(f"The output {str(target)!r} is no file name; give another.")
        if not target.parent.is_dir():
            raise OutputError(f"The folder of {target} does not exist; create {target.parent} first.")
        if target.is_dir():
            raise OutputError(f"The output {target} is a folder; give a file name.")
        if target.exists() and not force:
            raise OutputError(f"The output {target} exists already; use --force or choose another name.")
    except (OSError, ValueError) as error:
        raise write_error(target, error) from error
    return target


def write_error(target: Path, error: Exception) -> OutputError:
    """Put a failed write into one sentence that names the file and what to do."""
    number = getattr(error, "errno", None)
    if number in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
        return OutputError(f"The disk is full: {target} was not written; free some space and run again.")
    if number in (errno.EACCES, errno.EPERM, errno.EROFS):
        return OutputError(f"No permission to write {target}; choose a folder of your own or close the file.")
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return OutputError(f"The output {target} cannot be written ({reason}); choose another place or name.")


def beside(target: Path, ending: str = "") -> Path:
    """Return a fresh hidden name in the folder of ``target`` (same disk, so the rename is atomic).

    No two calls get the same name, in whatever thread or process; ``ending`` is kept at its end, for libraries that
    choose the format by it.
    """
    return target.with_name(f".{target.name[:60]}.{secrets.token_hex(6)}.part{ending}")


def discard(path: Path) -> None:
    """Remove a temporary file or folder; never raises, because it runs while an error is under way."""
    with suppress(OSError, ValueError):  # ValueError: a name that no file can have here
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


@contextmanager
def replacing(path: PathLike, *, force: bool) -> Iterator[Path]:
    """Yield a temporary name to write to; on success it becomes ``path``, on any error it is removed.

    Raises:
        OutputError: see :func:`checked_target`; or the write failed (no permission, disk full).
    """
    target = checked_target(path, force=force)
    temporary = beside(target)
    try:
        yield temporary
        temporary.replace(checked_target(target, force=force))
    except OSError as error:
        raise write_error(target, error) from error
    finally:
        discard(temporary)


@contextmanager
def written_aside(out: Path, suffixes: tuple[str, ...], what: str, *, force: bool) -> Iterator[Path]:
    """As :func:`replacing`, for a file of one of several endings; the temporary name has the ending too.

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
    target = checked_target(out, force=force)
    part = beside(target, out.suffix.lower())
    try:
        with part.open("xb"):  # new, or an error: never through a link that somebody laid there
            pass
        yield part
        part.replace(checked_target(target, force=force))
    except OSError as error:
        raise write_error(target, error) from error
    finally:
        discard(part)
