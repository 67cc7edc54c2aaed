from __future__ import annotations

import cv2
import numpy as np
import pytest
from render_samples import TURNS, Photo, face, move, photo, still

from mssync.errors import AssetError
from mssync.face import topology as topo
from mssync.face.tracking import Face
from mssync.render import matte
from mssync.render.warp import Scene, WarpRenderer

RENDERER = WarpRenderer()


@pytest.fixture(scope="module")
def scenes() -> dict[str, Scene]:
    """Both photos prepared."""
    return {name: RENDERER.prepare(photo(name), face(name)) for name in ("hopper", "astronaut")}


def box_of(points: np.ndarray, ring: tuple[int, ...]) -> tuple[slice, slice]:
    low = np.floor(points[list(ring), :2].min(0)).astype(int)
    high = np.ceil(points[list(ring), :2].max(0)).astype(int) + 1
    return slice(low[1], high[1]), slice(low[0], high[0])


@pytest.mark.parametrize("name", ["hopper", "astronaut"])
def test_unmoved_is_the_photo(scenes: dict[str, Scene], name: str) -> None:
    out = RENDERER.render(scenes[name], still(face(name)))
    rgb, person = photo(name).rgb, scenes[name].matte > 0
    assert out.shape == rgb.shape and out.dtype == np.uint8
    assert np.array_equal(out[~person], rgb[~person])
    error = (out[person].astype(float) - rgb[person]) ** 2
    assert 10 * np.log10(255**2 / error.mean()) > 45


@pytest.mark.parametrize("turn", TURNS)
def test_background_stays_bit_for_bit(scenes: dict[str, Scene], turn: tuple[float, float, float]) -> None:
    scene, controls = scenes["hopper"], move(face("hopper"), turn=turn, gap=0.1)
    out, person = RENDERER.render(scene, controls), RENDERER.render_rgba(scene, controls)[..., 3]
    untouched = (scene.matte == 0) & (person == 0)
    assert untouched.mean() > 0.2
    assert np.array_equal(out[untouched], scene.photo[untouched])
    assert not np.array_equal(out, scene.photo)


def test_shoulders_stand_still(scenes: dict[str, Scene]) -> None:
    scene, subject = scenes["hopper"], face("hopper")
    unmoved, out = (RENDERER.render(scene, c) for c in (still(subject), move(subject, turn=(8, 10, 6), gap=0.2)))
    chest = np.s_[468:, :]
    assert np.array_equal(out[chest], unmoved[chest])
    assert not np.array_equal(out, unmoved)


def test_head_follows(scenes: dict[str, Scene]) -> None:
    """A head moved by whole pixels shows the same pixels there, hair and ears included."""
    scene, subject = scenes["hopper"], face("hopper")
    out = RENDERER.render(scene, move(subject, shift=(6, 4)))
    low, high = subject.points[:, :2].min(0).astype(int), subject.points[:, :2].max(0).astype(int)
    area = np.s_[low[1] - 20 : high[1] - 60, low[0] - 12 : high[0] + 12]
    moved = np.s_[low[1] - 16 : high[1] - 56, low[0] - 6 : high[0] + 18]
    assert np.abs(out[moved].astype(int) - scene.photo[area]).mean() < 3


def test_smile_closes(scenes: dict[str, Scene]) -> None:
    """Closed lips show no teeth, though the photo's mouth is open."""
    subject, scene = face("astronaut"), scenes["astronaut"]
    assert scene.mouth.shows
    mouth = box_of(subject.points, topo.LIPS_INNER)

    def teeth(rgb: np.ndarray) -> int:
        part = rgb[mouth].astype(int)
        return int(((part.min(-1) > 195) & (np.ptp(part, axis=-1) < 35)).sum())

    shut = RENDERER.render(scene, move(subject, gap=0.0))
    assert teeth(scene.photo) > 30
    assert teeth(shut) < 0.1 * teeth(scene.photo)


def test_closed_mouth_opens(scenes: dict[str, Scene]) -> None:
    """A photo with closed lips gets teeth at the top and the dark and the tongue below, darker than the skin."""
    subject, scene = face("hopper"), scenes["hopper"]
    assert not scene.mouth.shows
    controls = move(subject, gap=0.22)
    out = RENDERER.render(scene, controls)
    top, bottom = controls.points[13, :2], controls.points[14, :2]
    line = [np.round(top + (bottom - top) * t).astype(int) for t in (0.25, 0.5, 0.85)]
    upper, dark, lower = (out[y - 1 : y + 2, x - 3 : x + 4].mean() for x, y in line)
    skin = np.median([out[tuple(np.round(controls.points[i, 1::-1]).astype(int))].mean() for i in (50, 280, 205, 425)])
    assert 0.25 * skin < dark < 0.8 * skin and dark + 15 < lower < skin
    assert 0.7 * skin < upper < 1.25 * skin and upper > dark + 40
    assert np.array_equal(
        RENDERER.render(scene, move(subject, gap=0.0))[:100], RENDERER.render(scene, still(subject))[:100]
    )


