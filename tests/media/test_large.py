"""Large pictures are read at a fraction of their size, and look as if they had been read whole."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from media_samples import picture
from PIL import Image as Pil
from PIL import features

from mssync.errors import InputError
from mssync.inputs import load_photo
from mssync.media import large
from mssync.media.image import load_image

SIDE = 64


def _gradients(mode: str) -> Any:
    pixels = picture(420, 612)
    if mode in ("RGBA", "LA"):
        alpha = np.linspace(0, 255, 612).astype(np.uint8)[None].repeat(420, 0)
        return Pil.fromarray(np.dstack([pixels, alpha])).convert(mode)
    if mode == "I;16":
        return Pil.fromarray(pixels[..., 0].astype(np.uint16) * 257)
    return Pil.fromarray(pixels).convert(mode)


KINDS = [
    ("JPEG", "RGB", {"quality": 95}), ("JPEG", "L", {"quality": 95}), ("JPEG", "CMYK", {"quality": 95}),
    ("PNG", "RGB", {}), ("PNG", "RGBA", {}), ("PNG", "LA", {}), ("PNG", "P", {}), ("PNG", "1", {}), ("PNG", "I;16", {}),
    ("TIFF", "RGB", {}), ("TIFF", "CMYK", {}), ("GIF", "P", {}), ("BMP", "RGB", {}),
    ("WEBP", "RGB", {"quality": 95}), ("WEBP", "RGBA", {"lossless": True}), ("AVIF", "RGB", {"quality": 95}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "mode", "options"), KINDS)
@pytest.mark.parametrize("orientation", [1, 6])
def test_a_fraction_looks_like_the_whole(
    kind: str, mode: str, options: dict[str, Any], orientation: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind == "AVIF" and not features.check("avif"):
        pytest.skip("this Pillow reads no AVIF")
    exif = Pil.Exif()
    exif[0x0112] = orientation
    if kind not in ("BMP", "GIF"):
        options = {**options, "exif": exif}
    path = tmp_path / f"a.{kind.lower()}"
    _gradients(mode).save(path, kind, **options)
    whole = load_image(path, side=SIDE)
    assert whole.longest == 0 and {whole.width, whole.height} == {612, 420}
    monkeypatch.setattr(large, "LARGE", 1000)
    part = load_image(path, side=SIDE)
    assert part.longest == 612
    assert 2 * SIDE <= max(part.width, part.height) < 612
    a, b = whole.resized(SIDE), part.resized(SIDE)
    assert a.rgb.shape == b.rgb.shape
    assert np.abs(a.rgb.astype(int) - b.rgb).mean() < 6
    assert (a.alpha is None) == (b.alpha is None)
    if a.alpha is not None and b.alpha is not None:
        assert np.abs(a.alpha.astype(int) - b.alpha).mean() < 2
    assert load_photo(path, SIDE)[1] == SIDE / 612
    assert load_photo(path.read_bytes(), SIDE)[0].rgb.shape == a.rgb.shape
    assert load_photo(Pil.open(io.BytesIO(path.read_bytes())), SIDE)[0].rgb.shape == a.rgb.shape
    assert load_image(path).longest == 0, "native is native"


def test_what_cannot_be_bounded_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = [Pil.fromarray(picture(200, 300, shift=k)) for k in range(2)]
    frames[0].save(tmp_path / "a.webp", save_all=True, append_images=frames[1:])
    monkeypatch.setattr(large, "LARGE", 1000)
    assert load_image(tmp_path / "a.webp", side=64).rgb.shape[2] == 3
    monkeypatch.setattr(large, "_MOST_WHOLE", 1000)
    with pytest.raises(InputError, match=r"a\.webp has over .* megapixels and is animated or transparent"):
        load_image(tmp_path / "a.webp", side=64)


def test_a_cut_off_picture_says_so(tmp_path: Path) -> None:
    noise = Pil.fromarray(np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8))
    for kind in ("JPEG", "PNG", "BMP", "TIFF"):
        held = io.BytesIO()
        noise.save(held, kind)
        path = tmp_path / f"a.{kind}"
        path.write_bytes(held.getvalue()[: len(held.getvalue()) * 2 // 3])
        with pytest.raises(InputError, match=rf"a\.{kind} is damaged or cut off \(its end is missing\)"):
            load_image(path)


PEAK = """
import sys
from pathlib import Path
from mssync.inputs import load_photo
load_photo(sys.argv[1], None)
print(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
"""


# resource.getrusage would count the memory of the process that this one was forked from.
@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak from /proc")
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_sixty_megapixels_take_little_memory(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "a"
    options = {"compress_level": 1} if kind == "PNG" else {"method": 0, "quality": 50} if kind == "WEBP" else {}
    Pil.new("RGB", (10_000, 6_000), (90, 60, 30)).save(path, kind, **options)
    done = subprocess.run([sys.executable, "-c", PEAK, str(path)], capture_output=True, text=True, check=True)
    assert int(done.stdout) / 1024 < 450
