"""Panels of known colours: where they stand, how long they last, what is heard."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from picture_samples import hopper
from report_samples import film

from mssync.errors import InputError, OutputError
from mssync.evaluation.report.compare import Panel, compare, parse_grid
from mssync.evaluation.report.panels import GROUND, fitted, label, steady_frames, with_landmarks
from mssync.face.tracking import FaceTracker
from mssync.media.audio import load_sound, probe_sound
from mssync.media.provenance import read_synthetic_mark, synthetic_metadata
from mssync.media.video import VideoWriter, iter_frames, probe_video

Rgb = NDArray[np.uint8]
RED, GREEN, BLUE = (200, 30, 30), (30, 180, 30), (30, 30, 200)
HEIGHT = 96
STRIP = 20


def frames_of(path: Path) -> list[Rgb]:
    return [rgb for _, rgb in iter_frames(path)]


def near(pixel: NDArray[np.uint8], colour: tuple[int, int, int]) -> bool:
    return bool(np.abs(pixel.astype(int) - colour).max() < 20)


@pytest.fixture
def three(tmp_path: Path) -> list[Panel]:
    return [
        Panel("red one", film(tmp_path / "r.mp4", RED, frames=10)),
        Panel("green", film(tmp_path / "g.mp4", GREEN, frames=30)),
        Panel("blue, tall", film(tmp_path / "b.mp4", BLUE, frames=20, size=(40, 80))),
    ]


def test_equal_panels_with_names_above(three: list[Panel], tmp_path: Path) -> None:
    out = tmp_path / "o.mp4"
    done: list[tuple[int, int | None]] = []
    made = compare(three, out, height=HEIGHT, progress=lambda n, total: done.append((n, total)))
    shown = frames_of(out)
    assert made == len(shown) == 30, "as long as the longest"
    assert done[-1] == (30, 30)
    info = probe_video(out)
    assert (info.width, info.height) == (3 * (128 + 4) + 4, STRIP + HEIGHT + 8)
    assert info.fps == 25 and info.width % 2 == info.height % 2 == 0
    middle = shown[0][4 + STRIP + HEIGHT // 2]
    for place, colour in ((68, RED), (68 + 132, GREEN), (68 + 264, BLUE)):
        assert near(middle[place], colour)
    assert near(middle[4 + 264 + 10], GROUND), "a narrower video has bars"
    names = [shown[0][4 : 4 + STRIP, 4 + 132 * n : 132 * (n + 1) - 4] for n in range(3)]
    for strip in names:
        assert strip[2:-2].max() > 150 > 80 > strip[2:-2, :2].max(), "a name in the middle of its strip"
    assert near(shown[-1][4 + STRIP + HEIGHT // 2][68], RED), "the shortest holds its last frame"


def test_one_sound(three: list[Panel], tmp_path: Path) -> None:
    loud = film(tmp_path / "loud.mp4", RED, frames=50).with_suffix(".wav")
    compare(three, tmp_path / "o.mp4", height=HEIGHT, audio=loud)
    assert len(load_sound(tmp_path / "o.mp4")) == pytest.approx(30 * 640, abs=64), "cut to the film"
    compare(three, tmp_path / "p.mp4", height=HEIGHT)
    heard = load_sound(tmp_path / "p.mp4")
    assert len(heard) == pytest.approx(30 * 640, abs=64)
    assert np.abs(heard[: 9 * 640]).max() > 0.1 > 0.01 > np.abs(heard[12 * 640 :]).max(), (
        "the first one's, then silence"
    )
    silent = tmp_path / "silent.mp4"
    with VideoWriter(silent, 64, 48) as video:
        video.write(np.zeros((48, 64, 3), np.uint8))
    compare([Panel("s", silent)], tmp_path / "q.mp4", height=HEIGHT)
    with pytest.raises(InputError):
        probe_sound(tmp_path / "q.mp4")


def test_grid_and_beginning(three: list[Panel], tmp_path: Path) -> None:
    assert compare(three, tmp_path / "o.mp4", height=HEIGHT, grid=(2, 2), seconds=0.2) == 5
    info = probe_video(tmp_path / "o.mp4")
    assert (info.width, info.height) == (2 * 132 + 4, 2 * (STRIP + HEIGHT + 4) + 4)
    last = frames_of(tmp_path / "o.mp4")[0]
    assert near(last[4 + 120 + STRIP + 48, 68], BLUE)
    assert near(last[4 + 120 + STRIP + 48, 200], GROUND), "the fourth place is empty"
    assert parse_grid(None, 3) == (1, 3)
    assert parse_grid(None, 7) == (3, 3)
    assert parse_grid("1X7", 7) == (1, 7)
    for wrong in ("2", "x", "2x-1", "1x2", "9x9", "axb"):
        with pytest.raises(InputError, match="--grid"):
            parse_grid(wrong, 3)


def test_landmarks_below(tmp_path: Path) -> None:
    video = tmp_path / "face.mp4"
    with VideoWriter(video, hopper().rgb.shape[1], hopper().rgb.shape[0]) as writer:
        for _ in range(3):
            writer.write(hopper().rgb)
    compare([Panel("f", video)], tmp_path / "o.mp4", height=240, tracker=FaceTracker(threads=1))
    shown = frames_of(tmp_path / "o.mp4")[1]
    assert shown.shape[0] == 2 * 240 + 22 + 8
    drawing = shown[-244:-4]
    bright = (drawing.max(2) > 150).mean()
    assert 0.005 < bright < 0.2, "lines on a dark ground"


def test_landmarks_without_a_face_say_so() -> None:
    blank: Iterator[Rgb] = iter([np.full((96, 128, 3), 90, np.uint8)] * 2)
    shown = list(with_landmarks(blank, FaceTracker(threads=1)))
    assert [s.shape for s in shown] == [(192, 128, 3)] * 2
    assert shown[0][96:128].max() > 150 > 60 > shown[0][140:].max()


def test_times_are_kept(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "fast.mp4", 64, 48, fps=50) as video:
        for n in range(50):
            video.write(np.full((48, 64, 3), 4 * n, np.uint8))
    steady = [float(rgb.mean()) for rgb in steady_frames(tmp_path / "fast.mp4")]
    assert len(steady) == 25
    assert np.allclose(steady, [8 * n for n in range(25)], atol=6)
    with VideoWriter(tmp_path / "slow.mp4", 64, 48, fps=10) as video:
        for n in range(10):
            video.write(np.full((48, 64, 3), 20 * n, np.uint8))
    slow = [float(rgb.mean()) for rgb in steady_frames(tmp_path / "slow.mp4")]
    assert len(slow) == 25
    assert np.allclose(slow[10], 80, atol=5) and np.allclose(slow[-1], 180, atol=5)
    assert len(list(steady_frames(tmp_path / "slow.mp4", 0.3))) == 8


def test_memory_does_not_grow_with_the_length(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next frame is made only when the last one was written."""
    ahead: list[int] = []
    made = 0

    def endless(video: Path, seconds: float | None = None) -> Iterator[Rgb]:
        nonlocal made
        for _ in range(200):
            made += 1
            yield np.zeros((48, 64, 3), np.uint8)

    write = VideoWriter.write

    def watched(self: VideoWriter, frame: Rgb) -> None:
        ahead.append(made - self.frames)
        write(self, frame)

    source = film(tmp_path / "r.mp4", RED)
    monkeypatch.setattr("mssync.evaluation.report.compare.steady_frames", endless)
    monkeypatch.setattr(VideoWriter, "write", watched)
    assert compare([Panel("a", source)], tmp_path / "o.mp4", height=64) == 200
    assert max(ahead) == 1


