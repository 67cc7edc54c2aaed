"""Tasks spread over processes: one that dies costs its own task only, and being told to stop stops soon and cleanly."""

from __future__ import annotations

import _thread
import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import Connection, wait
from typing import Any, Final, NamedTuple

Tell = Callable[[Any], None]
Work = Callable[..., Any]

MAX_WORKERS: Final = 64
_PATIENCE: Final = 3.0  # seconds in which a process that is told to stop may take half-written files away


class Done(NamedTuple):
    """What became of a task.

    Attributes:
        number: of the task.
        outcome: what the work gave back; where the process died, its exit code (negative: the signal).
        alive: whether the process lived to the end of the task.
    """

    number: int
    outcome: Any
    alive: bool


def spread(
    work: Work, tasks: Sequence[Any], workers: int, show: Callable[[int, Any], None] | None = None
) -> Generator[Done, None, None]:
    """What becomes of every task, in the order in which they are finished.

    Closing the generator, and any error, Ctrl-C among them, stops the processes: in each the work ends by
    ``SystemExit``, so that it can take away what is half written, or is killed some seconds later.

    Args:
        work: run in other processes as ``work(task)``, must not fail; it is carried over once for each process and may
            keep what it needs again.
        tasks: what it is given.
        workers: how many processes.
        show: where given, the work is run as ``work(task, tell)``, and what it tells while it goes on comes back here
            as ``show(slot, what)``; every process has a slot.
    """
    waiting = deque(range(len(tasks)))
    team: dict[Any, _Worker] = {}  # by its pipe, whose type differs from system to system
    free = deque(range(workers))
    try:
        while waiting or team:
            while waiting and free:
                fresh = _Worker(work, free.popleft(), show is not None)
                team[fresh.pipe] = fresh
                fresh.give(waiting.popleft(), tasks)
            for pipe in wait(list(team)):
                worker = team[pipe]
                said = worker.hear()
                if not isinstance(said, Done):
                    if show is not None:
                        show(worker.slot, said.what)
                    continue
                if said.alive and waiting:
                    worker.give(waiting.popleft(), tasks)
                else:
                    del team[worker.pipe]
                    worker.pipe.close()  # it is idle, or dead
                    worker.end()
                    free.append(worker.slot)
                yield said
    finally:
        for worker in team.values():
            worker.stop()
        for worker in team.values():
            worker.end()


class _Told(NamedTuple):
    """A sign of life."""

    what: Any


class _Worker:
    """One process, and the number of the task that it is at."""

    def __init__(self, work: Work, slot: int, tells: bool) -> None:
        context = get_context("spawn")  # not forked: the same on every system, and safe beside native thread pools
        self.slot, self.number = slot, -1
        self.pipe, theirs = context.Pipe()
        self._leash, their_end = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, their_end, work, tells), daemon=True)
        with _no_interrupts():
            self._process.start()
        theirs.close()  # so that the end of the process shows as the end of the pipe
        their_end.close()

    def give(self, number: int, tasks: Sequence[Any]) -> None:
        self.number = number
        with suppress(OSError):  # it has died: hearing from it will tell
            self.pipe.send(tasks[number])

    def hear(self) -> Done | _Told:
        """What became of the task, or a sign of life."""
        try:
            said = self.pipe.recv()
        except (EOFError, OSError):
            self._process.join(_PATIENCE)
            return Done(self.number, self._process.exitcode, False)
        return said if isinstance(said, _Told) else Done(self.number, said[0], True)

    def stop(self) -> None:
        """Tell it to end. The other pipe stays open: one reason to end is enough for work that cleans up."""
        self._leash.close()

    def end(self) -> None:
        """Wait for its end, and make one if it takes too long."""
        self._process.join(_PATIENCE)
        self._process.kill()
        self._process.join()
        self._leash.close()
        self.pipe.close()


def _serve(pipe: Connection, leash: Connection, work: Work, tells: bool) -> None:
    """Work on what comes through the pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the first one decides
    if sys.platform != "win32":
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # so does the end of a terminal
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    threading.Thread(target=_follow, args=(leash,), daemon=True).start()

    def tell(what: Any) -> None:
        with suppress(OSError):  # nobody hears us: the end is on its way
            pipe.send(_Told(what))

    more = [tell] if tells else []
    with suppress(EOFError, OSError):
        while True:
            pipe.send((work(pipe.recv(), *more),))


def _follow(leash: Connection) -> None:
    """Stop the work when the first process lets go, or is gone itself."""
    with suppress(EOFError, OSError):
        leash.recv()
    main = threading.main_thread().ident
    if sys.platform == "win32" or main is None:
        _thread.interrupt_main(signal.SIGTERM)  # as if the signal had come
    else:
        signal.pthread_kill(main, signal.SIGTERM)  # this wakes a sleeping thread, too
    time.sleep(_PATIENCE)
    os._exit(1)  # where nobody is left who would end us


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
