"""Folders and CSV files of pairs: the good ones are made, the bad ones reported, the exit code tells."""

from __future__ import annotations

import errno
import io
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import Done

from mssync.cli import making
from mssync.media.video import iter_frames
from mssync.motion.space import Motion

Run = Callable[..., Done]


def test_a_csv_with_a_bad_pair(mssync_cli: Run, photo: Path, short_voice: Path, tmp_path: Path) -> None:
    shutil.copy(photo, tmp_path / "me.png")
    shutil.copy(short_voice, tmp_path / "hello.wav")
    (tmp_path / "noface.png").write_text("no picture at all")
    table = tmp_path / "pairs.csv"
    table.write_text(
        "photo,speech,out\nme.png,hello.wav,first.mp4\nnoface.png,hello.wav,\nme.png,hello.wav,sub/last.mp4\n"
    )
    out = tmp_path / "out"
    done = mssync_cli("animate", table, "-o", out)
    assert done.code == 2
    assert done.err.count("\n") == 1 and "noface.png" in done.err
    assert "2 of 3" in done.out
    assert sorted(p.relative_to(out).as_posix() for p in out.rglob("*.mp4")) == ["first.mp4", "sub/last.mp4"]
    assert sum(1 for _ in iter_frames(out / "sub" / "last.mp4")) == 15


def test_a_folder_of_photos_with_one_voice(mssync_cli: Run, photo: Path, short_voice: Path, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in ("a.png", "b.png"):
        shutil.copy(photo, photos / name)
    (photos / "notes.txt").write_text("not a photo")
    done = mssync_cli("animate", photos, short_voice, "-o", tmp_path / "out", "--takes", 2)
    assert done.code == 0 and "notes.txt" in done.err and done.err.count("\n") == 1
    names = sorted(p.name for p in (tmp_path / "out").iterdir())
    assert names == ["a-1.mp4", "a-2.mp4", "b-1.mp4", "b-2.mp4"]
    again = mssync_cli("animate", photos, short_voice, "-o", tmp_path / "out", "--takes", 2)
    assert again.code == 2 and again.err.count("exists already") == 2


def test_an_impossible_name_ends_its_pair_alone(
    mssync_cli: Run, photo: Path, short_voice: Path, tmp_path: Path
) -> None:
    shutil.copy(photo, tmp_path / "me.png")
    shutil.copy(short_voice, tmp_path / "hello.wav")
    out = tmp_path / "out"
    out.mkdir()
    (out / "file.txt").write_text("a file is no folder")
    bad = ["file.txt/a.mp4", "b" * 300 + ".mp4", "c" * 300 + "/c.mp4", "d\0d.mp4", "e.xyz"]
    lines = ["photo,speech,out", *(f"me.png,hello.wav,{name}" for name in [*bad, "good"])]
    (tmp_path / "pairs.csv").write_text("\n".join(lines))
    done = mssync_cli("animate", tmp_path / "pairs.csv", "-o", out)
    assert done.code == 2 and done.err.count("Failed: ") == len(bad) and "1 of 6" in done.out
    assert sorted(p.name for p in out.iterdir()) == ["file.txt", "good.mp4"]


def test_force_never_writes_over_the_speech_of_another_line(
    mssync_cli: Run, photo: Path, short_voice: Path, tmp_path: Path
) -> None:
    shutil.copy(photo, tmp_path / "me.png")
    shutil.copy(short_voice, tmp_path / "second.mp4")
    before = (tmp_path / "second.mp4").read_bytes()
    (tmp_path / "pairs.csv").write_text(f"photo,speech,out\nme.png,{short_voice},second\nme.png,second.mp4,third\n")
    done = mssync_cli("animate", tmp_path / "pairs.csv", "-o", tmp_path, "--force")
    assert done.code == 2 and "would replace a file" in done.err and "1 of 2" in done.out
    assert (tmp_path / "second.mp4").read_bytes() == before and (tmp_path / "third.mp4").exists()


def test_a_run_goes_on_where_it_ended(mssync_cli: Run, photo: Path, short_voice: Path, tmp_path: Path) -> None:
    photos, out = tmp_path / "photos", tmp_path / "out"
    photos.mkdir()
    for name in ("a.png", "b.png"):
        shutil.copy(photo, photos / name)
    words = ("animate", photos, short_voice, "-o", out, "--takes", 2, "--skip-existing")
    assert mssync_cli(*words).code == 0
    whole = {p.name: p.read_bytes() for p in out.iterdir()}
    (out / "a-2.mp4").unlink()
    stamp = (out / "a-1.mp4").stat().st_mtime_ns
    done = mssync_cli(*words)
    assert done.code == 0 and "1 of 2 pairs made, 1 skipped" in done.out
    assert {p.name: p.read_bytes() for p in out.iterdir()} == whole  # take 2 with its own seed again
    assert (out / "a-1.mp4").stat().st_mtime_ns == stamp


def test_thousands_of_missing_files_are_told_before_anything_is_loaded(
    mssync_cli: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("work was begun")

    monkeypatch.setattr(making, "load_head", never)
    monkeypatch.setattr("mssync.batch.work.ready_video", never)
    lines = ["photo,speech", *(f"p{n}.png,s{n}.wav" for n in range(3000))]
    (tmp_path / "pairs.csv").write_text("\n".join(lines))
    done = mssync_cli("animate", tmp_path / "pairs.csv", "-o", tmp_path / "out")
    assert done.code == 2 and "0 of 3000" in done.out
    assert "p0.png does not exist" in done.err and done.err.count("\n") == 20
    assert "and 2980 more" in done.out and "3000 failed" in done.out


def test_many_videos_do_not_go_into_one(mssync_cli: Run, photo: Path, tmp_path: Path) -> None:
    done = mssync_cli("animate", photo, tmp_path, "-o", tmp_path / "batch.MP4")
    assert done.code == 2 and "name a folder" in done.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("table", ["nonsense", "photo,voice\na,b\n", "photo,speech\n", ""])
def test_a_csv_that_is_none(mssync_cli: Run, tmp_path: Path, table: str) -> None:
    (tmp_path / "p.csv").write_text(table)
    done = mssync_cli("animate", tmp_path / "p.csv", "-o", tmp_path / "out")
    assert done.code == 2 and "p.csv" in done.err and done.err.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--seed", -1),
        ("--head", 9),
        ("--size", 3),
        ("--face", 0),
        ("--head-from", "me.png"),
        ("--head-from", "none.npz"),
    ],
)
def test_an_option_that_suits_no_pair_is_said_once(
    mssync_cli: Run, photo: Path, short_voice: Path, tmp_path: Path, option: str, value: object
) -> None:
    for name in ("me.png", "you.png"):
        shutil.copy(photo, tmp_path / name)
    value = tmp_path / value if isinstance(value, str) else value
    done = mssync_cli("animate", tmp_path, short_voice, "-o", tmp_path / "out", option, value)
    assert done.code == 2 and done.err.count("\n") == 1 and not (tmp_path / "out").exists()


