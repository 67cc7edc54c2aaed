"""Motion out of videos and back onto photos: track, render, head-from, plot, export-motion, transparency."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import av
import matplotlib.cbook
import numpy as np
import pytest
from conftest import Done
from PIL import Image as Pil

from mssync import TalkingHead
from mssync.errors import InputError
from mssync.media.audio import load_sound
from mssync.media.image import load_image, save_png
from mssync.media.provenance import read_synthetic_mark
from mssync.media.video import VideoWriter, iter_frames
from mssync.motion.columns import HEAD_NAMES
from mssync.motion.joined_shots import HANDOVER_SECONDS, handed_over
from mssync.motion.space import Motion

Run = Callable[..., Done]


def frames_of(path: Path) -> int:
    return sum(1 for _ in iter_frames(path))


@pytest.fixture(scope="module")
def tracked(spoken: Path, workplace: Path, talking_head: TalkingHead) -> Path:
    motion = talking_head.track(spoken)
    return motion.save(workplace / "tracked.npz")


def test_tracking_a_video_gives_its_motion_back(mssync_cli: Run, spoken: Path, tmp_path: Path) -> None:
    done = mssync_cli("track", spoken, "-o", tmp_path / "m.npz")
    assert (done.code, done.err) == (0, "")
    assert "0 gaps" in done.out
    made, found = Motion.load(spoken.with_suffix(".npz")), Motion.load(tmp_path / "m.npz")
    assert len(found) == len(made)
    assert found.names == made.names
    # This seed hardly turns (yaw spreads by less than a degree); yaw has a test of its own below.
    for name in ("rot_x", "rot_z", "lip_gap"):
        assert np.corrcoef(found.column(name), made.column(name))[0, 1] > 0.8, name


@pytest.mark.parametrize(("name", "size"), [("rot_x", 0.15), ("rot_y", 0.2), ("rot_z", 0.15), ("lip_gap", 0.1)])
def test_a_rendered_motion_is_seen_by_the_tracker(
    talking_head: TalkingHead, photo: Path, name: str, size: float
) -> None:
    names = talking_head.space.names
    wave = size * np.sin(np.arange(25) / 25 * 2 * np.pi)
    rows = np.zeros((25, len(names)), np.float32)
    rows[:, names.index(name)] = np.maximum(wave, 0) if name == "lip_gap" else wave
    frames = enumerate(talking_head.render(photo, Motion(rows, names)))
    track = talking_head.tracker.track((i / 25, frame) for i, frame in frames)
    seen = talking_head.space.encode(track).column(name)
    asked = rows[:, names.index(name)]
    assert np.corrcoef(seen, asked)[0, 1] > 0.95
    # A warped photo shows no new side of a face, so the tracker reads turns as smaller than they are.
    assert 0.5 < np.polyfit(asked, seen, 1)[0] < 1.25


def test_render_shows_a_tracked_motion_on_a_photo(
    mssync_cli: Run, tracked: Path, spoken: Path, photo: Path, tmp_path: Path, talking_head: TalkingHead
) -> None:
    rows = Motion.load(tracked)
    cut = rows.with_values(rows.values[:40]).save(tmp_path / "cut.npz")
    out = tmp_path / "o.mp4"
    done = mssync_cli("render", photo, cut, "--speech", spoken, "-o", out)
    assert (done.code, done.err) == (0, "")
    assert frames_of(out) == 40
    assert len(load_sound(out)) == pytest.approx(40 * 640, abs=64), "the sound is cut to the motion"
    again = talking_head.space.encode(talking_head.tracker.track(iter_frames(out)))
    assert np.corrcoef(again.column("rot_x"), rows.column("rot_x")[:40])[0, 1] > 0.8
    mark = read_synthetic_mark(out)
    assert mark is not None and mark["seed"] is None


def test_rendering_a_saved_motion_makes_the_same_frames(
    spoken: Path, photo: Path, voice: Path, talking_head: TalkingHead
) -> None:
    saved = talking_head.render(photo, spoken.with_suffix(".npz"), voice)
    fresh = talking_head.animate(photo, voice, seed=7)
    assert saved.seed == 7
    for count, (one, other) in enumerate(zip(saved, fresh)):
        assert np.array_equal(one, other)
        if count == 10:
            break


def test_without_speech_the_film_is_silent(
    photo: Path, tracked: Path, talking_head: TalkingHead, tmp_path: Path
) -> None:
    rows = Motion.load(tracked)
    out = talking_head.render(photo, rows.with_values(rows.values[:5])).save(tmp_path / "o.mp4")
    with av.open(str(out)) as film:
        assert not film.streams.audio


def test_a_motion_at_another_rate_keeps_its_time(photo: Path, tracked: Path, talking_head: TalkingHead) -> None:
    rows = Motion.load(tracked)
    assert len(talking_head.render(photo, replace(rows, fps=50.0))) == round(len(rows) / 2)


def test_head_from_takes_the_head_and_leaves_the_lips(
    mssync_cli: Run, photo: Path, short_voice: Path, tracked: Path, tmp_path: Path, talking_head: TalkingHead
) -> None:
    rows = tmp_path / "m.npz"
    done = mssync_cli(
        "animate", photo, short_voice, "-o", tmp_path / "o.mp4", "--head-from", tracked, "--motion-out", rows
    )
    assert done.code == 0, done.err
    made, plain = Motion.load(rows), talking_head.animate(photo, short_voice).motion
    head = [*HEAD_NAMES, "gaze_x", "gaze_y"]
    for name in made.names:
        source = Motion.load(tracked) if name in head else plain
        assert np.allclose(made.column(name), source.column(name)[: len(made)], atol=1e-6), name
    half = talking_head.animate(photo, short_voice, head_from=tracked, head=0.5).motion
    assert np.allclose(half.column("rot_y"), 0.5 * made.column("rot_y"), atol=1e-6)


def test_a_short_recorded_head_passes_smoothly_into_the_generated_one() -> None:
    recorded = np.cumsum(np.full((30, 2), 0.01, np.float32), axis=0)
    drawn = np.full((80, 2), -0.5, np.float32)
    whole = handed_over(recorded, drawn, 0)
    assert np.array_equal(whole[:30], recorded)
    end = 30 + round(HANDOVER_SECONDS * 25)
    assert np.allclose(whole[end:], -0.5)
    assert np.abs(np.diff(whole, axis=0)).max() < 0.08
    assert np.allclose(np.concatenate([handed_over(recorded, drawn[i : i + 7], i) for i in range(0, 80, 7)]), whole)


def test_plot_and_export(mssync_cli: Run, spoken: Path, voice: Path, tmp_path: Path) -> None:
    rows = spoken.with_suffix(".npz")
    done = mssync_cli("plot", rows, "--speech", voice, "-o", tmp_path / "p.png")
    assert (done.code, done.err) == (0, "")
    assert load_image(tmp_path / "p.png").rgb.std() > 10
    done = mssync_cli("export-motion", rows, "-o", tmp_path / "c.csv")
    assert (done.code, done.err) == (0, "")
    with (tmp_path / "c.csv").open(newline="") as lines:
        table = list(csv.DictReader(lines))
    motion = Motion.load(rows)
    assert len(table) == len(motion)
    assert {"time", "head_yaw", "jawOpen", "lip_gap"} <= table[0].keys()
    gap = [float(row["lip_gap"]) for row in table]
    assert np.allclose(gap, motion.column("lip_gap"), atol=1e-3)


def test_gaps_in_a_video_are_reported(mssync_cli: Run, photo: Path, tmp_path: Path, talking_head: TalkingHead) -> None:
    rgb = load_image(photo).rgb
    with VideoWriter(tmp_path / "v.mp4", rgb.shape[1], rgb.shape[0]) as video:
        for n in range(30):
            video.write(rgb if not 10 <= n < 20 else np.full_like(rgb, 90))
    done = mssync_cli("track", tmp_path / "v.mp4", "-o", tmp_path / "m.npz")
    assert done.code == 0
    assert "0.40-0.80 s" in done.err
    motion = Motion.load(tmp_path / "m.npz")
    assert json.loads(motion.meta["gaps"]) == [[0.4, 0.8]]
    assert len(motion) == 30
    assert np.abs(motion.values[:, :3]).max() < 0.05, "the gap is bridged"


def test_no_background_as_png_frames(mssync_cli: Run, photo: Path, short_voice: Path, tmp_path: Path) -> None:
    out = tmp_path / "frames"
    done = mssync_cli("animate", photo, short_voice, "-o", out, "--background", "none")
    assert done.code == 0, done.err
    names = sorted(p.name for p in out.iterdir())
    assert names == [*(f"{n:06d}.png" for n in range(15)), "audio.wav"]
    first = np.array(Pil.open(out / "000000.png"))
    assert first.shape[2] == 4
    assert 0.2 < (first[..., 3] > 250).mean() < 0.8
    assert first[0, -1, 3] == 0, "the corner is background"
    assert len(load_sound(out / "audio.wav")) == 15 * 640


def test_no_background_as_webm(mssync_cli: Run, photo: Path, short_voice: Path, tmp_path: Path) -> None:
    out = tmp_path / "o.webm"
    done = mssync_cli("animate", photo, short_voice, "-o", out, "--background", "none")
    assert done.code == 0, done.err
    assert frames_of(out) == 15
    with av.open(str(out)) as film:
        assert film.streams.video[0].metadata.get("alpha_mode") == "1"
    done = mssync_cli("animate", photo, short_voice, "-o", tmp_path / "o.mp4", "--background", "none")
    assert done.code == 2
    assert "transparency" in done.err


def test_a_cut_out_photo_stands_on_white(photo: Path, tracked: Path, talking_head: TalkingHead, tmp_path: Path) -> None:
    scene, _ = talking_head._scene(photo, None, 1, "keep")
    save_png(tmp_path / "cut.png", np.dstack([scene.photo, scene.matte]), force=True)
    rows = Motion.load(tracked)
    rows = rows.with_values(rows.values[:1])
    shown = next(talking_head.render(tmp_path / "cut.png", rows).frames())
    assert (shown[scene.matte == 0] == 255).mean() > 0.9
    clear = next(talking_head.render(tmp_path / "cut.png", rows, background="none").frames())
    assert clear.shape[2] == 4


def test_motion_of_another_model_is_refused(photo: Path, tracked: Path, talking_head: TalkingHead) -> None:
    rows = Motion.load(tracked)
    with pytest.raises(InputError, match="another model"):
        talking_head.render(photo, replace(rows, mark="0" * 64, meta={"model": "mine 2"}))
    with pytest.raises(InputError, match="another model"):
        talking_head.render(photo, Motion(rows.values[:, :9], rows.names[:9]))
    assert len(talking_head.animate(photo, np.zeros(16_000, np.float32), head_from=replace(rows, mark="0" * 64)))


def test_size_and_native(photo: Path, portrait: Path, tracked: Path, talking_head: TalkingHead) -> None:
    rows = Motion.load(tracked)
    assert talking_head.render(photo, rows, size=200).size[1] == 200
    assert talking_head.render(portrait, rows).size == (512, 600), "smaller photos are not blown up"
    large = load_image(portrait).resized(1300)
    assert max(talking_head.render(large.rgb, rows).size) == 1080
    assert max(talking_head.render(large.rgb, rows, size="native").size) == 1300


def test_which_face(photo: Path, tracked: Path, talking_head: TalkingHead) -> None:
    large = load_image(photo)
    small = large.resized(220)
    two = np.full((288, large.width + small.width, 3), 128, np.uint8)
    two[:, : large.width] = large.rgb
    two[-small.height :, large.width :] = small.rgb
    rows = Motion.load(tracked)
    first, second = (talking_head.render(two, rows, face=n)._canvas.rest.pose.translation[0] for n in (1, 2))
    assert first < large.width < second
    with pytest.raises(InputError, match="2 faces"):
        talking_head.render(two, rows, face=3)
    with pytest.raises(InputError, match="one face"):
        talking_head.render(photo, rows, face=2)


def test_a_driver_who_walks_does_not_leave_the_photo(
    mssync_cli: Run, photo: Path, tmp_path: Path, talking_head: TalkingHead
) -> None:
    """The head stays in the picture with render and --head-from, although it crosses the driver's."""
    still = load_image(photo).rgb
    frames = [np.roll(still, 2 * k - 30, axis=1) for k in range(30)]
    with VideoWriter(tmp_path / "v.mp4", still.shape[1], still.shape[0]) as video:
        for frame in frames:
            video.write(frame)
    assert mssync_cli("track", tmp_path / "v.mp4", "-o", tmp_path / "m.npz").code == 0
    walk = Motion.load(tmp_path / "m.npz").column("trans_x")
    assert np.ptp(walk) > 0.8
    drawn = talking_head.render(photo, tmp_path / "m.npz").motion.column("trans_x")
    assert np.abs(drawn).max() < 0.3
    voice = np.zeros(16_000, np.float32)
    headed = talking_head.animate(photo, voice, head_from=tmp_path / "m.npz").motion.column("trans_x")
    assert np.abs(headed).max() < 0.3


