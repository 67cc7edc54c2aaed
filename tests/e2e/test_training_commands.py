"""The training commands' own words (the chain itself is tested in tests/training)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import Done

from mssync.models import load_model
from mssync.motion.spaces import load_mesh

Run = Callable[..., Done]


def test_preprocess_makes_clips_and_reports_what_it_cannot(mssync_cli: Run, spoken: Path, tmp_path: Path) -> None:
    videos = tmp_path / "videos"
    videos.mkdir()
    (videos / "good.mp4").write_bytes(spoken.read_bytes())
    (videos / "bad.mp4").write_text("not a video")
    done = mssync_cli("preprocess", videos, "-o", tmp_path / "clips")
    assert done.code == 2
    assert "Skipped: bad:" in done.err
    assert "1 of 2" in done.out
    assert (tmp_path / "clips" / "good.npz").is_file()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["preprocess", "nowhere", "-o", "clips"], "nowhere"),
        (["train", "space", "clips", "--list", "none.csv", "-o", "s.npz"], "none.csv"),
        (["train", "space", "clips", "--list", "none.csv", "-o", "s.txt"], "s.txt"),
        (
            ["train", "generator", "c", "--list", "l.csv", "--space", "s.npz", "--config", "none.yaml", "-o", "r"],
            "none.yaml",
        ),
        (["export", "norun", "-o", "model"], "norun"),
    ],
)
def test_missing_things_are_named(
    mssync_cli: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = mssync_cli(*words)
    assert done.code == 2
    assert done.err.count("\n") == 1 and says in done.err, done.err
    assert not list(tmp_path.iterdir())


def test_a_space_and_syncers_of_another_are_refused_before_the_work(
    mssync_cli: Run, spoken: Path, tmp_path: Path
) -> None:
    space = load_mesh(load_model().file("space.npz"))
    other = replace(space, template=space.template + np.float32(0.01))
    other.save(tmp_path / "space.npz")
    videos = tmp_path / "videos"
    videos.mkdir()
    (videos / "good.mp4").write_bytes(spoken.read_bytes())
    words = ("preprocess", videos, "--space", tmp_path / "space.npz", "-o", tmp_path / "clips")
    done = mssync_cli(*words)
    assert done.code == 2 and "trained in another motion space" in done.err and "--syncer none" in done.err
    assert done.err.count("\n") == 1 and not (tmp_path / "clips").exists()
    assert mssync_cli(*words, "--syncer", "none").code == 0
