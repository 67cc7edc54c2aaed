"""Damaged and hostile files over every reader: nothing but sentences may come of them.

    python benchmarks/faults.py                      # 20,000 cases, hours on one core; goes on where it stopped
    python benchmarks/faults.py --cases 500 --reader "motion files"
    python benchmarks/faults.py --replay "motion files" 17   # write that case again and read it here

Each case is a valid file with changed bytes, or with changed meaning (types, ranges, depth, sizes, operators), drawn
from the seed, the reader and the case's number alone. Children read them under limits of time and memory. The table
counts, per reader: accepted, refused by a sentence, raw exceptions, crashes, hangs over 20 s, and the largest memory.
Anything wrong is written into ``failing/`` and makes the exit code 1.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import Counter
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

from fuzz.child import judge_case, serve  # noqa: E402 - the number of threads is read when libraries load
from fuzz.parent import Line, keep, prepare, python, run_reader, wrong  # noqa: E402
from fuzz.reader import Reader  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.table import Table  # noqa: E402

CASES = 20_000
OUT = Path("out") / "faults"
COLUMNS = ("accepted", "refused", "raw", "crash", "hang")


def all_readers() -> list[Reader]:
    """Every reader whose packages are here."""
    from fuzz import media_readers, motion_readers, text_readers, training_readers

    groups = (media_readers, motion_readers, text_readers, training_readers)
    readers = [r for group in groups for r in group.READERS]
    missing = {n for r in readers for n in r.needs if find_spec(n) is None}
    if missing:
        print(
            f"Left out, for want of {', '.join(sorted(missing))}: {[r.name for r in readers if missing & {*r.needs}]}"
        )
    return [r for r in readers if not missing & {*r.needs}]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, go on, or replay; 1 where anything is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=CASES, help="over all readers, by their shares")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--reader", action="append", help="only this one; may be given several times")
    parser.add_argument("--out", type=Path, default=OUT, help="folder for progress and failing cases")
    parser.add_argument("--replay", nargs=2, metavar=("READER", "NUMBER"))
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    options.out = options.out.resolve()
    readers = {r.name: r for r in all_readers()}
    if options.child:
        serve(readers[options.child], options.seed, _work(options.out, readers[options.child]))
        return 0
    if options.replay:
        return _replay(readers[options.replay[0]], options.seed, int(options.replay[1]), options.out)
    chosen = [readers[n] for n in options.reader or readers]
    counts = shares(chosen, options.cases)
    lines = {r.name: _run(r, counts[r.name], options.seed, options.out) for r in chosen}
    Console(width=130).print(table(lines))
    (options.out / "table.json").write_text(json.dumps({n: summary(v) for n, v in lines.items()}, indent=1) + "\n")
    return int(any(wrong(line) for found in lines.values() for line in found))


def shares(readers: Sequence[Reader], cases: int) -> dict[str, int]:
    """How many cases each reader gets; at least one, exactly so many in all."""
    total = sum(r.share for r in readers)
    counts = {r.name: max(1, cases * r.share // total) for r in readers}
    counts[readers[0].name] += max(0, cases - sum(counts.values()))
    return counts


def _work(out: Path, reader: Reader) -> Path:
    return out / reader.name.replace(" ", "-")


def _run(reader: Reader, count: int, seed: int, out: Path) -> list[Line]:
    work = _work(out, reader)
    work.mkdir(parents=True, exist_ok=True)
    prepare(reader, work)
    log = work / f"seed-{seed}.jsonl"
    done = [json.loads(text) for text in log.read_text("utf-8").splitlines()] if log.is_file() else []
    done = [line for line in done if line["number"] < count]
    missing = sorted(set(range(count)) - {line["number"] for line in done})

    def command(name: str) -> list[str]:
        return python(Path(__file__).resolve(), "--child", name, "--seed", str(seed), "--out", str(out))

    with log.open("a", encoding="utf-8") as kept:
        for line in run_reader(reader, missing, command):
            kept.write(json.dumps(line) + "\n")
            kept.flush()
            done.append(line)
            if wrong(line):
                where = keep(reader, seed, line["number"], work, out / "failing")
                print(
                    f"{reader.name} {line['number']}: {line['verdict']}, {line['said']} ({line['peak']} MB) -> {where}",
                    flush=True,
                )
    return done


def _replay(reader: Reader, seed: int, number: int, out: Path) -> int:
    work = _work(out, reader)
    work.mkdir(parents=True, exist_ok=True)
    prepare(reader, work)
    folder = keep(reader, seed, number, work, out / "failing")
    print(folder)
    print(json.dumps(judge_case(reader, folder)))
    reader.read(folder)
    return 0


def summary(lines: Sequence[Line]) -> dict[str, float]:
    """The numbers of one row."""
    verdicts = Counter(line["verdict"] for line in lines)
    return {
        "cases": len(lines), **{c: verdicts[c] for c in COLUMNS},
        "peak_mb": max((line["peak"] for line in lines), default=0),
        "slowest_s": max((line["seconds"] for line in lines), default=0.0),
    }  # fmt: skip


def table(found: dict[str, list[Line]]) -> Table:
    """All readers and their sum."""
    made = Table(title="Damaged and hostile files")
    heads = ("reader", "cases", "accepted", "refused", "raw exceptions", "crashes", "hangs", "peak MB", "slowest s")
    for column in heads:
        made.add_column(column, justify="left" if column == "reader" else "right")
    every = {**found, "all": [line for lines in found.values() for line in lines]}
    for name, lines in every.items():
        row = summary(lines)
        made.add_row(name, *(f"{value:.1f}" if key == "slowest_s" else f"{value:.0f}" for key, value in row.items()))
    return made


if __name__ == "__main__":
    sys.exit(main())
