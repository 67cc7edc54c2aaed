"""The baseline without a model: the motion of the most similar sound."""

from __future__ import annotations

import numpy as np
import pytest

from mssync.errors import InputError
from mssync.evaluation.run import nearest
from mssync.evaluation.run.nearest import Recording, frame_features, nearest_motion

RNG = np.random.default_rng(0)


def noise(seconds: float, seed: int) -> np.ndarray:
    """Sound whose spectrum and loudness wander."""
    rng = np.random.default_rng(seed)
    n = round(seconds * 16_000)
    places = np.arange(0, n + 3200, 3200)
    loud = np.interp(np.arange(n), places, rng.random(len(places)))
    high = np.interp(np.arange(n), places, rng.uniform(200, 3000, len(places)))
    return (loud * np.sin(2 * np.pi * np.cumsum(high) / 16_000) * 0.5).astype(np.float32)


def recording(seconds: float, seed: int) -> Recording:
    sound = frame_features(noise(seconds, seed))
    return Recording(sound, np.arange(len(sound) * 2, dtype=np.float32).reshape(-1, 2) + 1000 * seed)


def test_a_sound_that_was_recorded_brings_back_its_motion() -> None:
    right, wrong = recording(6.0, 1), recording(6.0, 2)
    cut = slice(25, 100)
    found = nearest_motion(right.sound[cut], [wrong, right])
    assert found.shape == (75, 2) and found.dtype == np.float32
    assert np.abs(found - right.motion[cut]).max() < 2 * nearest.STRIDE, "to within the stride of the search"


def test_pieces_are_faded_into_each_other() -> None:
    parts = [
        Recording(r.sound, np.full((len(r.sound), 1), v, np.float32))
        for v, r in ((0.0, recording(4, 3)), (1.0, recording(4, 4)))
    ]
    mixed = np.concatenate([parts[0].sound[:60], parts[1].sound[:60]])
    found = nearest_motion(mixed, parts)[:, 0]
    assert found[0] == 0 and found[-1] == 1 and 0 <= found.min() <= found.max() <= 1
    assert np.abs(np.diff(found)).max() < 0.2


@pytest.mark.parametrize("frames", [1, 7, 25, 26, 49, 111])
def test_any_length(frames: int) -> None:
    assert nearest_motion(RNG.random((frames, 40), np.float32), [recording(3, 5)]).shape == (frames, 2)


def test_recordings_under_a_second_are_no_use() -> None:
    short = Recording(RNG.random((20, 40), np.float32), np.zeros((20, 2), np.float32))
    nearest_motion(RNG.random((30, 40), np.float32), [short, recording(2, 6)])
    for none in ([], [short]):
        with pytest.raises(InputError, match="add clips"):
            nearest_motion(RNG.random((30, 40), np.float32), none)


def test_the_search_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nearest, "MAX_CANDIDATES", 3)
    long = recording(20, 7)
    assert nearest_motion(long.sound, [long]).shape == (500, 2)


def test_a_louder_microphone_changes_nothing() -> None:
    sound = noise(2.0, 8)
    assert np.allclose(frame_features(sound), frame_features(0.3 * sound), atol=1e-3)
