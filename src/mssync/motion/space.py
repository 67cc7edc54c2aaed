"""Motion as numbers: the motion file, what a renderer gets per frame, and the interface of a motion space."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray

from mssync.arrays import Array, Array64, Wanted, read_arrays
from mssync.errors import InputError
from mssync.face.shape import HeadPose
from mssync.face.tracking import Face, Track
from mssync.files import replacing, written_aside
from mssync.motion.columns import Column, Groups, within_ranges
from mssync.motion.pyramid import View
from mssync.schema import MAX_JSON, parse_json
from mssync.texts import clean
from mssync.timing import FPS

OLDER_MARK: Final = 12  # digits
_SHIPPED: Final = "4ef61b7f19e59eb32c74ea55a08fdc1318d74719aa45ff8c4cea747f61967c3c"
OLDER_MARKS: Final = {"a404f66de24d": _SHIPPED, "": _SHIPPED}
"""Marks that older versions wrote for the shipped space."""
MOTION_FORMAT = "mssync-motion"
MOTION_VERSION = 1
MOTION_SUFFIXES = (".npz",)
MAX_SECONDS = 3600 * 12
MAX_FRAMES = int(FPS) * MAX_SECONDS
MAX_COLUMNS = 1000
MAX_FACTS, MAX_TEXT = 100, 100_000  # texts in a header, and characters of one
_ARRAYS = {"header": Wanted("U", 0, 4 * MAX_JSON), "values": Wanted("f", 2, 400 * MAX_FRAMES)}


@dataclass(frozen=True)
class Motion:
    """Motion of one head, independent of whose head it is.

    Attributes:
        values: ``(T, D)`` float32.
        names: the ``D`` column names.
        fps: rows per second.
        space: kind of the motion space the columns belong to.
        version: version of the file format.
        meta: free text facts (model, seed, source).
        mark: of the motion space (:attr:`MotionSpace.mark`); empty where it is not known.
    """

    values: Array
    names: tuple[str, ...]
    fps: float = FPS
    space: str = "mesh"
    version: int = MOTION_VERSION
    meta: dict[str, str] = field(default_factory=dict)
    mark: str = ""

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or self.values.shape[1] != len(self.names):
            raise InputError(
                f"A motion needs one column per name, got {self.values.shape} for {len(self.names)} names."
            )

    def __len__(self) -> int:
        return len(self.values)

    def column(self, name: str) -> Array:
        """One column ``(T,)`` by name.

        Raises:
            InputError: there is no such column.
        """
        if name not in self.names:
            raise InputError(f"This motion has no column {name!r}; it has {', '.join(self.names)}.")
        return self.values[:, self.names.index(name)]

    def with_values(self, values: Array) -> Motion:
        """The same header with other rows."""
        return replace(self, values=np.asarray(values, np.float32))

    def save(self, path: str | Path, *, force: bool = False) -> Path:
        """Write the motion as ``.npz`` (no pickle inside; see docs/motion-format.md), aside first, then renamed.

        Raises:
            OutputError: the file exists and ``force`` is not set, or it cannot be written.
        """
        path = Path(path)
        with self.saving(path, force=force):
            pass
        return path

    @contextmanager
    def saving(self, path: str | Path, *, force: bool = False) -> Iterator[None]:
        """As :meth:`save`, but the file gets its name when the block ends well: after something else is done.

        Raises:
            OutputError: as for :meth:`save`.
        """
        header = {
            "format": MOTION_FORMAT, "version": self.version, "space": self.space, "fps": self.fps,
            "names": list(self.names), "meta": self.meta, **({"mark": self.mark} if self.mark else {}),
        }  # fmt: skip
        with written_aside(Path(path), MOTION_SUFFIXES, "A motion file", force=force) as part:
            with part.open("wb") as f:
                np.savez_compressed(f, header=np.array(json.dumps(header)), values=self.values.astype(np.float32))
            yield

    @staticmethod
    def load(path: str | Path) -> Motion:
        """Read a motion file.

        Raises:
            InputError: missing, not a motion file, of a newer version, or holding numbers that are not finite or far
                outside the ranges of docs/motion-format.md.
        """
        path = Path(path)
        wrong = f"{path} is not a motion file of mssync; make one with `mssync track` or `--motion-out`."
        try:
            there = path.is_file()
        except (OSError, ValueError):  # a name that the system does not allow
            there = False
        if not there:
            raise InputError(f"There is no motion file {path}; check the name.")
        try:
            arrays = read_arrays(path, _ARRAYS)
            header, values = parse_json(str(arrays["header"])), arrays["values"]
        except (OSError, ValueError) as e:
            why = e.strerror if isinstance(e, OSError) and e.strerror else e
            raise InputError(f"{wrong[:-1]} ({why}).") from e
        if not isinstance(header, dict) or header.get("format") != MOTION_FORMAT:
            raise InputError(wrong)
        version = header.get("version")
        if isinstance(version, int) and version > MOTION_VERSION:
            raise InputError(
                f"{path} is a motion file of a newer version ({clean(_text(version), 20)}); update mssync to read it."
            )
        names, meta, fps = header.get("names"), header.get("meta", {}), header.get("fps")
        ok = (
            version == MOTION_VERSION
            and isinstance(names, list) and all(isinstance(n, str) for n in names) and len(set(names)) == len(names)
            and isinstance(fps, int | float) and not isinstance(fps, bool) and 1 <= fps <= 240
            and isinstance(meta, dict)
            and values.ndim == 2 and values.dtype.kind == "f" and values.shape[1] == len(names)
            and 1 <= len(values) <= min(MAX_FRAMES, MAX_SECONDS * fps) and values.shape[1] <= MAX_COLUMNS
        )  # fmt: skip
        if not ok or names is None or fps is None:
            raise InputError(wrong)
        with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite and is refused next
            values = values.astype(np.float32)
        if not np.isfinite(values).all():
            raise InputError(f"{path} holds numbers that are not finite; make the motion again.")
        values = within_ranges(values, names, path)
        texts = {clean(k, 80): clean(_text(v), MAX_TEXT) for k, v in list(meta.items())[:MAX_FACTS]}
        # Older versions kept twelve digits of the mark among the facts.
        mark = clean(header.get("mark") or texts.pop("basis", ""), 80)
        return Motion(values, tuple(names), float(fps), clean(header.get("space"), 80), MOTION_VERSION, texts, mark)

    def resampled(self, fps: float = FPS) -> Motion:
        """The motion at another rate, by linear interpolation of every column."""
        if self.fps == fps:
            return self
        t = np.arange(max(1, round(len(self) * fps / self.fps))) / fps * self.fps
        x = np.arange(len(self))
        values = np.stack([np.interp(t, x, self.values[:, i]) for i in range(len(self.names))], 1)
        return replace(self, values=values.astype(np.float32), fps=fps)


def _text(value: object) -> str:
    """A header's value as text; a number is written in hexadecimal where it is too long for decimal digits."""
    return hex(value) if isinstance(value, int) and abs(value) >= 2**64 else str(value)


