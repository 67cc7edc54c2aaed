"""Identity scores: cosines of SFace features of aligned faces with those of the photo.

SFace (Zhong et al., "SFace: Sigmoid-constrained hypersphere loss for robust face recognition", TIP 2021), the network
of OpenCV's model zoo: 112 x 112 pixels aligned by five points in, 128 numbers out.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np

from mssync.arrays import Array, Rgb
from mssync.assets import asset_bytes
from mssync.errors import AssetError
from mssync.evaluation.footage import Footage
from mssync.evaluation.frames import Portrait
from mssync.evaluation.scores.score import Score
from mssync.face.networks import Roi, crop
from mssync.face.topology import EYE_CORNERS_LEFT, EYE_CORNERS_RIGHT
from mssync.sessions import THREADS, open_session
from mssync.timing import FPS

MODEL: Final = "face_recognition_sface_2021dec.onnx"
SIZE: Final = 112
EVERY: Final = int(FPS)  # a person does not change within a second, and the network takes 25 ms
# Where the five points of ArcFace's alignment lie in the 112 x 112 crop (Deng et al. 2019): eyes, nose tip, mouth
# corners, the subject's right one first. Published between pixel centres; ours count from the picture's corner.
_PLACES: Final = 0.5 + np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)
# Median cosine of two different people of our development clips (20 listed speakers).
CHANCE: Final = 0.1
_NOTE: Final = "0.363 and above is called the same person (the model zoo's threshold on LFW)"
_POINTS: Final = (EYE_CORNERS_RIGHT, EYE_CORNERS_LEFT, (4,), (61,), (291,))


class IdentityNet:
    """The network.

    Args:
        path: its file; the verified one of :mod:`mssync.assets` when not given.
    Raises:
        AssetError: the file is missing and cannot be fetched.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._session: Any = open_session(
            path or Path(MODEL), data=None if path else asset_bytes(MODEL), threads=THREADS, origin="asset"
        )
        self._input = self._session.get_inputs()[0].name

    def feature(self, rgb: Rgb, points: Array) -> Array:
        """Unit vector ``(128,)`` of one face.

        Args:
            rgb: ``(H, W, 3)`` uint8.
            points: ``(478, 2 or 3)`` pixels.
        """
        face = aligned(rgb, points).astype(np.float32).transpose(2, 0, 1)[None]
        out = np.asarray(self._session.run(None, {self._input: face})[0][0], np.float32)
        return out / max(float(np.linalg.norm(out)), 1e-6)


@cache
def identity_net() -> IdentityNet:
    """The network, loaded once.

    Raises:
        AssetError: the file is missing and cannot be fetched.
    """
    return IdentityNet()


def aligned(rgb: Rgb, points: Array) -> Rgb:
    """The face turned, scaled and shifted so that five points lie where SFace expects them, ``(112, 112, 3)``.

    The similarity is the least-squares one (Umeyama 1991).
    """
    five = np.array([points[list(group), :2].mean(0) for group in _POINTS], np.float64)
    mean, goal = five.mean(0), _PLACES.mean(0)
    # As complex numbers a similarity is one factor: its size is the scale, its argument the turn.
    i = np.array([1, 1j])
    p, q = (five - mean) @ i, (_PLACES - goal) @ i
    factor = np.vdot(p, p).real / np.vdot(p, q)  # picture pixels per pixel of the crop
    middle = complex(mean @ i + factor * ((SIZE / 2 - goal) @ i))
    return crop(rgb, Roi(middle.real, middle.imag, SIZE * abs(factor), float(np.angle(factor))), SIZE)


class Identity:
    """``picture.identity`` and ``picture.aed``, gathered once per second.

    - identity: mean cosine of the frames' features with the photo's (without a photo: with the first frame's). Strong
      compression (crf 28 for 18) takes 0.04 of it, 0.12 at most.
    - AED (average Euclidean distance, Siarohin et al. 2019, who used another network): mean Euclidean distance of the
      unit features of the two videos' simultaneous frames.

    Args:
        footage: the video.
        reference: its paired reference.
        photo: the face that the video should show.
    """

    def __init__(self, footage: Footage, reference: Footage | None, photo: Portrait | None) -> None:
        self._footage, self._reference = footage, reference
        self._why = ""
        self._own: list[Array] = []
        self._apart: list[float] = []
        self._source: Array | None = None
        self._due = 0
        try:
            net = identity_net()
            self._source = None if photo is None else net.feature(photo.rgb, photo.points)
        except AssetError as error:
            self._why = str(error)

    def see(self, index: int, rgb: Rgb, other: Rgb | None) -> None:
        """Take one frame, and the reference's frame of the same time."""
        if self._why or index < self._due or not self._footage.track.valid[index]:
            return
        self._due = index + EVERY
        feature = identity_net().feature(rgb, self._footage.track.points[index])
        if self._source is None:
            self._source = feature
        else:
            self._own.append(feature)
        if other is not None and self._reference is not None and self._reference.track.valid[index]:
            there = identity_net().feature(other, self._reference.track.points[index])
            self._apart.append(float(np.linalg.norm(feature - there)))

    def scores(self) -> list[Score]:
        """The scores of all frames seen."""
        keys = "picture.identity", "picture.aed"
        if self._why:
            return [Score.not_run(keys[0], "cosine", "high", self._why), Score.not_run(keys[1], "", "low", self._why)]
        if self._own and self._source is not None:
            mean = float(np.mean([f @ self._source for f in self._own]))
            own = Score(keys[0], mean, "cosine", "high", chance=CHANCE, note=_NOTE)
        else:
            own = Score.not_run(keys[0], "cosine", "high", "The face is seen in too few frames.")
        if self._apart:
            return [own, Score(keys[1], float(np.mean(self._apart)), "", "low")]
        why = (
            "There is no paired reference."
            if self._reference is None
            else "The two videos show no face at the same time."
        )
        return [own, Score.not_run(keys[1], "", "low", why)]
