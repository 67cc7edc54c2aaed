"""The index lists agree with each other and with the mirror."""

from __future__ import annotations

import pytest

from mssync.face import topology as topo

MIRROR = topo.MIRROR


def mirrored(ring: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(MIRROR[i] for i in ring)


def test_the_mirror_is_its_own_inverse_and_fixes_the_middle_line_only() -> None:
    assert sorted(MIRROR) == list(range(topo.POINTS))
    assert mirrored(MIRROR) == tuple(range(topo.POINTS))
    # The two iris centres and rims have partners too; only the middle line stays.
    assert tuple(i for i in range(topo.POINTS) if MIRROR[i] == i) == topo.MIDLINE


@pytest.mark.parametrize(
    "ring",
    [
        topo.LIPS_OUTER_UPPER, topo.LIPS_OUTER_LOWER, topo.LIPS_MIDDLE_UPPER,
        topo.LIPS_MIDDLE_LOWER, topo.LIPS_INNER_UPPER, topo.LIPS_INNER_LOWER,
    ],
)  # fmt: skip
def test_lips_read_the_same_from_either_corner(ring: tuple[int, ...]) -> None:
    assert mirrored(ring) == ring[::-1]


@pytest.mark.parametrize(
    ("right", "left"),
    [
        (topo.RIGHT_LID_UPPER, topo.LEFT_LID_UPPER), (topo.RIGHT_LID_LOWER, topo.LEFT_LID_LOWER),
        (topo.RIGHT_CREASE_UPPER, topo.LEFT_CREASE_UPPER), (topo.RIGHT_CREASE_LOWER, topo.LEFT_CREASE_LOWER),
        (topo.RIGHT_BROW, topo.LEFT_BROW), (topo.EYE_CORNERS_RIGHT, topo.EYE_CORNERS_LEFT),
        (topo.RIGHT_EYE, topo.LEFT_EYE),
    ],
)  # fmt: skip
def test_left_mirrors_right(right: tuple[int, ...], left: tuple[int, ...]) -> None:
    assert mirrored(right) == left


def test_symmetric_sets() -> None:
    for points in (topo.RIGID, topo.BLENDSHAPE_POINTS, topo.FACE_OVAL, topo.TEMPLES, topo.OUTER_EYE_CORNERS):
        assert set(mirrored(points)) == set(points)
    for right, left in ((topo.RIGHT_LID_PAIRS, topo.LEFT_LID_PAIRS), (topo.LIP_GAP_PAIRS, topo.LIP_GAP_PAIRS)):
        assert {tuple(MIRROR[i] for i in pair) for pair in right} == set(left)
    assert set(mirrored(topo.RIGHT_IRIS)) == set(topo.LEFT_IRIS)
    assert MIRROR[topo.RIGHT_IRIS[0]] == topo.LEFT_IRIS[0]


def test_rings_close_over_their_halves() -> None:
    assert set(topo.LIPS_INNER) == {*topo.LIPS_INNER_UPPER, *topo.LIPS_INNER_LOWER}
    assert set(topo.LIPS_OUTER) == {*topo.LIPS_OUTER_UPPER, *topo.LIPS_OUTER_LOWER}
    for ring in (topo.LIPS_INNER, topo.LIPS_OUTER, topo.LEFT_EYE, topo.RIGHT_EYE, topo.FACE_OVAL):
        assert len(set(ring)) == len(ring)
    for upper, lower in topo.LIP_GAP_PAIRS:
        assert topo.LIPS_INNER_UPPER.index(upper) == topo.LIPS_INNER_LOWER.index(lower)


def test_the_expression_network_gets_its_146_points_and_gives_52_names() -> None:
    assert len(topo.BLENDSHAPE_POINTS) == len(set(topo.BLENDSHAPE_POINTS)) == 146
    assert list(topo.BLENDSHAPE_POINTS) == sorted(topo.BLENDSHAPE_POINTS)
    assert len(set(topo.BLENDSHAPE_NAMES)) == 52 and topo.BLENDSHAPE_NAMES[0] == "_neutral"


def test_the_68_point_view_is_symmetric_in_the_order_of_ibug() -> None:
    assert len(set(topo.IBUG68)) == 68
    order = [
        *range(16, -1, -1), *range(26, 16, -1), *range(27, 31), *range(35, 30, -1),
        45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40,
        54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65,
    ]  # fmt: skip
    assert mirrored(topo.IBUG68) == tuple(topo.IBUG68[i] for i in order)
