"""Items of ``mssync evaluate``: one video, a folder, or a CSV file, as a list."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from mssync.errors import InputError
from mssync.evaluation.results.systems import GENERATED
from mssync.evaluation.run.suite import Item
from mssync.files import readable_file
from mssync.lists import TABLE_ENDINGS, named_in, rows_of, text_of

VIDEO_ENDINGS: Final = {
    ".mp4", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".m4v", ".3gp", ".wmv", ".asf", ".flv", ".ts", ".mts",
    ".m2ts", ".ogv", ".qt",
}  # fmt: skip
SOUND_ENDINGS: Final = {
    ".wav", ".flac", ".mp3", ".m4a", ".aac", ".ogg", ".oga", ".opus", ".aif", ".aiff", ".caf", ".ac3", ".mka", ".wma",
} | VIDEO_ENDINGS  # fmt: skip
PHOTO_ENDINGS: Final = {".jpg", ".jpeg", ".jfif", ".png", ".webp", ".bmp", ".tif", ".tiff", ".avif"}
TEXT_ENDINGS: Final = {".txt"}
COLUMNS: Final = ("generated", "reference", "audio", "text", "photo")
MAX_ITEMS: Final = 100_000
SHOWN_NAMES: Final = 10


def read_items(
    generated: Path,
    reference: Path | None = None,
    audio: Path | None = None,
    text: str = "",
    photo: Path | None = None,
) -> list[Item]:
    """The items that the command line means.

    * GENERATED is a video: one item.
    * GENERATED is a folder: its videos (not those of folders inside). REFERENCE, AUDIO and PHOTO may each be one file
      for all, or a folder whose files of the same name before the ending belong to them.
    * GENERATED is a list: a first line of column names, ``generated`` and any of ``reference, audio, text, photo``;
      paths count from the list's folder.

    Args:
        generated, reference, audio, photo: as above.
        text: what is said, or the name of a text file or, for folders, of a folder of text files.
    Raises:
        InputError: a file is missing, or there is nothing to evaluate.
    """
    folder = _is_folder(generated)
    if generated.suffix.lower() in TABLE_ENDINGS and not folder:
        if reference is not None or audio is not None or text or photo is not None:
            raise InputError(f"{generated} names reference, audio, text and photo itself; leave out those options.")
        return _from_table(generated)
    if folder:
        videos = files_of(generated, VIDEO_ENDINGS)
        _name_the_rest(generated, videos)
        if not videos:
            raise InputError(f"There is no video in {generated}; name a folder that holds some.")
    else:
        videos = [readable_file(generated, "video")]
    written = _text_source(text)
    references, sounds = _Partners(reference, VIDEO_ENDINGS), _Partners(audio, SOUND_ENDINGS)
    photos, texts = _Partners(photo, PHOTO_ENDINGS), _Partners(written, TEXT_ENDINGS)
    items = []
    for video in _once(videos):
        real, problem = references.of(video), ""
        if reference is not None and real is None:
            real = reference / video.name
            problem = f"{video.name} has no partner named {video.stem} in {reference}; add it."
        script = texts.of(video)
        said = text if written is None else "" if script is None else _read_text(script)
        items.append(Item(video.stem, {GENERATED: video}, real, sounds.of(video), said, photos.of(video), problem))
    return items


class _Partners:
    """Finds what belongs to a video: one file for all, or a folder's file of the same name."""

    def __init__(self, source: Path | None, endings: set[str]) -> None:
        self._one: Path | None = None
        self._by_stem: dict[str, Path] = {}
        if source is None:
            return
        if _is_folder(source):
            self._by_stem = {path.stem: path for path in files_of(source, endings)}
        else:
            self._one = readable_file(source, "file")

    def of(self, video: Path) -> Path | None:
        """The video's own file, None where there is none."""
        return self._one or self._by_stem.get(video.stem)


def files_of(folder: Path, endings: set[str]) -> list[Path]:
    """Files of a folder with one of the endings, by name; hidden ones left out.

    Raises:
        InputError: the folder cannot be read.
    """
    try:
        found = [p for p in folder.iterdir() if p.suffix.lower() in endings and not p.name.startswith(".")]
        return sorted(p for p in found if p.is_file())
    except OSError as error:
        raise InputError(f"The folder {folder} cannot be read ({error.strerror}); check its rights.") from error


