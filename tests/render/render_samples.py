"""Photos that come inside test packages, their face points (made once with the tracker), and simple motions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import matplotlib.cbook
import numpy as np
import skimage.data

from mssync.face import shape as fs
from mssync.face import topology as topo
from mssync.face.tracking import Face
from mssync.motion import lips
from mssync.motion.space import Controls


@dataclass(frozen=True)
class Photo:
    rgb: np.ndarray
    alpha: np.ndarray | None = None


@cache
def photo(name: str) -> Photo:
    if name == "astronaut":
        return Photo(skimage.data.astronaut())
    path = matplotlib.cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)
    return Photo(cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB))


@cache
def face(name: str) -> Face:
    with np.load(Path(__file__).with_name("face_points.npz")) as z:
        return Face(z[name].astype(np.float32), np.zeros(52, np.float32), 1.0)


def still(subject: Face) -> Controls:
    """Everything as in the photo."""
    gap = float(fs.lip_gap(subject.points))
    return Controls(subject.points.copy(), np.eye(3, 4, dtype=np.float32), gap, np.zeros(2, np.float32))


def move(
    subject: Face,
    *,
    turn: tuple[float, float, float] = (0, 0, 0),
    gap: float | None = None,
    shut: float = 0.0,
    shift: tuple[float, float] = (0, 0),
) -> Controls:
    """Turn by degrees (pitch, yaw, roll), open the lips (inter-ocular distances), shut the lids, shift in pixels."""
    p = subject.points
    unit = float(np.linalg.norm(p[33] - p[263]))
    pts = p.copy()
    if gap is not None:
        pts = lips.set_gap(p / unit, gap) * unit
    for upper, lower in (
        (topo.LEFT_LID_UPPER, topo.LEFT_LID_LOWER),
        (topo.RIGHT_LID_UPPER, topo.RIGHT_LID_LOWER),
    ):
        up, low = pts[list(upper)], pts[list(lower)]
        pts[list(upper)] = up + 0.9 * shut * (low - up)
        pts[list(lower)] = low - 0.1 * shut * (low - up)
    rotation = fs.rotation_matrix(np.radians(np.asarray(turn, np.float64)))
    centre = p[list(topo.TEMPLES)].mean(0).astype(np.float64)
    goal = centre + np.array([*shift, 0.0])
    pts = (pts - centre) @ rotation.T + goal
    rigid = np.concatenate([rotation, (goal - rotation @ centre)[:, None]], 1)
    opening = float(fs.lip_gap(p)) if gap is None else gap * unit
    return Controls(pts.astype(np.float32), rigid.astype(np.float32), opening, np.full(2, shut, np.float32))


TURNS = [(0, 25, 0), (0, -25, 0), (20, 0, 0), (-20, 0, 0), (0, 0, 20), (0, 0, -20), (12, -20, 10)]
