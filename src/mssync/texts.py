"""Texts that come from files and names, made fit to be shown or stored: bounded, on one line, without hidden signs."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

SENTENCE: Final = 4000  # characters of a sentence
MOST: Final = 1_000_000  # that are looked at
_ENDLESS: Final = re.compile(r"\S{501,}")
LIMIT: Final = 200  # characters of a text that is shown
_JOINERS: Final = "\u200c\u200d"  # parts of words in Persian and of emoji: format signs that belong to the text
_HIDDEN: Final = ("Cc", "Cf", "Cs", "Zl", "Zp")  # control, format (bidirectional ones too), half a pair, line ends


def clean(text: object, limit: int = LIMIT) -> str:
    """A text for people: signs that would steer a terminal or turn the reading order become ``�``, tabs and line ends
    a space, and what is longer than ``limit`` ends in ``…``.
    """
    raw = text if isinstance(text, str) else str(text)
    cut = raw[:limit]
    if not (cut.isascii() and cut.isprintable()):
        cut = "".join(_shown(c) for c in cut)
    return cut if len(raw) <= limit else cut[: limit - 1] + "…"


def sentence(text: str) -> str:
    """A sentence for people: as :func:`clean`, and names of more than 500 letters lose their middle, so that what is
    said after them is still read.
    """
    return clean(_ENDLESS.sub(lambda m: f"{m[0][:250]}…{m[0][-240:]}", text[:MOST]), SENTENCE)


def _shown(c: str) -> str:
    if c in "\t\n\r\v\f\u2028\u2029\x85":
        return " "
    return c if c in _JOINERS or unicodedata.category(c) not in _HIDDEN else "\ufffd"
