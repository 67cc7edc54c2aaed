"""A syncer pyramid at work: how well picture and sound of a clip agree, at every lag, per view and level.

One class serves both pyramids of the project: the *judge* (``weights/judge``: own seed, width, speakers and ear, never
in any training loss) and the syncers that training uses, which may settle offsets but may never judge.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mssync.errors import AssetError
from mssync.motion.pyramid import VIEWS, WINDOW_FRAMES, WINDOW_STEPS, View, pyramid, smoothed
from mssync.sessions import open_session

Array = NDArray[np.float32]

FORMAT: Final = "mssync-syncer"
MAX_LAG: Final = 15
MIN_OVERLAP: Final = 8  # windows that must remain at the largest lag
STEPS_PER_FRAME: Final = 4
EARS: Final = ("mel", "bands")
MAX_LEVEL: Final = 3
MAX_BYTES: Final = 64 * 2**20  # of one file; the shipped ones have half a megabyte


@dataclass(frozen=True)
class SyncCurve:
    """Agreement of picture and sound over lags, in steps of the level (0.04 s x 2^level).

    Attributes:
        lags: ``(31,)`` from -15 to 15; + when the picture comes later than the sound.
        cosine: ``(31,)`` mean cosine of motion and sound windows at that lag.
        best: the lag of the largest mean cosine.
        confidence: largest less median cosine (after Chung & Zisserman 2016, who take distances).
        distance: 1 - largest mean cosine.
        at_zero: mean cosine at lag 0 less the median.
    """

    lags: NDArray[np.int64]
    cosine: Array
    best: int
    confidence: float
    distance: float
    at_zero: float

    @staticmethod
    def of(motion: Array, sound: Array) -> SyncCurve:
        """From unit vectors ``(N, E)`` and ``(N, E)``, N >= MAX_LAG + MIN_OVERLAP."""
        lags, n = range(-MAX_LAG, MAX_LAG + 1), len(motion)
        # The sum of all cosines at a lag is one product of everything that overlaps.
        sums = [motion[max(0, k) : n + min(0, k)].ravel() @ sound[max(0, -k) : n - max(0, k)].ravel() for k in lags]
        cosine = np.array([s / (n - abs(k)) for s, k in zip(sums, lags, strict=True)], np.float32)
        best = int(np.argmax(cosine))
        middle = float(np.median(cosine))
        return SyncCurve(
            np.array(lags),
            cosine,
            lags[best],
            float(cosine[best]) - middle,
            1.0 - float(cosine[best]),
            float(cosine[MAX_LAG]) - middle,
        )


class Judge:
    """A syncer pyramid on ONNX Runtime.

    Args:
        folder: with ``manifest.json``, ``views.npz`` and one graph per view and level.
        manifest: parsed.
    """

    def __init__(self, folder: Path, manifest: dict[str, Any]) -> None:
        self.folder, self.manifest = folder, manifest
        self.views: tuple[View, ...] = tuple(manifest["views"])
        self.levels: tuple[int, ...] = tuple(manifest["levels"])
        self.ear: str = manifest["ear"]
        with np.load(folder / "views.npz", allow_pickle=False) as z:
            self._matrices: dict[str, Array] = {v: np.asarray(z[v], np.float32) for v in self.views}
        self.columns = len(self._matrices[self.views[0]])
        self._sessions: dict[tuple[str, int], Any] = {}

    @staticmethod
    def load(folder: Path | None = None) -> Judge:
        """The shipped judge, or the pyramid in a folder made by ``mssync train syncer``; every file's hash is checked.

        Raises:
            AssetError: a file is missing, damaged, or not what ``mssync train syncer`` writes.
        """
        folder = folder or Path(str(resources.files("mssync"))) / "weights" / "judge"
        try:
            manifest = json.loads(_bytes(folder / "manifest.json"))
            _check(manifest)
            for name, want in manifest["files"].items():
                if hashlib.sha256(_bytes(folder / name)).hexdigest() != want:
                    raise AssetError(f"{folder / name} is damaged: its sha256 is not the manifest's; install it again.")
            judge = Judge(folder, manifest)
            for view, matrix in judge._matrices.items():
                if matrix.shape[:1] != (judge.columns,) or matrix.ndim != 2 or not np.isfinite(matrix).all():
                    raise ValueError(view)
        except AssetError:
            raise
        except Exception as e:  # json, zip, zlib and numpy each fail in their own way on damaged bytes
            raise AssetError(f"{folder} holds no syncer pyramid; name a folder made by `mssync train syncer`.") from e
        return judge

    def embed(self, motion: Array, sound: Array, view: View, level: int) -> tuple[Array, Array] | None:
        """Unit vectors ``(N, E)`` of every motion window and its sound window; None when there are none.

        Args:
            motion: ``(T, D)`` rows of the mesh space, not smoothed.
            sound: ``(4 T, bands)`` what this pyramid hears: log-mel for the judge.
        Raises:
            AssetError: the graph of this view and level is not one of a syncer.
        """
        seen = pyramid(smoothed(motion) @ self._matrices[view], level + 1)[level]
        heard = pyramid(sound, level + 1)[level]
        n = min(len(seen), len(heard) // STEPS_PER_FRAME) - WINDOW_FRAMES + 1
        if n < 1:
            return None
        rows = np.arange(n)
        m = seen[rows[:, None] + np.arange(WINDOW_FRAMES)]
        s = heard[STEPS_PER_FRAME * rows[:, None] + np.arange(WINDOW_STEPS)]
        session = self._session(view, level)
        try:
            moved, said = (np.asarray(x, np.float32) for x in session.run(None, {"motion": m, "sound": s}))
        except Exception as e:  # onnxruntime raises its own, undocumented types
            raise AssetError(f"{self._graph(view, level)} is no network of a syncer; train or install it again.") from e
        if moved.ndim != 2 or moved.shape != said.shape or len(moved) != n or not np.isfinite([moved, said]).all():
            raise AssetError(f"{self._graph(view, level)} gives no vectors of a syncer; train or install it again.")
        return moved, said

    def curve(self, motion: Array, sound: Array, view: View, level: int) -> SyncCurve | None:
        """Agreement over lags (arguments as :meth:`embed`); None when the clip is too short for this level.

        A level needs ``MAX_LAG + MIN_OVERLAP`` windows: 1.1, 2.2, 4.3, 8.6 s at levels 0 to 3.
        """
        pair = self.embed(motion, sound, view, level)
        if pair is None or len(pair[0]) < MAX_LAG + MIN_OVERLAP:
            return None
        return SyncCurve.of(*pair)

    def _session(self, view: str, level: int) -> Any:
        if (view, level) not in self._sessions:
            self._sessions[view, level] = open_session(self._graph(view, level))
        return self._sessions[view, level]

    def _graph(self, view: str, level: int) -> Path:
        return self.folder / f"{view}-{level}.onnx"


def _check(manifest: Any) -> None:
    """Refuse what is no manifest of a pyramid: every graph that will be asked for is among the hashed files."""
    views, levels, files = manifest["views"], manifest["levels"], manifest["files"]
    good = (
        manifest["format"] == FORMAT
        and isinstance(views, list)
        and isinstance(levels, list)
        and isinstance(files, dict)
        and bool(views)
        and all(view in VIEWS for view in views)
        and all(type(level) is int and 0 <= level <= MAX_LEVEL for level in levels)
        and manifest["ear"] in EARS
        and files.keys() == {"views.npz", *(f"{view}-{level}.onnx" for view in views for level in levels)}
    )
    if not good:
        raise ValueError("no manifest of a syncer pyramid")


def _bytes(path: Path) -> bytes:
    if not path.is_file() or path.stat().st_size > MAX_BYTES:
        raise ValueError(f"{path} is no file of an expected size")
    return path.read_bytes()
