"""The inside of the mouth: continuous in the gap, the photo's own teeth kept, drawn teeth each person's own."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
import pytest
from render_samples import Photo, face, move, photo

from mssync.face import topology as topo
from mssync.render.mouth import prepare_mouth
from mssync.render.teeth import Bite, drawn_inside, tones
from mssync.render.warp import Scene, WarpRenderer

RENDERER = WarpRenderer()


@pytest.fixture(scope="module")
def smiling() -> Scene:
    return RENDERER.prepare(photo("astronaut"), face("astronaut"))


def inner(points: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    mask = np.zeros(shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.round(points[list(topo.LIPS_INNER), :2]).astype(np.int32)], 1)
    return mask > 0


def test_what_is_seen_of_the_mouth_does_not_jump_as_it_opens(smiling: Scene) -> None:
    """From shut to wide open in small steps, no step changes the mouth more than a few times the usual step."""
    subject = face("astronaut")
    gaps = np.linspace(0.0, 0.32, 33)
    frames = [RENDERER.render(smiling, move(subject, gap=float(g))).astype(np.float32) for g in gaps]
    wide = inner(move(subject, gap=0.34).points, frames[0].shape)
    steps = np.array([np.abs(cv2.blur(b - a, (3, 3)))[wide].mean() for a, b in pairwise(frames)])
    assert np.median(steps) > 0.3
    assert steps.max() < 3.5 * np.median(steps)


def test_the_photos_own_teeth_stay_where_the_skull_is(smiling: Scene) -> None:
    subject = face("astronaut")
    teeth = smiling.mouth.teeth
    assert teeth is not None
    x0, y0, x1, y1 = (v + o for v, o in zip(smiling.mouth.box, (*smiling.box[:2], *smiling.box[:2]), strict=True))
    middle = np.zeros(teeth.shape, bool)
    middle[:, teeth.shape[1] // 3 : 2 * teeth.shape[1] // 3] = True
    rgb = photo("astronaut").rgb[y0:y1, x0:x1].astype(np.float32)
    own = (cv2.erode(teeth, np.ones((3, 3))) > 0.97) & middle & (rgb.min(-1) > 150)
    assert own.sum() > 20
    for gap in (0.12, 0.2, 0.3):
        controls = move(subject, gap=gap)
        seen = (
            cv2.erode(inner(controls.points, smiling.photo.shape).astype(np.uint8), np.ones((5, 5)))[y0:y1, x0:x1] > 0
        )
        shown = own & seen
        assert shown.sum() > 10
        out = RENDERER.render(smiling, controls)[y0:y1, x0:x1].astype(np.float32)
        assert np.abs(out - rgb)[shown].mean() < 12


def test_teeth_differ_between_people_and_not_between_runs() -> None:
    pictures = [np.random.default_rng(i).integers(0, 255, (20, 30, 3), dtype=np.uint8) for i in range(12)]
    bites = [Bite.of(p) for p in pictures]
    assert Bite.of(pictures[0]).width == bites[0].width and np.array_equal(
        Bite.of(pictures[0]).lengths, bites[0].lengths
    )
    assert len({b.width for b in bites}) == len({b.shown for b in bites}) == 12
    assert min(b.width for b in bites) > 0.9 and max(b.shown for b in bites) < 4


@pytest.mark.parametrize("dim", [1.0, 0.55, 0.3])
def test_the_drawn_inside_is_as_bright_as_real_ones_on_every_skin(dim: float) -> None:
    """From the upper to the lower lip relative to the cheeks, as measured on real mouths, within their spread."""
    points = face("hopper").points
    rgb = np.round(photo("hopper").rgb * dim).astype(np.uint8)
    colours = tones(rgb, points)
    skin = float(tones_grey(prepare_mouth(rgb, points).tones.teeth)) / 1.25
    real = {4.5: (0.56, 0.57, 0.72), 10.0: (0.66, 0.71, 0.76), 18.0: (0.83, 0.80, 0.84)}
    bite = replace(Bite.of(rgb), lengths=np.zeros((2, 2, 6), np.float32), shown=2.6)
    for gap, wanted in real.items():
        below = np.linspace(0.06, 0.94, 9, dtype=np.float32)[:, None] * gap
        x = np.linspace(-4, 4, 17, dtype=np.float32)[None].repeat(9, 0)
        below = below.repeat(17, 1)
        seen = drawn_inside(colours, bite, x, below, gap - below, gap, below - 0.35 * gap)
        bright = seen.mean((1, 2)) / skin
        np.testing.assert_allclose(bright[[0, 4, 8]], wanted, atol=0.25)
        assert (seen > 0).all() and (seen < 255).all()


def tones_grey(colour: np.ndarray) -> float:
    return float(colour @ np.array([0.299, 0.587, 0.114]))


def test_an_open_mouth_without_teeth_keeps_its_own_dark_as_it_closes() -> None:
    """Nothing drawn takes the place of what the photo shows before the lips are wider open than there."""
    subject, rgb = face("hopper"), photo("hopper").rgb.copy()
    opened = move(subject, gap=0.16)
    mouth = inner(opened.points, rgb.shape)
    rgb[mouth] = (30, 60, 160)  # a colour that nothing draws
    shown = replace(subject, points=opened.points)
    scene = RENDERER.prepare(Photo(rgb), shown)
    assert scene.mouth.shows and scene.mouth.teeth is None
    for gap in (0.16, 0.1):
        controls = move(shown, gap=gap)
        out = RENDERER.render(scene, controls)
        middle = tuple(np.round(controls.points[[13, 14], :2].mean(0)).astype(int)[::-1])
        assert np.abs(out[middle].astype(int) - (30, 60, 160)).max() < 30
