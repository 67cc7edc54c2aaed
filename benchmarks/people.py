"""The ranges of real people that a verdict without a reference is held against.

    mssync evaluate clips.csv --json people.json     # real clips, given as if they were generated
    python benchmarks/people.py people.json

Prints the 5 and 95 % quantiles over the clips of every measure of `mssync.evaluation.results.verdict`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from mssync.evaluation.results.result import read_result
from mssync.evaluation.results.verdict import QUESTIONS, measured


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("result", type=Path)
    rows = [row for row in read_result(parser.parse_args().result)["rows"] if not row["problem"]]
    table = Table("question", "measure", "clips", "5 %", "median", "95 %", "in use")
    for question, measures in QUESTIONS.items():
        for measure in measures:
            values = np.array([v for row in rows if (v := measured(measure, row)) is not None])
            low, middle, high = np.quantile(values, [0.05, 0.5, 0.95])
            used = f"{measure.people[0]:g} to {measure.people[1]:g}"
            table.add_row(question, measure.name, str(len(values)), *(f"{v:.3g}" for v in (low, middle, high)), used)
    Console(markup=False).print(table)


if __name__ == "__main__":
    main()
