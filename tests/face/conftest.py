"""Faces in the public domain that come with packages: Grace Hopper (matplotlib), Eileen Collins (scikit-image)."""

from __future__ import annotations

from typing import Any

import matplotlib.cbook
import numpy as np
import pytest
import skimage.data
from PIL import Image

from mssync.face.tracking import FaceTracker


@pytest.fixture(scope="session")
def hopper() -> Any:
    return np.asarray(Image.open(matplotlib.cbook.get_sample_data("grace_hopper.jpg")).convert("RGB"))


@pytest.fixture(scope="session")
def astronaut() -> Any:
    return np.ascontiguousarray(skimage.data.astronaut())


@pytest.fixture(scope="session")
def tracker() -> FaceTracker:
    return FaceTracker(threads=2)
