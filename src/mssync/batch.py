"""Many at once: which photo speaks which voice, from folders or a CSV file."""

from __future__ import annotations

import codecs
import csv
import io
import os
import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from typing import Final

from mssync.errors import InputError
from mssync.files import readable_file

MAX_PAIRS: Final = 100_000
MAX_CSV_BYTES: Final = 64 * 2**20
DELIMITERS: Final = ",;\t|"
PHOTO_ENDINGS: Final = frozenset({
    ".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".pjpeg", ".pjp", ".png", ".apng", ".webp", ".gif", ".bmp",
    ".tif", ".tiff", ".avif", ".mpo",
})  # fmt: skip
SPEECH_ENDINGS: Final = frozenset({
    ".wav", ".wave", ".w64", ".bwf", ".mp3", ".mp2", ".mp1", ".mpga", ".m4a", ".m4b", ".aac", ".adts", ".ac3",
    ".eac3", ".dts", ".ogg", ".oga", ".opus", ".spx", ".flac", ".aif", ".aiff", ".aifc", ".caf", ".au", ".snd",
    ".wma", ".amr", ".3ga", ".mka", ".weba", ".wv", ".ape", ".tta", ".mpc", ".webm", ".mp4", ".mov", ".mkv", ".avi",
    ".mpg", ".mpeg", ".m4v", ".3gp", ".3g2", ".wmv", ".asf", ".flv", ".ts", ".mts", ".m2ts", ".ogv", ".qt",
})  # fmt: skip
SHOWN_NAMES: Final = 10


@dataclass(frozen=True)
class Pair:
    """One talking head of a batch.

    Attributes:
        photo, speech: the two files.
        out: the video to make.
        problem: why it cannot be made, where that is known from the list already; else empty.
    """

    photo: Path
    speech: Path
    out: Path
    problem: str = ""


def is_batch(photo: Path, speech: Path | None) -> bool:
    """Whether the two arguments of ``animate`` mean many pairs: a folder on either side, or a CSV file."""
    return photo.suffix.lower() == ".csv" or photo.is_dir() or (speech is not None and speech.is_dir())


def read_pairs(photo: Path, speech: Path | None, out: Path, ending: str, takes: int = 1) -> list[Pair]:
    """The pairs that ``animate PHOTO SPEECH -o OUT`` means.

    * PHOTO is a CSV file, no SPEECH: a header line with ``photo,speech`` and perhaps ``out``, then one pair a line.
      Paths count from the CSV file's folder, ``out`` from the folder OUT (which it may not leave).
    * Two folders: files of the same name before the ending belong together; one without its partner is a problem.
    * A folder and a file: every photo speaks that voice, or that photo speaks every voice.

    Args:
        photo, speech: the arguments.
        out: folder of the videos; they are named after the photo, in the last case after the voice.
        ending: of the videos, such as ``.mp4``; empty for folders of frames.
        takes: how many videos of every pair: OUT-1, OUT-2, ...
    Returns:
        the pairs in order of their names (a CSV file's in its own order).
    Raises:
        InputError: the CSV file or the folders cannot be read, or hold no pair at all.
    """
    if photo.suffix.lower() == ".csv" and not photo.is_dir():
        if speech is not None:
            raise InputError(f"{photo} names the speech of every photo itself; leave out {speech}.")
        pairs = _from_csv(photo, out, ending)
    elif speech is None:
        raise InputError(f"Name the speech for the photos in {photo}, or a CSV file with photo,speech lines.")
    elif photo.is_dir() and speech.is_dir():
        pairs = _by_name(photo, speech, out, ending)
    elif photo.is_dir():
        pairs = [Pair(p, speech, out / (p.stem + ending)) for p in _files(photo, PHOTO_ENDINGS)]
    else:
        pairs = [Pair(photo, s, out / (s.stem + ending)) for s in _files(speech, SPEECH_ENDINGS)]
    if not pairs:
        raise InputError(f"There is no pair of photo and speech in {photo}; see `mssync animate --help`.")
    read = [photo] if photo.is_file() else []
    return _without_losses(_without_twins(pairs), read, takes)


