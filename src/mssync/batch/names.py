"""Names of outputs: such as every system can hold, none of them twice, none of them a file that the run reads."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from typing import Final

# Names that Windows keeps for devices, with any ending.
_DEVICES: Final = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9\u00b9\u00b2\u00b3])", re.IGNORECASE)


def name_problem(name: str, *, windows: bool = os.name == "nt") -> str:
    """Why a relative path from a list cannot be an output; empty when it can.

    Lists travel: what Windows keeps for itself (``con``, a dot or space at the end) is refused everywhere, the signs
    that it forbids only there.

    Args:
        name: the path, written for any system.
        windows: whether it is to be written on Windows.
    """
    parts = re.split(r"[/\\]", name)
    if "\0" in name:
        return "holds a character that no file name has"
    if not _stays_inside(name):
        return "leads out of the folder of the videos"
    if any(_DEVICES.fullmatch(part.split(".")[0].rstrip()) for part in parts):
        return "is a device on Windows"
    if any(part != part.rstrip(". ") and part != "." for part in parts):
        return "ends in a dot or a space"
    if any(unicodedata.category(c) == "Cc" for c in name) or (windows and re.search(r'[<>:"|?*]', name)):
        return "holds a character that file names cannot have"
    return ""


def _stays_inside(name: str) -> bool:
    """Whether a relative path, written for any system, stays in the folder it starts from."""
    return all(not p.is_absolute() and not p.drive and ".." not in p.parts and p.name
               for p in (PurePosixPath(name), PureWindowsPath(name)))  # fmt: skip


def numbered(path: Path, number: int) -> Path:
    """The name of one of several takes: ``clip.mp4`` becomes ``clip-2.mp4``."""
    return path.with_name(f"{path.stem}-{number}{path.suffix}")


class Places:
    """Where files are, to be compared: links followed; without case and in one spelling, as some systems have it."""

    def __init__(self) -> None:
        self._folders: dict[str, str] = {}

    def of(self, path: Path) -> str:
        """The place of a file, whether it is there or not."""
        try:
            if path.name in ("", "..") or path.is_symlink():
                real = os.path.realpath(path)
            else:
                folder = str(path.parent)
                if folder not in self._folders:
                    self._folders[folder] = os.path.realpath(folder)
                real = os.path.join(self._folders[folder], path.name)  # noqa: PTH118 - a string is wanted
        except (OSError, ValueError):  # no file can have this name
            real = str(path)
        return unicodedata.normalize("NFC", real).casefold()


class Guard:
    """Says which outputs of a run would cost something: an input, or another output.

    Args:
        inputs: everything that the run reads.
        takes: how many numbered outputs are made of every name.
    """

    def __init__(self, inputs: Iterable[Path], takes: int) -> None:
        self._places = Places()
        self._read = {self._places.of(path) for path in inputs}
        for at in list(self._read) if takes > 1 else ():
            path = PurePath(at)
            take = re.fullmatch(r"(.+)-([1-9][0-9]{0,8})", path.stem)
            if take and int(take[2]) <= takes:
                self._read.add(str(path.with_name(take[1] + path.suffix)))
        # A folder of frames would replace what lies in it.
        self._read |= _around(self._read)
        self._written: set[str] = set()
        self._holding: set[str] = set()

    def reads(self, out: Path) -> bool:
        """Whether the run reads this file, or one inside of it."""
        return self._places.of(out) in self._read

    def claim(self, outs: Iterable[Path]) -> Path | None:
        """Take names for outputs; the first that is taken already, or lies in or around one that is, is returned."""
        places = {self._places.of(out): out for out in outs}
        for at, out in places.items():
            if at in self._written or at in self._holding or not self._written.isdisjoint(_around([at])):
                return out
        self._written.update(places)
        self._holding.update(_around(places))
        return None


def _around(places: Iterable[str]) -> set[str]:
    """All folders that the places lie in."""
    folders: set[str] = set()
    for at in places:
        while (above := os.path.dirname(at)) != at and above not in folders:  # noqa: PTH120 - quicker on strings
            folders.add(above)
            at = above
    return folders
