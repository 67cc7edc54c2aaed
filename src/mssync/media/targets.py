"""Outputs checked before the long work begins: a name that may be written, in a folder that lets us."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from mssync.errors import OutputError
from mssync.files import PathLike, beside, checked_target, discard, write_error
from mssync.media.writer import VideoWriter


def ready_file(path: PathLike, *, force: bool, inputs: Iterable[PathLike] = ()) -> Path:
    """Return the output file ``path`` if it can be written.

    Args:
        path: the file to make.
        force: an existing file may be replaced.
        inputs: files that are read; none of them may be the output, ``force`` or not.

    Raises:
        OutputError: it exists without ``force``, is one of the inputs, or its folder is missing or closed to us.
    """
    _not_an_input(Path(path), inputs)
    target = checked_target(path, force=force)
    _writable(target)
    return target


def ready_video(path: PathLike, *, force: bool, alpha: bool = False, inputs: Iterable[PathLike] = ()) -> Path:
    """Return the output video or folder of frames ``path`` if it can be written; see :func:`ready_file`.

    Args:
        alpha: with transparency, which not every kind of file has.

    Raises:
        OutputError: as for :func:`ready_file`, or the ending is unknown or cannot hold what is asked for.
    """
    target = Path(path)
    _not_an_input(target, inputs)
    VideoWriter(path, 2, 2, force=force, alpha=alpha)  # checks the name; writes nothing before its `with`
    _writable(target)
    return target


def _not_an_input(target: Path, inputs: Iterable[PathLike]) -> None:
    for source in map(Path, inputs):
        try:
            same = target.exists() and source.exists() and target.samefile(source)
        except (OSError, ValueError) as error:
            raise write_error(target, error) from error
        if same:
            raise OutputError(f"The output {target} is an input too; choose another name.")


def _writable(target: Path) -> None:
    """Try the folder with an empty file: rights, read-only disks and impossible names show here."""
    trial = beside(target)
    try:
        with trial.open("xb"):
            pass
        if target.exists() and not os.access(target, os.W_OK):
            raise PermissionError(13, "Permission denied")
    except (OSError, ValueError) as error:
        raise write_error(target, error) from error
    finally:
        discard(trial)
