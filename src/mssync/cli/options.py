"""Options that several commands share, and the steps between a command line and a :class:`TalkingHead`."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mssync.cli.console import quiet_natives
from mssync.errors import InputError

if TYPE_CHECKING:
    from mssync.inputs import Size
    from mssync.pipeline import TalkingHead


class Background(StrEnum):
    """What stands behind the person."""

    keep = "keep"
    none = "none"


VIDEO_HELP = (
    "The video to make: .mp4 or .webm; a name without ending makes a folder of numbered PNG files with audio.wav."
)
OutOption = Annotated[Path, typer.Option("--out", "-o", help=VIDEO_HELP)]
SizeOption = Annotated[
    str | None,
    typer.Option("--size", metavar="PX|native", help="Longer side in pixels. Default: the photo's own, up to 1080."),
]
SmileOption = Annotated[
    float,
    typer.Option("--smile", metavar="X", help="How much of the photo's own smile stays while it speaks, 0 to 1."),
]
BodyOption = Annotated[
    float,
    typer.Option("--body", metavar="X", help="How much the shoulders follow the head and breathe, 0 to 1."),
]
FaceOption = Annotated[int, typer.Option("--face", metavar="N", help="Which face; 1 is the largest.")]
BackgroundOption = Annotated[
    Background,
    typer.Option("--background", help="none: frames with transparency (.webm, or a folder of PNG files)."),
]
ForceOption = Annotated[bool, typer.Option("--force", help="Write over an existing file (never over an input).")]
ModelOption = Annotated[str, typer.Option("--model", help="A shipped model's name or a model folder.")]
DeviceOption = Annotated[str, typer.Option("--device", help="Where the network runs: cpu, cuda or auto.")]


def parse_size(text: str | None) -> Size:
    """``--size`` as a number, ``"native"`` or None."""
    if text is None:
        return None
    if text.strip().lower() == "native":
        return "native"
    try:
        return int(text)
    except ValueError:
        raise InputError(f"--size must be a number of pixels or native, not {text!r}.") from None


def load_head(model: str, device: str = "cpu", inputs: Iterable[tuple[Path | None, str]] = ()) -> TalkingHead:
    """Load a model for use; first a look at the input files, so that a wrong name fails at once.

    Args:
        model, device: as on the command line.
        inputs: files that will be read, each with the noun for it.
    """
    from mssync.files import readable_file
    from mssync.pipeline import TalkingHead

    for path, noun in inputs:
        if path is not None:
            readable_file(path, noun)
    head = TalkingHead.load(model, device=device)
    with quiet_natives():
        _ = head.tracker
    return head
