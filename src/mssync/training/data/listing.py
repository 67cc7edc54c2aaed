"""The list of clips ``clips.csv``: splits, families, speakers and roles; without one, all clips with a tenth as dev."""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
import warnings
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Final, TypeVar

from mssync.errors import InputError
from mssync.files import readable_file, replacing
from mssync.texts import clean

COLUMNS: Final = ("path", "split", "family", "speaker")
ROLE: Final = "role"  # a column that a list may have
NATURAL: Final = "natural"
"""Role of clips whose people talk, move and blink as people do: what is natural is measured on them alone."""
ACTED: Final = "acted"
"""Role of clips with faces that are put on, or without speech: they shape the motion space, and teach nothing else."""
OWN: Final = "own"  # family of clips that no list names
MAX_BYTES: Final = 64 * 2**20
MAX_LINES: Final = 1_000_000
LONGEST: Final = 1000  # characters of a cell
DELIMITERS: Final = ",;\t|"
SHOWN: Final = 5
DEV_SHARE: Final = 0.1
MANY_SPEAKERS: Final = 5

Item = TypeVar("Item")


@dataclass(frozen=True)
class Entry:
    """One line of the list of clips (``clips.csv``).

    Attributes:
        name: of the clip.
        split: ``train`` or ``dev``.
        family: the recordings that it belongs to.
        speaker: whoever is seen.
        role: what the clip can teach; recipes weigh roles. :data:`NATURAL` and :data:`ACTED` have a meaning of their
            own. Where a list has no roles, each family is a role.
    """

    name: str
    split: str
    family: str
    speaker: str
    role: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "role", self.role or self.family)


def read_list(path: Path, names: Collection[str] = ()) -> list[Entry]:
    """Read ``clips.csv``, as any spreadsheet saves it.

    Columns: path, split, family, speaker; role, where there is one; others are ignored.

    Args:
        path: the list.
        names: of the clips that there are. A path means the clip of its whole name or else the one without its ending.
    Raises:
        InputError: the file, a column or a cell is missing or wrong, or two lines mean one clip.
    """
    readable_file(path, "list of clips")
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as e:
        raise InputError(f"The list of clips {path} cannot be read ({e.strerror}); check its rights.") from e
    if len(data) > MAX_BYTES:
        raise InputError(f"The list of clips {path} has over {MAX_BYTES // 2**20} MB; cut it into several.")
    entries: list[Entry] = []
    lines: dict[str, int] = {}
    for number, cells in _rows(path, _text(data)):
        where = f"Line {number} of {path}"
        for column, value in cells.items():
            if not value or len(value) > LONGEST or clean(value, LONGEST) != value:
                raise InputError(f"{where} has no usable {column} ({clean(value, 60)!r}); correct the line.")
        entry = Entry(
            _name(cells["path"], where, names), cells["split"].lower(), cells["family"], cells["speaker"],
            cells.get(ROLE, "").lower(),
        )  # fmt: skip
        if entry.name in lines:
            raise InputError(
                f"{where} names the clip {entry.name} a second time (it is in line {lines[entry.name]}); delete one."
            )
        lines[entry.name] = number
        entries.append(entry)
        if len(entries) > MAX_LINES:
            raise InputError(f"The list of clips {path} has over {MAX_LINES} lines; cut it into several.")
    if not entries:
        raise InputError(f"The list of clips {path} names no clip; give it a line for each.")
    _tell(path, entries, names)
    return entries


