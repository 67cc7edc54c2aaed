"""Many at once: which photo speaks which voice, from folders or a CSV file."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Final

from mssync.errors import InputError

MAX_PAIRS: Final = 100_000
PHOTO_ENDINGS: Final = {".jpg", ".jpeg", ".jpe", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif", ".mpo"}
SPEECH_ENDINGS: Final = {
    ".wav", ".mp3", ".m4a", ".aac", ".ogg", ".oga", ".opus", ".flac", ".aif", ".aiff", ".wma", ".amr", ".webm",
    ".mp4", ".mov", ".mkv", ".avi", ".mpg", ".mpeg", ".m4v",
}  # fmt: skip


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


def read_pairs(photo: Path, speech: Path | None, out: Path, ending: str) -> list[Pair]:
    """The pairs that ``animate PHOTO SPEECH -o OUT`` means.

    * PHOTO is a CSV file, no SPEECH: a header line with ``photo,speech`` and perhaps ``out``, then one pair a line.
      Paths count from the CSV file's folder, ``out`` from the folder OUT (which it may not leave).
    * Two folders: files of the same name before the ending belong together; one without its partner is a problem.
    * A folder and a file: every photo speaks that voice, or that photo speaks every voice.

    Args:
        photo, speech: the arguments.
        out: folder of the videos; they are named after the photo, in the last case after the voice.
        ending: of the videos, such as ``.mp4``; empty for folders of frames.
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
    return _without_twins(pairs)


def _by_name(photos: Path, voices: Path, out: Path, ending: str) -> list[Pair]:
    left: dict[str, list[Path]] = {}
    right: dict[str, list[Path]] = {}
    for paths, named in ((_files(photos, PHOTO_ENDINGS), left), (_files(voices, SPEECH_ENDINGS), right)):
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
    try:
        with table.open(newline="", encoding="utf-8-sig") as lines:
            reader = csv.DictReader(lines, skipinitialspace=True)
            names = {n.strip().lower(): n for n in reader.fieldnames or [] if n}
            if not {"photo", "speech"} <= names.keys():
                raise InputError(f"{table} needs a first line with the names photo,speech (and out, if you like).")
            pairs: list[Pair] = []
            for row in reader:
                if len(pairs) == MAX_PAIRS:
                    raise InputError(f"{table} has over {MAX_PAIRS} lines; cut it into several files.")
                cells = {name: (row[column] or "").strip() for name, column in names.items()}
                pairs.append(_csv_pair(cells, table, reader.line_num, out, ending))
            return pairs
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{table} cannot be read as a CSV file in UTF-8 ({reason}); check the file.") from error


def _csv_pair(cells: dict[str, str], table: Path, line: int, out: Path, ending: str) -> Pair:
    photo, speech = table.parent / cells["photo"], table.parent / cells["speech"]
    name = cells.get("out") or photo.stem + ending
    problem = ""
    if not cells["photo"] or not cells["speech"]:
        problem = f"Line {line} of {table} lacks a photo or a speech; fill it in."
    elif not _stays_inside(name):
        problem = f"Line {line} of {table} would write {name} outside the folder {out}; name a file inside."
    return Pair(photo, speech, out / (name if not problem else "-"), problem)


def _stays_inside(name: str) -> bool:
    """Whether a relative path, written for any system, stays in the folder it starts from."""
    return all(not p.is_absolute() and not p.drive and ".." not in p.parts and p.name
               for p in (PurePosixPath(name), PureWindowsPath(name)))  # fmt: skip


def _files(folder: Path, endings: set[str]) -> list[Path]:
    """Files of a folder (not of the folders inside) with one of the endings, by name; hidden ones left out."""
    try:
        found = [p for p in folder.iterdir() if p.suffix.lower() in endings and not p.name.startswith(".")]
        return sorted(p for p in found if p.is_file())
    except OSError as error:
        raise InputError(f"The folder {folder} cannot be read ({error.strerror}); check its rights.") from error


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
