from __future__ import annotations

import cv2
import numpy as np
import pytest
from render_samples import Photo, face, move, photo, still

from mssync.face.topology import FACE_OVAL
from mssync.face.tracking import Face
from mssync.render import matte
from mssync.render.border import Border, inside_rim, soft_limit
from mssync.render.warp import Scene, WarpRenderer

RENDERER = WarpRenderer()
# Name of the picture, and the part of it: x0, y0, x1, y1.
CUTS = {
    "hair at the top": ("astronaut", (60, 30, 390, 360)),
    "forehead at the top": ("astronaut", (120, 60, 330, 270)),
    "hat at the top": ("hopper", (100, 40, 420, 420)),
    "face alone": ("astronaut", (168, 50, 286, 205)),
}
# Turn in degrees (pitch, yaw, roll) and shift in face heights.
MOTIONS = {
    "sinks": ((0, 0, 0), (0, 0.18)),
    "rises": ((0, 0, 0), (0, -0.18)),
    "to the left": ((0, 0, 0), (-0.2, 0)),
    "to the right": ((0, 0, 0), (0.2, 0)),
    "nods": ((14, 0, 0), (0, 0.06)),
    "tilts": ((0, 8, 12), (0, 0.05)),
}


def cut(name: str) -> tuple[np.ndarray, Face]:
    source, (x0, y0, x1, y1) = CUTS[name]
    rgb = np.ascontiguousarray(photo(source).rgb[y0:y1, x0:x1])
    return rgb, Face(face(source).points - np.array([x0, y0, 0], np.float32), np.zeros(52, np.float32), 1.0)


@pytest.fixture(scope="module")
def scenes() -> dict[str, tuple[Scene, Face]]:
    made = {}
    for name in CUTS:
        rgb, subject = cut(name)
        made[name] = RENDERER.prepare(Photo(rgb), subject), subject
    return made


def height(subject: Face) -> float:
    return float(np.linalg.norm(subject.points[10] - subject.points[152]))


def moved(subject: Face, motion: str, **more: float) -> np.ndarray:
    turn, shift = MOTIONS[motion]
    return move(subject, turn=turn, shift=(shift[0] * height(subject), shift[1] * height(subject)), **more)


def barcode(frame: np.ndarray, photo_: np.ndarray, person: np.ndarray) -> int:
    """The most lines at any border of a frame that repeat each other within the person.

    Args:
        person: ``(H, W)`` bool.
    """
    most = 0
    for turns in range(4):
        lines, own, there = (np.rot90(x, turns).astype(np.float32) for x in (frame, photo_, person))
        edge = there[0] > 0
        if edge.sum() < 8:
            continue
        steps = np.abs(np.diff(lines[:, edge], axis=0)).mean((1, 2))
        usual = np.median(np.abs(np.diff(own[:12, edge], axis=0)).mean((1, 2)))
        most = max(most, int(np.argmax(steps >= 0.15 * usual)))
    return most


def test_the_detector_sees_a_barcode() -> None:
    rgb, _ = cut("hair at the top")
    person = np.zeros(rgb.shape[:2], bool)
    person[:80, 120:220] = True
    assert barcode(rgb, rgb, person) == 0
    repeated = np.concatenate([np.repeat(rgb[:1], 5, 0), rgb[:-5]])
    assert barcode(repeated, rgb, person) == 5
    aside = np.rot90(repeated).copy()
    assert barcode(aside, np.rot90(rgb).copy(), np.rot90(person)) == 5


@pytest.mark.parametrize("motion", MOTIONS)
@pytest.mark.parametrize("name", CUTS)
def test_no_line_of_the_border_is_repeated(scenes: dict[str, tuple[Scene, Face]], name: str, motion: str) -> None:
    scene, subject = scenes[name]
    controls = moved(subject, motion)
    frame = RENDERER.render(scene, controls)
    person = RENDERER.render_rgba(scene, controls)[..., 3] > 128
    assert barcode(frame, scene.photo, person) <= 1


@pytest.mark.parametrize("name", CUTS)
def test_unmoved_is_the_photo_at_the_border_too(scenes: dict[str, tuple[Scene, Face]], name: str) -> None:
    scene, subject = scenes[name]
    frame = RENDERER.render(scene, still(subject))
    assert np.abs(frame.astype(int) - scene.photo).mean() < 0.5


