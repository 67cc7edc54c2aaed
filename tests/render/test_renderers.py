"""The line drawing, and which renderer draws what."""

from __future__ import annotations

from pathlib import Path

import matplotlib.cbook
import numpy as np
import pytest

from mssync import TalkingHead
from mssync.arrays import Array, Rgb
from mssync.errors import InputError
from mssync.face import topology as topo
from mssync.motion.mesh import MeshSpace
from mssync.motion.space import Controls
from mssync.render.lines import INK, PAPER, PARTS, LineRenderer, Sheet
from mssync.render.renderers import RENDERERS, renderer_of

PHOTO = Path(matplotlib.cbook.get_sample_data("grace_hopper.jpg", asfileobj=False))


def controls(points: Array) -> Controls:
    return Controls(points, np.eye(3, 4, dtype=np.float32), 0.0, np.zeros(2, np.float32))


def face_of_68(width: int = 200, height: int = 220) -> Array:
    """Points of which the 68 lie on a circle."""
    points = np.full((topo.POINTS, 3), -1e4, np.float32)
    angle = np.linspace(0, 2 * np.pi, 68, endpoint=False)
    points[list(topo.IBUG68), :2] = np.stack([100 + 60 * np.cos(angle), 110 + 60 * np.sin(angle)], 1)
    return points


def test_every_point_lies_on_a_line() -> None:
    assert sorted(i for first, last, _ in PARTS for i in range(first, last + 1)) == list(range(68))
    sheet = Sheet(np.zeros((220, 200, 3), np.uint8), 1)
    points = face_of_68()
    drawn = LineRenderer().render(sheet, controls(points))
    assert drawn.shape == (220, 200, 3) and drawn.dtype == np.uint8
    for x, y, _ in points[list(topo.IBUG68)]:
        around = drawn[round(float(y)) - 1 : round(float(y)) + 2, round(float(x)) - 1 : round(float(x)) + 2]
        assert around.min() < 120
    assert (drawn[110, 100] == PAPER).all() and (drawn[:20] == PAPER).all()


def test_lines_alone_are_transparent_elsewhere() -> None:
    sheet = Sheet(np.full((220, 200, 3), 77, np.uint8), 2)
    frame = LineRenderer().render_rgba(sheet, controls(face_of_68()))
    assert frame.shape == (220, 200, 4) and (frame[..., :3] == INK).all()
    assert frame[110, 100, 3] == 0 and frame[110, 160, 3] > 200


def test_lines_of_faces_far_outside_do_no_harm() -> None:
    sheet = Sheet(np.zeros((50, 40, 3), np.uint8), 1)
    assert (LineRenderer().render(sheet, controls(face_of_68() * np.float32(1e6))) == PAPER).all()


def test_any_renderer_draws_any_motion() -> None:
    head = TalkingHead.load()
    values = np.zeros((2, len(head.space.names)), np.float32)
    values[1, head.space.groups.lip_gap] = 0.3
    motion = head.space.motion(values, {"seed": "0"})
    frames: dict[str, list[Rgb]] = {
        name: list(head.render(PHOTO, motion, size=160, renderer=name)) for name in RENDERERS
    }
    assert {f.shape for made in frames.values() for f in made} == {frames["warp"][0].shape}
    assert all(np.abs(a.astype(int) - b).max() > 50 for a, b in frames.values())
    own = list(head.render(PHOTO, motion, size=160))
    assert MeshSpace.renderer == "warp" and all(np.array_equal(a, b) for a, b in zip(own, frames["warp"]))
    assert np.median(frames["lines"][0]) == 255
    clear = next(iter(head.render(PHOTO, motion, size=160, renderer="lines", background="none")))
    assert clear.shape[2] == 4


def test_a_renderer_that_there_is_not() -> None:
    with pytest.raises(InputError, match=r"no renderer 'oil'; use one of warp, lines"):
        renderer_of("oil")
