"""A list of clips with the column `role`, filled from its families and from one other column.

python benchmarks/add_roles.py clips.csv roles.csv presenter=natural grid=read various=words --acted talk=no

Every FAMILY=ROLE gives a family its role; clips whose other column has the value of --acted are `acted`. The first line
is the corpus of the shipped weights (docs/training.md).
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

from mssync.training.data.listing import ACTED, COLUMNS, ROLE


def main() -> None:
    """Read, fill, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("list", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("roles", nargs="+", metavar="FAMILY=ROLE")
    parser.add_argument("--acted", metavar="COLUMN=VALUE")
    args = parser.parse_args()
    roles = dict(pair.split("=", 1) for pair in args.roles)
    column, value = args.acted.split("=", 1) if args.acted else ("", None)
    with args.list.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    with args.out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow((*COLUMNS, ROLE))
        for row in rows:
            role = ACTED if value is not None and row[column] == value else roles[row["family"]]
            writer.writerow((*(row[name] for name in COLUMNS), role))


if __name__ == "__main__":
    main()
