"""Pieces of the report page: its style sheet, its tables, and what its groups of scores mean."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any, Final

from mssync.evaluation.results import REAL, number, reason, was_run

# Group of scores (the first part of their keys; two parts for sync) -> heading, and a sentence for the reader.
GROUPS: Final = {
    "sync.lips": ("Synchrony: lips only", "Lips and jaw against the sound, head motion taken out."),
    "sync.head": ("Synchrony: head rotation only", "Does the head move with this sound? Lips are not seen."),
    "sync.all": ("Synchrony: everything that moves", "Lips, head and expression against the sound."),
    "articulation": ("Articulation", "Lips shut at p, b, m and open at open vowels; lip gap against loudness."),
    "silence": ("Silence", "Lips while nobody speaks, 0.2 s clear of speech."),
    "head": ("Head motion", "How much and how fast the head moves, against real footage."),
    "prosody": ("Prosodic alignment", "Do the head's beats fall on onsets and accents of the voice?"),
    "life": ("Life", "Blinks, trembling, frames that no face can make, takes that collapse or repeat, drift."),
    "picture": ("Picture", "Identity, sharpness, steadiness, nearness to the paired reference."),
    "sync": ("LSE", "The classic lip-sync scores, from the published SyncNet weights."),
}
# Rooms of one or two scores share a table.
_LIFE: Final = ("blinks", "jitter", "unrealistic", "collapse", "diversity", "drift")
AIMS: Final = {"real": ("\u2248", "nearer to real is better"), "high": ("\u2191", "higher is better"),
               "low": ("\u2193", "lower is better")}  # fmt: skip

STYLE: Final = """
:root{color-scheme:light dark;--paper:#fff;--ink:#1c2126;--soft:#586069;--rule:#d8dde2;--wash:#f4f6f8;
--real:#b4490f;--gen:#1f63b0;--speech:#f3ead0;--sound:#8a939c;--warn:#9a1c1c;--warn-wash:#fdecec}
@media (prefers-color-scheme:dark){:root{--paper:#15181c;--ink:#e6e9ec;--soft:#a0a8b0;--rule:#353b42;--wash:#1d2126;
--real:#ff9d5c;--gen:#6fb1ff;--speech:#33301f;--sound:#79838d;--warn:#ff9a9a;--warn-wash:#3a1d1f}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,"Segoe UI",Roboto,sans-serif}
main,header,footer{max-width:1180px;margin:0 auto;padding:0 24px}
header{padding-top:36px;padding-bottom:8px}
h1{font-size:1.9rem;line-height:1.2;margin:0 0 .3em}
h2{font-size:1.3rem;margin:2.2em 0 .4em;padding-bottom:.25em;border-bottom:1px solid var(--rule)}
h3{font-size:1.02rem;margin:1.6em 0 .2em}
p{max-width:75ch;margin:.4em 0}
.soft,figcaption,caption{color:var(--soft)}
.scroll{overflow-x:auto;margin:.5em 0}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:.92rem}
caption{text-align:left;padding:.2em 0 .4em;font-size:.92rem}
th,td{padding:.4em .65em;text-align:right;border-bottom:1px solid var(--rule);vertical-align:top;white-space:nowrap}
thead th{font-weight:600;background:var(--wash);white-space:normal;max-width:7.6em;line-height:1.25}
thead th.words{max-width:none}
th[scope=row],td.words,th.words{text-align:left}
td.words{white-space:normal;min-width:22em;font-size:.85rem;color:var(--soft)}
th small,td small{display:block;white-space:normal;max-width:9em;margin-left:auto;
font-weight:400;color:var(--soft);font-size:.8rem}
td small.span{white-space:nowrap;max-width:none}
tbody th[scope=row]{position:sticky;left:0;background:var(--paper)}
tr.real th,.key.real{color:var(--real)}
tr.gen th,.key.gen{color:var(--gen)}
tr.chance th,tr.chance td{color:var(--soft);font-style:italic}
.mark{color:var(--warn);background:var(--warn-wash);border-radius:4px;padding:0 .35em;font-weight:600}
.problem{border-left:4px solid var(--warn);background:var(--warn-wash);padding:.5em 1em;margin:.6em 0}
.key{font-weight:600;margin-right:1.2em}
.key::before{content:"";display:inline-block;width:1.6em;height:.28em;background:currentColor;margin-right:.45em;
vertical-align:middle;border-radius:2px}
details{border:1px solid var(--rule);border-radius:8px;margin:.6em 0;padding:0 1em}
details[open]{padding-bottom:1em}
summary{cursor:pointer;padding:.6em 0;font-weight:600}
summary small{font-weight:400;color:var(--soft);margin-left:.6em}
summary:focus-visible,a:focus-visible,.scroll:focus-visible{outline:3px solid var(--gen);outline-offset:2px}
figure{margin:.8em 0}
video{max-width:100%;border-radius:8px;background:#18191e;display:block}
.matrices{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,460px),1fr));gap:4px 28px}
svg{display:block;width:100%;height:auto;font:12px system-ui,"Segoe UI",Roboto,sans-serif}
.scroll>svg{max-width:none}
svg text{fill:var(--ink)}
svg .tick{fill:var(--soft);font-size:11px}
svg .head{font-weight:600;font-size:13px}
svg .phone{font-size:11px;font-family:ui-monospace,Menlo,Consolas,monospace}
svg .best{fill:none;stroke:#e4002b;stroke-width:2}
svg .zero{stroke:var(--ink);stroke-width:1.5}
svg .axis{stroke:var(--rule);stroke-width:1}
svg .edge{stroke:var(--rule)}
svg .speech{fill:var(--speech)}
svg .sound{fill:var(--sound)}
svg .line{fill:none;stroke-width:1.6;stroke-linejoin:round}
svg .line.real{stroke:var(--real)}
svg .line.gen{stroke:var(--gen)}
svg .gen-bar{fill:var(--gen);opacity:.75}
svg .real-line{stroke:var(--real);stroke-width:2}
svg .whisker{stroke:var(--ink);stroke-width:1.5;fill:none}
svg.bar{width:240px}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.15em 1.2em;font-size:.9rem;margin:.4em 0}
dt{color:var(--soft)}
dd{margin:0;overflow-wrap:anywhere}
code{font-family:ui-monospace,Menlo,Consolas,monospace;font-size:.88em}
footer{padding-top:2em;padding-bottom:3em;color:var(--soft);font-size:.9rem}
@media print{details{break-inside:avoid}video{display:none}}
"""


def split_key(key: str) -> tuple[str, str]:
    """A score's group and, for the reader, its name in it: sync.head and "level 0 offset", for example."""
    parts = key.split(".")
    if parts[0] in _LIFE:
        return "life", _spaced(" ".join(parts))
    cut = 2 if parts[0] == "sync" and len(parts) > 2 else 1
    return ".".join(parts[:cut]), _spaced(" ".join(parts[cut:]) or key)


