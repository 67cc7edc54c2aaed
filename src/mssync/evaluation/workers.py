"""Tasks spread over processes: one that dies costs its own task only, and being told to stop stops at once."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import get_context, parent_process, resource_tracker
from multiprocessing.connection import Connection, wait
from typing import Any

Work = Callable[[Any], Any]


def spread(work: Work, tasks: Sequence[Any], workers: int) -> Generator[tuple[int, Any, bool]]:
    """(number, outcome, alive) of every task, in the order in which they are finished.

    Where ``alive`` is false the process died over the task, and there is no outcome. Closing the generator, and any
    error, Ctrl-C among them, kills the processes: they have nothing half written.

    Args:
        work: run in other processes, must not fail; a function that can be found by its name.
        tasks: what it is given.
        workers: how many processes.
    """
    waiting = deque(range(len(tasks)))
    team: dict[Connection, _Worker] = {}
    try:
        while waiting or team:
            while waiting and len(team) < workers:
                fresh = _Worker(work)
                team[fresh.pipe] = fresh
                fresh.give(waiting.popleft(), tasks)
            for pipe in wait(list(team)):
                worker = team[pipe]  # type: ignore[index]
                number, (outcome, alive) = worker.number, worker.hear()
                if alive and waiting:
                    worker.give(waiting.popleft(), tasks)
                else:
                    del team[worker.pipe]
                    worker.end()
                yield number, outcome, alive
    finally:
        for worker in team.values():
            worker.end()


class _Worker:
    """One process, and the number of the task that it is at."""

    def __init__(self, work: Work) -> None:
        context = get_context("spawn")  # not forked: the same on every system, and safe beside native thread pools
        self.pipe, theirs = context.Pipe()
        self.number = -1
        self._process = context.Process(target=_serve, args=(theirs, work), daemon=True)
        with _no_interrupts():
            self._process.start()
        theirs.close()  # so that the end of the process shows as the end of the pipe

    def give(self, number: int, tasks: Sequence[Any]) -> None:
        self.number = number
        with suppress(OSError):  # it has died: hearing from it will tell
            self.pipe.send(tasks[number])

    def hear(self) -> tuple[Any, bool]:
        """The outcome and whether the process lives."""
        try:
            return self.pipe.recv(), True
        except (EOFError, OSError):
            return None, False

    def end(self) -> None:
        self._process.kill()
        self._process.join()
        self.pipe.close()


def _serve(pipe: Connection, work: Work) -> None:
    """Work on what comes through the pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the first one decides
    if sys.platform != "win32":
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # so does the end of a terminal
    threading.Thread(target=_follow_parent, daemon=True).start()
    with suppress(EOFError, OSError):
        while True:
            pipe.send(work(pipe.recv()))


def _follow_parent() -> None:
    """Nobody is left behind when the first process is killed."""
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


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
