from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from mssync.motion.columns import Groups, mesh_columns
from mssync.motion.gaze import FARTHEST, FIXATION, HOLD, REACH, SHORTEST, Fixations
from mssync.motion.stages import Gaze, Heard

GROUPS = Groups.of(mesh_columns(32))
COLUMNS = GROUPS.gaze.stop


def _leaps(places: NDArray[np.float32]) -> NDArray[np.intp]:
    return np.flatnonzero(np.abs(np.diff(places, axis=0)).max(1) > 0)


def test_fixations_last_and_stay_near_the_viewer() -> None:
    places = Fixations(3).next(60 * 60 * 25)
    assert not places[: round(SHORTEST * 25)].any()  # at first one looks at the viewer
    assert (np.abs(places) <= FARTHEST * REACH * 1.0001).all()
    np.testing.assert_allclose(places.std(0), REACH, rtol=0.1)
    assert np.abs(places.mean(0)).max() < 0.001
    lengths = np.diff(_leaps(places)) / 25
    assert lengths.min() >= SHORTEST - 0.041
    assert lengths.mean() == pytest.approx(FIXATION, rel=0.05)


def test_chunks_do_not_matter_and_seeds_do() -> None:
    whole = Fixations(5).next(500)
    parts = Fixations(5)
    assert np.array_equal(np.concatenate([parts.next(n) for n in (1, 0, 99, 400)]), whole)
    assert not np.array_equal(Fixations(6).next(500), whole)


def test_eyes_answer_the_turn_of_the_head() -> None:
    still, turned = np.zeros((200, COLUMNS), np.float32), np.zeros((200, COLUMNS), np.float32)
    turned[:, 1], turned[:, 0] = 0.3, 0.2  # the nose to the picture's left, the chin to the chest
    a, b = (Gaze(GROUPS, 1)(x, Heard.silent(200))[:, GROUPS.gaze] for x in (still, turned))
    np.testing.assert_allclose(b - a, np.broadcast_to((0.3, 0.2) * HOLD, (200, 2)), atol=1e-6)
    assert (b - a)[0, 0] > 0 > (b - a)[0, 1]  # irises to the picture's right, and up
