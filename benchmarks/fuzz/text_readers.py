"""Readers of lists, and of what evaluations keep."""

from __future__ import annotations

import hashlib
import io
import json
import os
import random
from pathlib import Path
from typing import Any, Final

import numpy as np

from fuzz.mutations import spoil_arrays, spoil_bytes, spoil_json
from fuzz.reader import Reader, Valid, place
from fuzz.texts import spoil_table
from mssync.batch.pairs import Folders, checked, read_pairs
from mssync.evaluation.footage import pinned_space
from mssync.evaluation.results.systems import GENERATED
from mssync.evaluation.run import parts
from mssync.evaluation.run.bench import read_entries
from mssync.evaluation.run.items import read_items
from mssync.evaluation.scores.score import Score

_PAIRS: Final = (
    ("photo", "speech", "out"),
    ("a.png", "a.wav", "one.mp4"),
    ("b.png", "b.wav", ""),
    ("sub/c.png", "a.wav", "x"),
)
_ITEMS: Final = (
    ("generated", "reference", "audio", "text", "photo"), ("a.mp4", "b.mp4", "a.wav", "hello you", "a.png"),
    ("b.mp4", "", "", "", ""),
)  # fmt: skip
_BENCH: Final = (
    ("photo", "speech", "real", "text"),
    ("a.png", "a.wav", "a.mp4", "hello"),
    ("b.png", "b.wav", "b.mp4", ""),
)
_KEY: Final = "0123456789abcdef"
_FILES: Final = ("a.png", "b.png", "sub/c.png", "a.wav", "b.wav", "a.mp4", "b.mp4")


def _nothing(folder: Path) -> None:
    place(folder, "empty", b"")


def _table(rows: Any, name: str) -> Any:
    def spoil(_: Valid, rng: random.Random, folder: Path) -> None:
        for file in _FILES:
            place(folder, file, b"x")
        place(folder, name, spoil_table(rows, rng))

    return spoil


def _read_pairs(folder: Path) -> None:
    out = folder / "out"
    for pair in read_pairs(folder / "list.csv", None, Folders(out), 2)[:200]:
        found = checked(pair)
        inside = os.path.realpath(found.out).startswith(os.path.realpath(out))
        assert found.problem or inside


def _read_items(folder: Path) -> None:
    for item in read_items(folder / "list.csv")[:200]:
        assert item.name
        for path in item.videos.values():
            str(path).encode("utf-8", "surrogateescape")


def _read_bench(folder: Path) -> None:
    assert all(entry.name for entry in read_entries(folder))


# ---- finished parts of evaluations ---------------------------------------------------------------------------------


def _prepare_parts(folder: Path) -> None:
    level = {"lags": [-1, 0, 1], "cosine": [0.1, 0.5, 0.1], "best": 0, "confidence": 0.4}
    row: dict[str, Any] = {
        "name": "clip", "kind": "generated", "system": GENERATED, "path": "b.mp4", "audio": None, "sha256": "ab" * 32,
        "problem": "", "seconds": 2.0,
        "scores": [s.as_dict() for s in (Score("a.b", 0.1, "iod", "low"), Score.not_run("x.y", "", "real", "No."))],
        "curves": {"t": [0.0, 0.04], "yaw": [1.0, 2.0]}, "phones": [{"phone": "AA", "start": 0.6, "end": 0.9}],
        "sync": {"lips": {"0": level}},
    }  # fmt: skip
    pool = {
        "motion": np.zeros((9, len(pinned_space().names)), np.float32), "windows": np.ones((3, 21), np.float32),
        "speech": np.array("x"),
    }  # fmt: skip
    parts.save(folder, _KEY, ([row], [pool]))


def _spoil_parts(valid: Valid, rng: random.Random, folder: Path) -> None:
    """Changed bytes, or changed entries that are signed anew."""
    text, packed = valid[f"{_KEY}.json"], valid[f"{_KEY}.npz"]
    if rng.random() < 0.3:
        text = spoil_bytes(text, rng) if rng.random() < 0.5 else text
        packed = spoil_bytes(packed, rng) if rng.random() < 0.5 else packed
    else:
        rows = text.partition(b"\n")[2]
        if rng.random() < 0.6:
            rows = spoil_json(json.loads(rows), rng)
        else:
            with np.load(io.BytesIO(packed)) as z:
                packed = spoil_arrays({k: z[k] for k in z.files}, rng)
        facts = {"key": _KEY, "rows": hashlib.sha256(rows).hexdigest(), "arrays": hashlib.sha256(packed).hexdigest()}
        text = (spoil_json(facts, rng) if rng.random() < 0.1 else json.dumps(facts).encode()) + b"\n" + rows
    place(folder, f"{_KEY}.json", text)
    place(folder, f"{_KEY}.npz", packed)


def _read_parts(folder: Path) -> None:
    found = parts.load(folder, _KEY, [(GENERATED, Path("b.mp4"))])
    assert found is None or (len(found[0]) == 1 and np.isfinite(found[1][0]["motion"]).all())


READERS: Final = (
    Reader("lists of pairs", 1000, _nothing, _table(_PAIRS, "list.csv"), _read_pairs),
    Reader("lists to evaluate", 700, _nothing, _table(_ITEMS, "list.csv"), _read_items),
    Reader("items of the bench", 400, _nothing, _table(_BENCH, "items.csv"), _read_bench),
    Reader("parts of evaluations", 800, _prepare_parts, _spoil_parts, _read_parts),
)