def test_a_film_that_shows_synthetic_media_is_marked(three: list[Panel], tmp_path: Path) -> None:
    compare(three, tmp_path / "o.mp4", height=HEIGHT, seconds=0.1)
    assert read_synthetic_mark(tmp_path / "o.mp4") is None
    with VideoWriter(tmp_path / "m.mp4", 64, 48, metadata=synthetic_metadata("model 1", 3)) as video:
        video.write(np.zeros((48, 64, 3), np.uint8))
    compare([*three, Panel("m", tmp_path / "m.mp4")], tmp_path / "p.mp4", height=HEIGHT, seconds=0.1)
    mark = read_synthetic_mark(tmp_path / "p.mp4")
    assert mark is not None and mark["model"] == "model 1"


def test_labels_are_shortened() -> None:
    assert label("a name that is much too long for its strip", 80, 20).shape == (20, 80, 3)
    assert label("", 80, 20).max() == max(GROUND)
    wide = label("x" * 200, 80, 20)
    assert wide[:, :3].max() < 60, "nothing reaches the edge"


def test_pictures_keep_their_shape() -> None:
    out = fitted(np.full((10, 40, 3), 255, np.uint8), 80, 80)
    bright = (out > 200).all(2)
    assert bright.any(1).sum() == 20 and bright.any(0).sum() == 80


def test_wrong_words(three: list[Panel], tmp_path: Path) -> None:
    assert Panel.parse("a b=x=y.mp4") == Panel("a b", Path("x=y.mp4"))
    assert Panel.parse("dir/clip.mp4") == Panel("clip", Path("dir/clip.mp4"))
    for wrong in ("=x.mp4", "a=", ""):
        with pytest.raises(InputError):
            Panel.parse(wrong)
    out = tmp_path / "o.mp4"
    with pytest.raises(InputError, match="1 to 36"):
        compare([], out)
    with pytest.raises(InputError, match="--height"):
        compare(three, out, height=10)
    with pytest.raises(InputError, match=r"none\.mp4"):
        compare([*three, Panel("n", tmp_path / "none.mp4")], out)
    with pytest.raises(OutputError, match="input"):
        compare(three, three[0].video, force=True)
    (tmp_path / "cut.mp4").write_bytes(three[0].video.read_bytes()[:900])
    with pytest.raises(InputError):
        compare([*three, Panel("c", tmp_path / "cut.mp4")], out)
    assert not out.exists() and not list(tmp_path.glob(".*")), "nothing half-written stays"
    compare(three[:1], out)
    with pytest.raises(OutputError, match="--force"):
        compare(three[:1], out)
    with av.open(str(out)) as container:
        assert container.streams.video[0].codec_context.name == "h264"
