"""Photos of every kind come out as upright 8-bit sRGB; bad ones as one sentence."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from media_samples import picture
from PIL import Image as Pil
from PIL import ImageCms, TiffImagePlugin

from mssync.errors import InputError, OutputError
from mssync.media.image import Image, load_image, save_png


def close(got: np.ndarray, want: np.ndarray, levels: float) -> bool:
    return got.shape == want.shape and float(np.abs(got.astype(int) - want.astype(int)).mean()) <= levels


@pytest.mark.parametrize(
    ("name", "options", "levels"),
    [
        ("a.png", {}, 0),
        ("a.bmp", {}, 0),
        ("a.tiff", {}, 0),
        ("a.jpg", {"quality": 95, "subsampling": 0}, 3),
        ("a.webp", {"lossless": True}, 0),
        ("a.webp", {"quality": 95}, 5),
    ],
)
def test_colour_formats(tmp_path: Path, name: str, options: dict[str, object], levels: float) -> None:
    Pil.fromarray(picture()).save(tmp_path / name, **options)
    image = load_image(tmp_path / name)
    assert close(image.rgb, picture(), levels)
    assert image.rgb.dtype == np.uint8 and image.rgb.flags.c_contiguous
    assert image.alpha is None and image.name == name
    assert (image.height, image.width) == (48, 64)


def test_grey_and_bilevel(tmp_path: Path) -> None:
    grey = picture()[..., 0]
    Pil.fromarray(grey).save(tmp_path / "grey.png")
    assert close(load_image(tmp_path / "grey.png").rgb, np.dstack([grey] * 3), 0)
    Pil.fromarray(grey > 100).save(tmp_path / "one.png")
    assert set(np.unique(load_image(tmp_path / "one.png").rgb)) == {0, 255}


def test_16_bit_grey_and_colour(tmp_path: Path) -> None:
    grey = picture()[..., 0]
    Pil.fromarray(grey.astype(np.uint16) * 257).save(tmp_path / "deep.png")
    assert close(load_image(tmp_path / "deep.png").rgb, np.dstack([grey] * 3), 0)
    Pil.fromarray(grey.astype(np.float32) / 255).save(tmp_path / "float.tiff")
    assert close(load_image(tmp_path / "float.tiff").rgb, np.dstack([grey] * 3), 0.5)
    (tmp_path / "rgb16.png").write_bytes(_png_16_bit(picture()))
    assert close(load_image(tmp_path / "rgb16.png").rgb, picture(), 0)


def _png_16_bit(rgb: np.ndarray) -> bytes:
    """A 16-bit RGB PNG, which Pillow cannot write."""
    height, width = rgb.shape[:2]
    rows = (rgb.astype(">u2") * 257).astype(">u2").tobytes()
    stride = width * 6
    raw = b"".join(b"\0" + rows[y * stride : (y + 1) * stride] for y in range(height))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")


def test_palette_and_first_frame_of_a_gif(tmp_path: Path) -> None:
    first = np.zeros((20, 30, 3), np.uint8)
    first[:, :15] = (255, 0, 0)
    frames = [Pil.fromarray(first), Pil.fromarray(255 - first)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert close(load_image(tmp_path / "a.gif").rgb, first, 0)
    frames[0].quantize(4).save(tmp_path / "p.png")
    assert close(load_image(tmp_path / "p.png").rgb, first, 0)


def test_cmyk(tmp_path: Path) -> None:
    flat = np.full((16, 16, 3), (200, 100, 50), np.uint8)
    Pil.fromarray(flat).convert("CMYK").save(tmp_path / "c.jpg", quality=95)
    assert close(load_image(tmp_path / "c.jpg").rgb, flat, 3)


@pytest.mark.parametrize("name", ["a.png", "a.webp", "la.png", "p.png"])
def test_alpha(tmp_path: Path, name: str) -> None:
    alpha = np.full((48, 64), 255, np.uint8)
    alpha[:10] = 0
    if name == "la.png":
        grey = picture()[..., 0]
        Pil.fromarray(np.dstack([grey, alpha])).save(tmp_path / name)
        want = np.dstack([grey] * 3)
    elif name == "p.png":
        index = Pil.fromarray((alpha // 255).astype(np.uint8)).convert("P")
        index.putpalette([9, 9, 9, 200, 100, 50])
        index.save(tmp_path / name, transparency=0)
        want = np.where(alpha[..., None] == 0, 9, np.array([200, 100, 50])).astype(np.uint8)
    else:
        options = {"lossless": True, "exact": True} if name == "a.webp" else {}
        Pil.fromarray(np.dstack([picture(), alpha])).save(tmp_path / name, **options)
        want = picture()
    image = load_image(tmp_path / name)
    assert image.alpha is not None and np.array_equal(image.alpha, alpha)
    assert close(image.rgb, want, 0)


def test_opaque_alpha_is_none(tmp_path: Path) -> None:
    Pil.fromarray(np.dstack([picture(), np.full((48, 64), 255, np.uint8)])).save(tmp_path / "a.png")
    assert load_image(tmp_path / "a.png").alpha is None


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation(tmp_path: Path, orientation: int) -> None:
    upright = np.zeros((24, 40, 3), np.uint8)
    upright[:12, :20] = (255, 0, 0)
    upright[:12, 20:] = (0, 255, 0)
    upright[12:, :20] = (0, 0, 255)
    # How a camera held that way stores it (EXIF: which visual edge row 0 and column 0 are).
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, 1),
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Pil.Exif()
    exif[0x0112] = orientation
    Pil.fromarray(np.ascontiguousarray(stored)).save(tmp_path / "r.png", exif=exif)
    image = load_image(tmp_path / "r.png")
    assert close(image.rgb, upright, 0)
    assert image.rgb.flags.c_contiguous


def _swapped_profile() -> bytes:
    """sRGB's ICC profile with red and green exchanged and another name: a wrong reading cannot go unseen."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    data = bytearray(
        bytes(data)
        .replace("sRGB".encode("utf-16-be"), "swap".encode("utf-16-be"))
        .replace(b"sRGB built", b"swap built")
    )
    count = struct.unpack(">I", data[128:132])[0]
    entries = {bytes(data[132 + 12 * k : 136 + 12 * k]): 136 + 12 * k for k in range(count)}
    red, green = entries[b"rXYZ"], entries[b"gXYZ"]
    data[red : red + 8], data[green : green + 8] = data[green : green + 8], data[red : red + 8]
    return bytes(data)


