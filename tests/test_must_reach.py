"""The table of what must be reached: marks from facts whose answer is known."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))

pytest.importorskip("must_reach", reason="the benchmarks are not here")
from must_reach import HEAD, Mark, marks, show, side_by_side


def dependence(speech: float, seed: float, real: float) -> dict[str, Any]:
    axes = (*HEAD, "lips")
    rows = {"same seed, other speech": speech, "same speech, other seed": seed, "real people, other speech": real}
    return {name: {axis: {"abs": x, "r": x} for axis in axes} for name, x in rows.items()}


def by_name(facts: dict[str, Any]) -> dict[str, Mark]:
    return {m.name: m for m in marks("raw", facts)}


def test_what_was_not_measured_has_no_line() -> None:
    assert list(marks("raw", {})) == []


def test_an_axis_that_follows_its_noise_is_not_reached() -> None:
    deaf, hears = (by_name({"dependence": dependence(x, 0.4, 0.1)}) for x in (0.96, 0.2))
    assert not deaf["same seed, other speech: |r| of yaw"].reached
    assert hears["same seed, other speech: |r| of yaw"].reached
    assert hears["same speech, other seed: |r| of yaw"].reached
    assert not by_name({"dependence": dependence(0.2, 0.05, 0.1)})["same speech, other seed: |r| of roll"].reached


def test_where_people_are_more_alike_than_a_quarter_their_own_number_is_the_limit() -> None:
    found = by_name({"dependence": dependence(0.3, 0.4, 0.34)})
    assert found["same seed, other speech: |r| of size"].reached


def test_an_axis_alone_must_be_in_time_as_often_as_people() -> None:
    row = {"presenters made": 0.25, "presenters real": 0.5, "ratio": 1.0}
    found = by_name({"sync": {"yaw-1": row, "roll-2": {**row, "presenters made": 0.5}, "head-1": {"ratio": 1.31}}})
    assert not found["yaw alone, level 1: presenters on"].reached
    assert found["roll alone, level 2: presenters on"].reached
    assert found["roll alone, level 2: confidence / real"].reached
    deaf = by_name({"sync": {"roll-2": {"presenters made": 0.1, "presenters real": 0.0, "ratio": -0.1}}})
    assert list(deaf) == ["roll alone, level 2: confidence / real"], "a share that people do not reach is no mark"
    assert not deaf["roll alone, level 2: confidence / real"].reached
    assert not found["head, level 1: confidence / real"].reached


@pytest.mark.parametrize(("made", "reached"), [(0.12, False), (0.131, True), (0.189, True), (0.2, False)])
def test_touching_within_three_points(made: float, reached: bool) -> None:
    ratio = {"ratio": 1.0, "made": 1.0, "real": 1.0}
    keys = ("width, spread over mean", "brows, spread", "brows, speed")
    facts = {"variety": {**dict.fromkeys(keys, ratio), "touching in speech": {"made": made, "real": 0.16}}}
    assert by_name(facts)["lips touch in speech: share of frames"].reached is reached


def test_a_number_that_could_not_be_measured_is_not_reached(capsys: pytest.CaptureFixture[str]) -> None:
    found = [Mark("a", "raw", math.nan, None, 0.0, math.inf), Mark("b", "raw", 1.0, 1.0, 0.0, math.inf)]
    assert [m.reached for m in found] == [False, True]
    out = show(found)
    assert out["raw: b"]["high"] is None and "reached: 1 of 2" in capsys.readouterr().out


def test_results_stand_side_by_side_and_what_is_reached_is_bold() -> None:
    deaf, hears = ({"raw": {"dependence": dependence(x, 0.4, 0.1)}} for x in (0.96, 0.2))
    lines = side_by_side([deaf, {**hears, "tracked": {"head": head()}}]).splitlines()
    assert lines[0].startswith("| mark | people | wanted | 1, raw | 1, tracked | 2, raw | 2, tracked |")
    yaw = next(line for line in lines if "other speech: \\|r\\| of yaw" in line)
    assert yaw.endswith("| 0.1 | 0 to 0.25 | 0.96 |  | **0.2** |  |")
    assert next(line for line in lines if "spread of yaw" in line).endswith("| 1 | 0.8 to 1.2 |  |  |  | **1** |")


def head() -> dict[str, Any]:
    axes = dict.fromkeys(HEAD, 1.0)
    return {"spread": axes, "speed": axes, "spectrum": {"made": 2.0, "real": 4.0}, "frechet": {"ratio": 1.0}}
