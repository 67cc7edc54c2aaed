"""Written atomic, then renamed: whatever happens, a target is absent, the old one, or the complete new one."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mssync.errors import InputError, OutputError
from mssync.files import atomic, replacing, replacing_folder, scratch_folder, written_aside

posix = pytest.mark.skipif(sys.platform == "win32", reason="links and signals as on Linux and macOS")
OLD, NEW = "old" * 1000, "new" * 100_000


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def ours(folder: Path) -> bool:
    return set(names(folder)) <= {"a.txt", "b.txt"}


def test_a_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    out = tmp_path / "o.txt"
    with replacing(out, force=False) as part:
        part.write_text(NEW)
        assert part.parent == tmp_path and part.name.startswith(".o.txt.") and not out.exists()
    assert out.read_text() == NEW and names(tmp_path) == ["o.txt"]
    with pytest.raises(OutputError, match="exists already"), replacing(out, force=False):
        pytest.fail("nothing is begun")
    with replacing(out, force=True) as part:
        part.write_text(OLD)
    assert out.read_text() == OLD and names(tmp_path) == ["o.txt"]


@pytest.mark.parametrize("error", [InputError("no"), OSError(28, "full"), KeyboardInterrupt(), SystemExit(143)])
def test_an_error_leaves_the_old_file_and_no_trace(tmp_path: Path, error: BaseException) -> None:
    out = tmp_path / "o.txt"
    out.write_text(OLD)
    with pytest.raises((type(error), OutputError)), replacing(out, force=True) as part:
        part.write_text(NEW[:100])
        raise error
    with pytest.raises((type(error), OutputError)), replacing_folder(tmp_path / "f", force=False, ours=ours) as part:
        (part / "a.txt").write_text(NEW)
        raise error
    assert out.read_text() == OLD and names(tmp_path) == ["o.txt"]


def test_a_name_taken_meanwhile_is_not_written_over(tmp_path: Path) -> None:
    out = tmp_path / "o.txt"
    with pytest.raises(OutputError, match="exists already"), replacing(out, force=False) as part:
        part.write_text(NEW)
        out.write_text("somebody was quicker")
    assert out.read_text() == "somebody was quicker" and names(tmp_path) == ["o.txt"]


def test_the_ending_is_kept_for_libraries_that_look_at_it(tmp_path: Path) -> None:
    with written_aside(tmp_path / "o.PNG", (".png", ".svg"), "A plot", force=False) as part:
        assert part.suffix == ".png"
    other = written_aside(tmp_path / "o.txt", (".png", ".svg"), "A plot", force=False)
    with pytest.raises(OutputError, match=r"A plot ends in \.png or \.svg"), other:
        pytest.fail("nothing is begun")
    assert names(tmp_path) == ["o.PNG"]


@pytest.mark.parametrize("name", ["x" * 250 + ".txt", "\U0001f600" * 60, "a b'\"$.txt", "\u4e2d\u6587.txt"])
def test_long_and_odd_names(tmp_path: Path, name: str) -> None:
    try:
        (tmp_path / name).touch()
        (tmp_path / name).unlink()
    except OSError:
        pytest.skip("this system has no such names")
    with replacing(tmp_path / name, force=False) as part:
        part.write_text(NEW)
    assert names(tmp_path) == [name]


def test_threads_that_write_one_name_leave_a_whole_file_at_every_moment(tmp_path: Path) -> None:
    out = tmp_path / "o.txt"
    out.write_text("0" * 50_000)

    def write(letter: str) -> None:
        for _ in range(25):
            with replacing(out, force=True) as part, part.open("w") as file:
                for _ in range(50):
                    file.write(letter * 1000)

    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(write, letter) for letter in "abcd"]
        while not all(job.done() for job in jobs):
            text = out.read_text()
            assert text == text[0] * 50_000
        for job in jobs:
            job.result()
    assert names(tmp_path) == ["o.txt"]


@posix
def test_a_link_stays_and_what_it_leads_to_is_written(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    real, link = tmp_path / "far" / "real.txt", tmp_path / "link.txt"
    real.write_text(OLD)
    link.symlink_to("far/real.txt")
    with replacing(link, force=True) as part:
        assert part.parent == real.parent
        part.write_text(NEW)
    assert link.is_symlink() and real.read_text() == NEW and names(real.parent) == ["real.txt"]
    (tmp_path / "frames").symlink_to("far", target_is_directory=True)
    with replacing_folder(tmp_path / "frames", force=True, ours=lambda _: True) as part:
        (part / "a.txt").write_text(NEW)
    assert (tmp_path / "frames").is_symlink() and names(tmp_path / "far") == ["a.txt"]


@posix
def test_a_link_under_the_temporary_name_is_not_written_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(atomic.secrets, "token_hex", lambda _: "0" * 8)
    (tmp_path / "victim").write_text("mine")
    with replacing(tmp_path / "o.txt", force=False) as part:
        name = part.name
    (tmp_path / name).symlink_to("victim")
    with pytest.raises(OutputError), replacing(tmp_path / "o.txt", force=True) as part:
        part.write_text(NEW)
    assert (tmp_path / "victim").read_text() == "mine"


@pytest.mark.parametrize("in_one_step", [True, False])
def test_a_folder_is_replaced_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_one_step: bool) -> None:
    if not in_one_step:
        monkeypatch.setattr(atomic, "_exchange", lambda *_: False)
    out = tmp_path / "f"
    for text, kept in ((OLD, "a.txt"), (NEW, "b.txt")):
        with replacing_folder(out, force=True, ours=ours) as part:
            (part / kept).write_text(text)
        assert names(out) == [kept] and (out / kept).read_text() == text and names(tmp_path) == ["f"]
    (out / "letter").write_text("mine")
    with pytest.raises(OutputError, match="holds other files"), replacing_folder(out, force=True, ours=ours):
        pytest.fail("nothing is begun")
    assert names(out) == ["b.txt", "letter"]


def test_a_folder_moved_away_by_a_run_that_died_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(atomic, "_exchange", lambda *_: False)
    out = tmp_path / "f"
    with replacing_folder(out, force=True, ours=ours) as part:
        (part / "a.txt").write_text(OLD)
        stem = part.name.removesuffix(".part")
    out.rename(tmp_path / f"{stem}.old")
    (tmp_path / f"{stem}.part").mkdir()
    (tmp_path / f"{stem}.lock").touch()
    with pytest.raises(OutputError, match="is not empty"), replacing_folder(out, force=False, ours=ours):
        pytest.fail("the old one is there again")
    assert names(tmp_path) == ["f"] and (out / "a.txt").read_text() == OLD


def test_a_disk_without_locks_and_links_serves_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object) -> bool:
        raise OSError(errno.ENOTSUP, "not supported")

    left = [f"{atomic._beginning(tmp_path / 'o')}01234567.{ending}" for ending in ("part", "lock")]
    for name in left:
        (tmp_path / name).touch()
    monkeypatch.setattr(atomic, "try_lock", none)
    monkeypatch.setattr(atomic.os, "link", none)
    monkeypatch.setattr(atomic, "_exchange", lambda *_: False)
    with replacing(tmp_path / "o", force=False) as part:
        part.write_text(NEW)
    for text in (OLD, NEW):
        with replacing_folder(tmp_path / "f", force=True, ours=ours) as part:
            (part / "a.txt").write_text(text)
    assert (tmp_path / "o").read_text() == NEW == (tmp_path / "f" / "a.txt").read_text()
    assert names(tmp_path) == sorted(["f", "o", *left]), "whose they are cannot be told, so they stay"


# ---- runs that are killed -------------------------------------------------------------------------------------------

CHILD = """
import sys
from pathlib import Path
from mssync.files import atomic, replacing, replacing_folder, scratch_folder
out, kind = Path(sys.argv[1]), sys.argv[2]
def stop(words):
    print(words, flush=True)
    sys.stdin.read()
