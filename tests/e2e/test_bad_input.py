"""Every mistake a user can make: one sentence that names the culprit, exit code 2, and nothing left behind."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from conftest import Done
from PIL import Image as Pil

from mssync import TalkingHead
from mssync.cli.console import extra
from mssync.errors import AssetError, InputError
from mssync.media.audio import save_wav
from mssync.media.image import load_image, save_png
from mssync.media.sinks import ContainerSink
from mssync.media.video import VideoWriter
from mssync.models import load_model

Run = Callable[..., Done]


def expect_sentence(done: Done, folder: Path, *words: str) -> None:
    assert done.code == 2, done
    assert done.out == ""
    assert done.err.count("\n") == 1 and done.err.endswith(".\n"), done.err
    for word in words:
        assert word.lower() in done.err.lower(), done.err
    assert list(folder.iterdir()) == [], "something was left behind"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """An empty folder for the output."""
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def _as(voice: Path, path: Path, codec: str) -> Path:
    """The voice in another format."""
    with av.open(str(voice)) as source, av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=16_000, layout="mono")
        for frame in source.decode(audio=0):
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory, portrait: Path, voice: Path) -> Path:
    """A folder of files of which none is fit for its purpose."""
    folder = tmp_path_factory.mktemp("bad")
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, 5000, np.uint8).tobytes()
    for name in ("random.jpg", "random.wav", "random.npz", "random.mp4"):
        (folder / name).write_bytes(noise)
    for name in ("empty.jpg", "empty.wav", "empty.npz"):
        (folder / name).touch()
    (folder / "text.png").write_text("this is not a picture")
    jpeg = portrait.read_bytes()
    (folder / "cut.jpg").write_bytes(jpeg[: len(jpeg) // 3])
    for whole in (voice, _as(voice, folder / "whole.flac", "flac"), _as(voice, folder / "whole.m4a", "aac")):
        sound = whole.read_bytes()
        (folder / f"cut{whole.suffix}").write_bytes(sound[: len(sound) // 3])
    face = load_image(portrait)
    save_png(folder / "wall.png", np.full((200, 200, 3), 127, np.uint8), force=True)
    save_png(folder / "tiny.png", face.resized(130).rgb, force=True)
    save_png(folder / "cropped.png", face.rgb[:, 230:], force=True)
    Pil.new("1", (12_001, 10_000)).save(folder / "huge.png")
    save_wav(folder / "blip.wav", np.zeros(3000, np.float32), 16_000, True)
    with VideoWriter(folder / "silent.mp4", 64, 64) as video:
        for _ in range(5):
            video.write(np.zeros((64, 64, 3), np.uint8))
    return folder


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("missing.jpg", ["does not exist"]),
        ("empty.jpg", ["empty"]),
        ("random.jpg", ["picture"]),
        ("text.png", ["picture"]),
        ("cut.jpg", ["damaged or cut off"]),
        ("huge.png", ["megapixels"]),
        ("wall.png", ["no face"]),
        ("tiny.png", ["too small", "48"]),
        ("cropped.png", ["cut off by the picture's edge"]),
    ],
)
def test_bad_photos(mssync_cli: Run, bad: Path, short_voice: Path, place: Path, name: str, words: list[str]) -> None:
    done = mssync_cli("animate", bad / name, short_voice, "-o", place / "o.mp4")
    expect_sentence(done, place, name, *words)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("missing.wav", ["does not exist"]),
        ("empty.wav", ["empty"]),
        ("random.wav", ["damaged"]),
        ("cut.wav", ["breaks off after 1.8 of 5.4 s"]),
        ("cut.flac", ["breaks off"]),
        ("cut.m4a", ["damaged"]),
        ("blip.wav", ["0.19 s", "0.2 s"]),
        ("silent.mp4", ["no sound"]),
        ("text.png", []),
    ],
)
def test_bad_speech(mssync_cli: Run, bad: Path, photo: Path, place: Path, name: str, words: list[str]) -> None:
    done = mssync_cli("animate", photo, bad / name, "-o", place / "o.mp4")
    expect_sentence(done, place, name, *words)


@pytest.mark.parametrize("name", ["missing.npz", "empty.npz", "random.npz", "text.png"])
@pytest.mark.parametrize("command", ["render", "plot", "export-motion", "head-from"])
def test_bad_motions(
    mssync_cli: Run, bad: Path, photo: Path, short_voice: Path, place: Path, command: str, name: str
) -> None:
    rows = bad / name
    words = {
        "render": ["render", photo, rows, "-o", place / "o.mp4"],
        "plot": ["plot", rows, "-o", place / "o.png"],
        "export-motion": ["export-motion", rows, "-o", place / "o.csv"],
        "head-from": ["animate", photo, short_voice, "--head-from", rows, "-o", place / "o.mp4"],
    }[command]
    expect_sentence(mssync_cli(*words), place, name, "motion")


@pytest.mark.parametrize("name", ["missing.mp4", "random.mp4", "text.png", "silent.mp4"])
def test_bad_videos(mssync_cli: Run, bad: Path, place: Path, name: str) -> None:
    done = mssync_cli("track", bad / name, "-o", place / "m.npz")
    expect_sentence(done, place, "no face" if name == "silent.mp4" else name)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--head", "-1"], ["--head"]),
        (["--head", "nan"], ["--head"]),
        (["--mouth", "9"], ["--mouth"]),
        (["--blink", "99"], ["--blink"]),
        (["--smile", "1.5"], ["--smile"]),
        (["--body", "-1"], ["--body"]),
        (["--seed", "-1"], ["--seed"]),
        (["--size", "12"], ["--size"]),
        (["--size", "large"], ["--size", "large"]),
        (["--size", "140"], ["too small", "--size native"]),
        (["--face", "0"], ["--face"]),
        (["--face", "2"], ["one face", "--face 2"]),
        (["--device", "toaster"], ["toaster", "--device cpu"]),
        (["--model", "nosuch"], ["nosuch", "default"]),
    ],
)
def test_bad_options(
    mssync_cli: Run, portrait: Path, short_voice: Path, place: Path, options: list[str], words: list[str]
) -> None:
    done = mssync_cli("animate", portrait, short_voice, "-o", place / "o.mp4", *options)
    expect_sentence(done, place, *words)


@pytest.mark.parametrize("words", [["animate"], ["animate", "--nosuch"], ["nosuch"], ["animate", "a", "b", "-o"]])
def test_usage_errors_end_with_2(mssync_cli: Run, words: list[str]) -> None:
    done = mssync_cli(*words)
    assert done.code == 2
    assert "Traceback" not in done.err


def test_a_photo_without_speech(mssync_cli: Run, photo: Path, place: Path) -> None:
    expect_sentence(mssync_cli("animate", photo, "-o", place / "o.mp4"), place, "speech", "photo.png")


# ---- models -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", ["sound.onnx", "step.onnx", "space.npz", "manifest.json"])
@pytest.mark.parametrize("harm", ["damaged", "missing"])
def test_damaged_weights(
    mssync_cli: Run, photo: Path, short_voice: Path, tmp_path: Path, place: Path, file: str, harm: str
) -> None:
    model = tmp_path / "model"
    shutil.copytree(load_model().folder, model)
    if harm == "missing":
        (model / file).unlink()
    else:
        content = bytearray((model / file).read_bytes())
        content[len(content) // 2] ^= 0xFF
        (model / file).write_bytes(content)
    done = mssync_cli("animate", photo, short_voice, "-o", place / "o.mp4", "--model", model)
    expect_sentence(done, place, "model")


def test_an_empty_cache_and_no_network(
    mssync_cli: Run, photo: Path, short_voice: Path, tmp_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a video needs is in the package; what only the evaluation needs is missed by name."""
    monkeypatch.setenv("MSSYNC_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("MSSYNC_OFFLINE", "1")
    done = mssync_cli("animate", photo, short_voice, "-o", place / "o.mp4")
    assert done.code == 0 and done.err == "", done
    done = mssync_cli("models", "fetch", "face_recognition_sface_2021dec.onnx")
    assert done.code == 2 and "MSSYNC_OFFLINE" in done.err
    done = mssync_cli("models", "list")
    assert done.code == 0 and "missing (optional)" in done.out and str(tmp_path / "cache") in done.out


def test_the_models_that_are_here(mssync_cli: Run) -> None:
    done = mssync_cli("models", "list")
    assert done.code == 0, done.err
    (line,) = (line for line in done.out.splitlines() if line.startswith("face_landmarker.task"))
    assert "3.8" in line and "ready" in line and line.endswith("face_landmarker.task"), "nothing is cut"
    done = mssync_cli("models", "fetch", "face_landmarker.task")
    assert done.code == 0 and done.out.count(".task: ") == 1 and "sface" not in done.out
    done = mssync_cli("models", "fetch", "nothing.onnx")
    assert done.code == 2 and "nothing.onnx" in done.err and "face_landmarker.task" in done.err


# ---- outputs ------------------------------------------------------------------------------------------------------


def test_an_existing_file_is_kept_without_force(mssync_cli: Run, photo: Path, short_voice: Path, place: Path) -> None:
    old = place / "o.mp4"
    old.write_text("mine")
    words = ["animate", photo, short_voice, "-o", old]
    done = mssync_cli(*words)
    assert done.code == 2 and "--force" in done.err
    assert old.read_text() == "mine"
    assert mssync_cli(*words, "--force").code == 0
    assert old.stat().st_size > 1000
    rows = place / "m.npz"
    rows.write_text("mine")
    done = mssync_cli("animate", photo, short_voice, "-o", place / "p.mp4", "--motion-out", rows)
    assert done.code == 2 and "m.npz" in done.err
    assert not (place / "p.mp4").exists()


@pytest.mark.parametrize("which", ["photo", "speech", "head-from"])
def test_an_input_is_never_written_over(
    mssync_cli: Run, photo: Path, short_voice: Path, spoken: Path, tmp_path: Path, which: str
) -> None:
    """Not even with --force, nor under another name for the same file."""
    copies = {"photo": tmp_path / "a.png", "speech": tmp_path / "a.mp4", "head-from": tmp_path / "a.npz"}
    shutil.copy(photo, copies["photo"])
    shutil.copy(spoken, copies["speech"])
    shutil.copy(spoken.with_suffix(".npz"), copies["head-from"])
    before = copies[which].read_bytes()
    target = tmp_path / ".." / tmp_path.name / copies[which].name
    words = ["animate", copies["photo"], copies["speech"], "--head-from", copies["head-from"], "--force"]
    words += ["--motion-out", target, "-o", tmp_path / "o.mp4"] if which == "head-from" else ["-o", target]
    done = mssync_cli(*words)
    assert done.code == 2 and ("input" in done.err or "ending" in done.err), done.err
    assert copies[which].read_bytes() == before


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nowhere/o.mp4", ["nowhere", "does not exist"]),
        ("o.avi", [".mp4", ".webm"]),
        ("file.txt/o.mp4", ["file.txt"]),
        ("x" * 300 + ".mp4", ["cannot be written"]),
    ],
)
def test_outputs_that_cannot_be(
    mssync_cli: Run, photo: Path, short_voice: Path, tmp_path: Path, name: str, words: list[str]
) -> None:
    (tmp_path / "file.txt").write_text("no folder")
    done = mssync_cli("animate", photo, short_voice, "-o", tmp_path / name)
    (tmp_path / "file.txt").unlink()
    expect_sentence(done, tmp_path, *words)


