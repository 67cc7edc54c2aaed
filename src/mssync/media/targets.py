"""Output videos checked before the long work begins: a name that may be written, in a folder that lets us."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from mssync.files import PathLike, check_run, try_folder
from mssync.media.writer import VideoWriter


def ready_video(path: PathLike, *, force: bool, alpha: bool = False, inputs: Iterable[PathLike] = ()) -> Path:
    """Return the output video or folder of frames ``path`` if it can be written; see :func:`mssync.files.ready_file`.

    Args:
        alpha: with transparency, which not every kind of file has.

    Raises:
        OutputError: as for :func:`mssync.files.ready_file`, or the ending is unknown or cannot hold what is asked for.
    """
    target = Path(path)
    check_run([target], inputs)
    VideoWriter(path, 2, 2, force=force, alpha=alpha)  # checks the name; writes nothing before its `with`
    try_folder(target)
    return target
