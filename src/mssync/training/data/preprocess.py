"""``mssync preprocess``: videos to compact clips of motion and sound, one file each.

The walk: track at the video's own rate -> interpolate the *points* to 25 fps -> cut a fade at the start -> motion of
the space -> sound features, log-mel and speech probability on the same clock -> one ``.npz`` per video. Work is
spread over processes, a finished file is never made again, a bad video is listed with its reason and skipped. Offsets
between sound and picture are measured afterwards (:mod:`mssync.training.data.av_offsets`).
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mssync.arrays import Array, Mask, Rgb
from mssync.errors import AssetError, InputError, MssyncError, OutputError
from mssync.face.topology import TEMPLES
from mssync.face.tracking import FaceTracker, Track
from mssync.files import discard, make_folder, readable_file
from mssync.media.audio import load_sound
from mssync.media.video import iter_frames, probe_video
from mssync.motion.columns import width
from mssync.motion.curves import head_angles
from mssync.motion.space import MotionSpace
from mssync.motion.spaces import load_space
from mssync.processes import spread
from mssync.speech.activity import speech_probability
from mssync.speech.features import default_features
from mssync.speech.logmel import log_mel
from mssync.speech.phones import BILABIALS, align, frames_of, sentence
from mssync.texts import clean
from mssync.timing import FPS, SAMPLES_PER_FRAME, STEPS_PER_FRAME
from mssync.training.data.clips import Clip, Points, is_clip, load_points, save_clip, save_points
from mssync.training.data.index import PICTURE, REPORT, Record, read_report, write_report
from mssync.training.data.videos import find_videos

POINTS: Final = "points"
_DIED: Final = "Its process ended without a word, perhaps for lack of memory; try again with fewer --workers."
MIN_FRAMES: Final = 25
FADED: Final = 0.8  # of the clip's usual brightness; darker first frames are a fade
FADE_FRAMES: Final = 50
JUMP: Final = 0.25  # temple widths per frame: faster than a head moves


def preprocess(
    videos: Path, out: Path, space: Path, *, workers: int = 1, keep_points: bool = False
) -> Iterator[tuple[int, int, str, str]]:
    """Preprocess every video under a folder (or one video), yielding progress.

    Args:
        videos: a video, or a folder searched in depth.
        out: folder for ``<name>.npz`` and ``report.json``; existing clips of the same space are kept.
        space: file of the motion space.
        workers: processes.
        keep_points: also keep the tracked points in ``out/points``; where they lie already, nothing is tracked again.
    Yields:
        ``(done, total, name, problem)``; ``problem`` is empty when the clip is good.
    Raises:
        InputError: there is no video, or no motion space.
        AssetError: the motion space is damaged, or a model file is.
        OutputError: a file that is no clip lies where a clip would go, or nothing can be written.
    """
    named = find_videos(videos)
    readable_file(space, "motion space")
    moves = load_space(space)
    make_folder(out)
    records = read_report(out)
    _forget_twins(out, records, named)

    def finished(name: str) -> bool:
        record = records.get(name)
        if record is None or not moves.has_mark(record.space):
            return False
        if record.problem:
            return True
        return _clip_path(out, name).exists() and (not keep_points or _points_path(out, name).exists())

    todo = [name for name in named if not finished(name)]
    _refuse_other_files(out, todo)
    done = len(named) - len(todo)
    tasks = [Task(named[name], name, out, space, keep_points) for name in todo]
    with closing(spread(_one, tasks, max(1, workers))) as made:
        for number, outcome, alive in made:
            name, path = todo[number], named[todo[number]]
            record, notes = outcome if alive else (_DIED, ())
            if isinstance(record, MssyncError):
                raise record
            for note in notes:
                warnings.warn(f"{name}: {_plain(note, path)}", stacklevel=2)
            if isinstance(record, Record):
                record = replace(record, problem=_plain(record.problem, path))
                records[name] = record
                write_report(out, records)
            done += 1
            yield done, len(named), name, record.problem if isinstance(record, Record) else clean(record, 400)


def _plain(text: str, path: Path) -> str:
    """A sentence without the folders of this computer: they are nobody's business who gets the report."""
    return clean(text.replace(str(path), path.name), 400)


