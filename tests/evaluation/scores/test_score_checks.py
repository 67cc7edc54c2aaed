"""Scores on footage with a known fault: what ``benchmarks/score_checks.py`` measures on people, held without them.

Motion is made by our own model on the demo voice, or written by hand; pictures are our own rendered ones.
"""

from __future__ import annotations

from dataclasses import replace
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from matplotlib import get_data_path
from motion_samples import by_key, footage, motion_of, sway, value
from numpy.typing import NDArray

from mssync import TalkingHead
from mssync.evaluation.footage import Footage, read_footage
from mssync.evaluation.scores import head, prosody, silence, sync
from mssync.evaluation.scores.score import Score
from mssync.face.tracking import FaceTracker
from mssync.media.audio import load_sound, save_wav
from mssync.media.image import load_image, save_png
from mssync.media.video import VideoWriter
from mssync.motion.options import MotionOptions
from mssync.motion.space import Motion
from mssync.motion.syncers import SyncerPyramid

Array = NDArray[np.float32]

SIDE = 288
PIXEL_FRAMES = 150
AXES = ("head.yaw_std", "head.pitch_std", "head.roll_std")


@pytest.fixture(scope="module")
def judge() -> SyncerPyramid:
    return SyncerPyramid.load()


@pytest.fixture(scope="module")
def talk() -> Footage:
    """The demo voice and the motion that our model makes to it."""
    voice = load_sound(Path(str(resources.files("mssync"))) / "data" / "demo.flac")
    model = TalkingHead.load()
    stream = model.stream(MotionOptions(seed=1))
    motion = Motion(np.concatenate([stream.push(voice), stream.flush()]), model.space.names)
    seen = footage(motion, points=np.zeros((len(motion), 478, 3), np.float32))
    return replace(seen, sound=voice)


def lips(judge: SyncerPyramid, seen: Footage) -> dict[str, Score]:
    """Scores of the lips at levels 0 and 1, with no other view."""
    whole = sync.embedded(seen, judge)
    some = {level: whole.pairs["lips"][level] for level in (0, 1)}
    return by_key(sync.scores(sync.Embedded({"lips": some}, whole.demo), judge))


# ---- a known delay ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [-6, -3, 0, 2, 5])
def test_a_delayed_voice_is_reported_by_the_shipped_judge(judge: SyncerPyramid, talk: Footage, k: int) -> None:
    n = 640 * abs(k)
    late = np.pad(talk.sound[n:], (0, n)) if k < 0 else np.pad(talk.sound[: len(talk.sound) - n], (n, 0))
    found = lips(judge, replace(talk, sound=late))
    # A sound that is late makes the picture early.
    assert value(found.values(), "sync.lips.level0.offset") == pytest.approx(-k, abs=1)
    assert value(found.values(), "sync.lips.level1.offset") == pytest.approx(-k / 2, abs=1)
    assert all(sync.separates(s) for key, s in found.items() if key.endswith("confidence"))


@pytest.mark.parametrize("lag", [-7, 0, 4])
def test_a_lag_between_vectors_is_reported_in_steps_of_its_level(judge: SyncerPyramid, lag: int) -> None:
    rng = np.random.default_rng(0)
    course = rng.standard_normal((300, 64)).astype(np.float32)
    sound = course[20:280] / np.linalg.norm(course[20:280], axis=1, keepdims=True)
    late = course[20 - lag : 280 - lag] / np.linalg.norm(course[20 - lag : 280 - lag], axis=1, keepdims=True)
    found = by_key(sync.scores(sync.Embedded({"lips": {0: (late, sound), 3: (late, sound), 2: None}}), judge))
    for level in (0, 3):
        assert found[f"sync.lips.level{level}.offset"].value == lag
        assert found[f"sync.lips.level{level}.distance"].value == pytest.approx(0.0, abs=1e-5)
    assert found["sync.lips.level2.offset"].value is None and "4.3 s" in found["sync.lips.level2.offset"].note


# ---- real, shuffled, still ----------------------------------------------------------------------------------------


def test_speech_beats_another_voice_beats_a_still_face(judge: SyncerPyramid, talk: Footage) -> None:
    backwards = replace(talk, sound=talk.sound[::-1].copy())
    still = replace(talk, motion=np.repeat(talk.motion[:1], len(talk), 0))
    for level in (0, 1):
        key = f"sync.lips.level{level}.confidence"
        own, other, none = (lips(judge, seen)[key] for seen in (talk, backwards, still))
        assert own.value is not None and other.value is not None and none.value is not None
        assert own.value > 1.4 * other.value and other.value > none.value
        assert sync.separates(own) and not sync.separates(other) and none.value < 0.1 * own.value