def _is_folder(path: Path) -> bool:
    """Whether it is a folder; a name that no file can have is none."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def _name_the_rest(folder: Path, used: list[Path]) -> None:
    """A note of what is left out of a folder: files that are no videos, folders."""
    rest = sorted(p.name for p in folder.iterdir() if p not in set(used) and not p.name.startswith("."))
    if rest:
        more = f" and {len(rest) - SHOWN_NAMES} more" if len(rest) > SHOWN_NAMES else ""
        warnings.warn(f"Left out of {folder}: {', '.join(rest[:SHOWN_NAMES])}{more} (no videos).", stacklevel=2)


def read_table(table: Path, needed: tuple[str, ...], known: Iterable[str]) -> list[tuple[int, dict[str, str]]]:
    """The lines of a list (:func:`mssync.lists.rows_of`): number and cells, known columns only, every one of them.

    Raises:
        InputError: it cannot be read, lacks a needed column, has no line or too many.
    """
    known = list(known)
    out: list[tuple[int, dict[str, str]]] = []
    for line, cells in rows_of(table, needed):
        if len(out) == MAX_ITEMS:
            raise InputError(f"{table} has over {MAX_ITEMS} lines; cut it into several files.")
        out.append((line, {name: cells.get(name, "") for name in known}))
    if not out:
        raise InputError(f"{table} has no line below its column names; add some.")
    return out


def _from_table(table: Path) -> list[Item]:
    seen: dict[str, int] = {}
    return [_from_line(table, line, cells, seen) for line, cells in read_table(table, ("generated",), COLUMNS)]


def _from_line(table: Path, line: int, cells: dict[str, str], seen: dict[str, int]) -> Item:
    """One item; what is wrong with the line is that item's problem, and the others go on."""
    problem = ""
    if not cells["generated"]:
        problem = f"Line {line} of {table} lacks its generated video; fill it in."
    elif "\0" in "".join(cells.values()):
        problem = f"Line {line} of {table} holds a character that no file name has; mend the line."
        cells = {name: cell.replace("\0", "") for name, cell in cells.items()}
    paths = {name: named_in(table.parent, cells[name]) for name in COLUMNS if name != "text" and cells[name]}
    video, text = paths.get("generated", table.parent), cells["text"]
    if Path(text).suffix.lower() in TEXT_ENDINGS and not problem:
        try:
            text = _read_text(named_in(table.parent, text))
        except InputError as error:
            problem = str(error)
    name = unique_name(video.stem if cells["generated"] else f"line {line}", seen)
    return Item(name, {GENERATED: video}, paths.get("reference"), paths.get("audio"), text, paths.get("photo"), problem)


def unique_name(name: str, seen: dict[str, int]) -> str:
    """The name, with a number behind it where it was used before; many disks take ``A`` for ``a``."""
    key = name.casefold()
    seen[key] = seen.get(key, 0) + 1
    return name if seen[key] == 1 else unique_name(f"{name}-{seen[key]}", seen)


def _once(videos: list[Path]) -> list[Path]:
    """Refuse two videos of one name, which could not be told apart."""
    by_stem: dict[str, Path] = {}
    for video in videos:
        first = by_stem.setdefault(video.stem, video)
        if first is not video:
            raise InputError(f"{first.name} and {video.name} have the same name but for the ending; keep one of them.")
    return videos


def _text_source(text: str) -> Path | None:
    """The file or folder that ``--text`` names, None where it is the text itself.

    Raises:
        InputError: it looks like a text file, but there is none.
    """
    try:
        path = Path(text)
        if bool(text) and (path.is_dir() or (path.suffix.lower() in TEXT_ENDINGS and path.exists())):
            return path
    except (OSError, ValueError):  # a text too long to be a name
        return None
    if path.suffix.lower() in TEXT_ENDINGS and " " not in text.strip():
        raise InputError(f"There is no text file {text}; check its name, or give the words themselves.")
    return None


def _read_text(path: Path) -> str:
    return " ".join(text_of(path, "text").split())
