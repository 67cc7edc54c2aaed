"""What a file really is, told from its first bytes and not from its name, so that a refusal can say the true cause."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Final, Literal, NamedTuple

from mssync.errors import InputError

Family = Literal["picture", "sound", "video", "other"]

_HEAD_BYTES: Final = 4096


class Kind(NamedTuple):
    """A kind of file.

    Attributes:
        name: with its article, as it stands in a sentence.
        family: what it holds.
        advice: what to do with it where a picture was wanted; empty where nothing special helps.
    """

    name: str
    family: Family
    advice: str = ""

    @property
    def unplayable(self) -> bool:
        """Whether it holds neither sound nor motion, although FFmpeg would take some for a film of one frame."""
        still = bool(self.advice) or self in (_JPEG, _PNG, _BMP)
        return self.family == "other" or (self.family == "picture" and still)


_EXPORT: Final = "export it as JPEG or PNG and give that"
_DOWNLOAD: Final = "the download failed, so save the picture or recording itself"

_JPEG: Final = Kind("a JPEG picture", "picture")
_PNG: Final = Kind("a PNG picture", "picture")
_ANIMATED_PNG: Final = Kind("an animated PNG picture", "picture")
_BMP: Final = Kind("a BMP picture", "picture")
_HEIF: Final = Kind("an HEIC/HEIF picture", "picture", _EXPORT)
_AVIF: Final = Kind("an AVIF picture", "picture", _EXPORT)
_RAW: Final = Kind("a camera's raw file", "picture", _EXPORT)
_SVG: Final = Kind("an SVG drawing", "picture", _EXPORT)
_MP4: Final = Kind("an MP4 or MOV video", "video")
_MOTION: Final = Kind("a motion file (NumPy arrays)", "other", "PHOTO comes first and MOTION second")
_HTML: Final = Kind("a web page", "other", _DOWNLOAD)
_TEXT: Final = Kind("a text file", "other")

# Brands of the ISO base media file format (the box "ftyp", ISO/IEC 14496-12): what is not here is a video.
_BRANDS: Final = {
    **dict.fromkeys((b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"), _HEIF),
    **dict.fromkeys((b"avif", b"avis"), _AVIF),
    b"crx ": _RAW,
    **dict.fromkeys((b"M4A ", b"M4B ", b"F4A "), Kind("an M4A sound", "sound")),
}
_STARTS: Final[tuple[tuple[bytes, Kind], ...]] = (
    (b"\xff\xd8\xff", _JPEG),
    (b"\x89PNG\r\n\x1a\n", _PNG),
    (b"GIF8", Kind("a GIF picture", "picture")),
    (b"BM", _BMP),
    (b"8BPS", Kind("a Photoshop file", "picture", _EXPORT)),
    (b"gimp xcf", Kind("a GIMP file", "picture", _EXPORT)),
    (b"\xff\x0a", Kind("a JPEG XL picture", "picture", _EXPORT)),
    (b"\x00\x00\x00\x0cJXL ", Kind("a JPEG XL picture", "picture", _EXPORT)),
    (b"\x00\x00\x00\x0cjP  ", Kind("a JPEG 2000 picture", "picture", _EXPORT)),
    (b"II*\x00\x10\x00\x00\x00CR", _RAW),
    (b"FUJIFILMCCD-RAW", _RAW),
    (b"IIRO", _RAW),
    (b"IIU\x00", _RAW),
    (b"FOVb", _RAW),
    (b"II*\x00", Kind("a TIFF picture or a camera's raw file", "picture", _EXPORT)),
    (b"MM\x00*", Kind("a TIFF picture or a camera's raw file", "picture", _EXPORT)),
    (b"%PDF", Kind("a PDF document", "other", "export the picture in it as JPEG or PNG and give that")),
    (b"%!PS", Kind("a PostScript document", "other", _EXPORT)),
    (b"PK\x03\x04", Kind("a ZIP archive or an office document", "other", "unpack it and give the file in it")),
    (b"\x1f\x8b", Kind("a compressed archive", "other", "unpack it and give the file in it")),
    (b"7z\xbc\xaf\x27\x1c", Kind("a 7z archive", "other", "unpack it and give the file in it")),
    (b"Rar!", Kind("a RAR archive", "other", "unpack it and give the file in it")),
    (b"fLaC", Kind("a FLAC sound", "sound")),
    (b"ID3", Kind("an MP3 sound", "sound")),
    (b"OggS", Kind("an Ogg sound", "sound")),
    (b"FORM", Kind("an AIFF sound", "sound")),
    (b"caff", Kind("a CAF sound", "sound")),
    (b".snd", Kind("an AU sound", "sound")),
    (b"#!AMR", Kind("an AMR sound", "sound")),
    (b"\x0b\x77", Kind("an AC-3 sound", "sound")),
    (b"\x1aE\xdf\xa3", Kind("a Matroska or WebM video", "video")),
    (b"FLV\x01", Kind("an FLV video", "video")),
    (b"\x00\x00\x01\xba", Kind("an MPEG video", "video")),
    (b"\x00\x00\x01\xb3", Kind("an MPEG video", "video")),
    (b"0&\xb2u\x8ef\xcf\x11", Kind("a Windows Media file", "video")),
)
_RIFF: Final = {
    b"WEBP": Kind("a WebP picture", "picture"),
    b"WAVE": Kind("a WAV sound", "sound"),
    b"AVI ": Kind("an AVI video", "video"),
}


def kind_of(path: Path) -> Kind | None:
    """What the file is by its content; ``None`` where that is not known or it cannot be read."""
    try:
        with path.open("rb") as file:
            return kind_of_bytes(file.read(_HEAD_BYTES))
    except OSError:
        return None


def kind_of_bytes(head: bytes) -> Kind | None:
    """What begins with these bytes; ``None`` where that is not known."""
    if head[:4] in (b"RIFF", b"RIFX", b"RF64"):
        return _RIFF.get(head[8:12], Kind("a WAV sound", "sound") if head[:4] == b"RF64" else None)
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], _MP4)
    if head[4:8] in (b"moov", b"mdat", b"wide", b"free", b"skip"):
        return _MP4
    if head.startswith(b"PK\x03\x04") and head[30 : 30 + int.from_bytes(head[26:28], "little")].endswith(b".npy"):
        return _MOTION
    for start, kind in _STARTS:
        if kind is _PNG and b"acTL" in head and head.startswith(start):
            return _ANIMATED_PNG
        if head.startswith(start):
            return kind
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xE6 in (0xE2, 0xE0) and head[1] & 0x18 != 0x08:
        return Kind("an MP3 or AAC sound", "sound")
    if len(head) > 188 and head[0] == head[188] == 0x47:
        return Kind("an MPEG transport stream", "video")
    return _text(head)


def _text(head: bytes) -> Kind | None:
    """The kinds that are written in letters."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return _TEXT
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if re.match(rb"<(!doctype\s+html|html|head|body)\b", text):
        return _HTML
    if text.startswith((b"<svg", b"<?xml", b"<!--")) and b"<svg" in text:
        return _SVG
    if text and not any(byte < 9 or 13 < byte < 32 for byte in head):
        try:
            head[:-3].decode("utf-8")
        except UnicodeDecodeError:
            return None
        return _TEXT
    return None


