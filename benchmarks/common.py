"""What the benchmarks share: demo photo and voice, facts of the machine, results as a table and as JSON."""

from __future__ import annotations

import json
import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import get_data_path
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

import mssync
from mssync.media.audio import load_sound
from mssync.media.image import load_image

RESULTS = Path("out") / "bench"


def demo_photo() -> NDArray[np.uint8]:
    """The demo face, cut to 512 x 512 pixels."""
    photo = load_image(Path(get_data_path()) / "sample_data" / "grace_hopper.jpg").rgb
    return np.ascontiguousarray(photo[:512, :512])


def demo_voice(seconds: float) -> NDArray[np.float32]:
    """The demo voice at 16 kHz, cut or repeated to a length."""
    voice = load_sound(Path(mssync.__file__).parent / "data" / "demo.flac")
    return np.resize(voice, round(16_000 * seconds))


def machine() -> dict[str, Any]:
    """Facts without which a number says nothing."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    packages = ("numpy", "onnxruntime", "opencv-python-headless", "ai-edge-litert", "av")
    return {
        "mssync": mssync.__version__,
        "system": platform.platform(),
        "processor": processor(),
        "cores": cores,
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in packages},
    }


def processor() -> str:
    """The processor's name, where the system tells it."""
    facts = Path("/proc/cpuinfo")
    if facts.exists():
        for line in facts.read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def show(title: str, rows: list[tuple[str, str]], results: dict[str, Any], name: str) -> None:
    """Print a table and write ``out/bench/<name>.json``."""
    table = Table("what", "value", title=title)
    for row in rows:
        table.add_row(*row)
    Console().print(table)
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps({"machine": machine(), **results}, indent=1) + "\n", "utf-8")
    print(f"written to {path}")
