"""Identity: where the face is put, what is compared, and what happens without the network."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from picture_samples import Rgb, footage, hopper, still

from mssync import assets
from mssync.errors import AssetError
from mssync.evaluation.frames import Portrait
from mssync.evaluation.scores import identity
from mssync.evaluation.scores.identity import MODEL, SIZE, Identity, IdentityNet, aligned
from mssync.face.topology import MIRROR


class Brightness:
    """Stands in for the network: dark faces point one way, bright ones another."""

    def feature(self, rgb: Rgb, points: np.ndarray) -> np.ndarray:
        angle = float(aligned(rgb, points).mean()) / 255 * np.pi / 2
        return np.array([np.cos(angle), np.sin(angle)], np.float32)


@pytest.fixture
def brightness(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "identity_net", Brightness)


def test_five_points_land_where_the_network_expects_them() -> None:
    # A white dot on each of the five places of a black picture, turned by 30 degrees and twice as large.
    turn = 2 * np.array([[np.cos(0.5), -np.sin(0.5)], [np.sin(0.5), np.cos(0.5)]])
    there = identity._PLACES @ turn.T + np.array([140, 40])
    points = np.zeros((478, 3), np.float32)
    rgb = np.zeros((360, 400, 3), np.uint8)
    for group, place in zip(identity._POINTS, there, strict=True):
        points[list(group), :2] = place
        cv2.circle(rgb, tuple(int(v) for v in place), 3, (255, 255, 255), -1)
    face = aligned(rgb, points)
    assert face.shape == (SIZE, SIZE, 3)
    for x, y in identity._PLACES:
        assert face[int(y), int(x)].min() > 200
    assert face.mean() < 8


@pytest.mark.usefixtures("brightness")
def test_the_same_face_has_cosine_one_and_distance_zero(tmp_path: Path) -> None:
    video = still(tmp_path / "a.mp4", 60)
    meter = Identity(video, video, hopper())
    for index in range(0, 60, 5):
        meter.see(index, hopper().rgb, hopper().rgb)
    same, apart = meter.scores()
    assert (same.key, apart.key) == ("picture.identity", "picture.aed")
    assert same.value == pytest.approx(1) and apart.value == pytest.approx(0, abs=1e-6)


@pytest.mark.usefixtures("brightness")
def test_another_face_is_farther(tmp_path: Path) -> None:
    dark = (hopper().rgb * 0.3).astype(np.uint8)
    video = footage(tmp_path / "a.mp4", [dark] * 60, hopper().points)
    meter = Identity(video, still(tmp_path / "b.mp4", 60), hopper())
    for index in range(0, 60, 5):
        meter.see(index, dark, hopper().rgb)
    same, apart = meter.scores()
    assert same.value < 0.95 and apart.value > 0.3
    assert apart.value == pytest.approx(np.sqrt(2 - 2 * same.value), rel=1e-3)


@pytest.mark.usefixtures("brightness")
def test_too_few_faces_are_said(tmp_path: Path) -> None:
    video = still(tmp_path / "a.mp4")
    meter = Identity(video, None, None)
    meter.see(0, hopper().rgb, None)
    same, apart = meter.scores()
    assert same.value is None and "too few frames" in same.note
    assert apart.value is None and "no paired reference" in apart.note


def test_without_the_file_it_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MSSYNC_CACHE", str(tmp_path / "empty"))
    monkeypatch.setenv("MSSYNC_OFFLINE", "1")
    identity.identity_net.cache_clear()
    meter = Identity(still(tmp_path / "a.mp4"), None, hopper())
    meter.see(0, hopper().rgb, None)
    for score in meter.scores():
        assert score.value is None and MODEL in score.note


def test_the_network_knows_a_person_from_her_mirror_image_and_from_noise() -> None:
    try:
        net = IdentityNet(assets.asset_path(MODEL, fetch=False))
    except AssetError:
        pytest.skip("the network's file is not on this computer")
    photo = hopper()
    flipped = Portrait(np.ascontiguousarray(photo.rgb[:, ::-1]), photo.points[list(MIRROR)].copy())
    flipped.points[:, 0] = photo.rgb.shape[1] - flipped.points[:, 0]
    own = net.feature(photo.rgb, photo.points)
    assert own.shape == (128,) and np.linalg.norm(own) == pytest.approx(1, abs=1e-5)
    assert own @ net.feature(flipped.rgb, flipped.points) > 0.8
    noise = np.random.default_rng(0).integers(0, 256, photo.rgb.shape, np.uint8)
    assert own @ net.feature(noise, photo.points) < 0.363
