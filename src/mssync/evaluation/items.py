"""What ``mssync evaluate`` is asked to look at: one video, a folder, or a CSV file, as a list of items."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from mssync.errors import InputError
from mssync.evaluation.results import GENERATED
from mssync.evaluation.suite import Item
from mssync.files import readable_file

VIDEO_ENDINGS: Final = {".mp4", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".m4v"}
SOUND_ENDINGS: Final = {".wav", ".flac", ".mp3", ".m4a", ".aac", ".ogg", ".opus"} | VIDEO_ENDINGS
PHOTO_ENDINGS: Final = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".avif"}
TEXT_ENDINGS: Final = {".txt"}
COLUMNS: Final = ("generated", "reference", "audio", "text", "photo")
MAX_ITEMS: Final = 100_000


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
    * GENERATED is a CSV file: a first line of column names, ``generated`` and any of ``reference, audio, text, photo``;
      paths count from the CSV file's folder.

    Args:
        generated, reference, audio, photo: as above.
        text: what is said, or the name of a text file or, for folders, of a folder of text files.
    Raises:
        InputError: a file is missing, or there is nothing to evaluate.
    """
    if generated.suffix.lower() == ".csv" and not generated.is_dir():
        if reference is not None or audio is not None or text or photo is not None:
            raise InputError(f"{generated} names reference, audio, text and photo itself; leave out those options.")
        return _from_csv(generated)
    if not generated.exists():
        raise InputError(f"There is no video, folder or CSV file {generated}; check the name.")
    if generated.is_dir():
        videos = files_of(generated, VIDEO_ENDINGS)
        if not videos:
            raise InputError(f"There is no video in {generated}; name a folder that holds some.")
    else:
        videos = [generated]
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
        if source.is_dir():
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


def read_table(table: Path, needed: Iterable[str], known: Iterable[str]) -> list[dict[str, str]]:
    """The lines of a CSV file as dictionaries of stripped cells, known columns only, every one of them there.

    Raises:
        InputError: it cannot be read, lacks a needed column, or is too long.
    """
    needed = list(needed)
    readable_file(table, "list")  # a pipe of that name would be waited for
    try:
        with table.open(newline="", encoding="utf-8-sig") as lines:
            reader = csv.DictReader(lines, skipinitialspace=True)
            names = {n.strip().lower(): n for n in reader.fieldnames or [] if n}
            if not set(needed) <= names.keys():
                raise InputError(f"{table} needs a first line with the names {','.join(needed)}; write it on top.")
            out: list[dict[str, str]] = []
            for row in reader:
                if len(out) == MAX_ITEMS:
                    raise InputError(f"{table} has over {MAX_ITEMS} lines; cut it into several files.")
                out.append({name: (row.get(names.get(name, "")) or "").strip() for name in known})
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{table} cannot be read as a CSV file in UTF-8 ({reason}); check the file.") from error
    if not out:
        raise InputError(f"{table} has no line below its column names; add some.")
    return out


def _from_csv(table: Path) -> list[Item]:
    seen: dict[str, int] = {}
    items = []
    for cells in read_table(table, ["generated"], COLUMNS):
        paths = {name: table.parent / cells[name] for name in COLUMNS if name != "text" and cells[name]}
        name = unique_name(Path(cells["generated"]).stem or "unnamed", seen)
        video = paths.get("generated", table.parent)
        items.append(
            Item(
                name, {GENERATED: video}, paths.get("reference"), paths.get("audio"), cells["text"], paths.get("photo")
            )
        )
    return items


def unique_name(name: str, seen: dict[str, int]) -> str:
    """The name, with a number behind it where it was used before."""
    seen[name] = seen.get(name, 0) + 1
    return name if seen[name] == 1 else unique_name(f"{name}-{seen[name]}", seen)


def _once(videos: list[Path]) -> list[Path]:
    """Refuse two videos of one name, which could not be told apart."""
    by_stem: dict[str, Path] = {}
    for video in videos:
        first = by_stem.setdefault(video.stem, video)
        if first is not video:
            raise InputError(f"{first.name} and {video.name} have the same name but for the ending; keep one of them.")
    return videos


def _text_source(text: str) -> Path | None:
    """The file or folder that ``--text`` names, None where it is the text itself."""
    try:
        path = Path(text)
        named = bool(text) and (path.is_dir() or (path.suffix.lower() in TEXT_ENDINGS and path.is_file()))
    except (OSError, ValueError):  # a text too long to be a name
        return None
    return path if named else None


def _read_text(path: Path) -> str:
    try:
        return " ".join(path.read_text("utf-8").split())
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read as a text in UTF-8; check the file.") from error
