"""What the command line asks to be evaluated."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mssync.errors import InputError
from mssync.evaluation.items import read_items, read_table, unique_name
from mssync.evaluation.results import GENERATED


def touch(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_text("x")
    return folder


def test_one_video(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4", "real.mp4", "a.wav", "p.png")
    (item,) = read_items(tmp_path / "a.mp4", tmp_path / "real.mp4", tmp_path / "a.wav", "bin blue", tmp_path / "p.png")
    assert item.videos == {GENERATED: tmp_path / "a.mp4"}
    assert (item.name, item.reference, item.audio) == ("a", tmp_path / "real.mp4", tmp_path / "a.wav")
    assert (item.text, item.photo, item.problem) == ("bin blue", tmp_path / "p.png", "")


def test_folders_pair_by_name(tmp_path: Path) -> None:
    made = touch(tmp_path / "made", "a.mp4", "b.webm", ".hidden.mp4", "notes.txt")
    real = touch(tmp_path / "real", "a.mov", "c.mp4")
    texts = touch(tmp_path / "texts", "b.txt")
    (texts / "b.txt").write_text("bin\n blue  now\n")
    a, b = read_items(made, real, touch(tmp_path / "sound", "a.flac"), str(texts), touch(tmp_path / "faces", "b.png"))
    assert (a.name, a.reference, a.audio, a.text) == ("a", real / "a.mov", tmp_path / "sound" / "a.flac", "")
    assert (b.audio, b.text, b.photo) == (None, "bin blue now", tmp_path / "faces" / "b.png")
    assert not a.problem and "no partner named b" in b.problem


def test_one_reference_for_a_whole_folder(tmp_path: Path) -> None:
    made = touch(tmp_path / "made", "a.mp4", "b.mp4")
    touch(tmp_path, "real.mp4")
    assert [i.reference for i in read_items(made, tmp_path / "real.mp4")] == [tmp_path / "real.mp4"] * 2


def test_a_table_counts_paths_from_its_folder(tmp_path: Path) -> None:
    table = tmp_path / "pairs.csv"
    table.write_text(
        "Generated, reference,text,more\nx/a.mp4,r.mp4,bin blue,1\ny/a.mp4,,,\n,r.mp4,,\n", encoding="utf-8-sig"
    )
    first, second, third = read_items(table)
    assert (first.name, first.videos, first.reference, first.text) == (
        "a", {GENERATED: tmp_path / "x" / "a.mp4"}, tmp_path / "r.mp4", "bin blue",
    )  # fmt: skip
    assert (second.name, second.reference, second.photo) == ("a-2", None, None)
    assert third.videos == {GENERATED: tmp_path}, "a hole in the table is found when it is read as a video"
    with pytest.raises(InputError, match="leave out"):
        read_items(table, tmp_path / "r.mp4")


def test_what_cannot_be_meant(tmp_path: Path) -> None:
    touch(tmp_path / "two", "a.mp4", "a.mov")
    touch(tmp_path, "v.mp4")
    for wrong, says in (
        (tmp_path / "none.mp4", "no video"),
        (touch(tmp_path / "empty"), "no video in"),
        (tmp_path / "two", "same name"),
        (tmp_path / "none.csv", "does not exist"),
    ):
        with pytest.raises(InputError, match=says):
            read_items(wrong)
    with pytest.raises(InputError, match=r"gone\.mp4"):
        read_items(tmp_path / "v.mp4", tmp_path / "gone.mp4")
    table = tmp_path / "t.csv"
    for text, says in (("a,b\n1,2\n", "generated"), ("generated\n", "no line"), ("generated\n\xff\xfe", "UTF-8")):
        table.write_bytes(text.encode("latin-1"))
        with pytest.raises(InputError, match=says):
            read_table(table, ["generated"], ["generated"])


def test_a_text_that_is_no_file_is_the_text(tmp_path: Path) -> None:
    touch(tmp_path, "v.mp4")
    words = "hello " * 2000
    (item,) = read_items(tmp_path / "v.mp4", text=words)
    assert item.text == words


def test_names_stay_apart() -> None:
    seen: dict[str, int] = {}
    assert [unique_name(n, seen) for n in ("a", "a", "a-2", "a")] == ["a", "a-2", "a-2-2", "a-3"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with names are POSIX")
def test_a_pipe_named_like_a_table_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(InputError, match=r"pipe\.csv is not an ordinary file"):
        read_items(tmp_path / "pipe.csv")
