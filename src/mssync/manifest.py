"""What a model's ``manifest.json`` says, as one checked table: names, sizes, statistics, and the hash of every file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

from mssync.schema import Bounds, Unsound, checked
from mssync.texts import clean
from mssync.timing import BLOCK_FRAMES, CONTEXT_FRAMES, LOOKAHEAD_FRAMES, Timing

CLOSURE: Final = "closure.onnx"
ARTICULATION: Final = "articulation.onnx"
FILES: Final = ("sound.onnx", "step.onnx", CLOSURE, ARTICULATION, "space.npz")
"""All that a model may consist of; a model whose motion goes through no stage ``closures`` has no net for it, and one
without the entry ``articulation`` has none for the mouth."""
# Held equal to the rooms that own them by tests/test_models.py: manifests are read before those rooms are loaded.
BANDS, HEAD_COLUMNS, COURSE, DRIVE_FEATURES, HEARD_FRAMES = 26, 6, 13, 9, 25
STAGES: Final = {
    "head_gain": "head_gain", "head_smoothing": "", "recentring": "", "easing": "", "gaze": "",
    "gap_curve": "gap_curve", "closures": "closure", "silence": "", "blinks": "blinks", "knobs": "",
}  # fmt: skip
"""What motion may go through after the network (:mod:`mssync.motion.stages`), and the entry that each is made from."""

OLDER_STAGES: Final = (
    "head_gain", "head_smoothing", "recentring", "easing", "gap_curve", "closures", "silence", "blinks", "knobs",
)  # fmt: skip
"""Those of models of older versions, whose manifests list none."""

_Size = Annotated[int, Bounds(1, 4096)]
_Name = Annotated[str, Bounds(1, 80)]
_Number = Annotated[float, Bounds(-1000.0, 1000.0)]
_Share = Annotated[float, Bounds(0.0, 1.0)]
_Row = Annotated[tuple[_Number, ...], Bounds(DRIVE_FEATURES, DRIVE_FEATURES)]
_Matrix = Annotated[tuple[_Row, ...], Bounds(DRIVE_FEATURES, DRIVE_FEATURES)]


@dataclass(frozen=True)
class Shape:
    """Sizes of the generator (see :class:`mssync.nets.generator.GeneratorShape`)."""

    motion: Annotated[int, Bounds(1, 512)]
    bands: Annotated[int, Bounds(BANDS, BANDS)]
    channels: _Size
    width: _Size
    window: _Size
    style: _Size
    noise: _Size
    context: Annotated[int, Bounds(1, 1024)] = CONTEXT_FRAMES
    lookahead: Annotated[int, Bounds(0, 256)] = LOOKAHEAD_FRAMES
    block: Annotated[int, Bounds(1, 256)] = BLOCK_FRAMES


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
class Drive:
    """See :class:`mssync.motion.drive.Drive`."""

    centre: Annotated[tuple[_Number, ...], Bounds(DRIVE_FEATURES, DRIVE_FEATURES)]
    matrices: Annotated[tuple[_Matrix, ...], Bounds(1, 4096)]
    lead: Annotated[int, Bounds(0, 256)]


@dataclass(frozen=True)
class Closure:
    """From which odds on lips touch, for each of the two kinds of closure."""

    thresholds: Annotated[tuple[Annotated[float, Bounds(1e-6, 1 - 1e-6)], ...], Bounds(2, 2)]


@dataclass(frozen=True)
class Articulation:
    """The net that hears what the mouth does: frames of sound after a frame that it hears, and the columns that it
    makes, from the first up to but without the second."""

    lookahead: Annotated[int, Bounds(0, HEARD_FRAMES)]
    columns: Annotated[tuple[Annotated[int, Bounds(0, 512)], ...], Bounds(2, 2)]


@dataclass(frozen=True)
class Manifest:
    """A model's table.

    Attributes:
        name, release: for people.
        space: which kind of motion space the columns belong to.
        scales: size of each column of motion.
        files: sha256 by name.
        mark: of the motion space; empty in models of older versions.
        stages: what the motion goes through after the network, in this order; None: :data:`OLDER_STAGES`.
        drive: how takes answer the voice; None, in models of older versions: their variation does not hear it.
        blinks, gap_curve, head_gain, closure: what the stages are made from.
        articulation: of the net for the mouth; None: there is none.
    """

    name: _Name
    release: _Name
    space: _Name
    shape: Shape
    scales: Annotated[tuple[_Number, ...], Bounds(1, 512)]
    style: Style
    files: dict[str, Annotated[str, Bounds(64, 64)]]
    mark: Annotated[str, Bounds(0, 64)] = ""
    stages: Annotated[tuple[_Name, ...] | None, Bounds(0, 64)] = None
    drive: Drive | None = None
    blinks: Blinks | None = None
    gap_curve: Gaps | None = None
    head_gain: Annotated[tuple[_Number, ...] | None, Bounds(HEAD_COLUMNS, HEAD_COLUMNS)] = None
    closure: Closure | None = None
    articulation: Articulation | None = None


def stages_of(manifest: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the stages that a manifest lists; :data:`OLDER_STAGES` where it lists none."""
    listed = manifest.get("stages")
    return OLDER_STAGES if listed is None else tuple(listed)


def files_of(manifest: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the files that a model of this manifest consists of."""
    there = {CLOSURE: "closures" in stages_of(manifest), ARTICULATION: "articulation" in manifest}
    return tuple(f for f in FILES if there.get(f, True))


def check_manifest(manifest: dict[str, Any]) -> Manifest:
    """The table of a parsed manifest.

    Raises:
        Unsound: an entry is missing or will not do.
    """
    table = checked(Manifest, manifest)
    stages = stages_of(manifest)
    for name in stages:
        if name not in STAGES:
            raise Unsound(f"'stages' holds {clean(name, 40)!r}, which this version does not know")
        if STAGES[name] and getattr(table, STAGES[name]) is None:
            raise Unsound(f"'{STAGES[name]}' is missing")
    missing = [f for f in files_of(manifest) if f not in table.files]
    if missing:
        raise Unsound(f"'files' lacks {missing[0]}")
    if len(table.scales) != table.shape.motion:
        raise Unsound("'scales' and 'shape.motion' differ")
    if len(table.style.default) > table.shape.style:
        raise Unsound("'style.default' is longer than 'shape.style'")
    if table.drive is not None and len(table.drive.matrices) != table.shape.noise:
        raise Unsound("'drive.matrices' and 'shape.noise' differ")
    if table.drive is not None and table.drive.lead > table.shape.lookahead:
        raise Unsound("'drive.lead' is more than 'shape.lookahead'")
    try:
        timing = Timing.of(manifest["shape"])
    except ValueError as e:
        raise Unsound(f"'shape': {e}") from e
    _check_articulation(table, timing)
    curve = table.gap_curve
    if curve is None:
        return table
    if len(curve.made) != len(curve.real) or any(b <= a for a, b in zip(curve.made, curve.made[1:], strict=False)):
        raise Unsound("'gap_curve' is no rising curve")
    return table


def _check_articulation(table: Manifest, timing: Timing) -> None:
    mouth = table.articulation
    if mouth is None:
        return
    first, end = mouth.columns
    if not first < end <= table.shape.motion:
        raise Unsound("'articulation.columns' are none of the motion's")
    if mouth.lookahead > timing.lookahead or HEARD_FRAMES - mouth.lookahead > timing.context:
        raise Unsound("'articulation.lookahead' reaches beyond the features around a block")
