"""``mssync preprocess``: videos to compact clips of motion and sound, one file each.

The walk: track at the video's own rate -> interpolate the *points* to 25 fps -> cut a fade at the start -> motion of
the space -> sound features, log-mel and speech probability on the same clock -> one ``.npz`` per video. Work is
spread over processes, a finished file is never made again, a bad video is listed with its reason and skipped. Offsets
between sound and picture are settled afterwards (:mod:`mssync.training.settle`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mssync.errors import InputError, MssyncError, OutputError
from mssync.evaluation.articulation import BILABIALS, frames_of
from mssync.evaluation.phones import align, sentence
from mssync.evaluation.workers import spread
from mssync.face.topology import TEMPLES
from mssync.face.tracking import FaceTracker, Track
from mssync.files import make_folder, readable_file
from mssync.media.audio import load_sound
from mssync.media.video import iter_frames, probe_video
from mssync.motion.curves import head_angles
from mssync.motion.mesh import MeshSpace
from mssync.motion.space import FPS
from mssync.speech.activity import speech_probability
from mssync.speech.features import SAMPLES_PER_FRAME, STEPS_PER_FRAME, default_features
from mssync.speech.logmel import log_mel
from mssync.training.clips import Clip, Points, is_clip, load_points, save_clip, save_points
from mssync.training.index import PICTURE, REPORT, Record, read_report, write_report

Array = NDArray[np.float32]

VIDEO_SUFFIXES: Final = {".mp4", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".m4v"}
POINTS: Final = "points"
MIN_FRAMES: Final = 25
FADED: Final = 0.8  # of the clip's usual brightness; darker first frames are a fade
FADE_FRAMES: Final = 50
_DIED: Final = "Its process ended without a word, perhaps for lack of memory; try again with fewer --workers."
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
        InputError: there is no video, two of them have one name, or the motion space cannot be used.
        OutputError: a file that is no clip lies where a clip would go.
    """
    if not videos.exists():
        raise InputError(f"There is no video or folder {videos}; check the name.")
    root = videos if videos.is_dir() else videos.parent
    paths = sorted(p for p in videos.rglob("*") if p.suffix.lower() in VIDEO_SUFFIXES) if videos.is_dir() else [videos]
    if not paths:
        raise InputError(f"There is no video under {videos}; name a folder that holds some.")
    _refuse_twins([clip_name(path, root) for path in paths], paths)
    MeshSpace.load(readable_file(space, "motion space"))
    mark = space_mark(space)
    make_folder(out)
    records = read_report(out)

    def finished(path: Path) -> bool:
        name = clip_name(path, root)
        record = records.get(name)
        if record is None or record.space != mark:
            return False
        return bool(record.problem) or not keep_points or _points_path(out, name).exists()

    todo = [p for p in paths if not finished(p)]
    _keep_strangers(out, [clip_name(path, root) for path in todo])
    done = len(paths) - len(todo)
    work = partial(_one, root=root, out=out, space=space, mark=mark, keep_points=keep_points)
    with closing(spread(work, todo, max(1, workers))) as made:
        for number, record, alive in made:
            name, problem = clip_name(todo[number], root), _DIED
            if isinstance(record, OutputError):
                raise record
            if alive:
                records[name], problem = record, record.problem
                write_report(out, records)
            done += 1
            yield done, len(paths), name, problem


def _refuse_twins(names: Sequence[str], paths: Sequence[Path]) -> None:
    """Refuse two videos that would make one clip; without case, as on some systems two names are then one file."""
    seen: dict[str, Path] = {}
    for name, path in zip(names, paths, strict=True):
        first = seen.setdefault(name.casefold(), path)
        if first is not path:
            raise InputError(f"{first} and {path} would make one clip, {name}; give one of them another name.")


def _keep_strangers(out: Path, names: Sequence[str]) -> None:
    """Refuse to write over what preprocessing did not make."""
    targets = [out / (name + ".npz") for name in names]
    strange = [path for path in targets if path.exists() and not is_clip(path)]
    if not (out / REPORT).exists() and (out / PICTURE).exists():
        strange.append(out / PICTURE)
    if strange:
        raise OutputError(f"{strange[0]} is not from preprocessing and stays; move it away or choose another folder.")


