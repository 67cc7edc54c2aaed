"""The videos of a folder and the names of their clips; a lock, so that one preprocessing at a time works there."""

from __future__ import annotations

import hashlib
import logging
import os
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from mssync.errors import InputError
from mssync.files import write_error
from mssync.files.locks import try_lock
from mssync.texts import clean

ENDINGS: Final = frozenset({
    ".mp4", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".m4v", ".wmv", ".asf", ".flv", ".ts", ".mts", ".m2ts",
    ".3gp", ".3g2", ".ogv", ".qt", ".vob", ".mxf",
})  # fmt: skip
SHOWN: Final = 10
LOCK: Final = ".preprocess.lock"

log = logging.getLogger(__name__)


def find_videos(videos: Path) -> dict[str, Path]:
    """The videos by the names of their clips, in the order of their paths.

    A clip is called as its video, with the folders below ``videos`` and without the ending; videos that differ in
    nothing but the ending keep it. What a file name may not hold or a screen may not show becomes ``_``.

    Args:
        videos: a video, or a folder searched in depth. Hidden files are passed over; what else is left out is noted.
    Raises:
        InputError: there is none.
    """
    try:
        if not videos.exists():
            raise InputError(f"There is no video or folder {videos}; check the name.")
        if not videos.is_dir():
            return _named([videos], videos.parent)
        files = sorted(p for p in videos.rglob("*") if not _hidden(p, videos) and p.is_file())
    except (OSError, ValueError) as e:
        why = getattr(e, "strerror", None) or str(e)
        raise InputError(f"The folder {videos} cannot be read ({why}); check its name and rights.") from e
    found = [p for p in files if p.suffix.lower() in ENDINGS]
    if not found:
        raise InputError(f"There is no video under {videos}; name a folder that holds some.")
    left = [clean(p.relative_to(videos).as_posix(), 80) for p in files if p.suffix.lower() not in ENDINGS]
    if left:
        more = f" and {len(left) - SHOWN} more" if len(left) > SHOWN else ""
        warnings.warn(  # stacklevel 1: told once, although it is asked for before the work and in it
            f"Left out of {videos}, as their endings are not those of videos: {', '.join(left[:SHOWN])}{more}.",
            stacklevel=1,
        )
    return _named(found, videos)


@contextmanager
def exclusively(folder: Path) -> Iterator[None]:
    """Wait until no other preprocessing works on the folder, and keep others waiting during the block.

    Raises:
        OutputError: the folder cannot be written.
    """
    number = _claim(folder / LOCK)
    try:
        yield
    finally:
        with suppress(OSError):  # before it is closed, so that nobody locks what has no name; Windows keeps open files
            (folder / LOCK).unlink()
        os.close(number)
        with suppress(OSError):
            if os.name == "nt":
                (folder / LOCK).unlink()


def _claim(path: Path) -> int:
    told = False
    while True:
        try:
            number = os.open(path, os.O_CREAT | os.O_RDWR, 0o666)
        except OSError as e:
            raise write_error(path, e) from e
        try:
            # The one that had it removes it: then what is open here has no name any more.
            if try_lock(number) and os.path.samestat(os.fstat(number), os.stat(path)):  # noqa: PTH116
                return number
        except FileNotFoundError:
            pass
        except OSError:  # a disk without locks
            return number
        os.close(number)
        if not told:
            log.info("Another `mssync preprocess` works on %s; waiting for its end.", path.parent)
            told = True
        time.sleep(0.2)


def _hidden(path: Path, root: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(root).parts)


def _named(paths: list[Path], root: Path) -> dict[str, Path]:
    whole = {p: _plain(p.relative_to(root).as_posix()) for p in paths}
    short = {p: _plain(p.relative_to(root).with_suffix("").as_posix()) for p in paths}
    # Compared without case: on some systems such names are one file.
    often = Counter(name.casefold() for name in short.values())
    named: dict[str, Path] = {}
    for p in paths:
        name = short[p] if often[short[p].casefold()] == 1 else whole[p]
        if name.casefold() in {n.casefold() for n in named}:
            name += "-" + hashlib.sha256(os.fsencode(p.relative_to(root))).hexdigest()[:8]
        named[name] = p
    return named


def _plain(name: str) -> str:
    return clean(name, len(name)).replace("\ufffd", "_")
