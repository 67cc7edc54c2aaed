"""The motion file: what is saved comes back, and nothing else comes in."""

from __future__ import annotations

import io
import json
import re
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mssync.errors import InputError, OutputError
from mssync.face.tracking import Face
from mssync.motion.mesh import MeshSpace
from mssync.motion.space import MAX_FRAMES, Motion

NAMES = ("rot_x", "expr_00", "lip_gap")
fuzz = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def some(frames: int = 7, fps: float = 25.0) -> Motion:
    values = np.random.default_rng(0).normal(0, 0.3, (frames, 3)).astype(np.float32)
    return Motion(values, NAMES, fps=fps, meta={"model": "default 1", "name": "Zoë 🙂"})


def header(**changes: Any) -> dict[str, Any]:
    plain = {
        "format": "mssync-motion", "version": 1, "space": "mesh", "fps": 25.0, "names": list(NAMES), "meta": {},
    }  # fmt: skip
    return {k: v for k, v in (plain | changes).items() if v is not ...}


def write(path: Path, head: Any, values: Any) -> Path:
    text = head if isinstance(head, str) else json.dumps(head)
    np.savez_compressed(path, header=np.array(text), values=values)
    return path


def test_what_is_saved_comes_back(tmp_path: Path) -> None:
    motion = some(fps=30.0)
    path = motion.save(tmp_path / "m.npz")
    again = Motion.load(path)
    np.testing.assert_array_equal(again.values, motion.values)
    assert again.values.dtype == np.float32
    assert (again.names, again.fps, again.space, again.version, again.meta) == (
        motion.names, 30.0, "mesh", 1, motion.meta,
    )  # fmt: skip
    assert [p.name for p in tmp_path.iterdir()] == ["m.npz"]


def test_the_file_is_plain_numpy(tmp_path: Path) -> None:
    some().save(tmp_path / "m.npz")
    with np.load(tmp_path / "m.npz", allow_pickle=False) as npz:
        assert sorted(npz.files) == ["header", "values"]
        assert json.loads(str(npz["header"])) == header(meta=some().meta)


def test_an_existing_file_stays_unless_forced(tmp_path: Path) -> None:
    path = some().save(tmp_path / "m.npz")
    before = path.read_bytes()
    with pytest.raises(OutputError, match=r"m\.npz exists already"):
        some(9).save(path)
    assert path.read_bytes() == before
    assert len(Motion.load(some(9).save(path, force=True))) == 9


def test_what_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"ends in \.npz"):
        some().save(tmp_path / "m.npy")
    with pytest.raises(OutputError, match=r"create .* first"):
        some().save(tmp_path / "no" / "m.npz")
    assert list(tmp_path.iterdir()) == []


def test_columns_by_name() -> None:
    motion = some()
    np.testing.assert_array_equal(motion.column("lip_gap"), motion.values[:, 2])
    with pytest.raises(InputError, match="no column 'jaw'"):
        motion.column("jaw")
    with pytest.raises(InputError, match="one column per name"):
        Motion(motion.values, NAMES[:2])
    other = motion.with_values(motion.values * 2)
    assert other.names == motion.names and other.meta == motion.meta


def test_resampling_a_motion() -> None:
    ramp = np.repeat(np.arange(60, dtype=np.float32)[:, None] / 30, 3, 1)
    there = Motion(ramp, NAMES, fps=30.0).resampled(25.0)
    assert len(there) == 50 and there.fps == 25.0
    np.testing.assert_allclose(there.values[:, 0], np.arange(50) / 25, atol=1e-5)
    assert there.resampled(25.0) is there


@pytest.mark.parametrize("kind", [np.float16, np.float64, ">f4", ">f8", "fortran"])
def test_other_floats_and_orders_are_read(tmp_path: Path, kind: Any) -> None:
    want = np.arange(21, dtype=np.float32).reshape(7, 3) / 16
    values = np.asfortranarray(want) if kind == "fortran" else want.astype(kind)
    again = Motion.load(write(tmp_path / "m.npz", header(), values))
    assert again.values.dtype == np.float32 and again.values.dtype.isnative
    np.testing.assert_array_equal(again.values, want)