def space_mark(space: Path) -> str:
    """Tells motion spaces apart: the first letters of the file's sha256."""
    return hashlib.sha256(space.read_bytes()).hexdigest()[:12]


def clip_name(path: Path, root: Path) -> str:
    """A clip's name: its path relative to the root, without suffix, with forward slashes."""
    return path.relative_to(root).with_suffix("").as_posix()


def track_video(path: Path, tracker: FaceTracker) -> Points:
    """Track one video at its own rate and bring the points to 25 fps."""
    luma: list[float] = []

    def watched() -> Iterator[tuple[float, NDArray[np.uint8]]]:
        for time, frame in iter_frames(path):
            luma.append(float(frame[::16, ::16].mean()))
            yield time, frame

    track = tracker.track(watched())
    even = track.resampled(FPS)
    light = np.interp(even.times, track.times, luma).astype(np.float32)
    return Points(even, light, probe_video(path).fps)


def make_clip(name: str, points: Points, sound: Array, space: MeshSpace, mark: str) -> tuple[Clip, Record]:
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
    clip = Clip(name, motion[:n], valid[:n], features[:steps], mel[:steps], speech[:n], spoken, mark)
    angles = head_angles(motion[valid, :3])
    low, high = np.percentile(angles, (5, 95), axis=0)
    # head_angles: pitch, yaw, roll.
    ranges = [(round(float(a), 1), round(float(b), 1)) for a, b in zip(low, high, strict=True)]
    width = np.linalg.norm(cut.points[:, TEMPLES[0]] - cut.points[:, TEMPLES[1]], axis=1)
    record = Record(
        "", mark, round(n / FPS, 2), round(points.fps, 2), round(float(np.median(width[valid])), 1),
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


def fade_end(luma: Array, valid: NDArray[np.bool_]) -> int:
    """First frame that is tracked and no longer fading in."""
    first = int(np.argmax(valid)) if valid.any() else 0
    usual = float(np.median(luma))
    dark = np.flatnonzero(luma[: first + FADE_FRAMES] < FADED * usual)
    # Darkness later in the clip is a scene, not a fade: a fade begins dark.
    if dark.size and luma[first] < FADED * usual:
        return max(first, int(dark[-1]) + 1)
    return first


def jumps(track: Track) -> NDArray[np.bool_]:
    """Frames ``(T,)`` at which the points jump, one frame wider on both sides."""
    width = np.linalg.norm(track.points[:, TEMPLES[0]] - track.points[:, TEMPLES[1]], axis=1)
    step = np.linalg.norm(np.diff(track.points[..., :2], axis=0), axis=2).mean(1) / np.maximum(width[1:], 1.0)
    hit = np.zeros(len(track.points), bool)
    hit[1:] = step > JUMP
    wide = np.convolve(hit, np.ones(3), "same") > 0
    return np.asarray(wide, np.bool_)


def _points_path(out: Path, name: str) -> Path:
    return out / POINTS / (name + ".npz")


_tracker: FaceTracker | None = None
_space: MeshSpace | None = None


def _one(path: Path, *, root: Path, out: Path, space: Path, mark: str, keep_points: bool) -> Record | OutputError:
    """Preprocess one video in a worker, which keeps its tracker for the next one."""
    global _tracker, _space
    if _tracker is None or _space is None:
        _tracker, _space = FaceTracker(threads=1), MeshSpace.load(space)
    name = clip_name(path, root)
    kept = _points_path(out, name)
    try:
        points = load_points(kept) if kept.exists() else track_video(path, _tracker)
        clip, record = make_clip(name, points, load_sound(path), _space, mark)
        if keep_points and not kept.exists():
            save_points(kept, points)
        save_clip(out / (name + ".npz"), clip)
    except OutputError as e:  # the disk is full or closed to us: nothing that the video can be blamed for
        return e
    except MssyncError as e:
        return Record(problem=str(e), space=mark)
    return record


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
