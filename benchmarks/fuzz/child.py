"""One process that reads cases: it says which case it begins and how that one ended, so that its death has a name."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import sys
import time
import traceback
import warnings
from pathlib import Path
from typing import Any, Final

from fuzz.reader import Reader, valid_files

ADDRESS_SPACE: Final = 12 * 2**30  # far above the peak that is allowed: libraries reserve what they never use


def limit_memory() -> None:
    """So that a bomb hits this process and not the computer; where the system has no such limit, none is set."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def peak_mb(*, reset: bool = False) -> float:
    """The largest memory of this process so far in MB, since the last reset where the system can."""
    with contextlib.suppress(OSError):
        if reset:
            Path("/proc/self/clear_refs").write_text("5")
        status = Path("/proc/self/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1024
    with contextlib.suppress(ImportError):
        import resource

        size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return size / 2**20 if sys.platform == "darwin" else size / 1024
    return 0.0


def make_case(reader: Reader, seed: int, number: int, valid: dict[str, bytes], folder: Path) -> None:
    """Write the case of this number; the same in every run with this seed."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    reader.spoil(valid, random.Random(f"{seed}/{reader.name}/{number}"), folder)


def judge_case(reader: Reader, folder: Path) -> dict[str, Any]:
    """How reading ends: ``accepted``, ``refused``, or ``raw`` with what was raised."""
    from mssync.errors import MssyncError

    started = time.perf_counter()
    verdict, said = "accepted", ""
    try:
        reader.read(folder)
    except MssyncError as error:
        verdict, said = "refused", str(error)
        if "\n" in said or not said.endswith((".", ")")) or len(said) > 4000:
            verdict, said = "raw", f"no sentence: {said[:500]!r}"
    except BaseException as error:  # whatever else comes is what is looked for
        verdict = "raw"
        place = traceback.extract_tb(error.__traceback__)[-6:]
        said = f"{type(error).__name__}: {str(error)[:200]!r} at " + " < ".join(
            f"{Path(f.filename).name}:{f.lineno}" for f in reversed(place)
        )
    return {"verdict": verdict, "said": said, "seconds": round(time.perf_counter() - started, 2)}


def serve(reader: Reader, seed: int, work: Path) -> None:
    """Numbers of cases come in line by line; two lines go out for each."""
    out = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - native libraries print what they like
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    warnings.simplefilter("ignore")
    limit_memory()
    valid = valid_files(work / "valid")
    reader.warm()
    folder = work / "case"
    out.write("ready\n")
    for line in sys.stdin:
        number = int(line)
        make_case(reader, seed, number, valid, folder)
        peak_mb(reset=True)
        out.write(f"begin {number}\n")
        found = judge_case(reader, folder)
        out.write(json.dumps({"number": number, **found, "peak": round(peak_mb())}) + "\n")
