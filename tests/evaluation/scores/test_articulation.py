"""Articulation on mouths that are written by hand."""

from __future__ import annotations

import numpy as np
import pytest
from motion_samples import by_key, footage, motion_of
from numpy.typing import NDArray

from mssync.evaluation.scores.articulation import CLOSED, loudness, scores
from mssync.speech.phones import Phone, frames_of

Array64 = NDArray[np.float64]
FRAMES = 250
PHONES = [
    Phone(name, 0.12 * i, 0.12 * (i + 1))
    for i, name in enumerate((["SIL"] * 4 + ["B", "AA", "S", "EH", "M", "AE", "IY", "T"] * 10)[:80])
]  # fmt: skip


def spoken_gap(*, shut: float = 0.0, wide: float = 0.2) -> Array64:
    """A gap that closes at bilabials, opens wide in open vowels, and lies at 0.1 between."""
    gap = np.full(FRAMES, 0.1)
    for p in PHONES:
        rows = frames_of(p, FRAMES, 0)
        if p.name in ("B", "M"):
            gap[rows.start + 1] = shut
        if p.name in ("AA", "AE", "EH"):
            gap[rows.start + 1 : rows.stop - 1] = wide
    return gap


def talk(gap: Array64, phones: list[Phone] | None = PHONES, valid: NDArray[np.bool_] | None = None) -> dict[str, float]:
    seen = footage(motion_of(FRAMES, lip_gap=gap), speech=np.ones(FRAMES), valid=valid)
    return {k: s.value for k, s in by_key(scores(seen, phones)).items() if s.value is not None}


def babble(frames: int, seed: int = 0) -> tuple[Array64, Array64]:
    """A loudness course ``(frames,)`` in [0, 1] like syllables, and noise ``(640 frames,)`` that follows it."""
    rng = np.random.default_rng(seed)
    course = np.convolve(rng.standard_normal(frames + 40), np.hanning(7), "same")[20:-20]
    course = (course - course.min()) / (course.max() - course.min())
    return course, rng.standard_normal(640 * frames) * np.repeat(0.3 * 10.0 ** (1.5 * (course - 1)), 640)


def test_lips_that_close_and_lips_that_do_not() -> None:
    seen = footage(motion_of(FRAMES, lip_gap=spoken_gap()), speech=np.ones(FRAMES))
    closed = by_key(scores(seen, PHONES))["articulation.closed"]
    assert closed.value == 1.0 and closed.aim == "high" and "of /p b m/" in closed.note
    assert closed.chance is not None and 0.3 < closed.chance < 0.8
    assert closed.interval is not None and 0.8 < closed.interval[0] < 1.0 == closed.interval[1]
    assert talk(spoken_gap(shut=0.05))["articulation.closed"] == 0.0
    assert talk(spoken_gap(shut=CLOSED - 0.001))["articulation.closed"] == 1.0


def test_closing_at_the_wrong_time_is_chance() -> None:
    late = np.roll(spoken_gap(), 6)
    assert talk(late)["articulation.closed"] == 0.0


def test_a_mouth_that_is_always_shut_is_no_better_than_chance() -> None:
    seen = footage(motion_of(FRAMES, lip_gap=0.0), speech=np.ones(FRAMES))
    found = by_key(scores(seen, PHONES))
    assert found["articulation.closed"].value == found["articulation.closed"].chance == 1.0
    assert found["articulation.open"].value is None and "hardly opens" in found["articulation.open"].note
    assert found["articulation.lag"].value is None and found["articulation.loudness"].value is None


def test_open_vowels() -> None:
    wide = talk(spoken_gap(wide=0.3))["articulation.open"]
    narrow = talk(spoken_gap(wide=0.1))["articulation.open"]
    assert wide > 1.3 and narrow == pytest.approx(1.0, abs=0.01)
    only = [p for p in PHONES if p.name in ("AA", "SIL")]
    gap = np.full(FRAMES, 0.1)
    for p in only:
        if p.name == "AA":
            gap[frames_of(p, FRAMES, 0)] = 0.25
    seen = footage(motion_of(FRAMES, lip_gap=gap), speech=np.ones(FRAMES))
    score = by_key(scores(seen, only))["articulation.open"]
    assert score.value == pytest.approx(2.5) and score.chance is not None and score.chance < 1.3
    assert score.interval == pytest.approx((2.5, 2.5))


def test_without_text_nothing_is_guessed() -> None:
    seen = footage(motion_of(FRAMES, lip_gap=spoken_gap()), speech=np.ones(FRAMES))
    found = by_key(scores(seen, None))
    for key in ("articulation.closed", "articulation.open"):
        assert found[key].value is None and "--text" in found[key].note
    none = by_key(scores(seen, [Phone("S", 0.1, 0.4)]))
    assert none["articulation.closed"].value is None and none["articulation.open"].value is None


