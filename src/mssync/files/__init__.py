"""Files in and out, safely: the one home of every output file and folder of every command.

* Names are checked before the work: :func:`ready_file`, :func:`ready_folder`, :func:`check_run`.
* An output is written aside and renamed: :func:`replacing`, :func:`replacing_folder`.
* Nothing is written over an input of the run, over what exists without ``force``, or over what we did not make.
"""

from mssync.files.atomic import replacing, replacing_folder, scratch_folder, written_aside
from mssync.files.names import (
    PathLike,
    check_ending,
    check_run,
    checked_folder,
    checked_target,
    discard,
    make_folder,
    no_file_name,
    readable_file,
    ready_file,
    ready_folder,
    try_folder,
    write_error,
)

__all__ = [
    "PathLike",
    "check_ending",
    "check_run",
    "checked_folder",
    "checked_target",
    "discard",
    "make_folder",
    "no_file_name",
    "readable_file",
    "ready_file",
    "ready_folder",
    "replacing",
    "replacing_folder",
    "scratch_folder",
    "try_folder",
    "write_error",
    "written_aside",
]
