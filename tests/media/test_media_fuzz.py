"""Whatever bytes a file holds, the readers return a valid result or one of our errors, never anything else."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from media_samples import SOUND_KINDS, picture, tone, write_sound, write_video
from PIL import Image as Pil

from mssync.errors import MssyncError
from mssync.media.audio import iter_sound, probe_sound
from mssync.media.image import load_image
from mssync.media.provenance import read_synthetic_mark
from mssync.media.video import iter_frames, probe_video

MAGICS = [
    b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0\0\x10JFIF\0", b"GIF89a", b"RIFF\xff\0\0\0WEBPVP8 ", b"II*\0", b"BM",
    b"RIFF\xff\0\0\0WAVEfmt ", b"OggS\0\2", b"fLaC\0\0\0\x22", b"ID3\4\0\0\0\0\0\0\xff\xfb", b"\0\0\0\x18ftypisom",
    b"\x1aE\xdf\xa3", b"#EXTM3U\n", b"ffconcat version 1.0\nfile a\n", b"FLV\1\5\0\0\0\x09", b"G@\0\x10",
]  # fmt: skip

relaxed = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def image_ok(path: Path) -> None:
    image = load_image(path, max_pixels=4_000_000)
    assert image.rgb.dtype == np.uint8 and image.rgb.shape == (image.height, image.width, 3)


def sound_ok(path: Path) -> None:
    assert probe_sound(path).rate > 0
    for piece in itertools.islice(iter_sound(path), 20):
        assert piece.dtype == np.float32 and np.isfinite(piece).all() and np.abs(piece).max() <= 1


def video_ok(path: Path) -> None:
    assert probe_video(path).fps > 0
    last = -np.inf
    shapes = set()
    for seconds, rgb in itertools.islice(iter_frames(path), 20):
        assert seconds > last and rgb.dtype == np.uint8
        last = seconds
        shapes.add(rgb.shape)
    assert len(shapes) == 1


def mark_ok(path: Path) -> None:
    mark = read_synthetic_mark(path)
    assert mark is None or mark["synthetic"] is True


READERS = [image_ok, sound_ok, video_ok, mark_ok]


def survives(read: Callable[[Path], None], path: Path) -> None:
    try:
        read(path)
    except MssyncError as error:
        assert str(error).endswith(".") and "\n" not in str(error)


@pytest.fixture(scope="module")
def valid(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Small valid files of many kinds."""
    folder = tmp_path_factory.mktemp("valid")
    for suffix in (".png", ".jpg", ".gif", ".webp", ".tiff", ".bmp"):
        Pil.fromarray(picture(24, 32)).save(folder / f"i{suffix}")
    for kind in ("wav-s16", "wav-f32", "flac", "mp3", "m4a", "aac", "opus", "webm"):
        suffix, muxer, encoder = SOUND_KINDS[kind]
        write_sound(folder / f"{kind}{suffix}", tone(0.4, 48_000), 48_000, muxer, encoder)
    for suffix, muxer in ((".mp4", "mp4"), (".mkv", "matroska"), (".ts", "mpegts"), (".avi", "avi")):
        frames = [picture(24, 32, k) for k in range(6)]
        write_video(folder / f"v{suffix}", frames, sound=tone(0.3, 16_000), muxer=muxer)
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def readers_for(name: str) -> list[Callable[[Path], None]]:
    if name.startswith("i."):
        return [image_ok, mark_ok] if name == "i.png" else [image_ok]
    return [sound_ok, video_ok, mark_ok] if name.startswith("v.") else [sound_ok]


def test_the_valid_files_are_valid(valid: dict[str, bytes], tmp_path: Path) -> None:
    for name, data in valid.items():
        (tmp_path / name).write_bytes(data)
        for read in readers_for(name):
            read(tmp_path / name)


@pytest.mark.parametrize("read", READERS)
@relaxed
@given(magic=st.sampled_from(MAGICS), tail=st.binary(max_size=400))
def test_random_bytes(tmp_path: Path, read: Callable[[Path], None], magic: bytes, tail: bytes) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(magic + tail)
    survives(read, path)


@relaxed
@given(data=st.data())
def test_cut_off_files(tmp_path: Path, valid: dict[str, bytes], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(valid)))
    path = tmp_path / name
    path.write_bytes(valid[name][: data.draw(st.integers(0, len(valid[name]) - 1))])
    for read in readers_for(name):
        survives(read, path)


@settings(relaxed, max_examples=250)
@given(data=st.data())
def test_flipped_bits(tmp_path: Path, valid: dict[str, bytes], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(valid)))
    content = bytearray(valid[name])
    # Half of the damage goes to the header, where it confuses most.
    reach = data.draw(st.sampled_from([min(200, len(content)), len(content)]))
    for place in data.draw(st.lists(st.integers(0, reach * 8 - 1), min_size=1, max_size=12)):
        content[place // 8] ^= 1 << place % 8
    path = tmp_path / name
    path.write_bytes(bytes(content))
    for read in readers_for(name):
        survives(read, path)
