"""Curves for animators: the 52 names, ARKit's axes, and faces that are what their curves say."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mssync.errors import InputError, OutputError
from mssync.face import topology as topo
from mssync.face.shape import rotation_matrix
from mssync.motion.curves import (
    ARKIT_NAMES,
    CURVE_COLUMNS,
    UNSEEN,
    CurveSolver,
    export_curves,
    head_angles,
    motion_curves,
)
from mssync.motion.mesh import EYE_POINTS, MeshSpace
from mssync.motion.space import Motion

# https://developer.apple.com/documentation/arkit/arfaceanchor/blendshapelocation
ARKIT_TEXT = """
eyeBlinkLeft eyeLookDownLeft eyeLookInLeft eyeLookOutLeft eyeLookUpLeft eyeSquintLeft eyeWideLeft
eyeBlinkRight eyeLookDownRight eyeLookInRight eyeLookOutRight eyeLookUpRight eyeSquintRight eyeWideRight
jawForward jawLeft jawRight jawOpen mouthClose mouthFunnel mouthPucker mouthLeft mouthRight
mouthSmileLeft mouthSmileRight mouthFrownLeft mouthFrownRight mouthDimpleLeft mouthDimpleRight
mouthStretchLeft mouthStretchRight mouthRollLower mouthRollUpper mouthShrugLower mouthShrugUpper
mouthPressLeft mouthPressRight mouthLowerDownLeft mouthLowerDownRight mouthUpperUpLeft mouthUpperUpRight
browDownLeft browDownRight browInnerUp browOuterUpLeft browOuterUpRight cheekPuff cheekSquintLeft cheekSquintRight
noseSneerLeft noseSneerRight tongueOut
"""


def motion_of(space: MeshSpace, frames: int = 4, **columns: float) -> Motion:
    values = np.zeros((frames, len(space.names)), np.float32)
    for name, value in columns.items():
        values[:, space.names.index(name)] = value
    return Motion(values, space.names)


def curves(space: MeshSpace, **columns: float) -> dict[str, float]:
    row = motion_curves(motion_of(space, **columns), space)[-1]
    return dict(zip(CURVE_COLUMNS, (float(v) for v in row), strict=True))


def test_exactly_the_52_names_of_arkit() -> None:
    assert len(ARKIT_NAMES) == 52 and set(ARKIT_NAMES) == set(ARKIT_TEXT.split())


def test_the_file(space: MeshSpace, tmp_path: Path) -> None:
    motion = motion_of(space, frames=3, rot_x=0.1, lip_gap=0.1, expr_00=1.0)
    out = export_curves(motion, space, tmp_path / "c.csv")
    with out.open(newline="", encoding="utf-8") as f:
        rows = list(csv.reader(f))
    assert tuple(rows[0]) == CURVE_COLUMNS and len(rows) == 4
    np.testing.assert_allclose(np.array(rows[1:], float), motion_curves(motion, space), rtol=1e-4, atol=1e-4)
    assert [r[0] for r in rows[1:]] == ["0.0000", "0.0400", "0.0800"]
    assert not any(cell.startswith("-0") and float(cell) == 0 for r in rows[1:] for cell in r)
    assert [p.name for p in tmp_path.iterdir()] == ["c.csv"]


def test_refusals(space: MeshSpace, tmp_path: Path) -> None:
    motion, out = motion_of(space), tmp_path / "c.csv"
    out.write_text("mine")
    with pytest.raises(OutputError, match="exists already"):
        export_curves(motion, space, out)
    assert out.read_text() == "mine"
    assert export_curves(motion, space, out, force=True).read_text() != "mine"
    for bad in (tmp_path / "c.txt", tmp_path / "none" / "c.csv", tmp_path / ("x" * 300 + ".csv"), Path("a\0.csv")):
        with pytest.raises(OutputError):
            export_curves(motion, space, bad)
    other = Motion(np.zeros((2, 2), np.float32), ("a", "b"), space="landmarks")
    for wrong in (other, replace(motion, space="keypoints")):
        with pytest.raises(InputError, match="does not fit"):
            export_curves(wrong, space, tmp_path / "d.csv")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["c.csv"]


# ---- head ---------------------------------------------------------------------------------------------------------


def test_head_angles_one_at_a_time() -> None:
    # Motion: nod down, turn to the picture's left (the face's own right), tilt clockwise (to its own left shoulder).
    for axis, sign in ((0, 1), (1, -1), (2, -1)):
        turn = np.zeros(3)
        turn[axis] = np.radians(20)
        want = np.zeros(3)
        want[axis] = 20 * sign
        np.testing.assert_allclose(head_angles(turn), want, atol=1e-9)


@given(st.tuples(*[st.floats(-1.2, 1.2)] * 3))
def test_head_angles_make_the_rotation_again(vector: tuple[float, float, float]) -> None:
    pitch, yaw, roll = np.radians(head_angles(np.array(vector)))
    x, y, z = (rotation_matrix(v) for v in np.diag([pitch, yaw, roll]))
    flip = np.diag([1.0, -1.0, -1.0])
    np.testing.assert_allclose(flip @ (y @ x @ z) @ flip, rotation_matrix(np.array(vector)), atol=1e-9)


def test_shift_and_size(space: MeshSpace) -> None:
    c = curves(space, trans_x=0.3, trans_y=0.2, log_scale=np.log(1.5))
    assert (c["head_x"], c["head_y"]) == pytest.approx((0.3, -0.2))
    assert c["head_scale"] == pytest.approx(1.5, rel=1e-5)


# ---- eyes and jaw -------------------------------------------------------------------------------------------------


def test_a_motion_of_nothing_is_a_face_at_rest(space: MeshSpace) -> None:
    c = curves(space)
    assert c["head_scale"] == 1.0
    assert all(v == pytest.approx(0.0, abs=1e-6) for n, v in c.items() if n not in ("time", "head_scale"))


def test_eyes_come_from_lids_and_gaze(space: MeshSpace) -> None:
    c = curves(space, lid_left=0.8, lid_right=-0.1, gaze_x=0.15, gaze_y=-0.08)
    assert c["eyeBlinkLeft"] == pytest.approx(0.8) and c["eyeBlinkRight"] == 0.0
    # To the picture's right is to the face's own left.
    assert c["eyeLookOutLeft"] == c["eyeLookInRight"] == pytest.approx(0.5)
    assert c["eyeLookInLeft"] == c["eyeLookOutRight"] == 0.0
    assert c["eyeLookUpLeft"] == c["eyeLookUpRight"] == pytest.approx(0.5)
    assert c["eyeLookDownLeft"] == c["eyeLookDownRight"] == 0.0
    assert curves(space, gaze_x=-3.0)["eyeLookInLeft"] == 1.0


def test_the_jaw_follows_the_lip_gap(space: MeshSpace) -> None:
    jaw = [curves(space, lip_gap=g)["jawOpen"] for g in (0.0, 0.05, 0.1, 0.2, 0.4)]
    assert jaw[0] == 0.0 and (np.diff(jaw) > 0).all() and jaw[-1] > 0.2
    rng = np.random.default_rng(0)
    expr = rng.normal(0, 1, (50, len(space.basis)))
    shut = CurveSolver(space).solve(expr, np.zeros(50))[:, topo.BLENDSHAPE_NAMES.index("jawOpen")]
    np.testing.assert_array_equal(shut, 0.0)  # lips that touch never open a rig's jaw


# ---- the solver ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["mouthSmileLeft", "mouthPucker", "browInnerUp", "browDownRight", "jawOpen"])
def test_a_shape_made_of_one_curve_gives_that_curve(space: MeshSpace, name: str) -> None:
    i = topo.BLENDSHAPE_NAMES.index(name)
    field = space.blend[i].copy()
    field[list(EYE_POINTS)] = 0.0
    basis = space.basis.reshape(len(space.basis), -1).astype(np.float64)
    expr = 0.8 * field.reshape(-1) @ np.linalg.pinv(basis)
    gap = [(space.basis[:, b, 1] - space.basis[:, a, 1]) for a, b in topo.LIP_GAP_PAIRS]
    solved = CurveSolver(space).solve(expr[None], np.array([max(0.0, float(expr @ np.mean(gap, 0)))]))[0]
    assert int(solved.argmax()) == i
    assert 0.3 < solved[i] <= 1.0


def test_the_solver_obeys_its_limits_and_is_optimal(space: MeshSpace) -> None:
    """At the optimum no single curve can be moved within [0, 1] to come nearer (Karush-Kuhn-Tucker)."""
    rng = np.random.default_rng(1)
    expr, gap = rng.normal(0, 1, (30, len(space.basis))), rng.uniform(0.05, 0.3, 30)
    solver = CurveSolver(space)
    w = solver.solve(expr, gap)
    assert w.shape == (30, 52) and w.dtype == np.float32 and 0.0 <= w.min() <= w.max() <= 1.0
    gram, basis, opening, size, gap_of = solver._system
    eyes = ("eyeBlink", "eyeLook")
    names = topo.BLENDSHAPE_NAMES
    solved = [i for i, n in enumerate(names) if i and n not in UNSEEN and not n.startswith(eyes)]
    target = expr @ basis + (gap - expr @ gap_of)[:, None] * opening
    scaled = w[:, solved] * size
    slope = scaled @ gram - target
    best = np.clip(scaled - slope / np.diag(gram), 0, size)
    assert (np.abs(best - scaled) / size).max() < 0.02


def test_what_was_never_seen_is_never_claimed(space: MeshSpace) -> None:
    expr = np.random.default_rng(3).normal(0, 1.5, (40, len(space.basis)))
    motion = motion_of(space, frames=40)
    motion.values[:, 6:-5] = expr
    table = dict(zip(CURVE_COLUMNS, motion_curves(motion, space).T, strict=True))
    for name in (*UNSEEN, "tongueOut"):
        assert not table[name].any()


def test_left_and_right_are_not_mixed_up(space: MeshSpace) -> None:
    """The subject's left brow stands on the picture's right."""
    field = space.blend[topo.BLENDSHAPE_NAMES.index("browOuterUpLeft")]
    left, right = (np.linalg.norm(field[list(brow)], axis=-1).mean() for brow in (topo.LEFT_BROW, topo.RIGHT_BROW))
    assert left > right


def test_long_motions_are_solved_in_pieces(space: MeshSpace) -> None:
    rng = np.random.default_rng(2)
    values = np.abs(rng.normal(0, 0.5, (4099, len(space.names)))).astype(np.float32)
    table = motion_curves(Motion(values, space.names), space)
    assert table.shape == (4099, len(CURVE_COLUMNS)) and np.isfinite(table).all()
    tail = motion_curves(Motion(values[4090:], space.names), space)
    np.testing.assert_allclose(table[4090:, 1:], tail[:, 1:], atol=1e-5)
