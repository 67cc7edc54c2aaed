"""An evaluation made fit for a page that is passed on: texts clean and bounded, files by their names alone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from mssync.texts import clean

LIMIT: Final = 500  # characters of a reason, which may name several files
# What the page needs to find the videos; never shown.
_PLACES: Final = ("path", "audio")
# The folders of any other absolute path: the message of a library, a cache.
_FOLDERS: Final = re.compile(r"(?<![\w./:\\])(?:/(?:[^/\s'\"]+/)+|[A-Za-z]:[\\/](?:[^\\/\s'\"]+[\\/])+)(?=[^/\s])")


def readable(result: Mapping[str, Any]) -> dict[str, Any]:
    """The same evaluation with every text cleaned (:func:`mssync.texts.clean`) and without any folder's name.

    The ``path`` and ``audio`` of rows stay as they are. ``hashes`` become pairs, as two files may have one name.
    """
    known = _known(result)
    shown: dict[str, Any] = {key: _texts(value, known) for key, value in result.items() if key != "hashes"}
    shown["hashes"] = [(_text(name, known), clean(digest)) for name, digest in result["hashes"].items()]
    return shown


def without_folders(text: str, files: Iterable[Path] = ()) -> str:
    """A text about files, clean, and the files by their names alone; those whose path holds spaces must be given."""
    for file in files:
        text = text.replace(str(file), file.name)
    return clean(_FOLDERS.sub("", text), LIMIT)


def _known(result: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Files and folders that may stand in texts and what to write for them, the longest first."""
    rows = result["rows"]
    paths = {str(row[key]) for row in rows for key in _PLACES if row[key]} | {
        str(name) for name in result["hashes"] if Path(str(name)).is_absolute()
    }
    files = {path: Path(path).name for path in paths}
    folders = {str(Path(path).parent): Path(path).parent.name for path in paths if Path(path).is_absolute()}
    folders |= {str(Path.home()): ""}  # may hold spaces; what is below it goes with the folders
    both = {place: name for place, name in (folders | files).items() if place.strip("/\\.") and name != place}
    return sorted(both.items(), key=lambda pair: -len(pair[0]))


def _texts(data: Any, known: list[tuple[str, str]]) -> Any:
    if isinstance(data, str):
        return _text(data, known)
    if isinstance(data, Mapping):
        return {_text(str(k), known): v if k in _PLACES else _texts(v, known) for k, v in data.items()}
    return [_texts(v, known) for v in data] if isinstance(data, list | tuple) else data


def _text(text: str, known: list[tuple[str, str]]) -> str:
    if "/" in text or "\\" in text:
        for place, name in known:
            if len(place) <= len(text):
                text = text.replace(place, name)
    return without_folders(text)
