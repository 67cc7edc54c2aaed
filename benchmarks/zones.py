"""What a re-enacted frame is compared by: zones of the real frame, and what is measured in each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from mssync.assets import asset_bytes
from mssync.face import shape as fs
from mssync.face import topology as topo
from mssync.face.networks import LiteNet

Array = NDArray[np.float32]
Rgb = NDArray[np.uint8]
Mask = NDArray[np.bool_]

RING = 0.15  # face heights around the silhouette of the real head
SHUT = 0.6  # share of its opening that an eye in a blink has lost
OPEN = 0.03  # inter-ocular distances from which on a mouth has an inside
OPENINGS = ((OPEN, 0.08), (0.08, 0.15), (0.15, 9.0))
STEPS = 9  # places of the profile between the lips
_NET = 256


class Silhouette:
    """Where the person is, by the segmentation network alone, as it comes: no method of ours takes part."""

    def __init__(self) -> None:
        self._net = LiteNet(asset_bytes("selfie_segmentation.tflite"), 1)

    def __call__(self, rgb: Rgb) -> Array:
        """Share of the person ``(H, W)`` float32."""
        small = cv2.resize(rgb, (_NET, _NET), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
        mask = np.ascontiguousarray(self._net(small[None])[0][0, ..., 0], np.float32)
        return np.asarray(cv2.resize(mask, (rgb.shape[1], rgb.shape[0])), np.float32)


@dataclass(frozen=True)
class Zones:
    """Zones ``(H, W)`` of one real frame; ``eyes`` and ``inside`` are empty unless an eye is shut, the mouth open.

    ``wall`` is what no person covers in the photo or in the frame, outside the ring: there nothing but the camera's own
    noise and light tells frame and photo apart.
    """

    ring: Mask
    face: Mask
    inside: Mask
    eyes: Mask
    wall: Mask


def zones_of(person: Array, photo: Array, points: Array, gap: float, closure: Sequence[float]) -> Zones:
    """The zones of a real frame.

    Args:
        person: ``(H, W)`` share of the person.
        photo: the same in the photo.
        points: ``(478, 3)`` tracked.
        gap: between the lips, inter-ocular distances.
        closure: of the subject's left and right eye.
    """
    high = height_of(points)
    body = (person > 0.5).astype(np.uint8)
    away = cv2.distanceTransform(1 - body, cv2.DIST_L2, 5)
    ring = (away > 0) & (away <= RING * high)
    ring[max(0, int(points[152, 1])) :] = False
    empty = np.zeros(person.shape, bool)
    rings = (
        (topo.LEFT_CREASE_UPPER, topo.LEFT_CREASE_LOWER, closure[0]),
        (topo.RIGHT_CREASE_UPPER, topo.RIGHT_CREASE_LOWER, closure[1]),
    )
    eyes = empty.copy()
    for upper, lower, shut in rings:
        if shut > SHUT:
            eyes |= filled(person.shape, points[list(upper + lower[::-1]), :2])
    return Zones(
        ring,
        filled(person.shape, points[list(topo.FACE_OVAL), :2]),
        filled(person.shape, points[list(topo.LIPS_INNER), :2]) if gap > OPEN else empty,
        eyes,
        (np.maximum(person, photo) < 0.02) & (away > RING * high),
    )


def height_of(points: Array) -> float:
    """Forehead to chin in pixels."""
    return max(float(np.linalg.norm(points[10, :2] - points[152, :2])), 8.0)


def filled(shape: tuple[int, ...], corners: Array) -> Mask:
    """The inside of a polygon."""
    out = np.zeros(shape[:2], np.uint8)
    cv2.fillPoly(out, [np.round(corners).astype(np.int32)], 1)
    return out > 0


def edges(rgb: Rgb) -> Array:
    """Strength of the edges of a picture ``(H, W)``."""
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)) / 4


def profile(rgb: Rgb, points: Array) -> Array:
    """Brightness and redness from the upper to the lower inner lip ``(2, STEPS)``, mean of three columns."""
    t = (np.arange(STEPS, dtype=np.float32) + 0.5)[:, None] / STEPS
    places = np.stack([points[a, :2] * (1 - t) + points[b, :2] * t for a, b in topo.LIP_GAP_PAIRS]).astype(np.float32)
    colours = cv2.remap(rgb.astype(np.float32), places[..., 0], places[..., 1], cv2.INTER_LINEAR).mean(0)
    return np.stack([colours.mean(-1), colours[:, 0] - colours[:, 1:].mean(-1)])


@dataclass
class Sums:
    """What is gathered over the frames of one clip, for one way of making them.

    Attributes:
        total, count: sum of absolute colour differences and number of pixels by zone.
        edges: strength of the edges in the ring, made and real.
        profiles: by opening, rows (made, real) of :func:`profile`.
        flicker: changes from frame to frame beyond the real ones, levels, one per frame.
        mouth_steps: change in the mouth's place from frame to frame, made and real.
    """

    total: dict[str, float] = field(default_factory=dict)
    count: dict[str, int] = field(default_factory=dict)
    edges: list[tuple[float, float]] = field(default_factory=list)
    profiles: dict[int, list[Array]] = field(default_factory=dict)
    flicker: list[float] = field(default_factory=list)
    mouth_steps: list[tuple[float, float]] = field(default_factory=list)

    def add(self, made: Rgb, real: Rgb, zones: Zones, far: bool) -> None:
        """One frame.

        Args:
            far: the head moved so far that what lay behind it matters.
        """
        apart = np.abs(made.astype(np.float32) - real).mean(-1)
        named = {"ring": zones.ring, "face": zones.face, "inside": zones.inside, "lids": zones.eyes, "wall": zones.wall}
        if far:
            named["ring, moved"] = zones.ring
        for name, zone in named.items():
            self.total[name] = self.total.get(name, 0.0) + float(apart[zone].sum())
            self.count[name] = self.count.get(name, 0) + int(zone.sum())
        self.edges.append((float(edges(made)[zones.ring].sum()), float(edges(real)[zones.ring].sum())))

    def add_profile(self, made: Rgb, drawn: Array, real: Rgb, points: Array, gap: float) -> None:
        """The mouth's profile of one frame whose lips were drawn at ``drawn``, really at ``points``."""
        for i, (low, high) in enumerate(OPENINGS):
            if low < gap <= high:
                self.profiles.setdefault(i, []).append(np.stack([profile(made, drawn), profile(real, points)]))

    def add_step(self, made: tuple[Rgb, Rgb], real: tuple[Rgb, Rgb], zones: Zones, mouth: Mask) -> None:
        """Two frames that follow each other."""
        steps = [np.abs(cv2.blur(a.astype(np.float32) - b, (3, 3))).mean(-1) for a, b in (made, real)]
        near = zones.face | zones.ring
        self.flicker.append(float(np.maximum(steps[0] - cv2.dilate(steps[1], np.ones((5, 5))), 0)[near].mean()))
        self.mouth_steps.append((float(steps[0][mouth].mean()), float(steps[1][mouth].mean())))

    def error(self, zone: str) -> float:
        """Mean absolute colour difference in a zone, levels of 255."""
        return self.total.get(zone, 0.0) / self.count[zone] if self.count.get(zone) else float("nan")


def closures(points: Array, valid: Mask) -> Array:
    """How far the eyes are shut in every frame ``(T, 2)``, left and right, against the clip's own open eyes."""
    now = fs.lid_opening(points)
    return 1 - now / np.maximum(np.percentile(now[valid], 70, axis=0), 0.05)
