"""Finished items of an evaluation, kept as files so that a stopped run goes on; each is checked before it is used.

An item is two files: ``KEY.json`` with the rows and ``KEY.npz`` with the arrays that scores of the set need. The JSON
names the bytes of both by SHA-256; a file that was cut, changed or put there by something else is no finished item, and
is measured again.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mssync.evaluation.footage import pinned_space
from mssync.evaluation.results.result import finite
from mssync.evaluation.results.summary import score_from
from mssync.evaluation.results.systems import Row
from mssync.evaluation.run.evaluate import Pool
from mssync.files import replacing, write_error

Outcome = tuple[list[Row], list[Pool]]

# An hour of video makes 12 MB of JSON and 30 MB of arrays.
MAX_JSON: Final = 256 * 2**20
MAX_ARRAYS: Final = 2**30

_TEXTS: Final = ("name", "kind", "system", "path", "sha256", "problem")
_KEYS: Final = {*_TEXTS, "audio", "seconds", "scores", "curves", "phones", "sync"}
_AIMS: Final = ("real", "high", "low")


def save(folder: Path, key: str, outcome: Outcome) -> None:
    """Keep a finished item: first the arrays, then the rows, each aside and then renamed.

    Raises:
        OutputError: it cannot be written.
    """
    rows, pools = outcome
    arrays: dict[str, Any] = {f"{n}.{name}": values for n, pool in enumerate(pools) for name, values in pool.items()}
    packed = io.BytesIO()
    np.savez_compressed(packed, **arrays)
    text = json.dumps(finite(rows), allow_nan=False)
    facts = {"key": key, "rows": _digest(text.encode()), "arrays": _digest(packed.getvalue())}
    whole = f"{json.dumps(facts)}\n{text}"
    path = folder / f"{key}.json"
    try:
        folder.mkdir(exist_ok=True)
        for target, data in ((path.with_suffix(".npz"), packed.getvalue()), (path, whole.encode())):
            with replacing(target, force=True) as part:
                part.write_bytes(data)
    except OSError as error:
        raise write_error(path, error) from error


def load(folder: Path, key: str, videos: Sequence[tuple[str, Path]]) -> Outcome | None:
    """A finished item, or None where there is none, or anything about it is wrong.

    Args:
        folder: of the parts.
        key: the item's own, see :func:`mssync.evaluation.run.runner.run`.
        videos: (system, file) of the rows that it must have, in their order.
    """
    path = folder / f"{key}.json"
    try:
        head, _, text = _read(path, MAX_JSON).partition(b"\n")
        packed = _read(path.with_suffix(".npz"), MAX_ARRAYS)
        if json.loads(head) != {"key": key, "rows": _digest(text), "arrays": _digest(packed)}:
            return None
        rows = json.loads(text)
        if not _sound_rows(rows, videos):
            return None
        pools = _pools(packed, len(rows))
    except Exception:  # json, zip, zlib and numpy each fail in their own way on damaged bytes
        return None
    return (rows, pools) if all(map(_sound_pool, pools)) else None


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _read(path: Path, limit: int) -> bytes:
    if not path.is_file() or path.stat().st_size > limit:
        raise ValueError(f"{path} is no file of an expected size")
    return path.read_bytes()


def _pools(packed: bytes, count: int) -> list[Pool]:
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        if sum(member.file_size for member in archive.infolist()) > MAX_ARRAYS:
            raise ValueError("the arrays are larger than any evaluation makes")
    pools: list[dict[str, NDArray[Any]]] = [{} for _ in range(count)]
    with np.load(io.BytesIO(packed), allow_pickle=False) as arrays:
        for name in arrays.files:
            number, _, part = name.partition(".")
            pools[int(number)][part] = arrays[name]
    return list(pools)


# ---- what rows and pools look like ---------------------------------------------------------------------------------


def _sound_rows(rows: Any, videos: Sequence[tuple[str, Path]]) -> bool:
    """Whether these are finished rows of exactly these videos."""
    return (
        isinstance(rows, list)
        and all(map(_sound_row, rows))
        and [(row["system"], row["path"]) for row in rows] == [(system, str(path)) for system, path in videos]
    )


def _sound_row(row: Any) -> bool:
    return (
        isinstance(row, dict)
        and row.keys() == _KEYS
        and all(isinstance(row[name], str) for name in _TEXTS)
        and not row["problem"]
        and isinstance(row["audio"], str | None)
        and _number(row["seconds"])
        and _list(row["scores"], _sound_score)
        and _dict(row["curves"], lambda values: _list(values, _number))
        and len({len(values) for values in row["curves"].values()}) <= 1
        and _list(row["phones"], _sound_phone)
        and _dict(row["sync"], lambda levels: _dict(levels, _sound_curve))
    )


def _sound_score(entry: Any) -> bool:
    if not isinstance(entry, dict):
        return False
    score = score_from(entry)
    interval = entry.get("interval")
    return (
        all(isinstance(text, str) for text in (score.key, score.unit, score.note))
        and score.aim in _AIMS
        and all(value is None or _number(value) for value in (score.value, score.chance))
        and (interval is None or (_list(interval, _number) and len(interval) == 2))
    )


def _sound_phone(phone: Any) -> bool:
    return (
        isinstance(phone, dict)
        and phone.keys() == {"phone", "start", "end"}
        and isinstance(phone["phone"], str)
        and _number(phone["start"])
        and _number(phone["end"])
    )


def _sound_curve(curve: Any) -> bool:
    return (
        isinstance(curve, dict)
        and curve.keys() == {"lags", "cosine", "best", "confidence"}
        and _list(curve["lags"], lambda lag: isinstance(lag, int))
        and _list(curve["cosine"], lambda value: value is None or _number(value))
        and len(curve["lags"]) == len(curve["cosine"])
        and curve["best"] in curve["lags"]
        and (curve["confidence"] is None or _number(curve["confidence"]))
    )


def _sound_pool(pool: Pool) -> bool:
    """Whether the set's scores can work with it: motion and windows as rows of finite numbers, and which speech."""
    if not {"motion", "windows", "speech"} <= pool.keys() <= {"motion", "windows", "speech", "fid", "fvd"}:
        return False
    if not all(isinstance(values, np.ndarray) for values in pool.values()):  # a zip may hold anything
        return False
    if pool["motion"].shape[1:] != (len(pinned_space().names),):
        return False
    tables = [values for name, values in pool.items() if name != "speech"]
    return (
        pool["speech"].ndim == 0
        and pool["speech"].dtype.kind == "U"
        and all(t.ndim == 2 and t.dtype.kind == "f" and bool(np.isfinite(t).all()) for t in tables)
    )


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _list(values: Any, good: Callable[[Any], bool]) -> bool:
    return isinstance(values, list) and all(map(good, values))


def _dict(values: Any, good: Callable[[Any], bool]) -> bool:
    return isinstance(values, dict) and all(map(good, values.values()))
