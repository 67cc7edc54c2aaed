"""Preprocessing and what lies in its folder already."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mssync.errors import OutputError
from mssync.motion.space import Motion
from mssync.training.preprocess import preprocess


def test_a_file_that_is_no_clip_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "talk.mp4").write_bytes(b"a video")
    (tmp_path / "space.npz").write_bytes(b"a space")
    out = tmp_path / "out"
    out.mkdir()
    motion = Motion(np.zeros((3, 1), np.float32), ("lip_gap",))
    before = motion.save(out / "talk.npz").read_bytes()
    with pytest.raises(OutputError, match=r"talk\.npz is not from preprocessing"):
        list(preprocess(tmp_path / "talk.mp4", out, tmp_path / "space.npz"))
    assert (out / "talk.npz").read_bytes() == before and [p.name for p in out.iterdir()] == ["talk.npz"]
