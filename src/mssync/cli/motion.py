"""``track``, ``plot``, ``export-motion``: motion files in and out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from mssync.cli.console import progress, say, tell
from mssync.cli.options import ForceOption, ModelOption, load_head


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(track)
    app.command()(plot)
    app.command("export-motion")(export_motion)


def track(
    video: Annotated[Path, typer.Argument(metavar="VIDEO", help="A video of one person.")],
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help="The motion file to make (.npz).")],
    model: ModelOption = "default",
    force: ForceOption = False,
) -> None:
    """The motion of the person in a video (the largest face), for `render` or `animate --head-from`."""
    from mssync.errors import InputError
    from mssync.files import ready_file

    if out.suffix.lower() != ".npz":
        raise InputError(f"A motion file ends in .npz, not {out.name!r}; choose another name.")
    ready_file(out, force=force, inputs=[video])
    head = load_head(model, inputs=[(video, "video")])
    with progress(video.name) as update:
        motion = head.track(video, progress=update)
    motion.save(out, force=force)
    gaps: list[list[float]] = json.loads(motion.meta["gaps"])
    if gaps:
        where = ", ".join(f"{start:.2f}-{end:.2f} s" for start, end in gaps)
        say(f"Note: no face was found at {where}; the motion is bridged there.")
    tell(f"{out}: {len(motion)} frames, {len(motion) / motion.fps:.2f} s, {len(gaps)} gaps")


def plot(
    motion: Annotated[Path, typer.Argument(metavar="MOTION", help="A motion file.")],
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help="The picture to make (.png, .svg or .pdf).")],
    speech: Annotated[Path | None, typer.Option("--speech", help="Sound to draw below it.")] = None,
    force: ForceOption = False,
) -> None:
    """Draw a motion: head angles, lip gap and lids over the sound."""
    from mssync.files import ready_file
    from mssync.inputs import load_motion
    from mssync.media.audio import load_sound
    from mssync.motion.plot import plot_motion

    ready_file(out, force=force, inputs=[p for p in (motion, speech) if p is not None])
    rows = load_motion(motion)
    sound = None if speech is None else load_sound(speech)
    plot_motion(rows, out, sound, force=force)
    tell(f"{out}: {len(rows)} frames, {len(rows) / rows.fps:.2f} s")


def export_motion(
    motion: Annotated[Path, typer.Argument(metavar="MOTION", help="A motion file.")],
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help="The table to make (.csv).")],
    model: ModelOption = "default",
    force: ForceOption = False,
) -> None:
    """Write head angles, lip gap and 52 ARKit-named face curves as a table for animation programs."""
    from mssync.files import ready_file
    from mssync.inputs import load_motion
    from mssync.models import load_model
    from mssync.motion.curves import export_curves
    from mssync.motion.spaces import load_space

    ready_file(out, force=force, inputs=[motion])
    rows = load_motion(motion)
    export_curves(rows, load_space(load_model(model).file("space.npz")), out, force=force)
    tell(f"{out}: {len(rows)} frames, {len(rows) / rows.fps:.2f} s")
