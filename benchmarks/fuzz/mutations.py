"""Ways to spoil a file: by bytes, and by meaning where its kind is known. All of them draw from one ``Random``."""

from __future__ import annotations

import io
import json
import random
import struct
import zipfile
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np

INTS: Final = (0, 1, -1, 2, 127, 255, 256, 65535, 2**31 - 1, 2**31, 2**32 - 1, 2**53, 2**63 - 1, -(2**63), 10**30)
FLOATS: Final = (0.0, -0.0, 1e-45, 1e-9, 0.5, 1e6, -1e6, 1e30, -1e30, 1e308, float("nan"), float("inf"), -float("inf"))
TEXTS: Final = (
    "", " ", "\0", "a\nb", "\x1b[2J\x1b]0;x\x07", "\u202eexe.gpj\u2066", "\ud800", "\udcff", "x" * 300, "x" * 70_000,
    "../../etc/passwd", "/dev/zero", "C:\\NUL", "CON", "%s%n", "${x}", "$\\frac$", "<b>&amp;", "'\";--", "1e999", "NaN",
    "2024-13-45", "None", "é\u0301", "👩\u200d💻", "١٢٣", "=1+1", "-", "~nouser/x", "https://localhost/x",
)  # fmt: skip


# ---- bytes ---------------------------------------------------------------------------------------------------------


def spoil_bytes(data: bytes, rng: random.Random, others: Sequence[bytes] = ()) -> bytes:
    """One to four changes of bytes, some of them where sizes and counts usually are: at the front."""
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 2, 4))):
        rng.choice(_BYTE_WAYS)(out, rng, others)
    return bytes(out)


def _place(out: bytearray, rng: random.Random) -> int:
    if not out:
        out += b"\0"
    front = min(len(out), rng.choice((16, 64, 512)))
    return rng.randrange(front) if rng.random() < 0.5 else rng.randrange(len(out))


def _flip(out: bytearray, rng: random.Random, _: Sequence[bytes]) -> None:
    for _ in range(rng.choice((1, 1, 2, 8, 64))):
        out[_place(out, rng)] ^= 1 << rng.randrange(8)


def _set(out: bytearray, rng: random.Random, _: Sequence[bytes]) -> None:
    at = _place(out, rng)
    value = rng.choice((0, 1, 0x7F, 0x80, 0xFF))
    out[at : at + rng.choice((1, 2, 4, 8))] = bytes([value]) * rng.choice((1, 2, 4, 8))


def _number(out: bytearray, rng: random.Random, _: Sequence[bytes]) -> None:
    at = _place(out, rng)
    kind = rng.choice(("<I", ">I", "<H", ">H", "<Q", ">Q"))
    size = struct.calcsize(kind)
    out[at : at + size] = struct.pack(kind, rng.choice(INTS) % 2 ** (8 * size))


def _cut(out: bytearray, rng: random.Random, _: Sequence[bytes]) -> None:
    del out[_place(out, rng) :]


def _behead(out: bytearray, rng: random.Random, _: Sequence[bytes]) -> None:
    del out[: _place(out, rng)]


def _remove(out: bytearray, rng: random.Random, _: Sequence[bytes]) -> None:
    at = _place(out, rng)
    del out[at : at + rng.choice((1, 4, 64, 1024))]


def _repeat(out: bytearray, rng: random.Random, _: Sequence[bytes]) -> None:
    at = _place(out, rng)
    piece = out[at : at + rng.choice((1, 8, 64, 4096))]
    out[at:at] = piece * rng.choice((1, 2, 50))


def _insert(out: bytearray, rng: random.Random, _: Sequence[bytes]) -> None:
    at = _place(out, rng)
    out[at:at] = rng.randbytes(rng.choice((1, 4, 64, 1024)))


def _blank(out: bytearray, rng: random.Random, _: Sequence[bytes]) -> None:
    at = _place(out, rng)
    n = min(rng.choice((4, 64, 1024)), len(out) - at)
    out[at : at + n] = rng.choice((b"\0", b"\xff", b" ")) * n


