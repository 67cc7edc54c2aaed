"""Names of files and folders: what may be read, and what may be written, checked before the work begins."""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
import stat
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path, PurePath

from mssync.errors import InputError, OutputError

PathLike = str | os.PathLike[str]


def no_file_name(path: PathLike, what: str) -> InputError | None:
    """The refusal of an address or of ``-`` where a file on the disk is wanted; ``None`` for anything else."""
    name = os.fspath(path)
    if name == "-":
        return InputError(f"The {what} cannot be read from standard input (-); save it and give the file.")
    address = re.match(r"(https?|ftps?|file|data|s3|gs):", name, re.IGNORECASE)
    if address is None or Path(path).exists():
        return None
    # A path squeezes the two slashes of an address into one.
    shown = re.sub(r"^(\w+):[/\\](?![/\\])", r"\1://", name)[:80]
    return InputError(f"The {what} {shown} is an address; download it and give the file.")


def readable_file(path: PathLike, what: str) -> Path:
    """Return ``path`` as a :class:`Path` if it is a regular, non-empty, readable file.

    Args:
        path: the user's file.
        what: the noun for the message, such as ``"photo"`` or ``"sound"``.

    Raises:
        InputError: missing, a folder, something else that is no file, empty, or not permitted.
    """
    source = Path(path)
    if (refusal := no_file_name(path, what)) is not None:
        raise refusal
    try:
        os.fsencode(source)  # else a name that cannot be written here would pass for a missing file
        if source.is_dir():
            raise InputError(f"The {what} {source} is a folder; give one file.")
        if not source.exists():
            raise InputError(f"The {what} {source} does not exist; check its name and folder.")
        if not source.is_file():
            raise InputError(f"The {what} {source} is not an ordinary file; give one on the disk.")
        with source.open("rb") as handle:
            empty = not handle.read(1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or _unspeakable(error) or str(error)
        raise InputError(f"The {what} {source} cannot be read ({reason}); check its name and rights.") from error
    if empty:
        raise InputError(f"The {what} {source} is empty; give a file with content.")
    return source


def checked_target(path: PathLike, *, force: bool, inputs: Iterable[PathLike] = ()) -> Path:
    """Return the output file ``path`` if its name may be written; :func:`ready_file` tries the folder too.

    Args:
        path: the file to make. A link is kept: the file that it leads to is the output.
        force: an existing file may be replaced.
        inputs: files that are read; none of them may be the output, ``force`` or not.

    Raises:
        OutputError: the folder is missing, the target is an input, a folder, no ordinary file, a link that leads
            nowhere, a name that cannot be, or it exists and ``force`` is false.
    """
    target = Path(path)
    try:
        found = _found(target)
        if found is None and not target.parent.is_dir():
            raise OutputError(f"The folder of {target} does not exist; create {target.parent} first.")
        if found is not None and stat.S_ISDIR(found.st_mode):
            raise OutputError(f"The output {target} is a folder; give a file name.")
        check_run([target], inputs)
        if found is not None and not stat.S_ISREG(found.st_mode):
            raise OutputError(f"The output {target} is there and is not an ordinary file; choose another name.")
        if found is not None and not force:
            raise OutputError(f"The output {target} exists already; use --force or choose another name.")
    except (OSError, ValueError) as error:
        raise write_error(target, error) from error
    return target


def checked_folder(
    path: PathLike, *, force: bool, ours: Callable[[Path], bool], inputs: Iterable[PathLike] = ()
) -> Path:
    """Return the output folder ``path`` if it may be made, or replaced as a whole.

    Args:
        path: the folder to make. A link is kept: the folder that it leads to is the output.
        force: a folder that is not empty may be replaced, if it is ours.
        ours: whether an existing folder holds only what we made, so that replacing it loses no more.
        inputs: files that are read; none of them may be the folder or lie in it, ``force`` or not.

    Raises:
        OutputError: as for :func:`checked_target`; or the folder is not empty and ``force`` is false, or holds
            what we did not make.
    """
    target = Path(path)
    try:
        found = _found(target)
        check_run([target], inputs)
        if found is None:
            if not target.parent.is_dir():
                raise OutputError(f"The folder of {target} does not exist; create {target.parent} first.")
        elif not stat.S_ISDIR(found.st_mode):
            raise OutputError(f"The output {target} exists already and is a file, not a folder; choose another name.")
        elif any(target.iterdir()) and not (force and ours(target)):
            hint = "holds other files too; choose" if force else "is not empty; use --force or choose"
            raise OutputError(f"The folder {target} {hint} another name.")
    except (OSError, ValueError) as error:
        raise write_error(target, error) from error
    return target


def ready_file(path: PathLike, *, force: bool, inputs: Iterable[PathLike] = ()) -> Path:
    """Return the output file ``path`` if it can be written; asked before the work that it shall hold.

    Raises:
        OutputError: see :func:`checked_target`; or its folder is closed to us, or the name too long.
    """
    target = checked_target(path, force=force, inputs=inputs)
    try_folder(target)
    return target


def ready_folder(path: PathLike) -> Path:
    """Return the folder ``path`` that files will be added to, if it is there or can be made, with its parents.

    Raises:
        OutputError: it or one above it is a file, is closed to us, or has a name that cannot be.
    """
    target = Path(path)
    try:
        there, missing = target, []
        while not there.is_dir():
            if os.path.lexists(there):
                raise OutputError(f"The output {target} needs the folder {there}, but that is a file; choose another.")
            missing.append(there.name)
            there = there.parent
        for name in missing:
            _found(there / name)
        _try_file(there / f".{secrets.token_hex(8)}")
    except (OSError, ValueError) as error:
        raise write_error(target, error) from error
    return target


def make_folder(path: PathLike) -> Path:
    """Make the folder ``path``, with its parents, where it is not there.

    Raises:
        OutputError: it cannot be made.
    """
    target = ready_folder(path)
    try:
        target.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise write_error(target, error) from error
    return target


def check_ending(path: PathLike, suffixes: Sequence[str], what: str) -> None:
    """Refuse a name that does not end as it must.

    Args:
        path: of an output.
        suffixes: endings allowed, in lower case.
        what: what the sentence calls the file, for example "A plot".
    Raises:
        OutputError: it has another ending.
    """
    target = Path(path)
    if target.suffix.lower() not in suffixes:
        raise OutputError(f"{what} ends in {' or '.join(suffixes)}, not {target.name!r}; choose another name.")


def check_run(outputs: Iterable[PathLike], inputs: Iterable[PathLike] = ()) -> None:
    """Refuse a run whose outputs would destroy what it reads, or each other; ``--force`` or not.

    Names are compared with links followed and without regard to case or composition of letters, because on some
    systems such names are one file, and an output that is not there yet may be read by a later step.

    Args:
        outputs: every file that the run makes, and every folder that it replaces.
        inputs: every file that the run reads.

    Raises:
        OutputError: an output is an input, or a folder that an input lies in; or two outputs are one file, or one
            would lie in the other.
    """
    read = list(map(Path, inputs))
    places = {_place(path) for path in read}
    guarded = places | {str(parent) for place in places for parent in PurePath(place).parents}
    numbers = {number for path in read if (number := _number(path)) is not None}
    taken: dict[str, Path] = {}
    for target in map(Path, outputs):
        place = _place(target)
        if place in guarded or _number(target) in numbers:
            what = "is an input too" if place not in guarded or place in places else "holds an input"
            raise OutputError(f"The output {target} {what}; choose another name.")
        if place in taken:
            raise OutputError(f"The output {target} would be written twice; choose another name for one of the two.")
        taken[place] = target
    for place, target in taken.items():
        above = next((taken[str(parent)] for parent in PurePath(place).parents if str(parent) in taken), None)
        if above is not None:
            raise OutputError(f"The output {target} would lie in the output {above}; choose another name.")


def followed(target: Path) -> Path:
    """Where an output really goes: links are kept, and what they lead to is written."""
    return Path(os.path.realpath(target)) if target.is_symlink() else target


def _unspeakable(error: Exception) -> str:
    """What helps against a name with letters that the language setting lacks."""
    return "set PYTHONUTF8=1: the language setting lacks letters of it" if isinstance(error, UnicodeEncodeError) else ""


def write_error(target: Path, error: Exception) -> OutputError:
    """Put a failed write into one sentence that names the file and what to do."""
    number = getattr(error, "errno", None)
    if number in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
        return OutputError(f"The disk is full: {target} was not written; free some space and run again.")
    if number in (errno.EACCES, errno.EPERM, errno.EROFS):
        return OutputError(f"No permission to write {target}; choose a folder of your own or close the file.")
    reason = getattr(error, "strerror", None) or _unspeakable(error) or str(error) or type(error).__name__
    shown = str(target) if str(target).isprintable() else repr(str(target))
    return OutputError(f"The output {shown} cannot be written ({reason}); choose another place or name.")


def discard(path: Path) -> None:
    """Remove a temporary file or folder; never raises, because it runs while an error is under way."""
    with suppress(OSError, ValueError):  # ValueError: a name that no file can have here
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def try_folder(target: Path) -> None:
    """Try the folder of ``target`` with an empty file: rights, read-only disks and impossible names show here.

    Raises:
        OutputError: it cannot be written.
    """
    try:
        real = followed(target)
        # As long as the name itself, where that is long: a limit on the whole path shows too.
        _try_file(real.with_name(f".{secrets.token_hex(8)}".ljust(len(real.name), "x")))
        if real.exists() and not os.access(real, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except (OSError, ValueError) as error:
        raise write_error(target, error) from error


def _try_file(trial: Path) -> None:
    try:
        with trial.open("xb"):
            pass
    finally:
        discard(trial)


def _found(target: Path) -> os.stat_result | None:
    """What stands under an output's name, links followed; None where there is nothing.

    Raises:
        OutputError: this can be no name, or is a link that leads nowhere.
        OSError, ValueError: the system does not allow the name or the look.
    """
    if str(target) == "-":
        raise OutputError("The output cannot be standard output (-); give a file name.")
    if not target.name or "\0" in str(target):
        raise OutputError(f"The output {str(target)!r} is no file name; give another.")
    try:
        found = target.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    if not stat.S_ISLNK(found.st_mode):
        return found
    try:
        return target.stat()
    except OSError as error:
        raise OutputError(f"The output {target} is a link that leads nowhere; remove it or choose another.") from error


def _place(path: Path) -> str:
    """Where a file is, in a form in which names that may be one file are equal."""
    try:
        real = os.path.realpath(path)
    except (OSError, ValueError):  # no file can have this name
        real = str(path)
    return unicodedata.normalize("NFC", real).casefold()


def _number(path: Path) -> tuple[int, int] | None:
    """The file's number on its disk, None where there is none."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino
