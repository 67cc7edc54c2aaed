"""The main job on real input: the finished file is decoded and looked at."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from conftest import PAUSE, VOICE_SAMPLES, Done
from numpy.typing import NDArray

from mssync import TalkingHead, animate
from mssync.errors import InputError, OutputError
from mssync.face.tracking import FaceTracker
from mssync.media.audio import load_sound
from mssync.media.image import load_image
from mssync.media.provenance import read_synthetic_mark
from mssync.media.video import VideoWriter, iter_frames
from mssync.motion.columns import HEAD_NAMES
from mssync.motion.space import Motion

Run = Callable[..., Done]
FRAMES = round(VOICE_SAMPLES / 640)


@pytest.fixture(scope="module")
def decoded(spoken: Path) -> NDArray[np.uint8]:
    return np.stack([rgb for _, rgb in iter_frames(spoken)])


@pytest.fixture(scope="module")
def seen(decoded: NDArray[np.uint8], talking_head: TalkingHead) -> Motion:
    """The motion of the finished video, tracked as any video would be."""
    track = FaceTracker().track((i / 25, rgb) for i, rgb in enumerate(decoded))
    assert track.valid.all()
    return talking_head.space.encode(track)


def test_picture_and_sound_last_as_long_as_the_speech(spoken: Path, decoded: NDArray[np.uint8], photo: Path) -> None:
    still = load_image(photo)
    assert len(decoded) == FRAMES
    assert decoded.shape[1:3] == (still.height, still.width + 1), "odd widths become even"
    assert len(load_sound(spoken)) == pytest.approx(FRAMES * 640, abs=64)
    with av.open(str(spoken)) as film:
        assert film.streams.video[0].codec_context.name == "h264"
        assert film.streams.audio[0].codec_context.name == "aac"
        assert film.streams.video[0].average_rate == 25


def test_the_sound_is_the_speech_in_its_place(spoken: Path, voice: Path) -> None:
    heard, given = load_sound(spoken), load_sound(voice)
    n = min(len(heard), len(given))
    assert np.corrcoef(heard[:n], given[:n])[0, 1] > 0.98
    assert np.corrcoef(heard[80:n], given[: n - 80])[0, 1] < 0.9, "five milliseconds off would show"


def test_the_mouth_moves_in_speech_and_rests_in_the_pause(seen: Motion, spoken: Path) -> None:
    gap = seen.column("lip_gap")
    # From when the mouth has shut behind the last word to when it opens before the next.
    pause = slice(round((PAUSE[0] + 0.3) * 25), round((PAUSE[1] - 0.28) * 25))
    speech = np.r_[8 : round(PAUSE[0] * 25), round((PAUSE[1] + 0.2) * 25) : FRAMES - 10]
    assert gap[speech].std() > 4 * gap[pause].std()
    assert gap[speech].max() > 0.08
    assert gap[pause].max() < 0.02
    asked = Motion.load(spoken.with_suffix(".npz")).column("lip_gap")
    assert np.corrcoef(asked, gap)[0, 1] > 0.85, "the picture shows the motion"


def test_head_and_eyes_live(seen: Motion) -> None:
    turn = np.degrees(seen.values[:, :3])
    assert turn.std(0).max() > 0.5
    assert np.abs(np.diff(turn, axis=0)).max() < 6, "no jump between frames"


def test_the_background_is_locked(
    spoken: Path, photo: Path, decoded: NDArray[np.uint8], talking_head: TalkingHead, tmp_path: Path
) -> None:
    still = load_image(photo)
    scene, _ = talking_head._scene(photo, None, 1, "keep")
    touched = scene.matte > 0
    for frame in talking_head.render(photo, spoken.with_suffix(".npz")):
        touched |= (frame != still.rgb).any(2)
    locked = ~touched
    assert locked.mean() > 0.25, "the head's motion leaves most of the background bit for bit as it was"
    with VideoWriter(tmp_path / "still.mp4", still.width, still.height) as video:
        for _ in range(FRAMES):
            video.write(still.rgb)
    stills = np.stack([rgb for _, rgb in iter_frames(tmp_path / "still.mp4")])

    def error(frames: NDArray[np.uint8]) -> float:
        picture = frames[:, : still.height, : still.width].astype(np.float32)
        return float(np.abs(picture - still.rgb)[:, locked].mean())

    assert error(decoded) <= 1.05 * error(stills)


def test_the_file_says_that_it_is_synthetic(spoken: Path) -> None:
    mark = read_synthetic_mark(spoken)
    assert mark is not None
    assert mark["seed"] == 7 and mark["model"].startswith("default")


def test_same_seed_same_motion_and_frames(
    spoken: Path, photo: Path, voice: Path, talking_head: TalkingHead, decoded: NDArray[np.uint8]
) -> None:
    again, twin = (talking_head.animate(photo, voice, seed=7) for _ in range(2))
    assert np.array_equal(again.motion.values, Motion.load(spoken.with_suffix(".npz")).values)
    for count, (one, other) in enumerate(zip(again, twin)):
        assert np.array_equal(one, other)
        if count % 20 == 0:
            shown = decoded[count, : one.shape[0], : one.shape[1]].astype(float)
            assert np.abs(shown - one).mean() < 4, "what was written is what the iterator gives"
        if count == 60:
            break


def test_another_seed_is_another_motion(photo: Path, voice: Path, talking_head: TalkingHead) -> None:
    seeds = [talking_head.animate(photo, voice, seed=seed).motion for seed in (7, 8, 9)]
    lips = []
    for one, other in ((0, 1), (0, 2), (1, 2)):
        a, b = (seeds[i].values[:, : len(HEAD_NAMES)] for i in (one, other))
        assert np.abs(a - b).max() > 0.02
        lips.append(np.corrcoef(seeds[one].column("lip_gap"), seeds[other].column("lip_gap"))[0, 1])
    assert np.mean(lips) > 0.3, "the lips say the same words"


def test_silence_keeps_the_mouth_shut_and_the_head_alive(
    mssync_cli: Run, photo: Path, tmp_path: Path, talking_head: TalkingHead
) -> None:
    from mssync.media.audio import save_wav

    save_wav(tmp_path / "silence.wav", np.zeros(4 * 16_000, np.float32), 16_000, False)
    rows = tmp_path / "m.npz"
    done = mssync_cli("animate", photo, tmp_path / "silence.wav", "-o", tmp_path / "o.mp4", "--motion-out", rows)
    assert done.code == 0, done.err
    motion = Motion.load(rows)
    assert motion.column("lip_gap").max() < 0.005
    assert np.degrees(motion.values[:, :3]).std(0).max() > 0.2
    seen = talking_head.space.encode(FaceTracker().track(iter_frames(tmp_path / "o.mp4")))
    assert seen.column("lip_gap").max() < 0.03


def test_still_means_a_still_head(mssync_cli: Run, photo: Path, voice: Path, tmp_path: Path) -> None:
    rows = tmp_path / "m.npz"
    done = mssync_cli("animate", photo, voice, "-o", tmp_path / "o.mp4", "--still", "--motion-out", rows)
    assert done.code == 0, done.err
    motion = Motion.load(rows)
    assert not motion.values[:, : len(HEAD_NAMES)].any()
    assert motion.column("lip_gap").max() > 0.05
    track = FaceTracker().track(iter_frames(tmp_path / "o.mp4"))
    corners = track.points[:, [33, 263], :2].mean(1)
    eyes = np.linalg.norm(track.points[0, 33, :2] - track.points[0, 263, :2])
    moved = np.linalg.norm(corners - np.median(corners, axis=0), axis=1)
    # A blink shifts what the tracker takes for the corners of the eyes: the nine quietest tenths are judged.
    assert np.quantile(moved, 0.9) < 0.015 * eyes


def test_the_knobs_turn_what_they_name(photo: Path, voice: Path, talking_head: TalkingHead) -> None:
    def motion(**options: float) -> Motion:
        return talking_head.animate(photo, voice, seed=3, **options).motion  # type: ignore[arg-type]

    plain, less, wide, staring = motion(), motion(head=0.5), motion(mouth=1.5), motion(blink=0.0)
    h = len(HEAD_NAMES)
    assert np.allclose(less.values[:, :h], 0.5 * plain.values[:, :h])
    assert np.allclose(wide.column("lip_gap"), 1.5 * plain.column("lip_gap"), atol=1e-6)
    others = [i for i, name in enumerate(plain.names) if not name.startswith("lid")]
    assert np.array_equal(staring.values[:, others], plain.values[:, others]), "--blink moves nothing else"


def test_the_summary_says_what_was_made(mssync_cli: Run, photo: Path, short_voice: Path, tmp_path: Path) -> None:
    done = mssync_cli("animate", photo, short_voice, "-o", tmp_path / "o.mp4", "--seed", 11)
    assert done.code == 0
    assert done.err == "", "no progress bar where there is no terminal, no chatter of libraries"
    assert done.out.count("\n") == 1
    for fact in ("15 frames", "0.60 s", "real-time factor", "model default", "seed 11"):
        assert fact in done.out


def test_frames_are_made_when_they_are_asked_for(
    photo: Path, voice: Path, talking_head: TalkingHead, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = []
    real = talking_head.renderer.render

    def counted(scene, controls):  # type: ignore[no-untyped-def]
        drawn.append(1)
        return real(scene, controls)

    monkeypatch.setattr(talking_head.renderer, "render", counted)
    made = talking_head.animate(photo, voice)
    frames = iter(made)
    assert drawn == []
    for expected in (1, 2, 3):
        assert next(frames).dtype == np.uint8
        assert len(drawn) == expected
    assert sum(map(len, made._blocks)) < len(made), "of the speech, too, only what is needed was read"
    assert len(made.motion) == len(made) == FRAMES
    assert len(drawn) == 3, "motion needs no drawing"


def test_arrays_are_as_good_as_files(
    photo: Path, voice: Path, voice_samples: NDArray[np.float32], talking_head: TalkingHead, tmp_path: Path
) -> None:
    made = talking_head.animate(load_image(photo).rgb, voice_samples[:16_000], seed=5)
    out = made.save(tmp_path / "o.mp4")
    assert len(load_sound(out)) == pytest.approx(16_000, abs=64)
    assert np.corrcoef(load_sound(out)[:16_000], voice_samples[:16_000])[0, 1] > 0.95
    for bad in (np.zeros(100, np.float32), np.zeros((16_000, 2, 2), np.float32), np.full(16_000, 3e4)):
        with pytest.raises(InputError):
            talking_head.animate(photo, bad)
    with pytest.raises(InputError):
        talking_head.animate(np.zeros((64, 64), np.uint8), voice)


def test_one_call(photo: Path, short_voice: Path, tmp_path: Path) -> None:
    ticks: list[tuple[int, int]] = []
    out = animate(photo, short_voice, tmp_path / "o.mp4", seed=2, progress=lambda *t: ticks.append(t))
    assert sum(1 for _ in iter_frames(out)) == 15
    assert ticks == [(n, 15) for n in range(1, 16)]
    with pytest.raises(OutputError, match="exists"):
        animate(photo, short_voice, out)


def test_takes_are_different_motions(mssync_cli: Run, photo: Path, short_voice: Path, tmp_path: Path) -> None:
    out, rows = tmp_path / "o.mp4", tmp_path / "m.npz"
    done = mssync_cli("animate", photo, short_voice, "-o", out, "--takes", 2, "--seed", 4, "--motion-out", rows)
    assert done.code == 0, done.err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m-1.npz", "m-2.npz", "o-1.mp4", "o-2.mp4"]
    first, second = (Motion.load(tmp_path / f"m-{n}.npz") for n in (1, 2))
    assert (first.meta["seed"], second.meta["seed"]) == ("4", "5")
    assert not np.array_equal(first.values, second.values)


def test_neither_import_nor_animate_loads_torch(photo: Path, short_voice: Path, tmp_path: Path) -> None:
    code = (
        "import sys, mssync\n"
        "assert not {'onnxruntime', 'cv2', 'av', 'matplotlib'} & set(sys.modules), 'import mssync is light'\n"
        f"sys.argv = ['mssync', 'animate', {str(photo)!r}, {str(short_voice)!r}, '-o', {str(tmp_path / 'o.mp4')!r}]\n"
        "from mssync.cli import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert end.code == 0\n"
        "print(sorted({'torch', 'scipy', 'skimage'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"
