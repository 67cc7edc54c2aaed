"""Head windows, blinks and beats of a set of people: made motion whose answer is known beside real."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from motion_samples import motion_of, sway

from mssync.motion.space import Motion

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))

pytest.importorskip("dev_set", reason="the benchmarks are not here, or no PyTorch")
from dev_set import Person, list_with_roles
from judged import Case, agreement
from life import blinking, moves

from mssync.motion.syncers import SyncerPyramid
from mssync.training.data.listing import NATURAL, Entry

FRAMES = 250
PAUSE = np.arange(FRAMES) % 50 < 10


def head(seed: int, size: float = 1.0) -> dict[str, np.ndarray]:
    rest = sway(FRAMES, 1000 + seed)
    axes = dict(zip(("trans_x", "trans_y", "log_scale"), rest.values(), strict=True))
    return {k: size * x for k, x in {**sway(FRAMES, seed), **axes}.items()}


def blinks(at: range) -> dict[str, np.ndarray]:
    t = np.arange(FRAMES)
    lid = np.max([np.maximum(0.0, 1 - np.abs(t - m) / 3) for m in at], axis=0)
    return {"lid_left": lid, "lid_right": lid}


def person(seed: int) -> Person:
    """Someone who blinks in every second pause, and at no other time."""
    motion = motion_of(FRAMES, **head(seed), **blinks(range(55, FRAMES, 100)))
    entry = Entry(f"p{seed}", "dev", "presenter", f"p{seed}", NATURAL)
    speech = np.where(PAUSE, 0.0, 1.0).astype(np.float32)
    return Person(entry, motion, np.ones(FRAMES, np.bool_), speech, np.zeros(640 * FRAMES, np.float32))


PEOPLE = [person(seed) for seed in range(4)]


def made(size: float, blink: range) -> list[list[Motion]]:
    return [[motion_of(FRAMES, **head(50 + i, size), **blinks(blink))] for i in range(len(PEOPLE))]


def test_a_head_of_half_the_size_is_seen_by_every_measure() -> None:
    like, half = (moves(PEOPLE, made(size, range(60, FRAMES, 100))) for size in (1.0, 0.5))
    for kind in ("spread", "speed"):
        assert all(0.8 < x < 1.2 for x in like[kind].values())
        assert all(0.42 < x < 0.58 for x in half[kind].values())
    assert half["spectrum"]["made"] > 2 * like["spectrum"]["made"]
    assert half["frechet"]["ratio"] > 2 * like["frechet"]["ratio"]


def test_blinks_in_speech_are_told_from_blinks_in_pauses() -> None:
    times = range(55, FRAMES, 100), range(80, FRAMES, 100)
    pauses, speech = (blinking(PEOPLE, made(1.0, at))["pauses"] for at in times)
    assert pauses["made"] == pauses["real"] == 1.0 and speech["made"] == 0.0
    assert pauses["chance"] == pytest.approx(PAUSE.mean())


class Twin(SyncerPyramid):
    """Hears a sound whose first band is the pitch of the head."""

    def __init__(self) -> None:
        self.views, self.levels = ("head",), (0,)

    def embed(self, motion, sound, view, level):  # type: ignore[no-untyped-def]
        n = min(len(motion), len(sound) // 4)
        turn = [np.stack([np.cos(8 * x), np.sin(8 * x)], 1) for x in (motion[:n, 0], sound[: 4 * n : 4, 0])]
        return turn[0].astype(np.float32), turn[1].astype(np.float32)


def test_a_made_head_that_hears_is_on_and_a_late_or_deaf_one_is_not() -> None:
    cases = []
    for p in PEOPLE:
        sound = np.repeat(p.motion.values[:, :1], 4, 0)
        late = p.motion.with_values(np.roll(p.motion.values, 6, 0))
        cases.append(Case(True, late, sound, p.motion, sound))
    row = agreement(Twin(), cases, "twins")["head-0"]
    assert row["on real"] == 1.0 and row["on made"] == 0.0 and row["ratio"] < 0.7
    assert row["auc"] > 0.9


@pytest.mark.parametrize(
    ("head", "lines", "roles"),
    [
        ("path,split,family,speaker,role", ["a,dev,x,s,natural", "b,dev,x,t,read"], ["natural", "read"]),
        ("path,split,family,speaker", ["a,dev,presenter,s", "b,dev,grid,t"], ["natural", "read"]),
        ("path,split,family,speaker", ["a,dev,ours,s", "b,dev,theirs,t"], ["natural", "natural"]),
    ],
)
def test_lists_say_who_moves_as_people_do(tmp_path: Path, head: str, lines: list[str], roles: list[str]) -> None:
    (tmp_path / "clips.csv").write_text("\n".join([head, *lines]) + "\n", "utf-8")
    assert [e.role for e in list_with_roles(tmp_path / "clips.csv")] == roles
