from __future__ import annotations

import cv2
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from render_samples import face, photo

from mssync.assets import asset_bytes
from mssync.errors import AssetError, PlatformError
from mssync.face import topology as topo
from mssync.face.networks import LiteNet
from mssync.render import matte
from mssync.render.matting import both_colours, closed_form
from mssync.render.outline import box_around, line_mask, opening_mask, smooth_side
from mssync.render.plate import background_plate, fill_smoothly, take_apart
from mssync.render.triangles import HOLES, TRIANGLES


def test_fill_keeps_what_is_known() -> None:
    rng = np.random.default_rng(0)
    picture = rng.uniform(0, 255, (61, 47, 3)).astype(np.float32)
    known = rng.random((61, 47)) > 0.6
    out = fill_smoothly(picture, known)
    assert np.array_equal(out[known], picture[known])
    assert np.isfinite(out).all()
    assert out.min() >= picture.min() - 1e-3 and out.max() <= picture.max() + 1e-3


def test_even_background_comes_back() -> None:
    rgb = np.full((80, 90, 3), (40, 90, 160), np.uint8)
    rgb[20:60, 30:60] = (200, 30, 30)
    alpha = np.zeros((80, 90), np.float32)
    alpha[18:62, 28:62] = 1
    plate = background_plate(rgb, alpha > 0)
    assert np.array_equal(plate[alpha == 0], rgb[alpha == 0])
    assert np.abs(plate.astype(int) - (40, 90, 160)).max() <= 1


def disc(blur: float = 6.0) -> tuple[np.ndarray, np.ndarray]:
    """A round head with a soft edge, and how far every pixel is from its middle."""
    yy, xx = np.indices((100, 100))
    away = np.hypot(xx - 50, yy - 50)
    return np.clip((30 - away) / blur + 0.5, 0, 1).astype(np.float32), away


def test_layers_composite_back_and_carry_no_background() -> None:
    """A red disc with a soft edge on blue: the extended foreground is red, the plate blue."""
    alpha, _ = disc()
    red, blue = np.array([200, 40, 30]), np.array([30, 60, 190])
    rgb = np.round(alpha[..., None] * red + (1 - alpha[..., None]) * blue).astype(np.uint8)
    out = take_apart(rgb, alpha, 1.5)
    a = out.alpha[..., None] / 255
    back = a * out.colours + (1 - a) * out.plate
    assert np.abs(back - rgb).max() <= 4
    assert np.abs(out.plate.astype(int) - blue).max() <= 6
    ring = (alpha > 0.05) & (alpha < 0.95)
    assert np.abs(out.colours[ring].astype(int) - red).max() <= 30


def test_no_outline_stays_behind() -> None:
    """A matte that is a little too tight, and the bright line that sharpening draws: neither stays in the plate."""
    alpha, away = disc(2.0)
    red, blue = np.array([200.0, 40, 30]), np.array([30.0, 60, 190])
    picture = alpha[..., None] * red + (1 - alpha[..., None]) * blue
    picture += 14 * np.exp(-(((away - 32.5) / 0.8) ** 2))[..., None]
    rgb = np.round(picture).astype(np.uint8)
    out = take_apart(rgb, np.clip((alpha - 0.1) / 0.9, 0, 1).astype(np.float32), 3.0)
    assert np.abs(out.plate[away < 34].astype(int) - blue).max() <= 10
    a = out.alpha[..., None] / 255
    assert np.abs(a * out.colours + (1 - a) * out.plate - rgb).max() <= 6
    assert not out.alpha[away > 38].any()