@dataclass(frozen=True)
class Controls:
    """What a renderer needs for one frame.

    Attributes:
        points: ``(478, 3)`` float32, where the face's points shall be, in pixels of the photo.
        rigid: ``(3, 4)`` float32 similarity from the photo's 3-D pixel points of rigid parts (skull, hair, ears) to
            where they shall be.
        lip_gap: pixels between the inner edges of the lips; 0 means they touch.
        lids: ``(2,)`` closure of the subject's left and right eye, 0 (as in the photo) to 1 (shut).
        body: how much the shoulders follow the head and breathe, 0 (not at all) to 1 (as people's do).
        breath: how far the chest is up, -1 to 1; 0 as in the photo.
    """

    points: Array
    rigid: Array
    lip_gap: float
    lids: Array
    body: float = 0.0
    breath: float = 0.0


@dataclass(frozen=True)
class Rest:
    """A face made ready to be moved.

    Attributes:
        shape: ``(478, 3)`` head-frame shape whose lips touch and whose expression is otherwise kept.
        pose: the photo's own pose; motion is relative to it.
    """

    shape: Array
    pose: HeadPose


@dataclass(frozen=True)
class ViewOfMotion:
    """The part of a motion that a syncer sees.

    Attributes:
        matrix: ``(D, V)``: a motion's row times this matrix is what the view shows.
        head: how many of the ``V`` columns, the first ones, are the head's place.
        lip_gap: number of the column that is the lip gap; None: there is none.
    """

    matrix: Array
    head: int
    lip_gap: int | None = None


