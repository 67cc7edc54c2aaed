"""Syncer pyramids on ONNX Runtime: agreement of motion and audio at every lag, per view and level.

One class serves both pyramids of the project: the *judge* (``weights/judge``: own seed, width and features,
never in any training loss) and the syncers that training uses, which may measure av-offsets but may never judge.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from mssync.arrays import Array, Wanted, read_arrays
from mssync.errors import AssetError, InputError
from mssync.motion.pyramid import VIEWS, View, pyramid, smoothed
from mssync.motion.space import MotionSpace
from mssync.schema import Bounds, checked, parse_json
from mssync.sessions import PATIENCE, Network, open_session
from mssync.timing import STEPS_PER_FRAME, WINDOW_FRAMES, WINDOW_STEPS

FORMAT: Final = "mssync-syncer"
MAX_LAG: Final = 15
MIN_OVERLAP: Final = 8  # windows that must remain at the largest lag
FEATURES: Final = {"mel": 40, "bands": 26}  # columns of each kind of audio features
MAX_LEVEL: Final = 3
MAX_VIEW: Final = 2**20  # bytes of a view's matrix
LARGEST: Final = 1e4  # of a number in it
MAX_BYTES: Final = 64 * 2**20  # of one file; the shipped ones have half a megabyte


@dataclass(frozen=True)
class _Table:
    """What a pyramid's manifest must say."""

    format: str
    features: str
    views: Annotated[tuple[str, ...], Bounds(1, len(VIEWS))]
    levels: Annotated[tuple[Annotated[int, Bounds(0, MAX_LEVEL)], ...], Bounds(1, MAX_LEVEL + 1)]
    files: dict[str, Annotated[str, Bounds(64, 64)]]


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


def shipped_judge(name: Literal["judge", "judge-axes", "judge-content"]) -> Path:
    """Folder of a judge inside the package: the pyramid of lips, head and all; of the head's axes; of what is said."""
    return Path(str(resources.files("mssync"))) / "weights" / name


class SyncerPyramid:
    """A syncer pyramid on ONNX Runtime.

    Args:
        folder: where the files lie.
        manifest: parsed and checked.
        data: the bytes of ``views.npz`` and of one graph per view and level, by name. What was checked is what is used.
    Raises:
        ValueError: the views are none.
    """

    def __init__(self, folder: Path, manifest: dict[str, Any], data: Mapping[str, bytes]) -> None:
        self.folder, self.manifest, self._data = folder, manifest, data
        self.views: tuple[View, ...] = tuple(manifest["views"])
        self.levels: tuple[int, ...] = tuple(manifest["levels"])
        self.features: str = manifest["features"]
        self.space = str(manifest.get("space", ""))
        """Mark of the motion space that they were trained in."""
        found = read_arrays(io.BytesIO(data["views.npz"]), dict.fromkeys(self.views, Wanted("f", 2, MAX_VIEW)))
        self._matrices: dict[str, Array] = {v: np.asarray(found[v], np.float32) for v in self.views}
        self.columns = len(self._matrices[self.views[0]])
        for view, matrix in self._matrices.items():
            if len(matrix) != self.columns or not np.isfinite(matrix).all() or np.abs(matrix).max() > LARGEST:
                raise ValueError(f"the view {view!r} has the shape {matrix.shape}, or numbers of no view")
        self._networks: dict[tuple[str, int], Network] = {}

    @staticmethod
    def load(folder: Path | None = None) -> SyncerPyramid:
        """The shipped judge, or the pyramid in a folder made by ``mssync train syncer``; every file's hash is checked.

        Raises:
            AssetError: a file is missing, damaged, or not what ``mssync train syncer`` writes.
        """
        folder = folder or shipped_judge("judge")
        try:
            manifest = parse_json(_bytes(folder / "manifest.json"))
            if isinstance(manifest, dict) and "ear" in manifest:  # the entry's name in older versions
                manifest.setdefault("features", manifest.pop("ear"))
            _check(manifest)
            data: dict[str, bytes] = {}
            for name, want in manifest["files"].items():
                data[name] = _bytes(folder / name)
                if hashlib.sha256(data[name]).hexdigest() != want:
                    raise AssetError(f"{folder / name} is damaged: its sha256 is not the manifest's; install it again.")
            return SyncerPyramid(folder, manifest, data)
        except (OSError, ValueError) as e:
            why = e.strerror if isinstance(e, OSError) and e.strerror else e
            raise AssetError(
                f"{folder} holds no syncer pyramid ({why}); name a folder made by `mssync train syncer`."
            ) from e

    def check_space(self, space: MotionSpace) -> None:
        """Refuse motion of a space that these syncers were not trained in.

        Raises:
            InputError: they were trained in another one.
        """
        if self.columns != len(space.names) or not space.has_mark(self.space):
            raise InputError(
                f"The syncers in {self.folder} were trained in another motion space than the one used here; name that "
                "space, or train syncers in this one with `mssync train syncer` (`mssync preprocess --syncer none` "
                "does without any)."
            )

    def embed(self, motion: Array, sound: Array, view: View, level: int) -> tuple[Array, Array] | None:
        """Unit vectors ``(N, E)`` of every motion window and its sound window; None when there are none.

        Args:
            motion: ``(T, D)`` rows of the motion space, not smoothed.
            sound: ``(4 T, bands)`` audio features of this pyramid: log-mel for the judge.
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
        moved, said = self._network(view, level).run({"motion": m, "sound": s})
        if moved.shape != said.shape or len(moved) != n:
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

    def _network(self, view: str, level: int) -> Network:
        """The net of a view and level, opened when it is first asked."""
        if (view, level) not in self._networks:
            path = self._graph(view, level)
            seen, bands = self._matrices[view].shape[1], FEATURES[self.features]
            takes = {"motion": (None, WINDOW_FRAMES, seen), "sound": (None, WINDOW_STEPS, bands)}
            gives = {"motion_vector": (None, None), "sound_vector": (None, None)}
            net = Network(path, open_session(path, data=self._data[path.name]), takes, gives)
            net.run(
                {name: np.ones([n or 1 for n in shape], np.float32) for name, shape in takes.items()}, patience=PATIENCE
            )
            self._networks[view, level] = net
        return self._networks[view, level]

    def _graph(self, view: str, level: int) -> Path:
        return self.folder / f"{view}-{level}.onnx"


def _check(manifest: Any) -> None:
    """Refuse what is no manifest of a pyramid: every graph that will be asked for is among the hashed files.

    Raises:
        ValueError: an entry is missing or will not do.
    """
    table = checked(_Table, manifest)
    if table.format != FORMAT:
        raise ValueError(f"its format is not {FORMAT}")
    if table.features not in FEATURES:
        raise ValueError("its features are none that we know")
    if not set(table.views) <= set(VIEWS) or len(set(table.views)) != len(table.views):
        raise ValueError("its views are none that we know")
    graphs = {f"{view}-{level}.onnx" for view in table.views for level in table.levels}
    if len(graphs) != len(table.views) * len(table.levels) or table.files.keys() != {"views.npz", *graphs}:
        raise ValueError("its files are not one for each view and level")


def _bytes(path: Path) -> bytes:
    if not path.is_file() or path.stat().st_size > MAX_BYTES:
        raise ValueError(f"{path.name} is missing, or too large")
    with path.open("rb") as f:
        return f.read(MAX_BYTES)
