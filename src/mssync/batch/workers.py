"""Many pairs at once, in processes of their own: one that dies costs its pair alone (docs/adr/0014-batches.md)."""

from __future__ import annotations

import signal
import sys
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Final

from mssync.batch.pairs import Pair
from mssync.batch.work import Outcome, Work, attempt
from mssync.errors import MssyncError
from mssync.pipeline import TalkingHead

MAX_WORKERS: Final = 64
_GOODBYE_SECONDS: Final = 5.0  # for a process that is to end and has a file to take away
_TELL_EVERY: Final = 10  # frames between two signs of life

Show = Callable[[int, str, int, int], None]  # number of the process, name of the video, frames done, all frames
Load = Callable[[], TalkingHead]


def spread(
    load: Load, todo: Iterable[tuple[int, Pair]], work: Work, workers: int, show: Show
) -> Generator[Outcome, None, None]:
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
    waiting = deque(todo)
    team: list[_Worker | None] = [None] * min(workers, len(waiting))
    try:
        while waiting or any(team):
            for slot, worker in enumerate(team):
                if waiting and worker is None:
                    worker = team[slot] = _Worker(load, work)
                if waiting and worker is not None and worker.job is None:
                    worker.give(waiting.popleft())
            busy = {w.pipe: slot for slot, w in enumerate(team) if w is not None and w.job is not None}
            for pipe in wait(list(busy)):
                slot = busy[pipe]  # type: ignore[index]
                worker = team[slot]
                assert worker is not None
                said = worker.hear()
                if isinstance(said, tuple):
                    show(slot, *said)
                    continue
                yield said
                if not waiting or worker.dead:
                    worker.end()
                    team[slot] = None
    finally:
        left = [worker for worker in team if worker is not None]
        for worker in left:
            worker.stop()
        for worker in left:
            worker.end()


class _Worker:
    """One process and what it is at."""

    def __init__(self, load: Load, work: Work) -> None:
        context = get_context("spawn")  # not forked: the same on every system, and safe beside native threads
        self.pipe, theirs = context.Pipe()
        self.process: SpawnProcess = context.Process(target=_serve, args=(theirs, load, work), daemon=True)
        self.job: tuple[int, Pair] | None = None
        self.dead = False
        with _no_interrupts():
            self.process.start()
        theirs.close()  # so that the end of the process shows as the end of the pipe

    def give(self, job: tuple[int, Pair]) -> None:
        self.job = job
        with suppress(OSError):  # it has died: hearing from it will tell
            self.pipe.send(job)

    def hear(self) -> Outcome | tuple[str, int, int]:
        """What it says: what became of its pair, or how far it is."""
        assert self.job is not None
        number, pair = self.job
        try:
            said: Outcome | tuple[str, int, int] = self.pipe.recv()
        except (EOFError, OSError):
            self.dead, self.job = True, None
            self.process.join(_GOODBYE_SECONDS)
            return Outcome(number, problem=_obituary(pair, self.process.exitcode))
        if isinstance(said, Outcome):
            self.job = None
        return said

    def stop(self) -> None:
        """Ask it to end now."""
        self.pipe.close()
        if sys.platform != "win32":  # there it would have no time to take its half-written file away
            self.process.terminate()

    def end(self) -> None:
        """Wait for it to end; make it, if it does not."""
        self.pipe.close()
        self.process.join(_GOODBYE_SECONDS)
        if self.process.exitcode is None:
            self.process.kill()
            self.process.join(_GOODBYE_SECONDS)


def _obituary(pair: Pair, code: int | None) -> str:
    who = f"The process that worked on {pair.photo} with {pair.speech}"
    if code == -getattr(signal, "SIGKILL", 0) or code is None:
        return f"{who} was killed, most likely for lack of memory; use fewer --workers or a smaller --size."
    return f"{who} ended (code {code}), perhaps for lack of memory; try the pair alone or with a smaller --size."


def _serve(pipe: Connection, load: Load, work: Work) -> None:
    """Make the pairs that come through the pipe, until it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the first one decides
    if sys.platform != "win32":
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # so does the end of a terminal
    if sys.platform != "win32":
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # so does the end of a terminal
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    head: TalkingHead | None = None

    def show(name: str, done: int, total: int) -> None:
        if pipe.poll():  # nothing is sent while we work: the other end is closed
            sys.exit(1)
        if done % _TELL_EVERY == 0 or done == total:
            pipe.send((name, done, total))

    with suppress(EOFError, OSError):
        while True:
            number, pair = pipe.recv()
            with warnings.catch_warnings(record=True) as caught:
                try:
                    head = head or load()
                    outcome = attempt(head, number, pair, work, show)
                except MssyncError as error:
                    outcome = Outcome(number, problem=str(error))
            notes = tuple(dict.fromkeys(str(w.message) for w in caught if issubclass(w.category, UserWarning)))
            pipe.send(replace(outcome, notes=notes))


@contextmanager
def _no_interrupts() -> Iterator[None]:
    """Ctrl-C waits for the end of this block, and never reaches a process that is started in it (not on Windows)."""
    if sys.platform == "win32":
        yield
        return
    resource_tracker.ensure_running()  # starting it lets interrupts in again, which is too late inside of the block
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
