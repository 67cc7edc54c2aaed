"""JSON against a dataclass: sound entries come through, each wrong one is named."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import pytest

from mssync.schema import Bounds, Unsound, checked, parse_json


@dataclass(frozen=True)
class Inner:
    x: Annotated[float, Bounds(0.0, 1.0)]


@dataclass(frozen=True)
class Outer:
    name: Annotated[str, Bounds(1, 5)]
    count: int
    inner: Inner
    rows: Annotated[tuple[Inner, ...], Bounds(1, 3)]
    texts: dict[str, str]
    flag: bool = False
    maybe: float | None = None
    free: Any = None


GOOD: dict[str, Any] = {"name": "abc", "count": 3, "inner": {"x": 0.5}, "rows": [{"x": 1}], "texts": {"k": "v"}}


def test_sound_entries_come_through() -> None:
    made = checked(Outer, GOOD | {"maybe": 2, "free": [1, {}], "more": 1})
    assert made == Outer("abc", 3, Inner(0.5), (Inner(1.0),), {"k": "v"}, False, 2.0, [1, {}])
    assert isinstance(made.rows[0].x, float)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": 3}, "'name' is no text"),
        ({"name": "toolong"}, "'name' has a length 7, not from 1 to 5"),
        ({"name": "\ud800"}, "'name' is no text"),
        ({"count": True}, "'count' is no whole number"),
        ({"count": 2**70}, "'count' is no whole number"),
        ({"count": 1.0}, "'count' is no whole number"),
        ({"inner": None}, "'inner' is no group"),
        ({"inner": {}}, "'inner.x' is missing"),
        ({"inner": {"x": "1"}}, "'inner.x' is no number"),
        ({"inner": {"x": 10**400}}, "'inner.x' is no number"),
        ({"inner": {"x": float("nan")}}, "'inner.x' is no number"),
        ({"inner": {"x": -0.1}}, "'inner.x' is -0.1, not from 0 to 1"),
        ({"rows": {}}, "'rows' is no list"),
        ({"rows": []}, "'rows' has a length 0"),
        ({"rows": [{"x": 0}, 1]}, r"'rows\[1\]' is no group"),
        ({"texts": {"a\x1b[2J": 1}}, "'texts.a\ufffd"),
        ({"flag": 1}, "'flag' is no true or false"),
        ({"maybe": "x"}, "'maybe' is no number"),
    ],
)
def test_each_wrong_entry_is_named(change: dict[str, Any], said: str) -> None:
    with pytest.raises(Unsound, match=said):
        checked(Outer, GOOD | change)


@pytest.mark.parametrize("value", [None, [], 1, "x"])
def test_what_is_no_group_at_all(value: Any) -> None:
    with pytest.raises(Unsound, match="it is no group"):
        checked(Outer, value)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"{", "no JSON"),
        (b"\xff\xfe", "no JSON"),
        (b"[" * 200_000, "nested too deeply"),
        (b'{"a": NaN}', "holds NaN"),
        (b"[-Infinity]", "holds -Infinity"),
        (b"9" * 5000, "no JSON"),
        (b" " * 101, "longer than 100"),
    ],
)
def test_json_that_is_none(data: bytes, said: str) -> None:
    with pytest.raises(Unsound, match=said):
        parse_json(data, 100 if said.startswith("longer") else 2**20)


def test_json_is_read_with_and_without_a_mark() -> None:
    assert parse_json(b'\xef\xbb\xbf{"a": [1, "\xc3\xab"]}') == parse_json('{"a": [1, "ë"]}') == {"a": [1, "ë"]}
