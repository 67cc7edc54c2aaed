"""Filterbank features: against an independent implementation, in chunks, in silence, at other loudness."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from python_speech_features import get_filterbanks, logfbank

from mssync.errors import InputError
from mssync.speech.features import (
    BANDS,
    FEATURE_RANGE,
    LOOKAHEAD,
    FeatureStream,
    align_steps,
    default_features,
    paper_features,
)
from mssync.timing import STEPS_PER_FRAME, STEPS_PER_SECOND

Float32 = npt.NDArray[np.float32]


def voice(seconds: float, seed: int = 0) -> Float32:
    """Syllables of a buzzing voice with two moving formants, about -16 dBFS, over faint room noise."""
    rng = np.random.default_rng(seed)
    time = np.arange(int(seconds * 16000)) / 16000
    pitch = 120 + 20 * np.sin(2 * np.pi * 0.7 * time)
    phase = 2 * np.pi * np.cumsum(pitch) / 16000
    sound = np.zeros_like(time)
    for harmonic in range(1, 40):
        hertz = harmonic * pitch
        first = 500 + 250 * np.sin(2 * np.pi * 2.1 * time)
        second = 1700 + 500 * np.sin(2 * np.pi * 1.3 * time)
        formants = np.exp(-(((hertz - first) / 150) ** 2)) + 0.5 * np.exp(-(((hertz - second) / 250) ** 2))
        sound += (formants + 0.01) * np.sin(harmonic * phase)
    sound *= np.maximum(0, np.sin(2 * np.pi * 3.3 * time)) ** 0.7
    sound *= 10 ** (-16 / 20) / np.sqrt(np.mean(sound**2))
    return (sound + rng.normal(0, 1e-4, sound.size)).astype(np.float32)


def in_chunks(sound: Float32, cuts: list[int]) -> Float32:
    stream = FeatureStream()
    parts = [stream.push(part) for part in np.split(sound, cuts)]
    return np.concatenate([*parts, stream.flush()])


# --- paper profile


@pytest.mark.parametrize("samples", [1, 399, 400, 401, 560, 561, 16000, 40123])
def test_paper_profile_equals_python_speech_features(samples: int) -> None:
    sound = voice(3)[:samples] + np.float32(0.1)
    reference = sound.astype(np.float64) - sound.mean(dtype=np.float64)
    reference /= max(np.abs(reference).max(), 1e-300)
    np.testing.assert_allclose(paper_features(sound), logfbank(reference, nfilt=26), atol=1e-4)


def test_paper_profile_of_a_long_recording_is_computed_in_blocks_without_seams() -> None:
    sound = voice(15)
    reference = sound.astype(np.float64) - sound.mean(dtype=np.float64)
    np.testing.assert_allclose(
        paper_features(sound), logfbank(reference / np.abs(reference).max(), nfilt=26), atol=1e-4
    )


def test_paper_profile_ignores_loudness_and_offset_and_keeps_its_input() -> None:
    sound = voice(1)
    before = sound.copy()
    np.testing.assert_allclose(paper_features(sound), paper_features(0.1 * sound + 0.2), atol=2e-2)
    np.testing.assert_array_equal(sound, before)


def test_paper_profile_of_silence_is_finite() -> None:
    features = paper_features(np.zeros(3200, np.float32))
    assert features.shape == (19, BANDS)
    np.testing.assert_allclose(features, np.log(np.finfo(np.float64).eps), rtol=1e-6)


@pytest.mark.parametrize("frames", [1, 2, 25, 120, 877, 5000])
@pytest.mark.parametrize("short", [0, 1, 639])
def test_align_gives_four_steps_per_frame_for_every_length(frames: int, short: int) -> None:
    samples = 640 * frames - short
    steps = 1 + max(0, -(-(samples - 400) // 160))
    ramp = np.repeat(np.arange(steps, dtype=np.float32)[:, None], BANDS, axis=1)
    aligned = align_steps(ramp, frames)
    assert aligned.shape == (STEPS_PER_FRAME * frames, BANDS)
    real = min(steps, max(round(3.9943 * frames), STEPS_PER_FRAME * frames - 5))
    np.testing.assert_array_equal(aligned[:real], ramp[:real])  # every step stays at its own time
    for index in range(real, len(aligned)):  # the rest is the mirror image
        bounce = index % max(1, 2 * (real - 1))
        np.testing.assert_array_equal(aligned[index], ramp[min(bounce, 2 * (real - 1) - bounce)])


@pytest.mark.parametrize(("steps", "frames"), [(0, 1), (10, 4), (10, 0)])
def test_align_refuses_features_that_cannot_fill_the_frames(steps: int, frames: int) -> None:
    with pytest.raises(ValueError, match="cannot fill"):
        align_steps(np.zeros((steps, BANDS), np.float32), frames)


# --- default profile


def naive_default(sound: Float32) -> npt.NDArray[np.float64]:
    """The documented definition, one step at a time, with the reference library's filters."""
    frames = -(-len(sound) // 640)
    padded = np.concatenate([np.zeros(121), sound, np.zeros(640 * frames - len(sound) + 120)])
    emphasised = padded[1:] - 0.97 * padded[:-1]
    filters = get_filterbanks(26, 512, 16000)
    window = np.hanning(401)[:400]
    decibel = np.log(10) / 10
    peak, noise, powers, rows = -38 * decibel, -38 * decibel, [10**-3.8] * 3, []
    for step in range(4 * frames):
        part = emphasised[160 * step : 160 * step + 400]
        part = (part - np.average(part, weights=window)) * window
        bands = filters @ (np.abs(np.fft.rfft(part, 512)) ** 2 / 512)
        powers.append(bands.sum())
        loudness = np.log(max(np.mean(powers[-4:]), 1e-30))
        peak = max(loudness, peak - 0.015 * decibel)
        noise = min(max(loudness, -60 * decibel), noise + 0.03 * decibel, -38 * decibel)
        level = max(peak, noise + 30 * decibel)
        rows.append((np.log(bands / np.exp(level) + 1e-5) + 8.5) / 2.7)
    return np.array(rows)


@pytest.mark.parametrize("samples", [1, 640, 641, 30000])
def test_default_profile_equals_its_definition(samples: int) -> None:
    sound = voice(2)[:samples]
    np.testing.assert_allclose(default_features(sound), naive_default(sound), atol=1e-5)


def test_default_profile_of_a_long_recording_equals_its_definition() -> None:
    sound = np.concatenate([voice(8), 0.01 * voice(7, seed=1)])  # the level falls for seconds, across blocks
    np.testing.assert_allclose(default_features(sound), naive_default(sound), atol=1e-5)


@settings(max_examples=40, deadline=None)
@given(
    samples=st.integers(0, 20000),
    cuts=st.lists(st.integers(0, 20000), max_size=12).map(sorted),
)
def test_any_chunking_gives_the_one_shot_features(samples: int, cuts: list[int]) -> None:
    sound = voice(1.25)[:samples]
    whole = default_features(sound)
    assert whole.shape == (STEPS_PER_FRAME * -(-samples // 640), BANDS)
    assert whole.dtype == np.float32
    np.testing.assert_allclose(in_chunks(sound, [min(cut, samples) for cut in cuts]), whole, atol=1e-5)


@pytest.mark.parametrize("size", [1, 37, 160, 640, 4096])
def test_equal_chunks_give_the_one_shot_features(size: int) -> None:
    sound = voice(0.5)
    chunked = in_chunks(sound, list(range(size, len(sound), size)))
    np.testing.assert_allclose(chunked, default_features(sound), atol=1e-5)


def test_steps_come_as_soon_as_their_look_ahead_is_there() -> None:
    stream = FeatureStream()
    sound = voice(1)
    assert len(stream.push(sound[: 160 + LOOKAHEAD - 1])) == 0
    assert len(stream.push(sound[160 + LOOKAHEAD - 1 : 160 + LOOKAHEAD])) == 1
    assert len(stream.push(sound[160 + LOOKAHEAD : 640 * 10])) == STEPS_PER_FRAME * 10 - 2
    assert len(stream.flush()) == 1


@pytest.mark.parametrize("step", [0, 17, 50])
def test_a_step_hears_nothing_after_its_look_ahead(step: int) -> None:
    sound = voice(1)
    end = 160 * (step + 1) + LOOKAHEAD
    changed = sound.copy()
    changed[end:] = 0.7
    np.testing.assert_array_equal(default_features(changed)[: step + 1], default_features(sound)[: step + 1])
    assert np.abs(default_features(changed)[step + 1] - default_features(sound)[step + 1]).max() > 0.01


def test_quiet_and_loud_speech_look_alike_after_a_second() -> None:
    sound = voice(4)
    loud, quiet = default_features(sound), default_features(sound * 10 ** (-30 / 20))
    np.testing.assert_allclose(quiet[STEPS_PER_SECOND:], loud[STEPS_PER_SECOND:], atol=0.05)
    assert loud[STEPS_PER_SECOND:].std() > 0.5


def test_speech_is_about_standardised_and_in_range() -> None:
    features = default_features(voice(5))
    assert abs(features.mean()) < 1
    assert 0.5 < features.std() < 1.5
    assert features.min() >= FEATURE_RANGE[0] - 1e-6
    assert features.max() <= FEATURE_RANGE[1] + 1e-6


def test_any_sound_stays_in_range() -> None:
    rng = np.random.default_rng(0)
    burst = np.zeros(16000, np.float32)
    burst[5000:5010] = 1
    for sound in (burst, rng.uniform(-1, 1, 16000), np.sign(np.sin(np.arange(16000))), np.ones(16000)):
        features = default_features(sound)
        assert np.isfinite(features).all()
        assert FEATURE_RANGE[0] - 1e-6 <= features.min() <= features.max() <= FEATURE_RANGE[1] + 1e-6


def test_digital_silence_is_the_lower_end_and_room_noise_stays_far_under_speech() -> None:
    np.testing.assert_allclose(default_features(np.zeros(16000, np.float32)), FEATURE_RANGE[0], atol=1e-6)
    for decibels in (-80, -70, -60):
        noise = np.random.default_rng(0).normal(0, 10 ** (decibels / 20), 32000)
        assert default_features(noise).mean() < FEATURE_RANGE[0] + 0.4
    assert default_features(voice(2)).mean() > FEATURE_RANGE[0] + 0.7


def test_a_constant_offset_of_the_microphone_changes_nothing() -> None:
    sound = voice(1)
    inside = slice(8, -4)  # the offset itself begins and ends with a step
    shifted = default_features(sound + np.float32(0.1))
    np.testing.assert_allclose(shifted[inside], default_features(sound)[inside], atol=0.01)


def test_level_falls_one_and_a_half_decibels_a_second() -> None:
    tone = 0.01 * np.sin(2 * np.pi * 1000 * np.arange(4 * 16000) / 16000)
    features = default_features(np.concatenate([voice(1), tone]))
    band = features[300].argmax()
    rises = np.diff(features[150:500:50, band]) * 2.7 * 10 / np.log(10) / 0.5
    np.testing.assert_allclose(rises, 1.5, atol=0.1)


@pytest.mark.parametrize("make", [default_features, paper_features])
def test_unusable_sound_is_refused_in_a_sentence(make: object) -> None:
    assert callable(make)
    with pytest.raises(InputError, match="one channel"):
        make(np.zeros((100, 2)))
    with pytest.raises(InputError, match="not finite"):
        make(np.array([0.0, np.nan]))
    with pytest.raises(InputError, match="not finite"):
        make(np.array([0.0, np.inf]))


def test_paper_profile_refuses_an_empty_sound() -> None:
    with pytest.raises(InputError, match="empty"):
        paper_features(np.zeros(0))


def test_a_flushed_stream_takes_no_more() -> None:
    stream = FeatureStream()
    assert stream.flush().shape == (0, BANDS)
    with pytest.raises(ValueError, match="flushed"):
        stream.push(np.zeros(10))
    with pytest.raises(ValueError, match="flushed"):
        stream.flush()
