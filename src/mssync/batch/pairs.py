"""Which photo speaks which voice, from folders or a list, and what is written for each pair."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Final

from mssync.batch.names import Guard, name_problem
from mssync.errors import InputError, OutputError
from mssync.files import readable_file
from mssync.lists import TABLE_ENDINGS, named_in, rows_of
from mssync.media.kinds import kind_of

MAX_PAIRS: Final = 100_000
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
VIDEO_ENDINGS: Final = (".mp4", ".webm")
SHOWN_NAMES: Final = 10


@dataclass(frozen=True)
class Pair:
    """One talking head.

    Attributes:
        photo, speech: the two files.
        out: the video to make.
        motion, curves: files for its motion and its curves, where they are wanted.
        problem: why it cannot be made, where that is known before the work; else empty.
    """

    photo: Path
    speech: Path
    out: Path
    motion: Path | None = None
    curves: Path | None = None
    problem: str = ""

    @property
    def outputs(self) -> tuple[Path, ...]:
        """All files that are written."""
        return tuple(path for path in (self.out, self.motion, self.curves) if path is not None)


@dataclass(frozen=True)
class Folders:
    """Where the files of many pairs go.

    Attributes:
        out: the videos.
        motion, curves: the motion files and tables of curves, under the videos' names; None: not written.
        ending: of the videos, such as ``.mp4``; empty for folders of frames.
    """

    out: Path
    motion: Path | None = None
    curves: Path | None = None
    ending: str = ".mp4"

    def pair(self, photo: Path, speech: Path, name: str, problem: str = "") -> Pair:
        """A pair whose video has this name, a path relative to the folder."""
        bare = str(Path(name).with_suffix("")) if Path(name).suffix.lower() in VIDEO_ENDINGS else name
        motion = None if self.motion is None else self.motion / (bare + ".npz")
        curves = None if self.curves is None else self.curves / (bare + ".csv")
        return Pair(photo, speech, self.out / name, motion, curves, problem)


def is_batch(photo: Path, speech: Path | None) -> bool:
    """Whether the two arguments of ``animate`` mean many pairs: a folder on either side, or a list."""
    return photo.suffix.lower() in TABLE_ENDINGS or photo.is_dir() or (speech is not None and speech.is_dir())


def read_pairs(photo: Path, speech: Path | None, to: Folders, takes: int = 1) -> list[Pair]:
    """The pairs that ``animate PHOTO SPEECH -o OUT`` means.

    * PHOTO is a list, no SPEECH: a header line with ``photo,speech`` and perhaps ``out``, then one pair a line.
      Paths count from the list's folder, ``out`` from the folder of the videos (which it may not leave).
    * Two folders: files of the same name before the ending belong together; one without its partner is a problem.
    * A folder and a file: every photo speaks that voice, or that photo speaks every voice.

    Pairs that would replace each other's outputs, or anything that any pair reads, have a problem.

    Args:
        photo, speech: the arguments.
        to: where the outputs go; videos are named after the photo, in the last case after the voice.
        takes: how many videos of every pair: OUT-1, OUT-2, ...
    Returns:
        the pairs in order of their names (a list's in its own order).
    Raises:
        InputError: the list or the folders cannot be read, or hold no pair at all.
        OutputError: one of the folders for outputs has the name of a single file.
    """
    for folder, endings, what in (
        (to.out, VIDEO_ENDINGS, "video"), (to.motion, (".npz",), "motion"), (to.curves, (".csv",), "table of curves"),
    ):  # fmt: skip
        if folder is not None and folder.suffix.lower() in endings and not folder.is_dir():
            better = folder.with_suffix("")
            raise OutputError(f"{folder} is one {what}, but many are to be made; name a folder, such as {better}.")
    if photo.suffix.lower() in TABLE_ENDINGS and not photo.is_dir():
        if speech is not None:
            raise InputError(f"{photo} names the speech of every photo itself; leave out {speech}.")
        pairs = _from_table(photo, to)
    elif speech is None:
        raise InputError(f"Name the speech for the photos in {photo}, or a CSV file with photo,speech lines.")
    elif photo.is_dir() and speech.is_dir():
        pairs = _by_name(photo, speech, to)
    elif photo.is_dir():
        pairs = [to.pair(p, speech, p.stem + to.ending) for p in _files(photo, PHOTO_ENDINGS)]
    else:
        pairs = [to.pair(photo, s, s.stem + to.ending) for s in _files(speech, SPEECH_ENDINGS)]
    if not pairs:
        where = str(photo) if speech is None or photo.is_dir() else str(speech)
        raise InputError(f"There is no pair of photo and speech in {where}; see `mssync animate --help`.")
    read = [photo] if photo.is_file() else []
    return _without_losses(pairs, read, takes)


def checked(pair: Pair) -> Pair:
    """The pair, with a problem where one of its files cannot be read: known before any long work."""
    try:
        if not pair.problem:
            readable_file(pair.photo, "photo")
            readable_file(pair.speech, "sound")
    except InputError as error:
        return replace(pair, problem=str(error))
    return pair


def _by_name(photos: Path, voices: Path, to: Folders) -> list[Pair]:
    left: dict[str, list[Path]] = {}
    right: dict[str, list[Path]] = {}
    one = photos.resolve() == voices.resolve()  # photos and voices in one folder
    for paths, named in (
        (_files(photos, PHOTO_ENDINGS, SPEECH_ENDINGS if one else frozenset()), left),
        (_files(voices, SPEECH_ENDINGS, PHOTO_ENDINGS if one else frozenset()), right),
    ):
        for path in paths:
            named.setdefault(path.stem, []).append(path)
    if left and right and not left.keys() & right.keys():
        raise InputError(
            f"No photo in {photos} has the name of a recording in {voices}; name them alike, as anna.jpg and anna.wav."
        )
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
        pairs.append(to.pair(photo, speech, stem + to.ending, problem))
    return pairs


def _from_table(table: Path, to: Folders) -> list[Pair]:
    pairs: list[Pair] = []
    for line, cells in rows_of(table, ("photo", "speech")):
        if len(pairs) == MAX_PAIRS:
            raise InputError(f"{table} has over {MAX_PAIRS} lines; cut it into several files.")
        pairs.append(_from_line(cells, table, line, to))
    return pairs


def _from_line(cells: dict[str, str], table: Path, line: int, to: Folders) -> Pair:
    photo, speech = named_in(table.parent, cells["photo"]), named_in(table.parent, cells["speech"])
    name = cells.get("out", "").replace("\\", "/").rstrip("/") or photo.stem + to.ending
    if not PurePosixPath(name).suffix:
        name += to.ending
    problem = ""
    if not cells["photo"] or not cells["speech"]:
        problem = f"Line {line} of {table} lacks a photo or a speech; fill it in."
    elif "\0" in cells["photo"] + cells["speech"]:
        problem = f"Line {line} of {table} holds a character that no file name has; mend the line."
    elif wrong := name_problem(name):
        problem = f"The output {name!r} in line {line} of {table} {wrong}; name a file inside of {to.out}."
    if problem:
        return Pair(photo, speech, to.out / "-", problem=problem)
    return to.pair(photo, speech, name)


def _files(folder: Path, endings: frozenset[str], others: frozenset[str] = frozenset()) -> list[Path]:
    """Files of a folder with one of the endings or of such content, by name; what is left out is named in a note.

    Args:
        others: endings of files that are there for another reason. Hidden files are passed over without a word.
    """
    found: list[Path] = []
    left: list[str] = []
    try:
        for path in sorted(folder.iterdir()):
            if path.name.startswith("."):
                continue
            if not path.is_file():
                left.append(f"{path.name} ({'a folder' if path.is_dir() else 'not an ordinary file'})")
            elif path.suffix.lower() in endings or (path.suffix.lower() not in others and _usable(path, endings)):
                found.append(path)
            elif path.suffix.lower() not in others:
                kind = kind_of(path)
                left.append(f"{path.name} ({kind.name if kind else 'of an unknown kind'})")
    except OSError as error:
        raise InputError(f"The folder {folder} cannot be read ({error.strerror}); check its rights.") from error
    if left:
        more = f" and {len(left) - SHOWN_NAMES} more" if len(left) > SHOWN_NAMES else ""
        warnings.warn(f"Left out of {folder}: {', '.join(left[:SHOWN_NAMES])}{more}.", stacklevel=2)
    return found


def _usable(path: Path, endings: frozenset[str]) -> bool:
    """Whether a file whose ending says nothing is a photo, or a sound, by its content."""
    kind = kind_of(path)
    if kind is None:
        return False
    return (
        kind.family == "picture" and not kind.advice if endings is PHOTO_ENDINGS else kind.family in ("sound", "video")
    )


def _without_losses(pairs: list[Pair], others: list[Path], takes: int) -> list[Pair]:
    """Pairs that would replace an earlier one's outputs, or what any pair reads, get a problem instead."""
    guard = Guard([*others, *(path for pair in pairs for path in (pair.photo, pair.speech))], takes)
    kept = []
    for pair in pairs:
        if not pair.problem:
            if (lost := next(filter(guard.reads, pair.outputs), None)) is not None:
                problem = f"{lost} would replace a file that this run reads; give it another name."
                pair = replace(pair, problem=problem)
            elif (twice := guard.claim(pair.outputs)) is not None:
                who = f"{pair.photo} with {pair.speech}"
                pair = replace(pair, problem=f"{who} would write {twice} a second time; give it another name.")
        kept.append(pair)
    return kept
