"""Voices and photos on their way in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mssync.errors import InputError
from mssync.inputs import Speech, load_photo, on_white
from mssync.media.audio import save_wav
from mssync.media.image import Image


@pytest.mark.parametrize(("samples", "frames"), [(3200, 5), (6400, 10), (6719, 10), (6721, 11), (16_000, 25)])
def test_frames_are_the_sound_to_the_nearest(tmp_path: Path, samples: int, frames: int) -> None:
    sound = np.linspace(-0.5, 0.5, samples, dtype=np.float32)
    assert Speech.open(sound).frames == frames
    save_wav(tmp_path / "v.wav", sound, 16_000, True)
    voice = Speech.open(tmp_path / "v.wav")
    assert (voice.samples, voice.frames) == (samples, frames)
    assert np.allclose(np.concatenate(list(voice.chunks())), sound, atol=1e-4)


def test_samples_become_a_file_for_the_time_of_the_block() -> None:
    sound = np.sin(np.arange(40_000, dtype=np.float32) / 9) * np.float32(0.3)
    voice = Speech.open(sound.astype(np.float64))
    assert [len(c) for c in voice.chunks()] == [16_000, 16_000, 8_000]
    with voice.file() as path:
        assert np.allclose(np.concatenate(list(Speech.open(path).chunks())), sound, atol=1e-4)
    assert not path.exists()


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0x7FFFF024, 0])
def test_a_wav_written_through_a_pipe_is_not_called_cut_off(tmp_path: Path, size: int) -> None:
    """Its header holds no length, because the writer could not go back to fill it in."""
    path = tmp_path / "pipe.wav"
    save_wav(path, np.zeros(16_000, np.float32), 16_000, True)
    content = bytearray(path.read_bytes())
    content[4:8] = size.to_bytes(4, "little")
    if size:
        at = content.index(b"data") + 4
        content[at : at + 4] = (size - 36).to_bytes(4, "little")
    path.write_bytes(content)
    assert Speech.open(path).samples == 16_000


def test_a_wav_with_something_behind_the_sound(tmp_path: Path) -> None:
    path = tmp_path / "v.wav"
    save_wav(path, np.zeros(16_000, np.float32), 16_000, True)
    path.write_bytes(path.read_bytes() + bytes(50_000))
    assert Speech.open(path).samples == 16_000


def test_a_cut_off_wav_says_where(tmp_path: Path) -> None:
    path = tmp_path / "v.wav"
    save_wav(path, np.zeros(16_000 * 8, np.float32), 16_000, True)
    path.write_bytes(path.read_bytes()[: 44 + 16_000 * 4])
    with pytest.raises(InputError, match=r"breaks off after 2\.0 of 8\.0 s"):
        Speech.open(path)


@pytest.mark.parametrize(
    ("shape", "size", "side", "scale"),
    [
        ((300, 400), None, 400, 1.0),
        ((2160, 1080), None, 1080, 0.5),
        ((2160, 1080), "native", 2160, 1.0),
        ((300, 400), 800, 800, 2.0),
        ((300, 400), 100, 100, 0.25),
    ],
)
def test_sizes(shape: tuple[int, int], size: int | None, side: int, scale: float) -> None:
    image, factor = load_photo(np.zeros((*shape, 3), np.uint8), size)
    assert max(image.width, image.height) == side
    assert factor == scale


@pytest.mark.parametrize("size", [0, 63, 8193, -5])
def test_sizes_out_of_range(size: int) -> None:
    with pytest.raises(InputError, match="--size"):
        load_photo(np.zeros((100, 100, 3), np.uint8), size)


def test_half_transparent_pixels_mix_with_white() -> None:
    alpha = np.array([[0, 51, 255]], np.uint8)
    shown = on_white(Image(np.full((1, 3, 3), 100, np.uint8), alpha, "x"))
    assert shown.rgb[0, :, 0].tolist() == [255, 224, 100]
    assert np.array_equal(shown.alpha, alpha)


@pytest.mark.parametrize("highest", [0, 10])
def test_a_transparent_photo_is_refused(highest: int) -> None:
    alpha = np.full((300, 400), highest, np.uint8)
    with pytest.raises(InputError, match="fully transparent"):
        load_photo(np.dstack([np.full((300, 400, 3), 90, np.uint8), alpha]), None)
    alpha[:20] = 255
    assert load_photo(np.dstack([np.full((300, 400, 3), 90, np.uint8), alpha]), None)[1] == 1.0
