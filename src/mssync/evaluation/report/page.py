"""``--report``: an evaluation as one HTML file that opens anywhere, offline, without scripts."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from PIL import Image as Pil

from mssync.errors import MssyncError
from mssync.evaluation.report.charts import MAX_SECONDS, curves, relative_bars, scale_bar, sync_matrix
from mssync.evaluation.report.compare import Panel, compare
from mssync.evaluation.report.panels import steady_frames
from mssync.evaluation.report.parts import (
    AIMS,
    clip_lines,
    css_class,
    dash,
    group_of,
    grouped,
    system_of,
    title_of,
)
from mssync.evaluation.report.readable import LIMIT, readable, without_folders
from mssync.evaluation.report.tables import legend, silent
from mssync.evaluation.results.result import Result
from mssync.evaluation.results.summary import number, relative, was_run
from mssync.evaluation.results.systems import REAL
from mssync.files import replacing, scratch_folder
from mssync.texts import clean

# Films and curves are for looking at, not for archiving: the page stays a few megabytes with hundreds of clips.
MAX_FILMS: Final = 12
FILM_SECONDS: Final = 10.0
FILM_HEIGHT: Final = 256
FILM_CRF: Final = 30
MAX_FILM_BYTES: Final = 3_000_000
MAX_DRAWN: Final = 40
VIEWS: Final = {"lips": "lips only", "head": "head rotation only", "all": "everything"}

Progress = Callable[[int, int | None], None]
Row = Mapping[str, Any]


def write_report(result: Result, out: Path, *, force: bool, progress: Progress | None = None) -> None:
    """Write the page, aside first, then renamed.

    Args:
        result: of :func:`mssync.evaluation.results.result.assemble`; videos it names are shown where they still are.
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
    shown = readable(result)
    clips = list(zip(_clips(result["rows"]), _clips(shown["rows"]).values(), strict=True))
    drawn = []
    for done, (name, rows) in enumerate(clips, 1):
        drawn.append(_clip(clean(name, LIMIT), rows, film=done <= MAX_FILMS, pictures=done <= MAX_DRAWN))
        if progress is not None:
            progress(done, len(clips))
    return _environment().get_template("report.html.jinja").render(_context(shown, drawn))


