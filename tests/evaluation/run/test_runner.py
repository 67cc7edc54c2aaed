"""Many items: nothing is done twice, one bad file stops nothing, the parts go when all is well."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from report_samples import row, scores

from mssync.errors import InputError, MssyncError, OutputError
from mssync.evaluation.results.systems import GENERATED, REAL
from mssync.evaluation.run import runner
from mssync.evaluation.run.evaluate import Pool
from mssync.evaluation.run.runner import parts_folder, run
from mssync.evaluation.run.suite import Item, Settings

NO_TRACKER = None


@pytest.fixture
def items(tmp_path: Path) -> list[Item]:
    for name in ("a.mp4", "b.mp4", "c.mp4"):
        (tmp_path / name).write_text(name)
    return [Item(n, {GENERATED: tmp_path / f"{n}.mp4"}, tmp_path / f"{n}.mp4") for n in "abc"]


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Evaluations that cost nothing; the list says which items were worked on."""
    names: list[str] = []

    def evaluate(item: Item, settings: Settings, tracker: object, progress: object = None) -> tuple[list, list[Pool]]:
        names.append(item.name)
        made = []
        for system, path in ((REAL, item.reference), (GENERATED, item.videos[GENERATED])):
            assert path is not None
            problem = "It is broken; mend it." if path.read_text() == "broken" else ""
            made.append(row(item.name, system, path, scores(0.1, 0.3), problem=problem))
        if item.name == "stop":
            raise KeyboardInterrupt
        motion = np.random.default_rng(len(names)).normal(0, 0.02, (60, 43)).astype(np.float32)
        pool: Pool = {"motion": motion, "windows": np.ones((9, 21), np.float32), "speech": np.array("x")}
        return made, [{} if r["problem"] else pool for r in made]

    monkeypatch.setattr(runner, "evaluate_one", evaluate)
    monkeypatch.setattr(runner, "FaceTracker", lambda **_: NO_TRACKER)
    return names


def test_all_items_in_their_order(items: list[Item], work: list[str], tmp_path: Path) -> None:
    said: list[tuple[int, int]] = []
    result = run(items, Settings(), tmp_path / "p", done=lambda done, total, rows: said.append((done, total)))
    assert [(r["name"], r["system"]) for r in result["rows"]] == [(n, s) for n in "abc" for s in (REAL, GENERATED)]
    assert said == [(1, 3), (2, 3), (3, 3)]
    keys = [entry["key"] for entry in result["summary"]]
    assert "silence.gap" in keys and "collapse.share" in keys and "head.set_frechet" in keys
    assert result["hashes"]["space.npz"] and result["config"]["frames per second"] == 25
    assert not (tmp_path / "p").exists(), "the parts go when all is well"


def test_a_stopped_run_goes_on(items: list[Item], work: list[str], tmp_path: Path) -> None:
    (tmp_path / "stop.mp4").touch()
    stop = Item("stop", {GENERATED: tmp_path / "stop.mp4"}, tmp_path / "stop.mp4")
    with pytest.raises(KeyboardInterrupt):
        run([*items[:2], stop, items[2]], Settings(), tmp_path / "p")
    assert len(list((tmp_path / "p").glob("*.json"))) == 2
    del work[:]
    whole = run(items, Settings(), tmp_path / "p")
    assert work == ["c"], "what was finished is not made again"
    assert [r["name"] for r in whole["rows"]] == list("aabbcc")


def test_parts_count_only_for_the_same_question(items: list[Item], work: list[str], tmp_path: Path) -> None:
    def left() -> Path:
        (tmp_path / "bad.mp4").write_text("broken")
        bad = Item("bad", {GENERATED: tmp_path / "bad.mp4"}, tmp_path / "bad.mp4")
        run([*items, bad], Settings(), tmp_path / "p")
        return tmp_path / "p"

    left()
    assert work == ["a", "b", "c", "bad"]
    del work[:]
    left()
    assert work == ["bad"], "what failed is tried again, the rest is kept"
    for change in (Settings(suite="full"), Settings(seed=1)):
        del work[:]
        run(items[:1], change, tmp_path / "p2")
        assert work == ["a"]
    left()
    del work[:]
    os.utime(tmp_path / "a.mp4", ns=(1, 1))
    run(items, Settings(), tmp_path / "p")
    assert work == ["a"], "another file under the same name"


def test_damaged_parts_are_made_again(items: list[Item], work: list[str], tmp_path: Path) -> None:
    (tmp_path / "c.mp4").write_text("broken")
    run(items, Settings(), tmp_path / "p")
    first, second = sorted((tmp_path / "p").glob("*.json"))
    first.write_text("{")
    second.with_suffix(".npz").write_bytes(b"PK")
    del work[:]
    run(items, Settings(), tmp_path / "p")
    assert sorted(work) == ["a", "b", "c"]


def test_a_bad_file_is_one_row_with_its_reason(items: list[Item], work: list[str], tmp_path: Path) -> None:
    (tmp_path / "b.mp4").write_text("broken")
    result = run(items, Settings(), tmp_path / "p")
    assert [bool(r["problem"]) for r in result["rows"]] == [False, False, True, True, False, False]
    entry = next(e for e in result["summary"] if e["key"] == "silence.gap")
    assert entry["systems"][REAL]["clips"] == 2


def test_parts_that_cannot_be_written_end_in_a_sentence(items: list[Item], work: list[str], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(MssyncError):
        run(items, Settings(), tmp_path / "file" / "p")


def test_a_folder_of_something_else_is_not_taken_for_parts(items: list[Item], work: list[str], tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "letters.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"letters\.txt"):
        run(items, Settings(), tmp_path / "p")
    assert (tmp_path / "p" / "letters.txt").read_text() == "mine" and work == []


@pytest.mark.parametrize("net", ["picture_net", "clip_net", "syncnet"])
def test_a_damaged_network_is_refused_before_the_work(
    items: list[Item], work: list[str], tmp_path: Path, net: str
) -> None:
    if net == "syncnet":
        pytest.importorskip("torch")
    (tmp_path / "net.bin").write_bytes(b"no network")
    with pytest.raises(InputError, match=r"net\.bin"):
        run(items, Settings(**{net: tmp_path / "net.bin"}), tmp_path / "p")
    assert work == []


def test_a_score_of_the_set_that_fails_is_a_note(
    items: list[Item], work: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> float:
        raise np.linalg.LinAlgError("no convergence")

    monkeypatch.setattr("mssync.evaluation.run.pool.MIN_ROWS", 2)
    monkeypatch.setattr("mssync.evaluation.run.pool.frechet", fails)
    result = run(items, Settings(), tmp_path / "p")
    entry = next(e for e in result["summary"] if e["key"] == "head.set_frechet")
    assert "no convergence" in entry["systems"][GENERATED]["note"]


def test_where_the_parts_lie() -> None:
    assert parts_folder(Path("x/r.json")) == Path("x/r.json.parts")
