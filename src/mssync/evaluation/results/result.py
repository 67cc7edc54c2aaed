"""The outcome of an evaluation as one file: rows, summary, and everything that is needed to repeat them."""

from __future__ import annotations

import hashlib
import json
import math
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from mssync.errors import InputError
from mssync.evaluation.results.summary import summarise
from mssync.evaluation.results.systems import Row, systems_of
from mssync.evaluation.results.verdict import verdicts
from mssync.files import replacing

FORMAT: Final = "mssync-evaluation"
VERSION: Final = 2
_PACKAGES: Final = (
    "mssync", "numpy", "av", "soxr", "onnxruntime", "ai-edge-litert", "opencv-python-headless",
    "pocketsphinx",
)  # fmt: skip
Result = dict[str, Any]


def assemble(
    rows: Sequence[Row],
    set_rows: Sequence[Row],
    suite: str,
    config: Mapping[str, Any],
    hashes: Mapping[str, str],
) -> Result:
    """Rows and everything that is needed to repeat them.

    Args:
        rows: one per video, of :func:`mssync.evaluation.run.evaluate.evaluate_one`; real before its generated ones.
        set_rows: scores of the whole set, see :func:`mssync.evaluation.run.pool.set_rows`.
        suite: ``quick`` or ``full``.
        config: what was pinned or chosen.
        hashes: sha256 by name of every file that was read.
    Returns:
        ``format, version, suite, config, versions, hashes, systems, verdicts, rows, summary``, fit for JSON.
    """
    return {
        "format": FORMAT, "version": VERSION, "suite": suite, "config": dict(config), "versions": _versions(),
        "hashes": dict(sorted(hashes.items())), "systems": systems_of(rows),
        "verdicts": verdicts(rows), "rows": list(rows), "summary": summarise([*rows, *set_rows]),
    }  # fmt: skip


def read_result(path: Path) -> Result:
    """Read what :func:`write_json` wrote of an evaluation.

    Raises:
        InputError: it is no such file.
    """
    try:
        data = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} cannot be read as an evaluation; make it again.") from error
    if not isinstance(data, dict) or data.get("format") != FORMAT or data.get("version") != VERSION:
        raise InputError(f"{path} is no evaluation of this version; make it again with `mssync evaluate --json`.")
    return data


def write_json(path: Path, data: Mapping[str, Any], *, force: bool) -> None:
    """Write data as JSON, aside first, then renamed; numbers that are not finite become null.

    Raises:
        OutputError: it exists without ``force``, or cannot be written.
    """
    with replacing(path, force=force) as part:
        text = json.dumps(finite(data), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
        # A file name that is not UTF-8 holds lone surrogates; as \udcXX they are JSON, and read back as the same name.
        part.write_text(text, "utf-8", errors="backslashreplace", newline="\n")


def finite(data: Any) -> Any:
    """The same data with None for every number that is not finite (JSON has no such numbers)."""
    if isinstance(data, float):
        return data if math.isfinite(data) else None
    if isinstance(data, Mapping):
        return {str(k): finite(v) for k, v in data.items()}
    return [finite(v) for v in data] if isinstance(data, list | tuple) else data


def sha256(path: Path) -> str:
    """Hexadecimal digest of a file.

    Raises:
        InputError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); check its rights.") from error


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