class MotionSpace(ABC):
    """A way to write motion as numbers and to put it back on a face.

    A space says of its columns what each of them moves; whoever handles motion asks for the columns of a group and
    knows no numbers of columns. Its *mark* tells it from every other space: motions, clips, syncers and models carry
    the mark of the space that their columns belong to. :mod:`mssync.motion.spaces` knows which kinds there are.
    """

    kind: ClassVar[str]
    """Name of the kind of space."""
    renderer: ClassVar[str] = "warp"
    """Name of the renderer that draws its motion."""
    stages: ClassVar[tuple[str, ...]] = ()
    """Names of what its generated motion goes through after the network (:mod:`mssync.motion.stages`)."""
    wanted: ClassVar[Mapping[str, Wanted]]
    """The arrays of its file."""
    file_sha256: str = ""
    """Of the file that it was read from; empty where it was made in memory."""

    @property
    @abstractmethod
    def columns(self) -> tuple[Column, ...]:
        """Name, range and group of every column, in order."""

    @abstractmethod
    def arrays(self) -> dict[str, NDArray[Any]]:
        """What defines the space, as its file holds it; names as in :attr:`wanted`."""

    @classmethod
    @abstractmethod
    def of_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """The space of :meth:`arrays`.

        Raises:
            ValueError: these are none of such a space; the text says why.
        """

    @abstractmethod
    def encode(self, track: Track, *, smooth: int = 1) -> Motion:
        """Tracked points to motion.

        Args:
            track: a clip at a steady 25 fps (:meth:`Track.resampled`).
            smooth: width in frames of a moving average over the points (3 in the paper's training data; 1 = none).
        Raises:
            InputError: no valid frame.
        """

    @abstractmethod
    def prepare(self, face: Face, smile: float = 1.0) -> Rest:
        """A photo's face, ready to be moved; ``smile``: how much of its mouth's own expression stays, 0 to 1."""

    @abstractmethod
    def decode(self, rest: Rest, row: Array) -> Controls:
        """One row ``(D,)`` of motion on one face; numbers outside their columns' ranges count as the nearest inside."""

    @abstractmethod
    def mirror(self) -> Array:
        """``(D, D)``: a motion's row times this matrix is the motion seen in a mirror."""

    @abstractmethod
    def lip_reach(self) -> Array:
        """How far one unit of each column moves the lips ``(D,)``, inter-ocular distances; 0 for the lip gap itself."""

    @abstractmethod
    def view(self, name: View) -> ViewOfMotion:
        """What a syncer of this view sees.

        Raises:
            InputError: the space has no such view.
        """

    # ---- what follows from these --------------------------------------------------------------------------------

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The column names in order."""
        return tuple(c.name for c in self.columns)

    @cached_property
    def groups(self) -> Groups:
        """Which columns move what."""
        return Groups.of(self.columns)

    @cached_property
    def ranges(self) -> tuple[Array64, Array64]:
        """Lowest and highest number of every column."""
        return np.array([c.low for c in self.columns]), np.array([c.high for c in self.columns])

    @cached_property
    def mark(self) -> str:
        """sha256 (64 hex digits) of the definition: kind, names of the columns, arrays."""
        digest = hashlib.sha256(json.dumps([self.kind, list(self.names)]).encode())
        for name, values in sorted(self.arrays().items()):
            plain = np.ascontiguousarray(values).astype(values.dtype.newbyteorder("<"))
            digest.update(f"{name} {plain.dtype.str} {plain.shape}".encode())
            digest.update(plain.tobytes())
        return digest.hexdigest()

    def has_mark(self, mark: str) -> bool:
        """Whether a mark is this space's own.

        Older versions marked with twelve digits of the file's sha256; what has no mark at all is of the shipped space.
        """
        if mark and len(mark) != OLDER_MARK:
            return mark == self.mark
        return self.mark == OLDER_MARKS.get(mark) or bool(mark and self.file_sha256.startswith(mark))

    def has(self, motion: Motion) -> bool:
        """Whether a motion's columns are this space's: kind, names, and the mark where the motion has one."""
        own = not motion.mark or self.has_mark(motion.mark)
        return own and motion.space == self.kind and motion.names == self.names

    def motion(self, values: Array, meta: Mapping[str, str] | None = None) -> Motion:
        """Rows of this space, with its names and its mark."""
        return Motion(values, self.names, space=self.kind, mark=self.mark, meta=dict(meta or {}))

    def save(self, path: Path) -> None:
        """Write the space; what was there before is replaced.

        Raises:
            OutputError: it cannot be written.
        """
        arrays: dict[str, Any] = {"kind": np.array(self.kind), **self.arrays()}
        with replacing(path, force=True) as part, part.open("wb") as file:
            np.savez_compressed(file, **arrays)
