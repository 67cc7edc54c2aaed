"""Outputs are checked before the work, and the check leaves nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mssync.errors import OutputError
from mssync.files import ready_file
from mssync.media.targets import ready_video


def test_a_fresh_name_is_fine_and_stays_fresh(tmp_path: Path) -> None:
    assert ready_file(tmp_path / "a.npz", force=False) == tmp_path / "a.npz"
    assert ready_video(tmp_path / "a.mp4", force=False) == tmp_path / "a.mp4"
    assert ready_video(tmp_path / "frames", force=False, alpha=True) == tmp_path / "frames"
    assert list(tmp_path.iterdir()) == []


def test_an_existing_file_needs_force(tmp_path: Path) -> None:
    old = tmp_path / "a.mp4"
    old.write_text("mine")
    for check in (ready_file, ready_video):
        with pytest.raises(OutputError, match="--force"):
            check(old, force=False)
        assert check(old, force=True) == old
    assert old.read_text() == "mine"


@pytest.mark.parametrize("link", [False, True])
def test_an_input_is_no_output(tmp_path: Path, link: bool) -> None:
    source = tmp_path / "a.mp4"
    source.write_text("mine")
    target = source
    if link:
        target = tmp_path / "b.mp4"
        try:
            target.symlink_to(source)
        except OSError:
            pytest.skip("links are not allowed here")
    for check in (ready_file, ready_video):
        with pytest.raises(OutputError, match="input"):
            check(target, force=True, inputs=[tmp_path / "other.wav", source])


@pytest.mark.parametrize("name", ["no/a.mp4", "x" * 300 + ".mp4", "nul\0.mp4"])
def test_impossible_places(tmp_path: Path, name: str) -> None:
    for check in (ready_file, ready_video):
        with pytest.raises(OutputError):
            check(tmp_path / name, force=False)


def test_endings_and_transparency(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="ending"):
        ready_video(tmp_path / "a.avi", force=False)
    with pytest.raises(OutputError, match="transparency"):
        ready_video(tmp_path / "a.mp4", force=False, alpha=True)


@pytest.mark.skipif(os.name == "nt" or (hasattr(os, "geteuid") and os.geteuid() == 0), reason="root may write anywhere")
def test_a_closed_folder(tmp_path: Path) -> None:
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o500)
    with pytest.raises(OutputError, match="permission"):
        ready_file(folder / "a.npz", force=False)
