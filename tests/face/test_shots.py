"""Cuts are found, and what is no cut is none."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from mssync.face.shots import CutFinder, another_scene, jumped
from mssync.face.tracking import FaceTracker

Rgb = Any


def shifted(picture: Rgb, x: float, y: float = 0.0) -> Rgb:
    move = np.array([[1, 0, x], [0, 1, y]], np.float32)
    return cv2.warpAffine(picture, move, picture.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)


@pytest.fixture(scope="module")
def two(hopper: Rgb, astronaut: Rgb) -> tuple[Rgb, Rgb]:
    return np.ascontiguousarray(astronaut[:384, 40:424]), np.ascontiguousarray(hopper[:384, 64:448])


def timed(frames: list[Rgb], fps: float = 25.0) -> list[tuple[float, Rgb]]:
    return [(k / fps, frame) for k, frame in enumerate(frames)]


def test_scenes(two: tuple[Rgb, Rgb]) -> None:
    first, second = two
    rng = np.random.default_rng(0)
    noisy = np.clip(first + rng.normal(0, 12, first.shape), 0, 255).astype(np.uint8)
    flash = np.clip(first.astype(np.int32) + 90, 0, 255).astype(np.uint8)
    for frames, cut in (
        ([first, second], True),
        ([first, noisy], False),
        ([first, flash], False),
        ([first, shifted(first, 12, 5)], False),
        ([first, first // 4], False),
        ([first, np.zeros_like(first), first], False),
        ([first, np.zeros_like(first), second], True),
    ):
        finder = CutFinder()
        assert sum(another_scene(finder.agreement(f)) for f in frames) == cut


def test_jumps() -> None:
    assert not jumped(0.2, 0.04, 1.0)
    assert jumped(0.4, 0.04, 1.0) and jumped(0.2, 0.04, 0.8)
    assert not jumped(0.4, 0.1, 1.0), "at ten frames a second a face may move further"


def test_a_cut_between_two_people(tracker: FaceTracker, two: tuple[Rgb, Rgb]) -> None:
    first, second = two
    track = tracker.track(timed([first] * 3 + [second] * 3))
    assert track.cuts == (3,) and track.valid.all()
    parts = list(track.shots())
    assert [len(p.times) for p in parts] == [3, 3]
    assert np.array_equal(np.concatenate([p.points for p in parts]), track.points)
    assert tracker.track(timed([shifted(first, 3 * k) for k in range(6)])).cuts == ()


def test_a_jump_cut_in_one_scene(tracker: FaceTracker, two: tuple[Rgb, Rgb]) -> None:
    first, _ = two
    assert tracker.track(timed([first] * 3 + [shifted(first, 45)] * 3)).cuts == (3,)


def test_the_same_person_is_followed(tracker: FaceTracker, two: tuple[Rgb, Rgb]) -> None:
    """While the one who is followed is hidden, the other one in the picture is not taken for her."""
    first, second = two
    both = np.concatenate([first, second], 1)
    hidden = both.copy()
    hidden[:, 384:] = 127  # the larger face
    track = tracker.track(timed([both] * 2 + [hidden] * 3 + [both] * 2))
    larger = track.points[0, :, 0].mean()
    assert track.valid.tolist() == [True] * 2 + [False] * 3 + [True] * 2
    assert np.abs(track.points[:, :, 0].mean(1) - larger).max() < 20
    assert track.cuts == ()
