"""The 25 fps clock, and the pinned face crop."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from picture_samples import footage, hopper, hopper_path, still, write

from mssync.errors import InputError
from mssync.evaluation.frames import CROP, FaceCrop, Portrait, paired_frames, pinned_frames, resized
from mssync.face.tracking import FaceTracker
from mssync.media.image import save_png

LEVELS = [np.full((32, 48, 3), 8 * i + 4, np.uint8) for i in range(30)]


def numbers(frames: list[tuple[int, np.ndarray]]) -> list[tuple[int, int]]:
    """Which of LEVELS each frame is."""
    return [(i, round((float(rgb.mean()) - 4) / 8)) for i, rgb in frames]


@pytest.mark.parametrize("fps", [12.5, 25.0, 30.0, 50.0])
def test_every_tick_gets_the_frame_nearest_in_time(tmp_path: Path, fps: float) -> None:
    path = write(tmp_path / "v.mp4", LEVELS, fps)
    count = int(29 / fps * 25) + 1
    got = numbers(list(pinned_frames(path, count)))
    assert [i for i, _ in got] == list(range(count))
    for i, shown in got:
        assert abs(shown / fps - i / 25) <= 0.5 / fps + 1e-6


def test_sampling_and_a_video_that_ends_early(tmp_path: Path) -> None:
    path = write(tmp_path / "v.mp4", LEVELS[:8])
    assert numbers(list(pinned_frames(path, 11, every=5))) == [(0, 0), (5, 5), (10, 7)]
    assert list(pinned_frames(path, 0)) == []


def test_pairs_end_with_the_shorter_video(tmp_path: Path) -> None:
    a = still(tmp_path / "a.mp4", 32)
    b = footage(tmp_path / "b.mp4", [np.ascontiguousarray(hopper().rgb[:200])] * 27, hopper().points)
    pairs = list(paired_frames(a, b, every=5))
    assert [i for i, _, _ in pairs] == list(range(0, 32, 5))
    assert [other is None for _, _, other in pairs] == [False] * 6 + [True]
    assert pairs[0][2].shape[0] == 200 and resized(pairs[0][2], 100, 50).shape == (50, 100, 3)
    assert all(other is None for _, _, other in paired_frames(a, None, every=5))


def test_crop_follows_a_turned_moved_and_scaled_face() -> None:
    photo = hopper()
    angle, scale = np.radians(20), 1.3
    c, s = scale * np.cos(angle), scale * np.sin(angle)
    m = np.array([[c, -s, 60.0], [s, c, -50.0]])
    turned = cv2.warpAffine(photo.rgb, m, (420, 460), flags=cv2.INTER_LINEAR)
    moved = photo.points.copy()
    moved[:, :2] = (photo.points[:, :2] - 0.5) @ m[:, :2].T + m[:, 2] + 0.5
    moved[:, 2] *= scale
    plain, other = FaceCrop.of(photo.points[None]), FaceCrop.of(moved[None])
    assert other.side[0] == pytest.approx(scale * plain.side[0], rel=1e-3)
    assert other.angle[0] - plain.angle[0] == pytest.approx(angle, abs=1e-3)
    a, b = plain.cut(photo.rgb, 0), other.cut(turned, 0)
    assert a.shape == (CROP, CROP, 3)
    assert np.abs(a.astype(int) - b)[20:-20, 20:-20].mean() < 3
    np.testing.assert_allclose(plain.inside(photo.points[None]), other.inside(moved[None]), atol=0.1)


def test_crop_is_level_and_a_hundred_pixels_between_the_eyes() -> None:
    right, left = FaceCrop.of(hopper().points[None]).inside(hopper().points[None])[0, [33, 263]]
    assert np.hypot(*(left - right)) == pytest.approx(100, abs=8)
    assert abs(left[1] - right[1]) < 4


def test_held_crop_lets_the_head_move() -> None:
    points = np.stack([hopper().points, hopper().points + np.float32([7, 0, 0])])
    crop = FaceCrop.of(points)
    held = crop.held(0, zoom=2.0)
    assert held.side[1] == pytest.approx(2 * crop.side[0])
    assert np.abs(np.diff(crop.inside(points), axis=0)).max() < 1e-3
    # seven pixels along the level of a head that is itself a little tilted
    assert np.hypot(*np.diff(held.inside(points), axis=0)[0, 0]) == pytest.approx(7 * CROP / held.side[0], rel=1e-3)


def test_portrait(tmp_path: Path) -> None:
    tracker = FaceTracker()
    portrait = Portrait.read(hopper_path(), tracker)
    assert portrait.rgb.shape == (600, 512, 3) and portrait.points.shape == (478, 3)
    save_png(tmp_path / "grey.png", np.full((200, 200, 3), 90, np.uint8), force=True)
    with pytest.raises(InputError, match="No face"):
        Portrait.read(tmp_path / "grey.png", tracker)
