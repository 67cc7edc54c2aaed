"""``mssync preprocess``: videos to compact clips of tracked points and sound, one file each.

The walk: track at the video's own rate -> interpolate the *points* to 25 fps -> sound features and speech
probability on the same clock -> one ``.npz`` per video. Work is spread over processes, a finished file is never made
again, a bad video is listed with its reason and skipped.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

from mssync.errors import InputError, MssyncError
from mssync.face.tracking import FaceTracker, Track
from mssync.media.audio import load_sound
from mssync.media.video import iter_frames
from mssync.speech.activity import speech_probability
from mssync.speech.features import STEPS_PER_FRAME, default_features
from mssync.training.clips import Clip, save_clip

VIDEO_SUFFIXES = {".mp4", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".m4v"}


def preprocess(
    videos: Path, out: Path, *, workers: int = 1, names: Sequence[str] | None = None
) -> Iterator[tuple[int, int, str, str]]:
    """Preprocess every video under a folder (or one video), yielding progress.

    Args:
        videos: a video, or a folder searched in depth.
        out: folder for ``<name>.npz`` and ``report.json``; existing clips are kept.
        workers: processes.
        names: only these paths relative to ``videos``, in this order.
    Yields:
        ``(done, total, name, problem)``; ``problem`` is empty when the clip is good.
    Raises:
        InputError: there is no video.
    """
    if not videos.exists():
        raise InputError(f"There is no video or folder {videos}; check the name.")
    root = videos if videos.is_dir() else videos.parent
    if names is not None:
        paths = [root / n for n in names]
    elif videos.is_dir():
        paths = sorted(p for p in videos.rglob("*") if p.suffix.lower() in VIDEO_SUFFIXES)
    else:
        paths = [videos]
    if not paths:
        raise InputError(f"There is no video under {videos}; name a folder that holds some.")
    out.mkdir(parents=True, exist_ok=True)
    report_path = out / "report.json"
    report: dict[str, str] = json.loads(report_path.read_text("utf-8")) if report_path.exists() else {}
    todo = [p for p in paths if _clip_name(p, root) not in report]
    done = len(paths) - len(todo)
    # Spawned, not forked: the same on every system, and safe beside native thread pools.
    with ProcessPoolExecutor(max(1, workers), mp_context=get_context("spawn"), initializer=_start_worker) as pool:
        jobs = {pool.submit(_one, p, root, out): p for p in todo}
        for job in as_completed(jobs):
            name = _clip_name(jobs[job], root)
            problem = job.result()
            report[name] = problem
            report_path.write_text(json.dumps(report, indent=1, sort_keys=True), "utf-8")
            done += 1
            yield done, len(paths), name, problem


def _clip_name(path: Path, root: Path) -> str:
    return path.relative_to(root).with_suffix("").as_posix()


_tracker: FaceTracker | None = None


def _start_worker() -> None:
    global _tracker
    _tracker = FaceTracker(threads=1)


def _one(path: Path, root: Path, out: Path) -> str:
    """Preprocess one video in a worker; returns the problem, or an empty string."""
    assert _tracker is not None
    name = _clip_name(path, root)
    try:
        track = _tracker.track(iter_frames(path)).resampled(25.0)
        if track.valid.mean() < 0.5:
            return "the face is lost in more than half of the frames"
        sound = load_sound(path)
        features, speech = default_features(sound), speech_probability(sound)
        n = min(len(track.points), len(speech))
        if n < 25:
            return "shorter than one second"
        cut = Track(
            track.points[:n],
            track.blendshapes[:n],
            track.valid[:n],
            track.times[:n],
            track.width,
            track.height,
        )
        clip = Clip(name, cut, features[: n * STEPS_PER_FRAME], speech[:n])
        save_clip(out / (name + ".npz"), clip)
    except MssyncError as e:
        return str(e)
    return ""
