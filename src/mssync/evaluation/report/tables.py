"""An evaluation on the terminal: first the verdict, and all scores for those who ask. What is too wide is folded."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from mssync.evaluation.results.result import Result
from mssync.evaluation.results.summary import number, reason, was_run
from mssync.evaluation.results.verdict import BETTER, PEOPLE, UNCLEAR, WORSE

_STYLES: Final = {BETTER: "green", WORSE: "red", UNCLEAR: "dim"}


def print_result(result: Result, *, everything: bool) -> None:
    """Print the verdicts of all systems, those of the last one measure by measure, then all scores or how to see them.

    A score on which a baseline beats the system on trial ends in ``!`` and the baseline's name, one whose real value
    does not stand clear of chance in ``not separating``; scores that were not run are listed below with their reasons.
    """
    # The width of a terminal; 80 columns, or COLUMNS, where there is none.
    console = Console(file=sys.stdout, highlight=False, markup=False, emoji=False)
    found: dict[str, list[Mapping[str, Any]]] = {}
    for answer in result["verdicts"]:
        found.setdefault(answer["system"], []).append(answer)
    if len(found) > 1:
        console.print(overview(found))
    if found:
        system = max(found, key=result["systems"].index)
        console.print(verdict_table(found[system], system))
        console.print(Text(legend(found[system][0]["against"]), style="dim"))
    if not result["summary"]:
        console.print("Nothing could be measured.")
    elif everything or not result["verdicts"]:
        console.print(score_table(result))
        for why, keys in silent(result).items():
            console.print(Text(f"not run: {', '.join(keys)}: {why}", overflow="fold"))
    else:
        run = sum(map(was_run, result["summary"]))
        console.print(f"All {run} scores: --all, --report R.html or --json R.json.")


def overview(found: Mapping[str, list[Mapping[str, Any]]]) -> Table:
    """One line per system, one column per question."""
    table = _table("verdicts")
    table.add_column("", overflow="fold")
    for answer in next(iter(found.values())):
        table.add_column(answer["question"], overflow="fold")
    for system, answers in found.items():
        table.add_row(system, *(Text(a["outcome"], style=_STYLES.get(a["outcome"], "")) for a in answers))
    return table


def verdict_table(answers: list[Mapping[str, Any]], system: str) -> Table:
    """One line per question, with the measure that decides."""
    beside = "people" if answers[0]["against"] == "people" else "reference"
    table = _table(f"{system} beside {'real people' if beside == 'people' else 'its reference'}")
    for name in ("", "verdict", "decided by", system, beside):
        table.add_column(name, overflow="fold")
    for answer in answers:
        measure = answer["measures"][0]
        words = answer["reason"] or measure["name"]
        ours, theirs = (
            span(measure["ours"], measure["ours_interval"]),
            span(measure["theirs"], measure["theirs_interval"]),
        )
        style = _STYLES.get(answer["outcome"], "")
        table.add_row(answer["question"], Text(answer["outcome"], style=style), words, ours, theirs)
    return table


def legend(against: str) -> str:
    """What the words of a verdict mean."""
    if against == "people":
        return (
            f"No reference was given: like = within what {PEOPLE} real clips of people show (5 to 95 %). "
            "That finds gross faults only; give --reference for more."
        )
    return (
        "like = the 95 % interval of the difference reaches what another compression alone does; "
        "better, worse = it lies beyond. In brackets: 95 % intervals."
    )


def span(value: float | None, interval: tuple[float, float] | None) -> str:
    """A number with its interval, as far as there are any."""
    ends = "" if interval is None else f"{number(interval[0])} to {number(interval[1])}"
    if value is None:
        return ends or "-"
    return f"{number(value)} ({ends})" if ends else number(value)


def score_table(result: Result) -> Table:
    """The summary: a line per score, real footage in the first column of numbers."""
    systems: list[str] = result["systems"]
    table = _table("all scores, medians over the clips")
    table.add_column("score", overflow="fold")
    for name in (*systems, "chance"):
        table.add_column(name, overflow="fold", justify="right")
    table.add_column("aim", overflow="fold")
    table.add_column("", overflow="fold")
    for entry in filter(was_run, result["summary"]):
        unit = f" [{entry['unit']}]" if entry["unit"] else ""
        numbers = [number(entry["systems"].get(name, {}).get("median")) for name in systems]
        table.add_row(entry["key"] + unit, *numbers, number(entry["chance"]), entry["aim"], remarks(entry))
    return table


def remarks(entry: Mapping[str, Any]) -> str:
    """What to beware of in a score of the summary."""
    beaten = [f"! beaten by {', '.join(entry['beaten_by'])}"] if entry["beaten_by"] else []
    return "; ".join([*beaten, *(["not separating"] if entry["separates"] is False else [])])


def silent(result: Mapping[str, Any]) -> dict[str, list[str]]:
    """Scores that were not run, by reason."""
    found: dict[str, list[str]] = {}
    for entry in result["summary"]:
        if not was_run(entry):
            found.setdefault(reason(entry), []).append(entry["key"])
    return found


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 1))
