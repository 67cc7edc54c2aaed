"""Decoding goes on past damaged packets and gives out what the decoder still holds when a file breaks off."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame
from media_samples import picture, tone, write_sound, write_video
from PIL import Image as Pil

from mssync.errors import InputError
from mssync.media.audio import load_sound
from mssync.media.container import decode, open_media, sound_stream, video_stream
from mssync.media.sinks import SoundFeed


@pytest.mark.parametrize("error", [av.error.InvalidDataError(1, "damaged", "x"), OSError(5, "disk gone"), IndexError()])
def test_a_file_that_breaks_off(tmp_path: Path, error: Exception) -> None:
    path = write_video(tmp_path / "v.mp4", [picture(shift=k) for k in range(20)])
    with open_media(path, "video") as container:
        stream = video_stream(container, path)

        def breaks_off(_: object) -> Iterator[object]:
            for count, packet in enumerate(container.demux(stream)):
                if count == 12:
                    raise error
                yield packet

        stream.thread_type = "AUTO"  # frame threads hold frames back, which only a flush gives out
        broken = SimpleNamespace(demux=breaks_off)
        frames = [frame for _, frame in decode(broken, stream, VideoFrame)]  # type: ignore[arg-type]
    assert len(frames) == 12


def _two_tracks(path: Path, first: np.ndarray, second: np.ndarray) -> Path:
    with av.open(str(path), "w") as container:
        streams = [container.add_stream("pcm_s16le", rate=16_000, layout="mono") for _ in range(2)]
        for stream, sound in zip(streams, (first, second), strict=True):
            data = np.rint(sound[:, 0] * 32767).astype(np.int16)[None]
            frame = av.AudioFrame.from_ndarray(data, format="s16", layout="mono")
            frame.sample_rate = 16_000
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    return path


def test_a_silent_first_track_gives_way(tmp_path: Path) -> None:
    loud, silent = tone(1, 16_000), np.random.default_rng(0).uniform(-5e-5, 5e-5, (16_000, 1))
    path = _two_tracks(tmp_path / "v.mkv", silent, loud)
    with pytest.warns(UserWarning, match=r"Sound track 1 of .*v\.mkv is silent, so track 2 is used"):
        heard = load_sound(path)
    assert np.abs(heard - loud[:, 0]).max() < 1e-3
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # The same for what is laid under the video, which is read after the voice: one note is enough.
        assert np.abs(SoundFeed(path, ()).take(16_000) - loud).max() < 1e-3
        assert np.abs(load_sound(_two_tracks(tmp_path / "w.mkv", loud, loud / 2)) - loud[:, 0]).max() < 1e-3
        assert np.abs(load_sound(_two_tracks(tmp_path / "x.mkv", silent, silent))).max() < 1e-3


def test_cover_art_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "song.mp3"
    plain = write_sound(tmp_path / "p.mp3", tone(1, 44_100), 44_100, "mp3", "libmp3lame").read_bytes()
    Pil.fromarray(picture()).save(tmp_path / "c.jpg")
    art = b"\0image/jpeg\0\x03\0" + (tmp_path / "c.jpg").read_bytes()
    frame = b"APIC" + len(art).to_bytes(4, "big") + b"\0\0" + art
    size = len(frame)
    header = b"ID3\x03\0\0" + bytes([size >> 21 & 127, size >> 14 & 127, size >> 7 & 127, size & 127])
    path.write_bytes(header + frame + plain)
    with open_media(path, "sound") as container:
        assert len(container.streams.video) == 1
        assert sound_stream(container, path).type == "audio"
        with pytest.raises(InputError, match="an MP3 sound; give a video"):
            video_stream(container, path)


def test_metadata_that_is_no_utf8(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.flac", tone(0.5, 16_000), 16_000, "flac", "flac")
    data = path.read_bytes()
    assert b"encoder=" in data
    path.write_bytes(data.replace(b"encoder=L", b"encoder=\xff"))
    with open_media(path, "sound") as container:
        assert len(container.streams) == 1


@pytest.mark.parametrize(("version", "told"), [("18.0.0", True), ("19.0.2", False), ("20.1.0", False)])
def test_every_pyav_is_asked_in_words_it_knows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, told: bool
) -> None:
    path = write_sound(tmp_path / "s.wav", tone(0.3, 16000), 16000, "wav", "pcm_s16le")
    asked: list[dict[str, object]] = []
    opened = av.open

    def watched(*args: object, **options: object) -> object:
        asked.append(dict(options))
        return opened(*args, **{k: v for k, v in options.items() if k != "metadata_errors"})  # type: ignore[call-overload]

    monkeypatch.setattr(av, "open", watched)
    monkeypatch.setattr(av, "__version__", version)
    with open_media(path, "sound"):
        pass
    assert [("metadata_errors" in options) for options in asked] == [told]
