"""Multi-scale synchrony: what belongs together stands above chance, and intervals hold what they should."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import numpy as np

from mssync.evaluation.scores.sync import bootstrap, chance_confidences, is_demo, unrelated_voice
from mssync.media.audio import load_sound
from mssync.motion.syncers import SyncCurve, SyncerPyramid
from mssync.speech.logmel import log_mel

JUDGE = Path(str(resources.files("mssync"))) / "weights" / "judge"


def _unit(x: np.ndarray) -> np.ndarray:
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def test_what_belongs_stands_above_what_does_not() -> None:
    rng = np.random.default_rng(0)
    sound = _unit(rng.standard_normal((80, 16)))
    motion = _unit(sound + 0.4 * rng.standard_normal((80, 16)))
    other = _unit(rng.standard_normal((90, 16)))
    chance = chance_confidences((motion, sound), other, rng)
    confidence = SyncCurve.of(motion, sound).confidence
    assert confidence > np.quantile(chance, 0.975)
    low, high = bootstrap(motion, sound, rng)
    assert low < confidence < high and low > np.quantile(chance, 0.975)
    stray = SyncCurve.of(_unit(rng.standard_normal((80, 16))), sound).confidence
    assert stray < np.quantile(chance, 0.999) * 1.5


def test_the_interval_is_not_biased_where_nothing_agrees() -> None:
    """Of pairs that have nothing to do with each other the intervals hold what such pairs have on the whole."""
    rng = np.random.default_rng(3)
    pairs = [(_unit(rng.standard_normal((75, 16))), _unit(rng.standard_normal((75, 16)))) for _ in range(40)]
    values = np.array([SyncCurve.of(*p).confidence for p in pairs])
    ends = np.array([bootstrap(*p, rng) for p in pairs])
    assert ((ends[:, 0] < values) & (values < ends[:, 1])).all()
    low, high = np.quantile(values, [0.025, 0.975])
    assert abs(ends.mean() - (low + high) / 2) < 0.1 * (high - low)
    held = (ends[:, 0] <= values.mean()) & (values.mean() <= ends[:, 1])
    assert held.mean() >= 0.9


def test_the_demo_voice_is_unrelated_to_itself_backwards() -> None:
    voice = load_sound(Path(str(resources.files("mssync"))) / "data" / "demo.flac")
    rng = np.random.default_rng(0)
    for own in (
        voice,
        voice[37_000:90_000],
        np.pad(voice, (12_345, 50_000)) + rng.normal(0, 0.003, len(voice) + 62_345),
    ):
        assert is_demo(log_mel(own.astype(np.float32)))
    for other in (voice[::-1].copy(), np.zeros(16_000), rng.normal(0, 0.1, 64_000)):
        assert not is_demo(log_mel(other.astype(np.float32)))
    judge = SyncerPyramid.load()
    assert not np.allclose(unrelated_voice(judge, "lips", 0), unrelated_voice(judge, "lips", 0, demo=True))
