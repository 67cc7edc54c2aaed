"""Tasks in processes of their own: one that dies, one that waits when all is to stop, and the order of the rest."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mssync.processes import spread

STUCK = 600.0


def work(task: tuple[str, float]) -> str:
    name, seconds = task
    if name == "die":
        os._exit(3)
    if name == "wait":
        time.sleep(seconds)
    return name.upper()


def test_a_process_that_dies_costs_its_own_task_only() -> None:
    names = ["a", "die", "b", "die", "c", "d"]
    found = sorted(spread(work, [(name, 0.0) for name in names], 2), key=lambda f: f[0])
    assert [f[0] for f in found] == list(range(6)), "every task once"
    assert [f[2] for f in found] == [name != "die" for name in names]
    assert [f[1] for f in found if f[2]] == ["A", "B", "C", "D"]
    assert multiprocessing.active_children() == []


def test_no_more_processes_than_asked_for_and_none_without_a_task() -> None:
    assert list(spread(work, [], 4)) == []
    assert [f[:2] for f in spread(work, [("a", 0.0), ("b", 0.0)], 1)] == [(0, "A"), (1, "B")]


def test_what_is_stopped_ends_at_once() -> None:
    made = spread(work, [("a", 0.0), ("wait", STUCK)], 2)
    assert next(made) == (0, "A", True)
    assert len(multiprocessing.active_children()) == 1, "the other one is at work"
    made.close()
    assert multiprocessing.active_children() == []


def half_written(path: str, tell: Callable[[str], None]) -> None:
    """Write on and on; what is half written goes when the work is ended."""
    part = Path(path)
    try:
        part.write_text("half")
        while True:
            tell("writing")
    finally:
        part.unlink()


def test_what_is_stopped_takes_its_half_written_file_away(tmp_path: Path) -> None:
    part = tmp_path / "part"
    seen: list[tuple[int, str]] = []

    def show(slot: int, what: str) -> None:
        seen.append((slot, what))
        if len(seen) == 3:
            assert part.exists()
            raise KeyboardInterrupt  # as if Ctrl-C were pressed now

    with pytest.raises(KeyboardInterrupt):
        list(spread(half_written, [str(part)], 1, show))
    assert seen == [(0, "writing")] * 3
    assert not part.exists() and multiprocessing.active_children() == []


def test_how_a_process_ended_is_handed_back() -> None:
    assert list(spread(work, [("die", 0.0)], 1)) == [(0, 3, False)]


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
def test_nobody_is_left_behind_a_killed_program(tmp_path: Path) -> None:
    program = (
        f"import sys\nfrom {Path(__file__).stem} import tell\n"
        "from mssync.processes import spread\n"
        "if __name__ == '__main__':\n"
        "    for number, outcome, alive in spread(tell, [sys.argv[1]], 1): pass\n"
    )
    (tmp_path / "program.py").write_text(program)
    paths = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    first = subprocess.Popen(
        [sys.executable, str(tmp_path / "program.py"), str(tmp_path / "pid")], env=os.environ | {"PYTHONPATH": paths}
    )
    while not (tmp_path / "pid").exists():
        assert first.poll() is None
        time.sleep(0.05)
    worker = int((tmp_path / "pid").read_text())
    first.kill()
    first.wait()
    while _runs(worker):
        time.sleep(0.05)


def tell(path: str) -> None:
    """Say who we are, then wait."""
    part = Path(path + ".part")
    part.write_text(str(os.getpid()))
    part.rename(path)
    time.sleep(STUCK)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not state.exists() or state.read_text().split()[2] != "Z"


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
def test_no_interrupt_reaches_a_process_that_is_starting() -> None:
    """In a fresh interpreter, as the first process of a program brings a helper with it that undoes such a block."""
    program = (
        "import signal\n"
        "from mssync.processes import _no_interrupts\n"
        "from multiprocessing import resource_tracker\n"
        "with _no_interrupts():\n"
        "    resource_tracker.getfd()\n"
        "    print(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, set()))\n"
        "print(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, set()))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "False"]
