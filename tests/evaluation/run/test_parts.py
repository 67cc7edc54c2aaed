"""Finished items on disk: what was kept comes back, whatever is wrong about them does not."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from report_samples import row, scores

from mssync.evaluation.results.systems import GENERATED, REAL
from mssync.evaluation.run.evaluate import Pool
from mssync.evaluation.run.parts import load, save

KEY = "0123456789abcdef"
VIDEOS = [(REAL, Path("a.mp4")), (GENERATED, Path("b.mp4"))]


def pools() -> list[Pool]:
    return [
        {"motion": np.full((9, 43), n, np.float32), "windows": np.ones((3, 21), np.float32), "speech": np.array("x")}
        for n in range(2)
    ]


def rows() -> list[dict[str, Any]]:
    return [row("clip", system, path, scores(0.1, 0.3)) for system, path in VIDEOS]


@pytest.fixture
def parts(tmp_path: Path) -> Path:
    save(tmp_path / "p", KEY, (rows(), pools()))
    return tmp_path / "p"


def test_what_was_kept_comes_back(parts: Path) -> None:
    found = load(parts, KEY, VIDEOS)
    assert found is not None
    assert json.dumps(found[0]) == json.dumps(rows())
    assert [np.unique(pool["motion"]).tolist() for pool in found[1]] == [[0.0], [1.0]]
    assert sorted(p.name for p in parts.iterdir()) == [f"{KEY}.json", f"{KEY}.npz"]


def test_nothing_changed_is_believed(parts: Path) -> None:
    draw = np.random.default_rng(0)
    for ending in (".json", ".npz"):
        path = parts / f"{KEY}{ending}"
        whole = path.read_bytes()
        for _ in range(100):
            data = bytearray(whole)
            data[draw.integers(len(data))] ^= 1 << draw.integers(8)
            for damaged in (bytes(data), whole[: draw.integers(len(whole))], whole + b"\0"):
                path.write_bytes(damaged)
                assert load(parts, KEY, VIDEOS) is None
        path.unlink()
        assert load(parts, KEY, VIDEOS) is None
        path.mkdir()
        assert load(parts, KEY, VIDEOS) is None
        path.rmdir()
        path.write_bytes(whole)
    assert load(parts, KEY, VIDEOS) is not None


def test_only_the_rows_asked_for(parts: Path) -> None:
    assert load(parts, "another key", VIDEOS) is None
    assert load(parts, KEY, VIDEOS[:1]) is None
    assert load(parts, KEY, [VIDEOS[0], (GENERATED, Path("c.mp4"))]) is None
    (parts / "other.json").write_bytes((parts / f"{KEY}.json").read_bytes())
    (parts / "other.npz").write_bytes((parts / f"{KEY}.npz").read_bytes())
    assert load(parts, "other", VIDEOS) is None


def forge(parts: Path, made: Any, arrays: dict[str, Any], text: str = "") -> None:
    """An item with true digests and whatever content."""
    packed = io.BytesIO()
    np.savez_compressed(packed, **arrays)
    body = (text or json.dumps(made)).encode()
    digests = {"rows": hashlib.sha256(body).hexdigest(), "arrays": hashlib.sha256(packed.getvalue()).hexdigest()}
    (parts / f"{KEY}.json").write_bytes(json.dumps({"key": KEY, **digests}).encode() + b"\n" + body)
    (parts / f"{KEY}.npz").write_bytes(packed.getvalue())


def flat() -> dict[str, Any]:
    return {f"{n}.{name}": values for n, pool in enumerate(pools()) for name, values in pool.items()}


@pytest.mark.parametrize(
    "spoil",
    [
        lambda r: r[0].pop("curves"),
        lambda r: r[0].update(extra=1),
        lambda r: r[0].update(seconds="2"),
        lambda r: r[0].update(problem="It is broken."),
        lambda r: r[0].update(scores={}),
        lambda r: r[0]["scores"].append(1),
        lambda r: r[0]["scores"][0].update(value="1"),
        lambda r: r[0]["scores"][0].update(value=float("nan")),
        lambda r: r[0]["scores"][0].update(interval=[1]),
        lambda r: r[0]["scores"][0].update(aim="up"),
        lambda r: r[0]["scores"][0].update(mean=1),
        lambda r: r[0]["curves"].update(t=[1, 2]),
        lambda r: r[0]["curves"].update(t=[[0.0]] * 50),
        lambda r: r[0].update(phones=[{"phone": "A"}]),
        lambda r: r[0]["sync"].update(lips=[]),
        lambda r: r[0]["sync"]["lips"]["0"].update(best=99),
        lambda r: r[0]["sync"]["lips"]["0"].update(lags=[1]),
        lambda r: r.pop(),
    ],
)
def test_rows_of_another_shape(parts: Path, spoil: Callable[[list[dict[str, Any]]], None]) -> None:
    made = rows()
    forge(parts, made, flat())
    assert load(parts, KEY, VIDEOS) is not None
    spoil(made)
    forge(parts, made, flat())
    assert load(parts, KEY, VIDEOS) is None


def test_texts_of_another_shape(parts: Path) -> None:
    for text in ("[" * 100_000, "null", "{}", "[[]]", '"x"', "1e999"):
        forge(parts, None, flat(), text)
        assert load(parts, KEY, VIDEOS) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"0.motion": np.full((9, 43), np.nan, np.float32)},
        {"0.motion": np.zeros(9, np.float32)},
        {"0.motion": np.zeros((9, 42), np.float32)},
        {"0.motion": np.zeros((9, 43), np.int64)},
        {"0.speech": np.zeros(3)},
        {"0.more": np.zeros((2, 2))},
        {"2.motion": np.zeros((2, 2))},
        {"motion": np.zeros((2, 2))},
    ],
)
def test_arrays_of_another_shape(parts: Path, wrong: dict[str, Any]) -> None:
    forge(parts, rows(), flat() | wrong)
    assert load(parts, KEY, VIDEOS) is None


def test_arrays_that_unpack_without_end(parts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mssync.evaluation.run.parts.MAX_ARRAYS", 100_000)
    forge(parts, rows(), flat() | {"0.windows": np.zeros((1000, 21), np.float64)})
    assert load(parts, KEY, VIDEOS) is None


def test_members_of_the_zip_that_are_no_arrays(parts: Path) -> None:
    """NumPy gives the bytes of a member that does not begin as an array file does."""
    packed = io.BytesIO()
    np.savez(packed, **flat())
    with zipfile.ZipFile(packed) as old, zipfile.ZipFile(parts / "x.zip", "w") as new:
        for name in old.namelist():
            new.writestr(name, b"no array" if name == "0.motion.npy" else old.read(name))
    forge(parts, rows(), flat())
    data = (parts / "x.zip").read_bytes()
    head, _, body = (parts / f"{KEY}.json").read_bytes().partition(b"\n")
    facts = json.loads(head) | {"arrays": hashlib.sha256(data).hexdigest()}
    (parts / f"{KEY}.json").write_bytes(json.dumps(facts).encode() + b"\n" + body)
    (parts / f"{KEY}.npz").write_bytes(data)
    assert load(parts, KEY, VIDEOS) is None
