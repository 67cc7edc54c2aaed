"""What the terminal shows: the verdict first, all scores when asked, folded and never cut."""

from __future__ import annotations

from pathlib import Path

import pytest
from report_samples import result, row, scores

from mssync.evaluation.report.page import report_page
from mssync.evaluation.report.tables import print_result, span
from mssync.evaluation.results.result import Result
from mssync.evaluation.results.systems import GENERATED, OUR_MODEL, REAL, SHUFFLED, STILL
from mssync.evaluation.scores.score import Score

P = Path("x.mp4")
Capture = pytest.CaptureFixture[str]


def shown(capsys: Capture, made: Result, *, everything: bool = False) -> list[str]:
    print_result(made, everything=everything)
    return [line.rstrip() for line in capsys.readouterr().out.splitlines()]


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def test_the_verdict_comes_first_and_alone(capsys: Capture) -> None:
    made = result([row("a", s, P, scores(gap, 0.4)) for s, gap in ((REAL, 0.1), (GENERATED, 0.3))])
    lines = shown(capsys, made)
    assert lines[0] == "generated beside its reference"
    words = {line.split()[0]: line.split()[1] for line in lines[2:7]}
    assert words["silence"] == "worse", "a gap of 0.3 for 0.1"
    assert words["closures"] == "unclear"
    assert lines[-1] == "All 3 scores: --all, --report R.html or --json R.json."
    assert not any("sync.lips.level0" in line for line in lines)


def test_people_are_named_where_there_is_no_reference(capsys: Capture) -> None:
    lines = shown(capsys, result([row("a", GENERATED, P, scores(0.1, 0.2))]))
    assert lines[0] == "generated beside real people"
    assert "No reference was given" in " ".join(lines)


def test_all_scores_with_real_footage_first_and_the_reasons_of_the_others(capsys: Capture) -> None:
    made = result([row("a", GENERATED, P, scores(0.2, 0.3)), row("a", REAL, P, scores(0.1, 0.4))])
    lines = shown(capsys, made, everything=True)
    assert next(line for line in lines if line.startswith("score")).split() == [
        "score", "real", "generated", "chance", "aim",
    ]  # fmt: skip
    gap = next(line for line in lines if line.startswith("silence.gap"))
    assert gap.split() == ["silence.gap", "[iod]", "0.1", "0.2", "0.2", "low"]
    assert lines[-1] == "not run: sync.lse_c: The <b>weights</b> were not given."


def test_a_reason_is_that_of_the_system_on_trial(capsys: Capture) -> None:
    def rows_with(why: str) -> list[Score]:
        return [Score.not_run("picture.psnr", "dB", "high", why)]

    made = result([
        row("a", REAL, P, rows_with("There is no paired reference.")),
        row("a", GENERATED, P, rows_with("The shapes differ.")),
    ])  # fmt: skip
    assert shown(capsys, made, everything=True)[-1] == "not run: picture.psnr: The shapes differ."
    page = report_page(made)
    assert "<dt>The shapes differ.</dt>" in page and "<dt>There is no paired reference.</dt>" not in page


def test_what_a_baseline_beats_is_marked_and_nothing_is_cut(capsys: Capture) -> None:
    systems = ((REAL, 0.1), (STILL, 0.05), (SHUFFLED, 0.3), (OUR_MODEL, 0.2))
    made = result([row("a", s, P, scores(gap, 0.4)) for s, gap in systems])
    lines = shown(capsys, made, everything=True)
    assert max(map(len, lines)) <= 80
    text = "".join("".join(lines).split())
    assert "silence.gap" in text and "\u2026" not in text
    wide = pytest.MonkeyPatch()
    wide.setenv("COLUMNS", "200")
    gap = next(line for line in shown(capsys, made, everything=True) if line.startswith("silence.gap"))
    wide.undo()
    assert gap.endswith("! beaten by still photo")


def test_texts_are_no_markup(capsys: Capture) -> None:
    made = result([row("a", "[red]x[/red]", P, scores(0.2, 0.3))])
    assert any("[red]x[/red]" in line for line in shown(capsys, made, everything=True))


def test_spans() -> None:
    assert span(0.25, (0.1, 0.5)) == "0.25 (0.1 to 0.5)"
    assert (span(0.25, None), span(None, (0, 1)), span(None, None)) == ("0.25", "0 to 1", "-")


def test_nothing_measured_is_said(capsys: Capture) -> None:
    assert shown(capsys, result([row("a", GENERATED, P, [], problem="It is broken.")])) == [
        "Nothing could be measured."
    ]
