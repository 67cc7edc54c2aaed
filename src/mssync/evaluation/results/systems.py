"""The systems of an evaluation: real footage, baselines, and what is on trial."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

Row = dict[str, Any]

REAL: Final = "real"
GENERATED: Final = "generated"
# The systems of a bench.
STILL: Final = "still photo"
SHUFFLED: Final = "audio shuffled"
LIPS_ONLY: Final = "lips only"
NEAREST: Final = "nearest training motion"
OUR_MODEL: Final = "our model"
# These have nothing to do with the sound: a score on which they beat the system on trial is marked.
BASELINES: Final = (STILL, SHUFFLED)
# Real footage comes first, the system on trial last, whatever the order of the rows.
_ORDER: Final = (REAL, STILL, SHUFFLED, LIPS_ONLY, NEAREST)


def systems_of(rows: Iterable[Row]) -> list[str]:
    """Names of the systems: real footage first, then baselines, then the others in order of appearance."""
    names = list(dict.fromkeys(row["system"] for row in rows))
    return sorted(names, key=lambda name: _ORDER.index(name) if name in _ORDER else len(_ORDER))
