"""Lists as spreadsheets of every country save them: cells of named columns, line by line."""

from __future__ import annotations

import codecs
import csv
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from mssync.errors import InputError
from mssync.files import readable_file

# Workbooks are lists too, but must be saved as text first.
TABLE_ENDINGS: Final = (".csv", ".tsv", ".tab", ".txt", ".xlsx", ".xls", ".ods", ".numbers")
_WORKBOOKS: Final = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
MAX_BYTES: Final = 32 * 2**20
DELIMITERS: Final = ",;\t|"


def rows_of(table: Path, needed: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """The lines of a list below the line of names, empty ones left out.

    Cells are parted by comma, semicolon, tab or bar, as the line of names shows, or by what a line ``sep=;`` before
    it says. The text may be UTF-8, UTF-16 or a Windows encoding. Names are read without case; columns of other names
    are kept.

    Args:
        table: the file.
        needed: names that must be there.
    Yields:
        the line's number, and its cells by name; a cell that the line lacks is empty.
    Raises:
        InputError: the file cannot be read, is too large, lacks a name, or breaks off in a quoted cell.
    """
    lines = iter(io.StringIO(text_of(table), newline=""))
    above, delimiter, names = _names(table, lines, needed)
    reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=True, strict=True)
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                cells = {name: row[at].strip() if at < len(row) else "" for name, at in names.items()}
                yield above + reader.line_num, cells
    except csv.Error as error:
        line = above + reader.line_num
        raise InputError(f"Line {line} of {table} cannot be read as CSV ({error}); mend the line.") from error


def _names(table: Path, lines: Iterator[str], needed: tuple[str, ...]) -> tuple[int, str, dict[str, int]]:
    """Reads up to the line of names: how many lines that were, what parts the cells, the column of every name."""
    delimiters = DELIMITERS
    wanted = ",".join(needed)
    for number, line in enumerate(lines, 1):
        bare = line.strip("\r\n").strip(' "')
        if not bare.strip(DELIMITERS + ' "'):
            continue
        if bare[:4].lower() == "sep=" and len(bare) == 5:
            delimiters = bare[4]
            continue
        for delimiter in delimiters:
            try:
                cells = next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])
            except csv.Error:
                continue
            names = {cell.strip().lower(): at for at, cell in reversed(list(enumerate(cells)))}
            if names.keys() >= set(needed):
                return number, delimiter, names
        raise InputError(
            f"The list {table} begins with {bare[:60]!r}; write the names {wanted} there, as a first line."
        )
    raise InputError(f"The list {table} is empty; begin it with a line {wanted}.")


def named_in(folder: Path, cell: str) -> Path:
    """The file that a cell names, from the list's folder on; a list made on Windows names it with backslashes."""
    path = folder / cell
    if "\\" in cell and not os.path.lexists(path):
        return folder / cell.replace("\\", "/")
    return path


def text_of(path: Path, what: str = "list") -> str:
    """A text file as text, whichever of the usual encodings it has.

    Args:
        path: the file.
        what: the noun for the message.
    Raises:
        InputError: it cannot be read or is too large.
    """
    readable_file(path, what)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise InputError(f"The {what} {path} cannot be read ({error.strerror}); check its rights.") from error
    if len(data) > MAX_BYTES:
        raise InputError(f"The {what} {path} has over {MAX_BYTES // 2**20} MB; cut it into several files.")
    if data.startswith(_WORKBOOKS):
        raise InputError(f"The {what} {path} is a workbook or an archive; save it as CSV or text and give that.")
    return _decoded(data)


def _decoded(data: bytes) -> str:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace")
    if len(data) >= 4 and data[:2].count(0) == 1 == data[2:4].count(0):  # UTF-16 that does not say so
        return data.decode("utf-16-le" if data[1] == 0 else "utf-16-be", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    try:
        return data.decode("cp1252")  # what Excel's plain CSV is in Western Europe and America
    except UnicodeDecodeError:
        return data.decode("latin-1")
