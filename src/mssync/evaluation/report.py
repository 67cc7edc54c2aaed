"""``--report``: an evaluation as one HTML file that opens anywhere, offline, without scripts."""

from __future__ import annotations

import base64
import io
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from html import escape
from itertools import islice
from pathlib import Path
from typing import Any, Final

from PIL import Image as Pil

from mssync.errors import MssyncError
from mssync.evaluation.compare import Panel, compare
from mssync.evaluation.panels import steady_frames
from mssync.evaluation.report_charts import MAX_SECONDS, curves, relative_bars, scale_bar, sync_matrix
from mssync.evaluation.report_parts import (
    STYLE,
    clip_table,
    css_class,
    facts,
    group_table,
    grouped,
    not_run_list,
    title_of,
)
from mssync.evaluation.results import REAL, Result, number, relative, was_run
from mssync.files import replacing

# Films and curves are for looking at, not for archiving: the page stays a few megabytes with hundreds of clips.
MAX_FILMS: Final = 12
FILM_SECONDS: Final = 10.0
FILM_HEIGHT: Final = 256
FILM_CRF: Final = 30
MAX_FILM_BYTES: Final = 3_000_000
MAX_DRAWN: Final = 40
VIEWS: Final = {"lips": "lips only", "head": "head rotation only", "all": "everything"}

# Nothing may be fetched, run or sent from the page; a browser enforces it.
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src data:"

Progress = Callable[[int, int | None], None]
Row = Mapping[str, Any]


def write_report(result: Result, out: Path, *, force: bool, progress: Progress | None = None) -> None:
    """Write the page, aside first, then renamed.

    Args:
        result: see :func:`mssync.evaluation.results.assemble`; the videos it names are shown where they still are.
        out: the file.
        force: replace an existing one.
        progress: called with (clips done, all clips).
    Raises:
        OutputError: it exists without ``force``, or cannot be written.
    """
    with replacing(out, force=force) as part:
        part.write_text(report_page(result, progress), "utf-8", errors="backslashreplace", newline="\n")


def report_page(result: Result, progress: Progress | None = None) -> str:
    """The page as text."""
    clips = _clips(result["rows"])
    drawn = []
    for done, (name, rows) in enumerate(clips.items(), 1):
        drawn.append(_clip(name, rows, film=done <= MAX_FILMS, pictures=done <= MAX_DRAWN))
        if progress is not None:
            progress(done, len(clips))
    title = f"Evaluation of {_count(len(clips), 'clip')}"
    body = "".join(
        [
            _head(title, result, clips),
            "<main>",
            _overview(result),
            "<h2>Scores</h2>",
            "<p>Every number is the median over the clips, below it its 95\u202f% interval where there is one. "
            "\u2248: the nearer to real footage the better; \u2191 and \u2193: higher or lower is better. "
            "Synchrony above real footage is no merit: smooth, average lips score higher than people do. "
            "! marks a score on which a baseline that knows nothing of the sound comes nearer to the aim.</p>",
            *(group_table(g, entries, result["systems"]) for g, entries in grouped(result["summary"]).items()),
            not_run_list(result["summary"]),
            _matrices(result),
            "<h2>Clip by clip</h2>",
            *drawn,
            "</main>",
            _foot(result),
        ]
    )
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<style>{STYLE}</style></head><body>{body}</body></html>\n"
    )