def test_lids_hide_the_eye(scenes: dict[str, Scene]) -> None:
    subject, scene = face("astronaut"), scenes["astronaut"]
    shut = RENDERER.render(scene, move(subject, shut=1.0))
    half = RENDERER.render(scene, move(subject, shut=0.5))
    for iris, ring in ((topo.LEFT_IRIS, topo.LEFT_EYE), (topo.RIGHT_IRIS, topo.RIGHT_EYE)):
        x, y = np.round(subject.points[iris[0], :2]).astype(int)
        spot = np.s_[y - 1 : y + 2, x - 1 : x + 2]
        assert shut[spot].mean() > scene.photo[spot].mean() + 25
        eye = box_of(subject.points, ring)
        assert np.abs(half[eye].astype(int) - shut[eye]).mean() > 1
        assert np.abs(half[eye].astype(int) - scene.photo[eye]).mean() > 1


def test_irises_move(scenes: dict[str, Scene]) -> None:
    """The dark iris goes where its points go; the lids stay."""
    subject, scene = face("astronaut"), scenes["astronaut"]
    controls = still(subject)
    both = [*topo.LEFT_IRIS, *topo.RIGHT_IRIS]
    controls.points[both, 0] += 3
    out = RENDERER.render(scene, controls)

    def centre(rgb: np.ndarray, ring: tuple[int, ...]) -> float:
        part = box_of(subject.points, ring)
        dark = np.clip(110.0 - rgb[part].mean(-1), 0, None)
        return float((dark * np.arange(dark.shape[1])).sum() / dark.sum())

    for ring in (topo.LEFT_EYE, topo.RIGHT_EYE):
        assert centre(out, ring) > centre(scene.photo, ring) + 0.7


@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize("name", ["hopper", "astronaut"])
def test_large_turns_do_not_fold(scenes: dict[str, Scene], name: str, turn: tuple[float, float, float]) -> None:
    scene = scenes[name]
    controls = move(face(name), turn=turn, gap=0.15, shut=0.3)
    origin = np.array([*scene.box[:2], 0], np.float32)
    rigid = controls.rigid.copy()
    rigid[:, 3] += rigid[:, :3] @ origin - origin
    flow = scene.field.backward(controls.points - origin, rigid)
    assert np.isfinite(flow).all()
    y, x = np.indices(flow.shape[:2]) * scene.field.step
    source = flow + np.stack([x, y], -1)
    dx, dy = np.diff(source, axis=1)[:-1], np.diff(source, axis=0)[:, :-1]
    jacobian = (dx[..., 0] * dy[..., 1] - dx[..., 1] * dy[..., 0]) / scene.field.step**2
    x0, y0, x1, y1 = scene.box
    person = RENDERER.render_rgba(scene, controls)[y0:y1, x0:x1, 3][:: scene.field.step, :: scene.field.step]
    assert jacobian[person[:-1, :-1] > 0].min() > 0.3
    # Hair that turns away is pressed together, the more the deeper it is; nothing may tear.
    assert jacobian[person[:-1, :-1] > 0].max() < 4.5
    mesh = scene.mesh.moved((controls.points - origin).astype(np.float32), rigid, (0.0, 0.0, 0.0))
    a, b = mesh.corners[:, 1] - mesh.corners[:, 0], mesh.corners[:, 2] - mesh.corners[:, 0]
    assert ((a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]) < 0).all()
    assert np.isfinite(mesh.table).all()


def test_rgba_is_the_person_alone(scenes: dict[str, Scene]) -> None:
    scene, controls = scenes["hopper"], move(face("hopper"), turn=(5, 12, 3), gap=0.1)
    rgba, rgb = RENDERER.render_rgba(scene, controls), RENDERER.render(scene, controls)
    assert rgba.shape == (*scene.photo.shape[:2], 4)
    whole = rgba[..., 3] == 255
    assert 0.1 < whole.mean() < 0.9
    inside = np.zeros_like(whole)
    inside[scene.box[1] : scene.box[3], scene.box[0] : scene.box[2]] = True
    assert np.abs(rgba[whole & inside][:, :3].astype(int) - rgb[whole & inside]).max() <= 1
    assert rgba[5, 5, 3] == 0


