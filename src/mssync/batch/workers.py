"""Many pairs at once, in processes of their own: one that dies costs its pair alone (docs/adr/0014-batches.md)."""

from __future__ import annotations

import signal
import warnings
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Final

from mssync.batch.pairs import Pair
from mssync.batch.work import Outcome, Work, attempt
from mssync.errors import MssyncError
from mssync.pipeline import TalkingHead
from mssync.processes import Tell, spread

_TELL_EVERY: Final = 10  # frames between two signs of life

Show = Callable[[int, str, int, int], None]  # number of the process, name of the video, frames done, all frames
Load = Callable[[], TalkingHead]
Job = tuple[int, Pair]


def share(load: Load, todo: Sequence[Job], work: Work, workers: int, show: Show) -> Generator[Outcome, None, None]:
    """Make pairs in several processes. Each gives, bit for bit, what it gives in one.

    Args:
        load: makes the talking head in every process; a function that can be found by its name.
        todo: the pairs with their numbers.
        work: what is done with each.
        workers: how many processes.
        show: called now and then while a video is made.
    Yields:
        what became of each pair, as they are finished. When the caller goes on no further (or Ctrl-C is pressed), the
        processes are ended, and what they had half written goes.
    """
    with closing(spread(_Maker(load, work), todo, workers, lambda slot, told: show(slot, *told))) as results:
        for at, outcome, alive in results:
            number, pair = todo[at]
            yield outcome if alive else Outcome(number, problem=_obituary(pair, outcome))


class _Maker:
    """What a process does with a pair; its talking head is loaded once."""

    def __init__(self, load: Load, work: Work) -> None:
        self._load, self._work = load, work
        self._head: TalkingHead | None = None

    def __call__(self, job: Job, tell: Tell) -> Outcome:
        number, pair = job

        def show(name: str, done: int, total: int) -> None:
            if done % _TELL_EVERY == 0 or done == total:
                tell((name, done, total))

        with warnings.catch_warnings(record=True) as caught:
            try:
                self._head = self._head or self._load()
                outcome = attempt(self._head, number, pair, self._work, show)
            except MssyncError as error:
                outcome = Outcome(number, problem=str(error))
        notes = dict.fromkeys(str(w.message) for w in caught if issubclass(w.category, UserWarning))
        return replace(outcome, notes=tuple(notes))


def _obituary(pair: Pair, code: int | None) -> str:
    who = f"The process that worked on {pair.photo} with {pair.speech}"
    if code is None or code == -getattr(signal, "SIGKILL", 0):
        return f"{who} was killed, most likely for lack of memory; use fewer --workers or a smaller --size."
    return f"{who} ended (code {code}), perhaps for lack of memory; try the pair alone or with a smaller --size."
