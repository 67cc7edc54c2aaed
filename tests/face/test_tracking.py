"""The tracker on real pictures, on awkward ones, and over synthetic video."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from mssync.errors import AssetError, InputError
from mssync.face import topology as topo
from mssync.face.tracking import Face, FaceTracker, Track, check_face

Rgb = Any


def one(tracker: FaceTracker, picture: Rgb) -> Face:
    faces = tracker.detect(picture)
    assert len(faces) == 1
    return faces[0]


def score(face: Face, name: str) -> float:
    return float(face.blendshapes[topo.BLENDSHAPE_NAMES.index(name)])


def apart(a: np.ndarray, b: np.ndarray) -> float:
    """Mean distance in the picture plane."""
    return float(np.linalg.norm(a[:, :2] - b[:, :2], axis=1).mean())


def black(shape: tuple[int, ...]) -> Rgb:
    return np.zeros(shape, np.uint8)


def test_hopper(tracker: FaceTracker, hopper: Rgb) -> None:
    face = one(tracker, hopper)
    assert face.points.shape == (478, 3) and face.points.dtype == np.float32
    assert face.blendshapes.shape == (52,) and 0 <= face.blendshapes.min() <= face.blendshapes.max() <= 1
    assert face.score > 0.9
    assert face.width == pytest.approx(181, abs=8)
    np.testing.assert_allclose(face.box, (172, 131, 355, 334), atol=8)
    assert score(face, "jawOpen") < 0.1 and score(face, "mouthSmileLeft") < 0.2


def test_threads_may_share_a_tracker(tracker: FaceTracker, hopper: Rgb, astronaut: Rgb) -> None:
    """Four threads get, bit for bit, what one thread gets."""
    pictures = [hopper, astronaut, hopper[:, ::-1].copy(), astronaut[:, ::-1].copy()] * 6
    alone = [one(tracker, p) for p in pictures[:4]] * 6
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda p: one(tracker, p), pictures))
    for want, got in zip(alone, together, strict=True):
        np.testing.assert_array_equal(want.points, got.points)
        np.testing.assert_array_equal(want.blendshapes, got.blendshapes)
        assert want.score == got.score


def test_the_astronaut_smiles(tracker: FaceTracker, astronaut: Rgb) -> None:
    face = one(tracker, astronaut)
    assert score(face, "mouthSmileLeft") > 0.6 and score(face, "mouthSmileRight") > 0.6
    assert score(face, "eyeBlinkLeft") < 0.4


def test_depth_points_away_from_the_camera(tracker: FaceTracker, hopper: Rgb) -> None:
    z = one(tracker, hopper).points[:, 2]
    assert z[1] < z[list(topo.TEMPLES)].min() - 30  # the tip of the nose is nearer


def test_left_is_the_subjects_own(tracker: FaceTracker, hopper: Rgb) -> None:
    x = one(tracker, hopper).points[:, 0]
    assert x[list(topo.RIGHT_EYE)].max() < x[list(topo.LEFT_EYE)].min()
    # Within the irises: the rim points of one name lie on the same side of the two centres after mirroring.
    for a in topo.RIGHT_IRIS[1:]:
        b = topo.MIRROR[a]
        assert np.sign(round((x[a] - x[468]) / 3)) == -np.sign(round((x[b] - x[473]) / 3))


def test_a_mirrored_picture_gives_mirrored_points(tracker: FaceTracker, hopper: Rgb, astronaut: Rgb) -> None:
    for picture in (hopper, astronaut):
        face = one(tracker, picture)
        other = one(tracker, np.ascontiguousarray(picture[:, ::-1])).points[list(topo.MIRROR)]
        other[:, 0] = picture.shape[1] - other[:, 0]
        assert apart(face.points, other) < 0.02 * face.width
        # No shift to one side: pixel centres are mapped to pixel centres.
        assert abs(float((face.points - other)[:, 0].mean())) < 0.006 * face.width


@pytest.mark.parametrize("angle", [-25.0, 25.0])
def test_a_tilted_picture(tracker: FaceTracker, hopper: Rgb, angle: float) -> None:
    face = one(tracker, hopper)
    h, w = hopper.shape[:2]
    m = cv2.getRotationMatrix2D((w / 2 - 0.5, h / 2 - 0.5), angle, 1.0)
    tilted = cv2.warpAffine(hopper, m, (w, h), borderMode=cv2.BORDER_REPLICATE)
    want = (face.points[:, :2] - 0.5) @ m[:, :2].T + m[:, 2] + 0.5
    assert apart(one(tracker, tilted).points, want) < 0.02 * face.width


@pytest.mark.parametrize("size", [0.25, 0.5, 4.0])
def test_the_size_of_the_picture_does_not_matter(tracker: FaceTracker, hopper: Rgb, size: float) -> None:
    face = one(tracker, hopper)
    way = cv2.INTER_AREA if size < 1 else cv2.INTER_CUBIC
    other = one(tracker, cv2.resize(hopper, None, fx=size, fy=size, interpolation=way))
    assert apart(other.points, face.scaled(size).points) < 0.025 * face.width * size


def test_a_small_face_in_a_large_picture(tracker: FaceTracker, hopper: Rgb) -> None:
    """The whole picture shows the detector a face of four of its pixels; tiles find it."""
    face = one(tracker, hopper)
    large = np.full((2600, 3600, 3), 90, np.uint8)
    x, y = 2500, 1700
    small = cv2.resize(hopper, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)
    large[y : y + small.shape[0], x : x + small.shape[1]] = small
    found = one(tracker, large)
    assert apart(found.points, face.scaled(0.6).points + np.array([x, y, 0])) < 0.025 * found.width


@pytest.mark.parametrize("shape", [(1, 1, 3), (2, 300, 3), (480, 640, 3), (700, 40, 3)])
def test_no_face(tracker: FaceTracker, shape: tuple[int, int, int]) -> None:
    assert tracker.detect(black(shape)) == []
    assert tracker.detect(np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)) == []


def test_two_faces_largest_first(tracker: FaceTracker, hopper: Rgb, astronaut: Rgb) -> None:
    astronaut = astronaut[:300, 80:380]
    both = np.full((600, 512 + 300, 3), 128, np.uint8)
    both[:300, :300], both[:, 300:] = astronaut, hopper
    faces = tracker.detect(both)
    assert len(faces) == 2 and faces[0].width > 1.5 * faces[1].width
    assert apart(faces[0].points, one(tracker, hopper).points + np.array([300, 0, 0])) < 0.03 * faces[0].width
    assert faces[1].box[2] < 300
    assert tracker.detect(both, max_faces=1)[0].width == faces[0].width


def test_the_models_must_be_the_models(tmp_path: Path) -> None:
    for name, content in (("missing", None), ("empty", b""), ("text", b"hello"), ("zip", b"PK\x05\x06" + bytes(18))):
        path = tmp_path / name
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(AssetError, match=name):
            FaceTracker(task=path)


def test_check_face(tracker: FaceTracker, hopper: Rgb) -> None:
    face = one(tracker, hopper)
    h, w = hopper.shape[:2]
    assert check_face(face, w, h, "p.jpg") is face
    with pytest.raises(InputError, match=r"p\.jpg is too small \(4\d pixels"):
        check_face(face.scaled(0.25), w, h, "p.jpg")
    cut = hopper[:, 230:]
    with pytest.raises(InputError, match="cut off"):
        check_face(one(tracker, cut), cut.shape[1], h, "p.jpg")


# ---- video --------------------------------------------------------------------------------------------------------


def video(picture: Rgb, fps: float, frames: int, gap: range = range(0)) -> Iterator[tuple[float, Rgb]]:
    """The picture sliding two pixels per frame to the right, black in the gap."""
    for i in range(frames):
        m = np.array([[1.0, 0, 2.0 * i], [0, 1, 0]])
        frame = cv2.warpAffine(picture, m, picture.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)
        yield i / fps, np.zeros_like(frame) if i in gap else frame


def test_a_face_is_followed_and_gaps_are_told(tracker: FaceTracker, hopper: Rgb) -> None:
    small = cv2.resize(hopper, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    track = tracker.track(video(small, 30.0, 30, gap=range(10, 20)))
    assert track.points.shape == (30, 478, 3) and (track.width, track.height) == (256, 300)
    np.testing.assert_array_equal(~track.valid, [10 <= i < 20 for i in range(30)])
    assert track.gaps() == [(pytest.approx(10 / 30), pytest.approx(20 / 30))]
    np.testing.assert_array_equal(track.points[15], track.points[9])  # gaps repeat what was last seen
    x = track.points[track.valid, :, 0].mean(1)
    at = np.flatnonzero(track.valid)
    np.testing.assert_allclose(x - x[0], 2.0 * at, atol=1.0)


def test_a_face_that_comes_late(tracker: FaceTracker, hopper: Rgb) -> None:
    track = tracker.track(video(hopper, 25.0, 6, gap=range(3)))
    np.testing.assert_array_equal(track.valid, [False] * 3 + [True] * 3)
    np.testing.assert_array_equal(track.points[0], track.points[3])
    assert track.gaps() == [(0.0, pytest.approx(0.12))]


def test_video_without_a_face(tracker: FaceTracker) -> None:
    with pytest.raises(InputError, match="No face"):
        tracker.track((i / 25, black((120, 160, 3))) for i in range(3))
    with pytest.raises(InputError, match="No face"):
        tracker.track(iter(()))


def linear_track(fps: float, frames: int, valid: np.ndarray | None = None) -> Track:
    t = np.arange(frames) / fps
    points = (t[:, None, None] * np.linspace(-40, 70, 478 * 3).reshape(478, 3)).astype(np.float32)
    blend = (t[:, None] * np.linspace(0, 0.5, 52)).astype(np.float32)
    return Track(points, blend, np.ones(frames, bool) if valid is None else valid, t, 640, 480)


@pytest.mark.parametrize("fps", [10.0, 25.0, 29.97, 30.0, 60.0])
def test_resampling_is_exact_on_linear_motion(fps: float) -> None:
    track = linear_track(fps, round(2 * fps)).resampled(25.0)
    assert abs(len(track.times) - 50) <= 2 and track.valid.all()
    inside = track.times <= (round(2 * fps) - 1) / fps
    want = linear_track(25.0, len(track.times))
    np.testing.assert_allclose(track.points[inside], want.points[inside], atol=1e-4)
    np.testing.assert_allclose(track.blendshapes[inside], want.blendshapes[inside], atol=1e-5)


def test_resampling_bridges_short_gaps_only() -> None:
    valid = np.ones(90, bool)
    valid[10:13] = False  # 0.1 s
    valid[40:70] = False  # 1 s
    track = linear_track(30.0, 90, valid).resampled()
    np.testing.assert_allclose(track.points[9], linear_track(25.0, 90).points[9], atol=1e-4)
    missing = track.times[~track.valid]
    assert 1.5 < missing.min() < 1.56 and 2.1 < missing.max() < 2.15
    with pytest.raises(InputError, match="No face"):
        linear_track(30.0, 5, np.zeros(5, bool)).resampled()
    single = linear_track(30.0, 5, np.array([0, 0, 1, 0, 0], bool)).resampled()
    assert np.isfinite(single.points).all()
