"""Known faults put into real footage: what the checks of the scores measure with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import av
import numpy as np

from mssync.evaluation.footage import Footage, pinned_space


def delayed(seen: Footage, frames: int) -> Footage:
    """The same pictures with the sound later by so many frames (earlier when negative), silence where it is missing."""
    n = 640 * abs(frames)
    cut = seen.sound[: len(seen.sound) - n] if frames > 0 else seen.sound[n:]
    return replace(seen, sound=np.pad(cut, (n, 0) if frames > 0 else (0, n)))


def shuffled(seen: Footage, other: Footage) -> Footage:
    """The pictures with another clip's sound, repeated where it is too short."""
    return replace(
        seen, sound=np.resize(other.sound, len(seen.sound)), speech=np.resize(other.speech, len(seen.speech))
    )  # fmt: skip


def held(seen: Footage) -> Footage:
    """One frame of the video, the nearest to its middle pose, held for its whole length."""
    row = int(np.argmin(np.linalg.norm(seen.rotation, axis=1) + 10.0 * ~seen.track.valid))
    same = np.full(len(seen), row)
    track = replace(seen.track, points=seen.track.points[same], valid=np.ones(len(seen), np.bool_))
    return replace(seen, track=track, motion=seen.motion[same])


def turned(seen: Footage, times: float) -> Footage:
    """The head's rotation scaled about the clip's middle pose, in the motion alone."""
    motion = seen.motion.copy()
    motion[:, pinned_space().groups.rotation] *= times
    return replace(seen, motion=motion)


def encode(source: Path, target: Path, crf: int, kbit: int) -> None:
    """H.264 and AAC again, frames at their own times."""
    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        seen, heard = old.streams.video[0], old.streams.audio[0]
        # With its assembler code this x264 does not make the same pixels twice.
        settings = {"crf": str(crf), "x264-params": "asm=0"}
        picture = new.add_stream("libx264", rate=seen.average_rate, options=settings)
        picture.width, picture.height = seen.width - seen.width % 2, seen.height - seen.height % 2
        picture.pix_fmt = "yuv420p"
        picture.time_base = seen.time_base
        sound = new.add_stream("aac", rate=heard.rate, bit_rate=1000 * kbit)
        for packet in old.demux(seen, heard):
            for frame in packet.decode():
                if isinstance(frame, av.VideoFrame):
                    again = frame.reformat(picture.width, picture.height, "yuv420p")
                    again.pts, again.time_base, again.pict_type = frame.pts, frame.time_base, 0
                    new.mux(picture.encode(again))
                else:
                    new.mux(sound.encode(frame))
        new.mux(picture.encode(None))
        new.mux(sound.encode(None))
