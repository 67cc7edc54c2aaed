"""What preprocessing leaves on disk: a small file per clip (motion and sound), and, when asked for, its tracked points.

An hour of clips takes less than 60 MB: motion as half floats, the filterbank as half floats, the judges' log-mel as
bytes. The points, five times that, are only needed to fit a motion space or to encode the clips again in another one.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import numpy as np
from numpy.typing import NDArray

from mssync.errors import InputError
from mssync.face.tracking import Track
from mssync.files import make_folder, replacing

Array = NDArray[np.float32]

FORMAT_VERSION: Final = 2


@dataclass(frozen=True)
class Clip:
    """One preprocessed video at 25 fps.

    Attributes:
        name: path of the video relative to its root, without suffix.
        motion: ``(T, D)`` rows of the motion space ``space``, nothing smoothed.
        valid: ``(T,)`` False where no face was found or the points jumped.
        sound: ``(4 T, 26)`` default features.
        mel: ``(4 T, 40)`` log-mel in [0, 1], for syncers of another ear.
        speech: ``(T,)`` speech probability in [0, 1].
        bilabial: ``(T,)`` int8: 1 while /p b m/ is spoken, 0 while anything else is, -1 where the text is not known.
        space: sha256 of the motion space's file.
    """

    name: str
    motion: Array
    valid: NDArray[np.bool_]
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
        with zipfile.ZipFile(path) as z:
            return {"motion.npy", "sound.npy", "mel.npy", "space.npy"} <= set(z.namelist())
    except (OSError, ValueError, zipfile.BadZipFile):
        return False


def load_clip(path: Path, name: str) -> Clip:
    """Read one clip.

    Raises:
        InputError: the file is not a clip of this version.
    """
    with _read(path) as z:
        return Clip(
            name,
            z["motion"].astype(np.float32),
            z["valid"],
            z["sound"].astype(np.float32),
            z["mel"].astype(np.float32) / np.float32(255),
            z["speech"].astype(np.float32) / np.float32(255),
            z["bilabial"],
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
    with _read(path) as z:
        size = z["size"]
        points = z["points"].astype(np.float32) * size[:, None, None] + z["centre"][:, None]
        w, h = (int(v) for v in z["picture"])
        times = np.arange(len(points)) / 25.0
        track = Track(points, z["blendshapes"].astype(np.float32), z["valid"], times, w, h)
        return Points(track, z["luma"].astype(np.float32), float(z["fps"]))


@contextmanager
def _aside(path: Path) -> Iterator[IO[bytes]]:
    make_folder(path.parent)
    with replacing(path, force=True) as part, part.open("wb") as f:
        yield f


@contextmanager
def _read(path: Path) -> Iterator[np.lib.npyio.NpzFile]:
    try:
        with np.load(path, allow_pickle=False) as z:
            if int(z["version"]) != FORMAT_VERSION:
                raise InputError(f"{path} was made by another version; run `mssync preprocess` again.")
            yield z
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as e:
        raise InputError(f"{path} is not a preprocessed clip; delete it and run `mssync preprocess` again.") from e
