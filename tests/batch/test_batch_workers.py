"""Processes that share a batch: what one process makes, a death that costs one pair, an end that leaves nothing."""

from __future__ import annotations

import os
import signal
import warnings
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mssync.batch.pairs import Pair
from mssync.batch.work import Outcome, Work
from mssync.batch.workers import share
from mssync.errors import AssetError, InputError
from mssync.files import replacing


class FakeAnimation:
    """Frames of nothing, saved as the name of the photo."""

    model, seed, seconds = "fake", 3, 0.4

    def __init__(self, photo: Path) -> None:
        self.photo = photo

    def __len__(self) -> int:
        return 10

    def save(self, out: Path, *, progress: Callable[[int, int], None], **_: object) -> None:
        with replacing(out, force=False) as part:
            part.write_text(self.photo.stem)
            # "slow" goes on until it is told to end.
            frame = 0
            while frame < 10 or self.photo.stem == "slow":
                frame += 1
                progress(frame, 10)


class FakeHead:
    def animate(self, photo: Path, speech: Path, **_: object) -> FakeAnimation:
        if photo.stem == "killed":
            os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
        if photo.stem == "refused":
            raise InputError("This photo is refused.")
        if photo.stem == "fault":
            raise ZeroDivisionError("of ours")
        warnings.warn(f"{photo.name} is odd", stacklevel=1)
        return FakeAnimation(photo)


def fake_head() -> Any:
    return FakeHead()


def no_head() -> Any:
    raise AssetError("The model is damaged.")


def jobs(folder: Path, *names: str) -> list[tuple[int, Pair]]:
    pairs = []
    for number, name in enumerate(names):
        (folder / f"{name}.png").write_text("photo")
        (folder / f"{name}.wav").write_text("speech")
        pairs.append((number, Pair(folder / f"{name}.png", folder / f"{name}.wav", folder / f"{name}.mp4")))
    return pairs


def test_a_death_costs_one_pair(tmp_path: Path) -> None:
    todo = jobs(tmp_path, "a", "killed", "refused", "b", "fault", "c")
    shown: list[str] = []
    outcomes = {
        o.number: o for o in share(fake_head, todo, Work(), 2, lambda slot, name, done, total: shown.append(name))
    }
    assert [outcomes[n].result for n in range(6)] == ["made", "failed", "failed", "made", "failed", "made"]
    assert "killed.png" in outcomes[1].problem and "memory" in outcomes[1].problem
    assert outcomes[2].problem == "This photo is refused."
    assert "fault.png" in outcomes[4].problem and "ZeroDivisionError in test_batch_workers.py" in outcomes[4].problem
    assert outcomes[0].notes == ("a.png is odd",) and str(outcomes[0].made[0]).endswith("model fake, seed 3")
    assert sorted(p.read_text() for p in tmp_path.glob("*.mp4")) == ["a", "b", "c"]
    assert {"a.mp4", "b.mp4", "c.mp4"} <= set(shown)


def test_a_model_that_cannot_be_loaded_is_each_pairs_problem(tmp_path: Path) -> None:
    found = list(share(no_head, jobs(tmp_path, "a", "b"), Work(), 1, lambda *_: None))
    assert [o.problem for o in found] == ["The model is damaged."] * 2


def test_an_end_in_the_middle_leaves_nothing_half_written(tmp_path: Path) -> None:
    todo = jobs(tmp_path, "a", "slow", "never")
    slow = 0

    def show(slot: int, name: str, done: int, total: int) -> None:
        nonlocal slow
        slow += name == "slow.mp4"
        if slow == 3:
            raise KeyboardInterrupt  # as if Ctrl-C were pressed now

    made: list[Outcome] = []
    with pytest.raises(KeyboardInterrupt), closing(share(fake_head, todo, Work(), 1, show)) as outcomes:
        made.extend(outcomes)
    assert [o.number for o in made] == [0]
    assert [p.name for p in tmp_path.iterdir() if p.suffix not in (".png", ".wav")] == ["a.mp4"]
