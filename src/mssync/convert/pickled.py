"""Tensors out of a PyTorch checkpoint (``torch.save``), and nothing else: what it pickles is read, never run.

Such a file is a ZIP of a pickle and of raw numbers. A pickle is a small program that may call anything. Here its
operations are taken apart one by one (:mod:`pickletools`); only plain values, dictionaries, lists and tensors are made
of them, by hand, and every class or function it asks for becomes :data:`INERT`, whatever it then does with it.
"""

from __future__ import annotations

import math
import pickletools
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from mssync.errors import InputError

MAX_PROGRAM: Final = 64 * 2**20  # bytes of the pickle
MAX_OPERATIONS: Final = 5_000_000
MAX_TENSOR: Final = 2**30  # bytes
MAX_FILE: Final = 16 * 2**30

_TYPES: Final = {
    "FloatStorage": "<f4", "DoubleStorage": "<f8", "HalfStorage": "<f2", "LongStorage": "<i8", "IntStorage": "<i4",
    "ShortStorage": "<i2", "CharStorage": "i1", "ByteStorage": "u1", "BoolStorage": "?",
}  # fmt: skip


class Inert:
    """What stands for every object that is neither a plain value nor a tensor."""

    def __repr__(self) -> str:
        return "an object that was not made"


INERT: Final = Inert()


@dataclass(frozen=True)
class _Name:
    """A class or function that the pickle asks for."""

    module: str
    name: str


@dataclass(frozen=True)
class _Storage:
    kind: str
    member: str
    count: int


@dataclass(frozen=True)
class Stored:
    """A tensor that still lies in the file."""

    storage: _Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]


