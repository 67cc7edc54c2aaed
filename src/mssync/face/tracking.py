"""Faces in a picture, and one face through a video.

:class:`FaceTracker` is our own glue around the three public networks (DESIGN: detector, 478-point mesh, blendshapes).
Any other source of points may stand in its place behind the :class:`Tracker` protocol.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Protocol

import numpy as np

from mssync.arrays import Array, Array64, Mask, Rgb
from mssync.assets import asset_bytes
from mssync.errors import AssetError, InputError
from mssync.face.networks import FaceNetworks, Roi
from mssync.face.shots import CutFinder, another_scene, jumped
from mssync.face.topology import OUTER_EYE_CORNERS, TEMPLES
from mssync.timing import FPS

MIN_FACE = 48  # pixels between the temples
PRESENCE = 0.5
MAX_ROLL = 45.0  # degrees from upright; beyond it a face counts as lying
SURE = 0.7  # score of the detector that is believed when a picture is looked at from other sides
MAX_PASSES = 3
# A face that was lost is the same person again within so many temple widths (and more a second), at a similar size;
# after two seconds whoever is nearest is followed.
REACH = 1.0
REACH_PER_SECOND = 1.5
SIZE_CHANGE = 1.6
FORGET_SECONDS = 2.0


@dataclass(frozen=True)
class Face:
    """One face in one picture.

    Attributes:
        points: ``(478, 3)`` float32 pixels; x right, y down, z away from the camera, all in the same unit.
        blendshapes: ``(52,)`` float32 in [0, 1], in the order of :data:`~mssync.face.topology.BLENDSHAPE_NAMES`.
        score: presence in [0, 1].
    """

    points: Array
    blendshapes: Array
    score: float

    @property
    def width(self) -> float:
        """Pixels between the temples, in three dimensions, so that a turned head is not called small."""
        return float(np.linalg.norm(self.points[TEMPLES[0]] - self.points[TEMPLES[1]]))

    @property
    def roll(self) -> float:
        """How far the eyes are turned from level in degrees, clockwise in the picture, in (-180, 180]."""
        x, y = (float(v) for v in self.points[OUTER_EYE_CORNERS[1], :2] - self.points[OUTER_EYE_CORNERS[0], :2])
        return float(np.degrees(np.arctan2(y, x)))

    @property
    def box(self) -> tuple[float, float, float, float]:
        """x0, y0, x1, y1 of the points in pixels."""
        lo, hi = self.points[:, :2].min(0), self.points[:, :2].max(0)
        return float(lo[0]), float(lo[1]), float(hi[0]), float(hi[1])

    def scaled(self, factor: float) -> Face:
        """The same face in the picture resized by ``factor``."""
        return Face((self.points * factor).astype(np.float32), self.blendshapes, self.score)


@dataclass(frozen=True)
class Track:
    """One face through a video, at the video's own times.

    Attributes:
        points: ``(T, 478, 3)`` float32 pixels (see :class:`Face`); rows without a face repeat the last one.
        blendshapes: ``(T, 52)`` float32.
        valid: ``(T,)`` bool, False where no face was found.
        times: ``(T,)`` float64 seconds.
        width, height: size of the picture in pixels.
        cuts: numbers of the frames with which a new shot begins, where the video is cut.
    """

    points: Array
    blendshapes: Array
    valid: Mask
    times: Array64
    width: int
    height: int
    cuts: tuple[int, ...] = ()

    def shots(self) -> Iterator[Track]:
        """The stretches between the cuts, one after the other; the whole track where there is none."""
        for start, end in pairwise((0, *self.cuts, len(self.times))):
            part = slice(start, end)
            yield Track(
                self.points[part], self.blendshapes[part], self.valid[part], self.times[part], self.width, self.height
            )

    def gaps(self) -> list[tuple[float, float]]:
        """Stretches (start, end) in seconds where no face was found."""
        edge = np.flatnonzero(np.diff(np.concatenate([[0], ~self.valid, [0]]).astype(int)))
        last = len(self.times) - 1
        return [(float(self.times[a]), float(self.times[min(b, last)])) for a, b in edge.reshape(-1, 2)]

    def resampled(self, fps: float = FPS) -> Track:
        """Interpolate points and scores linearly to a steady rate, starting at time 0 of the video.

        Rows farther than 0.2 s from a found face stay invalid. The points are resampled, never the frames: dropping
        frames would make every sixth step of a 30 fps clip jump.
        """
        n = max(1, round((self.times[-1] + 1.0 / fps) * fps)) if len(self.times) > 1 else 1
        t = np.arange(n) / fps
        good = np.flatnonzero(self.valid)
        if good.size == 0:
            raise InputError("No face was found in the video; use one that shows a face.")
        src = self.times[good]
        hi = np.clip(np.searchsorted(src, t), 1, max(1, len(src) - 1)) if len(src) > 1 else np.zeros(n, int)
        lo = np.maximum(hi - 1, 0)
        span = np.maximum(src[hi] - src[lo], 1e-9)
        a = np.clip((t - src[lo]) / span, 0.0, 1.0).astype(np.float32)
        near = np.minimum(np.abs(t - src[lo]), np.abs(src[hi] - t)) <= 0.2
        p, b = self.points[good], self.blendshapes[good]
        pts = p[lo] * (1 - a)[:, None, None] + p[hi] * a[:, None, None]
        blend = b[lo] * (1 - a)[:, None] + b[hi] * a[:, None]
        return Track(pts, blend, near, t, self.width, self.height)


class Tracker(Protocol):
    """A face tracker, as the other rooms use one."""

    def detect(self, rgb: Rgb, max_faces: int = 16) -> list[Face]:
        """The faces of a picture, the largest first."""
        ...

    def track(self, frames: Iterable[tuple[float, Rgb]]) -> Track:
        """The face through (time in seconds, frame) pairs."""
        ...


class FaceTracker:
    """The default tracker.

    Args:
        threads: LiteRT threads.
        task: model file; the verified one of :mod:`mssync.assets` when not given.
    Raises:
        AssetError: the model file is missing or damaged and cannot be fetched.
    """

    def __init__(self, threads: int = 2, task: Path | None = None) -> None:
        try:
            content = task.read_bytes() if task else asset_bytes("face_landmarker.task")
        except OSError as error:
            raise AssetError(f"{task} cannot be read: {error.strerror or error}.") from error
        self._nets = FaceNetworks(content, threads, str(task or "face_landmarker.task"))

    def detect(self, rgb: Rgb, max_faces: int = 16) -> list[Face]:
        """All faces of a picture, largest first.

        The detector sees the whole picture; when it finds nothing, overlapping tiles of a half and a quarter of the
        longer side are searched too (small faces in large pictures).

        Args:
            rgb: ``(H, W, 3)`` uint8.
            max_faces: at most so many are returned.
        """
        faces: list[Face] = []
        for part in (1, 2, 4):
            for x0, y0, x1, y1 in _tiles(rgb.shape[1], rgb.shape[0], part):
                boxes, _ = self._nets.detect(rgb[y0:y1, x0:x1])
                for box in boxes:
                    face = self._refine(rgb, _roi_of_box(box, x0, y0))
                    if face is not None and not any(_same(face, other) for other in faces):
                        faces.append(face)
            if faces:
                break
        faces.sort(key=lambda f: -f.width)
        return faces[:max_faces]

    def lying(self, rgb: Rgb) -> float | None:
        """By how many degrees the face of a picture is turned where it lies or stands on its head, clockwise.

        The networks know upright faces only; of others they find nothing or, worse, something else. So the whole
        picture is looked at from four sides.

        Returns:
            the turn in (-180, 180], or None where an upright face is seen, or none from any side.
        """
        for quarters in range(4):
            turned = np.ascontiguousarray(np.rot90(rgb, quarters))
            for box, score in zip(*self._nets.detect(turned), strict=True):
                face = self._refine(turned, _roi_of_box(box, 0, 0)) if score > SURE else None
                if face is not None and abs(face.roll) <= MAX_ROLL:
                    turn = (face.roll + 90.0 * quarters + 180.0) % 360.0 - 180.0
                    return None if quarters == 0 else turn
        return None

    def _refine(self, rgb: Rgb, roi: Roi, passes: int = MAX_PASSES) -> Face | None:
        """The mesh in a square, looked at again where the square fitted badly (small or tilted faces)."""
        for _ in range(passes):
            points, score = self._nets.mesh(rgb, roi)
            if score < PRESENCE:
                return None
            fitted = _roi_of_points(points)
            if _close(roi, fitted):
                break
            roi = fitted
        return Face(points, self._nets.blendshapes(points), score)

    def track(self, frames: Iterable[tuple[float, Rgb]]) -> Track:
        """Follow one face (the largest of the first frame that shows one) through a video.

        Args:
            frames: ``(seconds, rgb)`` pairs in order, as :func:`mssync.media.video.iter_frames` gives them.
        Raises:
            InputError: there is no frame at all, or no face in any frame.
        """
        faces: list[Face | None] = []
        times: list[float] = []
        cuts: list[int] = []
        size = (0, 0)
        for t, face, seen, cut in self._follow(frames):
            if cut:
                cuts.append(len(faces))
            faces.append(face)
            times.append(t)
            size = seen
        found = next((f for f in faces if f is not None), None)
        if found is None:
            raise InputError("No face was found in the video; use one that shows a face, at least 48 pixels wide.")
        points, blend, last = [], [], found
        for f in faces:
            last = f or last
            points.append(last.points)
            blend.append(last.blendshapes)
        valid = np.array([f is not None for f in faces])
        return Track(np.stack(points), np.stack(blend), valid, np.asarray(times), size[1], size[0], tuple(cuts))

    def _follow(
        self, frames: Iterable[tuple[float, Rgb]]
    ) -> Iterator[tuple[float, Face | None, tuple[int, int], bool]]:
        """Time, face, height and width of every frame, and whether a new shot begins with it."""
        last: Face | None = None
        seen = before = 0.0  # when the last face was seen, and when the frame before was
        scenes = CutFinder()
        for t, rgb in frames:
            agreement = scenes.agreement(rgb)
            cut = another_scene(agreement)
            face = None
            if last is not None and not cut:
                face = self._refine(rgb, _roi_of_points(last.points), passes=1)
                cut = face is not None and jumped(_distance(face, last) / last.width, t - seen, agreement)
            if face is None or cut:
                face = self._found_again(self.detect(rgb), None if cut else last, t - seen)
            if face is not None and last is not None and not cut:
                moved = seen == before and jumped(_distance(face, last) / last.width, t - seen, agreement)
                cut = moved or _another_person(face, last, t - seen)
            if face is not None:
                last, seen = face, t
            before = t
            yield t, face, (rgb.shape[0], rgb.shape[1]), cut

    @staticmethod
    def _found_again(found: list[Face], last: Face | None, seconds: float) -> Face | None:
        """The face to go on with: the person followed so far, not another one who is in the picture too.

        Args:
            found: the faces of the frame, largest first.
            last: the face when it was seen last; ``None``: the largest is taken.
            seconds: since then.
        """
        if last is None or not found:
            return found[0] if found else None
        nearest = min(found, key=lambda face: _distance(face, last))
        return None if seconds <= FORGET_SECONDS and _another_person(nearest, last, seconds) else nearest


def check_face(face: Face, width: int, height: int, name: str) -> Face:
    """Refuse a face that is too small or cut off by the picture's edge.

    Args:
        face: the face, in pixels of a ``width`` x ``height`` picture.
        name: what the sentence calls the picture.
    Raises:
        InputError: fewer than 48 pixels between the temples, or more than 5 % of the points outside the picture.
    """
    if face.width < MIN_FACE:
        raise InputError(
            f"The face in {name} is too small ({face.width:.0f} pixels between the temples, {MIN_FACE} are needed); "
            "use a larger picture or a closer crop."
        )
    x, y = face.points[:, 0], face.points[:, 1]
    outside = np.mean((x < 0) | (y < 0) | (x > width - 1) | (y > height - 1))
    if outside > 0.05:
        raise InputError(f"The face in {name} is cut off by the picture's edge; use a picture with the whole face.")
    return face


def _tiles(w: int, h: int, part: int) -> Iterator[tuple[int, int, int, int]]:
    """Half-overlapping squares whose side is the longer side over ``part`` (the whole picture for 1)."""
    if part == 1:
        yield 0, 0, w, h
        return
    side = max(w, h) // part
    if side < 128:
        return
    xs = np.unique(np.linspace(0, max(0, w - side), max(1, 2 * w // side - 1)).astype(int))
    ys = np.unique(np.linspace(0, max(0, h - side), max(1, 2 * h // side - 1)).astype(int))
    for y in ys:
        for x in xs:
            yield int(x), int(y), min(w, int(x) + side), min(h, int(y) + side)


def _roi_of_box(box: Array, dx: float, dy: float, scale: float = 1.5) -> Roi:
    x0, y0, x1, y1, ax, ay, bx, by = (float(v) for v in box)
    return Roi((x0 + x1) / 2 + dx, (y0 + y1) / 2 + dy, max(x1 - x0, y1 - y0) * scale, np.arctan2(by - ay, bx - ax))


def _roi_of_points(points: Array, scale: float = 1.5) -> Roi:
    """The square around the points, turned so that the eyes stand level, 1.5 times as large."""
    a, b = points[OUTER_EYE_CORNERS[0], :2], points[OUTER_EYE_CORNERS[1], :2]
    angle = float(np.arctan2(b[1] - a[1], b[0] - a[0]))
    c, s = np.cos(angle), np.sin(angle)
    u = points[:, 0] * c + points[:, 1] * s
    v = -points[:, 0] * s + points[:, 1] * c
    cu, cv = (u.min() + u.max()) / 2, (v.min() + v.max()) / 2
    side = max(float(np.ptp(u)), float(np.ptp(v)), 4.0) * scale
    return Roi(float(c * cu - s * cv), float(s * cu + c * cv), side, angle)


def _close(a: Roi, b: Roi) -> bool:
    """Whether two squares show the mesh network the same face: where they do, one look is what mediapipe takes too."""
    turn = abs((a.angle - b.angle + np.pi) % (2 * np.pi) - np.pi)
    off = float(np.hypot(a.cx - b.cx, a.cy - b.cy)) / b.side
    return off < 0.07 and 0.85 < a.side / b.side < 1.05 and turn < np.radians(8.0)


def _distance(a: Face, b: Face) -> float:
    return float(np.linalg.norm(a.points[:, :2].mean(0) - b.points[:, :2].mean(0)))


def _another_person(face: Face, last: Face, seconds: float) -> bool:
    """Whether a face is too far away or too different in size to be the one that was seen some seconds ago."""
    far = _distance(face, last) > (REACH + REACH_PER_SECOND * seconds) * last.width
    return far or not 1 / SIZE_CHANGE < face.width / last.width < SIZE_CHANGE


def _same(a: Face, b: Face) -> bool:
    return _distance(a, b) < 0.5 * max(a.width, b.width)
