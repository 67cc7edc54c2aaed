"""A made-up evaluation, so that tables and pages can be tested without tracking anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mssync.evaluation.results.result import Result, assemble
from mssync.evaluation.results.systems import GENERATED, REAL, Row
from mssync.evaluation.scores.score import Score
from mssync.media.audio import save_wav
from mssync.media.video import VideoWriter

HASH = "ab" * 32


def film(path: Path, colour: tuple[int, int, int], *, frames: int = 20, size: tuple[int, int] = (64, 48)) -> Path:
    """A video of one colour, ``size`` wide and high, with a sound."""
    sound = path.with_suffix(".wav")
    save_wav(sound, 0.2 * np.sin(np.arange(frames * 640) * 0.2).astype(np.float32), 16_000, True)
    with VideoWriter(path, *size, sound=sound, force=True) as video:
        for _ in range(frames):
            video.write(np.full((size[1], size[0], 3), colour, np.uint8))
    return path


def row(name: str, system: str, path: Path, scores: list[Score], *, problem: str = "") -> Row:
    """One row with curves, phones and one sync matrix."""
    t = np.arange(50) / 25
    wave = np.sin(6 * t)
    lags = list(range(-15, 16))
    level = {"lags": lags, "cosine": [0.5 if lag == 0 else 0.1 for lag in lags], "best": 0, "confidence": 0.4}
    made: dict[str, Any] = {
        "seconds": 2.0,
        "scores": [s.as_dict() for s in scores],
        "curves": {
            "t": t.tolist(), "yaw": (5 * wave).tolist(), "pitch": wave.tolist(), "roll": (0 * t).tolist(),
            "lip_gap": np.abs(0.1 * wave).tolist(), "loudness": (20 + 20 * wave).tolist(),
            "speech": (t > 0.5).astype(float).tolist(),
        },
        "phones": [{"phone": "AA", "start": 0.6, "end": 0.9}],
        "sync": {"lips": {"0": level, "1": level}},
    }  # fmt: skip
    empty: dict[str, Any] = {"seconds": 0.0, "scores": [], "curves": {}, "phones": [], "sync": {}}
    return {
        "name": name, "kind": REAL if system == REAL else GENERATED, "system": system, "path": str(path),
        "audio": None, "sha256": HASH, "problem": problem, **(empty if problem else made),
    }  # fmt: skip


def scores(gap: float, confidence: float) -> list[Score]:
    """Three scores with numbers and one that was not run."""
    return [
        Score("sync.lips.level0.confidence", confidence, "", "real", 0.1, (confidence - 0.05, confidence + 0.05)),
        Score("silence.gap", gap, "iod", "low", 0.2),
        Score("head.yaw_std", 10 * gap, "deg", "real"),
        Score.not_run("sync.lse_c", "", "real", "The <b>weights</b> were not given."),
    ]


def result(rows: list[Row]) -> Result:
    """The rows put together."""
    return assemble(rows, [], "quick", {"seed": 0, "note": "a <i>b</i>"}, {"x.mp4": HASH})
