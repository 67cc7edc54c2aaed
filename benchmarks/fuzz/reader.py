"""What a reader under test is: valid files, how they are spoiled, and how the program reads them."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

Valid = Mapping[str, bytes]


@dataclass(frozen=True)
class Reader:
    """One reader.

    Attributes:
        name: what the table calls it.
        share: its cases of 20,000.
        prepare: writes valid files into a folder, once per run.
        spoil: writes one case into an empty folder, from the valid files and a source of chance alone.
        read: reads the case as the program would; a sentence of the program (``MssyncError``) refuses it.
        needs: packages without which it is left out.
        warm: loads what is slow to load, so that no case is charged with it.
    """

    name: str
    share: int
    prepare: Callable[[Path], None]
    spoil: Callable[[Valid, random.Random, Path], None]
    read: Callable[[Path], None]
    needs: tuple[str, ...] = ()
    warm: Callable[[], object] = lambda: None


def valid_files(folder: Path) -> dict[str, bytes]:
    """The prepared files by their name inside the folder."""
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def place(folder: Path, name: str, data: bytes) -> None:
    """Write one file of a case."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
