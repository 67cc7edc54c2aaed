"""A small run of ``benchmarks/faults.py``: damaged and hostile files over every reader end in sentences, and the runner
sees what must not happen.
"""

from __future__ import annotations

import json
import random
import sys
import warnings
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

faults = pytest.importorskip("faults", reason="the benchmarks are not here")
from fuzz.child import judge_case, make_case  # noqa: E402
from fuzz.mutations import spoil_arrays, spoil_bytes, spoil_json  # noqa: E402
from fuzz.parent import keep, prepare, run_reader, wrong  # noqa: E402
from fuzz.reader import Reader, place, valid_files  # noqa: E402
from fuzz.texts import spoil_table, spoil_yaml  # noqa: E402

READERS = faults.all_readers()
CASES = {"training runs": 4, "SyncNet weights": 3, "model folders": 20, "judges and syncers": 12, "photos": 20}


@pytest.mark.parametrize("reader", READERS, ids=lambda r: r.name)
def test_nothing_but_sentences_comes_of_damaged_files(tmp_path: Path, reader: Reader) -> None:
    prepare(reader, tmp_path)
    valid = valid_files(tmp_path / "valid")
    for number in range(CASES.get(reader.name, 25)):
        make_case(reader, 7, number, valid, tmp_path / "case")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = judge_case(reader, tmp_path / "case")
        assert found["verdict"] in ("accepted", "refused"), f"{reader.name} {number} (seed 7): {found['said']}"


def test_a_case_is_the_same_in_every_run(tmp_path: Path) -> None:
    reader = next(r for r in READERS if r.name == "lists of pairs")
    prepare(reader, tmp_path)
    made = [keep(reader, 3, number, tmp_path, tmp_path / str(run)) for run in range(2) for number in (5, 6)]
    contents = [valid_files(folder) for folder in made]
    assert contents[0] == contents[2] and contents[1] == contents[3] and contents[0] != contents[1]


CHILD = """
import json, sys, time
print("ready", flush=True)
for line in sys.stdin:
    print("begin", line.strip(), flush=True)
    if int(line) == 1:
        sys.exit(3)
    if int(line) == 2:
        time.sleep(60)
    found = {"number": int(line), "verdict": "accepted", "said": "", "seconds": 0, "peak": 2000 * (int(line) == 3)}
    print(json.dumps(found), flush=True)
"""


def test_crashes_hangs_and_memory_are_put_down_to_their_case(tmp_path: Path) -> None:
    script = tmp_path / "child.py"
    script.write_text(CHILD)
    reader = Reader("x", 1, lambda _: None, lambda *_: None, lambda _: None)
    lines = list(run_reader(reader, range(5), lambda _: [sys.executable, str(script)], patience=0.3))
    assert [line["verdict"] for line in lines] == ["accepted", "crash", "hang", "accepted", "accepted"]
    assert [wrong(line) for line in lines] == [False, True, True, True, False]
    assert "exit code 3" in lines[1]["said"]


def test_what_is_no_sentence_is_seen(tmp_path: Path) -> None:
    from mssync.errors import InputError

    def read(folder: Path) -> None:
        text = (folder / "x").read_text()
        if text == "raise":
            raise KeyError("x")
        if text == "mumble":
            raise InputError("no")
        if text == "refuse":
            raise InputError("The file x is none.")

    reader = Reader("x", 1, lambda _: None, lambda *_: None, read)
    for text, verdict in (("raise", "raw"), ("mumble", "raw"), ("refuse", "refused"), ("fine", "accepted")):
        place(tmp_path, "x", text.encode())
        assert judge_case(reader, tmp_path)["verdict"] == verdict


def test_shares_add_up() -> None:
    counts = faults.shares(READERS, 20_000)
    assert sum(counts.values()) == 20_000 and min(counts.values()) >= 1


def test_spoiled_files_differ_and_come_back_with_the_seed() -> None:
    rows = (("photo", "speech"), ("a.png", "b.wav"))
    ways = (
        lambda rng: spoil_bytes(bytes(range(256)) * 8, rng),
        lambda rng: spoil_json({"a": [1, 2.5, "x"], "b": {"c": None}}, rng),
        lambda rng: spoil_arrays({"a": [[1.0, 2.0]], "b": [1, 2]}, rng),
        lambda rng: spoil_table(rows, rng),
        lambda rng: spoil_yaml({"steps": 3, "roles": {"a": 1.0}}, rng),
    )
    for way in ways:
        made = [way(random.Random(n)) for n in range(40)]
        assert len(set(made)) > 20
        # Zip files tell the time they were made at; the arrays inside are what counts.
        assert [len(m) for m in made] == [len(way(random.Random(n))) for n in range(40)]


def test_the_table_is_kept_and_gone_on_with(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--cases", "6", "--reader", "lists of pairs", "--out", str(tmp_path)]
    assert faults.main(arguments) == 0
    log = tmp_path / "lists-of-pairs" / "seed-0.jsonl"
    lines = log.read_text().splitlines()
    assert sorted(json.loads(line)["number"] for line in lines) == list(range(6))
    assert "lists of pairs" in capsys.readouterr().out
    log.write_text("\n".join(lines[:4]) + "\n")
    assert faults.main(arguments) == 0
    assert len(log.read_text().splitlines()) == 6
    assert json.loads((tmp_path / "table.json").read_text())["lists of pairs"]["cases"] == 6
