"""Pictures and sounds that a program holds in memory: Pillow pictures, the bytes of a file, open files, arrays."""

from __future__ import annotations

import io
import weakref
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mssync.arrays import Array, Rgb
from mssync.errors import InputError
from mssync.files import scratch_folder

# A float array that goes beyond this is no sound in [-1, 1], not even an overdriven one.
_LOUDEST: Final = 4.0
_RATES: Final = (1_000, 768_000)
_MOST_BYTES: Final = 2**31
_MOST_CHANNELS: Final = 64


def content_of(value: object, what: str) -> bytes | None:
    """The bytes of a file that are held in memory or by an open file; ``None`` for anything else.

    Args:
        value: bytes, bytearray, memoryview, or an object with ``read`` (from where it stands).
        what: the noun for the message.
    Raises:
        InputError: nothing in it, text instead of bytes, or over 2 GB.
    """
    if isinstance(value, bytes | bytearray | memoryview):
        content = bytes(value)
    elif hasattr(value, "read"):
        try:
            content = value.read(_MOST_BYTES + 1)
        except (OSError, ValueError, io.UnsupportedOperation) as error:
            raise InputError(f"The {what} cannot be read from the open file ({error}); open it again.") from error
    else:
        return None
    if not isinstance(content, bytes):
        raise InputError(f"The {what} was opened as text; open it with mode 'rb'.")
    if not content:
        raise InputError(f"The {what} is empty; give the bytes of a file, or a file open at its beginning.")
    if len(content) > _MOST_BYTES:
        raise InputError(f"The {what} has over 2 GB; name the file instead.")
    return content


def array_of(value: object, what: str) -> NDArray[Any]:
    """Anything that numpy reads as numbers, as an array.

    Raises:
        InputError: it is something else.
    """
    if hasattr(value, "detach") and hasattr(value, "cpu"):  # a PyTorch tensor, on whatever device
        value = value.detach().cpu()
    if isinstance(value, np.ndarray) or hasattr(value, "__array__") or isinstance(value, Sequence):
        try:
            array = np.asarray(value)
        except (TypeError, ValueError, RuntimeError):
            array = np.zeros(0, object)
        if array.dtype.kind in "iufb":
            return array
    raise InputError(
        f"The {what} cannot be {type(value).__name__}; give a file's name, its bytes, or an array of numbers."
    )


def pixels_of(array: NDArray[Any]) -> Rgb:
    """A picture array as (H, W, 3 or 4) uint8.

    Args:
        array: (H, W), or (H, W, C) or (C, H, W) with C = 1, 3 or 4; uint8, uint16 (over its full range), bool, or
            floats that are shares of white in [0, 1], or in [0, 255] where one is above 1.
    Raises:
        InputError: another shape or type, no pixels, or values that are no numbers or beyond the range.
    """
    shape, kind = array.shape, array.dtype
    if len(shape) == 2:
        array = array[..., None]
    elif len(shape) == 3 and shape[0] in (1, 3, 4) and shape[2] not in (1, 3, 4):
        array = np.moveaxis(array, 0, 2)
    if array.ndim != 3 or array.shape[2] not in (1, 3, 4) or array.size == 0:
        raise InputError(
            f"A photo as an array must be (height, width), or (height, width, 1, 3 or 4), not of shape {shape}."
        )
    if kind == np.bool_:
        array = array.astype(np.uint8) * np.uint8(255)
    elif kind == np.uint16:
        array = np.rint(array / np.float32(257)).astype(np.uint8)
    elif kind != np.uint8:
        if not np.isfinite(array).all() or array.min() < 0 or array.max() > 255:
            raise InputError(f"A photo as an array of {kind} must hold numbers in [0, 1] or [0, 255]; convert it.")
        scale = 255.0 if kind.kind == "f" and array.max() <= 1 else 1.0
        array = np.rint(array * scale).astype(np.uint8)
    return np.ascontiguousarray(np.repeat(array, 3, axis=2) if array.shape[2] == 1 else array)


def samples_of(array: NDArray[Any]) -> Array:
    """A sound array as (n,) or (n, channels) float32 in [-1, 1].

    Args:
        array: (n,), (n, channels) or (channels, n): the longer axis is time. Integers of up to 32 bits are scaled by
            their type (uint8 is centred on 128); floats are in [-1, 1].
    Raises:
        InputError: another shape or type, values that are no numbers, or floats far beyond 1 (integers held as floats).
    """
    shape, kind = array.shape, array.dtype
    if array.ndim == 2 and array.shape[0] < array.shape[1]:
        array = array.T
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim not in (1, 2) or (array.ndim == 2 and array.shape[1] > _MOST_CHANNELS) or kind.kind not in "iuf":
        raise InputError(f"Speech as an array must be (n,) or (n, channels) of numbers, not {kind} of shape {shape}.")
    if kind.kind == "f":
        if not np.isfinite(array).all():
            raise InputError("The speech holds samples that are no finite numbers; export it again from its source.")
        if array.size and np.abs(array).max() > _LOUDEST:
            raise InputError(
                f"The speech as floats must lie in [-1, 1], not reach {np.abs(array).max():g}; "
                "divide it by its full scale (32768 for 16 bits), or give it as integers."
            )
        return np.asarray(np.clip(array, -1.0, 1.0), np.float32)
    if kind.itemsize > 4:
        raise InputError(f"The speech as {kind} has no full scale; give it as int16 or int32, or as floats in [-1, 1].")
    half = 2.0 ** (8 * kind.itemsize - 1)
    centred = array.astype(np.float64) - (half if kind.kind == "u" else 0.0)
    return np.asarray(centred / half, np.float32)


def rate_and_samples(value: object) -> tuple[int, Array] | None:
    """A pair ``(rate, array)`` as notebooks and web apps hand sounds over; ``None`` for anything else.

    Raises:
        InputError: the rate or the array of such a pair cannot be used.
    """
    if not isinstance(value, tuple) or len(value) != 2:
        return None
    rate, array = value
    whole = isinstance(rate, int | np.integer) or (isinstance(rate, float | np.floating) and float(rate).is_integer())
    if isinstance(rate, bool) or not whole:
        raise InputError("A sound as a pair must be (samples per second, array), the rate first.")
    if not _RATES[0] <= rate <= _RATES[1]:
        raise InputError(f"A sound of {rate:g} samples per second cannot be; give {_RATES[0]} to {_RATES[1]}.")
    return int(rate), samples_of(array_of(array, "speech"))


class KeptFile:
    """A file in a private folder that lives as long as this object, at most until the program ends.

    Attributes:
        path: where to write it.
    """

    def __init__(self, name: str) -> None:
        with ExitStack() as stack:
            self.path = stack.enter_context(scratch_folder()) / name
            weakref.finalize(self, stack.pop_all().close)
