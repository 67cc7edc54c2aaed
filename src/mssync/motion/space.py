"""Motion as numbers: the motion file, what a renderer gets per frame, and the protocol of a motion space."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from mssync.arrays import Array, Wanted, read_arrays
from mssync.errors import InputError
from mssync.face.tracking import Face, Track
from mssync.files import written_aside
from mssync.motion.columns import Column, within_ranges
from mssync.schema import MAX_JSON, parse_json
from mssync.texts import clean
from mssync.timing import FPS

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
        space: name of the motion space the columns belong to.
        version: version of the file format.
        meta: free text facts (model, seed, source).
    """

    values: Array
    names: tuple[str, ...]
    fps: float = FPS
    space: str = "mesh"
    version: int = MOTION_VERSION
    meta: dict[str, str] = field(default_factory=dict)

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
            "names": list(self.names), "meta": self.meta,
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
        return Motion(values, tuple(names), float(fps), clean(header.get("space"), 80), MOTION_VERSION, texts)

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
    """

    points: Array
    rigid: Array
    lip_gap: float
    lids: Array


class MotionSpace(Protocol):
    """A way to write motion as numbers and to put it back on a face."""

    @property
    def columns(self) -> tuple[Column, ...]: ...

    def encode(self, track: Track) -> Motion: ...

    def decode(self, rest: object, row: Array) -> Controls: ...

    def prepare(self, face: Face) -> object: ...
