"""One picture of a motion: head, lips and eyes over the waveform, so that people look rather than read."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np

from mssync.arrays import Array, Array64
from mssync.errors import InputError
from mssync.files import written_aside
from mssync.motion.columns import EYES, HEAD, LIP_GAP
from mssync.motion.curves import head_angles
from mssync.motion.space import Motion
from mssync.speech.activity import speech_mask, speech_probability
from mssync.texts import clean
from mssync.timing import FPS, SAMPLE_RATE

SUFFIXES: Final = (".png", ".svg", ".pdf")
_NEEDED: Final = tuple(c.name for c in (*HEAD, LIP_GAP, *EYES))
_COLUMNS: Final = 2000  # as many steps of the waveform as a wide picture has pixels
_COLOURS: Final = ("#1f6fb4", "#d1602a", "#3a923a")
_SPEECH: Final = "#f7efd4"


def plot_motion(
    motion: Motion, out: Path, speech: Array | tuple[Array, int] | None = None, *, force: bool = False
) -> Path:
    """Draw a motion of the ``mesh`` space.

    Panels from the top: head angles in degrees, head shift, lip gap, lids and gaze, and, with ``speech``, the
    waveform; stretches of speech are shaded in every panel.

    Args:
        motion: what to draw.
        out: a ``.png``, ``.svg`` or ``.pdf`` file.
        speech: mono samples ``(n,)`` in [-1, 1] at 16 kHz, or ``(samples, rate)``.
        force: overwrite an existing file.
    Raises:
        InputError: the motion lacks a column of the ``mesh`` space.
        OutputError: another ending, the file exists and ``force`` is not set, or it cannot be written.
    """
    # Not the pyplot interface: it keeps figures and a backend for the whole process.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    missing = [n for n in _NEEDED if n not in motion.names]
    if missing:
        raise InputError(f"This motion cannot be drawn: it has no column {missing[0]!r}; use one of the mesh space.")
    out = Path(out)
    with written_aside(out, SUFFIXES, "A plot", force=force) as part:
        heights = [3.0, 1.6, 1.8, 1.8] + ([1.0] if speech is not None else [])
        figure = Figure(figsize=(13, 1.15 * sum(heights)), layout="constrained")
        FigureCanvasAgg(figure)
        axes: list[Any] = list(figure.subplots(len(heights), 1, sharex=True, height_ratios=heights))
        _panels(axes, motion)
        if speech is not None:
            samples, rate = speech if isinstance(speech, tuple) else (speech, SAMPLE_RATE)
            _waveform(axes[-1], samples, rate)
            _shade(axes, samples, rate)
        seconds = len(motion) / motion.fps
        for axis in axes:
            axis.grid(axis="x", color="#dddddd", linewidth=0.6)
            axis.spines[["top", "right"]].set_visible(False)
        axes[-1].set_xlim(0, seconds)
        axes[-1].set_xlabel("seconds" if speech is None else "seconds (shaded: speech)")
        facts = clean(", ".join(f"{k} {v}" for k, v in sorted(motion.meta.items())), 120)
        title = f"{seconds:.1f} s of motion, {motion.fps:g} fps" + (f" ({facts})" if facts else "")
        figure.suptitle(title, parse_math=False)
        figure.savefig(part, dpi=110)
    return out


def _panels(axes: list[Any], motion: Motion) -> None:
    t = np.arange(len(motion)) / motion.fps
    column = motion.column
    angles = head_angles(np.stack([column(n) for n in ("rot_x", "rot_y", "rot_z")], 1))
    names = ("pitch: + looks down", "yaw: + turns to own left", "roll: + tilts to own right")
    _lines(axes[0], t, list(zip(names, angles.T, strict=True)), "head angle\n[degrees]", 5.0)
    shift = [
        ("x: + right in the picture", column("trans_x")), ("y: + down", column("trans_y")),
        ("log size: + nearer", column("log_scale")),
    ]  # fmt: skip
    _lines(axes[1], t, shift, "head shift\n[eye distances]", 0.1)
    axes[2].fill_between(t, 0, column("lip_gap"), color=_COLOURS[1], alpha=0.35, linewidth=0)
    axes[2].plot(t, column("lip_gap"), color=_COLOURS[1], linewidth=1.1)
    axes[2].set_ylabel("lip gap\n[eye distances]")
    axes[2].set_ylim(-0.01, max(0.2, 1.05 * float(column("lip_gap").max())))
    eyes = [("left lid", column("lid_left")), ("right lid", column("lid_right"))]
    _lines(axes[3], t, eyes, "lids\n[1 = shut]", 1.0)
    gaze = axes[3].twinx()
    for name, style in (("gaze_x", "-"), ("gaze_y", ":")):
        gaze.plot(t, column(name), style, color="#777777", linewidth=0.9, label=_GAZE[name])
    most = max(0.15, 1.1 * float(np.abs(motion.values[:, [motion.names.index(n) for n in _GAZE]]).max()))
    gaze.set_ylim(-most, most)
    gaze.set_ylabel("gaze\n[eye widths]", color="#777777")
    gaze.spines["top"].set_visible(False)
    lines = axes[3].get_lines()[1:] + gaze.get_lines()
    axes[3].legend(lines, [line.get_label() for line in lines], **_LEGEND)


_GAZE: Final = {"gaze_x": "gaze x: + right in the picture", "gaze_y": "gaze y: + down"}
_LEGEND: Final[dict[str, Any]] = {
    "loc": "lower left", "bbox_to_anchor": (0.0, 0.98), "ncols": 4, "fontsize": 8, "frameon": False,
}  # fmt: skip


def _lines(axis: Any, t: Array64, lines: list[tuple[str, Any]], label: str, least: float) -> None:
    """Curves around a zero line; the axis spans at least ``least`` either way, so that noise looks like noise."""
    axis.axhline(0, color="#999999", linewidth=0.7)
    for (name, values), colour in zip(lines, _COLOURS, strict=False):
        axis.plot(t, values, color=colour, linewidth=1.2, label=name)
    low, high = (float(f([f(v) for _, v in lines])) for f in (np.min, np.max))
    margin = 0.06 * max(high - low, least)
    bottom = -least if least != 1.0 else -0.1
    axis.set_ylim(min(low - margin, bottom), max(high + margin, least * 1.05))
    axis.set_ylabel(label)
    axis.legend(**_LEGEND)


def _waveform(axis: Any, samples: Array, rate: int) -> None:
    """The envelope: as many minima and maxima as the picture has columns."""
    width = max(1, -(-len(samples) // _COLUMNS))
    padded = np.pad(samples, (0, -len(samples) % width)).reshape(-1, width)
    t = np.arange(len(padded)) * width / rate
    axis.fill_between(t, padded.min(1), padded.max(1), color="#444444", linewidth=0.4)
    most = max(0.05, float(np.abs(samples).max(initial=0.0)))
    axis.set_ylim(-most, most)
    axis.set_ylabel("sound")


def _shade(axes: list[Any], samples: Array, rate: int) -> None:
    if rate != SAMPLE_RATE:
        import soxr

        samples = np.asarray(soxr.resample(samples, rate, SAMPLE_RATE), np.float32)
    mask = speech_mask(speech_probability(samples))
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask, [0]]).astype(int))).reshape(-1, 2) / FPS
    for axis in axes:
        for start, end in edges:
            axis.axvspan(start, end, color=_SPEECH, linewidth=0, zorder=0)
