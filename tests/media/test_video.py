"""Reading: upright frames with true times. Writing: exact lengths, right colours, a whole file or none."""

from __future__ import annotations

import errno
import itertools
import os
import subprocess
import sys
import wave
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from media_samples import picture, tone, write_sound, write_video
from PIL import Image as Pil

from mssync.errors import InputError, OutputError
from mssync.media import sinks, video
from mssync.media.audio import load_sound, probe_sound
from mssync.media.image import load_image
from mssync.media.video import VideoWriter, iter_frames, probe_video

RATE = 16_000


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    """Three seconds of stereo tone at 44.1 kHz, in a folder of its own."""
    (tmp_path / "in").mkdir()
    return write_sound(tmp_path / "in" / "s.wav", tone(3, 44_100, channels=2), 44_100, "wav", "pcm_s16le")


def decoded_sound(path: Path) -> tuple[int, np.ndarray]:
    """Rate and (n, channels) samples as any player would decode them."""
    with av.open(str(path)) as container:
        frames = list(container.decode(audio=0))
    parts = [
        f.to_ndarray() if f.format.is_planar else f.to_ndarray().reshape(-1, f.layout.nb_channels).T for f in frames
    ]
    return frames[0].sample_rate, np.concatenate(parts, axis=1).T


# ---- reading


def test_probe_and_frames(tmp_path: Path) -> None:
    frames = [picture(48, 64, k) for k in range(12)]
    path = write_video(tmp_path / "v.mp4", frames, fps=30)
    info = probe_video(path)
    assert (info.width, info.height, info.frames) == (64, 48, 12)
    assert info.fps == pytest.approx(30) and info.seconds == pytest.approx(0.4, abs=0.04)
    read = list(iter_frames(path))
    assert [round(t * 30) for t, _ in read] == list(range(12))
    for (_, got), want in zip(read, frames, strict=True):
        assert got.dtype == np.uint8 and got.flags.c_contiguous and got.shape == want.shape
        assert np.abs(got.astype(int) - want).mean() < 5


@pytest.mark.parametrize(("rotation", "turns"), [(90, 1), (180, 2), (-90, -1)])
def test_display_rotation(tmp_path: Path, rotation: int, turns: int) -> None:
    path = write_video(tmp_path / "r.mp4", [picture()] * 3, rotation=rotation)
    want = np.rot90(picture(), turns)
    info = probe_video(path)
    assert (info.height, info.width) == want.shape[:2]
    _, got = next(iter_frames(path))
    assert np.abs(got.astype(int) - want).mean() < 5


def test_variable_frame_rate_and_start(tmp_path: Path) -> None:
    times = [0, 1, 2, 6, 7, 15]
    path = write_video(tmp_path / "v.mp4", [picture()] * 6, times=times)
    assert np.allclose([t for t, _ in iter_frames(path)], np.array(times) / 25, atol=1e-3)
    # The first frame of a late-starting silent film is at 0; with sound, the clock is the sound's.
    late = write_video(tmp_path / "l.mkv", [picture()] * 3, delay=1.0, muxer="matroska")
    assert next(iter_frames(late))[0] == pytest.approx(0)
    both = write_video(tmp_path / "b.mkv", [picture()] * 3, delay=0.4, sound=tone(1, RATE), muxer="matroska")
    assert next(iter_frames(both))[0] == pytest.approx(0.4, abs=0.07)  # AAC starts a frame early in Matroska


def test_frames_come_before_the_whole_file_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_video(tmp_path / "v.mp4", [picture(shift=k) for k in range(300)])
    decoded = 0
    original = video.decode

    def counting(*args):  # type: ignore[no-untyped-def]
        nonlocal decoded
        for item in original(*args):
            decoded += 1
            yield item

    monkeypatch.setattr(video, "decode", counting)
    for count, _ in enumerate(iter_frames(path), start=1):
        assert decoded == count
    assert decoded == 300


