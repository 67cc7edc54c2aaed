"""Clip files and reports of a folder: read within bounds, refused by what is wrong."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mssync.errors import InputError
from mssync.face.tracking import Track
from mssync.training.data.clips import Clip, Points, is_clip, load_clip, load_points, save_clip, save_points
from mssync.training.data.index import REPORT, Record, read_report, write_report

T = 30


def _clip() -> Clip:
    rng = np.random.default_rng(0)
    return Clip(
        "x", rng.random((T, 17)).astype(np.float32), np.ones(T, bool), rng.random((4 * T, 26)).astype(np.float32),
        rng.random((4 * T, 40)).astype(np.float32), np.ones(T, np.float32), np.full(T, -1, np.int8), "abc",
    )  # fmt: skip


def _changed(path: Path, **arrays: Any) -> Path:
    with np.load(path) as z:
        kept = {k: z[k] for k in z.files}
    for name, value in arrays.items():
        kept.pop(name)
        if value is not None:
            kept[name] = value
    np.savez_compressed(path, **kept)
    return path


def test_a_clip_comes_back(tmp_path: Path) -> None:
    save_clip(tmp_path / "x.npz", _clip())
    back = load_clip(tmp_path / "x.npz", "x")
    assert is_clip(tmp_path / "x.npz") and back.space == "abc" and back.bilabial.dtype == np.int8
    assert np.abs(back.motion - _clip().motion).max() < 1e-3 and np.abs(back.mel - _clip().mel).max() < 3e-3


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"motion": None}, "'motion' is missing"),
        ({"motion": np.zeros((T, 17), np.int16)}, "'motion' has the shape"),
        ({"motion": np.zeros(T, np.float16)}, "'motion' has the shape"),
        ({"motion": np.full((T, 17), np.nan, np.float16)}, "'motion' does not fit"),
        ({"motion": np.zeros((0, 17), np.float16)}, "does not fit"),
        ({"motion": np.zeros((T - 1, 17), np.float16)}, "does not fit"),
        ({"sound": np.zeros((4 * T, 25), np.float16)}, "'sound' does not fit"),
        ({"sound": np.full((4 * T, 26), np.inf, np.float16)}, "'sound' does not fit"),
        ({"mel": np.zeros((4 * T, 40), np.float32)}, "'mel' has the shape"),
        ({"valid": np.zeros(T, np.int8)}, "'valid' has the shape"),
        ({"speech": np.zeros(3, np.uint8)}, "'speech' does not fit"),
        ({"space": np.array([object()])}, "'space' has the shape|allow_pickle|object"),
        ({"version": np.int32(1)}, "another version"),
        ({"version": np.array([2, 2])}, "'version' has the shape"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, changed: dict[str, Any], says: str) -> None:
    save_clip(tmp_path / "x.npz", _clip())
    with pytest.raises(InputError, match=says):
        load_clip(_changed(tmp_path / "x.npz", **changed), "x")


def test_a_clip_that_claims_more_than_it_holds_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    save_clip(path, _clip())
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f2", "fortran_order": False, "shape": (2**40, 17)})
    with np.load(path) as z:
        kept = {k: z[k] for k in z.files if k != "motion"}
    np.savez_compressed(path, **kept)
    with zipfile.ZipFile(path, "a") as z:
        z.writestr("motion.npy", header.getvalue())
    with pytest.raises(InputError, match="'motion' is too large"):
        load_clip(path, "x")


def test_points_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    track = Track(
        np.random.default_rng(0).random((T, 478, 3), np.float32), np.zeros((T, 52), np.float32), np.ones(T, bool),
        np.arange(T) / 25, 64, 48,
    )  # fmt: skip
    path = tmp_path / "p.npz"
    save_points(path, Points(track, np.zeros(T, np.float32), 30.0))
    assert np.abs(load_points(path).track.points - track.points).max() < 1e-3
    good = path.read_bytes()
    for changed in (
        {"points": np.zeros((T, 477, 3), np.float16)}, {"size": np.full(T, np.nan, np.float32)},
        {"picture": np.array([0, 5])}, {"fps": np.float32(np.inf)}, {"valid": np.ones(2, bool)},
    ):  # fmt: skip
        path.write_bytes(good)
        with pytest.raises(InputError, match="does not fit"):
            load_points(_changed(path, **changed))


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_mutated_clips_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    path = tmp_path_factory.mktemp("clips") / "x.npz"
    save_clip(path, _clip())
    raw = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at : at + data.draw(st.integers(0, 30))] = data.draw(st.binary(max_size=8))
    path.write_bytes(raw[: data.draw(st.sampled_from([len(raw), len(raw) // 2, 40]))])
    try:
        load_clip(path, "x")
    except InputError as error:
        assert str(path) in str(error)


@pytest.mark.parametrize(
    "entry",
    [
        {"seconds": "long"}, {"seconds": float("nan")}, {"offset": 1.5}, {"offset": True}, {"clear": 1},
        {"yaw": [1]}, {"yaw": [1, "b"]}, {"problem": 3}, {"jumps": 10**30}, {"other": 1}, 7, None, [],
    ],
)  # fmt: skip
def test_a_damaged_report_is_refused(tmp_path: Path, entry: Any) -> None:
    (tmp_path / REPORT).write_text(json.dumps({"x": entry}))
    with pytest.raises(InputError, match="damaged or of another version"):
        read_report(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", '{"../x": {}}', '{"/x": {}}', '{"": {}}', "[" * 100_000, '{"x"', "\0\1"])
def test_a_report_of_other_names_or_kind_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / REPORT).write_text(text)
    with pytest.raises(InputError, match="damaged or of another version"):
        read_report(tmp_path)


def test_a_report_comes_back(tmp_path: Path) -> None:
    records = {"a/b": Record(seconds=2.0, yaw=(-3.0, 4.5), offset=-2, clear=True), "c": Record(problem="no face")}
    write_report(tmp_path, records)
    assert read_report(tmp_path) == records
    assert read_report(tmp_path / "none") == {}