def grouped(summary: Iterable[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """The entries of a summary by group, groups in order of appearance."""
    out: dict[str, list[Mapping[str, Any]]] = {}
    for entry in summary:
        out.setdefault(split_key(entry["key"])[0], []).append(entry)
    return out


def css_class(system: str, trial: str) -> str:
    """Class of a system's row and line: real footage, the system on trial, or a baseline."""
    return "real" if system == REAL else "gen" if system == trial else "base"


def title_of(system: str) -> str:
    """A system's name for the reader."""
    return "Real footage" if system == REAL else system[:1].upper() + system[1:]


def group_table(group: str, entries: Sequence[Mapping[str, Any]], systems: Sequence[str]) -> str:
    """One group of scores: a row per system, real footage first, the chance level last; a column per score."""
    heading, words = GROUPS.get(group, (group[:1].upper() + group[1:], ""))
    run = [entry for entry in entries if was_run(entry)]
    if not run:
        return ""
    head = "".join(
        f'<th scope="col">{escape(split_key(e["key"])[1])}&nbsp;<span title="{AIMS[e["aim"]][1]}">'
        f"{AIMS[e['aim']][0]}</span><small>{escape(e['unit']) or '&nbsp;'}</small></th>"
        for e in run
    )
    rows = [
        f'<tr class="{css_class(system, systems[-1])}"><th scope="row">{escape(title_of(system))}</th>'
        + "".join(_cell(e, system, systems[-1]) for e in run)
        + "</tr>"
        for system in systems
    ]
    if any(e["chance"] is not None for e in run):
        cells = "".join(f"<td>{_dash(e['chance'])}</td>" for e in run)
        rows.append(f'<tr class="chance"><th scope="row">Chance level</th>{cells}</tr>')
    return (
        f"<h3>{escape(heading)}</h3>"
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(heading, quote=True)}"><table>'
        f'<caption>{escape(words)}</caption><thead><tr><th scope="col" class="words">Medians over clips</th>{head}</tr>'
        f"</thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _cell(entry: Mapping[str, Any], system: str, trial: str) -> str:
    cell = entry["systems"].get(system)
    if cell is None or cell["median"] is None:
        note = "" if cell is None else cell["note"]
        return f'<td title="{escape(note or "not run", quote=True)}">\u2013</td>'
    beaten = entry["beaten_by"] if system == trial else []
    mark = ' <span class="mark">!</span>' if beaten else ""
    span = f"<small>beaten by {escape(', '.join(beaten))}</small>" if beaten else ""
    if cell["low"] is not None and cell["high"] is not None:
        span = f'<small class="span">{number(cell["low"])} to {number(cell["high"])}</small>' + span
    if system == REAL and entry["separates"] is False and entry["chance"] is not None:
        span += "<small>not separating</small>"
    return f"<td>{number(cell['median'])}{mark}{span}</td>"


def not_run_list(summary: Iterable[Mapping[str, Any]]) -> str:
    """Scores without any number, by reason."""
    reasons: dict[str, list[str]] = {}
    for entry in summary:
        if not was_run(entry):
            reasons.setdefault(reason(entry), []).append(entry["key"])
    if not reasons:
        return ""
    items = "".join(
        f"<dt>{escape(note)}</dt><dd><code>{escape(', '.join(keys))}</code></dd>" for note, keys in reasons.items()
    )
    count = sum(map(len, reasons.values()))
    return f"<details><summary>Not run <small>{count} scores</small></summary><dl>{items}</dl></details>"


def clip_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """All scores of one clip: a line per score, a column per system, the notes last."""
    systems = [row["system"] for row in rows]
    scores: dict[str, dict[str, Mapping[str, Any]]] = {}
    for row in rows:
        for score in row["scores"]:
            scores.setdefault(score["key"], {})[row["system"]] = score
    lines = []
    for key, by_system in scores.items():
        if all(s["value"] is None for s in by_system.values()):
            continue
        first = next(iter(by_system.values()))
        cells = "".join(_clip_cell(by_system.get(system)) for system in systems)
        chance = next((s["chance"] for name, s in by_system.items() if name != REAL and s["chance"] is not None), None)
        unit = f" [{escape(first['unit'])}]" if first["unit"] else ""
        lines.append(
            f'<tr><th scope="row">{escape(key)}{unit} <span title="{AIMS[first["aim"]][1]}">{AIMS[first["aim"]][0]}'
            f'</span></th>{cells}<td>{_dash(chance)}</td><td class="words">{escape(_notes(by_system))}</td></tr>'
        )
    head = "".join(f'<th scope="col">{escape(title_of(system))}</th>' for system in systems)
    return (
        f"<details><summary>All scores <small>{len(lines)}</small></summary>"
        '<div class="scroll" tabindex="0" role="region" aria-label="All scores of this clip"><table><thead><tr>'
        f'<th scope="col" class="words">Score</th>{head}<th scope="col">Chance</th><th scope="col" class="words">Note'
        f"</th></tr></thead><tbody>{''.join(lines)}</tbody></table></div></details>"
    )


def _notes(by_system: Mapping[str, Mapping[str, Any]]) -> str:
    """What is said of a score, once where it is the same for all systems."""
    said: dict[str, str] = {name: s["note"] for name, s in by_system.items() if s["note"]}
    if len(set(said.values())) == 1:
        return next(iter(said.values()))
    return " ".join(f"{title_of(name)}: {note}" for name, note in said.items())


def _dash(value: float | None) -> str:
    return "\u2013" if value is None else number(value)


def _clip_cell(score: Mapping[str, Any] | None) -> str:
    if score is None or score["value"] is None:
        return "<td>\u2013</td>"
    interval = score["interval"]
    span = f'<small class="span">{number(interval[0])} to {number(interval[1])}</small>' if interval else ""
    return f"<td>{number(score['value'])}{span}</td>"


def facts(pairs: Mapping[str, Any]) -> str:
    """Names and values as a list."""
    return "<dl>" + "".join(f"<dt>{escape(str(k))}</dt><dd>{escape(str(v))}</dd>" for k, v in pairs.items()) + "</dl>"


def _spaced(name: str) -> str:
    """``level0 offset`` is ``level 0 offset``."""
    words = name.replace("_", " ")
    return words.replace("level", "level ", 1) if words.startswith("level") else words
