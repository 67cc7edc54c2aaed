"""The three small networks inside ``face_landmarker.task``, run on LiteRT: detector, 478-point mesh, 52 blendshapes.

The file is a zip. Anchors, crops and input scalings follow the published face-mesh pipeline; a test holds the result
against that pipeline's own.
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from threading import Lock
from typing import Any

import cv2
import numpy as np

from mssync.arrays import Array, Rgb
from mssync.errors import AssetError, PlatformError
from mssync.face.topology import BLENDSHAPE_POINTS, POINTS

DETECTOR_SIZE = 128
MESH_SIZE = 256


@dataclass(frozen=True)
class Roi:
    """A rotated square in the picture: centre and side in pixels, angle in radians (clockwise in the picture)."""

    cx: float
    cy: float
    side: float
    angle: float


class LiteNet:
    """One LiteRT interpreter with its outputs ordered by size, largest first; several threads may call it.

    Args:
        content: of a ``.tflite`` file.
        threads: for one call.
    Raises:
        PlatformError: LiteRT cannot be loaded, or cannot run this network, on this computer.
        ValueError: the content is no network.
    """

    def __init__(self, content: bytes, threads: int) -> None:
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError as error:
            raise PlatformError.of(error) from error

        self._it: Any = Interpreter(model_content=content, num_threads=threads)
        try:
            self._it.allocate_tensors()
        except RuntimeError as error:
            raise PlatformError.of_kernels(error) from error
        self._in = self._it.get_input_details()[0]["index"]
        outs = sorted(self._it.get_output_details(), key=lambda d: -int(np.prod(d["shape"])))
        self._out = [d["index"] for d in outs]
        self._turn = Lock()  # an interpreter has one input and one output, whoever asks

    def __call__(self, x: Array) -> list[Array]:
        with self._turn:
            self._it.set_tensor(self._in, x)
            self._it.invoke()
            return [self._it.get_tensor(i) for i in self._out]


def _anchors() -> Array:
    """Centres (896, 2) of the short-range detector's anchors: a 16x16 grid of 2 and an 8x8 grid of 6."""
    rows = []
    for grid, per_cell in ((16, 2), (8, 6)):
        c = (np.arange(grid, dtype=np.float32) + 0.5) / grid
        xy = np.stack(np.meshgrid(c, c), -1).reshape(-1, 2)
        rows.append(np.repeat(xy, per_cell, axis=0))
    return np.concatenate(rows).astype(np.float32)


