"""The columns of the ``mesh`` space: names, units, signs and ranges, written down once."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from mssync.arrays import Array
from mssync.errors import InputError

SLIGHTLY: Final = 0.1  # share of a range's width by which a file's numbers may leave it


@dataclass(frozen=True)
class Column:
    """What one column of a motion means: name, unit, axis, the sign's direction and how far it goes.

    Attributes:
        low, high: the range of the column; nothing beyond it is drawn.
    """

    name: str
    unit: str
    meaning: str
    low: float
    high: float


HEAD: Final = (
    Column("rot_x", "rad", "rotation vector, picture axes: + nods the chin towards the chest", -math.pi, math.pi),
    Column("rot_y", "rad", "rotation vector: + turns the nose towards the picture's left", -math.pi, math.pi),
    Column("rot_z", "rad", "rotation vector: + tilts clockwise in the picture", -math.pi, math.pi),
    Column("trans_x", "inter-ocular distances", "+ moves to the picture's right", -100.0, 100.0),
    Column("trans_y", "inter-ocular distances", "+ moves down", -100.0, 100.0),
    Column("log_scale", "log", "+ comes nearer", -4.0, 4.0),
)
LIP_GAP: Final = Column("lip_gap", "inter-ocular distances", "between the lips' inner edges; 0: they touch", -1.0, 2.0)
EYES: Final = (
    Column("lid_left", "share", "closure of the subject's left eye: 0 = its own open state, 1 = shut", -1.0, 2.0),
    Column("lid_right", "share", "closure of the subject's right eye", -1.0, 2.0),
    Column("gaze_x", "eye widths", "irises, + to the picture's right, relative to rest", -2.0, 2.0),
    Column("gaze_y", "eye widths", "irises, + down, relative to rest", -2.0, 2.0),
)
_NAMED: Final = {c.name: c for c in (*HEAD, LIP_GAP, *EYES)}


def expression(number: int) -> Column:
    """One direction of the expression basis."""
    return Column(f"expr_{number:02d}", "training RMS", "expression basis coefficient", -30.0, 30.0)


def column(name: str) -> Column:
    """The column of a name; for one that the space does not have, a column of wide range."""
    if name.startswith("expr_"):
        return expression(0)
    return _NAMED.get(name) or Column(name, "", "unknown", -1000.0, 1000.0)


def within_ranges(values: Array, names: Sequence[str], source: object) -> Array:
    """Motion ``(T, D)`` from a file, every column inside its range.

    Numbers slightly outside (a tenth of the range's width) are brought back, and a note says so.

    Args:
        values: finite numbers, one column per name.
        source: what the sentences call the file.
    Raises:
        InputError: a number lies further out than that.
    """
    known = [column(n) for n in names]
    low, high = np.array([c.low for c in known]), np.array([c.high for c in known])
    room = SLIGHTLY * (high - low)
    lowest, highest = values.min(0), values.max(0)
    far = (lowest < low - room) | (highest > high + room)
    if far.any():
        i = int(np.argmax(far))
        wrong = lowest[i] if lowest[i] < low[i] - room[i] else highest[i]
        raise InputError(
            f"{source} holds {wrong:g} in the column {names[i]!r}, which goes from {low[i]:.4g} to {high[i]:.4g}; "
            "mend or make the motion again."
        )
    out = (lowest < low) | (highest > high)
    if not out.any():
        return values
    listed = ", ".join(n for n, o in zip(names, out, strict=True) if o)
    warnings.warn(f"{source} leaves the range of {listed} by a little; the numbers were brought back.", stacklevel=3)
    return np.clip(values, low, high).astype(np.float32)
