"""Picture scores on videos whose answers are known."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from picture_samples import SIDE, footage, hopper, hopper_path, still
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from mssync.errors import AssetError
from mssync.evaluation.scores import identity, picture
from mssync.evaluation.scores.paired import PSNR_TOP, PixelDistance, point_distances, psnr, ssim
from mssync.evaluation.scores.score import Score
from mssync.face.topology import IBUG68


@pytest.fixture(autouse=True)
def without_the_identity_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is fetched; the network has tests of its own."""

    def missing() -> None:
        raise AssetError("The model file is missing.")

    monkeypatch.setattr(identity, "identity_net", missing)


def by_key(scores: list[Score]) -> dict[str, Score]:
    assert len({s.key for s in scores}) == len(scores)
    return {s.key.removeprefix("picture."): s for s in scores}


def noise(seed: int, shape: tuple[int, ...] = (60, 80)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def test_psnr_and_ssim_known_answers() -> None:
    assert psnr(noise(0), noise(0)) == float("inf")
    assert ssim(noise(0), noise(0)) == pytest.approx(1)
    grey = np.full((20, 20), 100, np.uint8)
    assert psnr(grey, grey + 10) == pytest.approx(20 * np.log10(25.5))
    assert abs(ssim(noise(1), noise(2))) < 0.1


def test_psnr_and_ssim_agree_with_scikit_image() -> None:
    a = cv2.cvtColor(hopper().rgb, cv2.COLOR_RGB2GRAY)
    b = cv2.GaussianBlur(a, (0, 0), 1.5)
    assert psnr(a, b) == pytest.approx(peak_signal_noise_ratio(a, b), rel=1e-6)
    other = structural_similarity(a, b, gaussian_weights=True, sigma=1.5, use_sample_covariance=False)
    assert ssim(a, b) == pytest.approx(other, abs=1e-4)


def test_a_video_against_itself(tmp_path: Path) -> None:
    video = still(tmp_path / "a.mp4")
    got = by_key(picture.scores(video, video, None))
    assert got["psnr"].value == PSNR_TOP and got["ssim"].value == pytest.approx(1)
    assert got["lmd_face"].value == got["lmd_mouth"].value == got["akd"].value == 0
    assert got["face_sharpness_kept"].value == pytest.approx(1, abs=0.05)
    assert got["background_change"].value < 1
    assert got["identity"].value is got["aed"].value is None
    assert got["identity"].note == "The model file is missing."


def test_alone_a_video_has_no_paired_scores(tmp_path: Path) -> None:
    got = by_key(picture.scores(still(tmp_path / "a.mp4"), None, None))
    for key in ("psnr", "ssim", "lmd_face", "lmd_mouth", "akd"):
        assert got[key].value is None and got[key].note == "There is no paired reference."
    assert got["face_sharpness"].value > 0


def test_blurred_video_is_less_sharp_than_its_photo(tmp_path: Path) -> None:
    blurred = [cv2.GaussianBlur(hopper().rgb, (0, 0), 1.5)] * 25
    sharp = by_key(picture.scores(still(tmp_path / "a.mp4"), None, hopper_path()))
    soft = by_key(picture.scores(footage(tmp_path / "b.mp4", blurred, hopper().points), None, hopper_path()))
    for part in ("face", "mouth"):
        assert soft[f"{part}_sharpness"].value < 0.6 * sharp[f"{part}_sharpness"].value
        assert soft[f"{part}_sharpness_kept"].value < 0.6 * sharp[f"{part}_sharpness_kept"].value
    assert sharp["face_sharpness_kept"].note == "relative to the photo"


def test_only_the_mouth_blurred(tmp_path: Path) -> None:
    photo = hopper()
    x, y = photo.points[[13, 14], :2].mean(0).astype(int)
    soft = photo.rgb.copy()
    soft[y - 14 : y + 14, x - 24 : x + 24] = cv2.GaussianBlur(photo.rgb, (0, 0), 2)[y - 14 : y + 14, x - 24 : x + 24]
    a = by_key(picture.scores(still(tmp_path / "a.mp4"), None, None))
    b = by_key(picture.scores(footage(tmp_path / "b.mp4", [soft] * 25, photo.points), None, None))
    assert b["mouth_sharpness"].value < 0.6 * a["mouth_sharpness"].value
    assert b["face_sharpness"].value > 0.8 * a["face_sharpness"].value


def test_moving_background_is_seen_and_a_moving_mouth_is_not_background(tmp_path: Path) -> None:
    photo = hopper()
    moved = np.roll(photo.rgb, 6, 1)
    busy = photo.rgb.copy()
    x, y = photo.points[13, :2].astype(int)
    busy[y - 5 : y + 90, x - 60 : x + 60] = 0
    frames = {"still": photo.rgb, "moved": moved, "busy": busy}
    got = {
        name: by_key(
            picture.scores(footage(tmp_path / f"{name}.mp4", [photo.rgb] * 5 + [f] * 20, photo.points), None, None)
        )["background_change"].value
        for name, f in frames.items()
    }
    assert got["still"] < 1 and got["busy"] < 1
    assert got["moved"] > 5


def test_a_face_that_fills_the_picture_has_no_background(tmp_path: Path) -> None:
    photo = hopper()
    (x0, y0), (x1, y1) = photo.points[:, :2].min(0).astype(int), photo.points[:, :2].max(0).astype(int)
    tight = photo.rgb[y0 : y0 + (y1 - y0) // 2 * 2, x0 : x0 + (x1 - x0) // 2 * 2]
    video = footage(tmp_path / "a.mp4", [tight] * 25, photo.points - np.float32([x0, y0, 0]))
    score = by_key(picture.scores(video, None, None))["background_change"]
    assert score.value is None and "too little background" in score.note


def test_landmark_distances(tmp_path: Path) -> None:
    photo = hopper()
    eyes = np.linalg.norm(photo.points[33] - photo.points[263])
    rows = np.repeat(photo.points[None], 25, 0)
    opened, moved = rows.copy(), rows.copy()
    opened[:, list(IBUG68[48:]), 1] += 0.1 * eyes
    moved[5:, :, 0] += 10
    real, open_mouth, elsewhere = (
        footage(tmp_path / f"{i}.mp4", [photo.rgb] * 25, p) for i, p in enumerate((rows, opened, moved))
    )
    got = by_key(point_distances(open_mouth, real))
    assert got["lmd_mouth"].value == pytest.approx(0.1, rel=0.1)
    assert got["lmd_face"].value == pytest.approx(0.1 * 20 / 68, rel=0.1)
    got = by_key(point_distances(elsewhere, real))
    assert got["lmd_face"].value < 1e-3 and got["lmd_mouth"].value < 1e-3
    assert got["akd"].value == pytest.approx(0.8 * 10 * 100 / eyes, rel=0.1)


def test_frames_without_a_face_are_passed_over(tmp_path: Path) -> None:
    valid = np.ones(25, bool)
    valid[:10] = False
    frames = [np.zeros_like(hopper().rgb)] * 10 + [hopper().rgb] * 15
    lost = by_key(picture.scores(footage(tmp_path / "a.mp4", frames, hopper().points, valid), None, None))
    whole = by_key(picture.scores(still(tmp_path / "b.mp4"), None, None))
    assert lost["face_sharpness"].value == pytest.approx(whole["face_sharpness"].value, rel=0.05)


def test_pixels_of_another_shape_have_no_partners(tmp_path: Path) -> None:
    half = np.ascontiguousarray(hopper().rgb[: SIDE // 2])
    real = footage(tmp_path / "b.mp4", [half] * 25, hopper().points)
    got = by_key(PixelDistance(still(tmp_path / "a.mp4"), real).scores())
    assert got["psnr"].value is None
    assert "another shape (272 x 160) than the video (272 x 320)" in got["ssim"].note


def test_a_longer_reference_is_said(tmp_path: Path) -> None:
    got = by_key(picture.scores(still(tmp_path / "a.mp4", 30), still(tmp_path / "b.mp4", 60), None))
    for key in ("psnr", "ssim", "lmd_face", "akd"):
        assert "first 1.2 s, which both videos have" in got[key].note
    assert by_key(picture.scores(still(tmp_path / "c.mp4", 30), still(tmp_path / "d.mp4", 33), None))["psnr"].note == ""


def test_a_smaller_reference_is_resized(tmp_path: Path) -> None:
    small = np.ascontiguousarray(cv2.resize(hopper().rgb, (136, 160), interpolation=cv2.INTER_AREA))
    real = footage(tmp_path / "b.mp4", [small] * 25, hopper().points / 2)
    got = by_key(picture.scores(still(tmp_path / "a.mp4"), real, None))
    assert 20 < got["psnr"].value < 60 and 0.7 < got["ssim"].value < 1
    assert got["lmd_face"].value < 1e-3 and got["akd"].value < 1e-2


def test_importing_the_picture_scores_loads_no_torch() -> None:
    names = ("frames", *(f"scores.{n}" for n in ("picture", "paired", "identity", "feature_nets", "lse", "stats")))
    code = "import sys\n" + "\n".join(f"import mssync.evaluation.{n}" for n in names)
    code += "\nprint({'torch', 'scipy', 'skimage'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "set()"