def test_damaged_packets_are_passed_over(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mkv", [picture(shift=k) for k in range(60)], muxer="matroska")
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 60] = b"\xff" * 60
    path.write_bytes(bytes(data))
    times = [t for t, _ in iter_frames(path)]
    assert 30 < len(times) <= 60 and all(b > a for a, b in itertools.pairwise(times))
    path.write_bytes(bytes(data[:middle]))
    assert 10 < len(list(iter_frames(path))) < 45


def test_starts_at_the_first_decodable_frame(tmp_path: Path) -> None:
    """A stream cut in the middle of a group of pictures, as broadcasts and screen recordings are."""
    whole = write_video(tmp_path / "w.ts", [picture(shift=k) for k in range(20)], muxer="mpegts")
    data = whole.read_bytes()
    (tmp_path / "cut.ts").write_bytes(data[188 * (len(data) // 188 // 3) :])
    read = list(iter_frames(tmp_path / "cut.ts"))
    assert 5 <= len(read) < 20
    assert read[0][0] == 0
    errors = [min(np.abs(rgb.astype(int) - picture(shift=k)).mean() for k in range(20)) for _, rgb in read]
    assert max(errors) < 6


@pytest.mark.parametrize(
    ("content", "says"),
    [(None, "does not exist"), (b"", "is empty"), (b"no film at all\n" * 99, "is a text file")],
)
def test_bad_videos(tmp_path: Path, content: bytes | None, says: str) -> None:
    path = tmp_path / "bad.mp4"
    if content is not None:
        path.write_bytes(content)
    for read in (probe_video, lambda p: next(iter_frames(p))):
        with pytest.raises(InputError, match=says) as caught:
            read(path)
        assert "bad.mp4" in str(caught.value)


def test_sound_is_no_video(tmp_path: Path, speech: Path) -> None:
    with pytest.raises(InputError, match="a WAV sound; give a video"):
        probe_video(speech)
    with pytest.raises(InputError, match="is a folder"):
        next(iter_frames(tmp_path))


# ---- writing


@pytest.mark.parametrize(("frames", "fps"), [(25, 25.0), (37, 25.0), (110, 25.0), (31, 29.97), (6, 25.0)])
def test_mp4_lengths_are_equal(tmp_path: Path, speech: Path, frames: int, fps: float) -> None:
    out = tmp_path / "o.mp4"
    with VideoWriter(out, 64, 48, fps=fps, sound=speech) as writer:
        for k in range(frames):
            writer.write(picture(shift=k))
    assert writer.frames == frames
    info = probe_video(out)
    assert info.frames == frames and info.fps == pytest.approx(fps, rel=1e-3)
    want = round(frames / fps * 44_100)
    assert abs(len(load_sound(out, 44_100)) - want) <= 4
    rate, heard = decoded_sound(out)
    assert rate == 44_100 and heard.shape[1] == 2 and want <= len(heard) < want + 1024 + 4
    with av.open(str(out)) as container:
        spans = [float(s.duration * s.time_base) for s in container.streams]
    assert abs(spans[0] - spans[1]) <= 0.002


def test_mp4_sound_is_the_sound_and_then_silence(tmp_path: Path, speech: Path) -> None:
    out = tmp_path / "o.mp4"
    with VideoWriter(out, 64, 48, sound=speech) as writer:
        for _ in range(100):
            writer.write(picture())
    _, heard = decoded_sound(out)
    want = np.concatenate([tone(3, 44_100, channels=2), np.zeros((44_100, 2), np.float32)])
    assert np.abs(heard[2000 : 44_100 * 2] - want[2000 : 44_100 * 2]).max() < 0.01  # in place to the sample
    assert np.abs(heard[44_100 * 3 + 3000 :]).max() < 1e-3


def test_mp4_format(tmp_path: Path, speech: Path) -> None:
    out = tmp_path / "o.mp4"
    with VideoWriter(out, 64, 48, sound=speech) as writer:
        for k in range(10):
            writer.write(picture(shift=k))
    with av.open(str(out)) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        assert (context.name, context.pix_fmt) == ("h264", "yuv420p")
        assert (context.color_range, context.colorspace, context.color_primaries, context.color_trc) == (1, 1, 1, 1)
        assert stream.average_rate == 25 and container.streams.audio[0].codec_context.name == "aac"
    data = out.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


def test_colours_survive(tmp_path: Path) -> None:
    patches = [
        (255, 0, 0),
        (0, 255, 0),
        (0, 0, 255),
        (255, 255, 255),
        (0, 0, 0),
        (200, 150, 120),
        (90, 60, 40),
        (128,) * 3,
    ]
    frame = np.repeat(np.array(patches, np.uint8)[None], 64, axis=0).repeat(32, axis=1)
    for name in ("o.mp4", "o.webm"):
        with VideoWriter(tmp_path / name, frame.shape[1], 64) as writer:
            for _ in range(5):
                writer.write(frame)
        _, got = list(iter_frames(tmp_path / name))[-1]
        for k, want in enumerate(patches):
            assert np.abs(got[8:56, 32 * k + 8 : 32 * k + 24].mean(axis=(0, 1)) - want).max() < 3


@pytest.mark.parametrize(("height", "width"), [(47, 63), (48, 63), (47, 64), (1, 1), (33, 301)])
@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
def test_odd_sizes(tmp_path: Path, height: int, width: int, suffix: str) -> None:
    out = tmp_path / f"o{suffix}"
    with VideoWriter(out, width, height) as writer:
        for _ in range(3):
            writer.write(picture(height, width))
    info = probe_video(out)
    assert (info.height, info.width) == (height + height % 2, width + width % 2)
    _, got = next(iter_frames(out))
    want = np.pad(picture(height, width), ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    assert np.abs(got.astype(int) - want).mean() < 6


@pytest.mark.parametrize(
    ("native", "stored"), [(8_000, 8_000), (16_000, 16_000), (17_000, 22_050), (48_000, 48_000), (96_000, 48_000)]
)
def test_sound_rate_and_channels(tmp_path: Path, native: int, stored: int) -> None:
    six = tone(1, native, channels=6)
    source = write_sound(tmp_path / "s.wav", six, native, "wav", "pcm_s16le")
    with VideoWriter(tmp_path / "o.mp4", 16, 16, sound=source) as writer:
        for _ in range(25):
            writer.write(picture(16, 16))
    info = probe_sound(tmp_path / "o.mp4")
    assert (info.rate, info.channels) == (stored, 1)
    heard = load_sound(tmp_path / "o.mp4")
    assert abs(len(heard) - RATE) <= 1
    assert abs(np.sqrt(2) * heard[3000:13_000].std() - six.mean(axis=1).max()) < 0.01


def test_sound_is_pulled_along(tmp_path: Path, speech: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = 0
    original = sinks.SoundFeed.take

    def counting(self, count):  # type: ignore[no-untyped-def]
        nonlocal taken
        taken += count
        return original(self, count)

    monkeypatch.setattr(sinks.SoundFeed, "take", counting)
    with VideoWriter(tmp_path / "o.mp4", 64, 48, sound=speech) as writer:
        for k in range(1, 50):
            writer.write(picture())
            assert k * 1764 - 1024 < taken <= k * 1764
    assert taken == 49 * 1764


def test_webm_with_alpha(tmp_path: Path, speech: Path) -> None:
    out = tmp_path / "o.webm"
    alpha = np.zeros((48, 64), np.uint8)
    alpha[:, 32:] = 255
    with VideoWriter(out, 64, 48, sound=speech, alpha=True) as writer:
        for _ in range(25):
            writer.write(np.dstack([picture(), alpha]))
    assert abs(len(load_sound(out, 48_000)) - 48_000) <= 48
    with av.open(str(out)) as container:
        assert container.streams.video[0].metadata.get("alpha_mode") == "1"
        decoder = av.CodecContext.create("libvpx-vp9", "r")
        frame = next(f for packet in container.demux(video=0) for f in decoder.decode(packet))
        rgba = frame.to_ndarray(format="rgba")
    assert rgba[:, :28, 3].max() < 16 and rgba[:, 36:, 3].min() > 240
    assert np.abs(rgba[:, 36:, :3].astype(int) - picture()[:, 36:]).mean() < 8


@pytest.mark.parametrize("name", ["frames", "frames/", "take.1/"])
def test_png_folder(tmp_path: Path, speech: Path, name: str) -> None:
    out = f"{tmp_path}/{name}"
    rgba = np.dstack([picture(47, 63), np.full((47, 63), 99, np.uint8)])
    with VideoWriter(out, 63, 47, sound=speech, alpha=True, metadata={"title": "T"}) as writer:
        for _ in range(5):
            writer.write(rgba)
    names = sorted(item.name for item in Path(out).iterdir())
    assert names == [f"{k:06d}.png" for k in range(5)] + ["audio.wav"]
    with Pil.open(Path(out) / "000004.png") as saved:
        assert np.array_equal(np.asarray(saved), rgba) and saved.info["title"] == "T"
    with wave.open(str(Path(out) / "audio.wav")) as sound:
        assert sound.getparams()[:4] == (2, 2, 44_100, 5 * 1764)


def test_rgb_and_rgba_frames_both_fit(tmp_path: Path) -> None:
    rgba = np.dstack([picture(), np.full((48, 64), 9, np.uint8)])
    with VideoWriter(tmp_path / "a", 64, 48, alpha=True) as writer:
        writer.write(picture())
    with VideoWriter(tmp_path / "b", 64, 48) as writer:
        writer.write(rgba)
    for folder in "ab":
        image = load_image(tmp_path / folder / "000000.png")
        assert np.array_equal(image.rgb, picture()) and image.alpha is None


@pytest.mark.parametrize("bad", [picture(10, 10), picture().astype(np.float32), picture()[..., 0]])
def test_wrong_frames(tmp_path: Path, bad: np.ndarray) -> None:
    with pytest.raises(ValueError, match="expected"), VideoWriter(tmp_path / "o.mp4", 64, 48) as writer:
        writer.write(bad)
    assert not list(tmp_path.iterdir())


# ---- a whole file or none


def left_over(folder: Path) -> list[str]:
    return sorted(item.name for item in folder.iterdir() if item.name != "in")


@pytest.mark.parametrize("name", ["o.mp4", "o.webm", "frames"])
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, InputError])
def test_an_error_leaves_nothing(tmp_path: Path, speech: Path, name: str, error: type[BaseException]) -> None:
    with pytest.raises(error), VideoWriter(tmp_path / name, 64, 48, sound=speech) as writer:
        for _ in range(30):
            writer.write(picture())
        assert not (tmp_path / name).exists()
        raise error("stop")
    assert left_over(tmp_path) == []


@pytest.mark.parametrize("name", ["o.mp4", "frames"])
def test_an_error_keeps_the_old_file(tmp_path: Path, name: str) -> None:
    def write(shift: int, stop: bool) -> None:
        with VideoWriter(tmp_path / name, 64, 48, force=True) as writer:
            writer.write(picture(shift=shift))
            if stop:
                raise KeyboardInterrupt

    def content() -> bytes:
        path = tmp_path / name
        return path.read_bytes() if path.is_file() else (path / "000000.png").read_bytes()

    write(0, stop=False)
    first = content()
    with pytest.raises(KeyboardInterrupt):
        write(9, stop=True)
    assert content() == first and left_over(tmp_path) == [name]
    write(9, stop=False)
    assert content() != first and left_over(tmp_path) == [name]


@pytest.mark.parametrize(("suffix", "alpha"), [(".mp4", False), (".webm", False), (".webm", True)])
def test_the_same_frames_make_the_same_bytes(tmp_path: Path, speech: Path, suffix: str, alpha: bool) -> None:
    made = set()
    for take in range(2):
        with VideoWriter(tmp_path / f"{take}{suffix}", 128, 96, sound=speech, alpha=alpha) as writer:
            for shift in range(20):
                frame = picture(96, 128, shift)
                writer.write(np.dstack([frame, frame[..., 0]]) if alpha else frame)
        made.add((tmp_path / f"{take}{suffix}").read_bytes())
    assert len(made) == 1, "no date, nothing drawn by chance"


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity") or len(os.sched_getaffinity(0)) < 2, reason="needs two CPUs")
@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
def test_the_number_of_processors_changes_nothing(tmp_path: Path, suffix: str) -> None:
    code = (
        "import os, sys, numpy as np\nos.sched_setaffinity(0, {int(n) for n in sys.argv[2].split(',')})\n"
        "from mssync.media.video import VideoWriter\nrng = np.random.default_rng(0)\n"
        "base = rng.integers(0, 255, (12, 16, 3), np.uint8).repeat(16, 0).repeat(16, 1)\n"
        "with VideoWriter(sys.argv[1], 256, 192) as writer:\n"
        "    for i in range(20):\n        writer.write(np.roll(base, 3 * i, 0))\n"
    )
    first, second = sorted(os.sched_getaffinity(0))[:2]
    made = set()
    for number, cpus in enumerate((f"{first}", f"{first},{second}")):
        out = tmp_path / f"{number}{suffix}"
        subprocess.run([sys.executable, "-c", code, str(out), cpus], check=True)
        made.add(out.read_bytes())
    assert len(made) == 1


@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
def test_existing_is_refused(tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"o{suffix}"
    out.write_bytes(b"precious")
    with pytest.raises(OutputError, match="exists already; use --force"):
        VideoWriter(out, 64, 48)
    assert out.read_bytes() == b"precious"


def test_file_that_appears_meanwhile_is_kept(tmp_path: Path) -> None:
    out = tmp_path / "o.mp4"
    with pytest.raises(OutputError, match="exists already"), VideoWriter(out, 64, 48) as writer:
        writer.write(picture())
        out.write_bytes(b"precious")
    assert out.read_bytes() == b"precious" and left_over(tmp_path) == ["o.mp4"]


def test_folders_with_other_files_are_never_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    with VideoWriter(folder, 64, 48) as writer:  # empty: nothing to lose
        writer.write(picture())
    with pytest.raises(OutputError, match="not empty; use --force"):
        VideoWriter(folder, 64, 48)
    (folder / "thesis.txt").write_text("years of work")
    with pytest.raises(OutputError, match="holds other files"):
        VideoWriter(folder, 64, 48, force=True)
    assert (folder / "thesis.txt").exists()


def test_bad_outputs(tmp_path: Path, speech: Path) -> None:
    cases = {
        tmp_path / "o.avi": r"o\.avi has an unknown ending; use \.mp4, \.webm",
        tmp_path / "missing" / "o.mp4": "create .*missing first",
        tmp_path / "in" / "s.wav" / "o.mp4": "does not exist",
    }
    for out, says in cases.items():
        with pytest.raises(OutputError, match=says):
            VideoWriter(out, 64, 48)
    (tmp_path / "d.mp4").mkdir()
    with pytest.raises(OutputError, match="is a folder"):
        VideoWriter(tmp_path / "d.mp4", 64, 48, force=True)
    with pytest.raises(OutputError, match="no transparency"):
        VideoWriter(tmp_path / "o.mp4", 64, 48, alpha=True)
    with pytest.raises(OutputError, match="16384"):
        VideoWriter(tmp_path / "o.mp4", 20_000, 48)
    with pytest.raises(OutputError):
        VideoWriter(tmp_path / "a\0b.mp4", 64, 48)
    with pytest.raises(OutputError, match="No frame"), VideoWriter(tmp_path / "o.mp4", 64, 48):
        pass
    film = write_video(tmp_path / "in" / "v.mp4", [picture()] * 9, sound=tone(0.4, RATE))
    with pytest.raises(OutputError, match="is an input too"):
        VideoWriter(film, 64, 48, sound=film, force=True)
    assert left_over(tmp_path) == ["d.mp4"]


def test_bad_sound_is_told_before_any_frame(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    short = write_sound(tmp_path / "in" / "s.wav", tone(0.1, RATE), RATE, "wav", "pcm_s16le")
    for name in ("o.mp4", "frames"):
        for sound in (short, tmp_path / "none.wav"):
            with pytest.raises(InputError), VideoWriter(tmp_path / name, 64, 48, sound=sound):
                pytest.fail("no frame should be asked for")
    assert left_over(tmp_path) == []


def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **options: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    monkeypatch.setattr(Path, "mkdir", refuse)
    for name in ("o.mp4", "frames"):
        with pytest.raises(OutputError, match="No permission to write"), VideoWriter(tmp_path / name, 64, 48):
            pytest.fail("no frame should be asked for")


class _FullDisk:
    """A container whose disk is full after some packets."""

    def __init__(self, inner: object, after: int, error: Exception) -> None:
        self.inner, self.left, self.error = inner, after, error

    def mux(self, packets: object) -> None:
        self.left -= 1
        if self.left < 0:
            raise self.error
        self.inner.mux(packets)  # type: ignore[attr-defined]

    def __getattr__(self, name: str) -> object:
        return getattr(self.inner, name)


@pytest.mark.parametrize("after", [0, 30, 200])
@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left"), av.error.OSError(errno.ENOSPC, "No space left", "x")]
)
def test_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int, error: Exception) -> None:
    original = av.open

    def opened(file, mode="r", **options):  # type: ignore[no-untyped-def]
        container = original(file, mode, **options)
        return _FullDisk(container, after, error) if mode == "w" else container

    monkeypatch.setattr(sinks.av, "open", opened)
    out = tmp_path / "o.mp4"
    with pytest.raises(OutputError, match=r"disk is full: .*o\.mp4"), VideoWriter(out, 64, 48) as writer:
        for k in range(250):
            writer.write(picture(shift=k))
    assert left_over(tmp_path) == []


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are POSIX")
@pytest.mark.parametrize("name", ["o.mp4", "o.webm", "frames"])
@pytest.mark.parametrize("limit", [0, 2_000, 20_000])
def test_writes_that_really_fail(tmp_path: Path, speech: Path, name: str, limit: int) -> None:
    """A file size limit makes the system refuse writes as a full disk does."""
    import resource

    noise = np.random.default_rng(0).integers(0, 255, (48, 64, 3), dtype=np.uint8)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        with pytest.raises(OutputError), VideoWriter(tmp_path / name, 64, 48, sound=speech) as writer:
            for _ in range(60):
                writer.write(noise)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert left_over(tmp_path) == []


def test_odd_names(tmp_path: Path) -> None:
    for name in ("größe %d 東京.mp4", "pipe:1.mp4", "x" * 200 + ".mp4"):
        with VideoWriter(tmp_path / name, 16, 16) as writer:
            writer.write(picture(16, 16))
        assert probe_video(tmp_path / name).frames == 1


def test_the_limit_is_on_what_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pixels four times as wide as high make a frame four times as large."""
    path = tmp_path / "v.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(4)
        for _ in range(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture(), format="rgb24")))
        container.mux(stream.encode(None))
    assert next(iter_frames(path))[1].shape == (48, 256, 3)
    monkeypatch.setattr(video, "MAX_PIXELS", 64 * 48 * 2)
    for read in (probe_video, lambda p: next(iter_frames(p))):
        with pytest.raises(InputError, match="megapixels a frame"):
            read(path)