class Checkpoint:
    """A checkpoint's plain content, with tensors that are read when they are asked for.

    Args:
        path: file of ``torch.save`` (PyTorch 1.6 or newer).
    Raises:
        InputError: it is none, or damaged, or larger than any checkpoint of such nets.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            if path.stat().st_size > MAX_FILE:
                raise ValueError("it is too large")
            with zipfile.ZipFile(path) as archive:
                self._root = next(n for n in archive.namelist() if n.endswith("/data.pkl")).removesuffix("data.pkl")
                order = f"{self._root}byteorder"
                if order in archive.namelist() and _member(archive, order, 16) != b"little":
                    raise ValueError("its numbers are big-endian")
                program = _member(archive, f"{self._root}data.pkl", MAX_PROGRAM)
            self.content = _run(program)
        except (OSError, ValueError, StopIteration, IndexError, TypeError, KeyError, zipfile.BadZipFile,
                NotImplementedError, AttributeError, OverflowError) as e:  # fmt: skip
            raise InputError(
                f"{path} cannot be read as a PyTorch checkpoint ({e or type(e).__name__}); name the file that "
                "torch.save wrote, or save an old one again with PyTorch 1.6 or newer."
            ) from e

    def tensors(self, stored: dict[str, Stored]) -> dict[str, Tensor]:
        """Read tensors, each into memory of its own.

        Raises:
            InputError: their numbers are missing or damaged.
        """
        try:
            with zipfile.ZipFile(self.path) as archive:
                return {name: _read(archive, self._root, s) for name, s in stored.items()}
        except (OSError, ValueError, KeyError, RuntimeError, zipfile.BadZipFile, NotImplementedError) as e:
            raise InputError(f"The numbers in {self.path} are missing or damaged ({e}); fetch it again.") from e


def _member(archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    """The bytes of a member; PyTorch stores them uncompressed, and what is not could be a bomb."""
    info = archive.getinfo(name)
    if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1 or info.file_size > limit:
        raise ValueError(f"its part {name} is compressed, encrypted or too large")
    return archive.read(info)


def _read(archive: zipfile.ZipFile, root: str, stored: Stored) -> Tensor:
    kind = np.dtype(_TYPES[stored.storage.kind])
    data = np.frombuffer(_member(archive, f"{root}data/{stored.storage.member}", MAX_TENSOR), kind)
    last = stored.offset + sum((n - 1) * step for n, step in zip(stored.size, stored.stride, strict=True))
    count = math.prod(stored.size)
    if min((stored.offset, *stored.size, *stored.stride), default=0) < 0 or last >= len(data) or count > len(data):
        raise ValueError("a tensor reaches beyond its numbers")
    return torch.from_numpy(data.copy()).as_strided(stored.size, stored.stride, stored.offset).clone()


def _run(program: bytes) -> Any:
    """The plain content of a pickle.

    Raises:
        ValueError, IndexError, TypeError, KeyError: it is none.
    """
    stack: list[Any] = []
    marks: list[int] = []
    memo: dict[int, Any] = {}

    def since_mark() -> list[Any]:
        at = marks.pop()
        found = stack[at:]
        del stack[at:]
        return found

    for count, (op, argument, _) in enumerate(pickletools.genops(program)):
        if count > MAX_OPERATIONS:
            raise ValueError("it has more operations than any checkpoint")
        name = op.name
        if name in _CONSTANTS:
            stack.append(_CONSTANTS[name]())
        elif name in _LITERALS:
            stack.append(argument)
        elif name == "MARK":
            marks.append(len(stack))
        elif name in ("PUT", "BINPUT", "LONG_BINPUT"):
            memo[int(argument or 0)] = stack[-1]
        elif name == "MEMOIZE":
            memo[len(memo)] = stack[-1]
        elif name in ("GET", "BINGET", "LONG_BINGET"):
            stack.append(memo[int(argument or 0)])
        elif name == "DUP":
            stack.append(stack[-1])
        elif name == "POP":
            if marks and marks[-1] == len(stack):
                marks.pop()
            else:
                stack.pop()
        elif name == "POP_MARK":
            since_mark()
        elif name in ("TUPLE", "LIST"):
            found = since_mark()
            stack.append(tuple(found) if name == "TUPLE" else found)
        elif name in ("TUPLE1", "TUPLE2", "TUPLE3"):
            n = int(name[-1])
            stack[-n:] = [tuple(stack[-n:])]
        elif name == "DICT":
            pairs: dict[Any, Any] = {}
            _set(pairs, since_mark())
            stack.append(pairs)
        elif name == "SETITEMS":
            items = since_mark()
            _set(stack[-1], items)
        elif name == "SETITEM":
            value, key = stack.pop(), stack.pop()
            _set(stack[-1], [key, value])
        elif name == "APPENDS":
            more = since_mark()
            _append(stack[-1], more)
        elif name == "APPEND":
            one = stack.pop()
            _append(stack[-1], [one])
        elif name == "GLOBAL":
            module, _, attribute = str(argument).partition(" ")
            stack.append(_Name(module, attribute))
        elif name == "STACK_GLOBAL":
            attribute, module = stack.pop(), stack.pop()
            texts = isinstance(module, str) and isinstance(attribute, str)
            stack.append(_Name(module, attribute) if texts else INERT)
        elif name == "REDUCE":
            arguments, function = stack.pop(), stack.pop()
            stack.append(_called(function, arguments))
        elif name in ("BUILD", "NEXT_BUFFER", "READONLY_BUFFER"):
            if name == "BUILD":
                stack.pop()  # an object's state: nobody asks for it
            elif name == "NEXT_BUFFER":
                stack.append(INERT)
        elif name in ("NEWOBJ", "NEWOBJ_EX"):
            del stack[-2 if name == "NEWOBJ" else -3 :]
            stack.append(INERT)
        elif name in ("OBJ", "INST", "FROZENSET"):
            since_mark()
            stack.append(INERT)
        elif name == "ADDITEMS":
            since_mark()
        elif name == "BINPERSID":
            stack.append(_stored(stack.pop()))
        elif name in ("EXT1", "EXT2", "EXT4", "PERSID"):
            stack.append(INERT)
        elif name == "STOP":
            return stack.pop()
        elif name not in ("PROTO", "FRAME"):
            raise ValueError(f"it has the operation {name}")
    raise ValueError("it has no end")


_CONSTANTS: Final[dict[str, Callable[[], Any]]] = {
    "NONE": lambda: None, "NEWTRUE": lambda: True, "NEWFALSE": lambda: False, "EMPTY_DICT": dict, "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple, "EMPTY_SET": lambda: INERT,
}  # fmt: skip
_LITERALS: Final = frozenset((
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "STRING", "BINSTRING",
    "SHORT_BINSTRING", "UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "BINBYTES", "SHORT_BINBYTES",
    "BINBYTES8", "BYTEARRAY8",
))  # fmt: skip


def _set(target: Any, items: list[Any]) -> None:
    """Put key, value, key, value, ... into a dictionary; keys that are neither texts nor whole numbers fall out."""
    if isinstance(target, dict):
        target.update({k: v for k, v in zip(items[::2], items[1::2], strict=True) if type(k) in (str, int)})


def _append(target: Any, items: list[Any]) -> None:
    if isinstance(target, list):
        target.extend(items)


def _called(function: Any, arguments: Any) -> Any:
    """What a call would give, for the three that make tensors and their dictionaries; anything else is inert."""
    if not isinstance(function, _Name) or not isinstance(arguments, tuple):
        return INERT
    if (function.module, function.name) == ("collections", "OrderedDict") and not arguments:
        return {}
    if (function.module, function.name) == ("torch._utils", "_rebuild_tensor_v2") and len(arguments) >= 4:
        storage, offset, size, stride = arguments[:4]
        whole = type(offset) is int and all(
            isinstance(x, tuple) and len(x) <= 8 and all(type(n) is int for n in x) for x in (size, stride)
        )
        if isinstance(storage, _Storage) and whole and len(size) == len(stride):
            return Stored(storage, offset, size, stride)
    if (function.module, function.name) == ("torch._utils", "_rebuild_parameter") and arguments:
        return arguments[0] if isinstance(arguments[0], Stored) else INERT
    return INERT


def _stored(key: Any) -> Any:
    """``("storage", type, name, device, count)``: numbers in a part of their own."""
    if not isinstance(key, tuple) or len(key) != 5 or key[0] != "storage" or not isinstance(key[1], _Name):
        return INERT
    kind, member, count = key[1].name, key[2], key[4]
    if key[1].module != "torch" or kind not in _TYPES or not isinstance(member, str) or not member.isalnum():
        return INERT
    return _Storage(kind, member, count) if type(count) is int else INERT
