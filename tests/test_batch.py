"""Which photo speaks which voice."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mssync.batch import is_batch, read_pairs
from mssync.errors import InputError

OUT = Path("out")


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
    pairs = {p.out.name: p for p in read_pairs(photos, voices, OUT, ".mp4")}
    assert list(pairs) == ["alone.mp4", "anna.mp4", "ben.mp4", "eva.mp4", "solo.mp4"]
    assert (pairs["anna.mp4"].photo, pairs["anna.mp4"].speech) == (photos / "anna.jpg", voices / "anna.wav")
    assert not pairs["anna.mp4"].problem and not pairs["ben.mp4"].problem
    assert "solo.webp" in pairs["solo.mp4"].problem and "partner" in pairs["solo.mp4"].problem
    assert "alone.flac" in pairs["alone.mp4"].problem
    assert "eva.jpg and eva.png" in pairs["eva.mp4"].problem


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
    assert "outside" in first.problem
    assert not second.problem and second.out == OUT / "fine/c.mp4"


def test_csv_lines_with_holes(tmp_path: Path) -> None:
    table = tmp_path / "pairs.csv"
    table.write_text("photo,speech\na.png\n,b.wav\n\nc.png,d.wav,more,and more\n")
    pairs = read_pairs(table, None, OUT, ".mp4")
    assert ["Line 2" in pairs[0].problem, "Line 3" in pairs[1].problem, pairs[2].problem] == [True, True, ""]


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