def checked(pair: Pair) -> Pair:
    """The pair, with a problem where one of its files cannot be read: known before any long work."""
    try:
        if not pair.problem:
            readable_file(pair.photo, "photo")
            readable_file(pair.speech, "sound")
    except InputError as error:
        return Pair(pair.photo, pair.speech, pair.out, str(error))
    return pair


def _by_name(photos: Path, voices: Path, out: Path, ending: str) -> list[Pair]:
    left: dict[str, list[Path]] = {}
    right: dict[str, list[Path]] = {}
    one = photos.resolve() == voices.resolve()  # photos and voices in one folder
    for paths, named in (
        (_files(photos, PHOTO_ENDINGS, SPEECH_ENDINGS if one else frozenset()), left),
        (_files(voices, SPEECH_ENDINGS, PHOTO_ENDINGS if one else frozenset()), right),
    ):
        for path in paths:
            named.setdefault(path.stem, []).append(path)
    pairs = []
    for stem in sorted(left.keys() | right.keys()):
        ours, theirs = left.get(stem, []), right.get(stem, [])
        photo, speech = ours[0] if ours else photos / stem, theirs[0] if theirs else voices / stem
        problem = ""
        if not ours or not theirs:
            lone, there = (speech, photos) if not ours else (photo, voices)
            problem = f"{lone} has no partner named {stem} in {there}; add it or take {lone.name} away."
        elif len(ours) + len(theirs) > 2:
            twice = [p.name for p in (ours if len(ours) > 1 else theirs)]
            problem = f"{' and '.join(twice)} have the same name but for the ending; keep one of them."
        pairs.append(Pair(photo, speech, out / (stem + ending), problem))
    return pairs


def _from_csv(table: Path, out: Path, ending: str) -> list[Pair]:
    lines, first, delimiter, names = _header(table, _csv_text(table))
    pairs: list[Pair] = []
    reader = csv.reader(lines[first + 1 :], delimiter=delimiter, skipinitialspace=True, strict=True)
    try:
        for row in reader:
            if not any(cell.strip() for cell in row):
                continue
            if len(pairs) == MAX_PAIRS:
                raise InputError(f"{table} has over {MAX_PAIRS} lines; cut it into several files.")
            cells = {name: row[at].strip() if at < len(row) else "" for name, at in names.items()}
            pairs.append(_csv_pair(cells, table, first + 1 + reader.line_num, out, ending))
    except csv.Error as error:
        line = first + 1 + reader.line_num
        raise InputError(f"Line {line} of {table} cannot be read as CSV ({error}); mend the line.") from error
    return pairs


def _csv_text(table: Path) -> str:
    """The text of a list, in any of the encodings in which spreadsheets save one."""
    readable_file(table, "list")
    try:
        with table.open("rb") as file:
            data = file.read(MAX_CSV_BYTES + 1)
    except OSError as error:
        raise InputError(f"The list {table} cannot be read ({error.strerror}); check its rights.") from error
    if len(data) > MAX_CSV_BYTES:
        raise InputError(f"The list {table} has over {MAX_CSV_BYTES // 2**20} MB; cut it into several files.")
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


def _header(table: Path, text: str) -> tuple[list[str], int, str, dict[str, int]]:
    """All lines, the number of the one with the names, what parts the cells, and the place of every name.

    Spreadsheets part cells by what is usual in their country, and some say it in a line ``sep=;`` before the names.
    """
    lines = list(io.StringIO(text, newline=""))
    delimiters = DELIMITERS
    for at, line in enumerate(lines):
        bare = line.strip("\r\n").strip(' "')
        if not bare.strip("".join(DELIMITERS) + " "):
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
            if {"photo", "speech"} <= names.keys():
                return lines, at, delimiter, names
        raise InputError(
            f"The list {table} begins with {bare[:60]!r}; write the names photo,speech (and perhaps out) there."
        )
    raise InputError(f"The list {table} is empty; begin it with a line photo,speech.")


