"""Outputs written aside, then renamed: a target is absent, the old one, or the complete new one, whatever happens.

What is being written lies under a hidden name beside its target, on the same disk, so that one rename makes it the
target: ``.NAME.HOST.RANDOM.part``. Beside it lies ``.NAME.HOST.RANDOM.lock``, which the writer holds locked for as long
as it works. The system takes the lock back when the process ends, even by a kill or a crash; so a later write to the
same name can tell what was left behind from what is being written, and removes it. What another computer left on a
shared disk is not touched, because not every such disk shows its locks.
"""

from __future__ import annotations

import ctypes
import errno
import hashlib
import os
import re
import secrets
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Final

from mssync.errors import OutputError
from mssync.files.locks import try_lock
from mssync.files.names import PathLike, check_ending, checked_folder, checked_target, discard, followed, write_error

_NAME_BYTES: Final = 40  # of the target's name in the hidden one: some systems allow few in all
_TRIES: Final = 100
_SWAP: Final = 2  # RENAME_EXCHANGE of Linux and RENAME_SWAP of macOS
_HERE: Final = -100  # AT_FDCWD


@contextmanager
def replacing(path: PathLike, *, force: bool, inputs: Iterable[PathLike] = (), ending: str = "") -> Iterator[Path]:
    """Yield a temporary file to write to; on success it becomes ``path``, on any error it is removed.

    Safe from any number of threads and processes at once: each has a temporary file of its own, and the last one to
    end well stands.

    Args:
        path: the file to make. A link is kept: the file that it leads to is replaced.
        force: replace an existing file.
        inputs: files that are read; none of them may be the output.
        ending: of the temporary name, for libraries that choose the format by it.
    Yields:
        an empty file of a fresh name.
    Raises:
        OutputError: see :func:`mssync.files.checked_target`; or the write failed (no permission, disk full).
    """
    inputs = list(inputs)
    target = checked_target(path, force=force, inputs=inputs)
    try:
        with _claimed(followed(target)) as stem:
            part = stem.with_name(f"{stem.name}.part{ending}")
            try:
                with part.open("xb"):  # new, or an error: never through a link that somebody laid there
                    pass
                yield part
                checked_target(target, force=force, inputs=inputs)
                _publish(part, followed(target), force)
            finally:
                discard(part)
    except OSError as error:
        raise write_error(target, error) from error


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
    check_ending(out, suffixes, what)
    with replacing(out, force=force, ending=out.suffix.lower()) as part:
        yield part


@contextmanager
def replacing_folder(
    path: PathLike, *, force: bool, ours: Callable[[Path], bool], inputs: Iterable[PathLike] = ()
) -> Iterator[Path]:
    """Yield a temporary folder to fill; on success it becomes ``path``, on any error it is removed.

    An existing folder and the new one change places in one step on Linux and macOS. Elsewhere there are two renames;
    should the process end between them, the next write to the same name brings the old folder back.

    Args:
        path: the folder to make. A link is kept: the folder that it leads to is replaced.
        force: replace an existing folder that is not empty.
        ours: whether an existing folder holds only what we made.
        inputs: files that are read; none of them may lie in the folder.
    Yields:
        an empty folder of a fresh name.
    Raises:
        OutputError: see :func:`mssync.files.checked_folder`; or the write failed.
    """
    inputs = list(inputs)
    _remove_leftovers(followed(Path(path)))
    target = checked_folder(path, force=force, ours=ours, inputs=inputs)
    try:
        with _claimed(followed(target)) as stem:
            part = stem.with_name(f"{stem.name}.part")
            try:
                part.mkdir()
                yield part
                checked_folder(target, force=force, ours=ours, inputs=inputs)
                _swap(part, followed(target), stem.with_name(f"{stem.name}.old"))
            finally:
                discard(part)
    except OSError as error:
        raise write_error(target, error) from error


@contextmanager
def scratch_folder(inside: PathLike | None = None) -> Iterator[Path]:
    """Yield a private folder for things on their way; it goes at the end, and what killed runs left goes before.

    Args:
        inside: where it shall lie; else where the system keeps temporary files.
    Yields:
        an empty folder of a fresh name, open to this user alone.
    Raises:
        OutputError: it cannot be made.
    """
    place = Path(tempfile.gettempdir() if inside is None else inside) / "mssync"
    with ExitStack() as stack:
        try:
            stem = stack.enter_context(_claimed(place))
            part = stem.with_name(f"{stem.name}.part")
            stack.callback(discard, part)
            part.mkdir(0o700)
        except OSError as error:
            raise write_error(place.parent, error) from error
        yield part


