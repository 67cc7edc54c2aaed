"""Prosody: pitches, onsets and accents that were put there, and heads that beat time with them."""

from __future__ import annotations

import numpy as np
import pytest
from motion_samples import by_key, footage, motion_of, value
from numpy.typing import NDArray

from mssync.evaluation.scores.prosody import align_beats, closeness, events, head_beats, pitch, scores

Array64 = NDArray[np.float64]
SECONDS = 20
FRAMES = 25 * SECONDS


def times_of(seed: int, seconds: float = SECONDS, spacing: float = 0.7) -> Array64:
    """Irregular moments on the picture's grid, ``spacing`` seconds apart on average, 0.44 at least."""
    gaps = 0.44 + np.random.default_rng(seed).exponential(spacing - 0.44, 200)
    times = 0.8 + np.cumsum(gaps)
    return np.round(times[times < seconds - 1.2] * 25) / 25


def nods(times: Array64, frames: int = FRAMES, degrees: float = 4.0) -> Array64:
    """A pitch path (rad) of quick turns, the fastest at the given moments, to and fro."""
    t = np.arange(frames) / 25
    signs = np.where(np.arange(len(times)) % 2, -1.0, 1.0)
    return np.radians(degrees) * sum(s * np.tanh((t - m) / 0.08) for s, m in zip(signs, times, strict=True))


def bursts(times: Array64, seconds: float = SECONDS) -> Array64:
    """Tones that begin sharply at the given moments and fade."""
    t = np.arange(round(seconds * 16000)) / 16000
    out = 0.001 * np.random.default_rng(0).standard_normal(len(t))
    for m in times:
        after = t - m
        out += np.where(after >= 0, 0.3 * np.exp(-after / 0.08) * np.sin(2 * np.pi * 500 * after), 0.0)
    return out


def near(a: Array64, b: Array64, within: float) -> float:
    """Share of ``a`` that has one of ``b`` so near."""
    return float(np.mean([np.abs(b - x).min() <= within for x in a]))


# ---- the head -----------------------------------------------------------------------------------------------------


def test_beats_are_where_the_head_is_fastest() -> None:
    times = times_of(1)
    for column in ("rot_x", "rot_y", "rot_z"):
        motion = motion_of(FRAMES, **{column: nods(times)})
        found = head_beats(motion.values[:, :3], np.ones(FRAMES, np.bool_))
        assert len(found) == len(times)
        assert np.abs(found - times).max() <= 0.021


@pytest.mark.parametrize("scale", [0.5, 1.5])
def test_beats_do_not_depend_on_the_amount(scale: float) -> None:
    path = nods(times_of(2))
    valid = np.ones(FRAMES, np.bool_)
    a, b = (head_beats(motion_of(FRAMES, rot_x=f * path).values[:, :3], valid) for f in (1.0, scale))
    np.testing.assert_allclose(a, b, atol=0.041)