def test_a_cut_is_noted_and_joined(mssync_cli: Run, photo: Path, tmp_path: Path) -> None:
    first = load_image(photo).rgb
    second = np.ascontiguousarray(255 - np.roll(first, 40, axis=1))  # nobody's scene, then hers again
    with VideoWriter(tmp_path / "v.mp4", first.shape[1], first.shape[0]) as video:
        for frame in [first] * 10 + [second] * 5 + [np.roll(first, -30, axis=1)] * 10:
            video.write(frame)
    done = mssync_cli("track", tmp_path / "v.mp4", "-o", tmp_path / "m.npz")
    assert done.code == 0
    assert "v.mp4 is cut at 0.40 s, 0.60 s" in done.err
    rows = Motion.load(tmp_path / "m.npz")
    assert json.loads(rows.meta["cuts"]) == [0.4, 0.6]
    assert len(rows) == 25
    assert np.abs(np.diff(rows.column("trans_x"))).max() < 0.05


def test_a_driver_that_breaks_off_is_noted(mssync_cli: Run, photo: Path, tmp_path: Path) -> None:
    still = load_image(photo).rgb
    with VideoWriter(tmp_path / "v.mp4", still.shape[1], still.shape[0], crf=0) as video:
        for k in range(75):
            video.write(np.roll(still, k % 3, axis=1))
    content = (tmp_path / "v.mp4").read_bytes()  # the index is in front
    (tmp_path / "v.mp4").write_bytes(content[: len(content) // 2])
    done = mssync_cli("track", tmp_path / "v.mp4", "-o", tmp_path / "m.npz")
    assert done.code == 0
    assert re.search(r"v\.mp4 breaks off after 1\.\d of 3\.0 s; it may have been cut off", done.err)
    assert 25 < len(Motion.load(tmp_path / "m.npz")) < 50


def test_lines_of_a_face(mssync_cli: Run, talking_head: TalkingHead, tmp_path: Path) -> None:
    talking_head.space.motion(np.zeros((5, len(talking_head.space.names)), np.float32)).save(tmp_path / "m.npz")
    photo = matplotlib.cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)
    words = ("render", photo, tmp_path / "m.npz", "--size", "160", "--renderer")
    assert mssync_cli(*words, "lines", "-o", tmp_path / "lines").code == 0
    assert np.median(load_image(tmp_path / "lines" / "000001.png").rgb) == 255
    done = mssync_cli(*words, "oil", "-o", tmp_path / "oil.mp4")
    assert done.code == 2 and "no renderer 'oil'" in done.err and not (tmp_path / "oil.mp4").exists()