def test_colour_profile_is_applied(tmp_path: Path) -> None:
    flat = np.full((16, 16, 3), (220, 40, 90), np.uint8)
    Pil.fromarray(flat).save(tmp_path / "a.png", icc_profile=_swapped_profile())
    assert close(load_image(tmp_path / "a.png").rgb, flat[..., [1, 0, 2]], 3)
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Pil.fromarray(flat).save(tmp_path / "b.png", icc_profile=srgb)
    assert close(load_image(tmp_path / "b.png").rgb, flat, 0)


def test_unusable_colour_profile_is_ignored(tmp_path: Path) -> None:
    Pil.fromarray(picture()).save(tmp_path / "a.png", icc_profile=b"no profile at all")
    assert close(load_image(tmp_path / "a.png").rgb, picture(), 0)
    Pil.fromarray(picture()[..., 0]).save(tmp_path / "g.png", icc_profile=_swapped_profile())
    assert close(load_image(tmp_path / "g.png").rgb, np.dstack([picture()[..., 0]] * 3), 0)


def test_resized() -> None:
    image = Image(picture(40, 80))
    assert image.resized(80) is image
    small = image.resized(20)
    assert (small.height, small.width) == (10, 20)
    area = picture(40, 80).reshape(10, 4, 20, 4, 3).mean(axis=(1, 3))
    assert np.abs(small.rgb - area).max() <= 1
    assert image.resized(160).rgb.shape == (80, 160, 3)
    assert Image(picture(1, 400)).resized(10).rgb.shape == (1, 10, 3)
    with pytest.raises(InputError, match="at least 1"):
        image.resized(0)


def test_resized_keeps_transparent_colours_out() -> None:
    rgb = np.full((40, 40, 3), 200, np.uint8)
    alpha = np.full((40, 40), 255, np.uint8)
    rgb[:, :18], alpha[:, :18] = 0, 0
    small = Image(rgb, alpha).resized(10)
    assert small.alpha is not None
    assert small.rgb[small.alpha > 0].min() >= 198