def test_no_beats_in_trembling_or_where_the_face_is_lost() -> None:
    noise = np.random.default_rng(0).normal(0, np.radians(0.03), (FRAMES, 3)).astype(np.float32)
    valid = np.ones(FRAMES, np.bool_)
    assert len(head_beats(noise, valid)) == 0
    times = times_of(1)
    valid[: FRAMES // 2] = False
    turn = motion_of(FRAMES, rot_x=nods(times)).values[:, :3]
    assert head_beats(turn, valid).min() >= SECONDS / 2


# ---- the voice ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hertz", [85.0, 120.0, 217.0, 390.0])
def test_pitch_of_a_buzz(hertz: float) -> None:
    t = np.arange(32000) / 16000
    buzz = sum(np.sin(2 * np.pi * hertz * k * t) / k for k in range(1, 12)) * 0.1
    found = pitch(buzz.astype(np.float32))
    assert found.shape == (200,)
    np.testing.assert_allclose(found[5:-5], hertz, rtol=0.01)


def test_pitch_follows_a_glide_and_knows_what_has_none() -> None:
    t = np.arange(32000) / 16000
    hertz = 100 * 2.0 ** (t / 2)
    phase = 2 * np.pi * np.cumsum(hertz) / 16000
    glide = pitch((0.2 * np.sin(phase) + 0.1 * np.sin(2 * phase)).astype(np.float32))
    np.testing.assert_allclose(glide[5:-5], hertz[80::160][5:-5], rtol=0.02)
    noise = pitch(np.random.default_rng(0).normal(0, 0.1, 32000).astype(np.float32))
    assert (noise > 0).mean() < 0.02
    assert not pitch(np.zeros(16000, np.float32)).any() and pitch(np.zeros(0, np.float32)).shape == (0,)


def test_onsets_and_energy_accents() -> None:
    times = times_of(3)
    found = events(bursts(times).astype(np.float32))
    assert near(times, found.onsets, 0.03) == 1.0 and near(found.onsets, times, 0.03) > 0.95
    assert near(times, found.energy, 0.1) > 0.9 and near(found.energy, times, 0.1) == 1.0


def test_pitch_accents() -> None:
    t = np.arange(SECONDS * 16000) / 16000
    times = times_of(4, spacing=1.5)
    tone = sum(5 * np.exp(-0.5 * ((t - m) / 0.1) ** 2) for m in times)  # semitones over 120 Hz
    phase = 2 * np.pi * np.cumsum(120 * 2.0 ** (tone / 12)) / 16000
    found = events((0.2 * np.sin(phase) + 0.1 * np.sin(2 * phase)).astype(np.float32))
    assert near(times, found.pitch, 0.05) > 0.9 and near(found.pitch, times, 0.05) > 0.9
    assert len(found.energy) == 0
    assert len(found.all) == len(found.onsets) + len(found.pitch)


def test_nothing_happens_in_silence() -> None:
    found = events(np.zeros(64000, np.float32))
    assert len(found.all) == 0


# ---- together -----------------------------------------------------------------------------------------------------


def test_closeness() -> None:
    at = np.array([1.0, 2.0])
    got = closeness(np.array([0.9, 1.0, 1.5, 2.1, 5.0]), at)
    np.testing.assert_allclose(got, np.exp(-0.5 * np.array([1, 0, 25, 1, 900.0])), atol=1e-12)


@pytest.mark.parametrize("lag", [-0.4, -0.08, 0.0, 0.2, 0.52])
def test_a_known_lag_is_reported_as_that_lag(lag: float) -> None:
    times = times_of(5)
    found = align_beats(times + lag, times, SECONDS)
    assert found is not None
    assert found.lag == pytest.approx(lag, abs=1e-9) and found.curve.max() == pytest.approx(1.0)
    assert found.lags[0] == pytest.approx(-0.6) and len(found.lags) == len(found.curve) == 31
    assert found.separates and found.value == pytest.approx(found.curve[15])
    assert found.chance_interval[0] < found.chance < found.chance_interval[1] < found.chance_peak < 1


def test_strangers_do_not_separate() -> None:
    apart = [align_beats(times_of(i), times_of(i + 50), SECONDS) for i in range(20)]
    found = [a for a in apart if a is not None]
    assert len(found) == 20 and sum(a.separates for a in found) <= 4
    assert np.mean([a.value - a.chance for a in found]) == pytest.approx(0.0, abs=0.05)


def test_too_little_to_align() -> None:
    times = times_of(5)
    assert align_beats(times[:4], times, SECONDS) is None
    assert align_beats(times, times[:0], SECONDS) is None
    assert align_beats(np.linspace(0.3, 3.0, 9), np.array([0.5, 1.0, 1.5, 2.0, 2.5]), 4.0) is None
    assert align_beats(np.linspace(0.3, 3.0, 9), np.array([0.5, 1.0, 1.5, 2.0, 2.9]), 4.0) is not None


@pytest.mark.parametrize("shift", [0.0, 0.2])
def test_scores_of_a_head_that_beats_time(shift: float) -> None:
    times = times_of(6)
    seen = footage(motion_of(FRAMES, rot_x=nods(times + shift)), sound=bursts(times))
    found = by_key(scores(seen))
    onsets = found["prosody.onsets"]
    assert onsets.value is not None and onsets.chance is not None and onsets.interval is not None
    assert onsets.interval[0] <= onsets.value <= onsets.interval[1]
    assert (onsets.value > 0.9) == (shift == 0.0) and onsets.chance < 0.4
    assert value(found.values(), "prosody.beat_rate") == pytest.approx(len(times) / SECONDS)
    assert value(found.values(), "prosody.lag") == pytest.approx(shift, abs=0.05)
    assert found["prosody.lag"].note == "" and found["prosody.pitch"].value is None


def test_scores_of_a_still_head_are_not_run() -> None:
    found = by_key(scores(footage(motion_of(FRAMES), sound=bursts(times_of(6)))))
    assert found["prosody.beat_rate"].value == 0.0
    assert all(found[f"prosody.{k}"].value is None for k in ("onsets", "energy", "pitch", "all", "lag"))
    assert "there are 0 in 20.0 s" in found["prosody.lag"].note
