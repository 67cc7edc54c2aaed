"""A video of several shots becomes one motion without a jump, each shot in its own frame of reference."""

from __future__ import annotations

import numpy as np
import pytest

from mssync.errors import InputError
from mssync.face.tracking import Track
from mssync.motion.joined_shots import EASE_FRAMES, eased, encode_shots
from mssync.motion.mesh import MeshSpace


def _track(face: np.ndarray, fps: float, shifts: np.ndarray, cuts: tuple[int, ...], valid: np.ndarray) -> Track:
    points = np.repeat(face[None], len(shifts), 0)
    points[:, :, 0] += shifts[:, None]
    blend = np.zeros((len(shifts), 52), np.float32)
    return Track(points, blend, valid, np.arange(len(shifts)) / fps, 400, 400, cuts)


@pytest.mark.parametrize("fps", [25.0, 30.0, 12.5])
def test_shots_are_joined(fps: float, space: MeshSpace) -> None:
    face = (space.template * 60 + 200).astype(np.float32)
    n = round(2 * fps)
    sway = 6 * np.sin(np.arange(2 * n) / fps * 5)
    sway[n:] += 150  # another place, which a cut makes
    whole = _track(face, fps, sway, (n,), np.ones(2 * n, bool))
    made = encode_shots(space, whole)
    plain = space.encode(whole.resampled(25.0))
    assert len(made) == len(plain) >= 99
    x = made.column("trans_x")
    assert np.abs(plain.column("trans_x")).max() > 1
    assert np.abs(x).max() < 0.15
    assert np.abs(np.diff(x)).max() < 0.04
    seconds = np.arange(50 + EASE_FRAMES, 99) / 25
    expected = 0.1 * np.sin(seconds * 5)
    assert np.abs((x - x[50 + EASE_FRAMES :].mean())[50 + EASE_FRAMES : 99] - (expected - expected.mean())).max() < 0.03
    assert np.array_equal(encode_shots(space, Track(**{**vars(whole), "cuts": ()})).values, plain.values)


@pytest.mark.parametrize("empty", [0, 1, 2])
def test_a_shot_without_a_face_holds(empty: int, space: MeshSpace) -> None:
    face = (space.template * 60 + 200).astype(np.float32)
    valid = np.ones(75, bool)
    valid[25 * empty : 25 * empty + 25] = False
    track = _track(face, 25.0, 6 * np.sin(np.arange(75) / 5), (25, 50), valid)
    made = encode_shots(space, track)
    assert len(made) == 75
    held = made.values[25 * empty : 25 * empty + 25]
    assert np.abs(held - held[:1]).max() == 0
    assert np.abs(np.diff(made.column("trans_x"))).max() < 0.05
    with pytest.raises(InputError, match="No face"):
        encode_shots(space, Track(**{**vars(track), "valid": np.zeros(75, bool)}))


def test_eased() -> None:
    rows, before = np.zeros((40, 2), np.float32), np.array([1.0, -2.0], np.float32)
    made = eased(rows, before)
    assert np.abs(made[0] - before).max() < 0.1
    assert np.abs(np.diff(made[:, 0])).max() < 0.15
    assert not made[EASE_FRAMES - 1 :].any()