@pytest.mark.skipif(os.name == "nt" or (hasattr(os, "geteuid") and os.geteuid() == 0), reason="root may write anywhere")
def test_a_folder_without_permission(mssync_cli: Run, photo: Path, short_voice: Path, place: Path) -> None:
    place.chmod(0o500)
    try:
        expect_sentence(mssync_cli("animate", photo, short_voice, "-o", place / "o.mp4"), place, "permission")
    finally:
        place.chmod(0o700)


@pytest.mark.parametrize("when", [0, 5])
def test_a_full_disk(
    mssync_cli: Run, photo: Path, short_voice: Path, place: Path, monkeypatch: pytest.MonkeyPatch, when: int
) -> None:
    real, calls = ContainerSink.write, []

    def write(self: ContainerSink, frame: np.ndarray) -> None:
        calls.append(1)
        if len(calls) > when:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(self, frame)

    monkeypatch.setattr(ContainerSink, "write", write)
    done = mssync_cli("animate", photo, short_voice, "-o", place / "o.mp4")
    expect_sentence(done, place, "disk is full", "o.mp4")


def test_a_voice_that_changes_while_it_is_read(mssync_cli: Run, photo: Path, place: Path, tmp_path: Path,
                                               monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    """The length is known from a first reading; a shorter second one is no silent short film."""
    from mssync.inputs import Speech

    save_wav(tmp_path / "v.wav", np.zeros(32_000, np.float32), 16_000, True)
    monkeypatch.setattr(Speech, "chunks", lambda self: iter([np.zeros(16_000, np.float32)]))
    done = mssync_cli("animate", photo, tmp_path / "v.wav", "-o", place / "o.mp4")
    expect_sentence(done, place, "ended earlier")


STOPS = [(signal.SIGINT, 130), (signal.SIGTERM, 143)] + ([(signal.SIGHUP, 129)] if hasattr(signal, "SIGHUP") else [])


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize(("number", "code"), STOPS)
def test_interrupted_work_leaves_nothing(
    photo: Path, tmp_path: Path, place: Path, number: signal.Signals, code: int
) -> None:
    save_wav(tmp_path / "long.wav", np.zeros(16_000 * 120, np.float32), 16_000, True)
    command = [sys.executable, "-m", "mssync", "animate", photo, tmp_path / "long.wav", "-o", place / "o.mp4"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as work:
        deadline = time.monotonic() + 60
        while not any(p.stat().st_size for p in place.iterdir()) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert work.poll() is None, "it was still at work"
        work.send_signal(number)
        _, err = work.communicate(timeout=60)
    assert work.returncode == code
    assert "Traceback" not in err
    assert list(place.iterdir()) == []


@pytest.mark.parametrize(("number", "code"), STOPS)
def test_an_interrupt_that_meets_an_import_is_no_missing_package(
    mssync_cli: Run, monkeypatch: pytest.MonkeyPatch, number: signal.Signals, code: int
) -> None:
    def load() -> None:
        try:
            signal.raise_signal(number)
        except BaseException:
            raise ImportError("a native package says that it cannot be loaded") from None

    monkeypatch.setattr("mssync.cli.app", load)
    done = mssync_cli()
    assert done.code == code and done.err == ""


def test_training_without_the_extra(mssync_cli: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    for name in [n for n in sys.modules if n.startswith(("mssync.training", "mssync.nets"))]:
        monkeypatch.delitem(sys.modules, name)
    (tmp_path / "clips").mkdir()
    done = mssync_cli("export", tmp_path, "-o", tmp_path / "model")
    assert done.code == 2
    assert "'torch>=" in done.err and "'safetensors>=" in done.err and "mssync[" not in done.err


def test_advice_names_packages_as_pyproject_does(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [
        'torch<3,>=2.6; extra == "train"',
        'x!=1.5,<2,>=1; (python_version == "3.11" or python_version == "3.13") and extra == "train"',
        'y; extra == "train"',
        'z>=1; extra == "eval"',
        "numpy>=2",
    ]
    monkeypatch.setattr("mssync.cli.console.metadata.requires", lambda _: lines)
    with pytest.raises(InputError) as caught, extra("train"):
        raise ModuleNotFoundError("no", name="torch")
    assert str(caught.value).split("python -m pip install ")[1] == (
        """'torch>=2.6,<3' 'x>=1,<2,!=1.5; (python_version == "3.11" or python_version == "3.13")' 'y'"""
    )


def test_python_callers_get_exceptions(photo: Path, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(AssetError):
        TalkingHead.load(tmp_path)
    with pytest.raises(InputError):
        TalkingHead.load().animate(photo, tmp_path / "missing.wav")
