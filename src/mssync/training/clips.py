"""One preprocessed video on disk: tracked points and sound on the same 25 fps clock."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mssync.errors import InputError
from mssync.face.tracking import Track

Array = NDArray[np.float32]

FORMAT_VERSION: Final = 1


@dataclass(frozen=True)
class Clip:
    """One preprocessed video at 25 fps.

    Attributes:
        name: path of the video relative to its root, without suffix.
        track: points, scores and validity.
        sound: ``(4 T, 26)`` default features.
        speech: ``(T,)`` speech probability in [0, 1].
    """

    name: str
    track: Track
    sound: Array
    speech: Array


def save_clip(path: Path, clip: Clip) -> None:
    """Write one clip; points are kept as half floats around each frame's centre (error below 0.001 of the face)."""
    t = clip.track
    centre = t.points.mean(1).astype(np.float32)
    rel = t.points - centre[:, None]
    size = np.abs(rel).max((1, 2)).astype(np.float32) + 1e-6
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    with part.open("wb") as f:
        np.savez_compressed(
            f,
            version=np.int32(FORMAT_VERSION),
            points=(rel / size[:, None, None]).astype(np.float16),
            centre=centre,
            size=size,
            blendshapes=t.blendshapes.astype(np.float16),
            valid=t.valid,
            picture=np.array([t.width, t.height], np.int32),
            sound=clip.sound.astype(np.float16),
            speech=clip.speech.astype(np.float16),
        )
    part.replace(path)


def load_clip(path: Path, name: str) -> Clip:
    """Read one clip.

    Raises:
        InputError: the file is not a clip of this version.
    """
    try:
        with np.load(path, allow_pickle=False) as z:
            if int(z["version"]) != FORMAT_VERSION:
                raise InputError(f"{path} was made by another version; run `mssync preprocess` again.")
            size = z["size"]
            points = z["points"].astype(np.float32) * size[:, None, None] + z["centre"][:, None]
            w, h = (int(v) for v in z["picture"])
            track = Track(points, z["blendshapes"].astype(np.float32), z["valid"], np.arange(len(points)) / 25.0, w, h)
            return Clip(name, track, z["sound"].astype(np.float32), z["speech"].astype(np.float32))
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as e:
        raise InputError(f"{path} is not a preprocessed clip; delete it and run `mssync preprocess` again.") from e
