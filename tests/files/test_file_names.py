"""Names of outputs: what is refused before any work, in one sentence that names it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from mssync.errors import OutputError
from mssync.files import check_run, checked_folder, checked_target, make_folder, ready_file, ready_folder

needs_links = pytest.mark.skipif(sys.platform == "win32", reason="links need rights of their own on Windows")


def nothing(folder: Path) -> bool:
    return False


def everything(folder: Path) -> bool:
    return True


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("no/o.npz", "create .*no first"),
        ("a/b/o.npz", "create .*b first"),
        ("", "is a folder|no file name"),
        (".", "is a folder|no file name"),
        ("o\0.npz", "no file name"),
        ("x" * 300 + ".npz", "cannot be written"),
        ("-", "standard output"),
        ("folder", "is a folder"),
        ("file/o.npz", "create .*file first"),
    ],
)
def test_a_name_that_cannot_be_is_refused_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OutputError, match=words):
        ready_file(name, force=True)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder"]


@pytest.mark.parametrize("name", ["file", "file/deeper", "o\0", "new/" + "x" * 300, "new/a\0/b"])
def test_a_folder_that_cannot_be_is_refused_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OutputError):
        ready_folder(name)
    with pytest.raises(OutputError):
        make_folder(name)
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_folder_is_made_with_those_above_it(tmp_path: Path) -> None:
    assert ready_folder(tmp_path / "a" / "b") == tmp_path / "a" / "b"
    assert list(tmp_path.iterdir()) == [], "asking makes nothing"
    assert make_folder(tmp_path / "a" / "b").is_dir()
    assert make_folder(tmp_path / "a" / "b").is_dir()


def test_an_input_is_never_the_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    voice = tmp_path / "voice.wav"
    voice.write_text("a voice")
    for name in ("voice.wav", "./voice.wav", "../" + tmp_path.name + "/voice.wav", str(voice)):
        with pytest.raises(OutputError, match="is an input too"):
            ready_file(name, force=True, inputs=["photo.png", voice])
    os.link(voice, tmp_path / "same.wav")
    with pytest.raises(OutputError, match="is an input too"):
        ready_file("same.wav", force=True, inputs=[voice])


def test_an_output_that_a_later_step_reads_is_refused_though_nothing_is_there_yet(tmp_path: Path) -> None:
    for name in ("talk.mp4", "TALK.mp4"):
        with pytest.raises(OutputError, match="is an input too"):
            check_run([tmp_path / "a.mp4", tmp_path / name], [tmp_path / "talk.mp4"])
    with pytest.raises(OutputError, match="is an input too"):  # two ways to write one letter
        check_run([tmp_path / "e\u0301.mp4"], [tmp_path / "\u00e9.mp4"])
    with pytest.raises(OutputError, match="holds an input"):
        check_run([tmp_path / "frames"], [tmp_path / "frames" / "audio.wav"])
    check_run([tmp_path / "a.mp4"], [tmp_path / "b.mp4"])


def test_two_outputs_are_two_files(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="written twice"):
        check_run([tmp_path / "a.json", tmp_path / "x" / ".." / "A.json"])
    with pytest.raises(OutputError, match="would lie in the output"):
        check_run([tmp_path / "frames" / "m.npz", tmp_path / "frames"])
    check_run([tmp_path / "a.json", tmp_path / "b.json"])


@needs_links
def test_links_among_inputs_and_outputs_are_followed(tmp_path: Path) -> None:
    (tmp_path / "voice.wav").write_text("a voice")
    (tmp_path / "link.wav").symlink_to("voice.wav")
    for output, source in (("link.wav", "voice.wav"), ("voice.wav", "link.wav")):
        with pytest.raises(OutputError, match="is an input too"):
            checked_target(tmp_path / output, force=True, inputs=[tmp_path / source])


@needs_links
def test_what_is_no_ordinary_file_stays(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.npz")
    (tmp_path / "link.npz").symlink_to("nowhere.npz")
    (tmp_path / "loop.npz").symlink_to("loop.npz")
    for name, words in (("pipe", "not an ordinary file"), ("link", "leads nowhere"), ("loop", "leads nowhere")):
        with pytest.raises(OutputError, match=f"{name}.npz .*{words}"):
            ready_file(tmp_path / f"{name}.npz", force=True)
    with pytest.raises(OutputError, match="not an ordinary file"):
        ready_file("/dev/null", force=True)


def test_a_folder_is_replaced_only_if_it_is_ours(tmp_path: Path) -> None:
    full = tmp_path / "full"
    full.mkdir()
    assert checked_folder(full, force=False, ours=nothing) == full, "an empty one is as good as none"
    (full / "x").touch()
    with pytest.raises(OutputError, match="is not empty; use --force"):
        checked_folder(full, force=False, ours=everything)
    with pytest.raises(OutputError, match="holds other files too"):
        checked_folder(full, force=True, ours=nothing)
    assert checked_folder(full, force=True, ours=everything) == full
    with pytest.raises(OutputError, match="holds an input"):
        checked_folder(full, force=True, ours=everything, inputs=[full / "x"])
    with pytest.raises(OutputError, match="is a file"):
        checked_folder(full / "x", force=True, ours=everything)
