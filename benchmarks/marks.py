"""Every mark of the trained networks on people they were not trained on, real footage's own number beside it.

    python -m pip install '.[eval]'
    python benchmarks/marks.py CLIPS VIDEOS --list clips.csv --syncers runs/syncer

CLIPS is a folder of `mssync preprocess --points`, VIDEOS the videos it was made from. For every talking dev clip of
three seconds or more (offsets settled) one frame of the person is the photo and the clip's own sound the speech: it is
animated, the video is tracked again from its pixels, and the judges, who took no part in training, compare.
Raw motion is used only where it says so (two seeds, a hundred takes). Finished videos are kept in --work and not made
again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from common import RESULTS, machine
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from mssync import TalkingHead
from mssync.evaluation.footage import Footage, footage_of, pinned_space, read_footage
from mssync.evaluation.scores import articulation, head, silence
from mssync.face.tracking import FaceTracker, Track
from mssync.media.audio import load_sound, save_wav
from mssync.media.image import save_png
from mssync.media.video import iter_frames
from mssync.motion.generator import MotionOptions
from mssync.motion.space import Motion
from mssync.motion.syncers import SyncerPyramid
from mssync.speech.logmel import log_mel
from mssync.speech.phones import align, sentence
from mssync.training.data.clips import load_points
from mssync.training.data.index import Record, read_report
from mssync.training.data.listing import Entry, read_list

Array = NDArray[np.float32]
AXES = ("pitch", "yaw", "roll")
MIN_FRAMES, MIN_TALK = 75, 0.3


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path)
    parser.add_argument("videos", type=Path)
    parser.add_argument("--list", type=Path, required=True)
    parser.add_argument("--model", default="default")
    parser.add_argument("--judge", type=Path, help="default: the shipped judge")
    parser.add_argument("--syncers", type=Path, help="the pyramid that taught; its own numbers are printed too")
    parser.add_argument("--work", type=Path, default=Path("out") / "marks")
    parser.add_argument("--takes", type=int, default=5, help="raw takes per clip, for seeds and collapse")
    parser.add_argument("--only", choices=["syncers", "generator"])
    args = parser.parse_args()
    records = read_report(args.clips)
    entries = [e for e in read_list(args.list) if e.split == "dev" and usable(records.get(e.name))]
    real = {e.name: real_footage(e, args.clips, args.videos, records[e.name]) for e in entries}
    judge = SyncerPyramid.load(args.judge)
    judge.check_space(pinned_space())
    facts: dict[str, Any] = {"machine": machine(), "clips": len(entries)}
    if args.only != "generator":
        pyramids = {"judge": judge} | ({"syncers": SyncerPyramid.load(args.syncers)} if args.syncers else {})
        facts["pyramids"] = {name: pyramid_marks(name, p, entries, real, args.clips) for name, p in pyramids.items()}
    if args.only != "syncers":
        model = TalkingHead.load(args.model)
        facts["model"] = model.model.title
        made = {e.name: made_footage(e, model, real[e.name], args.work) for e in entries}
        facts["sync"] = sync_marks(judge, entries, real, made)
        facts["mouth"] = mouth_marks(entries, real, made)
        facts["head"] = head_marks(entries, real, made)
        facts["takes"] = take_marks(model, entries, real, args.takes)
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "marks.json").write_text(json.dumps(facts, indent=1) + "\n", "utf-8")


def usable(record: Record | None) -> bool:
    """A talking clip, long enough, whose offset is settled."""
    return record is not None and record.clear is True and record.seconds * 25 >= MIN_FRAMES and record.talk >= MIN_TALK


# ---- footage ------------------------------------------------------------------------------------------------------


def real_footage(entry: Entry, clips: Path, videos: Path, record: Record) -> Footage:
    """The clip as tracked, its offset and its fade taken out."""
    points = load_points(clips / "points" / (entry.name + ".npz"))
    start, late = round(record.faded * 25), record.offset or 0
    sound = load_sound(next(videos.glob(entry.name + ".*")))
    first = start + max(0, late)
    t = points.track
    cut = Track(t.points[first:], t.blendshapes[first:], t.valid[first:], t.times[first:], t.width, t.height)
    return footage_of(next(videos.glob(entry.name + ".*")), cut, sound[640 * (start + max(0, -late)) :])


def photo_of(real: Footage) -> NDArray[np.uint8]:
    """The frame nearest to the clip's middle pose whose eyes are open and whose lips are nearly closed."""
    turn = np.linalg.norm(real.motion[:, :3], axis=1)
    lids = np.maximum(real.column("lid_left"), real.column("lid_right"))
    cost = turn + np.maximum(lids, 0.0) + 2.0 * real.column("lip_gap") + 10.0 * ~real.track.valid
    wanted = float(real.track.times[int(np.argmin(cost))])
    best: tuple[float, NDArray[np.uint8]] | None = None
    for time, frame in iter_frames(real.path):
        if best is None or abs(time - wanted) < best[0]:
            best = abs(time - wanted), frame
        if time > wanted + 0.1:
            break
    assert best is not None
    return best[1]


