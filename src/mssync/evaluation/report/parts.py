"""What the tables of the report page hold, as plain data for its template, and what its groups of scores mean."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from mssync.evaluation.results.summary import number, was_run
from mssync.evaluation.results.systems import REAL

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


def system_of(name: str, trial: str) -> dict[str, str]:
    """How a system is written and coloured."""
    return {"title": title_of(name), "css": css_class(name, trial)}


def group_of(group: str, entries: Sequence[Mapping[str, Any]], systems: Sequence[str]) -> dict[str, Any] | None:
    """One group of scores: a line per system, real footage first; a column per score. None where none was run."""
    heading, words = GROUPS.get(group, (group[:1].upper() + group[1:], ""))
    run = [entry for entry in entries if was_run(entry)]
    if not run:
        return None
    trial = systems[-1]
    lines = [{"system": system_of(s, trial), "cells": [_cell(e, s, trial) for e in run]} for s in systems]
    chances = [entry["chance"] for entry in run]
    return {
        "heading": heading,
        "words": words,
        "columns": [{"name": split_key(e["key"])[1], "aim": e["aim"], "unit": e["unit"]} for e in run],
        "lines": lines,
        "chances": [] if all(chance is None for chance in chances) else chances,
    }


def _cell(entry: Mapping[str, Any], system: str, trial: str) -> dict[str, Any]:
    cell = entry["systems"].get(system)
    if cell is None or cell["median"] is None:
        return {"value": None, "note": (cell or {}).get("note") or "not run"}
    return {
        "value": cell["median"], "low": cell["low"], "high": cell["high"],
        "beaten": entry["beaten_by"] if system == trial else [],
        "flat": system == REAL and entry["separates"] is False and entry["chance"] is not None,
    }  # fmt: skip


def clip_lines(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """All scores of one clip that were run: a line per score, a cell per system, the notes last."""
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
        chance = next((s["chance"] for name, s in by_system.items() if name != REAL and s["chance"] is not None), None)
        cells = [by_system.get(system) or {"value": None, "interval": None} for system in systems]
        lines.append({
            "key": key, "unit": first["unit"], "aim": first["aim"], "cells": cells, "chance": chance,
            "note": _notes(by_system),
        })  # fmt: skip
    return lines


def _notes(by_system: Mapping[str, Mapping[str, Any]]) -> str:
    """What is said of a score, once where it is the same for all systems."""
    said: dict[str, str] = {name: s["note"] for name, s in by_system.items() if s["note"]}
    if len(set(said.values())) == 1:
        return next(iter(said.values()))
    return " ".join(f"{title_of(name)}: {note}" for name, note in said.items())


def dash(value: float | None) -> str:
    """A number, a dash where there is none."""
    return "\u2013" if value is None else number(value)


def _spaced(name: str) -> str:
    """``level0 offset`` is ``level 0 offset``."""
    words = name.replace("_", " ")
    return words.replace("level", "level ", 1) if words.startswith("level") else words