def test_rgba_has_the_whole_body(scenes: dict[str, Scene], monkeypatch: pytest.MonkeyPatch) -> None:
    """Without background the suit below the shoulders stays, though it lies far outside the region that moves."""
    scene = scenes["astronaut"]
    assert scene.near[3] < 450

    def missing(name: str) -> None:
        raise AssetError(f"no {name}")

    monkeypatch.setattr(matte, "asset_bytes", missing)
    alpha = RENDERER.render_rgba(scene, still(face("astronaut")))[..., 3]
    assert alpha[scene.near[3] + 10 :, 200:260].mean() > 128
    assert alpha[20, 20] == 0


def test_same_input_same_frame(scenes: dict[str, Scene]) -> None:
    controls = move(face("astronaut"), turn=(5, 10, -4), gap=0.15, shut=0.4)
    first = RENDERER.render(scenes["astronaut"], controls)
    assert np.array_equal(first, RENDERER.render(scenes["astronaut"], controls))
    assert np.array_equal(scenes["astronaut"].photo, photo("astronaut").rgb)


def alpha_of(scene: Scene) -> np.ndarray:
    return scene.matte.copy()


def test_large_photo_costs_what_its_head_costs(scenes: dict[str, Scene]) -> None:
    small = scenes["astronaut"]
    room = ((700, 900), (1100, 1300), (0, 0))
    rgb = np.pad(small.photo, room, mode="edge")
    alpha = np.pad(alpha_of(small), room[:2])
    subject = face("astronaut")
    placed = Face(subject.points + np.array([1100, 700, 0], np.float32), subject.blendshapes, 1.0)
    large = RENDERER.prepare(Photo(rgb, alpha), placed)
    assert large.warped_pixels < 2 * small.warped_pixels
    out = RENDERER.render(large, move(placed, turn=(5, 10, 5)))
    x0, y0, x1, y1 = large.box
    out[y0:y1, x0:x1] = rgb[y0:y1, x0:x1]
    assert np.array_equal(out, rgb)


@pytest.mark.parametrize("size", [(601, 513), (150, 128), (77, 63)])
def test_odd_and_tiny(scenes: dict[str, Scene], size: tuple[int, int]) -> None:
    rgb, subject = photo("hopper").rgb, face("hopper")
    scale = np.array([size[1] / rgb.shape[1], size[0] / rgb.shape[0], size[0] / rgb.shape[0]], np.float32)
    small = cv2.resize(rgb, (size[1], size[0]), interpolation=cv2.INTER_AREA)
    alpha = cv2.resize(alpha_of(scenes["hopper"]), (size[1], size[0]), interpolation=cv2.INTER_AREA)
    resized = Face(subject.points * scale, subject.blendshapes, 1.0)
    scene = RENDERER.prepare(Photo(small, alpha), resized)
    for turn in TURNS[:3]:
        out = RENDERER.render(scene, move(resized, turn=turn, gap=0.2, shut=0.5))
        assert out.shape == small.shape
        untouched = scene.matte == 0
        untouched[scene.box[1] : scene.box[3], scene.box[0] : scene.box[2]] = False
        assert np.array_equal(out[untouched], small[untouched])


def test_grey_photo_stays_grey(scenes: dict[str, Scene]) -> None:
    for name in ("hopper", "astronaut"):
        grey = cv2.cvtColor(photo(name).rgb, cv2.COLOR_RGB2GRAY)
        scene = RENDERER.prepare(Photo(np.dstack([grey] * 3), alpha_of(scenes[name])), face(name))
        for controls in (move(face(name), gap=0.25, shut=1.0), move(face(name), turn=(0, 15, 0), gap=0.0)):
            out = RENDERER.render(scene, controls).astype(int)
            assert np.ptp(out, axis=-1).max() <= 2


def test_head_at_the_edge(scenes: dict[str, Scene]) -> None:
    """A photo cut close above, beside and below the face, and motion that leads out of it."""
    subject = face("hopper")
    low, high = subject.points[:, :2].min(0).astype(int), subject.points[:, :2].max(0).astype(int)
    cut = np.s_[low[1] + 2 : high[1] - 2, low[0] + 2 : high[0] - 2]
    rgb, alpha = np.ascontiguousarray(photo("hopper").rgb[cut]), np.full(photo("hopper").rgb[cut].shape[:2], 255)
    alpha[0, 0] = 0
    placed = Face(subject.points - np.array([low[0] + 2, low[1] + 2, 0], np.float32), subject.blendshapes, 1.0)
    scene = RENDERER.prepare(Photo(rgb, alpha.astype(np.uint8)), placed)
    for shift in ((0, 0), (60, 80), (-500, 0), (0, 900)):
        out = RENDERER.render(scene, move(placed, turn=(10, 20, 10), gap=0.3, shut=0.5, shift=shift))
        assert out.shape == rgb.shape
