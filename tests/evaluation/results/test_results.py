"""Medians, marks and the table: arithmetic on made-up scores."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from report_samples import result, row, scores

from mssync.errors import InputError, OutputError
from mssync.evaluation.results.result import FORMAT, VERSION, finite, read_result, write_json
from mssync.evaluation.results.summary import number, relative, score_from, summarise
from mssync.evaluation.results.systems import GENERATED, OUR_MODEL, REAL, SHUFFLED, STILL, systems_of
from mssync.evaluation.scores.score import Aim, Score
from mssync.evaluation.scores.sync import NOT_SEPARATING

P = Path("x.mp4")


def rows_of(values: dict[str, list[float | None]], aim: Aim = "real", key: str = "a.b", chance: float | None = None):
    return [
        {"system": system, "scores": [Score(key, v, "", aim, chance).as_dict()]}
        for system, column in values.items()
        for v in column
    ]


def test_medians_per_system_over_what_was_run() -> None:
    (entry,) = summarise(rows_of({GENERATED: [1.0, None, 3.0, 8.0], REAL: [2.0]}))
    assert list(entry["systems"]) == [REAL, GENERATED], "real footage first, whatever the order"
    cell = entry["systems"][GENERATED]
    assert (cell["median"], cell["clips"], cell["low"]) == (3.0, 3, None)


def test_five_clips_have_an_interval_around_their_median() -> None:
    values: list[float | None] = list(np.random.default_rng(0).normal(3.0, 1.0, 60))
    (entry,) = summarise(rows_of({GENERATED: values}))
    cell = entry["systems"][GENERATED]
    assert cell["low"] < cell["median"] < cell["high"]
    assert 0.2 < cell["high"] - cell["low"] < 1.2, "about four standard errors of a median of 60"
    assert summarise(rows_of({GENERATED: values})) == [entry], "the draws are seeded"


def test_one_clip_keeps_its_own_interval() -> None:
    (entry,) = summarise([{"system": REAL, "scores": [Score("a.b", 1.0, "", "real", None, (0.5, 2.0)).as_dict()]}])
    assert (entry["systems"][REAL]["low"], entry["systems"][REAL]["high"]) == (0.5, 2.0)


@pytest.mark.parametrize(
    ("aim", "ours", "still", "shuffled", "beaten"),
    [
        ("high", 0.5, 0.6, 0.4, [STILL]),
        ("low", 0.5, 0.6, 0.4, [SHUFFLED]),
        ("real", 0.5, 0.9, 1.2, [STILL, SHUFFLED]),
        ("real", 1.5, 0.0, 2.0, []),
        ("high", 0.5, 0.5, None, []),
        ("low", None, 0.6, 0.4, []),
    ],
)
def test_a_baseline_that_beats_the_model_is_named(
    aim: Aim, ours: float | None, still: float, shuffled: float | None, beaten: list[str]
) -> None:
    made = rows_of({OUR_MODEL: [ours], STILL: [still], SHUFFLED: [shuffled], REAL: [1.0]}, aim)
    assert systems_of(made) == [REAL, STILL, SHUFFLED, OUR_MODEL], "the system on trial is the last one"
    (entry,) = summarise(made)
    assert entry["beaten_by"] == beaten


def test_a_baseline_is_not_on_trial() -> None:
    assert summarise(rows_of({STILL: [0.5], SHUFFLED: [0.9]}, "high"))[0]["beaten_by"] == []


def test_the_scale_from_chance_to_real() -> None:
    (entry,) = summarise(rows_of({REAL: [0.9], GENERATED: [0.5]}, chance=0.1))
    assert relative(entry, GENERATED) == (pytest.approx(0.5), None, None)
    (entry,) = summarise(rows_of({REAL: [4.0], GENERATED: [5.0]}))
    assert relative(entry, GENERATED) == (pytest.approx(1.25), None, None)
    (entry,) = summarise(rows_of({REAL: [4.0], GENERATED: [-5.0]}))
    assert relative(entry, GENERATED) is None, "no ratio across zero"
    (entry,) = summarise(rows_of({REAL: [4.0], GENERATED: [5.0]}, key="sync.lips.level0.offset"))
    assert relative(entry, GENERATED) is None, "no ratio of places in time"
    assert relative(entry, REAL) is None


def test_no_ratio_where_real_footage_does_not_separate() -> None:
    near = Score("a.b", 0.5, "", "real", 0.45, (0.4, 0.6))
    far = Score("a.b", 0.5, "", "real", 0.1, (0.4, 0.6))
    for score, separates in ((near, False), (far, True)):
        made = [{"system": s, "scores": [score.as_dict()]} for s in (REAL, GENERATED)]
        (entry,) = summarise(made)
        assert entry["separates"] is separates
        assert (relative(entry, GENERATED) is None) is not separates


def test_every_system_has_its_own_chance() -> None:
    def made(system: str, value: float, chance: float) -> dict[str, object]:
        return {
            "system": system,
            "scores": [Score("a.b", value, "", "real", chance, (value - 0.1, value + 0.1)).as_dict()],
        }

    (entry,) = summarise([made(REAL, 0.9, 0.1), made(GENERATED, 0.9, 0.85)])
    assert entry["separates"] is True, "real footage against its own chance, not that of the generated"
    found = relative(entry, GENERATED)
    assert found is not None and found[0] == pytest.approx((0.9 - 0.85) / (0.9 - 0.1))
    (entry,) = summarise([made(REAL, 0.9, 0.85), made(GENERATED, 0.9, 0.1)])
    assert entry["separates"] is False and relative(entry, GENERATED) is None


def test_sync_levels_say_themselves_whether_they_separate() -> None:
    def entry(notes: list[str]) -> bool | None:
        made = [Score("sync.head.level2.offset", 1.0, "steps", "real", note=n).as_dict() for n in notes]
        (found,) = summarise([{"system": REAL, "scores": [s]} for s in made])
        return found["separates"]  # type: ignore[no-any-return]

    assert entry([NOT_SEPARATING, NOT_SEPARATING, ""]) is False
    assert entry([NOT_SEPARATING, "", ""]) is True
    assert entry([""]) is True and entry([NOT_SEPARATING]) is False
    # A weak score of many clips: five of twenty are far more than chance, one is not.
    assert entry([NOT_SEPARATING] * 15 + [""] * 5) is True
    assert entry([NOT_SEPARATING] * 19 + [""]) is False


def test_a_note_says_of_how_many_clips_it_is() -> None:
    made = [Score("a.b", 1.0, "", "real", note=n).as_dict() for n in ("odd", "", "odd")]
    (entry,) = summarise([{"system": REAL, "scores": [s]} for s in made])
    assert entry["systems"][REAL]["note"] == "2 of 3 clips: odd"


def test_numbers_are_short() -> None:
    found = [number(v) for v in (None, 0.0, 1234.5, 12.345, 0.012345, 0.00001)]
    assert found == ["-", "0", "1234", "12.3", "0.0123", "1.0e-05"]


def test_json_and_back(tmp_path: Path) -> None:
    made = result([row("a", REAL, P, scores(0.1, float("nan")))])
    write_json(tmp_path / "r.json", made, force=False)
    back = read_result(tmp_path / "r.json")
    assert back["rows"][0]["scores"][0]["value"] is None, "JSON has no number that is not finite"
    assert score_from(back["rows"][0]["scores"][1]) == scores(0.1, 0.0)[1]
    assert back["versions"]["mssync"] and back["hashes"] == {"x.mp4": "ab" * 32}
    with pytest.raises(OutputError, match="--force"):
        write_json(tmp_path / "r.json", made, force=False)
    assert list(tmp_path.iterdir()) == [tmp_path / "r.json"], "nothing half-written stays"
    for text in ("{}", "[", json.dumps({**back, "version": 99})):
        (tmp_path / "x.json").write_text(text)
        with pytest.raises(InputError):
            read_result(tmp_path / "x.json")


def test_finite_goes_deep() -> None:
    assert finite({"a": [1.0, float("inf"), (float("nan"), "x")]}) == {"a": [1.0, None, [None, "x"]]}


def test_a_file_name_that_is_not_utf8_is_written_and_read_back(tmp_path: Path) -> None:
    name = b"caf\xe9.mp4".decode("utf-8", "surrogateescape")
    data = {"format": FORMAT, "version": VERSION, "rows": [{"path": name}], "hashes": {name: "x"}}
    write_json(tmp_path / "r.json", data, force=False)
    assert "caf\\udce9.mp4" in (tmp_path / "r.json").read_text("utf-8")
    assert read_result(tmp_path / "r.json") == data
    (tmp_path / "deep.json").write_text("[" * 100_000)
    with pytest.raises(InputError, match=r"deep\.json cannot be read"):
        read_result(tmp_path / "deep.json")
