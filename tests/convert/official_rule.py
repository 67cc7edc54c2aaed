"""Pseudo-random weights and inputs by rule: what the authors' network was given when its answers were recorded.

``official_layout.json`` has the authors' arguments and the names and shapes of their state dicts; the ``.npz`` files
have what their network (HMo-audio e4d18e8, PyTorch 2.13, CPU) answered.
"""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
LAYOUT: dict[str, Any] = json.loads((HERE / "official_layout.json").read_text("utf-8"))


def unit(key: str, n: int) -> np.ndarray:
    """``n`` numbers of mean 0 and variance 1 from a name."""
    x = np.sin(12.9898 * (np.arange(n, dtype=np.float64) + 1) + zlib.crc32(key.encode()) % 10007) * 43758.5453
    return np.asarray((x - np.floor(x) - 0.5) * np.sqrt(12.0))


def weight(key: str, shape: list[int]) -> np.ndarray:
    """One entry of a state dict."""
    u = unit(key, int(np.prod(shape))).reshape(shape)
    if key.endswith("bias"):
        u = 0.05 * u
    elif len(shape) == 1:
        u = 1 + 0.1 * u
    else:
        u = u / np.sqrt(np.prod(shape[1:]))
    return np.asarray(0.1 * u if key.startswith("final_block") else u, np.float32)


def weights(case: str) -> dict[str, np.ndarray]:
    """The state dict of a case."""
    shapes = LAYOUT[case]["shapes"].items()
    return {name: weight(name, [int(n) for n in shape.split("x")]) for name, shape in shapes}


def inputs(frames: int, observed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """A pose ``(1, observed, 60)``, repeated, and features ``(1, 4 (observed + frames), 26)``."""
    rows = 4 * (observed + frames)
    features = (3.0 * unit("audio", rows * 26) - 8.0).reshape(1, rows, 26)
    pose = (0.3 * unit("pose", 60)).reshape(1, 1, 60).repeat(observed, 1)
    return pose.astype(np.float32), features.astype(np.float32)