if kind == "file":
    with replacing(out, force=True) as part:
        part.write_text("half")
        stop("writing")
elif kind == "scratch":
    with scratch_folder(out) as part:
        (part / "a.txt").write_text("half")
        stop("writing")
else:
    with replacing_folder(out, force=True, ours=lambda _: True) as part:
        (part / "a.txt").write_text("half")
        stop("writing")
"""


def start(out: Path, kind: str) -> subprocess.Popen[str]:
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(out), kind], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None and child.stdout.readline() == "writing\n"
    return child


def write(out: Path, kind: str) -> None:
    if kind == "file":
        with replacing(out, force=True) as part:
            part.write_text(NEW)
    else:
        with replacing_folder(out, force=True, ours=lambda _: True) as part:
            (part / "a.txt").write_text(NEW)


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_a_killed_run_left_goes_and_what_is_being_written_stays(tmp_path: Path, kind: str) -> None:
    out = tmp_path / "o"
    dead, living = start(out, kind), start(out, kind)
    try:
        dead.kill()
        dead.wait()
        assert len(names(tmp_path)) == 4, "two of each"
        write(out, kind)
        left = names(tmp_path)
        assert len(left) == 3 and "o" in left, "what the living one writes is still there"
        living.communicate(timeout=60)  # it goes on and ends well
        assert living.returncode == 0
    finally:
        for child in (dead, living):
            child.kill()
            child.communicate()
    assert names(tmp_path) == ["o"]
    assert (out if kind == "file" else out / "a.txt").read_text() == "half"


def test_a_scratch_folder_goes_even_after_a_kill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))
    child = start(tmp_path, "scratch")
    child.kill()
    child.communicate()
    assert len(names(tmp_path)) == 2
    with pytest.raises(InputError), scratch_folder() as one, scratch_folder(tmp_path) as other:
        (one / "big.wav").touch()
        assert one != other and {one, other} == {p for p in tmp_path.iterdir() if p.is_dir()}
        if sys.platform != "win32":
            assert one.stat().st_mode & 0o077 == 0, "a voice is nobody else's business"
        raise InputError("no")
    assert names(tmp_path) == []
    with pytest.raises(OutputError), scratch_folder(tmp_path / "none"):
        pytest.fail("there is no such folder")


def test_what_another_computer_or_another_name_left_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = []
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(atomic, "_host", lambda: "abcdef")
        child_names = atomic._beginning(tmp_path / "o")
    for name in (f"{child_names}01234567", f".other.{atomic._host()}.01234567", ".o.mine"):
        for ending in (".part", ".lock"):
            (tmp_path / (name + ending)).write_text("not ours")
            kept.append(name + ending)
    (tmp_path / f".o.{atomic._host()}.01234567.part").write_text("no lock: not known to be left behind")
    kept.append(f".o.{atomic._host()}.01234567.part")
    write(tmp_path / "o", "file")
    assert names(tmp_path) == sorted([*kept, "o"])


LOOP = """
import sys
from pathlib import Path
from mssync.files import atomic, replacing, replacing_folder
file, folder = Path(sys.argv[1]) / "o", Path(sys.argv[1]) / "f"
print("begun", flush=True)
number = 0
while True:
    number += 1
    with replacing(file, force=True) as part, part.open("w") as out:
        for _ in range(20):
            out.write(f"{number:08d}" * 100)
            out.flush()
    with replacing_folder(folder, force=True, ours=lambda _: True) as part:
        for name in "ab":
            (part / name).write_text(f"{number:08d}" * 100)
"""


@posix
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP] if os.name == "posix" else [])
def test_killed_at_any_moment(tmp_path: Path, how: signal.Signals) -> None:
    for moment in range(6):
        child = subprocess.Popen([sys.executable, "-c", LOOP, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None and child.stdout.readline() == "begun\n"
        time.sleep(0.02 + 0.013 * moment)
        child.send_signal(how)
        child.communicate()
        if (tmp_path / "o").exists():
            text = (tmp_path / "o").read_text()
            assert text == text[:8] * 2000
        if (tmp_path / "f").exists():
            assert names(tmp_path / "f") == ["a", "b"]
            assert (tmp_path / "f" / "a").read_text() == (tmp_path / "f" / "b").read_text() != ""
    write(tmp_path / "o", "file")
    write(tmp_path / "f", "folder")
    assert names(tmp_path) == ["f", "o"], "what killed runs left is gone"