def made_footage(entry: Entry, model: TalkingHead, real: Footage, work: Path) -> Footage:
    """The model's video of this person with this voice, tracked again."""
    mark = hashlib.sha256(json.dumps(model.model.manifest["files"], sort_keys=True).encode()).hexdigest()[:10]
    folder = work / mark / entry.name
    video = folder / "made.mp4"
    if not video.exists():
        folder.mkdir(parents=True, exist_ok=True)
        save_wav(folder / "speech.wav", real.sound, 16000, True)
        save_png(folder / "photo.png", photo_of(real), force=True)
        model.animate(folder / "photo.png", folder / "speech.wav", seed=0).save(video, force=True)
    return read_footage(video, tracker=TRACKER)


TRACKER = FaceTracker()


# ---- marks --------------------------------------------------------------------------------------------------------


def pyramid_marks(
    name: str, pyramid: SyncerPyramid, entries: list[Entry], real: dict[str, Footage], clips: Path
) -> dict[str, Any]:
    """True offset within a step (of +-15) and AUC of matched against shuffled clips, per view and level."""
    table = Table("view", "level", "clips", "offset on", "presenters on", "AUC", title=f"{name}: real dev clips")
    out: dict[str, Any] = {}
    for view in pyramid.views:
        for level in pyramid.levels:
            pairs = {}
            for e in entries:
                sound = heard(pyramid, real[e.name])
                pair = pyramid.embed(real[e.name].motion, sound, view, level)
                if pair is not None and len(pair[0]) >= 23:
                    pairs[e.name] = pair
            curves = {n: pyramid.curve(real[n].motion, heard(pyramid, real[n]), view, level) for n in pairs}
            on = {n: abs(c.best) <= 1 for n, c in curves.items() if c is not None}
            talkers = [on[e.name] for e in entries if e.name in on and e.family == "presenter"]
            own = [float((m * s).sum(1).mean()) for m, s in pairs.values()]
            others = [
                float((m[:n] * s[:n]).sum(1).mean())
                for a, (m, _) in pairs.items()
                for b, (_, s) in pairs.items()
                if a != b and (n := min(len(m), len(s)))
            ]
            area = float(np.mean(np.asarray(own)[:, None] > np.asarray(others)[None]))
            row = {
                "clips": len(on), "on": float(np.mean(list(on.values()))),
                "presenters on": float(np.mean(talkers)), "auc": area,
            }  # fmt: skip
            out[f"{view}-{level}"] = row
            table.add_row(
                view, str(level), str(row["clips"]), percent(row["on"]), percent(row["presenters on"]), f"{area:.3f}"
            )
    Console(width=120).print(table)
    return out


def heard(pyramid: SyncerPyramid, footage: Footage) -> Array:
    """What this pyramid hears of a video."""
    if pyramid.features == "mel":
        return log_mel(footage.sound)
    from mssync.speech.features import default_features

    return default_features(footage.sound)


def sync_marks(
    judge: SyncerPyramid, entries: list[Entry], real: dict[str, Footage], made: dict[str, Footage]
) -> dict[str, Any]:
    """Offset and confidence by the judges, generated beside real."""
    table = Table(
        "view", "level", "clips", "on: made", "on: real", "confidence: made", "real", "made / real",
        "presenters on: made", "real", title="tracked rendered video, by the judges",
    )  # fmt: skip
    out: dict[str, Any] = {}
    for view in judge.views:
        for level in judge.levels:
            rows = []
            for e in entries:
                both = [judge.curve(f[e.name].motion, heard(judge, f[e.name]), view, level) for f in (made, real)]
                if both[0] is not None and both[1] is not None:
                    rows.append((e.family, both[0], both[1]))
            if not rows:
                continue
            on = [np.mean([abs(r[i].best) <= 1 for r in rows]) for i in (1, 2)]
            talk = [r for r in rows if r[0] == "presenter"]
            talk_on = [np.mean([abs(r[i].best) <= 1 for r in talk]) if talk else np.nan for i in (1, 2)]
            conf = [np.mean([r[i].at_zero for r in rows]) for i in (1, 2)]
            row = {
                "clips": len(rows), "on made": float(on[0]), "on real": float(on[1]),
                "confidence made": float(conf[0]), "confidence real": float(conf[1]),
                "ratio": float(conf[0] / conf[1]), "presenters made": float(talk_on[0]),
                "presenters real": float(talk_on[1]),
            }  # fmt: skip
            out[f"{view}-{level}"] = row
            table.add_row(
                view, str(level), str(len(rows)), percent(on[0]), percent(on[1]), f"{conf[0]:.3f}", f"{conf[1]:.3f}",
                f"{row['ratio']:.2f}", percent(talk_on[0]), percent(talk_on[1]),
            )  # fmt: skip
    Console(width=150).print(table)
    return out


