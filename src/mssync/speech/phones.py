"""Which phone is spoken when: forced alignment of a known text, and the texts that GRID's file names spell.

Phones are the 39 of the CMU dictionary (ARPAbet without stress marks); pauses are ``SIL``. The aligner is PocketSphinx
(Huggins-Daines et al. 2006), US English, of the extra ``eval``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import import_module
from pathlib import PurePath
from typing import Any, Final

import numpy as np

from mssync.arrays import Array
from mssync.errors import InputError
from mssync.timing import FPS, SAMPLE_RATE

ALIGNER_STEPS: Final = 100  # per second
BILABIALS: Final = frozenset({"P", "B", "M"})

# The sentences of the GRID corpus (Cooke et al. 2006): one letter per word.
_COMMAND: Final = {"b": "bin", "l": "lay", "p": "place", "s": "set"}
_COLOUR: Final = {"b": "blue", "g": "green", "r": "red", "w": "white"}
_WHERE: Final = {"a": "at", "b": "by", "i": "in", "w": "with"}
_NUMBERS: Final = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_DIGIT: Final = dict(zip("z123456789", _NUMBERS, strict=True))
_LETTER: Final = {c: c for c in "abcdefghijklmnopqrstuvxyz"}  # no w: it has three syllables
_ADVERB: Final = {"a": "again", "n": "now", "p": "please", "s": "soon"}
_SLOTS: Final = (_COMMAND, _COLOUR, _WHERE, _LETTER, _DIGIT, _ADVERB)

_WORD: Final = re.compile(r"[^\W_]+(?:'[^\W_]+)*")


@dataclass(frozen=True)
class Phone:
    """One phone of an aligned recording.

    Attributes:
        name: ``B``, ``AA``, ...; ``SIL`` for a pause.
        start, end: seconds.
    """

    name: str
    start: float
    end: float


def sentence(name: str) -> str | None:
    """The words that a GRID clip's file name spells, for example ``bbaf2n.mpg``: "bin blue at f two now".

    The six letters may stand anywhere between separators (``s2_bbaf2n-1.mp4``). None where no part spells a sentence.
    """
    for part in re.split(r"[\W_]+", PurePath(name).stem.lower()):
        if len(part) == len(_SLOTS):
            words = [slot.get(c) for slot, c in zip(_SLOTS, part, strict=True)]
            if all(words):
                return " ".join(w for w in words if w)
    return None


def align(sound: Array, text: str) -> list[Phone]:
    """Forced alignment.

    Args:
        sound: ``(n,)`` mono at 16 kHz, in [-1, 1].
        text: what is said, in English words; case and punctuation do not matter.
    Returns:
        Every phone and pause in order, to within 10 ms.
    Raises:
        InputError: the extra ``eval`` is missing; the text has no words, or words that the dictionary does not know
            (all of them are named); the sound does not fit the text.
    """
    decoder = _decoder()
    words = _WORD.findall(text.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'"))
    if not words:
        raise InputError("The text for the phones holds no words; write down what is said.")
    unknown = sorted({w for w in words if decoder.lookup_word(w) is None})
    if unknown:
        raise InputError(
            f"The pronouncing dictionary does not know {', '.join(unknown)}; write the text in common English words, "
            "numbers spelled out."
        )
    pcm = (np.clip(sound, -1.0, 1.0) * 32767).astype(np.int16).tobytes()
    try:
        decoder.set_align_text(" ".join(words))
        _decode(decoder, pcm)
        decoder.set_alignment()  # from words to the phones within them
        _decode(decoder, pcm)
        # Entries live only while the alignment is walked through: no list of words may be kept.
        found = [
            Phone(p.name, p.start / ALIGNER_STEPS, (p.start + p.duration) / ALIGNER_STEPS)
            for word in decoder.get_alignment() or ()
            for p in word
        ]
    except (RuntimeError, IndexError):  # no path through the text; no sample at all
        found = []
    if not found:
        raise InputError("The text does not fit the sound; write down all that is said, and nothing else.")
    return found


def frames_of(phone: Phone, frames: int, wider: int) -> slice:
    """Frames that a phone touches, and ``wider`` more on both sides, of a clip of that many ``frames``."""
    first, end = int(phone.start * FPS) - wider, int(np.ceil(phone.end * FPS - 1e-9)) + wider
    return slice(max(0, first), min(frames, end))


def _decoder() -> Any:
    try:
        sphinx = import_module("pocketsphinx")
    except ImportError as e:
        raise InputError(
            "Phones need PocketSphinx; install it with `python -m pip install pocketsphinx` on Python 3.11 to 3.13."
        ) from e
    return sphinx.Decoder(samprate=SAMPLE_RATE, bestpath=False, loglevel="FATAL")


def _decode(decoder: Any, pcm: bytes) -> None:
    decoder.start_utt()
    decoder.process_raw(pcm, full_utt=True)
    decoder.end_utt()