def displaced(scene: Scene, subject: Face, shift: tuple[float, float], scale: float = 1.0) -> np.ndarray:
    """Where the head is after a shift in face heights was held: its middle's way in face heights, and its scale."""
    points, rigid = _moved(scene, subject, shift, scale)
    held, similarity = scene.border.held(points, rigid)
    way = (held.mean(0) - scene.mesh.source.mean(0))[:2] / height(subject)
    size = np.cbrt(np.linalg.det(similarity[:, :3]))
    assert np.allclose(scene.mesh.source @ similarity[:, :3].T + similarity[:, 3], held, atol=0.01)
    return np.array([*way, size])


def _moved(scene: Scene, subject: Face, shift: tuple[float, float], scale: float) -> tuple[np.ndarray, np.ndarray]:
    source = scene.mesh.source
    middle, goal = source.mean(0), np.array([*shift, 0.0]) * height(subject)
    rigid = np.concatenate([scale * np.eye(3), (middle + goal - scale * middle)[:, None]], 1).astype(np.float32)
    return (source @ rigid[:, :3].T + rigid[:, 3]).astype(np.float32), rigid


def test_small_motion_and_motion_away_are_not_held(scenes: dict[str, tuple[Scene, Face]]) -> None:
    scene, subject = scenes["hair at the top"]
    assert not scene.border.free
    for shift in ((0.0, 0.03), (0.0, -0.3), (0.3, 0.0)):
        assert np.allclose(displaced(scene, subject, shift), [*shift, 1], atol=1e-4)
    far = [displaced(scene, subject, (0.0, down))[1] for down in (0.1, 0.2, 0.4)]
    assert 0.05 < far[0] < far[1] < far[2] < 0.15  # ever slower, without a stop


def test_a_head_that_fills_the_picture_is_not_shrunk_away(scenes: dict[str, tuple[Scene, Face]]) -> None:
    scene, subject = scenes["face alone"]
    sizes = [displaced(scene, subject, (0.0, 0.0), scale)[2] for scale in (1.1, 1.0, 0.99, 0.9, 0.7)]
    assert np.allclose(sizes[:3], [1.1, 1.0, 0.99], atol=1e-3)
    assert sizes[2] > sizes[3] > sizes[4] > 0.9


def test_a_head_with_room_is_not_held() -> None:
    subject = face("astronaut")
    scene = RENDERER.prepare(photo("astronaut"), subject)
    assert scene.border.free
    assert np.allclose(displaced(scene, subject, (0.3, 0.3), 0.8), [0.3, 0.3, 0.8], atol=1e-4)


def test_held_motion_is_smooth() -> None:
    values = np.array([soft_limit(x, 10.0) for x in np.linspace(0, 60, 601)])
    steps = np.diff(values)
    assert np.array_equal(values[:61], np.linspace(0, 6, 61))
    assert values[-1] < 10 and (steps > 0).all() and np.abs(np.diff(steps)).max() < 0.01
    assert soft_limit(3.0, 0.0) == 0.0


def test_a_picture_that_ends_within_a_cell_is_the_photo_when_unmoved() -> None:
    """Large enough for cells of several pixels, cut close, its size no multiple of theirs."""
    rgb, subject = cut("forehead at the top")
    for side in (421, 423):
        k = side / len(rgb)
        large = cv2.resize(rgb, (side, side), interpolation=cv2.INTER_CUBIC)
        resized = subject.scaled(k)
        scene = RENDERER.prepare(Photo(large), resized)
        frame = RENDERER.render(scene, still(resized))
        assert scene.mesh.step > 1 and not scene.border.free
        assert np.array_equal(frame[scene.matte == 0], large[scene.matte == 0])


@pytest.mark.parametrize("side", range(4))
def test_a_map_is_kept_inside_on_every_side(scenes: dict[str, tuple[Scene, Face]], side: int) -> None:
    """A map that asks for 10 pixels beyond a border is changed near that border alone, and keeps its order."""
    none, some = np.zeros(0, np.intp), np.zeros(1, np.intp)
    field = scenes["face alone"][0].field
    border = Border(field, tuple(some if i == side else none for i in range(4)), (60.0,) * 4, (240, 200))
    flow = np.zeros((100, 120, 2), np.float32)
    axis, sign = side % 2, 1 if side < 2 else -1
    flow[..., axis] = -10.0 * sign
    border.keep_inside(flow, 2)
    x, y = np.meshgrid((np.arange(120) + 0.5) * 2 - 0.5, (np.arange(100) + 0.5) * 2 - 0.5)
    source = (x, y)[axis] + flow[..., axis]
    wanted = (source.min() if sign > 0 else (239, 199)[axis] - source.max()) >= -1e-3
    assert wanted
    assert (np.diff(source, axis=1 - axis) > 0.6).all()
    assert not flow[..., 1 - axis].any()
    far = np.s_[:, 40:80] if axis == 0 else np.s_[40:60]
    assert (flow[far][..., axis] == -10.0 * sign).all()


