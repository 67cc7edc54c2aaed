"""A video of several shots as one motion: each shot relative to its own middle, joined without a jump."""

from __future__ import annotations

from typing import Final

import numpy as np

from mssync.arrays import Array
from mssync.errors import InputError
from mssync.face.tracking import Track
from mssync.motion.pose_free import freed_of_pose
from mssync.motion.space import Motion, MotionSpace
from mssync.timing import FPS

EASE_FRAMES: Final = 12
"""Within so many frames (half a second) a shot goes from where the one before ended to its own motion."""

HANDOVER_SECONDS: Final = 1.0
"""After the end of a recorded head the generated one takes over within this time."""


def encode_shots(space: MotionSpace, track: Track) -> Motion:
    """Tracked points to motion at 25 fps, whatever cuts lie between them.

    A shot without a face holds the pose of the one before it.

    Raises:
        InputError: no shot shows a face.
    """
    if not track.cuts:
        return freed_of_pose(space.encode(track.resampled(FPS)))
    total = max(1, round((float(track.times[-1]) + 1.0 / FPS) * FPS))
    clock = np.arange(total) / FPS
    starts = [*(float(track.times[cut]) for cut in track.cuts), np.inf]
    parts: list[Array] = []
    waiting = made = 0  # rows before the first face
    for shot, end in zip(track.shots(), starts, strict=True):
        rows = int(np.searchsorted(clock, end - 1e-6)) - made
        made += rows
        if shot.valid.any():
            motion = freed_of_pose(space.encode(shot.resampled(FPS))).values[made - rows :][:rows]
            part = np.concatenate([motion, np.repeat(motion[-1:], rows - len(motion), 0)]) if len(motion) else motion
            if len(part):
                parts.append(eased(part, parts[-1][-1]) if parts else part)
                continue
        if parts:
            parts.append(np.repeat(parts[-1][-1:], rows, 0))
        else:
            waiting += rows
    if not parts:
        raise InputError("No face was found in the video; use one that shows a face.")
    return space.motion(np.concatenate([np.repeat(parts[0][:1], waiting, 0), *parts]).astype(np.float32))


def eased(rows: Array, before: Array) -> Array:
    """Rows ``(T, D)`` that begin at the row before them and come to themselves within ``EASE_FRAMES``."""
    done = np.clip(np.arange(1, len(rows) + 1) / EASE_FRAMES, 0.0, 1.0)
    rest = 1.0 - done * done * (3.0 - 2.0 * done)
    return np.asarray(rows + (before - rows[0]) * rest[:, None], np.float32)


def handed_over(recorded: Array, drawn: Array, first: int) -> Array:
    """A recorded motion, and after its end a smooth passage to the drawn one.

    Args:
        recorded: ``(R, C)`` from frame 0 on, R >= 1.
        drawn: ``(k, C)``, frames ``first`` to ``first + k``.
        first: number of the first frame.
    Returns:
        ``(k, C)``: the recorded rows, then its last row fading into the drawn rows within ``HANDOVER_SECONDS``.
    """
    t = first + np.arange(len(drawn))
    after = np.clip((t - (len(recorded) - 1)) / (HANDOVER_SECONDS * FPS), 0.0, 1.0)
    share = (after * after * (3 - 2 * after))[:, None].astype(np.float32)
    held = recorded[np.minimum(t, len(recorded) - 1)]
    return np.asarray(held * (1 - share) + drawn * share, np.float32)
