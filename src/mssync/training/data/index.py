"""``report.json`` of a folder of clips: what preprocessing found out about every video, one record each."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path, PurePosixPath
from typing import Any, Final

from mssync.errors import InputError
from mssync.files import replacing

REPORT: Final = "report.json"
MAX_BYTES: Final = 256 * 2**20
PICTURE: Final = "report.png"


@dataclass(frozen=True)
class Record:
    """One video.

    Attributes:
        problem: why there is no clip; empty for a good one.
        space: mark of the motion space.
        seconds: of the clip.
        fps: of the video.
        face: median pixels between the temples.
        found: share of frames with a face.
        jumps: frames where the points jumped (a cut, a hand before the face).
        faded: seconds cut away at the start because the picture was still fading in.
        talk: share of frames with speech.
        yaw, pitch, roll: 5th and 95th percentile in degrees, relative to the clip's middle pose.
        offset: frames by which the picture comes later than the sound; None before it was measured.
        agreement: mean cosine at that offset, in [-1, 1].
        clear: the offset can be relied on; None where the clip has too little speech to tell.
    """

    problem: str = ""
    space: str = ""
    seconds: float = 0.0
    fps: float = 0.0
    face: float = 0.0
    found: float = 0.0
    jumps: int = 0
    faded: float = 0.0
    talk: float = 0.0
    yaw: tuple[float, float] = (0.0, 0.0)
    pitch: tuple[float, float] = (0.0, 0.0)
    roll: tuple[float, float] = (0.0, 0.0)
    offset: int | None = None
    agreement: float = 0.0
    clear: bool | None = None

    @property
    def kept(self) -> bool:
        """Fit for training: no problem, and not a talking clip whose sound belongs to nothing seen."""
        return not self.problem and self.clear is not False

    def without_offset(self) -> Record:
        """Without its offset."""
        return replace(self, offset=None, agreement=0.0, clear=None)


def read_report(folder: Path) -> dict[str, Record]:
    """The records of a folder by clip name; empty when there is no report yet.

    Raises:
        InputError: the report is damaged or of another version.
    """
    path = folder / REPORT
    try:
        if not path.exists():
            return {}
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise ValueError("too long")
        raw = json.loads(data)
        return {name: _record(name, values) for name, values in raw.items()}
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as e:
        raise InputError(
            f"{path} is damaged or of another version; delete it and run `mssync preprocess` again."
        ) from e


def _record(name: str, values: dict[str, Any]) -> Record:
    """One entry, of the types that a record has.

    Raises:
        ValueError, TypeError: it is none.
    """
    place = PurePosixPath(name)
    if not place.name or place.is_absolute() or ".." in place.parts or "\0" in name:
        raise ValueError(name)
    pairs: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
    made = Record(**pairs)
    for field in fields(Record):
        value = getattr(made, field.name)
        if value is None and field.default is None:
            continue
        if isinstance(field.default, tuple):
            good = isinstance(value, tuple) and len(value) == 2 and all(map(_finite, value))
        elif isinstance(field.default, str):
            good = isinstance(value, str)
        elif field.name == "clear":
            good = isinstance(value, bool)
        elif field.name in ("offset", "jumps"):
            good = isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**6
        else:
            good = _finite(value)
        if not good:
            raise ValueError(field.name)
    return made


def _finite(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e9


def write_report(folder: Path, records: dict[str, Record]) -> None:
    """Write the records aside and rename.

    Raises:
        OutputError: they cannot be written.
    """
    with replacing(folder / REPORT, force=True) as part:
        part.write_text(json.dumps({k: asdict(v) for k, v in sorted(records.items())}, indent=1), "utf-8")
