"""What a turning head's points do beyond a rigid turn.

Cameras stand near, chins and cheeks are outlines that slide over the skin, and the tracker places points of a turned
head by what it sees of it: on real heads the points of a nod or a turn lie some tenths beside the rigid shape. A
head that is moved without that is read back, by eye and by tracker, as turned too little
(docs/adr/0004-renderer.md; `benchmarks/turns.py fit` measured it on real footage).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

import numpy as np

from mssync.arrays import Array, Wanted, read_arrays
from mssync.errors import AssetError
from mssync.face import topology as topo
from mssync.face.shape import rotation_vector
from mssync.face.topology import OUTER_EYE_CORNERS, POINTS

_FARTHEST = 0.4  # radians; real heads were measured up to some 20 degrees
# Upper points of the lips and the lower ones opposite, from the opening outwards.
_LIPS = tuple(
    (upper, lower)
    for ring in (
        (topo.LIPS_INNER_UPPER, topo.LIPS_INNER_LOWER),
        (topo.LIPS_MIDDLE_UPPER, topo.LIPS_MIDDLE_LOWER),
        (topo.LIPS_OUTER_UPPER, topo.LIPS_OUTER_LOWER),
    )
    for upper, lower in zip(*ring, strict=True)
)
_ARRAYS = {"beyond": Wanted("f", 3, 4 * 2 * POINTS * 2)}


@dataclass(frozen=True)
class Turning:
    """The displacement of one photo's face.

    Attributes:
        beyond: ``(2, 478, 2)`` x and y in inter-ocular distances per radian of pitch and of yaw, in the axes of an
            upright head.
        unit: pixels per inter-ocular distance in the photo.
    """

    beyond: Array
    unit: float

    @staticmethod
    def of(points: Array) -> Turning:
        """For a photo with these points ``(478, 3)``.

        Raises:
            AssetError: the shipped file is missing or damaged.
        """
        a, b = (points[i] for i in OUTER_EYE_CORNERS)
        return Turning(_beyond(), float(np.linalg.norm(a - b)))

    def offsets(self, rigid: Array, eyes: Array) -> Array:
        """Displacement ``(478, 2)`` of one frame in pixels.

        Args:
            rigid: ``(3, 4)`` similarity of the head from the photo's pixels.
            eyes: ``(2, 2)`` moved outer corners of the subject's right and left eye in the picture.
        """
        scale = float(np.cbrt(max(np.linalg.det(rigid[:, :3]), 1e-6)))
        turn = rotation_vector(rigid[:, :3].astype(np.float64) / scale).astype(np.float32)
        across = eyes[1] - eyes[0]
        # The axes of the upright head, as it is tilted in the picture.
        c, s = across / max(float(np.linalg.norm(across)), 1e-6)
        pitch, yaw = np.clip((c * turn[0] + s * turn[1], c * turn[1] - s * turn[0]), -_FARTHEST, _FARTHEST)
        upright = (pitch * self.beyond[0] + yaw * self.beyond[1]) * np.float32(scale * self.unit)
        return np.asarray(upright @ np.array([[c, s], [-s, c]], np.float32), np.float32)


@cache
def _beyond() -> Array:
    path = Path(str(resources.files("mssync"))) / "weights" / "mesh" / "turning.npz"
    try:
        beyond = read_arrays(path, _ARRAYS)["beyond"].astype(np.float32)
        if beyond.shape != (2, POINTS, 2) or not np.abs(beyond).max() < 1.0:
            raise ValueError("it holds other numbers than those of turning heads")
        # The tracker takes a raised chin for a wider mouth. Lips that touch must not part for that: opposite points go
        # together.
        for pair in _LIPS:
            beyond[:, pair] = beyond[:, pair].mean(1, keepdims=True)
    except (OSError, ValueError) as error:
        raise AssetError(f"The file {path} is missing or damaged ({error}); install mssync again.") from error
    return beyond