def _splice(out: bytearray, rng: random.Random, others: Sequence[bytes]) -> None:
    if not others:
        return
    other = rng.choice(others)
    at, start = _place(out, rng), rng.randrange(max(1, len(other)))
    piece = other[start : start + rng.choice((16, 512, 1 << 20))]
    if rng.random() < 0.5:
        out[at : at + len(piece)] = piece
    else:
        out[at:] = piece


_BYTE_WAYS: Final[tuple[Callable[[bytearray, random.Random, Sequence[bytes]], None], ...]] = (
    _flip, _flip, _flip, _set, _number, _number, _cut, _behead, _remove, _repeat, _insert, _blank, _splice,
)  # fmt: skip


# ---- JSON and what is like it --------------------------------------------------------------------------------------


def spoil_tree(value: Any, rng: random.Random) -> Any:
    """A copy of parsed JSON with one to three entries changed."""
    tree = json.loads(json.dumps(value))
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        tree = _spoil_entry(tree, rng)
    return tree


def strange(rng: random.Random) -> Any:
    """A value that hardly anybody expects."""
    return rng.choice(
        (
            None, True, False, [], {}, [[]], {"": None}, rng.choice(INTS), rng.choice(FLOATS), rng.choice(TEXTS),
            [rng.choice(INTS)] * 3, [rng.choice(TEXTS)], {"a": {"b": {"c": 1}}}, [None] * 1000,
        )
    )  # fmt: skip


def _spoil_entry(tree: Any, rng: random.Random) -> Any:
    spots: list[tuple[Any, Any]] = []
    _spots(tree, spots)
    if not spots:
        return strange(rng)
    holder, key = rng.choice(spots)
    way = rng.randrange(8)
    if way == 0:
        del holder[key]
    elif way == 1 and isinstance(holder, dict):
        holder[rng.choice(TEXTS)] = holder.pop(key)
    elif way == 2 and isinstance(holder[key], list):
        holder[key] = (holder[key] or [0]) * rng.choice((2, 3, 1000))
    elif way == 3 and isinstance(holder[key], int | float) and not isinstance(holder[key], bool):
        holder[key] = rng.choice((*INTS, *FLOATS, -holder[key], holder[key] + 1, holder[key] * 1000))
    elif way == 4:
        holder[key] = [holder[key]]
    elif way == 5:
        holder[key] = str(holder[key])
    else:
        holder[key] = strange(rng)
    return tree


def _spots(tree: Any, out: list[tuple[Any, Any]]) -> None:
    pairs = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in pairs:
        out.append((tree, key))
        _spots(value, out)


def spoil_json(value: Any, rng: random.Random) -> bytes:
    """The JSON of a spoiled tree, or spoiled JSON of the tree itself."""
    way = rng.random()
    if way < 0.72:
        return json.dumps(spoil_tree(value, rng)).encode("utf-8", "surrogatepass")
    text = json.dumps(value, indent=rng.choice((None, 1)))
    if way < 0.88:
        return spoil_bytes(text.encode(), rng)
    return rng.choice(
        (
            b"", b"null", b"[]", b"{}", b"[" * 100_000, b'{"a":' * 50_000, b"9" * 5000,
            b"\xff\xfe" + text.encode("utf-16-le"),
            b"\xef\xbb\xbf" + text.encode(), text.encode() * 2, text.encode() + b"\0", b'"\\ud800"', b"NaN",
            text.replace("1", "1e400").encode(), text.replace("0", "9" * 5000, 1).encode(), b" " * 1_000_000,
        )
    )  # fmt: skip


# ---- array files ---------------------------------------------------------------------------------------------------


def spoil_arrays(arrays: Mapping[str, Any], rng: random.Random) -> bytes:
    """A ``.npz`` with one to two arrays changed, or its bytes."""
    spoiled = {k: np.array(v) for k, v in arrays.items()}
    way = rng.random()
    if way < 0.25:
        return spoil_bytes(pack(spoiled), rng)
    if way < 0.35:
        return _strange_zip(spoiled, rng)
    for _ in range(rng.choice((1, 1, 2))):
        name = rng.choice(list(spoiled) or ["x"])
        if name in spoiled:
            _spoil_array(spoiled, name, rng)
    return pack(spoiled)