def _environment() -> Environment:
    """Templates of the package: everything that is put into them is escaped."""
    made = Environment(
        loader=PackageLoader("mssync.evaluation.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters["number"] = dash
    return made


def _context(shown: Mapping[str, Any], clips: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What the template asks for."""
    systems: list[str] = shown["systems"]
    trial = systems[-1] if systems else REAL
    answers: dict[str, list[Mapping[str, Any]]] = {}
    for answer in shown["verdicts"]:
        answers.setdefault(answer["system"], []).append(answer)
    bars, unclear = _overview(shown["summary"], trial)
    groups = [group_of(g, entries, systems) for g, entries in grouped(shown["summary"]).items()]
    return {
        "title": f"Evaluation of {_count(len(clips), 'clip')}",
        "systems": [system_of(s, trial) for s in systems],
        "trial": system_of(trial, trial),
        "measured": _count(sum(map(was_run, shown["summary"])), "score"),
        "suite": shown["suite"],
        "seconds": sum(row["seconds"] for row in shown["rows"]),
        "problems": [(r["name"], r["system"], r["problem"]) for r in shown["rows"] if r["problem"]],
        "verdicts": [(system_of(s, trial), found) for s, found in sorted(answers.items(), key=lambda a: a[0] != trial)],
        "legend": legend(shown["verdicts"][0]["against"]) if answers else "",
        "bars": bars,
        "unclear": unclear,
        "groups": [group for group in groups if group is not None],
        "silent": silent(shown),
        "matrices": _matrices(shown),
        "clips": clips,
        "aims": AIMS,
        "max_seconds": MAX_SECONDS,
        "max_drawn": MAX_DRAWN,
        "config": list(shown["config"].items()),
        "versions": list(shown["versions"].items()),
        "hashes": shown["hashes"],
    }


def _clips(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """Rows by clip, in order."""
    out: dict[str, list[Row]] = {}
    for row in rows:
        out.setdefault(row["name"], []).append(row)
    return out


def _overview(summary: Sequence[Mapping[str, Any]], trial: str) -> tuple[Markup, list[str]]:
    """Bars of the last system against real footage, and the levels of which no ratio is taken."""
    lines = []
    for entry in summary:
        found = relative(entry, trial)
        if found is not None:
            real, ours = (number(entry["systems"][s]["median"]) for s in (REAL, trial))
            lines.append((entry["key"], *found, f"{ours} (real {real})"))
    # A level of synchrony separates or not as a whole.
    unclear = dict.fromkeys(re.sub(r"(\.level\d+)\..*", r"\1", e["key"]) for e in summary if e["separates"] is False)
    if not lines:
        return Markup(""), []
    return Markup(relative_bars(lines, f"{title_of(trial)} relative to real footage")), list(unclear)


# ---- synchrony ----------------------------------------------------------------------------------------------------


def _matrices(result: Mapping[str, Any]) -> Markup:
    """Heat maps averaged over the clips, per view and system."""
    systems = {s: _mean_sync([r["sync"] for r in result["rows"] if r["system"] == s]) for s in result["systems"]}
    return _heat_maps({s: sync for s, sync in systems.items() if sync})


def _heat_maps(systems: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> Markup:
    values = [
        v for sync in systems.values() for levels in sync.values() for lv in levels.values() for v in lv["cosine"]
        if v is not None
    ]  # fmt: skip
    if not values:
        return Markup("")
    low, high = min(values), max(values)
    views = list(dict.fromkeys(view for sync in systems.values() for view in sync))
    cells = [
        sync_matrix(sync[view], f"{title_of(system)}: {VIEWS.get(view, view)}", low, high)
        for view in views
        for system, sync in systems.items()
        if sync.get(view)
    ]
    return Markup(f'<figure><div class="matrices">{"".join(cells)}</div>{scale_bar(low, high)}</figure>')


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


def _clip(name: str, rows: Sequence[Row], *, film: bool, pictures: bool) -> dict[str, Any]:
    """One clip's film, curves, matrices and scores."""
    good = [row for row in rows if not row["problem"]]
    trial = rows[-1]["system"]
    title = f"{name}: head angles and lip gap over the sound"
    longest = max((row["seconds"] for row in good), default=0.0)
    both = {row["system"]: row for row in (*good[:1], *good[-1:])} if pictures else {}
    drawn = {css_class(system, good[-1]["system"]): row["curves"] for system, row in both.items()}
    return {
        "name": name,
        "words": ", ".join(f"{title_of(r['system'])} {r['seconds']:.1f} s" for r in good) or "left out",
        "problems": [(title_of(row["system"]), row["problem"]) for row in rows if row["problem"]],
        "film": _film(name, good) if good and film else None,
        "systems": [system_of(row["system"], trial) for row in good],
        "drawn": [system_of(system, good[-1]["system"]) for system in both],
        "curves": Markup(curves(drawn, good[-1]["phones"], title)) if drawn else Markup(""),
        "curves_title": title,
        "long": longest > MAX_SECONDS,
        "matrices": _heat_maps({r["system"]: r["sync"] for r in good if r["sync"]}) if pictures else Markup(""),
        "undrawn": bool(good) and not pictures,
        "lines": clip_lines(good) if good else [],
    }


def _film(name: str, rows: Sequence[Row]) -> dict[str, Any]:
    """The beginning of the clip's videos side by side, re-encoded small, inside the page; or why there is none."""
    panels = [Panel(title_of(row["system"]), Path(row["path"])) for row in rows]
    sound = rows[-1].get("audio")
    with scratch_folder() as folder:
        film = folder / "film.mp4"
        try:
            compare(
                panels, film, audio=Path(sound) if sound else None, height=FILM_HEIGHT, seconds=FILM_SECONDS,
                crf=FILM_CRF,
            )  # fmt: skip
        except MssyncError as error:
            return {"why": without_folders(str(error), [panel.video for panel in panels])}
        if film.stat().st_size > MAX_FILM_BYTES:
            return {"why": "it would be too large for this page."}
        data = base64.b64encode(film.read_bytes()).decode("ascii")
        still = _poster(film)
    return {
        "why": "",
        "still": still,
        "data": f"data:video/mp4;base64,{data}",
        "label": f"{name}: {', '.join(p.name for p in panels)} side by side",
        "cut": max(row["seconds"] for row in rows) > FILM_SECONDS,
    }


def _poster(film: Path) -> str:
    """A frame from the first second, shown before the film is played, as a data URI."""
    *_, frame = islice(steady_frames(film, 1.0), 13)
    buffer = io.BytesIO()
    Pil.fromarray(frame).save(buffer, "JPEG", quality=80)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
