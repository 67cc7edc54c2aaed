"""Re-enactment: real people on their own best frame, by their own motion, against what the camera saw.

    python benchmarks/reenact.py VIDEOS --list clips.csv
    python benchmarks/reenact.py VIDEOS --list clips.csv --beside before.json

Of every speaker of a split (``--split``, dev) the first clip with a still camera is tracked; the frame nearest the
middle pose with lips nearly shut becomes the photo, and the clip's own motion is drawn on it. The real frames show
what truly was behind the head and in the mouth. Beside each number stands that of a still photo, which moves nothing.
Zones: *ring*, 0.15 face heights around the real head's silhouette above the chin, and the same where the head moved
by more than 2 % of its height; *wall*, what nobody covers: the camera's own noise; *inside*, between the real inner
lips; *lids* in blinks; the *face*. Flicker is the
change from frame to frame that the real frames do not have. *Read / asked* are the slopes of the turns that the
tracker finds in the drawn frames on those that were asked, over people whose head turns (a real person's own are 1 by
definition), *mouth points* how far the drawn mouth's tracked points lie from the real one's, in the head's own frame,
in % of the distance between the outer corners of the eyes. Prints one table, writes ``out/bench/reenact.json`` and a
contact sheet.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from common import RESULTS, machine
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from sheets import cut, sheet
from zones import OPENINGS, SHUT, Silhouette, Sums, closures, filled, height_of, zones_of

from mssync import TalkingHead
from mssync.face import shape as fs
from mssync.face import topology as topo
from mssync.face.tracking import Face, Track
from mssync.media.image import Image
from mssync.media.video import iter_frames
from mssync.motion.pose_free import freed_of_pose
from mssync.render.relief import with_relief
from mssync.training.data.listing import read_list

Array = NDArray[np.float32]
Rgb = NDArray[np.uint8]

FAR = 0.02  # face heights
STILL = 4.0  # levels by which a standing background may change, and the share of the picture it must fill
GROUND = 0.02
BURST, BURSTS, BLINKS = 6, 8, 8
SIDE = 150
RIGID = list(topo.RIGID)
MOUTH = [*topo.LIPS_OUTER, *topo.LIPS_INNER]
TURNS = np.radians(1.5)  # standard deviation from which on a head's turns tell the slope


@dataclass(frozen=True)
class Take:
    """A clip with a still camera: frames, track, silhouettes of some frames, and the frame that is the photo."""

    name: str
    frames: list[Rgb]
    track: Track
    best: int


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", type=Path)
    parser.add_argument("--list", type=Path, required=True, help="CSV with path, split and speaker")
    parser.add_argument("--split", default="dev")
    parser.add_argument("--seconds", type=float, default=8.0, help="of each clip")
    parser.add_argument("--people", type=int, default=100, help="at most so many")
    parser.add_argument("--out", type=Path, default=Path("out") / "reenact")
    parser.add_argument("--beside", type=Path, help="reenact.json of another state, for a column beside")
    options = parser.parse_args()
    head, silhouette = TalkingHead.load(), Silhouette()
    made: dict[str, Any] = {}
    rows: list[tuple[str, list[Rgb]]] = []
    for take in islice(takes(options, head, silhouette), options.people):
        sums, read, tiles = judged(head, silhouette, take)
        made[take.name] = {way: numbers(s) for way, s in sums.items()}
        made[take.name]["made"] |= read
        made[take.name]["steps"] = [list(pair) for pair in sums["made"].mouth_steps]
        rows.append((take.name, tiles))
        print(f"{take.name}: ring {made[take.name]['made']['ring']:.2f}", flush=True)
    heads = ["photo", *("real", "made") * ((len(rows[0][1]) - 1) // 2)]
    sheet(rows, heads, options.out / "sheet.png")
    total = {way: pooled([p[way] for p in made.values()]) for way in ("made", "still")}
    total["made"]["mouth jumps, %"] = jumps([step for p in made.values() for step in p["steps"]])
    RESULTS.mkdir(parents=True, exist_ok=True)
    results = {"machine": machine(), "people": made, "all": total}
    (RESULTS / "reenact.json").write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    show(total, json.loads(options.beside.read_text("utf-8"))["all"] if options.beside else None, len(made))
    print(f"written to {RESULTS / 'reenact.json'} and {options.out / 'sheet.png'}")


def takes(options: argparse.Namespace, head: TalkingHead, silhouette: Silhouette) -> Iterator[Take]:
    """The first clip with a still camera of every speaker."""
    done: set[str] = set()
    for entry in read_list(
        options.list, [p.relative_to(options.videos).as_posix() for p in options.videos.rglob("*.*")]
    ):
        if entry.split != options.split or entry.speaker in done:
            continue
        read = []
        for time, rgb in iter_frames(options.videos / entry.name):
            if time >= options.seconds:
                break
            read.append((time, rgb))
        frames = [rgb for _, rgb in read]
        if not read or not stands(frames, silhouette):
            continue
        track = head.tracker.track(iter(read))
        if track.cuts or track.valid.mean() < 0.95:
            continue
        done.add(entry.speaker)
        yield Take(entry.name, frames, track, best_frame(track))


def stands(frames: list[Rgb], silhouette: Silhouette) -> bool:
    """Whether the camera stands still, by what is never covered by the person."""
    some = [frames[i] for i in np.linspace(0, len(frames) - 1, 6).astype(int)]
    free = np.max([silhouette(rgb) for rgb in some], axis=0) < 0.05
    if free.mean() < GROUND:
        return False
    return bool(np.std([rgb.astype(np.float32) for rgb in some], axis=0).mean(-1)[free].mean() < STILL)


def best_frame(track: Track) -> int:
    """The frame nearest the middle pose whose lips are nearly shut and whose eyes are open."""
    places = track.points[:, RIGID]
    away = np.linalg.norm(places - np.median(places[track.valid], axis=0), axis=-1).mean(-1) / height_of(
        track.points[0]
    )
    unit = np.linalg.norm(track.points[:, 33] - track.points[:, 263], axis=-1)
    gap = fs.lip_gap(track.points) / unit
    shut = closures(track.points, track.valid).max(1)
    return int(np.argmin(away + np.maximum(gap - 0.03, 0) + np.maximum(shut - 0.2, 0) + 9.0 * ~track.valid))


def judged(
    head: TalkingHead, silhouette: Silhouette, take: Take
) -> tuple[dict[str, Sums], dict[str, float], list[Rgb]]:
    """Numbers of a clip drawn on its own frame and of the still photo, what is read back, and tiles for the sheet."""
    track, space = take.track, head.space
    face = Face(track.points[take.best], track.blendshapes[take.best], 1.0)
    photo = take.frames[take.best]
    scene = with_relief(head.renderer.prepare(Image(photo, None, take.name), face), head.renderer, head.tracker)
    rest = space.prepare(face, 0.0)  # the clip's motion counts from its neutral face
    values = own_motion(head, take)
    gaps, shut = values[:, space.names.index("lip_gap")], closures(track.points, track.valid)
    rigid = np.linalg.norm(track.points[:, RIGID] - track.points[take.best, RIGID], axis=-1).mean(-1)
    moved = rigid / height_of(face.points)
    own = silhouette(photo)
    sums = {"made": Sums(), "still": Sums()}
    before: tuple[int, Rgb] | None = None
    found: dict[int, Array] = {}
    for t in chosen(track, shut):
        real, points = take.frames[t], track.points[t]
        controls = space.decode(rest, values[t])
        frame = head.renderer.render(scene, controls)
        zones = zones_of(silhouette(real), own, points, float(gaps[t]), shut[t].tolist())
        for way, drawn, lips in (("made", frame, controls.points), ("still", photo, face.points)):
            sums[way].add(drawn, real, zones, bool(moved[t] > FAR))
            sums[way].add_profile(drawn, lips, real, points, float(gaps[t]))
        if before is not None and before[0] == t - 1:
            mouth = filled(photo.shape, points[list(topo.LIPS_OUTER), :2])
            sums["made"].add_step((frame, before[1]), (real, take.frames[t - 1]), zones, mouth)
        before = t, frame
        if len(found) == 0 or t % 3 == 0:
            found[t] = head.tracker.track([(0.0, frame)]).points[0]
    tiles = [cut(photo, around(face.points), SIDE)]
    for t in telling(values, space.names, shut, track.valid):
        frame = head.renderer.render(scene, space.decode(rest, values[t]))
        tiles += [cut(rgb, around(face.points), SIDE) for rgb in (take.frames[t], frame)]
    return sums, read_back(take, found, values), tiles


def read_back(take: Take, found: dict[int, Array], asked: Array) -> dict[str, float]:
    """What the tracker sees in drawn frames: slopes of the turns, and how far mouth points lie from real ones."""
    times = list(found)
    drawn, real = np.stack(list(found.values())), take.track.points[times]
    own = fs.fit_pose(real[0], real[0] / np.linalg.norm(real[0, 33] - real[0, 263])).to_head(real[0])
    poses = [fs.fit_pose(points, own) for points in (drawn, real)]
    turns = fs.rotation_vector(poses[0].rotation @ fs.fit_pose(take.track.points[take.best], own).rotation.T)
    out = {}
    for i, axis in enumerate(("pitch", "yaw", "roll")):
        wide = asked[times, i].std() > TURNS
        out[f"{axis}, read / asked"] = float(np.polyfit(asked[times, i], turns[:, i], 1)[0]) if wide else float("nan")
    mouths = [pose.to_head(points)[:, MOUTH, :2] for pose, points in zip(poses, (drawn, real), strict=True)]
    centred = [m - m.mean(1, keepdims=True) for m in mouths]
    out["mouth points, %"] = 100 * float(np.linalg.norm(mouths[0] - mouths[1], axis=-1).mean())
    out["mouth shape, %"] = 100 * float(np.linalg.norm(centred[0] - centred[1], axis=-1).mean())
    return out


def own_motion(head: TalkingHead, take: Take) -> Array:
    """The clip's motion ``(T, D)``, its head relative to the pose of the frame that is the photo."""
    space, track = head.space, take.track
    values = freed_of_pose(space.encode(track)).values.copy()
    pose = fs.fit_pose(track.points, space.rest_of(track).shape)
    turn = fs.rotation_vector(pose.rotation @ pose.rotation[take.best].T)
    shift = (pose.translation - pose.translation[take.best])[:, :2] / pose.scale[take.best]
    values[:, space.groups.head] = np.concatenate([turn, shift, np.log(pose.scale / pose.scale[take.best])[:, None]], 1)
    return values


