"""Which encoder writes the picture of a video: the best of those that the FFmpeg inside PyAV has and that start here.

PyAV's own wheels hold x264, which is under the GPL; a PyAV that was built without it writes MP4 all the same
(docs/adr/0010-encoders.md).
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import av
from av.codec import Codec
from av.video.codeccontext import VideoCodecContext

from mssync.errors import OutputError

CHOICE = "MSSYNC_MP4_ENCODER"  # environment variable: this encoder for MP4 and no other

_CRF_H264, _CRF_VP9 = 51, 63  # how far the encoders' scales of quality count
_BITS_PER_PIXEL = 0.15  # of encoders that know no scale, where x264's scale says 18; half of it 6 steps further


@dataclass(frozen=True)
class Encoder:
    """One of FFmpeg's encoders.

    Attributes:
        name: FFmpeg's.
        makes: the format in words.
        options: FFmpeg's options.
        crf_max: largest number on its scale of constant quality; 0 = it has none and is given a bit rate.
    """

    name: str
    makes: str
    options: Mapping[str, str] = field(default_factory=dict)
    crf_max: int = 0

    def settings(self, crf: int) -> dict[str, str]:
        """Options for a quality on H.264's scale (0-51)."""
        told = {"crf": str(round(crf * self.crf_max / _CRF_H264))} if self.crf_max else {}
        return {**self.options, **told}

    def bit_rate(self, crf: int, size: tuple[int, int], rate: Fraction) -> int | None:
        """Bits per second for a quality on H.264's scale and (height, width); None where ``settings`` say it."""
        if self.crf_max:
            return None
        return max(64_000, round(size[0] * size[1] * float(rate) * _BITS_PER_PIXEL * 2 ** ((18 - crf) / 6)))


MP4_ENCODERS = (
    Encoder("libx264", "H.264", {"preset": "veryfast"}, _CRF_H264),
    Encoder("libopenh264", "H.264"),
    Encoder("h264_videotoolbox", "H.264", {"allow_sw": "1"}),
    Encoder("h264_mf", "H.264"),
    Encoder("libsvtav1", "AV1", {"preset": "10"}, _CRF_VP9),
    Encoder("libaom-av1", "AV1", {"usage": "realtime", "cpu-used": "8", "row-mt": "1", "b": "0"}, _CRF_VP9),
)
WEBM_ENCODERS = (
    # auto-alt-ref has to be off for transparency; the rest is speed.
    Encoder(
        "libvpx-vp9",
        "VP9",
        {"deadline": "realtime", "cpu-used": "6", "row-mt": "1", "auto-alt-ref": "0", "b": "0"},
        _CRF_VP9,
    ),
)


def choose(
    encoders: Sequence[Encoder], size: tuple[int, int], rate: Fraction, pixels: str, choice: str | None = None
) -> Encoder:
    """The first encoder that is there and starts with frames of this size.

    Args:
        encoders: best first.
        size: (height, width), both even.
        rate: frames per second.
        pixels: FFmpeg's name of the pixel format.
        choice: environment variable that may name one of them; then it is this one or none.

    Raises:
        OutputError: there is none.
    """
    named = os.environ.get(choice, "") if choice else ""
    if named and named not in [e.name for e in encoders]:
        known = ", ".join(e.name for e in encoders)
        raise OutputError(
            f"{choice} names {named!r}, which is no encoder for this file; use one of {known}, or unset it."
        )
    wanted = [e for e in encoders if named in ("", e.name)]
    for encoder in wanted:
        if _starts(encoder, size, rate, pixels):
            if encoder.makes != encoders[0].makes and not named:
                warnings.warn(
                    f"The FFmpeg here cannot encode {encoders[0].makes}: the picture is {encoder.makes}, which older "
                    "players do not show.",
                    stacklevel=2,
                )
            return encoder
    tried = ", ".join(e.name for e in wanted)
    raise OutputError(f"The FFmpeg inside PyAV cannot encode this file ({tried}); choose another ending or encoder.")


def has(name: str) -> bool:
    """Whether the FFmpeg inside PyAV has an encoder of this name."""
    try:
        Codec(name, "w")
    except ValueError:  # PyAV's UnknownCodecError is one
        return False
    return True


def _starts(encoder: Encoder, size: tuple[int, int], rate: Fraction, pixels: str) -> bool:
    """Whether the encoder is there and can be opened; those of a platform may be built in and yet not run."""
    if not has(encoder.name):
        return False
    if encoder.name == "libsvtav1":
        os.environ.setdefault("SVT_LOG", "1")  # errors only: it would tell its settings on stderr
    if encoder.name.startswith("lib"):
        return True
    context = av.CodecContext.create(encoder.name, "w")
    assert isinstance(context, VideoCodecContext)
    context.height, context.width = size
    context.pix_fmt, context.framerate, context.time_base = pixels, rate, 1 / rate
    context.options = encoder.settings(18)
    try:
        context.open()
    except (av.FFmpegError, OSError, ValueError):
        return False
    return True
