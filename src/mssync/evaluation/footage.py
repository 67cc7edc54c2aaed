"""The footage of one video for an evaluation: track, motion and sound, from its pixels, whoever made it.

Everything is pinned: motion at 25 frames per second in the default model's ``mesh`` space, sound mono at 16 kHz.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np

from mssync.arrays import Array, Rgb
from mssync.errors import InputError
from mssync.face.tracking import FaceTracker, Track
from mssync.files import PathLike
from mssync.media.audio import load_sound
from mssync.media.video import iter_frames, probe_video
from mssync.models import load_model
from mssync.motion.mesh import MeshSpace
from mssync.motion.space import Motion
from mssync.motion.spaces import load_mesh
from mssync.speech.activity import speech_probability
from mssync.timing import FPS, SAMPLES_PER_FRAME

MIN_SECONDS: Final = 1.0


@dataclass(frozen=True)
class Footage:
    """One video as the scores see it, T frames at 25 per second.

    Attributes:
        path: the video.
        track: points ``(T, 478, 3)`` in pixels, blendshapes ``(T, 52)``, ``valid (T,)``.
        motion: ``(T, 43)`` in the ``mesh`` space (columns: :attr:`names`), nothing smoothed, blinks kept; the head's
            pose is relative to the clip's own middle pose.
        names: the columns' names.
        sound: ``(n,)`` mono at 16 kHz, in [-1, 1]; n / 640 and T agree to within a frame.
        speech: ``(T,)`` speech probability.
    """

    path: Path
    track: Track
    motion: Array
    names: tuple[str, ...]
    sound: Array
    speech: Array

    def __len__(self) -> int:
        return len(self.motion)

    def column(self, name: str) -> Array:
        """One motion column ``(T,)``."""
        return self.motion[:, self.names.index(name)]

    @property
    def rotation(self) -> Array:
        """Rotation vectors of the head ``(T, 3)``."""
        return self.motion[:, pinned_space().groups.rotation]


def rotation_of(motion: Motion) -> Array:
    """Rotation vectors of the head ``(T, 3)`` in a motion of the space that all evaluations share."""
    return motion.values[:, pinned_space().groups.rotation]


@cache
def pinned_space() -> MeshSpace:
    """The motion space that all evaluations share: the shipped default model's."""
    return load_mesh(load_model().file("space.npz"))


def read_footage(
    video: PathLike,
    audio: PathLike | None = None,
    *,
    tracker: FaceTracker | None = None,
    progress: Callable[[int, int | None], None] | None = None,
) -> Footage:
    """Track one video and load its sound.

    Args:
        video: any video file.
        audio: another sound file or video whose sound is used instead of the video's own.
        tracker: to share between calls.
        progress: called with (frames done, all frames if known).
    Raises:
        InputError: unreadable, shorter than a second, or no face in more than half of it.
    """
    path = Path(video)
    total = probe_video(path).frames
    tracker = tracker or FaceTracker()
    sound = load_sound(audio or path)

    def frames() -> Iterator[tuple[float, Rgb]]:
        for done, pair in enumerate(iter_frames(path), 1):
            yield pair
            if progress is not None:
                progress(done, total)

    try:
        track = tracker.track(frames()).resampled(FPS)
    except InputError as error:  # the tracker knows frames, not files
        if str(path) in str(error):
            raise
        raise InputError(f"{path}: {error}") from error
    return footage_of(path, track, sound)


def footage_of(path: Path, track: Track, sound: Array) -> Footage:
    """From a track at 25 fps and its sound; both are cut to the shorter one.

    Raises:
        InputError: too short, or the face is lost in more than half of the frames.
    """
    speech = speech_probability(sound)
    n = min(len(track.points), len(speech))
    if n < MIN_SECONDS * FPS:
        raise InputError(f"{path} has less than a second of picture and sound together; use a longer video.")
    if track.valid[:n].mean() < 0.5:
        raise InputError(f"{path} shows no face in more than half of its frames; use a video of one speaking face.")
    cut = Track(
        track.points[:n], track.blendshapes[:n], track.valid[:n], track.times[:n], track.width, track.height
    )  # fmt: skip
    motion = pinned_space().encode(cut)
    return Footage(
        path, cut, motion.values, motion.names, sound[: n * SAMPLES_PER_FRAME].astype(np.float32), speech[:n]
    )
