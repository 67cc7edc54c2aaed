"""Every mark of the trained networks on people they were not trained on, real footage's own number beside it.

    python -m pip install '.[train,eval]'
    python benchmarks/marks.py CLIPS VIDEOS --list clips.csv --model default

CLIPS is a folder of `mssync preprocess --points`, VIDEOS the videos it was made from. For every talking dev clip of
three seconds or more (av-offsets taken out) the clip's own sound is the speech. First come the marks of raw motion
(`benchmarks/raw_marks.py`); then one frame of the person is the photo, it is animated, the video is tracked again from
its pixels, and the judges, who took no part in training, compare. At the end stands what must be reached, raw and
tracked, with yes or NO. The tracker reads less of a head's turn than there is, on generated and on real footage alike.
Finished videos are kept in --work and not made again while model and renderer stay the same.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from common import RESULTS, machine
from dev_set import Person, taker, usable
from judged import Case, agreement, percent, pyramid_marks, said
from life import beats, blinking, moves
from must_reach import marks, show
from numpy.typing import NDArray
from raw_marks import raw_marks, says, varies
from rich.console import Console
from rich.table import Table
from voices import voice_marks

import mssync
from mssync import TalkingHead
from mssync.evaluation.footage import Footage, footage_of, pinned_space, read_footage
from mssync.evaluation.scores import articulation, silence
from mssync.face.tracking import FaceTracker, Track
from mssync.media.audio import load_sound, save_wav
from mssync.media.image import save_png
from mssync.media.video import iter_frames
from mssync.motion.space import Motion
from mssync.motion.syncers import SyncerPyramid, shipped_judge
from mssync.speech.logmel import log_mel
from mssync.speech.phones import align, sentence
from mssync.timing import SAMPLE_RATE, SAMPLES_PER_FRAME
from mssync.training.data.clips import load_points
from mssync.training.data.index import Record, read_report
from mssync.training.data.listing import Entry, read_list

TRACKER = FaceTracker()


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path)
    parser.add_argument("videos", type=Path)
    parser.add_argument("--list", type=Path, required=True)
    parser.add_argument("--model", default="default")
    parser.add_argument("--syncers", type=Path, help="a pyramid whose own numbers on real clips are printed too")
    parser.add_argument("--work", type=Path, default=Path("out") / "marks")
    parser.add_argument("--takes", type=int, default=5, help="raw takes per clip")
    parser.add_argument("--only", choices=["raw", "pyramids"], help="without a picture; or the judges on real clips")
    args = parser.parse_args()
    records = read_report(args.clips)
    entries = [e for e in read_list(args.list) if e.split == "dev" and usable(records.get(e.name))]
    real = [real_footage(e, args.clips, args.videos, records[e.name]) for e in entries]
    people = [person_of(e, f) for e, f in zip(entries, real)]
    SyncerPyramid.load().check_space(pinned_space())
    facts: dict[str, Any] = {"machine": machine(), "clips": len(entries)}
    if args.only == "pyramids" or args.syncers:
        pyramids = {"judge": SyncerPyramid.load()}
        pyramids |= {"syncers": SyncerPyramid.load(args.syncers)} if args.syncers else {}
        facts["pyramids"] = {name: pyramid_marks(name, p, people) for name, p in pyramids.items()}
    if args.only != "pyramids":
        model = TalkingHead.load(args.model)
        facts["model"] = model.model.title
        facts["raw"] = raw_marks(people, taker(model), args.takes)
        presenters = [p.sound for p in people if p.presenter]
        facts["raw"]["voices"] = voice_marks(taker(model), SyncerPyramid.load(), presenters)
        found = list(marks("raw", facts["raw"]))
        if args.only != "raw":
            made = [made_footage(e, model, f, args.work) for e, f in zip(entries, real)]
            facts["tracked"] = tracked_marks(people, made, real)
            found += marks("tracked", facts["tracked"])
        facts["must reach"] = show(found)
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "marks.json").write_text(json.dumps(facts, indent=1) + "\n", "utf-8")


# ---- footage ------------------------------------------------------------------------------------------------------


def real_footage(entry: Entry, clips: Path, videos: Path, record: Record) -> Footage:
    """The clip as tracked, its offset and its fade taken out."""
    points = load_points(clips / "points" / (entry.name + ".npz"))
    start, late = round(record.faded * 25), record.offset or 0
    video = next(videos.glob(entry.name + ".*"))
    sound = load_sound(video)[SAMPLES_PER_FRAME * (start + max(0, -late)) :]
    first = start + max(0, late)
    t = points.track
    cut = Track(t.points[first:], t.blendshapes[first:], t.valid[first:], t.times[first:], t.width, t.height)
    return footage_of(video, cut, sound)


def person_of(entry: Entry, seen: Footage) -> Person:
    """The same as the benchmarks of raw motion see it."""
    return Person(entry, Motion(seen.motion, seen.names), seen.track.valid, seen.speech, seen.sound)


def photo_of(real: Footage) -> NDArray[np.uint8]:
    """The frame nearest to the clip's middle pose whose eyes are open and whose lips are nearly closed."""
    turn = np.linalg.norm(real.rotation, axis=1)
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
    folder = work / mark_of(model) / entry.name
    video = folder / "made.mp4"
    if not video.exists():
        folder.mkdir(parents=True, exist_ok=True)
        save_wav(folder / "speech.wav", real.sound, SAMPLE_RATE, True)
        save_png(folder / "photo.png", photo_of(real), force=True)
        model.animate(folder / "photo.png", folder / "speech.wav", seed=0).save(video, force=True)
    return read_footage(video, tracker=TRACKER)


