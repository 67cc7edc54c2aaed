"""Does the motion stay alive over long speech? First against last minute, several seeds, motion only (no drawing).

    python benchmarks/endurance.py --minutes 10 --seeds 5

The demo voice is repeated. A healthy row: spreads of the last minute near those of the first; a Kolmogorov-Smirnov
distance between the two minutes' lip gaps, and head angles, near that between two minutes in a row (for scale); a face
whose mean expression stays; no freeze; and no step across block borders (every eighth frame) larger than elsewhere.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

import numpy as np
from common import RESULTS, demo_voice, machine
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from mssync import TalkingHead
from mssync.motion.options import MotionOptions

MINUTE = 25 * 60


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--model", default="default")
    args = parser.parse_args()
    head = TalkingHead.load(args.model)
    groups = head.space.groups
    voice = demo_voice(60.0)
    rows: list[dict[str, Any]] = []
    for seed in range(args.seeds):
        stream = head.stream(MotionOptions(seed=seed))
        parts = []
        for _ in range(max(1, round(args.minutes))):
            parts.append(stream.push(voice))
        motion = np.concatenate([*parts, stream.flush()])
        angles = np.degrees(motion[:, groups.rotation])
        first, last = slice(0, MINUTE), slice(len(motion) - MINUTE, None)
        gap = motion[:, groups.lip_gap][:, 0]
        means = [motion[part, groups.expression].mean(0) for part in (first, last)]
        rows.append(
            {
                "seed": seed,
                "head std first": float(angles[first].std(0).mean()),
                "head std last": float(angles[last].std(0).mean()),
                "head mean last": float(np.abs(angles[last].mean(0)).max()),
                "head max": float(np.abs(angles).max()),
                "steps at borders / elsewhere": border_ratio(angles),
                "longest freeze (s)": longest_freeze(angles),
                "gap mean first": float(gap[first].mean()),
                "gap mean last": float(gap[last].mean()),
                "gap std first": float(gap[first].std()),
                "gap std last": float(gap[last].std()),
                "gap KS": distance(gap[first], gap[last]),
                "gap KS, scale": distance(gap[first], gap[MINUTE : 2 * MINUTE]),
                "angle KS": float(np.mean([distance(angles[first, i], angles[last, i]) for i in range(3)])),
                "angle KS, scale": float(
                    np.mean([distance(angles[first, i], angles[MINUTE : 2 * MINUTE, i]) for i in range(3)])
                ),
                "face moved (RMS)": float(np.sqrt(np.square(means[1] - means[0]).mean())),
            }
        )
    title = f"{args.minutes} minutes; angles in degrees, gaps in inter-ocular distances"
    table = Table("", *(f"seed {row['seed']}" for row in rows), title=title)
    for key in list(rows[0])[1:]:
        table.add_row(key, *(f"{row[key]:.3g}" for row in rows))
    Console(width=120).print(table)
    RESULTS.mkdir(parents=True, exist_ok=True)
    facts = {"machine": machine(), "minutes": args.minutes, "rows": rows}
    (RESULTS / "endurance.json").write_text(json.dumps(facts, indent=1) + "\n", "utf-8")


def distance(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Kolmogorov-Smirnov: the largest difference of the two distribution functions, 0 to 1."""
    at = np.concatenate([a, b])
    share = [np.searchsorted(np.sort(x), at, side="right") / len(x) for x in (a, b)]
    return float(np.abs(share[0] - share[1]).max())


def border_ratio(angles: NDArray[np.float32]) -> float:
    """Largest change of speed where one block of eight frames meets the next, over the largest elsewhere."""
    bend = np.abs(np.diff(angles, n=2, axis=0)).max(1)
    border = np.zeros(len(bend), bool)
    for shift in (6, 7):  # the second differences that reach over a border
        border[shift::8] = True
    return float(bend[border].max() / bend[~border].max())


def longest_freeze(angles: NDArray[np.float32]) -> float:
    """Seconds of the longest stretch in which no angle moves by 0.02 degrees per frame."""
    still = np.abs(np.diff(angles, axis=0)).max(1) < 0.02
    edges = np.flatnonzero(np.diff(np.concatenate([[0], still, [0]])))
    return float((edges[1::2] - edges[::2]).max() / 25) if len(edges) else 0.0


if __name__ == "__main__":
    main()
