"""Texts that come from files and names, made fit to be shown or stored: bounded, on one line, without hidden signs."""

from __future__ import annotations

import unicodedata
from typing import Final

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


def _shown(c: str) -> str:
    if c in "\t\n\r\v\f\u2028\u2029\x85":
        return " "
    return c if c in _JOINERS or unicodedata.category(c) not in _HIDDEN else "\ufffd"