def test_a_mouth_that_knows_of_the_silence_beats_one_that_does_not() -> None:
    frames = 300
    speech = (np.arange(frames) // 50 % 2).astype(float)
    gap = 0.1 * speech * (1 + np.sin(np.arange(frames)))
    own, other, frozen = (
        value(silence.scores(footage(motion_of(frames, lip_gap=g), speech=speech)), "silence.gap")
        for g in (gap, np.roll(gap, 50), np.full(frames, 0.1))
    )
    assert own < 0.01 < min(other, frozen)


def test_nods_on_the_syllables_beat_nods_anywhere_and_a_still_head_has_none() -> None:
    frames, rng = 1500, np.random.default_rng(0)
    times = np.cumsum(rng.uniform(0.5, 1.1, 60))
    times = times[times < frames / 25 - 1]
    t = np.arange(16000 * frames // 25) / 16000
    sound = rng.normal(0, 0.3, len(t)) * sum(np.exp(-(t - m) / 0.1) * (t >= m) for m in times)
    clock = np.arange(frames) / 25
    nods = np.radians(4.0) * sum(np.tanh((clock - m) / 0.06) * (-1) ** i for i, m in enumerate(times))
    kinds = (nods, np.roll(nods, 700), np.zeros(frames))
    own, other, still = (by_key(prosody.scores(footage(motion_of(frames, rot_x=n), sound=sound))) for n in kinds)
    above = [s["prosody.onsets"].value - s["prosody.onsets"].chance for s in (own, other)]  # type: ignore[operator]
    assert above[0] > 0.3 > 0.1 > above[1]
    assert still["prosody.onsets"].value is None and still["prosody.beat_rate"].value == 0


# ---- pixels -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[float, int], Footage]:
    """Our renderer's videos of one head motion times 0.5, 1 and 1.5, once more at crf 28, tracked from their pixels."""
    folder = tmp_path_factory.mktemp("rendered")
    portrait = load_image(Path(get_data_path()) / "sample_data" / "grace_hopper.jpg").resized(SIDE).rgb
    save_png(folder / "photo.png", portrait, force=True)
    save_wav(folder / "sound.wav", np.zeros(640 * PIXEL_FRAMES, np.float32), 16_000, True)
    model, tracker = TalkingHead.load(), FaceTracker()
    gap = 0.06 * (1 + np.sin(np.arange(PIXEL_FRAMES)))
    out = {}
    for times, crf in ((0.5, 18), (1.0, 18), (1.5, 18), (1.0, 28)):
        motion = motion_of(PIXEL_FRAMES, **sway(PIXEL_FRAMES, 0, degrees=4.0 * times), lip_gap=gap)
        film = model.render(folder / "photo.png", motion, folder / "sound.wav")
        path = folder / f"{times}-{crf}.mp4"
        with VideoWriter(path, *film.size, sound=folder / "sound.wav", crf=crf) as video:
            for frame in film.frames():
                video.write(frame)
        out[times, crf] = read_footage(path, tracker=tracker)
    return out


@pytest.mark.parametrize("times", [0.5, 1.5])
def test_more_or_less_head_motion_is_told_apart(rendered: dict[tuple[float, int], Footage], times: float) -> None:
    own, other = (by_key(head.scores(rendered[key], None)) for key in ((1.0, 18), (times, 18)))
    for key in AXES:
        interval, found = own[key].interval, other[key].value
        assert interval is not None and found is not None
        assert found < interval[0] if times < 1 else found > interval[1]


def test_compression_moves_the_head_by_less_than_its_interval(rendered: dict[tuple[float, int], Footage]) -> None:
    fine, coarse = (by_key(head.scores(rendered[1.0, crf], None)) for crf in (18, 28))
    for key in AXES:
        interval, a, b = fine[key].interval, fine[key].value, coarse[key].value
        assert interval is not None and a is not None and b is not None
        assert abs(b - a) < (interval[1] - interval[0]) / 2
    gaps = [rendered[1.0, crf].column("lip_gap") for crf in (18, 28)]
    assert np.corrcoef(*gaps)[0, 1] > 0.9
