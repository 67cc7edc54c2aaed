"""Cases given to child processes, several each, under a limit of time; what ends a child is put down to its case."""

from __future__ import annotations

import json
import os
import queue
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from fuzz.child import make_case
from fuzz.reader import Reader, valid_files

PATIENCE: Final = 20.0  # seconds for one case
START: Final = 300.0  # seconds for a child to load its libraries
PER_CHILD: Final = 250  # cases, then a fresh one: what leaks is not put down to a later case
MAX_PEAK: Final = 1500  # MB

Line = dict[str, Any]


class Child:
    """A running child of one reader."""

    def __init__(self, command: list[str]) -> None:
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
        )
        self._lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line.strip())
        self._lines.put("")

    def line(self, seconds: float) -> str | None:
        """The next line; empty when the child has ended, None when none came in time."""
        try:
            return self._lines.get(timeout=seconds)
        except queue.Empty:
            return None

    def answer(self, patience: float) -> str | None:
        """The line that ends a case; None when the case took longer than ``patience`` seconds of work.

        What counts is the child's own time on the processor where the system tells it: a busy computer is no hang.
        Six times as long by the clock ends it in any case.
        """
        began, before = time.monotonic(), self._worked()
        while True:
            line = self.line(min(1.0, patience))
            if line is not None:
                return line
            waited = time.monotonic() - began
            worked = waited if before is None else (self._worked() or before) - before
            if worked > patience or waited > 6 * patience:
                return None

    def _worked(self) -> float | None:
        """Seconds of processor time so far, None where the system does not tell."""
        try:
            fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        except (OSError, ValueError, IndexError, AttributeError):
            return None

    def ask(self, number: int) -> None:
        """Give it a case."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{number}\n")
        self._process.stdin.flush()

    def end(self) -> int:
        """Stop it; returns its exit code."""
        self._process.kill()
        return self._process.wait()


def run_reader(
    reader: Reader, numbers: Iterable[int], command: Callable[[str], list[str]], patience: float = PATIENCE
) -> Iterator[Line]:
    """Give the cases to children, one after the other.

    Args:
        command: starts a child for a reader's name.
    Yields:
        one line per case: ``number``, ``verdict`` (accepted, refused, raw, crash, hang), ``said``, ``seconds`` and
        ``peak`` in MB.
    """
    child: Child | None = None
    served = 0
    for number in numbers:
        if child is None:
            child, served = Child(command(reader.name)), 0
            if child.line(START) != "ready":
                child.end()
                raise SystemExit(f"The child for {reader.name} does not start; run: {' '.join(command(reader.name))}")
        try:
            child.ask(number)
            child.line(START)  # it has written the case and begins
            answer = child.answer(patience)
        except BrokenPipeError:
            answer = ""
        served += 1
        if answer:
            yield json.loads(answer)
        else:
            verdict = "crash" if answer == "" else "hang"
            code = child.end()
            said = f"exit code {code}" if verdict == "crash" else f"over {patience:g} s"
            yield {"number": number, "verdict": verdict, "said": said, "seconds": 0.0, "peak": 0}
            child = None
        if child is not None and served >= PER_CHILD:
            child.end()
            child = None
    if child is not None:
        child.end()


def wrong(line: Line) -> bool:
    """Whether a case ended as none may."""
    return line["verdict"] not in ("accepted", "refused") or line["peak"] >= MAX_PEAK


def prepare(reader: Reader, work: Path) -> None:
    """The reader's valid files, made once."""
    valid = work / "valid"
    if (work / "prepared").is_file():
        return
    shutil.rmtree(valid, ignore_errors=True)
    valid.mkdir(parents=True)
    reader.prepare(valid)
    (work / "prepared").touch()


def keep(reader: Reader, seed: int, number: int, work: Path, out: Path) -> Path:
    """Write a case again, to look at."""
    folder = out / f"{reader.name.replace(' ', '-')}-{number}"
    make_case(reader, seed, number, valid_files(work / "valid"), folder)
    return folder


def python(script: Path, *args: str) -> list[str]:
    """A command of this interpreter."""
    return [sys.executable, str(script), *args]