def _csv_pair(cells: dict[str, str], table: Path, line: int, out: Path, ending: str) -> Pair:
    photo, speech = table.parent / cells["photo"], table.parent / cells["speech"]
    name = cells.get("out") or photo.stem + ending
    if not PurePosixPath(name).suffix:
        name += ending
    problem = ""
    if not cells["photo"] or not cells["speech"]:
        problem = f"Line {line} of {table} lacks a photo or a speech; fill it in."
    elif "\0" in "".join(cells.values()):
        problem = f"Line {line} of {table} holds a character that no file name has; mend the line."
    elif not _stays_inside(name):
        problem = f"Line {line} of {table} would write {name} outside the folder {out}; name a file inside."
    return Pair(photo, speech, out / (name if not problem else "-"), problem)


def _stays_inside(name: str) -> bool:
    """Whether a relative path, written for any system, stays in the folder it starts from."""
    return all(not p.is_absolute() and not p.drive and ".." not in p.parts and p.name
               for p in (PurePosixPath(name), PureWindowsPath(name)))  # fmt: skip


def _files(folder: Path, endings: frozenset[str], others: frozenset[str] = frozenset()) -> list[Path]:
    """Files of a folder with one of the endings, by name; what is left out is named in a note.

    Args:
        others: endings of files that are there for another reason. Hidden files are passed over without a word.
    """
    try:
        seen = sorted(p for p in folder.iterdir() if not p.name.startswith("."))
        found = [p for p in seen if p.suffix.lower() in endings and p.is_file()]
        taken = set(found)
        left = [p.name + "/" * p.is_dir() for p in seen if p not in taken and p.suffix.lower() not in others]
    except OSError as error:
        raise InputError(f"The folder {folder} cannot be read ({error.strerror}); check its rights.") from error
    if left:
        more = f" and {len(left) - SHOWN_NAMES} more" if len(left) > SHOWN_NAMES else ""
        what = "photos" if endings is PHOTO_ENDINGS else "sounds"
        warnings.warn(
            f"Left out of {folder}, as their endings are not those of {what}: {', '.join(left[:SHOWN_NAMES])}{more}.",
            stacklevel=2,
        )
    return found


def _without_twins(pairs: list[Pair]) -> list[Pair]:
    """Pairs that would write over an earlier one's video get a problem instead."""
    seen: dict[str, Pair] = {}
    kept = []
    for pair in pairs:
        # Compared without case: on some systems the two names are one file.
        key = str(pair.out).casefold()
        first = None if pair.problem else seen.setdefault(key, pair)
        if first is not None and first is not pair:
            problem = f"{pair.photo} with {pair.speech} would write {pair.out} a second time; give it another name."
            pair = Pair(pair.photo, pair.speech, pair.out, problem)
        kept.append(pair)
    return kept


def _without_losses(pairs: list[Pair], others: Iterable[Path], takes: int) -> list[Pair]:
    """Pairs whose video would replace something that any pair reads get a problem instead."""
    kept_files = {path: _place(path) for pair in pairs for path in (pair.photo, pair.speech)}
    inputs = {*kept_files.values(), *map(_place, others)}
    # A folder of frames would replace the inputs inside of it.
    guarded = inputs | {str(parent) for place in inputs for parent in PurePath(place).parents}
    for place in inputs if takes > 1 else ():
        path = PurePath(place)
        take = re.fullmatch(r"(.+)-([1-9]\d{0,8})", path.stem)
        if take and int(take[2]) <= takes:
            guarded.add(str(path.with_name(take[1] + path.suffix)))
    kept = []
    for pair in pairs:
        if not pair.problem and _place(pair.out) in guarded:
            problem = f"{pair.out} would replace a file that this run reads; give the video another name."
            pair = Pair(pair.photo, pair.speech, pair.out, problem)
        kept.append(pair)
    return kept


def _place(path: Path) -> str:
    """Where a file is, links followed; without case, as on some systems two names are then one file."""
    try:
        return os.path.realpath(path).casefold()
    except (OSError, ValueError):  # no file can have this name
        return str(path).casefold()