def pack(arrays: Mapping[str, Any]) -> bytes:
    """The bytes of a ``.npz`` (objects are pickled, as anybody can)."""
    out = io.BytesIO()
    np.savez_compressed(out, **dict(arrays))
    return out.getvalue()


def _spoil_array(arrays: dict[str, Any], name: str, rng: random.Random) -> None:
    a = arrays[name]
    way = rng.randrange(14)
    if way == 0:
        del arrays[name]
    elif way == 1:
        arrays[rng.choice(("x", "header", "../x", "é" * 60, name + "2"))] = arrays.pop(name)
    elif way == 2:
        kind = rng.choice(("f2", "f8", ">f4", "i4", "u1", "c8", "U5", "?", "S3", "g", "M8[s]"))
        try:
            arrays[name] = a.astype(kind)
        except (ValueError, TypeError):
            arrays[name] = np.zeros(a.shape, "f8")
    elif way == 3:
        arrays[name] = a[..., None] if rng.random() < 0.5 else a[None]
    elif way == 4:
        arrays[name] = a.reshape(-1)
    elif way == 5 and a.ndim:
        arrays[name] = (
            a[: rng.randrange(len(a) + 1)] if rng.random() < 0.6 else a[..., : rng.randrange(a.shape[-1] + 1)]
        )
    elif way == 6 and a.ndim and a.size < 1e6:
        arrays[name] = np.concatenate([a] * rng.choice((2, 3)), rng.randrange(a.ndim))
    elif way == 7:
        arrays[name] = np.array([None, {"a": 1}], object)
    elif way == 8:
        arrays[name] = np.zeros(rng.choice(((0,), (0, 0), (1, 0, 3), (3,), ())), a.dtype)
    elif way == 9:
        arrays[name] = np.asfortranarray(a)
    elif a.dtype.kind in "fiu" and a.size:
        with np.errstate(all="ignore"):
            b = a.astype("f8") if a.dtype.kind == "f" else a.copy()
            flat = b.reshape(-1)
            for _ in range(rng.choice((1, 3, 100))):
                value = rng.choice(FLOATS) if b.dtype.kind == "f" else rng.choice((0, 1, 127, 255)) % 128
                flat[rng.randrange(flat.size)] = value
            if rng.random() < 0.25:
                b = b * rng.choice((0, -1, 10, 1e6)) if b.dtype.kind == "f" else b * 0
            arrays[name] = b.astype(a.dtype)
    elif a.dtype.kind == "U":
        arrays[name] = np.array(rng.choice([t for t in TEXTS if max(t, default="a") < "\ud800" or max(t) > "\udfff"]))


def _strange_zip(arrays: Mapping[str, Any], rng: random.Random) -> bytes:
    members = {}
    for name, values in arrays.items():
        one = io.BytesIO()
        np.save(one, values)
        members[name + ".npy"] = one.getvalue()
    name = rng.choice(list(members))
    way = rng.randrange(6)
    kind = zipfile.ZIP_DEFLATED
    if way == 0:
        kind = rng.choice((zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2))
    elif way == 1:
        members[name] = _claimed(
            members[name], rng.choice(("(1000000000000,)", "(4611686018427387904, 4)", "(-1, 3)", "(3,)"))
        )
    elif way == 2:
        members[name] = b"\x93NUMPY\x01\x00\xff\xff" + b"{" * 70_000
    elif way == 3:
        members |= {f"{i}.npy": b"" for i in range(3000)}
    elif way == 4:
        members[name] = members[name][: rng.randrange(len(members[name]))]
    else:
        members[name] = _claimed(members[name], "(200000000,)")[:128] + bytes(rng.choice((1 << 16, 1 << 24)))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", kind, compresslevel=1) as z:
        for member, data in members.items():
            z.writestr(member, data)
    return out.getvalue()


def _claimed(npy: bytes, shape: str) -> bytes:
    """An array file that says another shape."""
    at = npy.find(b"'shape':")
    end = npy.find(b"}", at)
    if at < 0 or end < 0:
        return npy
    changed = npy[:at] + b"'shape': " + shape.encode() + b", }"
    return (changed + b" " * max(0, end + 1 - len(changed)) + npy[max(end + 1, len(changed)) :])[: max(len(npy), 128)]
