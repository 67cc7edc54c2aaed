"""The pyramid and the views, on signals whose answer is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mssync.face import topology as topo
from mssync.face.tracking import FaceTracker, Track
from mssync.media.image import load_image
from mssync.models import load_model
from mssync.motion.mesh import HEAD_VIEWS, MeshSpace
from mssync.motion.pyramid import VIEWS, coarser, pyramid, smoothed
from mssync.motion.spaces import load_mesh


@pytest.fixture(scope="module")
def space() -> MeshSpace:
    return load_mesh(load_model().file("space.npz"))


def test_a_level_is_the_mean_of_seven_every_second_sample() -> None:
    x = np.random.default_rng(0).standard_normal((21, 3)).astype(np.float32)
    y = coarser(x)
    assert y.shape == (11, 3)
    assert np.allclose(y[4], x[5:12].mean(0), atol=1e-6)
    # The start is reflected: samples 3 2 1 | 0 1 2 3.
    assert np.allclose(y[0], (x[0] + 2 * (x[1] + x[2] + x[3])) / 7, atol=1e-6)
    assert [len(z) for z in pyramid(x)] == [21, 11, 6, 3]
    assert np.allclose(pyramid(np.full((40, 2), 3.0, np.float32))[3], 3.0)


def test_short_signals_have_levels_too() -> None:
    assert [len(z) for z in pyramid(np.ones((2, 1), np.float32))] == [2, 1, 1, 1]


def test_smoothing_is_a_three_frame_average() -> None:
    x = np.array([[0.0], [3.0], [0.0], [0.0]], np.float32)
    assert np.allclose(smoothed(x)[:, 0], [1, 1, 1, 0])


def test_views_show_what_they_say(space: MeshSpace) -> None:
    rng = np.random.default_rng(0)
    d, k = len(space.names), len(space.basis)
    row = rng.standard_normal((1, d)).astype(np.float32) * 0.1
    lids, head, gap = row.copy(), row.copy(), row.copy()
    lids[:, -4:] += 1.0
    head[:, :3] += 0.1
    gap[:, space.names.index("lip_gap")] += 0.1
    seen = {v: space.view(v).matrix for v in VIEWS}
    for v in VIEWS:
        assert np.array_equal(row @ seen[v], lids @ seen[v]), "no view sees blinks or gaze"
    assert seen["head"].shape == (d, 3) and not np.allclose(row @ seen["head"], head @ seen["head"])
    assert np.array_equal(row @ seen["head"], gap @ seen["head"])
    for v, names in HEAD_VIEWS.items():
        for name in ("rot_x", "rot_y", "rot_z", "trans_x", "trans_y", "log_scale", "lip_gap", "expr_00"):
            moved = row.copy()
            moved[:, space.names.index(name)] += 0.1
            assert np.array_equal(row @ seen[v], moved @ seen[v]) == (name not in names), (v, name)
    assert "rot_x" not in HEAD_VIEWS["unpitched"] and "trans_y" not in HEAD_VIEWS["unpitched"]
    assert np.allclose(row @ seen["lips"], head @ seen["lips"]) and not np.allclose(
        row @ seen["lips"], gap @ seen["lips"]
    )
    assert seen["all"].shape == (d, 6 + k + 1)
    for v in VIEWS:
        shown = np.flatnonzero(seen[v][space.groups.lip_gap][0]).tolist()
        assert shown == ([] if space.view(v).lip_gap is None else [space.view(v).lip_gap]), v
    axes = np.concatenate([row @ seen[v] for v in ("pitch", "yaw", "roll", "shift")], 1)
    assert np.allclose(axes, row[:, :6] * 10), "each axis alone, and all of the head between them"
    # An expression that moves no lip point is hardly seen by the lips' view.
    lips = list(topo.LIPS_OUTER + topo.LIPS_INNER)
    reach = space.basis[:, lips].reshape(k, -1)
    still = np.zeros((1, d), np.float32)
    still[0, 6 : 6 + k] = np.linalg.svd(reach.T)[2][-1]
    moving = np.zeros((1, d), np.float32)
    moving[0, 6 : 6 + k] = np.linalg.svd(reach.T)[2][0]
    assert np.linalg.norm(still @ seen["lips"]) < 0.05 * np.linalg.norm(moving @ seen["lips"])


def test_mirror_of_a_motion_is_the_motion_of_the_mirrored_video(space: MeshSpace) -> None:
    from matplotlib.cbook import get_sample_data

    photo = load_image(get_sample_data("grace_hopper.jpg", asfileobj=False)).resized(300)
    face = FaceTracker().detect(photo.rgb)[0]
    rest = space.prepare(face)
    rng = np.random.default_rng(1)
    rows = np.cumsum(rng.standard_normal((40, len(space.names))) * 0.01, 0).astype(np.float32)
    rows[:, -5] = 0.05 + 0.03 * np.sin(np.arange(40))
    points = np.stack([space.decode(rest, r).points for r in rows])
    blend = np.repeat(face.blendshapes[None], 40, 0)
    track = Track(points, blend, np.ones(40, bool), np.arange(40) / 25, photo.width, photo.height)
    flipped = points[:, list(topo.MIRROR)].copy()
    flipped[..., 0] = photo.width - flipped[..., 0]
    names = topo.BLENDSHAPE_NAMES
    swap = [
        names.index(n[:-4] + "Right" if n.endswith("Left") else n[:-5] + "Left" if n.endswith("Right") else n)
        for n in names
    ]
    seen = space.encode(replace(track, points=flipped, blendshapes=blend[:, swap])).values
    made = space.encode(track).values @ space.mirror()
    head = space.names.index("log_scale") + 1
    assert np.abs(seen - made)[:, :head].max() < 5e-3
    for name in ("lip_gap", "lid_left", "lid_right", "gaze_x", "gaze_y"):
        i = space.names.index(name)
        assert np.abs(seen[:, i] - made[:, i]).max() < 0.02, name
    moved = slice(head, head + 8)
    a, b = (x[:, moved] - x[:, moved].mean(0) for x in (seen, made))
    assert np.corrcoef(a.ravel(), b.ravel())[0, 1] > 0.95
