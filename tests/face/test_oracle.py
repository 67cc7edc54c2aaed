"""Our tracker against mediapipe's own Tasks (1.2.x), on a dozen faces.

Not part of the ordinary run: mediapipe brings its own OpenCV and needs libGL and libEGL. To run it, make a virtual
environment of its own::

    python -m venv oracle
    oracle/bin/pip install "mediapipe==1.2.2" ai-edge-litert platformdirs matplotlib pillow scikit-image pytest
    PYTHONPATH=src oracle/bin/python -m pytest tests/face/test_oracle.py

The dozen are the two public-domain faces, each as it is, mirrored, at two other sizes and in two other lights. What is
left of the difference is mediapipe's crop, which is shifted by up to half a crop pixel against ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import pytest

from mssync.assets import asset_path
from mssync.face.tracking import FaceTracker

mediapipe = pytest.importorskip(
    "mediapipe", reason="mediapipe is not installed; this file's first lines say how to compare with it"
)


def versions(picture: Any) -> dict[str, Any]:
    light = picture.astype(np.float32) / 255
    return {
        "as it is": picture,
        "mirrored": np.ascontiguousarray(picture[:, ::-1]),
        "half": cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA),
        "double": cv2.resize(picture, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC),
        "dark": (255 * light**1.8).astype(np.uint8),
        "grey": np.repeat((light.mean(2, keepdims=True) * 255).astype(np.uint8), 3, 2),
    }


@pytest.fixture(scope="module")
def landmarker() -> Iterator[Any]:
    from mediapipe.tasks.python import BaseOptions, vision

    options = vision.FaceLandmarkerOptions(
        base_options=BaseOptions(model_asset_path=str(asset_path("face_landmarker.task"))),
        output_face_blendshapes=True,
        num_faces=4,
    )
    with vision.FaceLandmarker.create_from_options(options) as it:
        yield it


def test_a_dozen_faces_agree(tracker: FaceTracker, landmarker: Any, hopper: Any, astronaut: Any) -> None:
    differences, scores = [], []
    for name, picture in [*versions(hopper).items(), *versions(astronaut).items()]:
        h, w = picture.shape[:2]
        seen = landmarker.detect(mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=picture))
        want = np.array([[p.x * w, p.y * h] for p in seen.face_landmarks[0]])
        face = tracker.detect(picture)[0]
        # In pixels of the picture reduced so that the face is at most 200 wide: a pixel means the same everywhere.
        unit = max(1.0, face.width / 200)
        differences.append(np.linalg.norm(face.points[:, :2] - want, axis=1) / unit)
        scores.append(np.abs(face.blendshapes - [c.score for c in seen.face_blendshapes[0]]))
        print(f"{name:10s} mean {differences[-1].mean():.2f} px, max {differences[-1].max():.2f} px")
    means = [float(d.mean()) for d in differences]
    assert len(means) == 12 and max(means) < 1.0 and np.mean(means) < 0.6
    assert np.mean(scores) < 0.03
