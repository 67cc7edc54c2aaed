"""Outputs of every command: their names are looked at before any work, and what is there already is safe."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Done

Run = Callable[..., Done]

# Every command with outputs; OUT stands for the output in question.
FILES = {
    "animate": ["animate", "p.png", "v.wav", "-o", "OUT.mp4"],
    "animate webm": ["animate", "p.png", "v.wav", "-o", "OUT.webm"],
    "motion-out": ["animate", "p.png", "v.wav", "-o", "fine.mp4", "--motion-out", "OUT.npz"],
    "curves-out": ["animate", "p.png", "v.wav", "-o", "fine.mp4", "--curves-out", "OUT.csv"],
    "render": ["render", "p.png", "m.npz", "-o", "OUT.mp4"],
    "demo": ["demo", "-o", "OUT.mp4"],
    "track": ["track", "v.mp4", "-o", "OUT.npz"],
    "plot": ["plot", "m.npz", "-o", "OUT.png"],
    "export-motion": ["export-motion", "m.npz", "-o", "OUT.csv"],
    "json": ["evaluate", "v.mp4", "--json", "OUT.json"],
    "report": ["evaluate", "v.mp4", "--report", "OUT.html"],
    "compare": ["compare", "a=v.mp4", "-o", "OUT.mp4", "--landmarks"],
    "weights": ["export-weights", "default", "-o", "OUT.safetensors"],
    "space": ["train", "space", "clips", "--list", "l.csv", "-o", "OUT.npz"],
}
FOLDERS = {
    "bench-suite": ["bench-suite", "bench", "-o", "OUT"],
    "preprocess": ["preprocess", "v.mp4", "-o", "OUT"],
    "syncer": ["train", "syncer", "clips", "--list", "l.csv", "--config", "c.yaml", "-o", "OUT"],
    "generator": ["train", "generator", "clips", "--list", "l.csv", "--config", "c.yaml", "-o", "OUT"],
    "export": ["export", "run", "-o", "OUT"],
}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with files under the names of inputs, in which no work can begin."""
    from mssync.face.tracking import FaceTracker
    from mssync.pipeline import TalkingHead

    def work(*_: object, **__: object) -> None:
        raise AssertionError("the work began")

    monkeypatch.setattr(TalkingHead, "load", work)
    monkeypatch.setattr(FaceTracker, "__init__", work)
    for name in ("p.png", "v.wav", "m.npz", "v.mp4", "l.csv", "c.yaml", "file"):
        (tmp_path / name).write_text(name)
    for name in ("bench", "clips", "run"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def listing(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): p.read_text() if p.is_file() else "" for p in folder.rglob("*")}


@pytest.mark.parametrize("bad", ["none/OUT", "file/OUT", "x" * 300 + "OUT"])
@pytest.mark.parametrize("command", [*FILES, *FOLDERS])
def test_a_name_that_cannot_be_is_told_before_the_work(mssync_cli: Run, place: Path, command: str, bad: str) -> None:
    if command in FOLDERS and bad == "none/OUT":
        pytest.skip("such folders are made")
    words = [w.replace("OUT", bad.replace("OUT", "out")) for w in (FILES | FOLDERS)[command]]
    before = listing(place)
    done = mssync_cli(*words)
    assert done.code == 2 and done.out == "" and "Traceback" not in done.err, done.err
    assert len(done.err.strip().splitlines()) == 1
    assert listing(place) == before


@pytest.mark.parametrize("command", FILES)
def test_a_folder_or_a_link_into_nowhere_is_no_file(mssync_cli: Run, place: Path, command: str) -> None:
    ending = FILES[command][-2 if command == "compare" else -1].removeprefix("OUT")
    words = [w.replace("OUT", "out") for w in FILES[command]]
    (place / f"out{ending}").mkdir()
    assert "is a folder" in mssync_cli(*words, "--force").err
    (place / f"out{ending}").rmdir()
    if sys.platform != "win32":
        (place / f"out{ending}").symlink_to("nowhere")
        assert "leads nowhere" in mssync_cli(*words, "--force").err
        assert (place / f"out{ending}").is_symlink() and not (place / "nowhere").exists()


