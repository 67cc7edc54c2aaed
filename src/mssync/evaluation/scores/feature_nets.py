"""Frechet distances of pictures and of short clips, with feature networks that the user brings.

The numbers of the field are made with two published networks, Inception (FID, Heusel et al. 2017) and I3D (FVD,
Unterthiner et al. 2018), whose files we may not pass on. Whoever has them exports them to ONNX once:

- pictures: input ``(N, 3, 299, 299)``, output ``(N, d)`` (Inception's last pooling, d = 2048);
- clips: input ``(N, 3, 16, 224, 224)``, output ``(N, d)`` (I3D's logits, d = 400);

both RGB in [-1, 1]. The networks see the pinned crop of the clip's first face, 1.6 times as wide and held, so that the
head moves in it and every video is framed alike. Other papers frame otherwise: compare values of this program only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from mssync.arrays import Array, Rgb
from mssync.errors import AssetError, InputError
from mssync.evaluation.footage import Footage
from mssync.evaluation.frames import FaceCrop, pinned_frames
from mssync.evaluation.scores.score import Score
from mssync.evaluation.scores.stats import frechet
from mssync.sessions import THREADS, open_session

PICTURE: Final = (3, 299, 299)
CLIP: Final = (3, 16, 224, 224)
EVERY: Final = 5
ZOOM: Final = 1.6


class FeatureNet:
    """An ONNX network that turns one picture or clip into a row of numbers.

    Args:
        path: the user's file.
        shape: what it takes, without the leading N.
    Raises:
        InputError: not an ONNX network, or one that takes something else.
    """

    def __init__(self, path: Path, shape: tuple[int, ...]) -> None:
        self._path, self._shape = path, shape
        try:
            self._session: Any = open_session(path, threads=THREADS, origin="user")
        except AssetError as error:  # the file is the user's own
            raise InputError(str(error)) from error
        inputs = self._session.get_inputs()
        takes = tuple(inputs[0].shape) if len(inputs) == 1 else ()
        # Sizes that the file leaves open are names or None.
        fits = len(takes) == len(shape) + 1 and all(
            not isinstance(has, int) or has == want for has, want in zip(takes, (1, *shape), strict=True)
        )
        if not fits:
            want = " x ".join(map(str, ("N", *shape)))
            raise InputError(f"{path} takes {list(takes)}, not {want}; export the network again with that input.")
        self._input = inputs[0].name

    def __call__(self, pixels: Array) -> Array:
        """Features ``(d,)`` of one picture or clip in [-1, 1].

        Raises:
            InputError: the network fails on it.
        """
        try:
            out = self._session.run(None, {self._input: pixels[None].astype(np.float32)})[0]
        except Exception as e:  # onnxruntime raises its own, undocumented types
            raise InputError(f"{self._path} fails on its input {list(self._shape)}; export it again.") from e
        row = np.asarray(out, np.float32).reshape(-1)
        if not row.size or not np.isfinite(row).all():
            raise InputError(f"{self._path} gives no finite numbers for a picture; export it again.")
        return row


def picture_features(net: FeatureNet, footage: Footage) -> Array:
    """``(n, d)``: every fifth frame."""
    return np.stack([net(_scaled(f).transpose(2, 0, 1)) for f in _held_crops(footage, EVERY, PICTURE[-1])])


def clip_features(net: FeatureNet, footage: Footage) -> Array:
    """``(n, d)``: windows of 16 frames, one after the other."""
    rows: list[Array] = []
    window: list[Rgb] = []
    for frame in _held_crops(footage, 1, CLIP[-1]):
        window.append(frame)
        if len(window) == CLIP[1]:
            rows.append(net(_scaled(np.stack(window)).transpose(3, 0, 1, 2)))
            window.clear()
    return np.stack(rows) if rows else np.zeros((0, 0), np.float32)


def scores(
    footage: Sequence[Footage], reference: Sequence[Footage], picture_net: Path | None, clip_net: Path | None
) -> list[Score]:
    """``picture.fid`` and ``picture.fvd`` of a set of videos against real ones; a set may be one video.

    Both are biased upwards in small sets (:func:`~mssync.evaluation.scores.stats.frechet`): the field uses thousands
    of rows.

    Args:
        footage: the videos.
        reference: real footage; need not be paired.
        picture_net: ONNX file of the picture network.
        clip_net: ONNX file of the clip network.
    Raises:
        InputError: a network file is not what the module's text asks for, or a video cannot be read.
    """
    return [
        _score("picture.fid", "Inception", picture_features, picture_net, PICTURE, footage, reference),
        _score("picture.fvd", "I3D", clip_features, clip_net, CLIP, footage, reference),
    ]


def _score(
    key: str,
    network: str,
    features: Callable[[FeatureNet, Footage], Array],
    path: Path | None,
    shape: tuple[int, ...],
    footage: Sequence[Footage],
    reference: Sequence[Footage],
) -> Score:
    if path is None:
        return Score.not_run(key, "", "low", f"No ONNX file of the {network} feature network was given.")
    if not reference:
        return Score.not_run(key, "", "low", "There is no real footage to compare with.")
    net = FeatureNet(path, shape)
    a, b = (np.concatenate([features(net, one) for one in group]) for group in (footage, reference))
    if min(len(a), len(b)) < 2:
        return Score.not_run(key, "", "low", "The videos are too short.")
    return Score(key, frechet(a, b), "", "low", note=f"{len(a)} rows against {len(b)} real ones, {a.shape[1]} numbers")


def _held_crops(footage: Footage, every: int, size: int) -> Iterable[Rgb]:
    row = int(np.flatnonzero(footage.track.valid)[0])
    crop = FaceCrop.of(footage.track.points).held(row, ZOOM)
    return (crop.cut(rgb, index, size) for index, rgb in pinned_frames(footage.path, len(footage), every=every))


def _scaled(pixels: Rgb) -> Array:
    return np.asarray(pixels.astype(np.float32) / 127.5 - 1.0, np.float32)
