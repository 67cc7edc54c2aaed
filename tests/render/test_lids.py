"""Closed lids: the skin's own tone and grain, both sides alike, whatever lies across one of them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from render_samples import Photo, face, move, photo

from mssync.face import topology as topo
from mssync.render.warp import WarpRenderer

SIDES = (
    (topo.LEFT_LID_UPPER, topo.LEFT_CREASE_UPPER, topo.LEFT_CREASE_LOWER),
    (topo.RIGHT_LID_UPPER, topo.RIGHT_CREASE_UPPER, topo.RIGHT_CREASE_LOWER),
)


def lids(rgb: np.ndarray, name: str) -> list[tuple[np.ndarray, float]]:
    """Grey pixels of each closed lid, and how bright the skin below that eye is."""
    subject, renderer = face(name), WarpRenderer()
    controls = move(subject, shut=1.0)
    out = renderer.render(renderer.prepare(Photo(rgb), subject), controls)
    grey = cv2.cvtColor(out, cv2.COLOR_RGB2GRAY).astype(np.float32)
    found = []
    for upper, crease, under in SIDES:
        points = controls.points[:, :2]
        lash, fold = points[list(upper)][2:-2], points[list(crease)][2:-2]
        lid = np.concatenate([fold + (lash - fold) * t for t in np.linspace(0.25, 0.75, 7)])
        below = points[list(under)][2:-2] + 0.5 * (points[list(under)][2:-2] - lash)
        at = [np.round(p).astype(int) for p in (lid, below)]
        found.append((grey[at[0][:, 1], at[0][:, 0]], float(np.median(grey[at[1][:, 1], at[1][:, 0]]))))
    return found


@pytest.mark.parametrize("name", ["hopper", "astronaut"])
@pytest.mark.parametrize("dim", [1.0, 0.35])
def test_closed_lids_have_the_tone_and_the_grain_of_the_skin(name: str, dim: float) -> None:
    both = lids(np.round(photo(name).rgb * dim).astype(np.uint8), name)
    for lid, skin in both:
        assert 0.6 * skin < np.median(lid) < 1.25 * skin
        assert lid.std() > 0.02 * skin, "no flat patch"
    left, right = (float(np.median(lid)) / skin for lid, skin in both)
    assert abs(left - right) < 0.25


def test_a_dark_lock_over_one_eye_is_not_its_lid() -> None:
    rgb, points = photo("astronaut").rgb.copy(), face("astronaut").points
    fold = np.round(points[list(topo.LEFT_CREASE_UPPER), :2]).astype(np.int32)
    cv2.polylines(rgb, [fold.reshape(-1, 1, 2)], False, (25, 18, 12), 2)
    (left, skin), (right, _) = lids(rgb, "astronaut")
    assert np.median(left) > 0.6 * skin and np.median(left) > 0.7 * np.median(right)
