"""MP4 without x264: the next encoder that starts takes its place, one can be named, none leaves no file."""

from __future__ import annotations

import warnings
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from media_samples import picture, tone, write_sound

from mssync.errors import OutputError
from mssync.media import encoders
from mssync.media.encoders import CHOICE, MP4_ENCODERS, WEBM_ENCODERS, Encoder, choose
from mssync.media.sinks import CONTAINERS
from mssync.media.video import VideoWriter, iter_frames, probe_video

HEIGHT, WIDTH, COUNT = 131, 161, 10


@pytest.fixture(autouse=True)
def _no_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(CHOICE, raising=False)


def without(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Make FFmpeg lack these encoders."""
    there = encoders.has
    monkeypatch.setattr(encoders, "has", lambda name: name not in names and there(name))


def written(folder: Path, name: str) -> tuple[Path, str]:
    """A short video with sound, and the name of its picture's codec; its frames and length are checked."""
    speech = write_sound(folder / "s.wav", tone(1, 16_000), 16_000, "wav", "pcm_s16le")
    (folder / "out").mkdir()
    out = folder / "out" / name
    frames = [picture(HEIGHT, WIDTH, k) for k in range(COUNT)]
    with VideoWriter(out, WIDTH, HEIGHT, sound=speech) as writer:
        for frame in frames:
            writer.write(frame)
    info = probe_video(out)
    assert (info.width, info.height, info.fps) == (WIDTH + 1, HEIGHT + 1, 25)
    read = [frame for _, frame in iter_frames(out)]
    assert len(read) == COUNT
    for got, want in zip(read, frames, strict=True):
        assert np.abs(got[:HEIGHT, :WIDTH].astype(int) - want).mean() < 6
    with av.open(str(out)) as container:
        assert container.streams.audio[0].codec_context.name == ("opus" if name.endswith("webm") else "aac")
        stream = container.streams.video[0]
        assert (stream.codec_context.colorspace, stream.codec_context.color_range) == (1, 1)
        return out, stream.codec.canonical_name


@pytest.mark.parametrize("name", [e.name for e in MP4_ENCODERS])
def test_every_encoder_that_is_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(CHOICE, name)
    kind = CONTAINERS[".mp4"]
    try:
        found = choose(kind.encoders, (HEIGHT + 1, WIDTH + 1), Fraction(25), "yuv420p", kind.choice)
    except OutputError:
        pytest.skip(f"{name} does not start here")
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # who names an encoder is told nothing
        _, codec = written(tmp_path, "v.mp4")
    assert codec == {"H.264": "h264", "AV1": "av1"}[found.makes]


def test_svt_keeps_its_settings_to_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    if not encoders.has("libsvtav1"):
        pytest.skip("no SVT-AV1 here")
    monkeypatch.setenv(CHOICE, "libsvtav1")
    monkeypatch.delenv("SVT_LOG", raising=False)
    written(tmp_path, "v.mp4")
    assert capfd.readouterr().err == ""


def test_without_x264_the_next_takes_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, *(e.name for e in MP4_ENCODERS if e.makes == "H.264"))
    if not any(encoders.has(e.name) for e in MP4_ENCODERS):
        pytest.skip("no encoder of AV1 here")
    with pytest.warns(UserWarning, match=r"cannot encode H\.264: the picture is AV1"):
        _, codec = written(tmp_path, "v.mp4")
    assert codec == "av1"


def test_an_encoder_without_a_scale_gets_a_bit_rate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = Encoder("mpeg4", "H.264")
    assert plain.bit_rate(18, (100, 200), Fraction(25)) == 75_000
    assert plain.bit_rate(12, (100, 200), Fraction(25)) == 150_000
    assert MP4_ENCODERS[0].bit_rate(18, (100, 200), Fraction(25)) is None
    assert MP4_ENCODERS[0].settings(18)["crf"] == "18" and MP4_ENCODERS[-2].settings(18)["crf"] == "22"
    monkeypatch.setattr(encoders, "_BITS_PER_PIXEL", 2.0)  # the test picture is all edges
    monkeypatch.setitem(CONTAINERS, ".mp4", replace(CONTAINERS[".mp4"], encoders=(plain,)))
    _, codec = written(tmp_path, "v.mp4")
    assert codec == "mpeg4"


def test_an_encoder_that_does_not_start_is_passed_over() -> None:
    # Built in, but it takes no such pixels: what a platform's encoder without its device does.
    dead = Encoder("mjpeg", "VP9")
    assert choose((dead, *WEBM_ENCODERS), (64, 64), Fraction(25), "yuva420p10le") == WEBM_ENCODERS[0]


@pytest.mark.parametrize(
    ("choice", "lacking", "says"),
    [
        ("h265", (), "MSSYNC_MP4_ENCODER names 'h265'"),
        ("libsvtav1", ("libsvtav1",), r"cannot encode this file \(libsvtav1\)"),
        ("", tuple(e.name for e in MP4_ENCODERS), r"cannot encode this file \(libx264, .*libaom-av1\)"),
    ],
)
def test_no_encoder_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, choice: str, lacking: tuple[str, ...], says: str
) -> None:
    monkeypatch.setenv(CHOICE, choice)
    without(monkeypatch, *lacking)
    with pytest.raises(OutputError, match=says), VideoWriter(tmp_path / "v.mp4", 64, 64) as writer:
        writer.write(picture(64, 64))
    assert not list(tmp_path.iterdir())


def test_webm_is_vp9_whatever_mp4_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CHOICE, "libsvtav1")
    without(monkeypatch, "libx264")
    assert written(tmp_path, "v.webm")[1] == "vp9"
