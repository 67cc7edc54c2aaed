"""``mssync bench-suite``: a model's videos and those of baselines, made for a list of items, ready to be evaluated."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np

from mssync import __version__
from mssync.arrays import Array, Wanted, read_arrays
from mssync.errors import InputError, MssyncError, OutputError
from mssync.evaluation.footage import read_footage
from mssync.evaluation.results.result import sha256, write_json
from mssync.evaluation.results.systems import LIPS_ONLY, NEAREST, OUR_MODEL, SHUFFLED, STILL
from mssync.evaluation.run.items import VIDEO_ENDINGS, files_of, read_table, unique_name
from mssync.evaluation.run.nearest import Recording, frame_features, nearest_motion
from mssync.evaluation.run.suite import Item
from mssync.files import check_run, discard, readable_file, replacing, write_error
from mssync.inputs import Speech, load_photo, on_white
from mssync.lists import named_in
from mssync.media.audio import load_sound
from mssync.media.provenance import synthetic_metadata
from mssync.media.video import VideoWriter
from mssync.motion.space import Motion
from mssync.pipeline import TalkingHead
from mssync.speech.logmel import MEL_BANDS
from mssync.timing import FPS

LIST: Final = "items.csv"
COLUMNS: Final = ("photo", "speech", "real", "text")
SYSTEMS: Final = (STILL, SHUFFLED, LIPS_ONLY, NEAREST, OUR_MODEL)
_PLAN: Final = "bench-plan.json"
_VIDEOS: Final = "videos"
_RECORDINGS: Final = "recordings"
MAX_RECORDING: Final = 256 * 2**20  # bytes of an array: weeks of footage


@dataclass(frozen=True)
class Entry:
    """One line of the list."""

    name: str
    photo: Path
    speech: Path
    real: Path
    text: str = ""


def read_entries(folder: Path) -> list[Entry]:
    """The lines of ``items.csv``; paths count from its folder.

    Raises:
        InputError: it is missing, or a line names a file that is not there.
    """
    table = readable_file(folder / LIST, "list")
    seen: dict[str, int] = {}
    out = []
    for number, cells in read_table(table, COLUMNS[:3], COLUMNS):
        for noun in COLUMNS[:3]:
            if not cells[noun]:
                raise InputError(f"Line {number} of {table} lacks its {noun}; fill it in.")
        photo, speech, real = (readable_file(named_in(table.parent, cells[noun]), noun) for noun in COLUMNS[:3])
        out.append(Entry(unique_name(speech.stem, seen), photo, speech, real, cells["text"]))
    return out


@dataclass
class Bench:
    """The videos of one bench run, in a folder of their own. Make one with :meth:`open`.

    Attributes:
        problems: what could not be made.
    """

    head: TalkingHead
    out: Path
    entries: list[Entry]
    clips: list[Path]
    seed: int
    size: int
    problems: list[str] = field(default_factory=list)

    @staticmethod
    def open(
        head: TalkingHead, folder: Path, out: Path, *, clips: Path | None, seed: int, size: int, force: bool
    ) -> Bench:
        """Read the list and make the folder ready; what an earlier run with the same settings made there is used.

        Args:
            head: the model on trial.
            folder: with ``items.csv``: columns ``photo, speech, real`` and perhaps ``text``.
            out: folder for everything that is made.
            clips: folder of real videos for the nearest-motion baseline; None: the other items' real videos.
            seed: of the model's motion.
            size: longer side of the videos in pixels.
            force: begin anew, throwing away what an earlier run made there.
        Raises:
            InputError: the list or the clips cannot be used.
            OutputError: the folder holds something else, or a run with other settings.
        """
        entries = read_entries(folder)
        found = [] if clips is None else files_of(clips, VIDEO_ENDINGS)
        if clips is not None and not found:
            raise InputError(f"There is no video in {clips}; name a folder of real footage.")
        bench = Bench(head, out, entries, found, seed, size)
        bench._make_ready(force)
        return bench

    @cached_property
    def not_made(self) -> dict[str, str]:
        """Baselines that this list cannot have, and what they need."""
        out = {}
        if len({self._digest(e.speech) for e in self.entries}) < 2:
            out[SHUFFLED] = "It needs two different speeches in the list; add a line with another one."
        real = {self._digest(e.real) for e in self.entries}
        if not self.clips and len(real) < 2:
            out[NEAREST] = "It needs other real footage than the only clip's; add lines, or name some with --clips."
        return out

    @property
    def _systems(self) -> list[str]:
        return [system for system in SYSTEMS if system not in self.not_made]

    @property
    def parts(self) -> Path:
        """Folder for finished evaluations."""
        return self.out / "bench.json.parts"

    def items(self) -> list[Item]:
        """What is to be evaluated: per line the real video and every video that could be made."""
        out = []
        for entry in self.entries:
            videos = {system: self._video(entry, system) for system in self._systems}
            made = {system: path for system, path in videos.items() if path.is_file()}
            out.append(Item(entry.name, made, entry.real, None, entry.text, entry.photo))
        return out

    def make_videos(self) -> Iterator[tuple[int, int, str]]:
        """Make every video that is not there yet.

        Yields:
            (videos done, all videos, why this one could not be made, or nothing).
        """
        total = len(self.entries) * len(self._systems)
        for number, entry in enumerate(self.entries):
            for place, system in enumerate(self._systems):
                problem = ""
                target = self._video(entry, system)
                if not target.is_file():
                    try:
                        target.parent.mkdir(parents=True, exist_ok=True)
                        self._make(entry, system, target)
                    except OSError as error:
                        raise write_error(target, error) from error
                    except OutputError:
                        raise
                    except MssyncError as error:
                        problem = f"{entry.name} ({system}): {error}"
                        self.problems.append(problem)
                yield number * len(self._systems) + place + 1, total, problem

    # ---- the systems ----------------------------------------------------------------------------------------------

    def _make(self, entry: Entry, system: str, target: Path) -> None:
        if system == STILL:
            self._still(entry, target)
        elif system == SHUFFLED:
            self._render(entry, self._shuffled(entry), target)
        elif system == NEAREST:
            self._render(entry, self._nearest(entry), target)
        else:
            made = self.head.animate(
                entry.photo, entry.speech, seed=self.seed, size=self.size, head=0.0 if system == LIPS_ONLY else 1.0
            )
            made.save(target)

    def _render(self, entry: Entry, rows: Array, target: Path) -> None:
        motion = Motion(rows, self.head.space.names)
        self.head.render(entry.photo, motion, entry.speech, size=self.size).save(target)

    def _still(self, entry: Entry, target: Path) -> None:
        """The photo itself, frame after frame."""
        image, _ = load_photo(entry.photo, self.size)
        rgb = (image if image.alpha is None else on_white(image)).rgb
        mark = synthetic_metadata("still photo", None)
        with VideoWriter(target, image.width, image.height, fps=FPS, sound=entry.speech, metadata=mark) as video:
            for _ in range(Speech.open(entry.speech).frames):
                video.write(rgb)

    def _shuffled(self, entry: Entry) -> Array:
        """The model's motion to the next other speech of the list."""
        at = self.entries.index(entry)
        own_sound = self._digest(entry.speech)
        others = [e for e in (*self.entries[at + 1 :], *self.entries[:at]) if self._digest(e.speech) != own_sound]
        own = self._frames(entry)
        rows = self._motion(others[0].speech)
        # Played forwards and backwards where it is too short: no jumps.
        return np.pad(rows, ((0, max(0, own - len(rows))), (0, 0)), mode="symmetric")[:own]

    def _nearest(self, entry: Entry) -> Array:
        sources = self.clips or [e.real for e in self.entries]
        own = self._digest(entry.real)
        usable = [path for path in sources if self._digest(path) != own]
        sound = frame_features(load_sound(entry.speech))[: self._frames(entry)]
        return nearest_motion(sound, [r for path in usable if (r := self._recording(path)) is not None])

    def _frames(self, entry: Entry) -> int:
        return Speech.open(entry.speech).frames

    def _motion(self, speech: Path) -> Array:
        """The model's motion to a speech ``(T, D)``; any photo will do, motion does not depend on it."""
        if speech not in self._motions:
            self._motions[speech] = self.head.animate(self.entries[0].photo, speech, seed=self.seed).motion.values
        return self._motions[speech]

    def _digest(self, path: Path) -> str:
        if path not in self._digests:
            self._digests[path] = sha256(path)
        return self._digests[path]

    @cached_property
    def _digests(self) -> dict[Path, str]:
        return {}

    @cached_property
    def _motions(self) -> dict[Path, Array]:
        return {}

    def _recording(self, path: Path) -> Recording | None:
        """Sound and tracked motion of real footage, kept on disk; None where it cannot be tracked."""
        digest = self._digest(path)
        kept = self.out / _RECORDINGS / f"{digest[:24]}.npz"
        found = _kept(kept, len(self.head.space.names))
        if found is not None:
            return found
        try:
            seen = read_footage(path, tracker=self.head.tracker)
        except InputError as error:
            if str(error) not in self.problems:
                self.problems.append(str(error))
            return None
        made = Recording(frame_features(seen.sound), self.head.space.encode(seen.track).values)
        kept.parent.mkdir(exist_ok=True)
        with replacing(kept, force=True) as part, part.open("wb") as file:
            np.savez_compressed(file, sound=made.sound, motion=made.motion)
        return made

    # ---- the folder -----------------------------------------------------------------------------------------------

    def _video(self, entry: Entry, system: str) -> Path:
        return self.out / _VIDEOS / entry.name / f"{system.replace(' ', '-')}.mp4"

    def _make_ready(self, force: bool) -> None:
        plan = self._plan()
        path = self.out / _PLAN
        try:
            self.out.mkdir(parents=True, exist_ok=True)
            if path.is_file():
                if not force and _read_plan(path) != plan:
                    raise OutputError(
                        f"{self.out} holds a bench with other settings; use --force or choose another folder."
                    )
                if force:
                    self._begin_anew()
            elif any(self.out.iterdir()):
                raise OutputError(f"The folder {self.out} holds something else; choose another one.")
        except OSError as error:
            raise write_error(self.out, error) from error
        write_json(path, plan, force=True)

    def _begin_anew(self) -> None:
        """Throw away what an earlier run made; what it did not make, or this one reads, is not touched."""
        folders = [self.out / name for name in (_VIDEOS, _RECORDINGS, self.parts.name)]
        check_run(folders, [*self.clips, *(p for e in self.entries for p in (e.photo, e.speech, e.real))])
        ours = re.compile(rf"({'|'.join(s.replace(' ', '-') for s in SYSTEMS)})\.mp4|[0-9a-f]{{24}}\.(npz|json)|\..*")
        for folder in folders:
            for path in folder.rglob("*"):
                if not path.is_dir() and not ours.fullmatch(path.name):
                    raise OutputError(f"{path} is not from a bench and stays; move it away or choose another folder.")
        for folder in folders:
            discard(folder)

    def _plan(self) -> dict[str, Any]:
        """Everything that the videos depend on."""
        model = self.head.model
        facts = [[e.name, *(self._digest(p) for p in (e.photo, e.speech, e.real)), e.text] for e in self.entries]
        return {
            "format": "mssync-bench",
            "version": __version__,
            "model": {"title": model.title, "files": dict(model.manifest["files"])},
            "seed": self.seed,
            "size": self.size,
            "items": hashlib.sha256(json.dumps(facts).encode()).hexdigest(),
            "clips": [self._digest(path) for path in self.clips],
        }


def _read_plan(path: Path) -> Any:
    """What an earlier run was asked for; None where that cannot be told."""
    try:
        return json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError):
        return None


def _kept(path: Path, columns: int) -> Recording | None:
    """A recording of an earlier run; None where there is none or it is damaged."""
    try:
        found = read_arrays(path, {name: Wanted("f", 2, MAX_RECORDING) for name in ("sound", "motion")})
    except (OSError, ValueError):
        return None
    sound, motion = (np.asarray(found[name], np.float32) for name in ("sound", "motion"))
    whole = sound.shape[1] == MEL_BANDS and motion.shape[1] == columns and len(sound) and len(motion)
    return Recording(sound, motion) if whole and np.isfinite(sound).all() and np.isfinite(motion).all() else None
