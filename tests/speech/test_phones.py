"""Phones: GRID's names, forced alignment of a voice whose text is known, and clear refusals."""

from __future__ import annotations

import sys
from importlib import resources
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mssync.errors import InputError
from mssync.media.audio import load_sound
from mssync.speech.phones import Phone, align, sentence

Array = NDArray[np.float32]

FIRST = "Hello, I am made from one photo and one voice. My lips and my head move with the speech."
SECOND = "Maybe your own laptop can do the same, but please tell people I am synthetic!"


@pytest.fixture(scope="module")
def voice() -> Array:
    """The demo voice, which is synthetic; its text stands in mssync/data/README.md."""
    return load_sound(Path(str(resources.files("mssync"))) / "data" / "demo.flac")


@pytest.fixture(scope="module")
def spoken(voice: Array) -> list[Phone]:
    pytest.importorskip("pocketsphinx")
    return align(voice, f"{FIRST} {SECOND}")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("bbaf2n.mpg", "bin blue at f two now"),
        ("folder/prwzzp-12ab.mp4", "place red with z zero please"),
        ("s2_LGIX9A", "lay green in x nine again"),
        ("bbaf2n/portrait.mp4", None),
        ("bbaw2n", None),  # GRID has no letter w
        ("bbaf2", None),
        ("talking.mp4", None),
        ("", None),
    ],
)
def test_sentences_of_grid(name: str, words: str | None) -> None:
    assert sentence(name) == words


def test_every_phone_in_order(spoken: list[Phone]) -> None:
    assert all(0 <= a.start < a.end <= b.start + 1e-9 for a, b in pairwise(spoken))
    assert spoken[-1].end <= 10.9
    names = [p.name for p in spoken if p.name != "SIL"]
    assert names[:4] in (["HH", "AH", "L", "OW"], ["HH", "EH", "L", "OW"])
    # am made from my lips my move speech | maybe(2) laptop(2) same but please people(2) am
    assert sum(n in "PBM" for n in names) == 18
    # The pause between the sentences.
    assert any(p.name == "SIL" and p.start < 5.7 and p.end > 6.1 for p in spoken)


def test_text_is_read_whatever_its_dress(voice: Array) -> None:
    pytest.importorskip("pocketsphinx")
    plain = align(voice, f"{FIRST} {SECOND}")
    dressed = align(voice, f"  {FIRST.upper()}\n -- \u201c{SECOND.replace(' ', '   ')}\u201d")
    assert plain == dressed
    assert align(voice, "it\u2019s well-known") != []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hello qwxzt and zzyzzx", "qwxzt, zzyzzx"),
        ("room 12", "numbers spelled out"),
        ("größe", "größe"),
        ("", "no words"),
        (" ... !", "no words"),
    ],
)
def test_texts_that_cannot_be_used(voice: Array, text: str, message: str) -> None:
    pytest.importorskip("pocketsphinx")
    with pytest.raises(InputError, match=message):
        align(voice, text)


@pytest.mark.parametrize("samples", [0, 100, 3000])
def test_sound_that_is_too_short(voice: Array, samples: int) -> None:
    pytest.importorskip("pocketsphinx")
    with pytest.raises(InputError, match="does not fit"):
        align(voice[:samples], f"{FIRST} {SECOND}")


def test_without_the_extra(voice: Array, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pocketsphinx", None)
    with pytest.raises(InputError, match="pip install pocketsphinx"):
        align(voice, FIRST)
