"""Clip files: what preprocessing writes per clip (motion and audio features), and, when asked for, its tracked points.

An hour of clips takes less than 60 MB: motion as half floats, the filterbank as half floats, the judges' log-mel as
bytes. The points, five times that, are only needed to fit a motion space or to encode the clips again in another one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
from numpy.typing import NDArray

from mssync.arrays import Array, Mask, Wanted, names_of, read_arrays
from mssync.errors import InputError
from mssync.face.topology import BLENDSHAPE_NAMES, POINTS
from mssync.face.tracking import Track
from mssync.files import make_folder, replacing
from mssync.speech.features import BANDS
from mssync.speech.logmel import MEL_BANDS
from mssync.timing import FPS, STEPS_PER_FRAME

FORMAT_VERSION: Final = 2

BLENDSHAPES: Final = len(BLENDSHAPE_NAMES)
_ROOM: Final = 2**28  # bytes of one array: some hours
_VERSION: Final = Wanted("iu", 0, 16)
_CLIP: Final = {
    "version": _VERSION, "motion": Wanted("f", 2, _ROOM), "valid": Wanted("b", 1, _ROOM),
    "sound": Wanted("f", 2, _ROOM), "mel": Wanted("u", 2, _ROOM), "speech": Wanted("u", 1, _ROOM),
    "bilabial": Wanted("i", 1, _ROOM), "space": Wanted("U", 0, 4096),
}  # fmt: skip
_POINTS: Final = {
    "version": _VERSION, "points": Wanted("f", 3, 4 * _ROOM), "centre": Wanted("f", 2, _ROOM),
    "size": Wanted("f", 1, _ROOM), "blendshapes": Wanted("f", 2, _ROOM), "valid": Wanted("b", 1, _ROOM),
    "picture": Wanted("iu", 1, 64), "luma": Wanted("f", 1, _ROOM), "fps": Wanted("f", 0, 16),
}  # fmt: skip


@dataclass(frozen=True)
class Clip:
    """One preprocessed video at 25 fps.

    Attributes:
        name: path of the video relative to its root, without suffix.
        motion: ``(T, D)`` rows of the motion space ``space``, nothing smoothed.
        valid: ``(T,)`` False where no face was found or the points jumped.
        sound: ``(4 T, 26)`` default features.
        mel: ``(4 T, 40)`` log-mel in [0, 1], for syncers of other features.
        speech: ``(T,)`` speech probability in [0, 1].
        bilabial: ``(T,)`` int8: 1 while /p b m/ is spoken, 0 while anything else is, -1 where the text is not known.
        space: mark of the motion space.
    """

    name: str
    motion: Array
    valid: Mask
    sound: Array
    mel: Array
    speech: Array
    bilabial: NDArray[np.int8]
    space: str


@dataclass(frozen=True)
class Points:
    """A tracked video.

    Attributes:
        track: at 25 fps.
        luma: ``(T,)`` mean brightness of the picture, 0 to 255.
        fps: of the video itself.
    """

    track: Track
    luma: Array
    fps: float


def save_clip(path: Path, clip: Clip) -> None:
    """Write one clip aside and rename it."""
    with _aside(path) as f:
        np.savez_compressed(
            f,
            version=np.int32(FORMAT_VERSION),
            motion=clip.motion.astype(np.float16),
            valid=clip.valid,
            sound=clip.sound.astype(np.float16),
            mel=np.round(clip.mel * 255).astype(np.uint8),
            speech=np.round(clip.speech * 255).astype(np.uint8),
            bilabial=clip.bilabial,
            space=np.array(clip.space),
        )


def is_clip(path: Path) -> bool:
    """Whether a file was written by :func:`save_clip`, of whatever version, judged by the names inside."""
    try:
        return {"motion", "sound", "mel", "space"} <= set(names_of(path))
    except (OSError, ValueError):
        return False


def load_clip(path: Path, name: str) -> Clip:
    """Read one clip.

    Raises:
        InputError: the file is not a clip of this version, or its arrays are not those of one.
    """
    z = _read(path, _CLIP)
    frames = len(z["motion"])
    lengths = {"valid": frames, "speech": frames, "bilabial": frames}
    lengths |= {"sound": STEPS_PER_FRAME * frames, "mel": STEPS_PER_FRAME * frames}
    widths = {"sound": BANDS, "mel": MEL_BANDS}
    wrong = [k for k, n in lengths.items() if len(z[k]) != n] + [k for k, n in widths.items() if z[k].shape[1] != n]
    wrong += [k for k in ("motion", "sound") if not np.isfinite(z[k]).all()]
    if wrong or not frames:
        raise _no_clip(path, f"its array {wrong[0] if wrong else 'motion'!r} does not fit")
    return Clip(
        name,
        z["motion"].astype(np.float32),
        z["valid"],
        z["sound"].astype(np.float32),
        z["mel"].astype(np.float32) / np.float32(255),
        z["speech"].astype(np.float32) / np.float32(255),
        z["bilabial"].astype(np.int8),
        str(z["space"]),
    )


def save_points(path: Path, points: Points) -> None:
    """Write tracked points as half floats around each frame's centre (error below 0.001 of the face)."""
    t = points.track
    centre = t.points.mean(1).astype(np.float32)
    rel = t.points - centre[:, None]
    size = np.abs(rel).max((1, 2)).astype(np.float32) + 1e-6
    with _aside(path) as f:
        np.savez_compressed(
            f,
            version=np.int32(FORMAT_VERSION),
            points=(rel / size[:, None, None]).astype(np.float16),
            centre=centre,
            size=size,
            blendshapes=t.blendshapes.astype(np.float16),
            valid=t.valid,
            picture=np.array([t.width, t.height], np.int32),
            luma=points.luma.astype(np.float16),
            fps=np.float32(points.fps),
        )