def test_folders_of_frames_are_left_when_they_are_whole(
    mssync_cli: Run, photo: Path, short_voice: Path, tmp_path: Path
) -> None:
    photos, out = tmp_path / "photos", tmp_path / "out"
    photos.mkdir()
    for name in ("a.png", "b.png"):
        shutil.copy(photo, photos / name)
    words = ("animate", photos, short_voice, "-o", out, "--background", "none", "--skip-existing")
    assert mssync_cli(*words).code == 0
    shutil.rmtree(out / "b")
    (out / "b").mkdir()
    done = mssync_cli(*words)
    assert done.code == 0 and "1 of 2 pairs made, 1 skipped" in done.out
    assert len(list((out / "b").glob("*.png"))) == len(list((out / "a").glob("*.png"))) == 15


def test_motions_and_curves_of_every_pair(mssync_cli: Run, photo: Path, short_voice: Path, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in ("a.png", "b.png"):
        shutil.copy(photo, photos / name)
    m, c, o = (tmp_path / name for name in ("motions", "curves", "out"))
    words = ("animate", photos, short_voice, "-o", o, "--motion-out", m, "--curves-out", c, "--skip-existing")
    assert mssync_cli(*words).code == 0
    assert [sorted(p.name for p in f.iterdir()) for f in (o, m, c)] == [
        ["a.mp4", "b.mp4"], ["a.npz", "b.npz"], ["a.csv", "b.csv"],
    ]  # fmt: skip
    one = mssync_cli("animate", photo, short_voice, "-o", tmp_path / "one.mp4", "--motion-out", tmp_path / "one.npz")
    assert one.code == 0
    assert np.array_equal(Motion.load(m / "b.npz").values, Motion.load(tmp_path / "one.npz").values)
    mssync_cli("export-motion", tmp_path / "one.npz", "-o", tmp_path / "one.csv")
    assert (c / "b.csv").read_bytes() == (tmp_path / "one.csv").read_bytes()

    # What is missing is made alone.
    table, stamp = (c / "b.csv").read_bytes(), (o / "b.mp4").stat().st_mtime_ns
    (c / "b.csv").unlink()
    again = mssync_cli(*words)
    assert again.code == 0 and "1 of 2 pairs made, 1 skipped" in again.out
    assert (c / "b.csv").read_bytes() == table and (o / "b.mp4").stat().st_mtime_ns == stamp


@pytest.mark.parametrize(("option", "name"), [("--motion-out", "m.npz"), ("--curves-out", "c.csv")])
def test_files_of_many_pairs_do_not_go_into_one(
    mssync_cli: Run, short_voice: Path, tmp_path: Path, option: str, name: str
) -> None:
    done = mssync_cli("animate", tmp_path, short_voice, "-o", tmp_path / "o", option, tmp_path / name)
    assert done.code == 2 and "name a folder" in done.err and list(tmp_path.iterdir()) == []


def test_workers_make_what_one_process_makes(mssync_cli: Run, photo: Path, short_voice: Path, tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        shutil.copy(photo, tmp_path / f"{name}.png")
    (tmp_path / "bad.png").write_text("no picture")
    names = ("a", "bad", "b", "c")
    (tmp_path / "pairs.csv").write_text("photo;speech\n" + "".join(f"{n}.png;{short_voice}\n" for n in names))
    alone = mssync_cli("animate", tmp_path / "pairs.csv", "-o", tmp_path / "alone")
    shared = mssync_cli("animate", tmp_path / "pairs.csv", "-o", tmp_path / "shared", "--workers", 2)
    for done in (alone, shared):
        assert done.code == 2 and "3 of 4 pairs made, 1 failed" in done.out
        assert done.err.count("Failed: ") == done.err.count("\n") == 1 and "bad.png" in done.err
        (row,) = (line for line in done.out.splitlines() if line.startswith("failed"))
        assert "bad.mp4" in row and "JPEG or PNG" in row
    for name in ("a", "b", "c"):
        made = (tmp_path / "shared" / f"{name}.mp4").read_bytes()
        assert made == (tmp_path / "alone" / f"{name}.mp4").read_bytes()


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
def test_interrupted_workers_leave_nothing_half_written(photo: Path, short_voice: Path, tmp_path: Path) -> None:
    photos, out = tmp_path / "photos", tmp_path / "out"
    photos.mkdir()
    for number in range(40):
        shutil.copy(photo, photos / f"{number:02}.png")
    words = [sys.executable, "-m", "mssync", "animate", photos, short_voice, "-o", out, "--workers", "2"]
    run = subprocess.Popen([*map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert run.stdout is not None and b".mp4" in run.stdout.readline()
    run.send_signal(signal.SIGINT)
    _, told = run.communicate(timeout=120)
    assert run.returncode == 130 and told == b""
    made = list(out.iterdir())
    assert 0 < len(made) < 40
    assert all(path.suffix == ".mp4" and sum(1 for _ in iter_frames(path)) == 15 for path in made)


@pytest.mark.parametrize(("number", "code"), [(errno.EPIPE, 0), (errno.ENOSPC, 2)])
def test_results_that_cannot_be_shown_end_no_work(
    mssync_cli: Run,
    photo: Path,
    short_voice: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    code: int,
) -> None:
    class Shut(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(number, "cannot be written")

    photos = tmp_path / "photos"
    photos.mkdir()
    for name in ("a.png", "b.png"):
        shutil.copy(photo, photos / name)
    monkeypatch.setattr(sys, "stdout", Shut())
    done = mssync_cli("animate", photos, short_voice, "-o", tmp_path / "out")
    # Who reads on no further (| head -1) misses nothing; a full disk loses results.
    assert done.code == code and done.err.count("cannot be shown (cannot be written)") == (code == 2)
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["a.mp4", "b.mp4"]