@pytest.mark.parametrize("command", FOLDERS)
def test_a_file_is_no_folder(mssync_cli: Run, place: Path, command: str) -> None:
    (place / "out").write_text("mine")
    done = mssync_cli(*[w.replace("OUT", "out") for w in FOLDERS[command]])
    assert done.code == 2 and "out" in done.err and (place / "out").read_text() == "mine"


@pytest.mark.parametrize("command", FILES)
@pytest.mark.skipif(sys.platform == "win32", reason="links need rights of their own on Windows")
def test_an_input_under_another_name_is_safe(mssync_cli: Run, place: Path, command: str) -> None:
    inputs = [w.split("=")[-1] for w in FILES[command] if (place / w.split("=")[-1]).is_file()]
    ending = FILES[command][-2 if command == "compare" else -1].removeprefix("OUT")
    for name in inputs:
        (place / f"out{ending}").symlink_to(name)
        done = mssync_cli(*[w.replace("OUT", "out") for w in FILES[command]], "--force")
        assert done.code == 2 and "is an input too" in done.err, done.err
        assert (place / name).read_text() == name
        (place / f"out{ending}").unlink()


def test_a_bench_throws_away_only_what_a_bench_made(tmp_path: Path) -> None:
    from mssync.errors import OutputError
    from mssync.evaluation.run.bench import Bench, Entry

    out = tmp_path / "out"
    (out / "videos" / "a").mkdir(parents=True)
    (out / "recordings").mkdir()
    (out / "videos" / "a" / "our-model.mp4").touch()
    (out / "recordings" / ("0" * 24 + ".npz")).touch()
    letter = out / "videos" / "a" / "letter.txt"
    letter.write_text("mine")
    head: object = None
    entry = Entry("a", tmp_path / "p.png", tmp_path / "v.wav", tmp_path / "v.mp4")
    bench = Bench(head, out, [entry], [], 0, 256)  # type: ignore[arg-type]
    with pytest.raises(OutputError, match=r"letter\.txt is not from a bench"):
        bench._begin_anew()
    assert letter.read_text() == "mine" and (out / "recordings").is_dir()
    letter.unlink()
    inside = Entry("a", tmp_path / "p.png", tmp_path / "v.wav", out / "videos" / "a" / "our-model.mp4")
    with pytest.raises(OutputError, match="holds an input"):
        Bench(head, out, [inside], [], 0, 256)._begin_anew()  # type: ignore[arg-type]
    bench._begin_anew()
    assert list(out.iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no such call here")
def test_the_number_of_processors_changes_no_byte(photo: Path, short_voice: Path, tmp_path: Path) -> None:
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < 2:
        pytest.skip("needs two processors")
    code = "import os, runpy, sys; os.sched_setaffinity(0, {int(n) for n in sys.argv.pop(1).split(',')}); "
    code += "runpy.run_module('mssync', run_name='__main__')"
    free = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
    made = set()
    for number, chosen in enumerate((cpus[:1], cpus[:2])):
        words = ["animate", photo, short_voice, "-o", tmp_path / f"{number}.mp4", "--motion-out", tmp_path / "m.npz"]
        subprocess.run(
            [sys.executable, "-c", code, ",".join(map(str, chosen)), *map(str, words), "--force"], env=free, check=True
        )
        made.add(((tmp_path / f"{number}.mp4").read_bytes(), (tmp_path / "m.npz").read_bytes()))
    assert len(made) == 1


@pytest.mark.parametrize("stop", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_a_video_that_fails_at_its_end_leaves_no_motion_alone(
    photo: Path, short_voice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: BaseException
) -> None:
    from mssync import TalkingHead
    from mssync.errors import OutputError
    from mssync.media.sinks import ContainerSink

    def finish(sink: ContainerSink) -> None:
        raise stop

    made = TalkingHead.load().animate(photo, short_voice)
    monkeypatch.setattr(ContainerSink, "finish", finish)
    with pytest.raises((KeyboardInterrupt, OutputError)):
        made.save(tmp_path / "o.mp4", motion_out=tmp_path / "m.npz")
    with pytest.raises(OutputError, match=r"ends in \.npz"):
        made.save(tmp_path / "o.mp4", motion_out=tmp_path / "m.csv")
    with pytest.raises(OutputError, match="would lie in"):
        made.save(tmp_path / "frames", motion_out=tmp_path / "frames" / "m.npz")
    assert list(tmp_path.iterdir()) == []