def test_what_stands_behind_is_not_given_to_the_person() -> None:
    """Behind the disc the wall is striped: the stripes in the edge's pixels stay with the wall."""
    alpha, away = disc(4.0)
    stripes = np.where(
        (np.indices((100, 100))[1] // 5 % 2)[..., None], np.array([230, 225, 220]), np.array([60, 70, 80])
    )
    red = np.array([160.0, 40, 30])
    rgb = np.round(alpha[..., None] * red + (1 - alpha[..., None]) * stripes).astype(np.uint8)
    out = take_apart(rgb, alpha, 1.5)
    sure = (alpha > 0.5) & (alpha < 1)
    assert np.abs(out.colours[sure].astype(int) - red).mean() < 25
    assert np.array_equal(out.plate[away > 36], rgb[away > 36])


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_plate_of_nobody_and_of_nothing_else(share: float) -> None:
    rgb = np.random.default_rng(1).integers(0, 255, (30, 40, 3), dtype=np.uint8)
    out = take_apart(rgb, np.full((30, 40), share, np.float32), 1.0)
    assert out.plate.shape == rgb.shape
    if share == 0.0:
        assert np.array_equal(out.plate, rgb)
    else:
        assert np.array_equal(out.colours, rgb)


def test_grabcut_stands_in(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise AssetError(f"no {name}")

    monkeypatch.setattr(matte, "asset_bytes", missing)
    rgb, points = photo("hopper").rgb, face("hopper").points
    alpha = matte.person_matte(rgb, points)
    assert alpha.shape == rgb.shape[:2] and alpha.min() >= 0 and alpha.max() <= 1
    x, y = points[4, :2].astype(int)
    assert alpha[y, x] == 1
    # The blue wall beside the head is background.
    assert alpha[150, 480] == 0
    assert 0.1 < alpha.mean() < 0.8


def test_grabcut_stands_in_where_the_network_does_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    rgb, points = photo("hopper").rgb, face("hopper").points  # read before the networks stop

    def refuse(self: object) -> None:
        raise RuntimeError("Encountered unresolved custom op: Convolution2DTransposeBias.")

    monkeypatch.setattr(Interpreter, "allocate_tensors", refuse)
    with pytest.warns(UserWarning, match=r"colours alone.*Convolution2DTransposeBias.*/proc and /sys"):
        alpha = matte.person_matte(rgb, points)
    assert alpha[150, 480] == 0 and 0.1 < alpha.mean() < 0.8
    with pytest.raises(PlatformError, match="LiteRT cannot run one of the networks here"):
        LiteNet(asset_bytes("selfie_segmentation.tflite"), 1)


def test_closed_form_finds_hair() -> None:
    """Strands of one colour over a wall that changes its own: between surely and surely not, the matte is found."""
    yy, xx = np.indices((120, 140)).astype(np.float32)
    strands = 0.5 + 0.5 * np.sin(xx / 2.2 + 3 * np.sin(yy / 25))
    alpha = np.clip((60 - yy) / 30 + strands - 0.5, 0, 1).astype(np.float32)
    wall = np.stack([0.2 + xx / 400, 0.6 - yy / 400, 0.7 + 0 * xx], -1)
    hair = np.array([0.35, 0.22, 0.1])
    rgb = (alpha[..., None] * hair + (1 - alpha[..., None]) * wall).astype(np.float32)
    known = (yy < 30) | (yy > 95)
    guess = np.where(known, alpha, 0.5).astype(np.float32)
    found = closed_form(rgb, guess, known)
    assert np.array_equal(found[known], alpha[known])
    assert np.abs(found - alpha)[~known].mean() < 0.05
    assert np.abs(guess - alpha)[~known].mean() > 0.2
    person, behind = both_colours(rgb, alpha)
    assert np.abs(person - hair)[alpha > 0.2].mean() < 0.03
    assert np.abs(behind - wall)[alpha < 0.8].mean() < 0.03


def test_closed_form_believes_the_guess_where_colours_say_nothing() -> None:
    """Hair on a wall of its own colour: the network's word stays."""
    guess = np.tile(np.linspace(1, 0, 60, dtype=np.float32), (50, 1))
    known = (guess > 0.8) | (guess < 0.2)
    flat = np.full((50, 60, 3), 0.3, np.float32)
    assert np.abs(closed_form(flat, guess, known) - guess).max() < 0.12
    everything = np.ones_like(known)
    assert np.array_equal(closed_form(flat, guess, everything), guess)


def test_a_large_photo_gets_its_edge_from_its_own_colours() -> None:
    """A matte found small follows the large photo's edge, which lies between the small one's pixels."""
    large = np.zeros((400, 400, 3), np.uint8)
    large[:, 203:] = (180, 200, 220)
    small = cv2.resize(large, (100, 100), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    alpha = 1 - small[..., 2] / (220 / 255)
    found = matte._at_full_size(large, small, alpha)
    assert found[200, 201] > 0.9 and found[200, 205] < 0.1


def test_openings() -> None:
    x = np.linspace(0, 40, 11, dtype=np.float32)
    bow = np.sin(np.pi * x / 40)
    upper = smooth_side(np.stack([x + 10, 20 - 6 * bow], 1))
    lower = smooth_side(np.stack([x + 10, 20 + 6 * bow], 1))
    assert np.allclose(upper[[0, -1]], [[10, 20], [50, 20]])
    box = box_around(np.concatenate([upper, lower]), 3, (64, 40))
    mask = opening_mask(upper, lower, box, 0.8)
    assert mask.shape == (box[3] - box[1], box[2] - box[0])
    assert mask.max() > 0.95
    area = 2 * 6 * 40 * 2 / np.pi
    assert 0.6 * area < mask.sum() <= 1.1 * area
    assert not opening_mask(upper, upper, box, 0.8).any()
    assert not opening_mask(lower, upper, box, 0.8).any()
    line = line_mask((upper + lower) / 2, box, 1.0)
    assert line[20 - box[1], 30 - box[0]] > 0.9 and line[0, 0] < 0.01


def test_box_outside_the_picture_is_empty() -> None:
    far = np.array([[500.0, 500.0], [510.0, 505.0]], np.float32)
    x0, y0, x1, y1 = box_around(far, 2, (64, 40))
    assert x1 - x0 == 0 or y1 - y0 == 0


def test_triangles_cover_the_face_once() -> None:
    """Every inner edge belongs to two triangles of opposite direction; the border is the face's outline."""
    edges: dict[tuple[int, int], int] = {}
    for t in TRIANGLES:
        for a, b in ((t[0], t[1]), (t[1], t[2]), (t[2], t[0])):
            assert (int(a), int(b)) not in edges
            edges[int(a), int(b)] = 1
    border = {a for a, b in edges if (b, a) not in edges}
    assert border == set(topo.FACE_OVAL)
    assert TRIANGLES.shape == (898, 3) and len(np.unique(TRIANGLES)) == topo.SURFACE_POINTS
    assert int(HOLES.sum()) == 18 + 14 + 14