def crop(rgb: Rgb, roi: Roi, size: int) -> Rgb:
    """Cut the rotated square out of the picture, ``(size, size, 3)``, averaged down when it is much larger.

    Beyond the picture its edge is repeated. Pixel centres map to pixel centres, so that mirrored pictures give mirrored
    points; mediapipe maps corners to centres, which shifts its points by up to half a crop pixel.
    """
    k = max(1, min(8, int(roi.side / size)))
    n = size * k
    step = roi.side / n
    c, s = np.cos(roi.angle) * step, np.sin(roi.angle) * step
    half = (n - 1) / 2
    # Maps crop pixel centres to picture pixel centres (WARP_INVERSE_MAP).
    m = np.array([[c, -s, roi.cx - 0.5 - half * (c - s)], [s, c, roi.cy - 0.5 - half * (s + c)]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    out = cv2.warpAffine(rgb, m, (n, n), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    if k > 1:
        out = cv2.resize(out, (size, size), interpolation=cv2.INTER_AREA)
    return np.asarray(out, np.uint8)


class FaceNetworks:
    """The three networks, loaded once; several threads may use them at the same time.

    Args:
        task: content of ``face_landmarker.task``.
        threads: LiteRT threads per network.
        name: of the file, for the error.
    Raises:
        AssetError: it is not the expected zip.
    """

    def __init__(self, task: bytes, threads: int = 2, name: str = "face_landmarker.task") -> None:
        try:
            with zipfile.ZipFile(io.BytesIO(task)) as z:
                parts = [
                    z.read(n + ".tflite") for n in ("face_detector", "face_landmarks_detector", "face_blendshapes")
                ]
            self._detector, self._mesh, self._blend = (LiteNet(p, threads) for p in parts)
        except (OSError, KeyError, ValueError, RuntimeError, zipfile.BadZipFile) as e:
            raise AssetError(f"{name} is not the face model file; leave it out, or run `mssync models fetch`.") from e
        self._anchors = _anchors()

    def detect(self, rgb: Rgb) -> tuple[Array, Array]:
        """Boxes of faces in one picture, letterboxed to the detector's square.

        Returns:
            ``(N, 8)`` float32: x0, y0, x1, y1, then the two eye centres (x, y each) in pixels, and scores ``(N,)``;
            overlapping boxes are merged by score.
        """
        h, w = rgb.shape[:2]
        side = max(h, w)
        # Mediapipe's crop maps pixel corners to pixel centres. The boxes keep that small shift: the points then agree
        # with mediapipe's, and lose nothing by it, since the mesh looks at a half larger square.
        shift = 0.5 - 0.5 * side / DETECTOR_SIZE
        roi = Roi(w / 2 + shift, h / 2 + shift, side, 0.0)
        x = crop(rgb, roi, DETECTOR_SIZE).astype(np.float32) / 127.5 - 1.0
        raw, logit = self._detector(x[None])
        score = 1.0 / (1.0 + np.exp(-np.clip(logit.reshape(-1), -60, 60)))
        keep = np.flatnonzero(score > 0.5)
        if keep.size == 0:
            return np.zeros((0, 8), np.float32), np.zeros(0, np.float32)
        r = raw.reshape(-1, 16)[keep] / DETECTOR_SIZE
        a = self._anchors[keep]
        centre, wh = r[:, :2] + a, r[:, 2:4]
        box = np.concatenate([centre - wh / 2, centre + wh / 2, r[:, 4:6] + a, r[:, 6:8] + a], 1) * side
        box += np.tile(np.array([w / 2 - side / 2, h / 2 - side / 2]), 4)
        return _merge(box.astype(np.float32), score[keep].astype(np.float32))

    def mesh(self, rgb: Rgb, roi: Roi) -> tuple[Array, float]:
        """The 478 points in picture pixels ``(478, 3)`` and the presence score in [0, 1]."""
        x = crop(rgb, roi, MESH_SIZE).astype(np.float32) / 255.0
        outs = self._mesh(x[None])
        p = outs[0].reshape(POINTS, 3) / MESH_SIZE
        flag = max(float(o.reshape(-1)[0]) for o in outs[1:2])
        c, s = np.cos(roi.angle), np.sin(roi.angle)
        u, v = (p[:, 0] - 0.5) * roi.side, (p[:, 1] - 0.5) * roi.side
        xyz = np.stack([roi.cx + c * u - s * v, roi.cy + s * u + c * v, p[:, 2] * roi.side], 1)
        return xyz.astype(np.float32), float(1.0 / (1.0 + np.exp(-flag)))

    def blendshapes(self, points: Array) -> Array:
        """The 52 expression scores ``(52,)`` in [0, 1] of one face's points in pixels."""
        x = points[list(BLENDSHAPE_POINTS), :2][None].astype(np.float32)
        return self._blend(np.ascontiguousarray(x))[0].reshape(-1).astype(np.float32)


def _merge(box: Array, score: Array, overlap: float = 0.3) -> tuple[Array, Array]:
    """Weighted non-maximum suppression: boxes that overlap the best one are averaged into it by score."""
    order = np.argsort(-score)
    box, score = box[order], score[order]
    out, out_score = [], []
    alive = np.ones(len(box), bool)
    for i in range(len(box)):
        if not alive[i]:
            continue
        iw = np.minimum(box[:, 2], box[i, 2]) - np.maximum(box[:, 0], box[i, 0])
        ih = np.minimum(box[:, 3], box[i, 3]) - np.maximum(box[:, 1], box[i, 1])
        inter = np.clip(iw, 0, None) * np.clip(ih, 0, None)
        area = (box[:, 2] - box[:, 0]) * (box[:, 3] - box[:, 1])
        near = alive & (inter > overlap * (area + area[i] - inter))
        out.append((box[near] * score[near, None]).sum(0) / score[near].sum())
        out_score.append(score[i])
        alive &= ~near
    return np.asarray(out, np.float32), np.asarray(out_score, np.float32)
