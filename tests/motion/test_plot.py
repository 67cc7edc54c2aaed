"""The plot is a picture with ink in it, written aside, for every kind of file and of motion."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mssync.errors import InputError, OutputError
from mssync.motion.mesh import MeshSpace
from mssync.motion.plot import plot_motion
from mssync.motion.space import Motion


@pytest.fixture(scope="module")
def motion(space: MeshSpace) -> Motion:
    t = np.arange(100)[:, None] / 25
    values = 0.1 * np.sin(t * np.linspace(1, 9, len(space.names)))
    return Motion(values.astype(np.float32), space.names, meta={"model": "default", "seed": "0"})


def tone(rate: int, seconds: float = 4.0) -> np.ndarray:
    t = np.arange(int(rate * seconds)) / rate
    return (0.3 * np.sin(2 * np.pi * 200 * t) * (t > 1)).astype(np.float32)


def test_a_png_with_sound_is_taller_and_not_empty(motion: Motion, tmp_path: Path) -> None:
    plain = Image.open(plot_motion(motion, tmp_path / "a.png"))
    heard = Image.open(plot_motion(motion, tmp_path / "b.png", tone(16000)))
    assert plain.width == heard.width >= 1200 and heard.height > plain.height >= 600
    assert np.asarray(plain.convert("L")).std() > 10
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.png", "b.png"]


def test_other_files(motion: Motion, tmp_path: Path) -> None:
    svg = plot_motion(motion, tmp_path / "a.svg", (tone(44100), 44100)).read_text("utf-8")
    assert "<svg" in svg and svg.rstrip().endswith("</svg>")
    assert plot_motion(motion, tmp_path / "a.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize("frames", [1, 2, 5000])
def test_short_long_and_still_motions(space: MeshSpace, tmp_path: Path, frames: int) -> None:
    still = Motion(np.zeros((frames, len(space.names)), np.float32), space.names)
    assert plot_motion(still, tmp_path / "a.png", np.zeros(frames * 640, np.float32)).stat().st_size > 10_000


def test_more_sound_than_motion_and_no_sound_at_all(motion: Motion, tmp_path: Path) -> None:
    for name, sound in (("a.png", tone(16000, 9.0)), ("b.png", np.zeros(0, np.float32))):
        assert plot_motion(motion, tmp_path / name, sound).stat().st_size > 10_000


def test_refusals(motion: Motion, tmp_path: Path) -> None:
    out = tmp_path / "a.png"
    out.write_bytes(b"mine")
    with pytest.raises(OutputError, match="exists already"):
        plot_motion(motion, out)
    assert out.read_bytes() == b"mine"
    assert plot_motion(motion, out, force=True).stat().st_size > 10_000
    with pytest.raises(OutputError, match=r"\.png or \.svg or \.pdf"):
        plot_motion(motion, tmp_path / "a.jpg")
    with pytest.raises(OutputError, match=r"create .* first"):
        plot_motion(motion, tmp_path / "none" / "a.png")
    with pytest.raises(InputError, match="no column 'rot_x'"):
        plot_motion(Motion(np.zeros((2, 1), np.float32), ("a",), space="landmarks"), tmp_path / "b.png")
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]


def test_nothing_is_drawn_through_pyplot() -> None:
    code = "import sys, mssync.motion.plot as p; print('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"  # matplotlib itself is loaded only when a plot is wanted
    source = Path(sys.modules["mssync.motion.plot"].__file__ or "").read_text("utf-8")
    assert "import pyplot" not in source and "matplotlib.pyplot" not in source