def mouth_marks(entries: list[Entry], real: dict[str, Footage], made: dict[str, Footage]) -> dict[str, Any]:
    """Silence and bilabials."""
    table = Table("what", "clips", "made", "real", title="the mouth, from tracked video")
    out: dict[str, Any] = {}
    for key in ("silence.gap", "silence.speed"):
        pairs = []
        for e in entries:
            both = [{s.key: s.value for s in silence.scores(f[e.name])}[key] for f in (made, real)]
            if both[0] is not None and both[1] is not None:
                pairs.append(both)
        values = np.median(np.asarray(pairs, float), axis=0)
        out[key] = {"clips": len(pairs), "made": float(values[0]), "real": float(values[1])}
        table.add_row(f"{key}, median of medians", str(len(pairs)), f"{values[0]:.4f}", f"{values[1]:.4f}")
    hits: list[list[float]] = [[], []]
    spoken = [e for e in entries if sentence(Path(e.name).name)]
    count = 0
    for e in spoken:
        phones = align(real[e.name].sound, sentence(Path(e.name).name) or "")
        n = sum(p.name in articulation.BILABIALS for p in phones)
        count += n
        for i, f in enumerate((made, real)):
            score = next(s for s in articulation.scores(f[e.name], phones) if s.key == "articulation.closed")
            if score.value is not None:
                hits[i].append(score.value * n)
    out["bilabials"] = {"clips": len(spoken), "count": count, **{k: sum(h) for k, h in zip(("made", "real"), hits)}}
    table.add_row(f"/p b m/ closed, of {count}", str(len(spoken)), *(f"{sum(h):.0f}" for h in hits))
    shut = [float(np.mean([shut_share(f[e.name]) for e in entries])) for f in (made, real)]
    out["shut in speech"] = dict(zip(("made", "real"), shut))
    table.add_row("gap < 0.01 in speech", str(len(entries)), *(percent(x) for x in shut))
    Console(width=120).print(table)
    return out


def shut_share(seen: Footage) -> float:
    """Share of the frames of speech with the lips together: a mouth that is always shut closes on /m b p/ too."""
    return float((seen.column("lip_gap")[seen.speech > 0.5] < 0.01).mean())


def head_marks(entries: list[Entry], real: dict[str, Footage], made: dict[str, Footage]) -> dict[str, Any]:
    """Amount of head motion on presenters, and how unlike the spectra are."""
    table = Table("presenters", "made", "real", "median ratio", title="the head, from tracked video")
    talk = [e for e in entries if e.family == "presenter"]
    out: dict[str, Any] = {}
    for axis in AXES:
        for kind in ("std", "speed"):
            key = f"head.{axis}_{kind}"
            both = np.array([[value(head.scores(f[e.name], None), key) for e in talk] for f in (made, real)])
            ratio = float(np.median(both[0] / both[1]))
            out[key] = {"made": float(np.median(both[0])), "real": float(np.median(both[1])), "ratio": ratio}
            table.add_row(key, f"{np.median(both[0]):.2f}", f"{np.median(both[1]):.2f}", f"{ratio:.2f}")
    own = [value(head.scores(made[e.name], real[e.name]), "head.spectrum") for e in talk]
    people = [
        value(head.scores(real[a.name], real[b.name]), "head.spectrum") for a in talk for b in talk if a.name != b.name
    ]
    out["spectrum"] = {"made to the same real": float(np.median(own)), "real to other real": float(np.median(people))}
    table.add_row("spectrum distance [dB]", f"{np.median(own):.1f}", f"{np.median(people):.1f} to other people", "")
    Console(width=120).print(table)
    return out


def value(scores: Iterable[Any], key: str) -> float:
    """One score's number, nan when it was not run."""
    found = next(s.value for s in scores if s.key == key)
    return float("nan") if found is None else float(found)


def take_marks(model: TalkingHead, entries: list[Entry], real: dict[str, Footage], takes: int) -> dict[str, Any]:
    """Raw motion: likeness of two seeds, and collapse over seeds x dev speech."""
    names = pinned_space().names
    heads, lips, collapsed, total = [], [], 0, 0
    usual = float(np.median([takes.head_energy(motion_of(real[e.name])) for e in entries if e.family == "presenter"]))
    for e in entries:
        drawn = []
        for seed in range(takes):
            stream = model.stream(MotionOptions(seed=seed))
            rows = np.concatenate([stream.push(real[e.name].sound), stream.flush()])
            drawn.append(Motion(rows, names))
        collapsed += sum(takes.collapsed(m, usual) for m in drawn)
        total += len(drawn)
        both = {s.key: s.value for s in takes.diversity(drawn)}
        heads.append(both["diversity.head"])
        lips.append(both["diversity.lips"])
    out = {
        "seeds head |r|": float(np.median(heads)), "seeds lips r": float(np.median(lips)),
        "collapsed": collapsed, "takes": total,
    }  # fmt: skip
    table = Table(*out, title="raw motion")
    table.add_row(f"{out['seeds head |r|']:.2f}", f"{out['seeds lips r']:.2f}", str(collapsed), str(total))
    Console(width=120).print(table)
    return out


def motion_of(seen: Footage) -> Motion:
    """A footage's motion."""
    return Motion(seen.motion, seen.names)


def percent(x: float) -> str:
    return f"{100 * x:.0f} %"


if __name__ == "__main__":
    main()
