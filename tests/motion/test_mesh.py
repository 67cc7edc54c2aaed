"""The mesh space on real faces: rigid heads, exact lips, lids of their own, and every sign as it is written down."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mssync.errors import AssetError, InputError
from mssync.face import topology as topo
from mssync.face.shape import fit_pose, lid_opening, lip_gap
from mssync.face.tracking import Face, Track
from mssync.motion.lips import set_gap
from mssync.motion.mesh import EYE_POINTS, MeshSpace
from mssync.motion.space import Motion
from mssync.motion.spaces import load_mesh

Faces = dict[str, Face]
NOSE, FOREHEAD, CHIN = 1, 10, 152
NAMES = ("hopper", "astronaut")


def row(space: MeshSpace, **columns: float) -> np.ndarray:
    out = np.zeros(len(space.names), np.float32)
    for name, value in columns.items():
        out[space.names.index(name)] = value
    return out


def moved(space: MeshSpace, face: Face, **columns: float) -> np.ndarray:
    """Target points less those of the still face with shut lips, in pixels."""
    rest = space.prepare(face)
    return space.decode(rest, row(space, **columns)).points - space.decode(rest, row(space)).points


def eye_distance(face: Face) -> float:
    return float(np.linalg.norm(np.subtract(*face.points[list(topo.OUTER_EYE_CORNERS)])))


# ---- the fitted arrays --------------------------------------------------------------------------------------------


def test_the_shipped_space_has_the_size_it_must_have(space: MeshSpace) -> None:
    k = len(space.basis)
    assert space.template.shape == space.opening.shape == (478, 3)
    assert space.basis.shape == (k, 478, 3) and space.blend.shape == (52, 478, 3)
    assert len(space.names) == len(set(space.names)) == 6 + k + 5 <= 48
    assert space.names[:6] == ("rot_x", "rot_y", "rot_z", "trans_x", "trans_y", "log_scale")
    assert space.names[-5:] == ("lip_gap", "lid_left", "lid_right", "gaze_x", "gaze_y")
    assert np.abs(space.basis[:, EYE_POINTS]).max() < 1e-6  # eyes are columns of their own
    assert 0.0 <= space.gap_zero < 0.03


def test_the_template_is_a_face(space: MeshSpace) -> None:
    t = space.template
    np.testing.assert_allclose(t[list(topo.MIRROR)] * [-1, 1, 1], t, atol=1e-3)
    assert np.linalg.norm(np.subtract(*t[list(topo.OUTER_EYE_CORNERS)])) == pytest.approx(1.0, abs=0.02)
    x, y, z = t.T
    # The subject's right stands on the picture's left; the mouth's corners, the nostrils and the lids lie apart.
    for ring in (topo.LIPS_OUTER_UPPER, topo.LIPS_INNER_UPPER):
        assert x[ring[-1]] - x[ring[0]] > 0.35 and (np.diff(x[list(ring)]) > 0).all()
    assert x[327] - x[98] > 0.2 and x[list(topo.RIGHT_EYE)].max() < -0.1 < 0.1 < x[list(topo.LEFT_EYE)].min()
    assert y[FOREHEAD] < y[NOSE] < y[13] < y[CHIN] and z[NOSE] < z[list(topo.TEMPLES)].min()
    assert float(lip_gap(t)) < 0.15


def test_saving_and_loading_a_space(space: MeshSpace, tmp_path: Path) -> None:
    space.save(tmp_path / "space.npz")
    again = load_mesh(tmp_path / "space.npz")
    np.testing.assert_allclose(again.basis, space.basis, atol=1e-3)
    np.testing.assert_allclose(again.blend, space.blend, atol=1e-3)
    assert again.names == space.names
    for content in (None, b"", b"PK\x05\x06" + bytes(18), b"text"):
        if content is not None:
            (tmp_path / "bad.npz").write_bytes(content)
        with pytest.raises(AssetError, match=r"bad\.npz"):
            load_mesh(tmp_path / "bad.npz")


# ---- signs --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_the_signs_of_the_head_columns(space: MeshSpace, faces: Faces, name: str) -> None:
    face, temples = faces[name], list(topo.TEMPLES)

    def way(column: str) -> np.ndarray:
        d = moved(space, face, **{column: 0.2})
        return np.asarray(d - (d[temples].mean(0) if column.startswith("rot") else 0.0)) / eye_distance(face)

    nod = way("rot_x")
    assert nod[NOSE, 1] > 0.02 and nod[CHIN, 2] - nod[FOREHEAD, 2] > 0.2  # nose down, chin back to the chest
    turn = way("rot_y")
    assert turn[NOSE, 0] < -0.02 and abs(turn[NOSE, 1]) < 0.5 * abs(turn[NOSE, 0])  # nose to the picture's left
    tilt = way("rot_z")
    assert tilt[FOREHEAD, 0] > 0.05 and tilt[CHIN, 0] < -0.05  # clockwise: the top goes right
    np.testing.assert_allclose(way("trans_x"), np.tile([0.2, 0, 0], (478, 1)), atol=0.03)
    np.testing.assert_allclose(way("trans_y"), np.tile([0, 0.2, 0], (478, 1)), atol=0.03)
    rest = space.prepare(face)
    near = space.decode(rest, row(space, log_scale=0.2)).points
    still = space.decode(rest, row(space)).points
    assert np.ptp(near[:, 0]) == pytest.approx(np.exp(0.2) * np.ptp(still[:, 0]), rel=1e-3)  # + is nearer, so larger


@pytest.mark.parametrize("name", NAMES)
def test_the_signs_of_lips_lids_and_gaze(space: MeshSpace, faces: Faces, name: str) -> None:
    face = faces[name]
    opened = moved(space, face, lip_gap=0.2)
    assert opened[list(topo.LIPS_INNER_LOWER[1:-1]), 1].min() > 0 > opened[13, 1]
    for side, eye, other in (("left", topo.LEFT_EYE, topo.RIGHT_EYE), ("right", topo.RIGHT_EYE, topo.LEFT_EYE)):
        shut = moved(space, face, **{f"lid_{side}": 1.0})
        assert np.abs(shut[list(eye)]).max() > 1.0 and not shut[list(other)].any()
    irises = [*topo.LEFT_IRIS, *topo.RIGHT_IRIS]
    for column, axis in (("gaze_x", 0), ("gaze_y", 1)):
        look = moved(space, face, **{column: 0.1})[irises] / eye_distance(face)
        assert (look[:, axis] > 0.015).all() and np.abs(look[:, 1 - axis]).max() < 0.015


# ---- rigid --------------------------------------------------------------------------------------------------------


def test_the_rigid_part_neither_shears_nor_melts(space: MeshSpace, faces: Faces) -> None:
    rng = np.random.default_rng(0)
    rest = space.prepare(faces["hopper"])
    for _ in range(20):
        values = rng.normal(0, 0.5, len(space.names)).astype(np.float32)
        rigid = space.decode(rest, values).rigid.astype(np.float64)
        scale = np.exp(values[5])
        np.testing.assert_allclose(rigid[:, :3] @ rigid[:, :3].T, scale**2 * np.eye(3), atol=1e-5 * scale**2)
        assert np.linalg.det(rigid[:, :3]) > 0


def test_the_rigid_part_and_the_face_move_together(space: MeshSpace, faces: Faces) -> None:
    rest = space.prepare(faces["hopper"])
    still = space.decode(rest, row(space)).points
    head = {"rot_x": 0.1, "rot_y": -0.3, "rot_z": 0.2, "trans_x": 0.1, "trans_y": -0.2, "log_scale": 0.1}
    controls = space.decode(rest, row(space, **head))
    np.testing.assert_allclose(still @ controls.rigid[:, :3].T + controls.rigid[:, 3], controls.points, atol=0.02)
    identity = space.decode(rest, row(space)).rigid
    np.testing.assert_allclose(identity, np.eye(3, 4), atol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_a_still_face_is_the_photo_but_for_its_lips(space: MeshSpace, faces: Faces, name: str) -> None:
    face = faces[name]
    rest = space.prepare(face)
    gap = max(0.0, float(lip_gap(rest.pose.to_head(face.points))) - space.gap_zero)
    same = space.decode(rest, row(space, lip_gap=gap)).points
    away = np.linalg.norm(same - face.points, axis=1) / eye_distance(face)
    assert away.max() < 0.05 and np.sqrt((away**2).mean()) < 0.01
    shut = space.decode(rest, row(space)).points
    corners = [*topo.LIPS_OUTER_UPPER[::10], *topo.LIPS_INNER_UPPER[::10]]
    # A smile stays a smile when its lips meet.
    assert np.linalg.norm(shut[corners] - face.points[corners], axis=1).max() < 0.04 * eye_distance(face)
    eyes_and_brows = [*EYE_POINTS, *topo.LEFT_BROW, *topo.RIGHT_BROW]
    np.testing.assert_allclose(shut[eyes_and_brows], face.points[eyes_and_brows], atol=0.02 * eye_distance(face))


# ---- lips ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_lips_touch_at_gap_0_whatever_the_photo_and_the_expression(space: MeshSpace, faces: Faces, name: str) -> None:
    rest = space.prepare(faces[name])
    rng = np.random.default_rng(1)
    k = len(space.basis)
    for i in range(20):
        values = row(space)
        if i:
            values[6 : 6 + k] = rng.normal(0, 1, k)
            values[:3] = rng.normal(0, 0.2, 3)
        points = space.decode(rest, values).points
        between = points[list(topo.LIPS_INNER_UPPER)] - points[list(topo.LIPS_INNER_LOWER)]
        assert np.linalg.norm(between[:, :2], axis=1).max() < 0.3


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("gap", [0.02, 0.1, 0.3])
def test_the_gap_is_exact(space: MeshSpace, faces: Faces, name: str, gap: float) -> None:
    rest = space.prepare(faces[name])
    rng = np.random.default_rng(2)
    for _ in range(10):
        values = row(space, lip_gap=gap, log_scale=0.1)
        values[6 : 6 + len(space.basis)] = rng.normal(0, 0.7, len(space.basis))
        controls = space.decode(rest, values)
        pixels = gap * float(rest.pose.scale) * np.exp(0.1)
        assert float(lip_gap(controls.points)) == pytest.approx(pixels, rel=0.01)
        assert controls.lip_gap == pytest.approx(pixels, rel=1e-4)


def test_setting_the_gap_moves_lips_only_and_keeps_the_corners(space: MeshSpace) -> None:
    lips = {*topo.LIPS_OUTER, *topo.LIPS_INNER, *topo.LIPS_MIDDLE_UPPER, *topo.LIPS_MIDDLE_LOWER}
    others = [i for i in range(478) if i not in lips]
    corners = [
        ring[i] for ring in (topo.LIPS_OUTER_UPPER, topo.LIPS_MIDDLE_UPPER, topo.LIPS_INNER_UPPER) for i in (0, -1)
    ]
    before = space.template.copy()
    for gap in (0.0, 0.05, 0.4):
        out = set_gap(space.template, gap)
        np.testing.assert_array_equal(out[others], before[others])
        np.testing.assert_array_equal(out[corners], before[corners])
        assert float(lip_gap(out)) == pytest.approx(gap, abs=1e-4)
    np.testing.assert_array_equal(space.template, before)


# ---- eyes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_lids_close_and_move_nothing_else(space: MeshSpace, faces: Faces, name: str) -> None:
    rest = space.prepare(faces[name])
    base = row(space, rot_y=0.1, lip_gap=0.1, expr_00=1.0, expr_01=-0.5)
    opened = space.decode(rest, base)
    for closure in (0.3, 0.7, 1.0):
        values = base.copy()
        values[-4:-2] = closure
        shut = space.decode(rest, values)
        others = [i for i in range(478) if i not in EYE_POINTS]
        np.testing.assert_array_equal(shut.points[others], opened.points[others])
        np.testing.assert_array_equal(shut.rigid, opened.rigid)
        np.testing.assert_allclose(shut.lids, closure, atol=1e-6)
        np.testing.assert_allclose(lid_opening(shut.points), (1 - closure) * lid_opening(opened.points), atol=1e-3)


# ---- there and back -----------------------------------------------------------------------------------------------


def track_of(space: MeshSpace, face: Face, motion: np.ndarray) -> Track:
    rest = space.prepare(face)
    points = np.stack([space.decode(rest, values).points for values in motion])
    n = len(points)
    # No scores: the mean shape is the neutral one.
    return Track(points, np.zeros((n, 52), np.float32), np.ones(n, bool), np.arange(n) / 25, 512, 600)


def wave(n: int, turns: float, phase: float = 0.0) -> np.ndarray:
    return np.sin(np.arange(n) / n * turns * 2 * np.pi + phase)


@pytest.mark.parametrize("column", ["rot_x", "rot_y", "rot_z", "trans_x", "trans_y", "log_scale"])
def test_each_head_column_comes_back(space: MeshSpace, faces: Faces, column: str) -> None:
    motion = np.zeros((50, len(space.names)), np.float32)
    motion[:, space.names.index(column)] = 0.15 * wave(50, 2)
    back = space.encode(track_of(space, faces["hopper"], motion))
    assert back.names == space.names and len(back) == 50
    np.testing.assert_allclose(back.values[:, :6], motion[:, :6], atol=2e-3)
    np.testing.assert_allclose(back.values[:, 6:], 0.0, atol=0.02)


@pytest.mark.parametrize("name", NAMES)
def test_encoding_and_decoding_a_lively_clip(space: MeshSpace, faces: Faces, name: str) -> None:
    n, k = 60, len(space.basis)
    motion = np.zeros((n, len(space.names)), np.float32)
    for i in range(6):
        motion[:, i] = 0.1 * wave(n, 1 + i % 3, i)
    for i in range(k):
        motion[:, 6 + i] = wave(n, 1 + i % 5, i) * (0.8 if i < 8 else 0.2)
    motion[:, -5] = 0.08 * (1 - np.cos(np.arange(n) / n * 6 * np.pi))
    motion[20:24, -4:-2] = [[0.5], [1.0], [0.7], [0.3]]
    motion[:, -2] = 0.05 * wave(n, 2)
    track = track_of(space, faces[name], motion)
    rest = space.rest_of(track)
    encoded = space.encode(track)
    back = np.stack([space.decode(rest, values).points for values in encoded.values])
    error = (back - track.points)[..., :2] / eye_distance(faces[name])
    assert np.sqrt((error**2).sum(-1).mean()) < 0.01
    np.testing.assert_allclose(encoded.column("lid_left")[:20], 0.0, atol=0.03)
    assert encoded.column("lid_left")[21] > 0.9
    assert np.corrcoef(encoded.column("lip_gap"), motion[:, -5])[0, 1] > 0.98
    assert np.corrcoef(encoded.column("gaze_x"), motion[:, -2])[0, 1] > 0.98


def test_the_neutral_shape_of_a_smile_smiles_less(space: MeshSpace, faces: Faces) -> None:
    face = faces["astronaut"]
    shape = fit_pose(face.points, space.template).to_head(face.points)
    neutral = space.neutral(face.points, face.blendshapes)

    def width(s: np.ndarray) -> float:
        return float(np.linalg.norm(s[61] - s[291]))

    assert width(neutral) < 0.95 * width(shape)
    assert float(lip_gap(neutral)) < 0.6 * float(lip_gap(shape))


def test_smoothing_is_a_moving_average_of_the_points(space: MeshSpace, faces: Faces) -> None:
    motion = np.zeros((40, len(space.names)), np.float32)
    motion[20, 3] = 0.3
    track = track_of(space, faces["hopper"], motion)
    np.testing.assert_allclose(space.encode(track, smooth=3).column("trans_x")[19:22], 0.1, atol=2e-3)


def test_a_clip_without_a_face_is_refused(space: MeshSpace) -> None:
    nothing = np.zeros(3, bool)
    track = Track(np.zeros((3, 478, 3), np.float32), np.zeros((3, 52), np.float32), nothing, np.arange(3) / 25, 9, 9)
    with pytest.raises(InputError, match="No face"):
        space.encode(track)


def test_motion_of_the_space_fits_a_motion_file(space: MeshSpace, tmp_path: Path) -> None:
    motion = Motion(np.zeros((3, len(space.names)), np.float32), space.names)
    assert Motion.load(motion.save(tmp_path / "m.npz")).names == space.names


# ---- the photo's own mouth ----------------------------------------------------------------------------------------


def spoken(space: MeshSpace, face: Face, smile: float, **scores: float) -> np.ndarray:
    """The rest shape of a face that makes an expression with its mouth, as the scores of the network tell it."""
    blend = np.zeros(52, np.float32)
    for name, value in scores.items():
        blend[topo.BLENDSHAPE_NAMES.index(name)] = value
    shape = space.prepare(face).shape + np.tensordot(blend, space.blend.astype(np.float32), 1)
    pose = space.prepare(face).pose
    return space.prepare(Face(pose.to_pixels(shape), blend, 1.0), smile).shape


def test_pursed_lips_of_a_photo_do_not_stay(space: MeshSpace, faces: Faces) -> None:
    face, lips = faces["hopper"], list(topo.LIPS_OUTER)
    neutral = space.prepare(face).shape
    corner = [topo.LIPS_OUTER[0], topo.LIPS_OUTER_UPPER[-1]]

    def width(shape: np.ndarray) -> float:
        return float(np.linalg.norm(shape[corner[0]] - shape[corner[1]]))

    kept, gone = (spoken(space, face, s, mouthPucker=0.9, mouthFunnel=0.4) for s in (1.0, 0.5))
    assert width(kept) < 0.93 * width(neutral)
    assert abs(width(gone) / width(neutral) - 1) < 0.03
    assert np.abs(gone[lips] - neutral[lips]).max() < 0.35 * np.abs(kept[lips] - neutral[lips]).max()
    eyes = list(topo.LEFT_EYE + topo.RIGHT_EYE)
    np.testing.assert_allclose(gone[eyes], kept[eyes], atol=1e-3)


def test_of_a_smile_the_asked_share_stays(space: MeshSpace, faces: Faces) -> None:
    face = faces["hopper"]
    corners = [topo.LIPS_OUTER[0], topo.LIPS_OUTER_UPPER[-1]]
    shapes = [spoken(space, face, s, mouthSmileLeft=0.8, mouthSmileRight=0.8)[corners, 1] for s in (0.0, 0.5, 1.0)]
    rise = [float((space.prepare(face).shape[corners, 1] - s).mean()) for s in shapes]
    assert rise[2] > 0.03
    np.testing.assert_allclose(rise[:2], [0.0, 0.5 * rise[2]], atol=0.2 * rise[2])