BAD: dict[str, Callable[[Path], object]] = {
    "empty": lambda p: p.write_bytes(b""),
    "text": lambda p: p.write_text("time,lip_gap\n0,0\n"),
    "bare zip": lambda p: p.write_bytes(b"PK\x05\x06" + bytes(18)),
    "no values": lambda p: np.savez(p, header=np.array(json.dumps(header()))),
    "no header": lambda p: np.savez(p, values=np.zeros((2, 3))),
    "header not json": lambda p: write(p, "{", np.zeros((2, 3))),
    "header a list": lambda p: write(p, [1, 2], np.zeros((2, 3))),
    "header deep": lambda p: write(p, "[" * 100_000, np.zeros((2, 3))),
    "other format": lambda p: write(p, header(format="x"), np.zeros((2, 3))),
    "newer version": lambda p: write(p, header(version=2), np.zeros((2, 3))),
    "no names": lambda p: write(p, header(names=...), np.zeros((2, 3))),
    "names twice": lambda p: write(p, header(names=["a", "a", "b"]), np.zeros((2, 3))),
    "names of numbers": lambda p: write(p, header(names=[1, 2, 3]), np.zeros((2, 3))),
    "too few names": lambda p: write(p, header(names=["a", "b"]), np.zeros((2, 3))),
    "no fps": lambda p: write(p, header(fps=...), np.zeros((2, 3))),
    "fps 0": lambda p: write(p, header(fps=0), np.zeros((2, 3))),
    "fps nan": lambda p: write(p, header(fps=float("nan")), np.zeros((2, 3))),
    "longer than 12 hours": lambda p: write(p, header(fps=1), np.zeros((3600 * 12 + 1, 3), np.float16)),
    "fps 1e9": lambda p: write(p, header(fps=1e9), np.zeros((2, 3))),
    "fps true": lambda p: write(p, header(fps=True), np.zeros((2, 3))),
    "fps text": lambda p: write(p, header(fps="25"), np.zeros((2, 3))),
    "meta a list": lambda p: write(p, header(meta=[1]), np.zeros((2, 3))),
    "one axis": lambda p: write(p, header(), np.zeros(3)),
    "three axes": lambda p: write(p, header(), np.zeros((2, 3, 1))),
    "whole numbers": lambda p: write(p, header(), np.zeros((2, 3), int)),
    "complex": lambda p: write(p, header(), np.zeros((2, 3), complex)),
    "no rows": lambda p: write(p, header(), np.zeros((0, 3))),
    "nan": lambda p: write(p, header(), np.full((2, 3), np.nan)),
    "infinite": lambda p: write(p, header(), np.full((2, 3), np.inf)),
    "beyond float32": lambda p: write(p, header(), np.full((2, 3), 1e300)),
    "objects": lambda p: write(p, header(), np.array([[None, 1.0, {}]], dtype=object)),
    "header an object": lambda p: np.savez(p, header=np.array({"a": 1}, dtype=object), values=np.zeros((2, 3))),
}


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("kind", BAD)
def test_foreign_files_are_refused_in_one_sentence(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "bad.npz"
    BAD[kind](path)
    with pytest.raises(InputError, match=r"bad\.npz") as caught:
        Motion.load(path)
    assert "\n" not in str(caught.value)


def test_missing_files_and_folders(tmp_path: Path) -> None:
    for path in (tmp_path / "none.npz", tmp_path, tmp_path / ("x" * 300 + ".npz")):
        with pytest.raises(InputError):
            Motion.load(path)


def npy(shape: tuple[int, ...], descr: str = "<f4") -> bytes:
    """An array file that claims a shape and holds a few bytes."""
    text = repr({"descr": descr, "fortran_order": False, "shape": shape}).encode()
    text += b" " * (63 - (10 + len(text)) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + bytes(24)


@pytest.mark.parametrize("shape", [(10**13, 3), (2**62, 4), (MAX_FRAMES + 1, 3), (-1, 3)])
def test_a_shape_that_is_only_claimed(tmp_path: Path, shape: tuple[int, ...]) -> None:
    head = io.BytesIO()
    np.save(head, np.array(json.dumps(header())))
    with zipfile.ZipFile(tmp_path / "m.npz", "w") as z:
        z.writestr("header.npy", head.getvalue())
        z.writestr("values.npy", npy(shape))
    with pytest.raises(InputError):
        Motion.load(tmp_path / "m.npz")


def test_a_zip_that_swells_is_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "m.npz"
    head = io.BytesIO()
    np.save(head, np.array(json.dumps(header())))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("header.npy", head.getvalue())
        with z.open("values.npy", "w", force_zip64=True) as f:
            block = bytes(1 << 20)
            for _ in range(450):
                f.write(block)
    assert path.stat().st_size < 1_000_000
    with pytest.raises(InputError, match="is too large"):
        Motion.load(path)


def check(path: Path, content: bytes) -> None:
    """Either a sound motion or one sentence."""
    path.write_bytes(content)
    try:
        motion = Motion.load(path)
    except InputError:
        return
    assert np.isfinite(motion.values).all() and motion.values.shape == (len(motion), len(motion.names))


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return some().save(tmp_path_factory.mktemp("good") / "m.npz").read_bytes()


@fuzz
@given(content=st.binary(max_size=300))
def test_random_bytes(tmp_path: Path, content: bytes) -> None:
    check(tmp_path / "m.npz", content)
    check(tmp_path / "m.npz", b"PK\x03\x04" + content)


@fuzz
@given(data=st.data())
def test_damaged_files(tmp_path: Path, good: bytes, data: st.DataObject) -> None:
    content = bytearray(good)
    for _ in range(data.draw(st.integers(1, 4), "flips")):
        at = data.draw(st.integers(0, len(content) - 1), "byte")
        content[at] ^= 1 << data.draw(st.integers(0, 7), "bit")
    start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(content))] * 2), "cut"))
    check(tmp_path / "m.npz", bytes(content))
    check(tmp_path / "m.npz", bytes(content[:end]))
    check(tmp_path / "m.npz", bytes(content[:start] + content[end:]))


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@fuzz
@given(key=st.sampled_from(["format", "version", "space", "fps", "names", "meta"]), value=json_values)
def test_strange_headers(tmp_path: Path, key: str, value: Any) -> None:
    path = write(tmp_path / "m.npz", header(**{key: value}), np.zeros((2, 3), np.float32))
    check(path, path.read_bytes())


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("a\x1b]0;x\x07", "a\ufffd]0;x\ufffd"),
        ("half \ud800", "half \ufffd"),
        ("\u202eback", "\ufffdback"),
        (7, "7"),
        (None, "None"),
    ],
)
def test_facts_of_a_file_are_harmless_texts(tmp_path: Path, value: object, said: str) -> None:
    path = write(tmp_path / "m.npz", header(meta={"model": value}), np.zeros((2, 3)))
    assert Motion.load(path).meta == {"model": said}


