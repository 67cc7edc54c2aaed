"""Everything made is marked as synthetic, and the mark can be read back."""

from __future__ import annotations

import json
from pathlib import Path

import av
import pytest
from media_samples import picture, tone, write_sound, write_video
from PIL import Image as Pil

from mssync import __version__
from mssync.errors import InputError
from mssync.media.image import save_png
from mssync.media.provenance import SOURCE_TYPE, read_synthetic_mark, synthetic_metadata
from mssync.media.video import VideoWriter


@pytest.mark.parametrize("name", ["o.mp4", "o.webm", "frames", "p.png"])
@pytest.mark.parametrize(("model", "seed"), [("default", 7), ('größe "x"; =y $', None)])
def test_round_trip(tmp_path: Path, name: str, model: str, seed: int | None) -> None:
    tags = synthetic_metadata(model, seed)
    if name == "p.png":
        save_png(tmp_path / name, picture(), force=False, metadata=tags)
    else:
        with VideoWriter(tmp_path / name, 64, 48, metadata=tags) as writer:
            writer.write(picture())
    assert read_synthetic_mark(tmp_path / name) == {
        "synthetic": True,
        "digital_source_type": SOURCE_TYPE,
        "generator": f"mssync {__version__}",
        "model": model,
        "seed": seed,
    }


@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
def test_people_see_it_too(tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"o{suffix}"
    with VideoWriter(out, 64, 48, metadata=synthetic_metadata("default", 0)) as writer:
        writer.write(picture())
    with av.open(str(out)) as container:
        tags = {key.lower(): value for key, value in container.metadata.items()}
    assert tags["comment"].startswith("Synthetic media") and "Synthetic" in tags["title"]


def test_real_files_have_no_mark(tmp_path: Path) -> None:
    film = write_video(tmp_path / "v.mp4", [picture()] * 3)
    sound = write_sound(tmp_path / "s.wav", tone(0.5, 16_000), 16_000, "wav", "pcm_s16le")
    Pil.fromarray(picture()).save(tmp_path / "p.png")
    for path in (film, sound, tmp_path / "p.png"):
        assert read_synthetic_mark(path) is None
    for text in ("[1, 2]", '{"synthetic": false}', "[" * 100_000, "words"):
        save_png(tmp_path / "q.png", picture(), force=True, metadata={"description": text})
        assert read_synthetic_mark(tmp_path / "q.png") is None


def test_unreadable(tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(b"not a png")
    (tmp_path / "bad.mp4").write_bytes(b"not an mp4 either")
    (tmp_path / "empty").mkdir()
    for name in ("bad.png", "bad.mp4", "empty", "missing.mp4", "missing.png"):
        with pytest.raises(InputError, match=name):
            read_synthetic_mark(tmp_path / name)


def test_a_mark_of_a_stranger_is_a_few_harmless_entries(tmp_path: Path) -> None:
    hostile = {"synthetic": True, "model": "a\x1b[2J\n\u202eb", "seed": 10**30, "generator": ["x"], "more": "y" * 1000}
    tags = {"description": json.dumps(hostile)}
    save_png(tmp_path / "p.png", picture(), force=False, metadata=tags)
    assert read_synthetic_mark(tmp_path / "p.png") == {
        "synthetic": True, "model": "a\ufffd[2J \ufffdb", "generator": "['x']", "seed": None,
    }  # fmt: skip
    for text in ("[" * 5000, '{"synthetic": true, "x": NaN}', json.dumps({"synthetic": True, "x": "y" * 20_000})):
        save_png(tmp_path / "p.png", picture(), force=True, metadata={"description": text})
        assert read_synthetic_mark(tmp_path / "p.png") is None


def test_what_is_written_is_cleaned() -> None:
    assert json.loads(synthetic_metadata("a\nb\x07", 1)["description"])["model"] == "a b\ufffd"
