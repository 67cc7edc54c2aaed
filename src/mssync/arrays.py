"""Names of array types, and array files (``.npz``) from anybody, read within bounds: what a file claims is looked at
before memory is taken.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Array64 = NDArray[np.float64]
Mask = NDArray[np.bool_]
Rgb = NDArray[np.uint8]
"""Pixels ``(H, W, 3)``."""

MAX_MEMBERS: Final = 1000
_PLAIN: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # other packings take memory by the file's own word
_ENCRYPTED: Final = 0x1
_HEADER: Final = 10_000  # characters of an array's own header


@dataclass(frozen=True)
class Claim:
    """What an array file says of one of its arrays, before its numbers are read.

    Attributes:
        shape, dtype: as NumPy's.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def size(self) -> int:
        """Bytes."""
        return math.prod(self.shape) * self.dtype.itemsize


@dataclass(frozen=True)
class Wanted:
    """An array that a reader asks for.

    Attributes:
        kinds: letters of NumPy's kinds of numbers that will do: ``f`` floats, ``iu`` whole numbers, ``b`` flags,
            ``U`` text.
        axes: number of axes.
        limit: bytes at most.
        optional: may be missing.
    """

    kinds: str
    axes: int
    limit: int
    optional: bool = False


def read_arrays(source: Path | IO[bytes], wanted: Mapping[str, Wanted]) -> dict[str, NDArray[Any]]:
    """The arrays of a ``.npz`` that are wanted; whatever else the file holds is not unpacked.

    Raises:
        ValueError: the file is damaged, or an array is missing or of another kind or size; the text says which.
        OSError: the file cannot be read.
    """
    try:
        with zipfile.ZipFile(source) as archive:
            found = _members(archive)
            missing = [n for n, w in wanted.items() if n not in found and not w.optional]
            if missing:
                raise ValueError(f"the array {missing[0]!r} is missing")
            return {n: _read(archive, found[n], n, w) for n, w in wanted.items() if n in found}
    except (ValueError, OSError):
        raise
    except Exception as error:  # zipfile, zlib and numpy each fail in their own way on damaged bytes
        raise ValueError("it is no undamaged array file") from error


def names_of(source: Path | IO[bytes]) -> list[str]:
    """The names of a file's arrays.

    Raises:
        ValueError: the file is damaged.
        OSError: the file cannot be read.
    """
    try:
        with zipfile.ZipFile(source) as archive:
            return list(_members(archive))
    except (ValueError, OSError):
        raise
    except Exception as error:
        raise ValueError("it is no undamaged array file") from error


def _members(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    infos = archive.infolist()
    if len(infos) > MAX_MEMBERS:
        raise ValueError(f"it holds {len(infos)} arrays")
    found = {i.filename.removesuffix(".npy"): i for i in infos}
    if len(found) != len(infos):
        raise ValueError("it holds two arrays of one name")
    return found


def _read(archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str, want: Wanted) -> NDArray[Any]:
    if member.compress_type not in _PLAIN or member.flag_bits & _ENCRYPTED:
        raise ValueError(f"the array {name!r} is packed in an unusual way")
    if member.file_size > want.limit + 2 * _HEADER:
        raise ValueError(f"the array {name!r} is too large ({member.file_size} bytes)")
    with archive.open(member) as stream:
        claim = _claim(stream)
        if claim.dtype.kind not in want.kinds or len(claim.shape) != want.axes:
            raise ValueError(f"the array {name!r} has the shape {claim.shape} and the type {claim.dtype}")
        if claim.size > want.limit:
            raise ValueError(f"the array {name!r} is too large ({claim.size} bytes)")
    with archive.open(member) as stream:
        values = np.lib.format.read_array(stream, allow_pickle=False, max_header_size=_HEADER)
    return np.asarray(values)


def _claim(stream: IO[bytes]) -> Claim:
    version = np.lib.format.read_magic(stream)
    if version == (1, 0):
        shape, _, dtype = np.lib.format.read_array_header_1_0(stream, max_header_size=_HEADER)
    elif version == (2, 0):
        shape, _, dtype = np.lib.format.read_array_header_2_0(stream, max_header_size=_HEADER)
    else:
        raise ValueError(f"it is written in version {version} of NumPy's format")
    if any(n < 0 for n in shape):
        raise ValueError(f"an array has the shape {shape}")
    return Claim(shape, dtype)
