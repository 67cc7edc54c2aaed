"""Which photo speaks which voice."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mssync.batch.pairs import Folders, Pair, is_batch
from mssync.batch.pairs import read_pairs as pairs_in
from mssync.errors import InputError

OUT = Path("out")


def read_pairs(photo: Path, speech: Path | None, out: Path, ending: str, takes: int = 1) -> list[Pair]:
    return pairs_in(photo, speech, Folders(out, ending=ending), takes)


def touch(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()
    return folder


def test_what_counts_as_many(tmp_path: Path) -> None:
    folder = touch(tmp_path / "f", "a.png")
    assert is_batch(folder, None) and is_batch(Path("x.CSV"), None) and is_batch(Path("a.png"), folder)
    assert not is_batch(Path("a.png"), Path("b.wav"))


def test_two_folders_pair_by_name(tmp_path: Path) -> None:
    photos = touch(tmp_path / "p", "anna.jpg", "ben.PNG", "eva.jpg", "eva.png", "solo.webp", ".hidden.jpg", "x.txt")
    voices = touch(tmp_path / "v", "anna.wav", "ben.mp3", "eva.ogg", "alone.flac")
    with pytest.warns(UserWarning, match="x.txt"):
        pairs = {p.out.name: p for p in read_pairs(photos, voices, OUT, ".mp4")}
    assert list(pairs) == ["alone.mp4", "anna.mp4", "ben.mp4", "eva.mp4", "solo.mp4"]
    assert (pairs["anna.mp4"].photo, pairs["anna.mp4"].speech) == (photos / "anna.jpg", voices / "anna.wav")
    assert not pairs["anna.mp4"].problem and not pairs["ben.mp4"].problem
    assert "solo.webp" in pairs["solo.mp4"].problem and "partner" in pairs["solo.mp4"].problem
    assert "alone.flac" in pairs["alone.mp4"].problem
    assert "eva.jpg and eva.png" in pairs["eva.mp4"].problem


def test_what_is_left_out_of_a_folder_is_named(tmp_path: Path) -> None:
    names = ["a.jfif", "b.JPG", "c.heic", "d.txt", "noending", ".hidden"]
    photos, voices = touch(tmp_path / "p", *names), touch(tmp_path / "v", "a.mka", "b.spx", "c.ac3", "d.caf")
    (photos / "inner.jpg").mkdir()
    with pytest.warns(UserWarning, match="Left out of") as notes:
        pairs = read_pairs(photos, Path("v.wav"), OUT, ".mp4")
    assert [p.photo.name for p in pairs] == ["a.jfif", "b.JPG"]
    odd = "of an unknown kind"
    assert str(notes[0].message).endswith(f": c.heic ({odd}), d.txt ({odd}), inner.jpg (a folder), noending ({odd}).")
    assert len(read_pairs(Path("me.png"), voices, OUT, ".mp4")) == 4  # and no note, or it would be an error
    both = touch(tmp_path / "both", "a.jpg", "a.wav", "x.doc")
    with pytest.warns(UserWarning) as notes:
        (pair,) = read_pairs(both, both, OUT, ".mp4")
    assert not pair.problem and all(str(n.message).endswith(": x.doc (of an unknown kind).") for n in notes)


def test_files_without_a_telling_name_are_known_by_their_content(tmp_path: Path) -> None:
    folder = touch(tmp_path / "p", "a.png")
    (folder / "b.dat").write_bytes(b"\xff\xd8\xff\xe0 and the rest of a JPEG")
    (folder / "c").write_bytes(b"fLaC and the rest of a FLAC")
    (folder / "d.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    with pytest.warns(UserWarning) as notes:
        assert [p.photo.name for p in read_pairs(folder, Path("v.wav"), OUT, ".mp4")] == ["a.png", "b.dat"]
        assert [p.speech.name for p in read_pairs(Path("p.png"), folder, OUT, ".mp4")] == ["c"]
    first, second = (str(note.message) for note in notes)
    assert first.endswith("c (a FLAC sound), d.heic (an HEIC/HEIF picture).")
    assert "a.png (of an unknown kind), b.dat (a JPEG picture), d.heic" in second


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_in_a_folder_is_left_out(tmp_path: Path) -> None:
    os.mkfifo(touch(tmp_path / "p", "a.jpg") / "pipe.jpg")
    with pytest.warns(UserWarning, match="pipe.jpg \\(not an ordinary file\\)"):
        assert len(read_pairs(tmp_path / "p", Path("v.wav"), OUT, ".mp4")) == 1


def test_motions_and_curves_are_named_after_the_videos(tmp_path: Path) -> None:
    table = tmp_path / "pairs.csv"
    table.write_text("photo,speech,out\na.png,b.wav,sub/x.mp4\na.png,b.wav,sub/x.webm\na.png,b.wav,y.1.mp4\n")
    first, second, third = pairs_in(table, None, Folders(OUT, Path("m"), Path("c")))
    assert first.outputs == (OUT / "sub/x.mp4", Path("m/sub/x.npz"), Path("c/sub/x.csv"))
    assert "a second time" in second.problem and "x.npz" in second.problem
    assert third.outputs == (OUT / "y.1.mp4", Path("m/y.1.npz"), Path("c/y.1.csv"))


def test_lists_made_on_windows(tmp_path: Path) -> None:
    touch(tmp_path / "photos", "a.png")
    table = tmp_path / "pairs.tsv"
    table.write_text("photo\tspeech\tout\nphotos\\a.png\tv.wav\tvideos\\a\n")
    (pair,) = read_pairs(table, None, OUT, ".mp4")
    assert (pair.photo, pair.out, pair.problem) == (tmp_path / "photos" / "a.png", OUT / "videos" / "a.mp4", "")


def test_a_list_may_not_be_endless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pairs.csv").write_text("photo,speech\n" + "a.png,b.wav\n" * 40)
    monkeypatch.setattr("mssync.batch.pairs.MAX_PAIRS", 39)
    with pytest.raises(InputError, match="over 39 lines"):
        read_pairs(tmp_path / "pairs.csv", None, OUT, ".mp4")
    monkeypatch.setattr("mssync.lists.MAX_BYTES", 400)
    with pytest.raises(InputError, match="cut it into several files"):
        read_pairs(tmp_path / "pairs.csv", None, OUT, ".mp4")
    (tmp_path / "pairs.csv").write_text("photo,speech\n" + "a" * 200_000 + ",b.wav\n")
    monkeypatch.undo()
    with pytest.raises(InputError, match="Line 2"):
        read_pairs(tmp_path / "pairs.csv", None, OUT, ".mp4")


def test_folders_without_a_name_in_common(tmp_path: Path) -> None:
    photos, voices = touch(tmp_path / "p", "a.jpg", "b.jpg"), touch(tmp_path / "v", "c.wav")
    with pytest.raises(InputError, match="name them alike"):
        read_pairs(photos, voices, OUT, ".mp4")


def test_a_workbook_is_told_how_to_become_a_list(tmp_path: Path) -> None:
    (tmp_path / "pairs.xlsx").write_bytes(b"PK\x03\x04 and the rest of a workbook")
    assert is_batch(tmp_path / "pairs.xlsx", None)
    with pytest.raises(InputError, match="save it as CSV"):
        read_pairs(tmp_path / "pairs.xlsx", None, OUT, ".mp4")


def test_a_folder_and_a_file(tmp_path: Path) -> None:
    photos, voices = touch(tmp_path / "p", "a.jpg", "b.png"), touch(tmp_path / "v", "x.wav", "y.mp4")
    voice, photo = Path("hello.wav"), Path("me.jpg")
    assert [(p.photo.name, p.speech, p.out) for p in read_pairs(photos, voice, OUT, "")] == [
        ("a.jpg", voice, OUT / "a"),
        ("b.png", voice, OUT / "b"),
    ]
    assert [(p.photo, p.speech.name, p.out) for p in read_pairs(photo, voices, OUT, ".mp4")] == [
        (photo, "x.wav", OUT / "x.mp4"),
        (photo, "y.mp4", OUT / "y.mp4"),
    ]
    for empty in (touch(tmp_path / "e"), tmp_path / "none"):
        with pytest.raises(InputError):
            read_pairs(empty, voice, OUT, ".mp4") if empty.is_dir() else read_pairs(empty, None, OUT, ".mp4")


def test_two_that_would_be_one_file(tmp_path: Path) -> None:
    photos = touch(tmp_path / "p", "a.jpg", "a.png")
    first, second = read_pairs(photos, Path("hello.wav"), OUT, ".mp4")
    assert not first.problem
    assert "second time" in second.problem


def test_csv_paths_count_from_its_folder(tmp_path: Path) -> None:
    table = tmp_path / "pairs.csv"
    table.write_bytes("\ufeffSpeech, Photo ,note\nhällo.wav,sub/me.jpg,x\n/abs/v.wav,b.png,\n".encode())
    first, second = read_pairs(table, None, OUT, ".mp4")
    assert (first.photo, first.speech, first.out) == (
        tmp_path / "sub/me.jpg", tmp_path / "hällo.wav", OUT / "me.mp4",
    )  # fmt: skip
    assert second.speech == Path("/abs/v.wav")
    with pytest.raises(InputError, match="leave out"):
        read_pairs(table, Path("v.wav"), OUT, ".mp4")


@pytest.mark.parametrize("name", ["../x.mp4", "/etc/x.mp4", "a/../../x.mp4", "C:\\x.mp4", "..\\x.mp4", "C:x.mp4"])
def test_csv_outputs_stay_in_their_folder(tmp_path: Path, name: str) -> None:
    table = tmp_path / "pairs.csv"
    table.write_text(f"photo,speech,out\na.png,b.wav,{name}\nc.png,d.wav,fine/c.mp4\n")
    first, second = read_pairs(table, None, OUT, ".mp4")
    assert "leads out" in first.problem
    assert not second.problem and second.out == OUT / "fine/c.mp4"


def test_csv_lines_with_holes(tmp_path: Path) -> None:
    table = tmp_path / "pairs.csv"
    table.write_text("photo,speech\na.png\n,b.wav\n\nc.png,d.wav,more,and more\n")
    pairs = read_pairs(table, None, OUT, ".mp4")
    assert ["Line 2" in pairs[0].problem, "Line 3" in pairs[1].problem, pairs[2].problem] == [True, True, ""]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "cp1252"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    "lines",
    [
        "photo;speech;out|jürg.png;a b.wav;x/j.mp4",
        "photo\tspeech\tout|jürg.png\ta b.wav\tx/j.mp4",
        'sep=;|Photo;"SPEECH" ;note;out|"jürg.png"; a b.wav ;"a;b";x/j.mp4|;;;',
        "|;;|photo , speech,out||jürg.png,a b.wav,x/j.mp4|",
    ],
)
def test_lists_as_spreadsheets_of_all_countries_save_them(tmp_path: Path, encoding: str, end: str, lines: str) -> None:
    table = tmp_path / "pairs.csv"
    table.write_bytes(lines.replace("|", end).encode(encoding))
    (pair,) = read_pairs(table, None, OUT, ".mp4")
    assert (pair.photo, pair.speech, pair.out, pair.problem) == (
        tmp_path / "jürg.png", tmp_path / "a b.wav", OUT / "x/j.mp4", "",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"bild;ton\na.png;b.wav\n", "'bild;ton'"),
        (b" ", "is empty; begin"),
        (b"PK\x03\x04 and the rest of a workbook", "save it as CSV"),
        (b"photo,speech\n", "no pair"),
        (b'photo,speech\n"a.png,b.wav\nc.png,d.wav\n', "Line 3"),
    ],
)
def test_what_is_wrong_with_a_list_is_said(tmp_path: Path, content: bytes, words: str) -> None:
    table = tmp_path / "pairs.csv"
    table.write_bytes(content)
    with pytest.raises(InputError, match=re.escape(words)):
        read_pairs(table, None, OUT, ".mp4")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_no_list(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pairs.csv")
    with pytest.raises(InputError, match="not an ordinary file"):
        read_pairs(tmp_path / "pairs.csv", None, OUT, ".mp4")


def test_an_out_without_ending_gets_one(tmp_path: Path) -> None:
    table = tmp_path / "pairs.csv"
    table.write_text("photo,speech,out\na.png,b.wav,clip1\na.png,b.wav,clip2.webm\n")
    assert [p.out.name for p in read_pairs(table, None, OUT, ".mp4")] == ["clip1.mp4", "clip2.webm"]
    assert [p.out.name for p in read_pairs(table, None, OUT, "")] == ["clip1", "clip2.webm"]


@pytest.mark.parametrize(
    ("out", "takes", "safe"),
    [
        ("voice.mp4", 1, False),
        ("sub/VOICE.mp4", 1, False),  # a link to the folder itself
        ("voice", 1, False),
        ("pairs.csv", 1, False),
        ("take.mp4", 1, True),
        ("take.mp4", 2, False),
        ("deep", 1, False),
        ("other.mp4", 2, True),
    ],
)
def test_a_video_never_replaces_what_another_line_reads(tmp_path: Path, out: str, takes: int, safe: bool) -> None:
    touch(tmp_path, "voice.mp4", "take-2.mp4")
    (tmp_path / "sub").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "deep").mkdir()
    table = tmp_path / "pairs.csv"
    table.write_text(
        f"photo,speech,out\na.png,b.wav,{out}\nc.png,voice.mp4,c.mp4\nd.png,take-2.mp4,d.mp4\ne.png,deep/e.wav,e.mp4\n"
    )
    ending = "" if out == "deep" else ".mp4"
    first, *others = read_pairs(table, None, tmp_path, ending, takes)
    assert [bool(p.problem) for p in (first, *others)] == [not safe, False, False, False]
    assert safe or "would replace a file" in first.problem


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=300) | st.text(max_size=200).map(lambda t: ("photo,speech,out\n" + t).encode()))
def test_any_bytes_are_pairs_or_one_sentence(tmp_path: Path, content: bytes) -> None:
    table = tmp_path / "pairs.csv"
    table.write_bytes(content)
    try:
        pairs = read_pairs(table, None, OUT, ".mp4")
    except InputError:
        return
    assert all(".." not in pair.out.parts and not pair.out.is_absolute() for pair in pairs)