def own_list(names: Iterable[str]) -> list[Entry]:
    """The list for clips that come without one: all of one family, a tenth kept aside as ``dev``.

    The speaker is the first folder of the name; without folders nobody knows who is who, and every clip counts as one.
    Whole speakers are kept aside where there are five or more, so that dev numbers tell of people who were never seen;
    else single clips. Which ones depends on the names only.

    Args:
        names: of the clips.
    """
    names = sorted(names)
    speaker = {n: n.split("/", 1)[0] if "/" in n else n for n in names}
    several = MANY_SPEAKERS <= len(set(speaker.values())) < len(names)
    group = {n: speaker[n] if several else n for n in names}
    size, want = Counter(group.values()), max(1, round(DEV_SHARE * len(names)))
    aside: set[str] = set()
    for g in sorted(size, key=lambda g: hashlib.sha256(g.encode()).hexdigest()):
        if want > 0 and size[g] <= max(1, len(names) // MANY_SPEAKERS) and len(names) > 1:
            aside.add(g)
            want -= size[g]
    return [Entry(n, "dev" if group[n] in aside else "train", OWN, speaker[n]) for n in names]


def save_list(path: Path, entries: Sequence[Entry]) -> None:
    """Write a list as :func:`read_list` reads it.

    Raises:
        OutputError: it cannot be written.
    """
    with replacing(path, force=True) as part, part.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow((*COLUMNS, ROLE))
        writer.writerows((e.name, e.split, e.family, e.speaker, e.role) for e in entries)


def natural(items: Sequence[Item], entry: Callable[[Item], Entry]) -> list[Item]:
    """Those whose clip has the role :data:`NATURAL`; all of them where none has.

    Args:
        items: clips, or whatever comes from one.
        entry: the line of the list that an item belongs to.
    """
    found = [item for item in items if entry(item).role == NATURAL]
    roles = {entry(item).role for item in items}
    if not found and len(roles) > 1:
        warnings.warn(
            f"No clip has the role {NATURAL} (there are {some(sorted(roles))}): how people move is measured on all of "
            "them; say in a column `role` of the list who moves as people do.",
            stacklevel=2,
        )
    return found or list(items)


def role_weights(weights: Mapping[str, float], found: Iterable[str]) -> dict[str, float]:
    """How often each role that was found is drawn, adding up to 1.

    Args:
        weights: of the recipe; empty: all weigh alike.
        found: roles of the clips.
    Raises:
        InputError: no role that was found has a weight above 0; the sentence says what to write.
    """
    there = sorted(set(found))
    given = {f: weights.get(f, 0.0) if weights else 1.0 for f in there}
    used = {f: w for f, w in given.items() if w > 0}
    if not used:
        shown = ", ".join(f"{clean(f, 40)}: 1" for f in there[:SHOWN])
        raise InputError(
            f"No clip has a role with a weight above 0: the recipe names {some(weights)}, the clips' roles (their "
            f"families, where the list has no column `role`) are {some(there)}. Write `roles: {{{shown}}}` into the "
            "recipe, or no `roles`: then all weigh alike."
        )
    left = [f for f in there if f not in used]
    if left:
        warnings.warn(f"Not trained on, as the recipe gives these roles no weight: {some(left)}.", stacklevel=2)
    return {f: w / sum(used.values()) for f, w in used.items()}


def some(names: Iterable[str]) -> str:
    """The first few names, made fit to be shown."""
    names = [clean(n, 40) for n in names]
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


def _tell(path: Path, entries: Sequence[Entry], names: Collection[str]) -> None:
    """Say what of a list will not be used."""
    lost = [e.name for e in entries if names and e.name not in names]
    if lost:
        warnings.warn(
            f"{len(lost)} of {len(entries)} lines of {path} name no preprocessed clip: {some(lost)}.", stacklevel=3
        )
    other = {e.split for e in entries} - {"train", "dev"}
    if other:
        warnings.warn(
            f"Lines of {path} with the split {some(sorted(other))} are left out; train and dev are used.", stacklevel=3
        )


def _name(cell: str, where: str, names: Collection[str]) -> str:
    """A clip's name from a path that was written on any system."""
    plain = cell if cell in names else cell.replace("\\", "/")
    posix = PurePosixPath(plain)
    if posix.is_absolute() or PureWindowsPath(cell).drive or ".." in posix.parts or not posix.name:
        raise InputError(f"{where} names {clean(cell, 80)!r}; write the path from the folder of the videos.")
    whole = posix.as_posix()
    return whole if whole in names else posix.with_suffix("").as_posix()


def _text(data: bytes) -> str:
    """The text, in any of the encodings in which spreadsheets save one."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def _rows(path: Path, text: str) -> Iterable[tuple[int, dict[str, str]]]:
    """(line number, cells by column) of every line that is not empty."""
    lines = list(io.StringIO(text, newline=""))
    delimiters = DELIMITERS
    start = 0
    if lines and lines[0].strip().lower().startswith("sep=") and len(lines[0].strip()) == 5:
        delimiters, start = lines[0].strip()[4], 1
    first = lines[start] if start < len(lines) else ""
    for delimiter in delimiters:
        head = [c.strip().strip('"').lower() for c in first.split(delimiter)]
        if set(COLUMNS) <= set(head):
            break
    else:
        raise InputError(
            f"{path} is not a list of clips; its first line must name the columns path, split, family, speaker."
        )
    at = {c: head.index(c) for c in (*COLUMNS, ROLE) if c in head}
    reader = csv.reader(lines[start + 1 :], delimiter=delimiter, skipinitialspace=True, strict=True)
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                number = start + 1 + reader.line_num
                yield number, {c: row[i].strip() if i < len(row) else "" for c, i in at.items()}
    except csv.Error as e:
        number = start + 1 + reader.line_num
        raise InputError(f"Line {number} of {path} cannot be read as CSV ({e}); mend the line.") from e
