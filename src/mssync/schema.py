"""JSON from anybody, read within bounds and checked against a dataclass: wrong entries are named, not tripped over.

A dataclass says what is wanted by its types: ``str``, ``bool``, ``int``, ``float`` (whole numbers too, finite ones
only), other dataclasses, ``tuple[T, ...]``, ``dict[str, T]``, ``T | None`` and ``Any``, each of them with a
:class:`Bounds` in ``Annotated`` where there is a range. Entries that the dataclass does not know are
let through unread.
"""

from __future__ import annotations

import json
import math
import types
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from functools import cache
from typing import Annotated, Any, Final, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from mssync.texts import clean

T = TypeVar("T")

MAX_JSON: Final = 4 * 2**20
MAX_ITEMS: Final = 10_000


class Unsound(ValueError):
    """What is wrong, as the middle of a sentence: the entry and why it will not do."""


@dataclass(frozen=True)
class Bounds:
    """A range: of a number's value, of a text's length, of the number of items."""

    low: float
    high: float


def parse_json(data: bytes | str, limit: int = MAX_JSON) -> Any:
    """JSON of at most ``limit`` bytes, strict: no NaN, no infinities, no numbers of thousands of digits.

    Raises:
        Unsound: it is none.
    """
    if len(data) > limit:
        raise Unsound(f"it is longer than {limit} bytes")
    try:
        text = data if isinstance(data, str) else data.decode("utf-8-sig")
        return json.loads(text, parse_constant=_no_constant)
    except RecursionError:
        raise Unsound("it is nested too deeply") from None
    except Unsound:
        raise
    except ValueError as error:
        raise Unsound("it is no JSON text") from error


def checked(kind: type[T], value: Any, entry: str = "") -> T:
    """A value of parsed JSON as an instance of the dataclass ``kind``.

    Args:
        entry: the path of the value, which the sentences begin with.
    Raises:
        Unsound: an entry is missing, of another type or out of its bounds.
    """
    return cast("T", _dataclass(kind, value, entry))


def _dataclass(kind: Any, value: Any, entry: str) -> Any:
    if not isinstance(value, dict):
        raise Unsound(f"{_name(entry)} is no group of entries")
    made: dict[str, Any] = {}
    for name, hint, needed in _plan(kind):
        where = f"{entry}.{name}" if entry else name
        if name in value:
            made[name] = _value(hint, value[name], where)
        elif needed:
            raise Unsound(f"{_name(where)} is missing")
    return kind(**made)


@cache
def _plan(kind: Any) -> list[tuple[str, Any, bool]]:
    hints = get_type_hints(kind, include_extras=True)
    return [(f.name, hints[f.name], f.default is MISSING and f.default_factory is MISSING) for f in fields(kind)]


def _value(hint: Any, value: Any, entry: str) -> Any:
    if get_origin(hint) is Annotated:
        inner, *marks = get_args(hint)
        made = _value(inner, value, entry)
        for bounds in (m for m in marks if isinstance(m, Bounds)):
            _within(bounds, made, entry)
        return made
    origin, args = get_origin(hint), get_args(hint)
    if hint is Any:
        return value
    if origin in (Union, types.UnionType):
        if value is None and type(None) in args:
            return None
        return _value(next(a for a in args if a is not type(None)), value, entry)
    if origin is tuple:
        items = _sized(value, list, "list", entry)
        return tuple(_value(args[0], v, f"{entry}[{i}]") for i, v in enumerate(items))
    if origin is dict:
        pairs = _sized(value, dict, "group of entries", entry)
        return {k: _value(args[1], v, f"{entry}.{k}") for k, v in pairs.items()}
    if hint in _SIMPLE:
        good, what = _SIMPLE[hint]
        if not good(value):
            raise Unsound(f"{_name(entry)} is no {what}")
        return float(value) if hint is float else value
    return _dataclass(hint, value, entry)


def _sized(value: Any, kind: type, what: str, entry: str) -> Any:
    if not isinstance(value, kind):
        raise Unsound(f"{_name(entry)} is no {what}")
    if len(value) > MAX_ITEMS:  # type: ignore[arg-type]
        raise Unsound(f"{_name(entry)} has more than {MAX_ITEMS} items")
    return value


def _within(bounds: Bounds, made: Any, entry: str) -> None:
    counted = isinstance(made, str | tuple | dict)
    size = len(made) if counted else made
    if size is not None and not bounds.low <= size <= bounds.high:
        what = "has a length" if counted else "is"
        raise Unsound(f"{_name(entry)} {what} {size:.6g}, not from {bounds.low:g} to {bounds.high:g}")


def _finite(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond the largest float
        return False


_SIMPLE: Final[dict[Any, tuple[Callable[[Any], bool], str]]] = {
    str: (lambda v: isinstance(v, str) and not any("\ud800" <= c <= "\udfff" for c in v), "text"),
    bool: (lambda v: isinstance(v, bool), "true or false"),
    int: (lambda v: isinstance(v, int) and not isinstance(v, bool) and abs(v) < 2**63, "whole number"),
    float: (_finite, "number"),
}


def _no_constant(name: str) -> Any:
    raise Unsound(f"it holds {name}, which is no number of JSON")


def _name(entry: str) -> str:
    return repr(clean(entry, 120)) if entry else "it"
