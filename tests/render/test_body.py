"""Shoulders: they follow the head a little, breathe, and rest at every border."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from render_samples import face, move, photo, still

from mssync.motion.breath import Breath
from mssync.render.warp import Scene, WarpRenderer

RENDERER = WarpRenderer()


@pytest.fixture(scope="module")
def scene() -> Scene:
    return RENDERER.prepare(photo("hopper"), face("hopper"))


def shift_of(before: np.ndarray, after: np.ndarray, part: tuple[slice, slice]) -> np.ndarray:
    """How far a part of the picture moved, (x, y) pixels."""
    a, b = (cv2.cvtColor(x, cv2.COLOR_RGB2GRAY)[part].astype(np.float32) for x in (before, after))
    return np.array(cv2.phaseCorrelate(a, b, cv2.createHanningWindow(a.shape[::-1], cv2.CV_32F))[0])


COLLAR = np.s_[350:420, 170:320]


def test_breath_lifts_the_collar_and_leaves_the_face_and_every_border(scene: Scene) -> None:
    rest = still(face("hopper"))
    low, high = (RENDERER.render(scene, replace(rest, body=1.0, breath=b)) for b in (-1.0, 1.0))
    moved = shift_of(low, high, COLLAR)
    unit = scene.mesh.height
    assert -0.03 * unit < moved[1] < -0.004 * unit and abs(moved[0]) < 0.4
    nose = np.round(face("hopper").points[4, :2]).astype(int)
    around = np.s_[nose[1] - 30 : nose[1] + 10, nose[0] - 30 : nose[0] + 30]
    assert np.abs(low[around].astype(int) - high[around]).max() <= 1
    for border in (np.s_[-3:, :], np.s_[:, :2], np.s_[:, -2:]):
        assert np.array_equal(low[border], high[border])


def test_shoulders_follow_the_head_a_little_and_not_at_all_without_body(scene: Scene) -> None:
    subject = face("hopper")
    unmoved, aside = still(subject), move(subject, shift=(24, 0))
    base = RENDERER.render(scene, unmoved)
    with_body, without = (RENDERER.render(scene, replace(aside, body=b)) for b in (1.0, 0.0))
    chest = np.s_[400:450, 190:310]
    assert 0.3 < shift_of(base, with_body, chest)[0] - shift_of(base, without, chest)[0] < 4
    assert np.array_equal(without, RENDERER.render(scene, aside))
    assert np.array_equal(RENDERER.render(scene, replace(unmoved, breath=1.0)), base), "no breath without a body"


def test_breath_is_between_a_fifth_and_a_third_of_a_hertz_and_begins_as_the_photo() -> None:
    for seed in range(5):
        up = np.array([Breath(seed).at(i) for i in range(25 * 60)])
        assert up[0] == 0 and up[5] > 0 and np.abs(up).max() <= 1.0
        rises = np.count_nonzero((up[:-1] < 0) & (up[1:] >= 0))
        assert 12 <= rises + 1 <= 19
    assert Breath(1).at(40) == Breath(1).at(40) != Breath(2).at(40)