def misplaced(path: Path | io.BytesIO, what: str) -> InputError | None:
    """The refusal of a file whose kind is not what was wanted; ``None`` where its kind is no reason.

    Args:
        path: the file, or its content.
        what: the noun for what was wanted: ``"photo"``, ``"sound"``, ``"video"`` or ``"motion"``.
    """
    named = f"The {what} {path}" if isinstance(path, Path) else f"The {what}"
    kind = kind_of(path) if isinstance(path, Path) else kind_of_bytes(path.getvalue()[:_HEAD_BYTES])
    if kind is None:
        return None
    if what == "motion":
        if kind.family == "other":
            return None  # what a motion file must hold is said where it is read
        advice = {
            "picture": "give a motion; PHOTO comes first and MOTION second",
            "video": f"make a motion of it first, with: mssync track {path} -o M.npz",
            "sound": "give a motion (.npz); the sound goes with --speech",
        }[kind.family]
    elif what == "photo":
        if kind.family == "picture" and not kind.advice:
            return None
        advice = {
            "picture": kind.advice,
            "video": "give a picture instead, such as a still from it",
            "sound": "give a picture; PHOTO comes first and SPEECH second",
            "other": kind.advice or "give a picture (JPEG or PNG)",
        }[kind.family]
    elif kind.family == "picture":
        advice = "give a video" if what == "video" else "give a recording; PHOTO comes first and SPEECH second"
    elif kind.family == "other":
        fits = kind.advice and kind is not _MOTION and "JPEG" not in kind.advice
        advice = kind.advice if fits else f"give a {what} file"
    elif what == "video" and kind.family == "sound":
        advice = "give a video that shows the person"
    else:
        return None
    return InputError(f"{named} is {kind.name}; {advice}.")
