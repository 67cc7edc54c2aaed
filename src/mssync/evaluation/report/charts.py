"""The report's pictures as inline SVG: sharp, small, coloured by the page's style sheet, with words for the blind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final

import numpy as np

from mssync.arrays import Array64

# Seconds of a clip that are drawn, and points of a line.
MAX_SECONDS: Final = 60.0
_MAX_POINTS: Final = 1500
_PIXELS_PER_SECOND: Final = 70.0
_LEFT: Final = 66  # of the heat maps, for the levels' names
_MARGIN: Final = 104  # of the curves, for their names and numbers
_LOUD_DB: Final = 42.0  # above quiet: the loudest that is drawn

# Viridis at five places (Smith and van der Walt 2015): even steps in lightness, safe for the colour-blind.
_VIRIDIS: Final = np.array([[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]], np.float64)

_PANELS: Final = (
    ("yaw", "yaw", "\u00b0", 4.0), ("pitch", "pitch", "\u00b0", 4.0), ("roll", "roll", "\u00b0", 4.0),
    ("lip_gap", "lip gap", "", 0.1),
)  # fmt: skip


def colour(share: float) -> str:
    """A place of the scale, 0 to 1, as a CSS colour."""
    at = float(np.clip(share, 0.0, 1.0)) * (len(_VIRIDIS) - 1)
    low = min(int(at), len(_VIRIDIS) - 2)
    r, g, b = np.rint(_VIRIDIS[low] + (at - low) * (_VIRIDIS[low + 1] - _VIRIDIS[low])).astype(int)
    return f"rgb({r},{g},{b})"


def scale_bar(low: float, high: float) -> str:
    """The legend of the heat maps: colours from ``low`` to ``high``."""
    steps = "".join(
        f'<rect x="{40 + 4 * i}" y="3" width="4.5" height="12" fill="{colour(i / 39)}"/>' for i in range(40)
    )
    return (
        f'<svg class="bar" viewBox="0 0 240 18" role="img" aria-label="Colour scale from {low:.2f} to {high:.2f}">'
        f'<text x="36" y="13" text-anchor="end">{low:.2f}</text>{steps}<text x="204" y="13">{high:.2f}</text></svg>'
    )


def sync_matrix(levels: Mapping[str, Mapping[str, Any]], title: str, low: float, high: float) -> str:
    """Mean cosine of motion and sound by offset (across) and pyramid level (down), one view of one system.

    Args:
        levels: by level ``lags, cosine, best`` as in a result's rows.
        title: what is shown, for the reader and for the screen reader.
        low, high: cosines at the ends of the colour scale.
    """
    lags = sorted({int(lag) for level in levels.values() for lag in level["lags"]})
    wide, high_cell, top = 17, 26, 24
    width, height = _LEFT + wide * len(lags) + 8, top + high_cell * len(levels) + 34
    out = []
    span = max(high - low, 1e-6)
    for row, (name, level) in enumerate(sorted(levels.items(), key=lambda pair: int(pair[0]))):
        y = top + row * high_cell
        out.append(f'<text x="{_LEFT - 8}" y="{y + 17}" text-anchor="end">level {escape(str(name))}</text>')
        for lag, value in zip(level["lags"], level["cosine"], strict=True):
            x = _LEFT + wide * lags.index(int(lag))
            tip = f"level {name}, offset {lag} steps: cosine {value:.3f}" if value is not None else "not measured"
            fill = "none" if value is None else colour((value - low) / span)
            out.append(
                f'<rect x="{x}" y="{y}" width="{wide - 1}" height="{high_cell - 2}" fill="{fill}">'
                f"<title>{escape(tip)}</title></rect>"
            )
        best = _LEFT + wide * lags.index(int(level["best"]))
        out.append(f'<rect class="best" x="{best + 1}" y="{y + 1}" width="{wide - 3}" height="{high_cell - 4}"/>')
    for lag in lags:
        if lag % 5 == 0:
            middle = _LEFT + wide * lags.index(lag) + (wide - 1) / 2
            words = f"{lag:+d}" if lag else "0"
            out.append(f'<text class="tick" x="{middle}" y="{height - 18}" text-anchor="middle">{words}</text>')
    if 0 in lags:
        middle = _LEFT + wide * lags.index(0) + (wide - 1) / 2
        out.append(f'<path class="zero" d="M{middle} {top - 6}V{top - 1}M{middle} {height - 36}v5"/>')
    out.append(f'<text class="tick" x="{_LEFT}" y="{height - 3}">offset in steps of the level</text>')
    return _svg(width, height, title, f'<text class="head" x="{_LEFT}" y="12">{escape(title)}</text>' + "".join(out))


def curves(rows: Mapping[str, Mapping[str, Any]], phones: Sequence[Mapping[str, Any]], title: str) -> str:
    """Head angles and lip gap over loudness and phones.

    Args:
        rows: by CSS class (``real``, ``gen``) the ``curves`` of a row: ``t, yaw, pitch, roll, lip_gap, loudness,
            speech``.
        phones: ``phone, start, end`` in seconds.
        title: for the screen reader.
    """
    main = rows.get("gen") or next(iter(rows.values()))
    seconds = min(max(float(row["t"][-1]) if row["t"] else 0.0 for row in rows.values()) + 0.04, MAX_SECONDS)
    width = max(860.0, _PIXELS_PER_SECOND * seconds)
    height_of, gap, top = 84, 22, 10
    across = width / seconds
    sound_top = top + len(_PANELS) * (height_of + gap)
    bottom = sound_top + 62 + (30 if phones else 0)
    out = [_speech_bands(main, across, top, sound_top + 58, seconds)]
    for number, (key, name, unit, least) in enumerate(_PANELS):
        y = top + number * (height_of + gap)
        out.append(
            _panel({css: (row["t"], row[key]) for css, row in rows.items()}, y, height_of, across, least, seconds)
        )
        out.append(f'<text class="name" x="0" y="{y + height_of / 2 + 4}">{name}{f" [{unit}]" if unit else ""}</text>')
    out.append(_loudness(main, across, sound_top, seconds))
    for number, phone in enumerate(phones):
        start, end = float(phone["start"]), float(phone["end"])
        if end <= seconds and str(phone["phone"]).strip():
            x = _MARGIN + across * (start + end) / 2
            y = sound_top + 74 + 12 * (number % 2)  # in turns on two lines, so that short ones can be read
            out.append(f'<path class="edge" d="M{_MARGIN + across * start:.1f} {sound_top + 62}v14"/>')
            out.append(
                f'<text class="phone" x="{x:.1f}" y="{y}" text-anchor="middle">{escape(str(phone["phone"]))}</text>'
            )
    step = 1 if seconds <= 30 else 5
    for second in range(0, int(seconds) + 1, step):
        x = _MARGIN + across * second
        out.append(f'<text class="tick" x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{second} s</text>')
    return _svg(_MARGIN + width + 12, bottom + 22, title, "".join(out), fixed=True)


def relative_bars(lines: Sequence[tuple[str, float, float | None, float | None, str]], title: str) -> str:
    """Bars of generated against real: 1 is as real, 0 is chance (or nothing).

    Args:
        lines: name, value, low and high of its interval (on the same scale), words for the value.
        title: for the screen reader.
    """
    left, wide, least, most, row = 250, 420, -0.25, 2.0, 22

    def x(value: float) -> float:
        return left + wide * (min(max(value, least), most) - least) / (most - least)

    height = 30 + row * len(lines)
    out = [
        f'<path class="{css}" d="M{x(at):.1f} 18V{height - 4}"/><text class="tick" x="{x(at):.1f}" y="12"'
        f' text-anchor="middle">{word}</text>'
        for at, css, word in ((0.0, "axis", "chance or none"), (1.0, "real-line", "as real"))
    ]
    for number, (name, value, low, high, words) in enumerate(lines):
        y = 24 + row * number
        start, end = sorted((x(0.0), x(value)))
        out.append(f'<text x="{left - 60}" y="{y + 12}" text-anchor="end">{escape(name)}</text>')
        out.append(
            f'<rect class="gen-bar" x="{start:.1f}" y="{y}" width="{max(end - start, 1.5):.1f}" height="{row - 8}">'
            f"<title>{escape(f'{name}: {words}')}</title></rect>"
        )
        if low is not None and high is not None:
            out.append(f'<path class="whisker" d="M{x(low):.1f} {y + 7}H{x(high):.1f}"/>')
        if not least <= value <= most:
            arrow = f"M{x(value) + 3:.1f} {y + 2}l6 5l-6 5" if value > most else f"M{x(value) - 3:.1f} {y + 2}l-6 5l6 5"
            out.append(f'<path class="whisker" d="{arrow}"/>')
        out.append(f'<text x="{left + wide + 18}" y="{y + 12}">{escape(words)}</text>')
    return _svg(left + wide + 250, height, title, "".join(out))


def _svg(width: float, height: float, title: str, inside: str, *, fixed: bool = False) -> str:
    size = f' style="width:{width:.0f}px"' if fixed else f' style="max-width:{width:.0f}px"'
    return (
        f'<svg viewBox="0 0 {width:.0f} {height:.0f}"{size} role="img" aria-label="{escape(title, quote=True)}">'
        f"{inside}</svg>"
    )


def _cut(t: Sequence[float], values: Sequence[float | None], seconds: float) -> tuple[Array64, Array64]:
    """The part that is drawn, thinned to what a picture can show."""
    x = np.array(t, np.float64)
    y = np.array([np.nan if v is None else v for v in values], np.float64)
    keep = x <= seconds
    x, y = x[keep], y[keep]
    stride = max(1, len(x) // _MAX_POINTS)
    return x[::stride], y[::stride]


def _panel(
    lines: Mapping[str, tuple[Sequence[float], Sequence[float | None]]],
    y: float,
    height: float,
    across: float,
    least: float,
    seconds: float,
) -> str:
    cut = {css: _cut(t, values, seconds) for css, (t, values) in lines.items()}
    everything = np.concatenate([values[np.isfinite(values)] for _, values in cut.values()] or [np.zeros(1)])
    low, high = (float(np.min(everything)), float(np.max(everything))) if everything.size else (0.0, 0.0)
    low, high = min(low, 0.0), max(high, 0.0)
    if high - low < least:
        middle = (low + high) / 2
        low, high = (0.0, least) if low == 0.0 else (middle - least / 2, middle + least / 2)
    span = (high - low) * 1.08
    base = y + height - (0.04 * height)

    def level(value: float) -> float:
        return base - (value - low) / span * height

    end = _MARGIN + across * seconds
    out = [f'<path class="axis" d="M{_MARGIN} {level(0.0):.1f}H{end:.1f}"/>']
    for value in (low, high):
        out.append(
            f'<text class="tick" x="{_MARGIN - 6}" y="{level(value) + 4:.1f}" text-anchor="end">{value:.2g}</text>'
        )
    for css, (x, values) in cut.items():
        good = np.isfinite(values)
        points = " ".join(
            f"{_MARGIN + across * a:.1f},{level(b):.1f}" for a, b in zip(x[good], values[good], strict=True)
        )
        out.append(f'<polyline class="line {css}" points="{points}"/>')
    return "".join(out)


def _speech_bands(row: Mapping[str, Any], across: float, top: float, bottom: float, seconds: float) -> str:
    t, speech = _cut(row["t"], row["speech"], seconds)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], speech > 0.5, [0]]).astype(int))).reshape(-1, 2)
    last = len(t) - 1
    return "".join(
        f'<rect class="speech" x="{_MARGIN + across * t[a]:.1f}" y="{top}" height="{bottom - top}"'
        f' width="{across * (t[min(b, last)] - t[a]):.1f}"/>'
        for a, b in edges
    )


def _loudness(row: Mapping[str, Any], across: float, top: float, seconds: float) -> str:
    """Loudness in dB above quiet as an area around a middle line, the look of a waveform."""
    t, loud = _cut(row["t"], row["loudness"], seconds)
    half = np.clip(np.nan_to_num(loud) / _LOUD_DB, 0.0, 1.0) * 26 + 0.4
    middle = top + 30
    x = _MARGIN + across * t
    upper = [f"{a:.1f},{middle - h:.1f}" for a, h in zip(x, half, strict=True)]
    lower = [f"{a:.1f},{middle + h:.1f}" for a, h in zip(x[::-1], half[::-1], strict=True)]
    name = f'<text class="name" x="0" y="{middle + 4}">sound</text>'
    return f'{name}<polygon class="sound" points="{" ".join(upper + lower)}"/>'