def chosen(track: Track, shut: Array) -> list[int]:
    """Frames to draw: short runs all over the clip, and some of the blinks."""
    count = len(track.valid)
    starts = np.linspace(0, max(0, count - BURST), BURSTS).astype(int)
    runs = {int(s) + i for s in starts for i in range(min(BURST, count))}
    blinks = np.flatnonzero(shut.max(1) > SHUT)[:: max(1, int((shut.max(1) > SHUT).sum()) // BLINKS)]
    return [t for t in sorted(runs | set(blinks.tolist())) if t < count and track.valid[t]]


def telling(values: Array, names: tuple[str, ...], shut: Array, valid: NDArray[np.bool_]) -> list[int]:
    """The frames that show most: turned most to either side, nodded most, widest open, most shut eyes."""
    yaw, pitch, gap = (values[:, names.index(n)] for n in ("rot_y", "rot_x", "lip_gap"))
    wanted = (yaw, -yaw, np.abs(pitch), gap, shut.min(1))
    return [int(np.argmax(np.where(valid, x, -np.inf))) for x in wanted]


def around(points: Array) -> tuple[int, int, int, int]:
    """A square around the head."""
    (x, y), high = points[:, :2].mean(0), height_of(points)
    return int(x - 0.95 * high), int(y - 1.1 * high), int(x + 0.95 * high), int(y + 0.8 * high)


def numbers(sums: Sums) -> dict[str, float]:
    """One line of numbers."""
    out = {zone: sums.error(zone) for zone in ("ring", "ring, moved", "wall", "face", "inside", "lids")}
    made, real = (float(sum(pair[i] for pair in sums.edges)) for i in (0, 1))
    out["edges made"], out["edges real"] = made, real
    out["flicker"] = float(np.mean(sums.flicker)) if sums.flicker else float("nan")
    for i, (low, high) in enumerate(OPENINGS):
        name = f"gap {low:g}-{high:g}" if high < 2 else f"gap over {low:g}"
        rows = np.array(sums.profiles.get(i, []))  # frame, (made, real), (brightness, redness), place
        for k, what in enumerate(("brightness", "redness")):
            mine, real_ = (rows[:, j, k].mean(0) for j in (0, 1)) if len(rows) else (np.full(1, np.nan),) * 2
            out[f"{what} {name}, % off"] = 100 * float(np.abs(mine - real_).mean() / max(np.abs(real_).mean(), 8.0))
    return out


def pooled(people: list[dict[str, float]]) -> dict[str, float]:
    """The mean over people; edges as the ratio of the sums."""
    out = {}
    for name in people[0]:
        values = np.array([p[name] for p in people], float)
        out[name] = float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")
    out["edges made / real"] = out.pop("edges made") / max(out.pop("edges real"), 1e-6)
    return out


def jumps(steps: list[list[float]]) -> float:
    """Percentage of steps of the drawn mouth that are larger than 99 % of the real ones."""
    pairs = np.array(steps)
    return 100 * float(np.mean(pairs[:, 0] > np.percentile(pairs[:, 1], 99)))


def show(total: dict[str, dict[str, float]], beside: dict[str, dict[str, float]] | None, people: int) -> None:
    """The table."""
    table = Table(title=f"Re-enactment of {people} people (levels of 255 unless said)")
    for column in (
        "measure",
        "still photo",
        *(("other state",) if beside else ()),
        "made",
        *(("ratio",) * bool(beside)),
    ):
        table.add_column(column, justify="left" if column == "measure" else "right")
    for name, value in total["made"].items():
        still = total["still"].get(name, float("nan"))
        cells = [name, f"{still:.2f}"]
        if beside:
            other = beside["made"].get(name, float("nan"))
            cells += [f"{other:.2f}", f"{value:.2f}", f"{value / other:.2f}"]
        else:
            cells.append(f"{value:.2f}")
        table.add_row(*cells)
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
