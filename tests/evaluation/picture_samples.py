"""Small videos whose every face point is known: one photo, shifted and changed in known ways."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import matplotlib.cbook
import numpy as np
from numpy.typing import NDArray

from mssync.evaluation.footage import Footage, footage_of
from mssync.evaluation.frames import Portrait
from mssync.face.tracking import FaceTracker, Track
from mssync.media.image import load_image
from mssync.media.video import VideoWriter

Rgb = NDArray[np.uint8]
Array = NDArray[np.float32]

SIDE = 320


def hopper_path() -> Path:
    """Grace Hopper, public domain, 512 x 600."""
    return Path(matplotlib.cbook.get_sample_data("grace_hopper.jpg", asfileobj=False))


@cache
def hopper() -> Portrait:
    """The same at 273 x 320 with its tracked points."""
    rgb = load_image(hopper_path()).resized(SIDE).rgb
    rgb = np.ascontiguousarray(rgb[:, : rgb.shape[1] // 2 * 2])
    return Portrait(rgb, FaceTracker().detect(rgb)[0].points)


def write(path: Path, frames: Sequence[Rgb], fps: float = 25.0, crf: int = 12) -> Path:
    with VideoWriter(path, frames[0].shape[1], frames[0].shape[0], fps=fps, crf=crf) as video:
        for frame in frames:
            video.write(np.ascontiguousarray(frame))
    return path


def footage(path: Path, frames: Sequence[Rgb], points: Array, valid: NDArray[np.bool_] | None = None) -> Footage:
    """Write frames and lay known points ``(478, 3)`` or ``(T, 478, 3)`` over them; silent sound."""
    write(path, frames)
    n = len(frames)
    rows = np.broadcast_to(points, (n, 478, 3)).astype(np.float32)
    valid = np.ones(n, bool) if valid is None else valid
    blend = np.zeros((n, 52), np.float32)
    track = Track(rows, blend, valid, np.arange(n) / 25, frames[0].shape[1], frames[0].shape[0])
    return footage_of(path, track, np.zeros(n * 640, np.float32))


def still(path: Path, frames: int = 25) -> Footage:
    return footage(path, [hopper().rgb] * frames, hopper().points)
