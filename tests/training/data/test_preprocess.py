"""Preprocessing a stranger's folder: what becomes of odd videos and odd names, and of what lies there already."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import matplotlib.cbook
import numpy as np
import pytest

from mssync.errors import AssetError, InputError, OutputError
from mssync.media.audio import save_wav
from mssync.media.image import load_image
from mssync.media.video import VideoWriter
from mssync.models import load_model
from mssync.motion.space import Motion
from mssync.motion.spaces import load_space
from mssync.training.data import preprocess as module
from mssync.training.data.av_offsets import measure_av_offsets
from mssync.training.data.clips import load_clip
from mssync.training.data.index import REPORT, Record, read_report
from mssync.training.data.overview import BOX, draw_overview, drawable
from mssync.training.data.preprocess import preprocess

SPACE = load_model().file("space.npz")
MATHS = "$x^{_\u4e2d"


def _video(path: Path, frames: int = 30, *, face: bool = True, sound: bool = True) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    photo = load_image(matplotlib.cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)).resized(192).rgb
    rng = np.random.default_rng(0)
    wav = path.with_suffix(".wav")
    save_wav(wav, (0.1 * rng.standard_normal(640 * frames)).astype(np.float32), 16000, True)
    height, width = photo.shape[0] // 2 * 2, photo.shape[1] // 2 * 2
    with VideoWriter(path, width, height, sound=wav if sound else None, metadata={}) as video:
        for _ in range(frames):
            video.write(photo[:height, :width] if face else np.full((height, width, 3), 90, np.uint8))
    wav.unlink()


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in this process: what a worker does is the same, and can be seen."""

    def spread(work: Callable[[Any], Any], tasks: Sequence[Any], workers: int) -> Iterator[tuple[int, Any, bool]]:
        yield from ((i, work(task), True) for i, task in enumerate(tasks))

    monkeypatch.setattr(module, "spread", spread)


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("videos")
    _video(folder / "a.mp4", 26)
    (folder / "a.mp4").rename(folder / "a.mov")
    _video(folder / "a.mp4")
    _video(folder / MATHS / "b.mp4", 26)
    _video(folder / "mute.mp4", sound=False)
    _video(folder / "short.mp4", 8)
    _video(folder / "wall.mp4", face=False)
    (folder / "bad.mp4").write_bytes(b"no video")
    return folder


@pytest.mark.usefixtures("here")
def test_every_video_becomes_a_clip_or_a_sentence(videos: Path, tmp_path: Path) -> None:
    out = tmp_path / "clips"
    walk = preprocess(videos, out, SPACE)
    first = next(walk)
    walk.close()  # as Ctrl-C does
    assert set(read_report(out)) == {first[2]}
    rest = list(preprocess(videos, out, SPACE))
    assert len(rest) == 6 and rest[-1][:2] == (7, 7) and first[2] not in {name for _, _, name, _ in rest}
    records = read_report(out)
    good = {"a.mp4": 30, "a.mov": 26, f"{MATHS}/b": 26}
    assert {n for n, r in records.items() if not r.problem} == set(good)
    for name, frames in good.items():
        assert len(load_clip(out / f"{name}.npz", name).motion) == frames
    says = {"mute": "sound", "short": "second", "wall": "face", "bad": "video"}
    for name, word in says.items():
        assert word in records[name].problem and not (out / f"{name}.npz").exists(), records[name].problem
    text = (out / REPORT).read_text("utf-8")
    assert str(tmp_path) not in text and str(videos) not in text
    (out / "a.mov.npz").unlink()  # a clip that went missing is made again
    assert [name for _, _, name, _ in preprocess(videos, out, SPACE)] == ["a.mov"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert draw_overview(measure_av_offsets(out, None, load_space(SPACE)), out / "report.png").stat().st_size > 1000


def test_a_video_of_the_same_name_that_comes_later_is_no_longer_the_other(tmp_path: Path) -> None:
    records = {"a": Record(space="m"), "b": Record(space="m")}
    for name in ("a.npz", "b.npz"):
        (tmp_path / name).write_bytes(b"x")
    module._forget_twins(tmp_path, records, {"a.mp4": Path("a.mp4"), "a.mov": Path("a.mov"), "b": Path("b.mp4")})
    assert set(records) == {"b"} and [p.name for p in tmp_path.iterdir()] == ["b.npz"]


@pytest.mark.usefixtures("here")
def test_a_full_disk_is_not_the_videos_fault(videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez_compressed", full)
    with pytest.raises(OutputError, match="disk is full"):
        list(preprocess(videos / "a.mp4", tmp_path / "out", SPACE))
    assert read_report(tmp_path / "out") == {} and not list((tmp_path / "out").rglob("*.part"))


@pytest.mark.usefixtures("here")
def test_an_error_of_ours_costs_one_video(videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("x")

    monkeypatch.setattr(module, "track_video", fail)
    [(_, _, _, problem)] = preprocess(videos / "a.mp4", tmp_path, SPACE)
    assert "mssync itself (ZeroDivisionError" in problem


def test_a_process_that_dies_costs_one_video(videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "spread", lambda work, tasks, workers: (x for x in [(0, None, False)]))
    [(_, _, name, problem)] = preprocess(videos / "a.mp4", tmp_path, SPACE)
    assert name == "a" and "ended without a word" in problem and read_report(tmp_path) == {}  # tried again next time


def test_a_space_that_is_missing_or_damaged_is_a_sentence(videos: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="motion space"):
        list(preprocess(videos, tmp_path / "out", tmp_path / "none.npz"))
    (tmp_path / "space.npz").write_bytes(SPACE.read_bytes()[:5000])
    with pytest.raises(AssetError, match="damaged"):
        list(preprocess(videos, tmp_path / "out", tmp_path / "space.npz"))
    assert not (tmp_path / "out").exists()


def test_an_output_that_is_a_file_is_refused(videos: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for out in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(OutputError, match="is a file"):
            list(preprocess(videos, out, SPACE))


def test_a_file_that_is_no_clip_is_not_written_over(videos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    motion = Motion(np.zeros((3, 1), np.float32), ("lip_gap",))
    before = motion.save(out / "a.npz").read_bytes()
    with pytest.raises(OutputError, match=r"a\.npz is not from preprocessing"):
        list(preprocess(videos / "a.mp4", out, SPACE))
    assert (out / "a.npz").read_bytes() == before and [p.name for p in out.iterdir()] == ["a.npz"]
    (out / "a.npz").unlink()
    (out / "report.png").write_bytes(b"a picture of one's own")
    with pytest.raises(OutputError, match=r"report\.png is not from preprocessing"):
        list(preprocess(videos / "a.mp4", out, SPACE))


def test_names_are_drawn_in_letters_that_there_are() -> None:
    assert drawable("Zo\u00eb $x^{ \\frac", ["DejaVu Sans"]) == "Zo\u00eb $x^{ \\frac"
    shown = drawable("a\u4e2d\u202e", ["DejaVu Sans"])
    assert shown[:2] == "a" + BOX and "\u202e" not in shown
