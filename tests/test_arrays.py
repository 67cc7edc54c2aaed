"""Array files from anybody: what they claim is held against what is wanted before memory is taken."""

from __future__ import annotations

import io
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mssync.arrays import Wanted, names_of, read_arrays

WANTED = {"a": Wanted("f", 2, 1000), "b": Wanted("iu", 0, 8, optional=True)}


def packed(**arrays: Any) -> io.BytesIO:
    out = io.BytesIO()
    np.savez_compressed(out, **arrays)
    return io.BytesIO(out.getvalue())


def test_what_is_wanted_is_read(tmp_path: Path) -> None:
    a = np.arange(6, dtype=np.float16).reshape(2, 3)
    got = read_arrays(packed(a=a, b=np.int32(7), other=np.array("x")), WANTED)
    assert set(got) == {"a", "b"} and int(got["b"]) == 7
    np.testing.assert_array_equal(got["a"], a)
    (tmp_path / "x.npz").write_bytes(packed(a=a).getvalue())
    assert set(read_arrays(tmp_path / "x.npz", WANTED)) == {"a"} and names_of(tmp_path / "x.npz") == ["a"]


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"b": np.int32(1)}, "'a' is missing"),
        ({"a": np.zeros(3)}, "the shape"),
        ({"a": np.zeros((2, 3), int)}, "the type int64"),
        ({"a": np.array([["x"]])}, "the type"),
        ({"a": np.zeros((2, 1000))}, "too large"),
        ({"a": np.array([[None]], object)}, "the type object|too large"),
    ],
)
def test_what_is_not_wanted_is_named(arrays: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_arrays(packed(**arrays), WANTED)


def _zip(members: list[tuple[str, bytes]], how: int = zipfile.ZIP_DEFLATED) -> io.BytesIO:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", how) as z:
        for name, data in members:
            z.writestr(name, data)
    return io.BytesIO(out.getvalue())


def _npy(values: Any) -> bytes:
    out = io.BytesIO()
    np.save(out, values)
    return out.getvalue()


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_strange_packing_is_refused() -> None:
    good = _npy(np.zeros((2, 3)))
    for source, said in (
        (_zip([("a.npy", good), ("a.npy", good)]), "two arrays of one name"),
        (_zip([("a.npy", good)], zipfile.ZIP_LZMA), "unusual way"),
        (_zip([(f"{i}.npy", b"") for i in range(1001)]), "1001 arrays"),
        (io.BytesIO(b"no zip"), "no undamaged"),
        (_zip([("a.npy", good[:-1])]), "."),
        (_zip([("a.npy", good.replace(b"\x93NUMPY\x01", b"\x93NUMPY\x09"))]), "."),
    ):
        with pytest.raises(ValueError, match=said):
            read_arrays(source, WANTED)


def test_a_shape_that_is_only_claimed_takes_no_memory() -> None:
    head = _npy(np.zeros((2, 3)))[:-48].replace(b"(2, 3), }" + b" " * 12, b"(2000000000, 3), }   ")
    assert b"2000000000" in head
    source = _zip([("a.npy", head + bytes(64))])
    tracemalloc.start()
    with pytest.raises(ValueError, match="too large"):
        read_arrays(source, {"a": Wanted("f", 2, 2**30)})
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()