def _forget_twins(out: Path, records: dict[str, Record], named: dict[str, Path]) -> None:
    """Remove clips of names that mean no single video any more, since another of the same name but for the ending came.

    Both are made anew, under names with their endings.
    """
    for name, path in named.items():
        short = name.removesuffix(path.suffix)
        if short != name and short in records and short not in named:
            del records[short]
            discard(_clip_path(out, short))
            discard(_points_path(out, short))


def _refuse_other_files(out: Path, names: Sequence[str]) -> None:
    """Refuse to write over what preprocessing did not make."""
    targets = [_clip_path(out, name) for name in names]
    strange = [path for path in targets if path.exists() and not is_clip(path)]
    if not (out / REPORT).exists() and (out / PICTURE).exists():
        strange.append(out / PICTURE)
    if strange:
        raise OutputError(f"{strange[0]} is not from preprocessing and stays; move it away or choose another folder.")


def track_video(path: Path, tracker: FaceTracker) -> Points:
    """Track one video at its own rate and bring the points to 25 fps."""
    luma: list[float] = []

    def watched() -> Iterator[tuple[float, Rgb]]:
        for time, frame in iter_frames(path):
            luma.append(float(frame[::16, ::16].mean()))
            yield time, frame

    track = tracker.track(watched())
    even = track.resampled(FPS)
    light = np.interp(even.times, track.times, luma).astype(np.float32)
    return Points(even, light, probe_video(path).fps)