@contextmanager
def _claimed(target: Path) -> Iterator[Path]:
    """Yield the beginning of a hidden name beside ``target``, locked as ours while the block runs."""
    _remove_leftovers(target)
    stem, number = _claim(target)
    try:
        yield stem
    finally:
        os.close(number)  # before the file is removed: Windows keeps open ones
        discard(_lock_of(stem))


def _claim(target: Path) -> tuple[Path, int]:
    for _ in range(_TRIES):
        stem = target.with_name(f"{_beginning(target)}{secrets.token_hex(4)}")
        try:
            number = os.open(_lock_of(stem), os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666)
        except FileExistsError:
            continue
        try:
            # Somebody who tidies up may have come between the two steps; then another name is taken.
            if try_lock(number) and os.path.samestat(os.fstat(number), os.stat(_lock_of(stem))):  # noqa: PTH116
                return stem, number
        except FileNotFoundError:
            pass
        except OSError:  # a disk without locks: nobody will find this one free, and so it stays ours
            return stem, number
        os.close(number)
    raise FileExistsError(errno.EEXIST, "no free temporary name")


def _remove_leftovers(target: Path) -> None:
    """Remove what ended runs of this computer left beside ``target``; bring back an old folder that was moved away."""
    beginning = _beginning(target)
    hidden = re.compile(re.escape(beginning) + r"[0-9a-f]{8}(?=\.)")
    try:
        with os.scandir(target.parent) as entries:
            names = [entry.name for entry in entries if entry.name.startswith(beginning)]
    except OSError:  # writing will say what is wrong
        return
    for stem in sorted({found[0] for name in names if (found := hidden.match(name))}):
        lock = target.with_name(stem + ".lock")
        try:
            number = os.open(lock, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
        except OSError:  # no lock, or not ours: not known to be left behind
            continue
        try:
            if not try_lock(number):
                continue
        except OSError:
            continue
        else:
            for name in names:
                if name.startswith(stem + ".old") and not os.path.lexists(target):
                    with suppress(OSError):
                        target.with_name(name).rename(target)
                elif name.startswith((stem + ".part", stem + ".old")):
                    discard(target.with_name(name))
        finally:
            os.close(number)
        discard(lock)


def _beginning(target: Path) -> str:
    """What all hidden names for ``target`` on this computer begin with."""
    raw = os.fsencode(target.name)
    name = raw[:_NAME_BYTES].decode("utf-8", "ignore")
    if name != target.name:
        name += f"~{hashlib.sha256(raw).hexdigest()[:8]}"
    return f".{name}.{_host()}."


@cache
def _host() -> str:
    """Tells computers apart that share a disk."""
    if sys.platform == "win32":
        facts = os.fsencode(os.environ.get("COMPUTERNAME", ""))
    else:
        facts = os.fsencode(os.uname().nodename)
    with suppress(OSError):
        facts += Path("/etc/machine-id").read_bytes()
    return hashlib.sha256(facts).hexdigest()[:6]


def _lock_of(stem: Path) -> Path:
    return stem.with_name(stem.name + ".lock")


def _publish(part: Path, target: Path, force: bool) -> None:
    """Give the finished file its name; without ``force`` only if nobody has taken it meanwhile."""
    if not force and os.name != "nt":
        try:
            os.link(part, target)  # in one step, unlike a look and a rename
        except FileExistsError:
            raise OutputError(f"The output {target} exists already; use --force or choose another name.") from None
        except OSError:  # a disk without links
            part.replace(target)
    elif not force:
        part.rename(target)  # Windows refuses a name that is taken
    else:
        part.replace(target)


def _swap(part: Path, target: Path, old: Path) -> None:
    """Put the finished folder in the place of ``target``."""
    if not target.exists():
        part.rename(target)
    elif not _exchange(part, target):
        target.rename(old)
        try:
            part.rename(target)
        except BaseException:
            old.rename(target)
            raise
        discard(old)


def _exchange(one: Path, other: Path) -> bool:
    """Let two names change places in one step; False where the system or the disk cannot."""
    a, b = os.fsencode(one), os.fsencode(other)
    try:
        if sys.platform == "linux":
            return bool(ctypes.CDLL(None).renameat2(_HERE, a, _HERE, b, _SWAP) == 0)
        if sys.platform == "darwin":
            return bool(ctypes.CDLL(None).renamex_np(a, b, _SWAP) == 0)
    except (OSError, AttributeError):
        pass
    return False
