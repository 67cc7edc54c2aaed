"""What notebooks and web apps hold in memory is taken for what it is, or refused by one sentence."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from media_samples import picture, tone
from PIL import Image as Pil

from mssync import TalkingHead
from mssync.errors import InputError
from mssync.inputs import Speech, load_photo
from mssync.media.audio import iter_sound, save_wav

RATE = 16_000


def _saved(kind: str, **options: Any) -> bytes:
    held = io.BytesIO()
    Pil.fromarray(picture()).save(held, kind, **options)
    return held.getvalue()


@pytest.mark.parametrize("wrap", [bytes, bytearray, memoryview, io.BytesIO])
def test_pictures_as_bytes(wrap: Any) -> None:
    assert np.array_equal(load_photo(wrap(_saved("PNG")), "native")[0].rgb, picture())


def test_pillow_pictures_of_any_mode_and_turn() -> None:
    whole = Pil.fromarray(picture())
    assert np.array_equal(load_photo(whole, "native")[0].rgb, picture())
    grey = load_photo(whole.convert("L"), "native")[0].rgb
    assert np.array_equal(grey, np.repeat(np.asarray(whole.convert("L"))[..., None], 3, 2))
    exif = Pil.Exif()
    exif[0x0112] = 6
    turned = Pil.open(io.BytesIO(_saved("PNG", exif=exif)))
    assert np.array_equal(load_photo(turned, "native")[0].rgb, np.rot90(picture(), -1))
    assert load_photo(whole.convert("RGBA"), "native")[0].alpha is None
    clear = whole.copy()
    clear.putalpha(128)
    seen = load_photo(clear.convert("RGBa"), "native")[0].alpha
    assert seen is not None and seen.min() == seen.max() == 128
    content = _saved("PNG")
    late = Pil.open(io.BytesIO(content[: len(content) // 2]))
    with pytest.raises(InputError, match="The photo cannot be decoded"):
        load_photo(late, "native")
    assert np.array_equal(load_photo(np.moveaxis(picture(), 2, 0), "native")[0].rgb, picture())


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32, np.float64, "0..255", int])
@pytest.mark.parametrize("grey", [False, True])
def test_picture_arrays(kind: Any, grey: bool) -> None:
    expected = picture()
    array: Any = expected[..., :1] if grey else expected
    if kind == "0..255":
        array = array.astype(np.float32)
    elif kind == np.uint16:
        array = array.astype(np.uint16) * 257
    elif np.dtype(kind).kind == "f":
        array = array.astype(kind) / 255
    else:
        array = array.astype(kind)
    made = load_photo(array[..., 0] if grey else array, "native")[0].rgb
    assert np.array_equal(made, np.repeat(expected[..., :1], 3, 2) if grey else expected)


@pytest.mark.parametrize(
    "photo",
    [None, 5, {}, b"", np.zeros((0, 5, 3)), np.zeros((9, 9, 2)), np.full((9, 9, 3), np.nan), np.full((9, 9, 3), 300.0),
     np.full((9, 9, 3), "a"), np.full((9, 9, 3), -1), io.StringIO("text"), b"%PDF-1.7", [[1, 2], [3]]],
)  # fmt: skip
def test_photos_that_are_none(photo: Any) -> None:
    with pytest.raises(InputError, match=r"photo"):
        load_photo(photo, None)


def _heard(speech: Any) -> np.ndarray:
    return np.concatenate(list(Speech.open(speech).chunks()))


@pytest.mark.parametrize("kind", [np.int16, np.int32, np.uint8, np.float32, np.float64])
@pytest.mark.parametrize("pair", [False, True])
def test_sound_arrays_are_scaled_by_their_type(kind: Any, pair: bool) -> None:
    sound = tone(0.5, RATE)[:, 0]
    scale = {np.int16: 2**15, np.int32: 2**31, np.uint8: 2**7}.get(kind, 1)
    array = (sound.astype(np.float64) * scale + (128 if kind is np.uint8 else 0)).astype(kind)
    heard = _heard((RATE, array) if pair else array)
    assert np.abs(heard - sound).max() < (0.01 if kind is np.uint8 else 1e-4)


def test_sound_pairs_keep_rate_and_channels() -> None:
    stereo = tone(0.5, 44_100, channels=2)
    for array in (stereo, stereo.T, (stereo * 2**15).astype(np.int16)):
        voice = Speech.open((44_100, array))
        assert abs(voice.samples - RATE // 2) <= 1
        with voice.file() as path:
            laid = np.concatenate(list(iter_sound(path, 44_100, mono=False)))
        assert laid.shape == stereo.shape and np.abs(laid - stereo).max() < 1e-4
    assert Speech.open((44_100.0, stereo)).samples == voice.samples  # type: ignore[arg-type]
    path = Speech.open((44_100, stereo)).path
    assert path is not None and not path.exists()  # nobody holds that voice any more


def test_sounds_as_bytes(tmp_path: Path) -> None:
    save_wav(tmp_path / "v.wav", tone(0.5, RATE)[:, 0], RATE, True)
    content = (tmp_path / "v.wav").read_bytes()
    for held in (content, bytearray(content), io.BytesIO(content)):
        assert np.array_equal(_heard(held), _heard(tmp_path / "v.wav"))
    with (tmp_path / "v.wav").open("rb") as file:
        assert len(_heard(file)) == RATE // 2


@pytest.mark.parametrize(
    "speech",
    [None, 5, b"", {}, np.zeros(100), np.full(9000, 3e4), np.full(9000, np.nan), np.zeros(9000, complex),
     np.zeros((9, 9, 9)), np.ones(9000, int), (np.zeros(9000), 16_000), (0, np.zeros(9000)), (16_000, None),
     (16_000, np.zeros(9)),
     io.StringIO("a")],
)  # fmt: skip
def test_sounds_that_are_none(speech: Any) -> None:
    with pytest.raises(InputError, match=r"[Ss]peech|sound"):
        Speech.open(speech)


def test_sentences_name_no_scratch_file() -> None:
    for speech in (b"%PDF-1.7 of no sound", b"words of no sound at all"):
        with pytest.raises(InputError, match="The speech is a") as caught:
            Speech.open(speech)
        assert "mssync-" not in str(caught.value)


def test_videos_and_motions_go_by_name() -> None:
    head = TalkingHead.load()
    for call in (lambda: head.track(b"film"), lambda: head.render(picture(), {})):  # type: ignore[arg-type]
        with pytest.raises(InputError, match="must be"):
            call()
