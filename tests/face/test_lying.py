"""A face that lies or stands on its head is refused by that name, never drawn from a wrong mesh."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image as Pil

from mssync.errors import InputError
from mssync.face.tracking import FaceTracker
from mssync.inputs import choose_face
from mssync.media.image import Image


def turned(picture: Any, degrees: float) -> Image:
    """The picture turned counter-clockwise."""
    whole = Pil.fromarray(picture).rotate(degrees, expand=True, fillcolor=(40, 60, 90))
    return Image(np.asarray(whole), None, "p.png")


@pytest.mark.parametrize("degrees", [0, 30, -30])
def test_tilted_faces_are_drawn(tracker: FaceTracker, hopper: Any, astronaut: Any, degrees: float) -> None:
    for picture in (hopper, astronaut):
        face = choose_face(tracker, turned(picture, degrees), 1, 1.0)
        assert face.roll == pytest.approx(-degrees, abs=6)


@pytest.mark.parametrize("degrees", [60, 90, 100, 135, -75, -90, -120])
def test_lying_faces(tracker: FaceTracker, hopper: Any, astronaut: Any, degrees: float) -> None:
    back = "turn the picture clockwise" if degrees > 0 else "turn the picture counter-clockwise"
    for picture in (hopper, astronaut):
        with pytest.raises(InputError, match=rf"The face in p\.png lies on its side .* {back} until") as caught:
            choose_face(tracker, turned(picture, degrees), 1, 1.0)
        said = float(str(caught.value).split("turned by ")[1].split()[0])
        assert said == pytest.approx(abs(degrees), abs=6)


@pytest.mark.parametrize("degrees", [180, 165, -165])
def test_upside_down(tracker: FaceTracker, hopper: Any, astronaut: Any, degrees: float) -> None:
    for picture in (hopper, astronaut):
        with pytest.raises(InputError, match=r"p\.png is upside down; turn the picture by half a turn"):
            choose_face(tracker, turned(picture, degrees), 1, 1.0)


def test_nobody(tracker: FaceTracker) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8)
    with pytest.raises(InputError, match=r"No face was found in p\.png"):
        choose_face(tracker, Image(noise, None, "p.png"), 1, 1.0)
