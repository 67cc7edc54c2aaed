"""``report.json`` of a folder of clips: what preprocessing found out about every video, one record each."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Final

from mssync.errors import InputError
from mssync.files import replacing

REPORT: Final = "report.json"
PICTURE: Final = "report.png"


@dataclass(frozen=True)
class Record:
    """One video.

    Attributes:
        problem: why there is no clip; empty for a good one.
        space: first 12 letters of the motion space's sha256.
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

    def unsettled(self) -> Record:
        """Without its offset."""
        return replace(self, offset=None, agreement=0.0, clear=None)


def read_report(folder: Path) -> dict[str, Record]:
    """The records of a folder by clip name; empty when there is no report yet.

    Raises:
        InputError: the report is damaged or of another version.
    """
    path = folder / REPORT
    if not path.exists():
        return {}
    try:
        raw: dict[str, dict[str, Any]] = json.loads(path.read_text("utf-8"))
        known = {f.name for f in fields(Record)}
        out = {}
        for name, values in raw.items():
            if set(values) - known:
                raise ValueError(name)
            pairs: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
            out[name] = Record(**pairs)
        return out
    except (OSError, ValueError, TypeError, AttributeError) as e:
        raise InputError(
            f"{path} is damaged or of another version; delete it and run `mssync preprocess` again."
        ) from e


def write_report(folder: Path, records: dict[str, Record]) -> None:
    """Write the records aside and rename.

    Raises:
        OutputError: they cannot be written.
    """
    with replacing(folder / REPORT, force=True) as part:
        part.write_text(json.dumps({k: asdict(v) for k, v in sorted(records.items())}, indent=1), "utf-8")
