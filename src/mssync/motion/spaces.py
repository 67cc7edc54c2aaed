"""Which kinds of motion spaces there are, and reading one from its file."""

from __future__ import annotations

import hashlib
import io
from importlib.metadata import entry_points
from pathlib import Path
from typing import Final

from mssync.arrays import Wanted, read_arrays
from mssync.errors import AssetError, InputError
from mssync.motion.landmarks import LandmarkSpace
from mssync.motion.mesh import MeshSpace
from mssync.motion.space import MotionSpace
from mssync.texts import clean

GROUP: Final = "mssync.motion_spaces"
"""Entry points by which a package brings kinds of its own: the name is the kind, the object the class."""
MAX_BYTES: Final = 64 * 2**20  # of a file; the shipped one has a megabyte
_KIND: Final = {"kind": Wanted("U", 0, 400, optional=True)}
_KINDS: Final[dict[str, type[MotionSpace]]] = {MeshSpace.kind: MeshSpace, LandmarkSpace.kind: LandmarkSpace}


def register_space(kind: type[MotionSpace]) -> None:
    """Make a kind of space known in this process.

    A package that brings one need not call this: it names its class in the entry points of the group :data:`GROUP`, and
    every command finds it, in every process.

    Raises:
        ValueError: another kind has this name.
    """
    if _KINDS.setdefault(kind.kind, kind) is not kind:
        raise ValueError(f"there is a kind of motion space called {kind.kind!r} already")


def load_space(path: Path, data: bytes | None = None) -> MotionSpace:
    """Read a fitted motion space; a file that does not tell its kind is of the kind ``mesh``.

    Args:
        path: the file.
        data: its bytes, where they were read (and checked) already; the file is not read again then.
    Raises:
        AssetError: the file is missing or damaged, or holds other arrays or numbers than a space has.
    """
    try:
        data = _bytes(path) if data is None else data
        kind = str(read_arrays(io.BytesIO(data), _KIND).get("kind", MeshSpace.kind))
        if kind not in _KINDS:
            _find_kind(kind)
        if kind not in _KINDS:
            raise ValueError(f"its kind {clean(kind, 40)!r} is not one of {', '.join(_KINDS)}")
        made = _KINDS[kind]
        space = made.of_arrays(read_arrays(io.BytesIO(data), made.wanted))
    except (OSError, ValueError) as e:
        why = e.strerror if isinstance(e, OSError) and e.strerror else e
        raise AssetError(
            f"The motion space file {path} is missing or damaged ({why}); install mssync again, or train it again."
        ) from e
    space.file_sha256 = hashlib.sha256(data).hexdigest()
    return space


def load_mesh(path: Path, data: bytes | None = None) -> MeshSpace:
    """As :func:`load_space`, for what is only done in the kind ``mesh``.

    Raises:
        InputError: the space is of another kind.
    """
    return of_mesh(load_space(path, data), f"{path} cannot be used here: this is done")


def _find_kind(kind: str) -> None:
    """Register a kind that an installed package brings, in its entry points of the group :data:`GROUP`."""
    for found in entry_points(group=GROUP, name=kind):
        made = found.load()
        if not (isinstance(made, type) and issubclass(made, MotionSpace) and made.kind == kind):
            raise ValueError(f"the package {found.value!r} brings no motion space of the kind {clean(kind, 40)!r}")
        register_space(made)


def of_mesh(space: MotionSpace, what: str) -> MeshSpace:
    """The same space, if it is of the kind ``mesh``.

    Args:
        space: any.
        what: begin of the sentence that refuses others: what is done.
    Raises:
        InputError: it is of another kind.
    """
    if not isinstance(space, MeshSpace):
        raise InputError(f"{what} in motion spaces of the kind 'mesh' alone, not {space.kind!r}; name another model.")
    return space


def _bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ValueError(f"it is larger than {MAX_BYTES // 2**20} MB")
    return data
