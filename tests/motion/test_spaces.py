"""What holds for every motion space: groups of columns, marks, reading by kind; and what is refused by them."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mssync.errors import AssetError, InputError
from mssync.models import load_model, shipped_syncer
from mssync.motion.columns import EYES, HEAD, LIP_GAP, Column, Groups, expression, width
from mssync.motion.mesh import MeshSpace
from mssync.motion.space import Motion
from mssync.motion.spaces import load_mesh, load_space, of_mesh, register_space
from mssync.motion.syncers import SyncerPyramid

SPACE = load_model().file("space.npz")


@pytest.fixture(scope="module")
def other(space: MeshSpace) -> MeshSpace:
    """A space of as many columns, fitted on other people."""
    return replace(space, template=space.template + np.float32(0.01))


def test_groups_say_which_columns_move_what(space: MeshSpace) -> None:
    g, names = space.groups, space.names
    assert names[g.head] == tuple(c.name for c in HEAD) == names[g.rotation] + names[g.translation] + names[g.scale]
    assert names[g.mouth] == names[g.expression] + names[g.lip_gap] and names[g.lip_gap] == ("lip_gap",)
    assert names[g.eyes] == ("lid_left", "lid_right", "gaze_x", "gaze_y") == names[g.lids] + names[g.gaze]
    assert names[g.shift] == ("trans_x", "trans_y", "log_scale")
    assert width(g.points) == 0 and width(g.expression) == len(space.basis)


def test_groups_of_a_space_without_a_head() -> None:
    points = tuple(Column(f"x{i}", "", "", -1, 1, "points", i) for i in range(3))
    g = Groups.of((LIP_GAP, *points))
    assert width(g.head) == width(g.lids) == 0 and g.points == slice(1, 4) and g.mouth == slice(0, 1)


@pytest.mark.parametrize(
    ("columns", "why"),
    [
        ((LIP_GAP, *HEAD[:3]), "those of every motion space"),
        ((*EYES[1::-1], *EYES[2:]), "those of every motion space"),
        ((expression(0), LIP_GAP, expression(1)), "do not stand together"),
        ((LIP_GAP, *HEAD), "come first"),
        ((Column("a", "", "", 0, 1, "nose"),), "no group of columns 'nose'"),
    ],
)
def test_columns_that_are_no_groups(columns: tuple[Column, ...], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Groups.of(columns)


def test_a_mark_is_the_definition_not_the_file(space: MeshSpace, other: MeshSpace, tmp_path: Path) -> None:
    assert len(space.mark) == 64 and space.mark != other.mark
    space.save(tmp_path / "packed.npz")
    with np.load(tmp_path / "packed.npz") as arrays:
        np.savez(tmp_path / "space.npz", **arrays)
    again = load_space(tmp_path / "space.npz")
    assert again.mark == space.mark and again.file_sha256 != space.file_sha256
    small = replace(space, basis=space.basis[:30])
    assert small.mark != space.mark != replace(space, gap_zero=space.gap_zero + 0.01).mark


def test_older_marks_are_known(space: MeshSpace, other: MeshSpace, tmp_path: Path) -> None:
    """A mark of older versions is twelve digits of the file's sha256; what has none is of the shipped space."""
    older = hashlib.sha256(SPACE.read_bytes()).hexdigest()[:12]
    assert space.has_mark(older) and space.has_mark("") and space.has_mark(space.mark)
    assert not other.has_mark(older) and not other.has_mark("") and not space.has_mark(other.mark)
    space.save(tmp_path / "again.npz")  # packed otherwise, the same space
    assert load_space(tmp_path / "again.npz").has_mark(older)
    other.save(tmp_path / "other.npz")
    own = hashlib.sha256((tmp_path / "other.npz").read_bytes()).hexdigest()[:12]
    assert load_space(tmp_path / "other.npz").has_mark(own) and not space.has_mark(own)


def test_motions_carry_the_mark(space: MeshSpace, other: MeshSpace, tmp_path: Path) -> None:
    rows = np.zeros((3, len(space.names)), np.float32)
    loaded = Motion.load(space.motion(rows, {"seed": "1"}).save(tmp_path / "m.npz"))
    assert loaded.mark == space.mark and loaded.space == "mesh" and loaded.meta == {"seed": "1"}
    assert space.has(loaded) and not other.has(loaded)
    assert other.has(Motion(rows, other.names))  # one that was made by hand fits where its columns do
    older = replace(loaded, mark="", meta={"basis": "a404f66de24d"})
    loaded = Motion.load(older.save(tmp_path / "older.npz"))
    assert loaded.mark == "a404f66de24d" and "basis" not in loaded.meta
    assert space.has(loaded) and not other.has(loaded)


def test_syncers_of_another_space_are_refused(space: MeshSpace, other: MeshSpace) -> None:
    for pyramid in (SyncerPyramid.load(), SyncerPyramid.load(shipped_syncer())):
        pyramid.check_space(space)
        with pytest.raises(InputError, match="trained in another motion space"):
            pyramid.check_space(other)


class Twin(MeshSpace):
    """Another kind of the same arrays."""

    kind = "twin"


def test_the_file_tells_the_kind(space: MeshSpace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mssync.motion.spaces._KINDS", {"mesh": MeshSpace})
    twin = Twin(space.template, space.basis, space.blend, space.opening, space.gap_zero)
    twin.save(tmp_path / "twin.npz")
    with pytest.raises(AssetError, match="its kind 'twin' is not one of mesh"):
        load_space(tmp_path / "twin.npz")
    register_space(Twin)
    register_space(Twin)
    loaded = load_space(tmp_path / "twin.npz")
    assert isinstance(loaded, Twin) and loaded.mark == twin.mark != space.mark
    assert not space.has(loaded.motion(np.zeros((2, len(loaded.names)), np.float32)))

    class Impostor(MeshSpace):
        kind = "twin"

    with pytest.raises(ValueError, match="already"):
        register_space(Impostor)


def test_what_is_done_in_mesh_alone(space: MeshSpace, tmp_path: Path) -> None:
    class Points:
        kind = "points"

    assert of_mesh(space, "This is done") is space and load_mesh(SPACE).mark == space.mark
    with pytest.raises(InputError, match=r"This is done in motion spaces of the kind 'mesh' alone, not 'points'"):
        of_mesh(Points(), "This is done")  # type: ignore[arg-type]
