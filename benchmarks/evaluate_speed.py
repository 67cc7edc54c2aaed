"""How fast is `mssync evaluate`? The quick suite over videos, their own real footage beside them.

    python -m pip install '.[eval]'
    python benchmarks/evaluate_speed.py VIDEOS --list clips.csv --workers 2

Every dev video of a role (`natural`, unless another is named) is evaluated as generated and as reference, so
each second of it counts twice, as it does for a user. The time covers everything from starting the processes to the
finished numbers, but not the HTML page.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from common import show
from dev_set import list_with_roles

from mssync.evaluation.results.systems import GENERATED
from mssync.evaluation.run.runner import run
from mssync.evaluation.run.suite import Item, Settings
from mssync.training.data.listing import NATURAL


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", type=Path)
    parser.add_argument("--list", type=Path, required=True)
    parser.add_argument("--role", default=NATURAL)
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    entries = [e for e in list_with_roles(args.list) if e.split == "dev" and e.role == args.role]
    paths = [next(args.videos.glob(e.name + ".*")) for e in entries]
    items = [Item(path.stem, {GENERATED: path}, path) for path in paths]
    with tempfile.TemporaryDirectory(prefix="mssync-") as parts:
        start = time.perf_counter()
        result = run(items, Settings("quick"), Path(parts), workers=args.workers)
        took = time.perf_counter() - start
    seconds = sum(row["seconds"] for row in result["rows"])
    facts = {"videos": len(result["rows"]), "seconds": seconds, "took": took, "times real time": seconds / took}
    rows = [
        ("videos", str(facts["videos"])),
        ("seconds of video", f"{seconds:.1f}"),
        (f"time with {args.workers} processes", f"{took:.1f} s"),
        ("times real time (the aim is 2)", f"{seconds / took:.2f}"),
    ]
    show("mssync evaluate --suite quick", rows, {"workers": args.workers, **facts}, "evaluate_speed")


if __name__ == "__main__":
    main()
