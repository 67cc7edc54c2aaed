"""A rendered turn is read back by the tracker as the turn that was asked."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from render_samples import face, move, photo

from mssync.errors import AssetError, InputError
from mssync.face import shape as fs
from mssync.face.topology import OUTER_EYE_CORNERS
from mssync.face.tracking import FaceTracker, Track
from mssync.render import turning
from mssync.render.relief import LEAST, MOST, with_relief
from mssync.render.turning import Turning
from mssync.render.warp import WarpRenderer


@pytest.mark.parametrize("name", ["hopper", "astronaut"])
def test_a_turn_is_read_back_as_large_as_it_was_asked(name: str) -> None:
    subject, renderer, tracker = face(name), WarpRenderer(), FaceTracker(threads=1)
    scene = with_relief(renderer.prepare(photo(name), subject), renderer, tracker)
    gap = float(fs.lip_gap(subject.points)) / scene.turning.unit

    def read(turn: tuple[float, float, float]) -> np.ndarray:
        frame = renderer.render(scene, move(subject, turn=turn, gap=gap))
        return tracker.track([(0.0, frame)]).points[0]

    still = read((0, 0, 0))
    upright = fs.fit_pose(still, subject.points / scene.turning.unit)
    own = upright.to_head(still)
    for axis in range(3):
        ends = []
        for angle in (-12.0, 12.0):
            turn = [0.0, 0.0, 0.0]
            turn[axis] = angle
            pose = fs.fit_pose(read((turn[0], turn[1], turn[2])), own)
            ends.append(float(fs.rotation_vector(pose.rotation @ upright.rotation.T)[axis]))
        gain = (ends[1] - ends[0]) / np.radians(24.0)
        assert 0.93 < gain < 1.07, f"axis {axis}"


@pytest.mark.parametrize("name", ["hopper", "astronaut"])
def test_closed_lips_stay_closed_when_the_chin_rises(name: str) -> None:
    subject, renderer, tracker = face(name), WarpRenderer(), FaceTracker(threads=1)
    scene = renderer.prepare(photo(name), subject)
    gaps = []
    for angle in (-9.0, 0.0, 9.0):
        found = tracker.track([(0.0, renderer.render(scene, move(subject, turn=(angle, 0, 0), gap=0.0)))]).points[0]
        gaps.append(float(fs.lip_gap(found)) / float(np.linalg.norm(np.subtract(*found[list(OUTER_EYE_CORNERS)]))))
    assert max(gaps) - min(gaps) < 0.02


class Blind(FaceTracker):
    """Sees no face."""

    def track(self, frames: Iterable[tuple[float, np.ndarray]]) -> Track:
        raise InputError("No face.")


class Flattering(FaceTracker):
    """Reads every turn larger by a factor, whatever the picture shows."""

    def __init__(self, points: np.ndarray, gain: float) -> None:
        self.points, self.gain, self.number = points, gain, -1

    def track(self, frames: Iterable[tuple[float, np.ndarray]]) -> Track:
        self.number += 1
        pitch, yaw = ((0, 0), (0, 12), (0, -12), (12, 0), (-12, 0))[self.number]
        turn = fs.rotation_matrix(self.gain * np.radians([pitch, yaw, 0.0]))
        moved = (self.points @ turn.T)[None].astype(np.float32)
        return Track(moved, np.zeros((1, 52), np.float32), np.ones(1, bool), np.zeros(1), 100, 100)


def test_a_face_that_reads_too_flat_is_made_deeper_and_only_so_far() -> None:
    subject, renderer = face("hopper"), WarpRenderer()
    scene = renderer.prepare(photo("hopper"), subject)
    assert with_relief(scene, renderer, Blind.__new__(Blind)).relief == (1.0, 1.0)
    for gain, low, high in ((0.95, 1.04, 1.08), (1.05, 0.93, 0.96), (0.6, MOST, MOST), (1.6, LEAST, LEAST)):
        relief = with_relief(scene, renderer, Flattering(subject.points, gain)).relief
        assert low - 1e-3 <= min(relief) <= max(relief) <= high + 1e-3


def test_offsets_turn_with_a_tilted_head() -> None:
    subject = face("hopper").points
    beyond = Turning.of(subject)
    eyes = np.array([[0, 0], [1, 0]], np.float32)
    yaw, tilt = (fs.rotation_matrix(np.array(v)) for v in ([0, 0.2, 0], [0, 0, 0.5]))

    def offsets(turn: np.ndarray, scale: float = 1.0) -> np.ndarray:
        rigid = np.concatenate([scale * turn, np.zeros((3, 1))], 1).astype(np.float32)
        return beyond.offsets(rigid, eyes @ tilted)

    tilted = np.eye(2, dtype=np.float32)
    upright = offsets(yaw)
    assert np.abs(upright).max() > 0.01 * beyond.unit
    np.testing.assert_allclose(offsets(yaw, 2.0), 2 * upright, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(offsets(np.eye(3)), 0, atol=1e-4)
    # The head of a tilted photo turns about its own tilted axis: the same offsets, tilted.
    tilted = tilt[:2, :2].T.astype(np.float32)
    np.testing.assert_allclose(offsets(tilt @ yaw @ tilt.T), upright @ tilted, atol=2e-3 * beyond.unit)
    # Turns beyond what was measured go no further.
    tilted = np.eye(2, dtype=np.float32)
    np.testing.assert_allclose(
        offsets(fs.rotation_matrix(np.array([0, 1.0, 0]))),
        offsets(fs.rotation_matrix(np.array([0, 0.5, 0]))),
        atol=1e-2,
    )


def test_a_damaged_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "weights" / "mesh"
    folder.mkdir(parents=True)
    np.savez(folder / "turning.npz", beyond=np.zeros((2, 3, 2), np.float16))
    monkeypatch.setattr(turning.resources, "files", lambda _: tmp_path)
    turning._beyond.cache_clear()
    with pytest.raises(AssetError, match=r"turning\.npz is missing or damaged"):
        Turning.of(face("hopper").points)
    turning._beyond.cache_clear()