def test_a_number_of_5000_digits_among_the_facts(tmp_path: Path) -> None:
    text = json.dumps(header(meta={"seed": "9" * 5000})).replace('"' + "9" * 5000 + '"', "9" * 4000)
    assert Motion.load(write(tmp_path / "m.npz", text, np.zeros((2, 3)))).meta["seed"].startswith("0x")
    with pytest.raises(InputError, match="not a motion file"):
        Motion.load(write(tmp_path / "n.npz", text.replace("9" * 4000, "9" * 5000), np.zeros((2, 3))))


# ---- ranges -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [("lip_gap", 1e30), ("lip_gap", 1e9), ("lip_gap", -1e30), ("rot_x", 1e6), ("expr_00", -4e4), ("lip_gap", 2.31)],
)
def test_absurd_numbers_are_refused_by_column(tmp_path: Path, name: str, value: float) -> None:
    values = np.zeros((5, 3), np.float32)
    values[3, NAMES.index(name)] = value
    with pytest.raises(InputError, match=rf"m\.npz holds .* in the column '{name}', which goes from"):
        Motion.load(write(tmp_path / "m.npz", header(), values))


def test_numbers_slightly_outside_are_brought_back_with_a_note(tmp_path: Path) -> None:
    values = np.array([[0, 0, 2.0], [0, 0, 2.2], [0.1, 3, -1.2]], np.float32)
    with pytest.warns(UserWarning, match=r"m\.npz leaves the range of lip_gap"):
        motion = Motion.load(write(tmp_path / "m.npz", header(), values))
    np.testing.assert_array_equal(motion.values, np.array([[0, 0, 2.0], [0, 0, 2.0], [0.1, 3, -1.0]], np.float32))