def _clips(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """Rows by clip, in order."""
    out: dict[str, list[Row]] = {}
    for row in rows:
        out.setdefault(row["name"], []).append(row)
    return out


def _head(title: str, result: Result, clips: Mapping[str, Sequence[Row]]) -> str:
    run = sum(map(was_run, result["summary"]))
    seconds = sum(row["seconds"] for row in result["rows"])
    systems = ", ".join(title_of(s) for s in result["systems"])
    bad = [row for rows in clips.values() for row in rows if row["problem"]]
    problems = "".join(
        f"<li><b>{escape(r['name'])}</b> ({escape(r['system'])}): {escape(r['problem'])}</li>" for r in bad
    )
    box = f'<div class="problem" role="note"><b>Left out:</b><ul>{problems}</ul></div>' if bad else ""
    return (
        f'<header><h1>{escape(title)}</h1><p class="soft">{escape(systems)}. {_count(run, "score")} measured from '
        f"pixels and sound, suite <b>{escape(result['suite'])}</b>, {seconds:.0f} s of video.</p>{box}</header>"
    )


def _overview(result: Result) -> str:
    """Bars of the last system against real footage."""
    system = result["systems"][-1] if result["systems"] else REAL
    lines = []
    for entry in result["summary"]:
        found = relative(entry, system)
        if found is not None:
            real, ours = (number(entry["systems"][s]["median"]) for s in (REAL, system))
            lines.append((entry["key"], *found, f"{ours} (real {real})"))
    if not lines:
        return ""
    name = title_of(system)
    # A level of synchrony separates or not as a whole.
    unclear = dict.fromkeys(
        re.sub(r"(\.level\d+)\..*", r"\1", e["key"]) for e in result["summary"] if e["separates"] is False
    )
    note = (
        f'<p class="soft">Not separating, so no ratio is taken: real footage itself does not stand clear of chance in '
        f"<code>{escape(', '.join(unclear))}</code>.</p>"
        if unclear
        else ""
    )
    chart = relative_bars(lines, f"{name} relative to real footage")
    return (
        f"<h2>At a glance</h2><p>{escape(name)} relative to real footage. Scores with a chance level run from chance "
        f"(0) to real (1), others are the plain ratio to real; bars end at 2.</p><figure>{chart}</figure>{note}"
    )


# ---- synchrony ----------------------------------------------------------------------------------------------------


def _matrices(result: Result) -> str:
    """Heat maps averaged over the clips, per view and system."""
    systems = {s: _mean_sync([r["sync"] for r in result["rows"] if r["system"] == s]) for s in result["systems"]}
    drawn = _heat_maps({s: sync for s, sync in systems.items() if sync})
    if not drawn:
        return ""
    return (
        "<h2>Sync matrices</h2><p>Agreement of motion and sound (mean cosine) when the picture is shifted against the "
        "sound, averaged over the clips. A step is 0.04 s at level 0 and doubles with each level; + means that the "
        "picture comes late. The red frame is the best offset; synchronous speech is bright at 0 and dark around.</p>"
        + drawn
    )


def _heat_maps(systems: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> str:
    values = [
        v for sync in systems.values() for levels in sync.values() for lv in levels.values() for v in lv["cosine"]
        if v is not None
    ]  # fmt: skip
    if not values:
        return ""
    low, high = min(values), max(values)
    views = list(dict.fromkeys(view for sync in systems.values() for view in sync))
    cells = [
        sync_matrix(sync[view], f"{title_of(system)}: {VIEWS.get(view, view)}", low, high)
        for view in views
        for system, sync in systems.items()
        if sync.get(view)
    ]
    return f'<figure><div class="matrices">{"".join(cells)}</div>{scale_bar(low, high)}</figure>'


def _mean_sync(parts: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, dict[str, Any]]]:
    """The mean curve per view and level over all clips that have one of the same lags."""
    kept: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for sync in parts:
        for view, levels in sync.items():
            for level, curve in levels.items():
                kept.setdefault((view, level), []).append(curve)
    out: dict[str, dict[str, dict[str, Any]]] = {}
    for (view, level), found in kept.items():
        lags = found[0]["lags"]
        columns = zip(*(c["cosine"] for c in found if c["lags"] == lags), strict=True)
        mean = [sum(column) / len(column) for column in columns]
        best = lags[mean.index(max(mean))]
        out.setdefault(view, {})[level] = {"lags": lags, "cosine": mean, "best": best}
    return out


# ---- clips --------------------------------------------------------------------------------------------------------


def _clip(name: str, rows: Sequence[Row], *, film: bool, pictures: bool) -> str:
    """One clip's film, curves, matrices and scores, folded up."""
    good = [row for row in rows if not row["problem"]]
    words = ", ".join(f"{title_of(r['system'])} {r['seconds']:.1f} s" for r in good) or "left out"
    parts = [
        f'<p class="problem">{escape(title_of(r["system"]))}: {escape(r["problem"])}</p>' for r in rows if r["problem"]
    ]
    if good and film:
        parts.append(_film(name, good))
    if good and pictures:
        parts += [_curves(name, good), _heat_maps({r["system"]: r["sync"] for r in good if r["sync"]})]
    elif good:
        parts.append(f'<p class="soft">Pictures are drawn for the first {MAX_DRAWN} clips only.</p>')
    if good:
        parts.append(clip_table(good))
    return f"<details><summary>{escape(name)}<small>{escape(words)}</small></summary>{''.join(parts)}</details>"


def _film(name: str, rows: Sequence[Row]) -> str:
    """The beginning of the clip's videos side by side, re-encoded small, inside the page."""
    panels = [Panel(title_of(row["system"]), Path(row["path"])) for row in rows]
    sound = rows[-1].get("audio")
    with tempfile.TemporaryDirectory(prefix="mssync-") as folder:
        film = Path(folder) / "film.mp4"
        try:
            compare(
                panels, film, audio=Path(sound) if sound else None, height=FILM_HEIGHT, seconds=FILM_SECONDS,
                crf=FILM_CRF,
            )  # fmt: skip
        except MssyncError as error:
            return f'<p class="soft">No film: {escape(str(error))}</p>'
        if film.stat().st_size > MAX_FILM_BYTES:
            return '<p class="soft">No film: it would be too large for this page.</p>'
        data = base64.b64encode(film.read_bytes()).decode("ascii")
        still = _poster(film)
    label = escape(f"{name}: {', '.join(p.name for p in panels)} side by side", quote=True)
    cut = " (its beginning)" if max(row["seconds"] for row in rows) > FILM_SECONDS else ""
    return (
        f'<figure><video controls preload="metadata" poster="{still}" aria-label="{label}" '
        f'src="data:video/mp4;base64,{data}"></video>'
        f"<figcaption>Side by side{cut}.</figcaption></figure>"
    )


def _poster(film: Path) -> str:
    """A frame from the first second, shown before the film is played, as a data URI."""
    *_, frame = islice(steady_frames(film, 1.0), 13)
    buffer = io.BytesIO()
    Pil.fromarray(frame).save(buffer, "JPEG", quality=80)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


def _curves(name: str, rows: Sequence[Row]) -> str:
    """Head angles and lip gap of the real footage and of the last system, over the latter's sound."""
    trial = rows[-1]["system"]
    shown = {css_class(row["system"], trial): row for row in (*rows[:1], rows[-1])}
    title = f"{name}: head angles and lip gap over the sound"
    chart = curves({css: row["curves"] for css, row in shown.items()}, rows[-1]["phones"], title)
    keys = "".join(f'<span class="key {css}">{escape(title_of(row["system"]))}</span>' for css, row in shown.items())
    cut = f"; the first {MAX_SECONDS:.0f} s" if max(row["seconds"] for row in rows) > MAX_SECONDS else ""
    return (
        f"<figure><figcaption>{keys}Shaded: speech. Lip gap in inter-ocular distances{cut}.</figcaption>"
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(title, quote=True)}">{chart}</div>'
        "</figure>"
    )


def _foot(result: Result) -> str:
    return (
        "<footer><details><summary>Configuration, versions and hashes</summary><h3>Configuration</h3>"
        f"{facts(result['config'])}<h3>Versions</h3>{facts(result['versions'])}"
        f"<h3>SHA-256 of every file that was read</h3>{facts(result['hashes'])}</details></footer>"
    )


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
