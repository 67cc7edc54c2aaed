"""What the command line asks to be evaluated."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mssync.errors import InputError
from mssync.evaluation.results.systems import GENERATED
from mssync.evaluation.run.items import read_items, read_table, unique_name


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
    made = touch(tmp_path / "made", "a.mp4", "b.webm", ".hidden.mp4")
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
    assert third.name == "line 4" and "Line 4 of" in third.problem and "lacks its generated" in third.problem
    with pytest.raises(InputError, match="leave out"):
        read_items(table, tmp_path / "r.mp4")


def test_what_cannot_be_meant(tmp_path: Path) -> None:
    touch(tmp_path / "two", "a.mp4", "a.mov")
    touch(tmp_path, "v.mp4")
    for wrong, says in (
        (tmp_path / "none.mp4", "does not exist"),
        (tmp_path / ("n" * 300 + ".mp4"), "cannot be read"),
        (tmp_path / ("n" * 300 + ".csv"), "cannot be read"),
        (touch(tmp_path / "empty"), "no video in"),
        (tmp_path / "two", "same name"),
        (tmp_path / "none.csv", "does not exist"),
    ):
        with pytest.raises(InputError, match=says):
            read_items(wrong)
    with pytest.raises(InputError, match=r"gone\.mp4"):
        read_items(tmp_path / "v.mp4", tmp_path / "gone.mp4")
    table = tmp_path / "t.csv"
    for text, says in (("a,b\n1,2\n", "generated"), ("generated\n", "no line"), ("", "empty")):
        table.write_text(text)
        with pytest.raises(InputError, match=says):
            read_table(table, ("generated",), ["generated"])


def test_lists_as_spreadsheets_of_every_country_save_them(tmp_path: Path) -> None:
    for number, data in enumerate((
        "generated;reference\nm\u00fc.mp4;r.mp4\n".encode("cp1252"),
        "\ufeffgenerated\treference\r\nm\u00fc.mp4\tr.mp4\r\n".encode("utf-16-le"),
        "sep=;\ngenerated;reference\nm\u00fc.mp4;r.mp4\n".encode(),
    )):  # fmt: skip
        table = tmp_path / f"{number}.csv"
        table.write_bytes(data)
        (item,) = read_items(table)
        assert (item.videos, item.reference) == ({GENERATED: tmp_path / "m\u00fc.mp4"}, tmp_path / "r.mp4")


def test_one_bad_line_is_the_problem_of_that_line(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("bin  blue\n", "utf-16")
    table = tmp_path / "t.csv"
    table.write_text("generated,text\na.mp4,words.txt\nb.mp4,gone.txt\nc\0.mp4,\nd.mp4,lay red\n")
    a, b, c, d = read_items(table)
    assert (a.text, a.problem, d.text, d.problem) == ("bin blue", "", "lay red", "")
    assert "gone.txt does not exist" in b.problem and "Line 4" in c.problem


def test_what_is_left_out_of_a_folder_is_named(tmp_path: Path) -> None:
    made = touch(tmp_path / "made", "a.mp4", "notes.docx", ".hidden")
    with pytest.warns(UserWarning, match=r"Left out of .*made: notes\.docx \(no videos\)"):
        read_items(made)


def test_a_text_file_that_is_not_there_is_no_text(tmp_path: Path) -> None:
    touch(tmp_path, "v.mp4")
    with pytest.raises(InputError, match=r"no text file .*gone\.txt"):
        read_items(tmp_path / "v.mp4", text=str(tmp_path / "gone.txt"))


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
