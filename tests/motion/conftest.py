"""The shipped motion space and the public-domain faces that motion is tried on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib.cbook
import numpy as np
import pytest
import skimage.data
from PIL import Image

import mssync
from mssync.face.tracking import Face, FaceTracker
from mssync.motion.mesh import MeshSpace
from mssync.motion.spaces import load_mesh


@pytest.fixture(scope="session")
def space() -> MeshSpace:
    return load_mesh(Path(mssync.__file__).parent / "weights" / "default" / "space.npz")


@pytest.fixture(scope="session")
def faces() -> dict[str, Face]:
    tracker = FaceTracker(threads=2)
    hopper: Any = Image.open(matplotlib.cbook.get_sample_data("grace_hopper.jpg")).convert("RGB")
    return {
        "hopper": tracker.detect(np.asarray(hopper))[0],
        "astronaut": tracker.detect(np.ascontiguousarray(skimage.data.astronaut()))[0],
    }
