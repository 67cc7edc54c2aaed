"""Preprocessing and what lies in its folder already."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mssync.errors import AssetError, InputError, OutputError
from mssync.models import load_model
from mssync.motion.space import Motion
from mssync.training.preprocess import preprocess

SPACE = load_model().file("space.npz")


def test_a_file_that_is_no_clip_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "talk.mp4").write_bytes(b"a video")
    out = tmp_path / "out"
    out.mkdir()
    motion = Motion(np.zeros((3, 1), np.float32), ("lip_gap",))
    before = motion.save(out / "talk.npz").read_bytes()
    with pytest.raises(OutputError, match=r"talk\.npz is not from preprocessing"):
        list(preprocess(tmp_path / "talk.mp4", out, SPACE))
    assert (out / "talk.npz").read_bytes() == before and [p.name for p in out.iterdir()] == ["talk.npz"]
    (out / "talk.npz").unlink()
    (out / "report.png").write_bytes(b"a picture of one's own")
    with pytest.raises(OutputError, match=r"report\.png is not from preprocessing"):
        list(preprocess(tmp_path / "talk.mp4", out, SPACE))


def test_what_cannot_be_done_is_said_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "talk.mp4").write_bytes(b"a video")
    (tmp_path / "bad.npz").write_bytes(b"no space")
    with pytest.raises(OutputError, match="is a file"):
        list(preprocess(tmp_path / "talk.mp4", tmp_path / "talk.mp4", SPACE))
    with pytest.raises(InputError, match=r"motion space .* does not exist"):
        list(preprocess(tmp_path / "talk.mp4", tmp_path / "out", tmp_path / "none.npz"))
    with pytest.raises(AssetError, match=r"bad\.npz"):
        list(preprocess(tmp_path / "talk.mp4", tmp_path / "out", tmp_path / "bad.npz"))
    (tmp_path / "TALK.mov").write_bytes(b"another video")
    with pytest.raises(InputError, match=r"TALK\.mov and .*talk\.mp4 would make one clip"):
        list(preprocess(tmp_path, tmp_path / "out", SPACE))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["TALK.mov", "bad.npz", "talk.mp4"]