def mark_of(model: TalkingHead) -> str:
    """What a video depends on besides photo and speech: the model's files, and the code that moves and draws."""
    digest = hashlib.sha256(json.dumps(model.model.manifest["files"], sort_keys=True).encode())
    package = Path(mssync.__file__).parent
    for path in sorted(p for room in ("motion", "render", "face") for p in (package / room).glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:10]


# ---- marks --------------------------------------------------------------------------------------------------------


def tracked_marks(people: list[Person], made: list[Footage], real: list[Footage]) -> dict[str, Any]:
    """All that is read from the pixels of rendered video."""
    print("from here on: read from the pixels of rendered video")
    takes = [[Motion(f.motion, f.names)] for f in made]
    cases = [
        Case(p.presenter, of[0], log_mel(f.sound), p.motion, p.mel) for p, of, f in zip(people, takes, made)
    ]  # fmt: skip
    natural = [c for c in cases if c.natural]
    axes = SyncerPyramid.load(shipped_judge("judge-axes"))
    return {
        "sync": agreement(SyncerPyramid.load(), cases, "tracked rendered video, by the judges")
        | agreement(axes, natural, "presenters' heads axis by axis, tracked"),
        "words": said(SyncerPyramid.load(shipped_judge("judge-content")), cases),
        "content": says(people, takes),
        "variety": varies(people, takes),
        "head": moves(people, takes),
        "blinks": blinking(people, takes),
        "beats": beats(people, takes),
        "mouth": mouth_marks(people, real, made),
    }


def mouth_marks(people: list[Person], real: list[Footage], made: list[Footage]) -> dict[str, Any]:
    """Silence and bilabials."""
    table = Table("what", "clips", "made", "real", title="the mouth, from tracked video")
    out: dict[str, Any] = {}
    for key in ("silence.gap", "silence.speed"):
        pairs = []
        for both in zip(made, real):
            values = [{s.key: s.value for s in silence.scores(f)}[key] for f in both]
            if all(v is not None for v in values):
                pairs.append(values)
        made_middle, real_middle = np.median(np.asarray(pairs, float), axis=0)
        out[key] = {"clips": len(pairs), "made": float(made_middle), "real": float(real_middle)}
        table.add_row(f"{key}, median of medians", str(len(pairs)), f"{made_middle:.4f}", f"{real_middle:.4f}")
    hits: list[list[float]] = [[], []]
    count = spoken = 0
    for person, *both in zip(people, made, real):
        text = sentence(Path(person.entry.name).name)
        if not text:
            continue
        phones = align(person.sound, text)
        n = sum(p.name in articulation.BILABIALS for p in phones)
        count, spoken = count + n, spoken + 1
        for i, seen in enumerate(both):
            score = next(s for s in articulation.scores(seen, phones) if s.key == "articulation.closed")
            if score.value is not None:
                hits[i].append(score.value * n)
    out["bilabials"] = {"clips": spoken, "count": count, **{k: sum(h) for k, h in zip(("made", "real"), hits)}}
    table.add_row(f"/p b m/ closed, of {count}", str(spoken), *(f"{sum(h):.0f}" for h in hits))
    shut = [float(np.mean([shut_share(f) for f in of])) for of in (made, real)]
    out["shut in speech"] = dict(zip(("made", "real"), shut))
    table.add_row("gap < 0.01 in speech", str(len(made)), *map(percent, shut))
    Console(width=120).print(table)
    return out


def shut_share(seen: Footage) -> float:
    """Share of the frames of speech with the lips together: a mouth that is always shut closes on /m b p/ too."""
    return float((seen.column("lip_gap")[seen.speech > 0.5] < 0.01).mean())


if __name__ == "__main__":
    main()