def test_lost_frames_do_not_count() -> None:
    valid = np.ones(FRAMES, np.bool_)
    valid[:125] = False
    assert talk(spoken_gap(), valid=valid)["articulation.closed"] == 1.0
    gap = spoken_gap()
    gap[:125] = 0.5
    assert talk(gap, valid=valid)["articulation.closed"] == 1.0


def test_phones_at_and_beyond_the_end() -> None:
    assert frames_of(Phone("B", 0.0, 0.08), 50, 1) == slice(0, 3)
    assert frames_of(Phone("B", 0.08, 0.12), 50, 0) == slice(2, 3)
    assert frames_of(Phone("B", 1.9, 2.2), 50, 1) == slice(46, 50)
    late = [Phone("B", 11.0, 11.1), Phone("AA", 11.1, 11.3)]
    seen = footage(motion_of(FRAMES, lip_gap=spoken_gap()), speech=np.ones(FRAMES))
    assert by_key(scores(seen, late))["articulation.closed"].value is None


@pytest.mark.parametrize("lag", [-9, -7, -2, 0, 1, 5, 8])
@pytest.mark.parametrize("frames", [100, 400])
def test_a_known_lag_is_reported_as_that_lag(lag: int, frames: int) -> None:
    course, sound = babble(frames + 40)
    gap = course[20 - lag : 20 - lag + frames] * 0.2
    found = scores(footage(motion_of(frames, lip_gap=gap), sound=sound[640 * 20 : 640 * (20 + frames)]), None)
    score = by_key(found)["articulation.lag"]
    assert score.value == lag
    assert score.interval == pytest.approx((lag, lag), abs=1)


@pytest.mark.parametrize("shift", [-4, 3])
def test_delayed_sound_moves_the_lag_by_as_much_beside_a_slow_smile(shift: int) -> None:
    course, sound = babble(340)
    smile = 0.5 * np.sin(np.arange(300) / 15.0)
    heard = sound[640 * (20 - shift) : 640 * (320 - shift)]
    found = by_key(scores(footage(motion_of(300, lip_gap=course[20:320] * 0.2 + smile), sound=heard), None))
    assert found["articulation.lag"].value == -shift


def test_a_lag_that_cannot_be_told_is_not_run() -> None:
    _, sound = babble(400)
    other, _ = babble(400, seed=9)
    apart = by_key(scores(footage(motion_of(400, lip_gap=other * 0.2), sound=sound), None))["articulation.lag"]
    assert apart.value is None and "chance" in apart.note
    beat = 0.5 + 0.5 * np.sin(2 * np.pi * np.arange(400) / 6.0)  # every syllable like the other
    even = np.random.default_rng(0).standard_normal(640 * 400) * np.repeat(0.3 * 10.0 ** (1.5 * (beat - 1)), 640)
    several = by_key(scores(footage(motion_of(400, lip_gap=beat * 0.2), sound=even), None))["articulation.lag"]
    assert several.value is None


def test_correlation_with_loudness_and_its_chance() -> None:
    course, sound = babble(400)
    both = by_key(scores(footage(motion_of(400, lip_gap=course * 0.2), sound=sound), None))["articulation.loudness"]
    assert both.value is not None and both.chance is not None and both.interval is not None
    assert both.value > 0.9 and both.chance < 0.35 and both.interval[0] < both.value < both.interval[1] + 0.02
    other, _ = babble(400, seed=9)
    apart = by_key(scores(footage(motion_of(400, lip_gap=other * 0.2), sound=sound), None))["articulation.loudness"]
    assert apart.value is not None and apart.chance is not None and abs(apart.value - apart.chance) < 0.2


def test_a_second_of_footage_is_enough_to_say_something() -> None:
    course, sound = babble(25)
    found = by_key(scores(footage(motion_of(25, lip_gap=course * 0.2), sound=sound), None))
    loud = found["articulation.loudness"]
    assert loud.value is not None and loud.value > 0.9 and loud.chance is None and loud.interval is None
    assert found["articulation.lag"].value is None


def test_loudness_is_cut_off_below() -> None:
    sound = np.concatenate([np.zeros(6400), np.full(6400, 0.5), np.full(6400, 0.005)]).astype(np.float32)
    level = loudness(sound, 40)
    assert level[:10] == pytest.approx(0.0) and level[10:20] == pytest.approx(40.0, abs=0.01)
    assert level[20:30] == pytest.approx(0.0, abs=0.01) and level[30:] == pytest.approx(0.0)
