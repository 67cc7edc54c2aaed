"""What a model's ``manifest.json`` says, as one checked table: names, sizes, statistics, and the hash of every file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Final

from mssync.schema import Bounds, Unsound, checked

FILES: Final = ("sound.onnx", "step.onnx", "closure.onnx", "space.npz")
# Held equal to the rooms that own them by tests/test_models.py: manifests are read before those rooms are loaded.
BANDS, HEAD_COLUMNS, OTHER_COLUMNS, COURSE = 26, 6, 5, 13

_Size = Annotated[int, Bounds(1, 4096)]
_Name = Annotated[str, Bounds(1, 80)]
_Number = Annotated[float, Bounds(-1000.0, 1000.0)]
_Share = Annotated[float, Bounds(0.0, 1.0)]


@dataclass(frozen=True)
class Shape:
    """Sizes of the generator (see :class:`mssync.nets.generator.GeneratorShape`)."""

    motion: Annotated[int, Bounds(HEAD_COLUMNS + OTHER_COLUMNS + 1, 512)]
    bands: Annotated[int, Bounds(BANDS, BANDS)]
    channels: _Size
    width: _Size
    window: _Size
    style: _Size
    noise: _Size


@dataclass(frozen=True)
class Style:
    """The energies that the net is asked for."""

    default: Annotated[tuple[_Number, ...], Bounds(0, 64)]


@dataclass(frozen=True)
class Blinks:
    """See :class:`mssync.motion.blinks.BlinkModel`."""

    log_mean: Annotated[float, Bounds(-5.0, 10.0)]
    log_std: Annotated[float, Bounds(0.0, 5.0)]
    course: Annotated[tuple[_Share, ...], Bounds(COURSE, COURSE)]


@dataclass(frozen=True)
class Gaps:
    """See :class:`mssync.motion.gap_curve.GapCurve`."""

    made: Annotated[tuple[_Number, ...], Bounds(2, 1000)]
    real: Annotated[tuple[_Number, ...], Bounds(2, 1000)]


@dataclass(frozen=True)
class Closure:
    """From which odds on lips touch, for each of the two kinds of closure."""

    thresholds: Annotated[tuple[Annotated[float, Bounds(1e-6, 1 - 1e-6)], ...], Bounds(2, 2)]


@dataclass(frozen=True)
class Manifest:
    """A model's table.

    Attributes:
        name, release: for people.
        space: which kind of motion space the columns belong to.
        scales: size of each column of motion.
        head_gain: amounts of head motion.
        files: sha256 by name.
    """

    name: _Name
    release: _Name
    space: _Name
    shape: Shape
    scales: Annotated[tuple[_Number, ...], Bounds(1, 512)]
    style: Style
    blinks: Blinks
    gap_curve: Gaps
    head_gain: Annotated[tuple[_Number, ...], Bounds(HEAD_COLUMNS, HEAD_COLUMNS)]
    closure: Closure
    files: dict[str, Annotated[str, Bounds(64, 64)]]


def check_manifest(manifest: dict[str, Any]) -> Manifest:
    """The table of a parsed manifest.

    Raises:
        Unsound: an entry is missing or will not do.
    """
    table = checked(Manifest, manifest)
    missing = [f for f in FILES if f not in table.files]
    if missing:
        raise Unsound(f"'files' lacks {missing[0]}")
    if table.space != "mesh":
        raise Unsound("'space' is not 'mesh'")
    if len(table.scales) != table.shape.motion:
        raise Unsound("'scales' and 'shape.motion' differ")
    if len(table.style.default) > table.shape.style:
        raise Unsound("'style.default' is longer than 'shape.style'")
    curve = table.gap_curve
    if len(curve.made) != len(curve.real) or any(b <= a for a, b in zip(curve.made, curve.made[1:], strict=False)):
        raise Unsound("'gap_curve' is no rising curve")
    return table
