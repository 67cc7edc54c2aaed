"""LSE-C and LSE-D: sound, squares, network and scores, each against a known answer."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import python_speech_features
import torch
from picture_samples import hopper, still

from mssync.errors import InputError
from mssync.evaluation.scores import lse
from mssync.evaluation.scores.syncnet import SyncNet, load_syncnet


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights in the published layout."""
    torch.manual_seed(3)
    path = tmp_path_factory.mktemp("syncnet") / "random.model"
    torch.save(SyncNet().state_dict(), path)
    return path


def test_mfcc_are_those_of_the_published_preprocessing() -> None:
    rng = np.random.default_rng(0)
    whole = rng.integers(-8000, 8000, 16000).astype(np.int16)
    whole[6000:9000] = 0
    ours = lse.mfcc((whole / 32768).astype(np.float32))
    theirs = python_speech_features.mfcc(whole, 16000)
    assert ours.shape == theirs.shape == (99, 13)
    np.testing.assert_allclose(ours, theirs, atol=2e-3)


@pytest.mark.parametrize("shift", [-15, -3, 0, 4, 15])
def test_a_shift_is_found_and_gives_distance_zero(shift: int) -> None:
    steps = np.random.default_rng(1).standard_normal((80, 16)).astype(np.float32)
    lips, sound = steps[20:60], steps[20 + shift : 60 + shift]
    confidence, distance, offset = lse.lse(lips, sound)
    # sound_(t - shift) is lips_t; past the ends there is nothing to agree with
    assert offset == shift
    inside = 1 - abs(shift) / 40
    assert distance == pytest.approx((1 - inside) * np.linalg.norm(steps, axis=1).mean(), rel=0.3, abs=1e-5)
    assert confidence > (2 if abs(shift) < 10 else 0)


def test_unrelated_features_have_little_confidence() -> None:
    rng = np.random.default_rng(2)
    confidence, distance, _ = lse.lse(*rng.standard_normal((2, 400, 64)).astype(np.float32))
    assert confidence < 0.2 and distance == pytest.approx(np.sqrt(128), rel=0.1)


def test_square_stands_on_the_box_and_does_not_jump() -> None:
    points = np.repeat(hopper().points[None], 40, 0)
    points[20] += 30
    squares = lse.face_squares(points)
    low, high = hopper().points[:, :2].min(0), hopper().points[:, :2].max(0)
    np.testing.assert_allclose(squares, np.tile([*(low + high) / 2, (high - low).max() / 2], (40, 1)), rtol=1e-5)


def test_crop_is_bgr_and_grey_beyond_the_picture() -> None:
    rgb = np.zeros((100, 100, 3), np.uint8)
    rgb[..., 0] = 200
    crop = lse.face_crop(rgb, np.array([0.0, 50.0, 20.0]))
    assert crop.shape == (224, 224, 3)
    assert crop[112, 20].tolist() == [110, 110, 110] and crop[112, 200].tolist() == [0, 0, 200]


def test_network_has_the_published_names_and_sizes(weights: Path) -> None:
    state = SyncNet().state_dict()
    assert {name.split(".")[0] for name in state} == {"netcnnaud", "netfcaud", "netcnnlip", "netfclip"}
    shapes = {name: tuple(value.shape) for name, value in state.items()}
    assert shapes["netcnnaud.0.weight"] == (64, 1, 3, 3) and shapes["netcnnaud.18.weight"] == (512, 256, 5, 4)
    assert shapes["netcnnlip.0.weight"] == (96, 3, 5, 7, 7) and shapes["netcnnlip.18.weight"] == (512, 256, 1, 6, 6)
    assert shapes["netcnnaud.19.running_mean"] == shapes["netcnnlip.19.running_mean"] == (512,)
    assert shapes["netfcaud.3.weight"] == shapes["netfclip.3.weight"] == (1024, 512)
    again = load_syncnet(weights)
    assert not again.training
    for name, value in torch.load(weights, weights_only=True).items():
        assert torch.equal(again.state_dict()[name], value), name


def test_shapes_and_a_run_of_frames_is_its_windows(weights: Path) -> None:
    net = load_syncnet(weights)
    torch.manual_seed(0)
    pixels = torch.randint(0, 256, (3, 6, 224, 224)).float()
    with torch.inference_mode():
        run = net.lips(pixels)
        one_by_one = torch.cat([net.lips(pixels[:, t : t + 5]) for t in range(2)])
        assert net.sound(torch.randn(3, 1, 13, 20)).shape == (3, 1024)
        assert torch.equal(run, net.lips(pixels))
    assert run.shape == (2, 1024)
    torch.testing.assert_close(run, one_by_one, rtol=1e-4, atol=1e-4)


class Means:
    """Stands in for the network: the mean grey of a window, and the mean of a window of sound."""

    def lips(self, pixels: torch.Tensor) -> torch.Tensor:
        return pixels.mean((0, 2, 3)).unfold(0, 5, 1).mean(1, keepdim=True)

    def sound(self, mfcc: torch.Tensor) -> torch.Tensor:
        assert mfcc.shape[1:] == (1, 13, 20)
        return mfcc.mean((2, 3))


def test_every_window_is_looked_at_once(tmp_path: Path) -> None:
    video = still(tmp_path / "a.mp4", 60)
    lips, sound = lse._features(Means(), video, 55)
    assert lips.shape == sound.shape == (55, 1)
    assert np.ptp(lips) < 2


def test_scores_are_repeatable(tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mssync.evaluation.scores.syncnet.load_syncnet", lambda path: Means())
    video = still(tmp_path / "a.mp4", 60)
    first, second = lse.scores(video, weights), lse.scores(video, weights)
    assert [s.key for s in first] == ["sync.lse_c", "sync.lse_d", "sync.lse_offset"]
    assert first == second and all(s.value is not None for s in first)


def test_not_given_and_too_short(tmp_path: Path, weights: Path) -> None:
    video = still(tmp_path / "a.mp4", 35)
    assert all(s.value is None and "not given" in s.note for s in lse.scores(video, None))
    assert all(s.value is None and "shorter than 36 frames" in s.note for s in lse.scores(video, weights))


def test_a_file_that_is_not_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "junk.model").write_bytes(b"junk")
    torch.save({"weight": torch.zeros(3)}, tmp_path / "other.model")
    torch.save(torch.zeros(3), tmp_path / "tensor.model")
    torch.save(SyncNet(), tmp_path / "whole.model")  # a pickled module would run code when loaded
    for name in ("junk", "other", "tensor", "whole"):
        with pytest.raises(InputError, match="not the published SyncNet weights"):
            load_syncnet(tmp_path / f"{name}.model")
    with pytest.raises(InputError, match="cannot be read"):
        load_syncnet(tmp_path / "missing.model")


def test_a_file_that_unpacks_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mssync.evaluation.scores.syncnet.MAX_BYTES", 100_000)
    with zipfile.ZipFile(tmp_path / "bomb.model", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("data", b"0" * 200_000)
    with pytest.raises(InputError, match="not the published SyncNet weights"):
        load_syncnet(tmp_path / "bomb.model")


def test_without_torch_one_sentence_says_so(tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    modules: dict[str, Any] = sys.modules
    monkeypatch.setitem(modules, "mssync.evaluation.scores.syncnet", None)
    with pytest.raises(InputError, match="need PyTorch"):
        lse.scores(still(tmp_path / "a.mp4", 60), weights)
