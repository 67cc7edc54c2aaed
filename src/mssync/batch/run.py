"""A whole batch: what is known to fail is told before anything is loaded, the rest is made, the end is summed up."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from functools import partial
from typing import Final

from mssync.batch.pairs import Folders, Pair, checked
from mssync.batch.work import Outcome, Work, attempt, check, make_folder
from mssync.batch.workers import share
from mssync.errors import InputError
from mssync.pipeline import TalkingHead
from mssync.processes import MAX_WORKERS

SHOWN: Final = 20  # problems that are told one by one, and lines of each kind in the summary

Show = Callable[[int, str, int, int], None]  # number of the process, name of the video, frames done, all frames


def make_all(
    load: Callable[[], TalkingHead], pairs: Sequence[Pair], to: Folders, work: Work, workers: int, show: Show
) -> Generator[Outcome, None, None]:
    """Make the pairs of a batch.

    Args:
        load: makes the talking head; with several workers a function that can be found by its name.
        pairs: from :func:`~mssync.batch.pairs.read_pairs`.
        to: where the outputs go.
        work: what is done with each pair.
        workers: how many processes; with 1 this one does the work, in the pairs' order.
        show: called while a video is made.
    Yields:
        what became of each pair: first of those whose files cannot be read, then as they are finished.
    Raises:
        MssyncError: an option is out of its range, the folders cannot be made, or the model cannot be used.
    """
    if not 1 <= workers <= MAX_WORKERS:
        raise InputError(f"--workers must lie between 1 and {MAX_WORKERS}, not {workers}.")
    check(work)
    todo = []
    for number, pair in enumerate(map(checked, pairs)):
        if pair.problem:
            yield Outcome(number, problem=pair.problem)
        else:
            todo.append((number, pair))
    if not todo:
        return
    for folder in (to.out, to.motion, to.curves):
        if folder is not None:
            make_folder(folder)
    head = load()
    if min(workers, len(todo)) > 1:
        del head  # it has shown that the model is there and whole
        yield from share(load, todo, work, workers, show)
        return
    for number, pair in todo:
        yield attempt(head, number, pair, work, partial(show, 0))


def summary(pairs: Sequence[Pair], outcomes: Mapping[int, Outcome]) -> tuple[list[tuple[str, str, str]], str]:
    """What a batch came to.

    Args:
        pairs: the batch.
        outcomes: what became of each, by number.
    Returns:
        rows of (result, video, reason), those that failed last and at most ``SHOWN`` of each result; a line of counts.
    """
    rows: list[tuple[str, str, str]] = []
    counts = {}
    for result, reason in (("skipped", "there already"), ("made", ""), ("failed", "")):
        numbers = [n for n, outcome in sorted(outcomes.items()) if outcome.result == result]
        counts[result] = len(numbers)
        rows += [(result, str(pairs[n].out), outcomes[n].problem or reason) for n in numbers[:SHOWN]]
        if len(numbers) > SHOWN:
            rows.append((result, f"and {len(numbers) - SHOWN} more", ""))
    line = f"{counts['made']} of {len(pairs)} pairs made"
    line += "".join(f", {counts[result]} {result}" for result in ("skipped", "failed") if counts[result])
    return rows, line
