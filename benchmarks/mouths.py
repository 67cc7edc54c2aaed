"""What real mouths show inside, by opening: brightness and redness relative to the cheeks.

    python benchmarks/mouths.py CLIPS VIDEOS --list clips.csv [--split train]

CLIPS is a folder of `mssync preprocess --points`, VIDEOS the videos it was made from. Up to a dozen frames of up to
four clips of every speaker are read; between the inner lips colours are taken from the upper to the lower lip in the
middle of the mouth. The drawn inside (`mssync/render/teeth.py`) has its amounts from here.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from common import show

from mssync.arrays import Array
from mssync.evaluation.footage import pinned_space
from mssync.face import topology as topo
from mssync.media.video import iter_frames
from mssync.render.teeth import grey, sample
from mssync.training.data.clips import load_points
from mssync.training.data.listing import read_list

UPPER, LOWER = list(topo.LIPS_INNER_UPPER[4:7]), list(topo.LIPS_INNER_LOWER[4:7])
CHEEKS = (50, 280, 101, 330, 205, 425, 117, 346)
OPENINGS = ((0.03, 0.08), (0.08, 0.15), (0.15, 0.25), (0.25, 0.6))
PLACES = np.linspace(0.06, 0.94, 9, dtype=np.float32)
CLIPS, FRAMES, FACING = 4, 14, 0.25


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path)
    parser.add_argument("videos", type=Path)
    parser.add_argument("--list", type=Path, required=True)
    parser.add_argument("--split", default="train")
    args = parser.parse_args()
    found: dict[int, dict[str, list[Array]]] = {i: {} for i in range(len(OPENINGS))}
    taken: dict[str, int] = {}
    for entry in read_list(args.list):
        points = args.clips / "points" / (entry.name + ".npz")
        if entry.split != args.split or taken.get(entry.speaker, 0) >= CLIPS or not points.exists():
            continue
        taken[entry.speaker] = taken.get(entry.speaker, 0) + 1
        for opening, colours in seen(points, next(args.videos.glob(entry.name + ".*"))):
            found[opening].setdefault(entry.speaker, []).append(colours)
    rows, results = [], {}
    for i, (low, high) in enumerate(OPENINGS):
        people = np.array([np.mean(x, axis=0) for x in found[i].values()])
        if not len(people):
            continue
        bright, red = people.mean(-1), (people[..., 0] - people[..., 1:].mean(-1)) / people.mean(-1)
        for name, values in (("brightness", bright), ("its spread", bright), ("redness", red)):
            mean = values.std(0) if name == "its spread" else values.mean(0)
            rows.append((f"gap {low:g}-{high:g}, {len(people)} people: {name}", " ".join(f"{x:.2f}" for x in mean)))
            results[f"{low:g} {name}"] = mean.tolist()
    show("inside of real mouths from the upper to the lower lip, cheeks = 1", rows, results, "mouths")


def seen(points: Path, video: Path) -> list[tuple[int, Array]]:
    """Number of the opening and colours ``(9, 3)`` over the cheeks' brightness, of some frames of a clip."""
    track = load_points(points).track
    motion = pinned_space().encode(track)
    gaps = motion.column("lip_gap")
    usable = np.flatnonzero(track.valid & (gaps > OPENINGS[0][0]) & (np.abs(motion.column("rot_y")) < FACING))
    if not len(usable):
        return []
    wanted = usable[np.unique(np.linspace(0, len(usable) - 1, min(FRAMES, len(usable))).astype(int))]
    out, left = [], list(wanted)
    for time, rgb in iter_frames(video):
        if left and time >= track.times[left[0]] - 0.021:
            t = left.pop(0)
            p = track.points[t]
            lines = p[UPPER, :2] + (p[LOWER, :2] - p[UPPER, :2]) * PLACES[:, None, None]
            x, y = np.ascontiguousarray(lines[..., 0]), np.ascontiguousarray(lines[..., 1])
            colours = cv2.remap(rgb, x, y, cv2.INTER_LINEAR).astype(np.float32).mean(1)
            opening = next(i for i, (low, high) in enumerate(OPENINGS) if gaps[t] <= high or i == len(OPENINGS) - 1)
            out.append((opening, np.asarray(colours / max(grey(sample(rgb, p, CHEEKS, 50)), 1.0), np.float32)))
    return out


if __name__ == "__main__":
    main()