def make_clip(name: str, points: Points, sound: Array, space: MotionSpace) -> tuple[Clip, Record]:
    """Motion, sound and what is known of their quality.

    Raises:
        InputError: too short, or the face is lost in more than half of the frames.
    """
    track = points.track
    frames = min(len(track.points), -(-len(sound) // SAMPLES_PER_FRAME))
    start = fade_end(points.luma[:frames], track.valid[:frames])
    if frames - start < MIN_FRAMES:
        raise InputError(f"{name} is shorter than one second.")
    rows = slice(start, frames)
    jumped = jumps(track)[rows]
    valid = track.valid[rows] & ~jumped
    if valid.mean() < 0.5:
        raise InputError(f"In {name} the face is lost in more than half of the frames.")
    cut = Track(
        track.points[rows], track.blendshapes[rows], valid, track.times[: frames - start], track.width, track.height
    )
    motion = space.encode(cut).values
    heard = sound[start * SAMPLES_PER_FRAME : frames * SAMPLES_PER_FRAME]
    features, mel, speech = default_features(heard), log_mel(heard), speech_probability(heard)
    n = min(len(motion), len(speech))
    steps = n * STEPS_PER_FRAME
    spoken = bilabials(name, heard, n)
    clip = Clip(name, motion[:n], valid[:n], features[:steps], mel[:steps], speech[:n], spoken, space.mark)
    ranges = [(0.0, 0.0)] * 3
    if width(space.groups.rotation):
        low, high = np.percentile(head_angles(motion[valid, space.groups.rotation]), (5, 95), axis=0)
        # head_angles: pitch, yaw, roll.
        ranges = [(round(float(a), 1), round(float(b), 1)) for a, b in zip(low, high, strict=True)]
    across = np.linalg.norm(cut.points[:, TEMPLES[0]] - cut.points[:, TEMPLES[1]], axis=1)
    record = Record(
        "", space.mark, round(n / FPS, 2), round(points.fps, 2), round(float(np.median(across[valid])), 1),
        round(float(track.valid[rows].mean()), 3), int(jumped.sum()), start / FPS, round(float((speech > 0.5).mean()),
        3), pitch=ranges[0], yaw=ranges[1], roll=ranges[2],
    )  # fmt: skip
    return clip, record


def bilabials(name: str, sound: Array, frames: int) -> NDArray[np.int8]:
    """When /p b m/ is spoken in a clip whose name spells its text (GRID), by forced alignment; else -1 throughout.

    Without the package for it (the ``eval`` extra) no clip's text is known.
    """
    out = np.full(frames, -1, np.int8)
    text = sentence(Path(name).name)
    if text is None or find_spec("pocketsphinx") is None:
        return out
    try:
        phones = align(sound, text)
    except InputError:  # what is said is not what the name spells
        return out
    out[:] = 0
    for phone in phones:
        if phone.name in BILABIALS:
            out[frames_of(phone, frames, 0)] = 1
    return out


def fade_end(luma: Array, valid: Mask) -> int:
    """First frame that is tracked and no longer fading in."""
    first = int(np.argmax(valid)) if valid.any() else 0
    usual = float(np.median(luma))
    dark = np.flatnonzero(luma[: first + FADE_FRAMES] < FADED * usual)
    # Darkness later in the clip is a scene, not a fade: a fade begins dark.
    if dark.size and luma[first] < FADED * usual:
        return max(first, int(dark[-1]) + 1)
    return first


def jumps(track: Track) -> Mask:
    """Frames ``(T,)`` at which the points jump, one frame wider on both sides."""
    width = np.linalg.norm(track.points[:, TEMPLES[0]] - track.points[:, TEMPLES[1]], axis=1)
    step = np.linalg.norm(np.diff(track.points[..., :2], axis=0), axis=2).mean(1) / np.maximum(width[1:], 1.0)
    hit = np.zeros(len(track.points), bool)
    hit[1:] = step > JUMP
    wide = np.convolve(hit, np.ones(3), "same") > 0
    return np.asarray(wide, np.bool_)


def _points_path(out: Path, name: str) -> Path:
    return out / POINTS / (name + ".npz")


def _clip_path(out: Path, name: str) -> Path:
    return out / (name + ".npz")


@dataclass(frozen=True)
class Task:
    """One video for a worker.

    Attributes:
        path: the video.
        name: of its clip.
        out: folder of the clips.
        space: file of the motion space.
        keep_points: whether the tracked points are kept.
    """

    path: Path
    name: str
    out: Path
    space: Path
    keep_points: bool


@cache
def _tools(space: Path) -> tuple[FaceTracker, MotionSpace]:
    """What a worker needs for every video, made once."""
    return FaceTracker(threads=1), load_space(space)


def _one(task: Task) -> tuple[Record | MssyncError | str, Sequence[str]]:
    """Preprocess one video in a worker.

    Returns:
        the record and what there is to note; instead of the record an error that ends the work, since it is not the
        video's own, or what went wrong and may go well another time.
    """
    kept = _points_path(task.out, task.name)
    with warnings.catch_warnings(record=True) as notes:
        warnings.simplefilter("always")
        try:
            tracker, space = _tools(task.space)
            points = load_points(kept) if kept.exists() else track_video(task.path, tracker)
            clip, record = make_clip(task.name, points, load_sound(task.path), space)
            if task.keep_points and not kept.exists():
                save_points(kept, points)
            save_clip(_clip_path(task.out, task.name), clip)
        except (OutputError, AssetError) as e:  # a full disk, a damaged model: the video cannot be blamed for it
            return e, ()
        except MssyncError as e:
            return Record(str(e), _tools(task.space)[1].mark), ()
        except Exception as e:  # one video of thousands must not end the work of hours
            return f"An error of mssync itself ({type(e).__name__}: {e}); please report it.", ()
    return record, [str(n.message) for n in notes if issubclass(n.category, UserWarning)]


def load_all_points(out: Path, names: Sequence[str]) -> Iterable[tuple[str, Points]]:
    """The kept points of clips.

    Raises:
        InputError: none were kept.
    """
    have = [n for n in names if _points_path(out, n).exists()]
    if not have:
        raise InputError(f"{out} holds no tracked points; run `mssync preprocess` with --points.")
    for name in have:
        yield name, load_points(_points_path(out, name))
