"""Columns of a motion: name, unit, sign, range and group of each; those of the ``mesh`` space are written down here."""

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
        group: the part of the face that it moves, a name of :class:`Groups`; empty: none of them.
        keypoint: number of the one point that it moves, where it moves one (the paper masks a point's columns as one).
    """

    name: str
    unit: str
    meaning: str
    low: float
    high: float
    group: str = ""
    keypoint: int | None = None


_PI: Final = math.pi
HEAD: Final = (
    Column("rot_x", "rad", "rotation vector, picture axes: + nods the chin towards the chest", -_PI, _PI, "rotation"),
    Column("rot_y", "rad", "rotation vector: + turns the nose towards the picture's left", -_PI, _PI, "rotation"),
    Column("rot_z", "rad", "rotation vector: + tilts clockwise in the picture", -_PI, _PI, "rotation"),
    Column("trans_x", "inter-ocular distances", "+ moves to the picture's right", -100.0, 100.0, "translation"),
    Column("trans_y", "inter-ocular distances", "+ moves down", -100.0, 100.0, "translation"),
    Column("log_scale", "log", "+ comes nearer", -4.0, 4.0, "scale"),
)
LIP_GAP: Final = Column(
    "lip_gap", "inter-ocular distances", "between the lips' inner edges; 0: they touch", -1.0, 2.0, "lip_gap"
)
EYES: Final = (
    Column("lid_left", "share", "closure of the subject's left eye: 0 = as open as it is, 1 = shut", -1.0, 2.0, "lids"),
    Column("lid_right", "share", "closure of the subject's right eye", -1.0, 2.0, "lids"),
    Column("gaze_x", "eye widths", "irises, + to the picture's right, relative to rest", -2.0, 2.0, "gaze"),
    Column("gaze_y", "eye widths", "irises, + down, relative to rest", -2.0, 2.0, "gaze"),
)
HEAD_NAMES: Final = tuple(c.name for c in HEAD)
GAZE_NAMES: Final = tuple(c.name for c in EYES[2:])
_NAMED: Final = {c.name: c for c in (*HEAD, LIP_GAP, *EYES)}


def expression(number: int) -> Column:
    """One direction of the expression basis."""
    return Column(f"expr_{number:02d}", "training RMS", "expression basis coefficient", -30.0, 30.0, "expression")


def mesh_columns(directions: int) -> tuple[Column, ...]:
    """The columns of a ``mesh`` space with so many directions of expression."""
    return (*HEAD, *(expression(i) for i in range(directions)), LIP_GAP, *EYES)


def column(name: str) -> Column:
    """The column of a name; for one that the space does not have, a column of wide range."""
    if name.startswith("expr_"):
        return expression(0)
    return _NAMED.get(name) or Column(name, "", "unknown", -1000.0, 1000.0)


@dataclass(frozen=True)
class Groups:
    """Which columns of a motion move what.

    The columns of a group stand together, those of the head first. Head, lip gap, lids and gaze mean the same in every
    space: they are the columns written down in this module, or there are none of them. What is done to an empty group
    does nothing.

    Attributes:
        rotation, translation, scale: of the rigid head; ``shift``: translation and scale; ``head``: all three.
        expression: of the face without the lip gap, lids and gaze.
        lip_gap: one column, or none.
        mouth: expression and lip gap.
        lids: closure of the left and the right eye.
        gaze: of both irises.
        eyes: lids and gaze.
        points: of keypoints, in spaces that write a face as points.
    """

    rotation: slice
    translation: slice
    scale: slice
    expression: slice
    lip_gap: slice
    lids: slice
    gaze: slice
    shift: slice
    head: slice
    mouth: slice
    eyes: slice
    points: slice

    @staticmethod
    def of(columns: Sequence[Column]) -> Groups:
        """The groups of a space's columns.

        Raises:
            ValueError: a column names a group that there is not, the columns of a group do not stand together, those of
                head, lip gap, lids or gaze are others than in every space, or those of the head do not come first.
        """
        unknown = {c.group for c in columns} - {*_SIMPLE, ""}
        if unknown:
            raise ValueError(f"there is no group of columns {sorted(unknown)[0]!r}")
        for common in _COMMON:
            parts = {c.group for c in common}
            if (mine := tuple(c for c in columns if c.group in parts)) and mine != common:
                raise ValueError(f"the columns of {' and '.join(sorted(parts))} are not those of every motion space")

        def where(*names: str) -> slice:
            at = [i for i, c in enumerate(columns) if c.group in names]
            if at and at[-1] - at[0] + 1 != len(at):
                raise ValueError(f"the columns of {' and '.join(names)} do not stand together")
            return slice(at[0], at[-1] + 1) if at else slice(0, 0)

        if any(c.group in _HEAD for c in columns) and columns[0].group not in _HEAD:
            raise ValueError("the columns of the head, where there are any, come first")
        found = {name: where(name) for name in _SIMPLE} | {name: where(*parts) for name, parts in _JOINED.items()}
        return Groups(**found)


def width(group: slice) -> int:
    """How many columns a group has."""
    return int(group.stop - group.start)


_HEAD: Final = ("rotation", "translation", "scale")
_COMMON: Final = (HEAD, (LIP_GAP,), EYES[:2], EYES[2:])
_SIMPLE: Final = ("rotation", "translation", "scale", "expression", "lip_gap", "lids", "gaze", "points")
_JOINED: Final = {
    "shift": ("translation", "scale"), "head": _HEAD,
    "mouth": ("expression", "lip_gap"), "eyes": ("lids", "gaze"),
}  # fmt: skip


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