def test_rims_are_found_and_walls_are_none() -> None:
    rgb = photo("astronaut").rgb[:300, 60:390]
    h, w = rgb.shape[:2]
    assert inside_rim(rgb, None) == (0, 0, w, h)
    framed = np.full_like(rgb, 255)
    framed[3:-2, 4:] = rgb[3:-2, 4:]
    x0, y0, x1, y1 = inside_rim(framed, None)
    assert 4 <= x0 <= 5 and 3 <= y0 <= 4 and x1 == w and h - 3 <= y1 <= h - 2
    barred = np.concatenate([np.full((h, 50, 3), 2, np.uint8), rgb], 1)
    assert 50 <= inside_rim(barred, None)[0] <= 52
    assert inside_rim(np.concatenate([np.full((h, 50, 3), 90, np.uint8), rgb], 1), None)[0] == 0
    wall = np.full_like(rgb, 200)
    wall[60:, 100:200] = rgb[60:, 100:200]
    assert inside_rim(wall, None) == (0, 0, w, h)
    hair = np.full_like(rgb, 250)  # a white wall, and hair that begins three lines below the border
    hair[3:, 100:220] = rgb[3:, 100:220]
    assert inside_rim(hair, None) == (0, 0, w, h)
    alpha = np.full((h, w), 255, np.uint8)
    alpha[:4] = 0
    assert inside_rim(rgb, alpha) == (0, 4, w, h)


def test_a_white_rim_stays_and_is_not_spread() -> None:
    """Hair just below the rim sinks and moves aside: behind it is wall, not rim."""
    rgb = np.full((330, 330, 3), 255, np.uint8)
    x, y = 60, 0
    rgb[3:, 3:327] = photo("astronaut").rgb[y + 3 : y + 330, x + 3 : x + 327]
    subject = Face(face("astronaut").points - np.array([x, y, 0], np.float32), np.zeros(52, np.float32), 1.0)
    scene = RENDERER.prepare(Photo(rgb), subject)
    for motion in ("sinks", "to the left", "rises"):
        frame = RENDERER.render(scene, moved(subject, motion))
        assert np.array_equal(frame[:3], rgb[:3])
    wall = np.asarray(photo("astronaut").rgb[20:60, 70:100]).reshape(-1, 3).mean(0)
    hole = scene.matte[scene.box[1] : scene.box[3], scene.box[0] : scene.box[2]] > 128
    top = scene.plate[:40][hole[:40]]
    assert np.abs(top.astype(float) - wall).mean() < 30
    assert (top.min(-1) > 235).mean() < 0.02


def test_a_cut_out_is_believed_and_a_frame_of_transparency_is_not() -> None:
    rgb, points = photo("hopper").rgb, face("hopper").points
    person = np.round(255 * matte.person_matte(rgb, points)).astype(np.uint8)
    assert matte.is_cut_out(rgb, person)
    corners = np.zeros(rgb.shape[:2], np.uint8)
    cv2.rectangle(corners, (12, 12), (rgb.shape[1] - 13, rgb.shape[0] - 13), 255, -1)
    assert not matte.is_cut_out(rgb, corners)
    scene = RENDERER.prepare(Photo(rgb, corners), face("hopper"))
    assert scene.matte[150, 480] == 0 and scene.matte[250, 250] == 255


def test_a_drawing_before_an_even_wall_is_whole() -> None:
    """The network sees no person in flat colours: what is not wall is the person, hair included."""
    subject = face("hopper")
    oval = subject.points[list(FACE_OVAL), :2]
    middle, high = oval.mean(0), height(subject)
    rgb = np.full((600, 512, 3), (250, 250, 240), np.uint8)
    top = (int(middle[0]), int(middle[1] - 0.35 * high))
    cv2.ellipse(rgb, top, (int(0.55 * high), int(0.5 * high)), 0, 0, 360, (120, 75, 40), -1)
    cv2.fillPoly(rgb, [np.round(oval).astype(np.int32)], (250, 190, 140))
    alpha = matte.person_matte(rgb, subject.points)
    hair = (rgb == (120, 75, 40)).all(-1)
    assert alpha[cv2.erode(hair.astype(np.uint8), np.ones((5, 5))) > 0].min() > 0.95
    wall = (rgb == (250, 250, 240)).all(-1)
    assert alpha[cv2.erode(wall.astype(np.uint8), np.ones((9, 9))) > 0].max() < 0.05
