"""Videos of a folder and the names of their clips; one preprocessing at a time."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import pytest

from mssync.errors import InputError, OutputError
from mssync.training.data.videos import LOCK, exclusively, find_videos


def _touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def test_clips_are_called_as_their_videos(tmp_path: Path) -> None:
    _touch(tmp_path, "b/one.MP4", "b/two.v2.mov", "c.webm", ".hidden.mp4", ".dir/x.mp4")
    assert list(find_videos(tmp_path)) == ["b/one", "b/two.v2", "c"]
    assert find_videos(tmp_path / "c.webm") == {"c": tmp_path / "c.webm"}


def test_videos_that_differ_in_the_ending_only_keep_it(tmp_path: Path) -> None:
    _touch(tmp_path, "a.mp4", "a.mov", "d/A.mp4", "b.mp4")
    named = find_videos(tmp_path)
    assert set(named) == {"a.mp4", "a.mov", "d/A", "b"} and named["a.mov"].name == "a.mov"
    _touch(tmp_path, "B.mkv")  # on some systems b.npz and B.npz are one file
    assert {"b.mp4", "B.mkv"} <= set(find_videos(tmp_path))


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="such names cannot be there")
def test_names_are_clean_and_stay_apart(tmp_path: Path) -> None:
    _touch(tmp_path, "a\u202eb.mp4", "a\u2066b.mp4", "a\x1b[31m.mp4", os.fsdecode(b"\xff.mp4"), "t\tx.mp4")
    named = find_videos(tmp_path)
    assert len(named) == 5 and len(set(named.values())) == 5
    assert all(name.isprintable() and name.encode("utf-8") for name in named)
    assert {"a_[31m", "_", "t x"} <= set(named)


def test_what_is_left_out_is_named(tmp_path: Path) -> None:
    _touch(tmp_path, "a.mp4", "notes.txt", *(f"p{i:02}.jpg" for i in range(12)))
    with pytest.warns(UserWarning, match=r"notes\.txt, p00\.jpg.* and 3 more"):
        find_videos(tmp_path)


def test_no_video_is_a_sentence(tmp_path: Path) -> None:
    _touch(tmp_path, "a.txt")
    for path, says in ((tmp_path, "no video under"), (tmp_path / "x", "no video or folder"), (Path("a\0b"), "check")):
        with pytest.raises(InputError, match=says):
            find_videos(path)


def test_a_second_run_waits_for_the_first(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "mssync")
    order: list[str] = []
    inside, done = threading.Event(), threading.Event()

    def second() -> None:
        inside.wait()
        with exclusively(tmp_path):
            order.append("second")
        done.set()

    thread = threading.Thread(target=second)
    thread.start()
    with exclusively(tmp_path):
        inside.set()
        assert not done.wait(0.5)
        order.append("first")
    thread.join()
    assert order == ["first", "second"] and "waiting for its end" in caplog.text
    assert not (tmp_path / LOCK).exists()


def test_a_folder_that_cannot_be_locked_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be written"), exclusively(tmp_path / "none"):
        pass
