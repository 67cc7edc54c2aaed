from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from render_samples import face, photo

from mssync.assets import asset_bytes
from mssync.errors import AssetError, PlatformError
from mssync.face import topology as topo
from mssync.face.networks import LiteNet
from mssync.render import matte
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
    plate = background_plate(rgb, alpha, 2.0)
    assert np.array_equal(plate[alpha == 0], rgb[alpha == 0])
    assert np.abs(plate.astype(int) - (40, 90, 160)).max() <= 1


def test_layers_composite_back_and_carry_no_background() -> None:
    """A red disc with a soft edge on blue: the extended foreground is red, the plate blue."""
    yy, xx = np.indices((100, 100))
    alpha = np.clip((30 - np.hypot(xx - 50, yy - 50)) / 6 + 0.5, 0, 1).astype(np.float32)
    red, blue = np.array([200, 40, 30]), np.array([30, 60, 190])
    rgb = np.round(alpha[..., None] * red + (1 - alpha[..., None]) * blue).astype(np.uint8)
    out = take_apart(rgb, alpha, 1.5)
    a = out.alpha[..., None] / 255
    back = a * out.colours + (1 - a) * out.plate
    assert np.abs(back - rgb).max() <= 4
    assert np.abs(out.plate.astype(int) - blue).max() <= 6
    ring = (alpha > 0.05) & (alpha < 0.95)
    assert np.abs(out.colours[ring].astype(int) - red).max() <= 30


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


def test_guided_filter_keeps_constants_and_follows_edges() -> None:
    guide = np.zeros((40, 60, 3), np.float32)
    guide[:, 30:] = 0.8
    flat = matte.guided_filter(guide, np.full((40, 60), 0.4, np.float32), 4, 1e-3)
    assert np.allclose(flat, 0.4, atol=1e-3)
    # A mask that is three pixels off snaps to the picture's edge.
    rough = np.zeros((40, 60), np.float32)
    rough[:, 27:] = 1
    fine = matte.guided_filter(guide, rough, 8, 1e-4)
    assert fine[20, 29] < 0.5 < fine[20, 31]


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