def test_size_is_refused_before_decoding(tmp_path: Path) -> None:
    # Only a header: decoding would fail, so the sentence shows that nothing was decoded.
    for side in (11_000, 12_000, 60_000):  # Pillow itself is silent, warns, refuses
        data = bytearray(_png_16_bit(picture(2, 2)))
        data[16:24] = struct.pack(">II", side, side)
        data[29:33] = struct.pack(">I", zlib.crc32(bytes(data[12:29])))
        (tmp_path / "big.png").write_bytes(bytes(data))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises(InputError, match=r"big\.png has over 120 megapixels"):
                load_image(tmp_path / "big.png")
    Pil.fromarray(picture()).save(tmp_path / "a.png")
    with pytest.raises(InputError, match="megapixels"):
        load_image(tmp_path / "a.png", max_pixels=48 * 64 - 1)
    assert load_image(tmp_path / "a.png", max_pixels=48 * 64).width == 64


def test_large_but_allowed_gives_no_warning(tmp_path: Path) -> None:
    Pil.new("L", (9500, 9500)).save(tmp_path / "l.png")  # over the size where Pillow warns
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load_image(tmp_path / "l.png").rgb.shape == (9500, 9500, 3)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "does not exist"),
        (b"", "is empty"),
        (b"just some text, no picture", "is a text file"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "is a PostScript document"),
        (bytes(range(256)) * 9, "not a picture of a known kind"),
    ],
)
def test_bad_files(tmp_path: Path, content: bytes | None, says: str) -> None:
    path = tmp_path / "bad.jpg"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=says) as caught:
        load_image(path)
    assert "bad.jpg" in str(caught.value)


def test_folder_truncated_and_nameless(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder"):
        load_image(tmp_path)
    Pil.fromarray(picture(200, 200)).save(tmp_path / "t.jpg")
    data = (tmp_path / "t.jpg").read_bytes()
    (tmp_path / "t.jpg").write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match=r"t\.jpg is damaged or cut off"):
        load_image(tmp_path / "t.jpg")
    with pytest.raises(InputError):
        load_image("a\0b.png")


def test_save_png(tmp_path: Path) -> None:
    path = tmp_path / "o.png"
    save_png(path, picture(), force=False, metadata={"note": "größe"})
    assert np.array_equal(load_image(path).rgb, picture())
    with Pil.open(path) as saved:
        assert saved.info["note"] == "größe"
    with pytest.raises(OutputError, match="exists already"):
        save_png(path, picture(), force=False)
    rgba = np.dstack([picture(), np.full((48, 64), 7, np.uint8)])
    save_png(path, rgba, force=True)
    alpha = load_image(path).alpha
    assert alpha is not None and (alpha == 7).all()
    with pytest.raises(ValueError, match="expected"):
        save_png(tmp_path / "x.png", picture().astype(np.float32), force=False)  # type: ignore[arg-type]
    assert [p.name for p in tmp_path.iterdir()] == ["o.png"]


def test_jpeg_bytes_named_png_are_read(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Pil.fromarray(picture()).save(buffer, "JPEG", quality=95)
    (tmp_path / "a.png").write_bytes(buffer.getvalue())
    assert load_image(tmp_path / "a.png").width == 64


def test_reading_a_photo_hushes_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "p.png"
    save_png(path, np.zeros((4, 4, 3), np.uint8), force=False)
    # A note of another thread, at the very moment when a photo is being read.
    usual = Pil.open

    def meanwhile(*args: Any, **kwargs: Any) -> Any:
        warnings.warn("a note", stacklevel=1)
        return usual(*args, **kwargs)

    monkeypatch.setattr(Pil, "open", meanwhile)
    with pytest.warns(UserWarning, match="a note"):
        load_image(path)


@pytest.mark.parametrize("tags", [{50706: b"\x01\x04\x00\x00"}, {254: 1, 330: 8}])
def test_raw_files_are_named(tmp_path: Path, tags: dict[int, object]) -> None:
    """Their thumbnail would pass for the photo."""
    info = TiffImagePlugin.ImageFileDirectory_v2()
    for tag, value in tags.items():
        info[tag] = value
    Pil.fromarray(picture(120, 160)).save(tmp_path / "a.nef", "TIFF", tiffinfo=info)
    with pytest.raises(InputError, match=r"a\.nef is a camera's raw file; export it as JPEG"):
        load_image(tmp_path / "a.nef")
