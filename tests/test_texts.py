"""Texts from files are harmless when they are shown, and otherwise what they were."""

from __future__ import annotations

import pickle

import pytest

from mssync.errors import InputError
from mssync.texts import clean


@pytest.mark.parametrize("text", ["", "Zoë 🙂 – 你好", "نمی\u200cخواهم", "👩\u200d💻 $x_1$ \\frac", "e\u0301"])
def test_ordinary_texts_stay(text: str) -> None:
    assert clean(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[2Jb", "a\ufffd[2Jb"),
        ("a\x07\x00\x7f\x9b", "a\ufffd\ufffd\ufffd\ufffd"),
        ("one\ntwo\r\nthree\tfour\u2028five", "one two  three four five"),
        ("gpj.\u202eexe\u2066", "gpj.\ufffdexe\ufffd"),
        ("half \ud800 pair", "half \ufffd pair"),
        ("bytes \udcff", "bytes \ufffd"),
        (None, "None"),
    ],
)
def test_signs_that_steer_are_shown_as_such(text: object, shown: str) -> None:
    assert clean(text) == shown
    clean(text).encode()


def test_long_texts_are_cut() -> None:
    assert clean("x" * 300, 10) == "x" * 9 + "…"
    assert clean("x" * 10, 10) == "x" * 10


def test_every_error_is_one_harmless_line() -> None:
    error = InputError("The photo a\x1b[2J\nb.png is \u202eodd\udcff; mend it.")
    assert str(error) == "The photo a\ufffd[2J b.png is \ufffdodd\ufffd; mend it."
    assert str(pickle.loads(pickle.dumps(error))) == str(error)  # as from another process
    long = str(InputError(f"The photo {'x' * 100_000}.png is missing; check its name."))
    assert len(long) < 600 and long.startswith("The photo xxx") and long.endswith("x.png is missing; check its name.")
    assert len(str(InputError("x " * 100_000))) == 4000
