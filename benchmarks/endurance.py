"""Does the motion stay alive over long speech? First against last minute, several seeds, motion only (no drawing).

    python benchmarks/endurance.py --minutes 10 --seeds 5

The demo voice is repeated. A healthy row: spreads of the last minute near those of the first, mean angles that do not
run away, and no step much larger than the others (a pop at a block border).
"""

from __future__ import annotations

import argparse
import json
from typing import Any

import numpy as np
from common import RESULTS, demo_voice, machine
from rich.console import Console
from rich.table import Table

from mssync import TalkingHead
from mssync.motion.generator import MotionOptions

MINUTE = 25 * 60


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--model", default="default")
    args = parser.parse_args()
    head = TalkingHead.load(args.model)
    voice = demo_voice(60.0)
    rows: list[dict[str, Any]] = []
    for seed in range(args.seeds):
        stream = head.stream(MotionOptions(seed=seed))
        parts = []
        for _ in range(max(1, round(args.minutes))):
            parts.append(stream.push(voice))
        motion = np.concatenate([*parts, stream.flush()])
        angles = np.degrees(motion[:, :3])
        first, last = slice(0, MINUTE), slice(len(motion) - MINUTE, None)
        gap = motion[:, -5]
        rows.append(
            {
                "seed": seed,
                "head std first": float(angles[first].std(0).mean()),
                "head std last": float(angles[last].std(0).mean()),
                "head mean last": float(np.abs(angles[last].mean(0)).max()),
                "head max": float(np.abs(angles).max()),
                "largest step": float(np.abs(np.diff(angles, axis=0)).max()),
                "gap mean first": float(gap[first].mean()),
                "gap mean last": float(gap[last].mean()),
                "gap std first": float(gap[first].std()),
                "gap std last": float(gap[last].std()),
            }
        )
    table = Table(*rows[0], title=f"{args.minutes} minutes; angles in degrees, gaps in inter-ocular distances")
    for row in rows:
        table.add_row(*(f"{v:.3g}" for v in row.values()))
    Console(width=170).print(table)
    RESULTS.mkdir(parents=True, exist_ok=True)
    facts = {"machine": machine(), "minutes": args.minutes, "rows": rows}
    (RESULTS / "endurance.json").write_text(json.dumps(facts, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
