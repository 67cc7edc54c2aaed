"""Mouths that something covers: no mouth is drawn, the cover moves along, and bare faces are never taken for it."""

from __future__ import annotations

import warnings
from dataclasses import replace

import cv2
import numpy as np
import pytest
from render_samples import Photo, face, move, photo

from mssync.face import topology as topo
from mssync.render.cover import mouth_covered
from mssync.render.renderers import with_mouth
from mssync.render.warp import WarpRenderer

RENDERER = WarpRenderer()


def masked(name: str, colour: tuple[int, int, int]) -> np.ndarray:
    """The photo with everything below the nose in one colour."""
    rgb, points = photo(name).rgb.copy(), face(name).points[:, :2]
    ring = [*topo.FACE_OVAL[9:28]]
    corners = np.concatenate([points[ring], points[[5]]])
    cv2.fillPoly(rgb, [np.round(corners).astype(np.int32)], colour)
    return rgb


def with_microphone(name: str) -> np.ndarray:
    rgb, points = photo(name).rgb.copy(), face(name).points[:, :2]
    size = 0.35 * np.linalg.norm(points[33] - points[263])
    centre = points[14] + (0, 0.7 * size)
    cv2.circle(rgb, tuple(np.round(centre).astype(int).tolist()), round(size), (24, 24, 26), -1)
    return rgb


@pytest.mark.parametrize("name", ["hopper", "astronaut"])
def test_covers_are_seen_and_bare_or_bearded_mouths_are_none(name: str) -> None:
    points, rgb = face(name).points, photo(name).rgb
    for colour in ((120, 178, 208), (240, 242, 245), (20, 20, 22)):
        assert mouth_covered(masked(name, colour), points)
    assert mouth_covered(with_microphone(name), points)
    assert not mouth_covered(rgb, points)
    assert not mouth_covered((rgb * 0.25).astype(np.uint8), points)
    assert not mouth_covered(np.dstack([cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)] * 3), points)
    bearded = masked(name, (28, 24, 22))
    lips = np.zeros(rgb.shape[:2], np.uint8)
    cv2.fillPoly(lips, [np.round(points[list(topo.LIPS_OUTER), :2]).astype(np.int32)], 1)
    bearded[lips > 0] = rgb[lips > 0]
    assert not mouth_covered(bearded, points)


def test_the_cover_moves_with_the_head_and_stays_shut() -> None:
    subject = face("hopper")
    rgb = masked("hopper", (120, 178, 208))
    scene = RENDERER.prepare(Photo(rgb), subject)
    place = tuple(np.round(subject.points[14, 1::-1]).astype(int))
    for gap, shift in ((0.0, 0), (0.3, 0), (0.3, 8)):
        out = RENDERER.render(scene, move(subject, gap=gap, shift=(shift, 0)))
        around = out[place[0] - 8 : place[0] + 9, place[1] + shift - 12 : place[1] + shift + 13]
        assert np.abs(around.astype(int) - (120, 178, 208)).max() < 12
    blink = RENDERER.render(scene, move(subject, shut=1.0))
    eye = tuple(np.round(subject.points[159, 1::-1]).astype(int))
    assert np.abs(blink.astype(int) - rgb)[eye[0] - 3 : eye[0] + 10, eye[1] - 8 : eye[1] + 8].mean() > 5


def test_one_note_says_so_and_the_option_forces_it() -> None:
    scene = RENDERER.prepare(Photo(masked("hopper", (120, 178, 208))), face("hopper"))
    with pytest.warns(UserWarning, match="cover the mouth"):
        assert with_mouth(scene, forced=False) is scene
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        forced = with_mouth(scene, forced=True)
        bare = RENDERER.prepare(photo("hopper"), face("hopper"))
        assert with_mouth(bare, forced=False) is bare
    shut, wide = (RENDERER.render(replace(forced), move(face("hopper"), gap=g)) for g in (0.0, 0.3))
    assert np.abs(shut.astype(int) - wide).max() > 40