def test_whatever_the_numbers_only_the_ranges_are_drawn(space: MeshSpace, faces: dict[str, Face]) -> None:
    rest = space.prepare(faces["hopper"])
    low, high = (np.array([getattr(c, end) for c in space.columns], np.float32) for end in ("low", "high"))
    for row, edge in ((np.full(len(low), -1e30, np.float32), low), (np.full(len(low), 1e30, np.float32), high)):
        np.testing.assert_array_equal(space.decode(rest, row).points, space.decode(rest, edge).points)


# ---- docs/motion-format.md ----------------------------------------------------------------------------------------

DOCS = Path(__file__).resolve().parents[2] / "docs" / "motion-format.md"


def test_every_column_is_explained(space: MeshSpace) -> None:
    text = DOCS.read_text("utf-8")
    for name in (*(n for n in space.names if not n.startswith("expr")), "expr_00"):
        assert f"`{name}`" in text, name


def test_the_ranges_in_the_docs_are_the_ones_used(space: MeshSpace) -> None:
    rows = [line.split(" | ") for line in DOCS.read_text("utf-8").splitlines() if line.count(" | ") == 4]
    said = {name: row[2] for row in rows for name in re.findall(r"`(\w+)`", row[0])}
    for c in (c for c in space.columns if not c.name.startswith("expr_") or c.name == "expr_00"):
        numbers = [f"{v:g}".replace("3.14159", "π") for v in (c.low, c.high)]
        assert said[c.name] == " to ".join(numbers), c.name


def test_the_example_in_the_docs_runs(space: MeshSpace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    values = np.full((60, len(space.names)), 0.1, np.float32)
    Motion(values, space.names).save("m.npz")
    code = DOCS.read_text("utf-8").split("```python\n")[1].split("```")[0]
    subprocess.run([sys.executable, "-c", code], check=True)
    edited = Motion.load("edited.npz")
    np.testing.assert_allclose(edited.column("rot_y"), 0.05)
    assert edited.column("lid_left")[52] == 1.0


def test_threads_that_save_one_name_leave_a_whole_file_at_every_moment(tmp_path: Path) -> None:
    path = some(1).save(tmp_path / "m.npz")
    motions = [some(n) for n in range(2, 6)]

    def save(motion: Motion) -> None:
        for _ in range(25):
            motion.save(path, force=True)

    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(save, motion) for motion in motions]
        seen = [Motion.load(path)]
        while not all(job.done() for job in jobs):
            seen.append(Motion.load(path))  # a half-written file would raise
        for job in jobs:
            job.result()
    wanted = {1: some(1).values} | {len(m): m.values for m in motions}
    for motion in seen:
        np.testing.assert_array_equal(motion.values, wanted[len(motion)])
    assert [p.name for p in tmp_path.iterdir()] == ["m.npz"]
