"""A file of the wrong kind is told by what it holds, whatever its name says."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from media_samples import picture, tone, write_sound, write_video
from PIL import Image as Pil

from mssync.errors import InputError, OutputError
from mssync.files import checked_target
from mssync.inputs import load_motion
from mssync.media.audio import probe_sound
from mssync.media.image import load_image
from mssync.media.kinds import kind_of_bytes
from mssync.media.video import probe_video


def _zip() -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("a.txt", "a")
    return held.getvalue()


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic", "HEIC"),
        (b"\x00\x00\x00\x18ftypcrx \x00\x00\x00\x01crx isom", "raw"),
        (b"II*\x00\x10\x00\x00\x00CR\x02\x00" + bytes(50), "raw"),
        (b"8BPS\x00\x01" + bytes(50), "Photoshop"),
        (b"%PDF-1.7\n%\xe2\xe3", "PDF"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"<?xml version='1.0'?>\n<svg/>", "SVG"),
        (b"\r\n<!DOCTYPE html><html><title>404</title></html>", "web page"),
        (b"photo,speech\na,b\n", "text file"),
        ("żółw\n".encode("utf-16"), "text file"),
        (_zip(), "ZIP"),
    ],
)
def test_what_is_no_photo_and_no_sound_is_named(tmp_path: Path, content: bytes, name: str) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    for read in (load_image, probe_sound, probe_video):
        with pytest.raises(InputError, match=rf"a\.jpg is an? .*{name}.*; .*(give|export|save|unpack)"):
            read(path)


def test_photo_and_speech_swapped(tmp_path: Path) -> None:
    photo, speech, film = tmp_path / "a", tmp_path / "b", tmp_path / "c"
    Pil.fromarray(picture()).save(photo, "JPEG")
    write_sound(tmp_path / "b.wav", tone(0.5, 16_000), 16_000, "wav", "pcm_s16le").rename(speech)
    write_video(tmp_path / "c.mp4", [picture()] * 5).rename(film)
    with pytest.raises(InputError, match=r"a JPEG picture; .*PHOTO comes first and SPEECH second"):
        probe_sound(photo)
    with pytest.raises(InputError, match=r"a WAV sound; .*PHOTO comes first and SPEECH second"):
        load_image(speech)
    with pytest.raises(InputError, match=r"an MP4 or MOV video; .*still"):
        load_image(film)
    with pytest.raises(InputError, match="a WAV sound; give a video"):
        probe_video(speech)


def test_a_cut_off_video_is_called_cut_off(tmp_path: Path) -> None:
    film = write_video(tmp_path / "w.mp4", [picture()] * 25)
    # FFmpeg's plain MP4 has its index at the end, so a file without its end cannot be opened.
    content = film.read_bytes()
    film.write_bytes(content[: content.index(b"moov") - 4])
    for read in (probe_video, probe_sound):
        with pytest.raises(InputError, match=r"w\.mp4 is an MP4 or MOV video that is cut off"):
            read(film)
    matroska = write_video(tmp_path / "v.mkv", [picture()] * 25, muxer="matroska")
    matroska.write_bytes(matroska.read_bytes()[:40])
    with pytest.raises(InputError, match="Matroska or WebM video that is cut off"):
        probe_video(matroska)


@pytest.mark.parametrize("address", ["https://a.b/c.jpg", "file:///c.jpg", "data:image/png;base64,AAAA", "HTTP:/a.b/c"])
def test_addresses_and_standard_input_are_named(address: str) -> None:
    for read in (load_image, probe_sound, probe_video):
        with pytest.raises(InputError, match="is an address; download it"):
            read(address)
        with pytest.raises(InputError, match=r"standard input \(-\)"):
            read("-")
    with pytest.raises(OutputError, match=r"standard output \(-\)"):
        checked_target(Path("-"), force=False)


def test_noise_is_of_no_known_kind() -> None:
    assert kind_of_bytes(np.random.default_rng(1).bytes(4096)) is None
    assert kind_of_bytes(b"") is None


def test_files_in_the_place_of_a_motion(tmp_path: Path) -> None:
    photo, film, speech = tmp_path / "a.npz", tmp_path / "b.mp4", tmp_path / "c.npz"
    Pil.fromarray(picture()).save(photo, "PNG")
    write_video(film, [picture()] * 5)
    write_sound(tmp_path / "c.wav", tone(0.5, 16_000), 16_000, "wav", "pcm_s16le").rename(speech)
    with pytest.raises(InputError, match=r"a\.npz is a PNG picture; .*PHOTO comes first and MOTION second"):
        load_motion(photo)
    with pytest.raises(InputError, match=r"MOV video; make a motion of it first, with: mssync track .*b\.mp4 -o"):
        load_motion(film)
    with pytest.raises(InputError, match=r"a WAV sound; .*--speech"):
        load_motion(speech)
    with pytest.raises(InputError, match=r"https://a\.b/m\.npz is an address"):
        load_motion(Path("https://a.b/m.npz"))
    np.savez(tmp_path / "m.jpg.npz", values=np.zeros(3))
    with pytest.raises(InputError, match=r"a motion file .*; PHOTO comes first and MOTION second"):
        load_image(tmp_path / "m.jpg.npz")