def load_points(path: Path) -> Points:
    """Read tracked points.

    Raises:
        InputError: the file does not hold points of this version.
    """
    z = _read(path, _POINTS)
    frames = len(z["points"])
    wrong = [k for k in ("centre", "size", "blendshapes", "valid", "luma") if len(z[k]) != frames]
    wrong += [] if z["points"].shape[1:] == (POINTS, 3) and z["centre"].shape[1:] == (3,) else ["points"]
    wrong += [] if z["blendshapes"].shape[1:] == (BLENDSHAPES,) else ["blendshapes"]
    wrong += [k for k in ("points", "centre", "size", "blendshapes", "luma", "fps") if not np.isfinite(z[k]).all()]
    w, h = (int(v) for v in z["picture"]) if len(z["picture"]) == 2 else (0, 0)
    if wrong or not frames or w < 1 or h < 1:
        raise _no_clip(path, f"its array {wrong[0] if wrong else 'picture'!r} does not fit")
    points = z["points"].astype(np.float32) * z["size"][:, None, None] + z["centre"][:, None]
    times = np.arange(frames) / FPS
    track = Track(points.astype(np.float32), z["blendshapes"].astype(np.float32), z["valid"], times, w, h)
    return Points(track, z["luma"].astype(np.float32), float(z["fps"]))


@contextmanager
def _aside(path: Path) -> Iterator[IO[bytes]]:
    make_folder(path.parent)
    with replacing(path, force=True) as part, part.open("wb") as f:
        yield f


def _read(path: Path, wanted: dict[str, Wanted]) -> dict[str, NDArray[Any]]:
    try:
        found = read_arrays(path, wanted)
    except (OSError, ValueError) as e:
        raise _no_clip(path, getattr(e, "strerror", None) or str(e)) from e
    if int(found["version"]) != FORMAT_VERSION:
        raise InputError(f"{path} was made by another version; delete it and run `mssync preprocess` again.")
    return found


def _no_clip(path: Path, why: str) -> InputError:
    return InputError(f"{path} is not a preprocessed clip ({why}); delete it and run `mssync preprocess` again.")
