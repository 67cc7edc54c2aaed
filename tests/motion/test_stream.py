"""The shipped generator as a stream: chunking, seeds, silence, knobs, endurance."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from mssync import TalkingHead
from mssync.errors import InputError
from mssync.motion.options import MotionOptions

Array = NDArray[np.float32]
RATE = 16000
HEAD = slice(0, 6)
GAP, LIDS, GAZE = -5, slice(-4, -2), slice(-2, None)


@pytest.fixture(scope="module")
def talking() -> TalkingHead:
    return TalkingHead.load()


@pytest.fixture(scope="module")
def voice() -> Array:
    """Two seconds of the shipped demo voice's beginning, one of silence, one more of voice."""
    from importlib import resources

    import av

    with av.open(str(resources.files("mssync") / "data" / "demo.flac")) as c:
        to = av.AudioResampler(format="flt", layout="mono", rate=RATE)
        sound = np.concatenate([f.to_ndarray()[0] for a in c.decode(audio=0) for f in to.resample(a)])
    pause = np.zeros(RATE, np.float32)
    return np.concatenate([sound[: 2 * RATE], pause, sound[2 * RATE : 3 * RATE]]).astype(np.float32)


def _run(talking: TalkingHead, sound: Array, chunk: int = RATE, **options: float) -> Array:
    stream = talking.stream(MotionOptions(**options))  # type: ignore[arg-type]
    rows = [stream.push(sound[i : i + chunk]) for i in range(0, len(sound), chunk)]
    return np.concatenate([*rows, stream.flush()])


@pytest.mark.parametrize("chunk", [160, 1999, 640 * 7, 10**6])
def test_any_chunking_gives_the_same_motion(talking: TalkingHead, voice: Array, chunk: int) -> None:
    whole = _run(talking, voice)
    assert len(whole) == -(-len(voice) // 640)
    assert np.isfinite(whole).all()
    assert np.abs(_run(talking, voice, chunk) - whole).max() < 1e-5


def test_same_seed_is_identical_and_seeds_differ(talking: TalkingHead, voice: Array) -> None:
    a, b = _run(talking, voice, seed=1), _run(talking, voice, seed=1)
    assert np.array_equal(a, b)
    c = _run(talking, voice, seed=2)
    assert np.abs(a[:, HEAD] - c[:, HEAD]).max() > 0.01


def test_mouth_speaks_with_the_voice_and_rests_in_silence(talking: TalkingHead, voice: Array) -> None:
    rows = _run(talking, voice)
    speaking, silent = rows[10:48, GAP], rows[58:66, GAP]  # lips part up to nine frames before a voice begins
    assert speaking.std() > 0.01 and speaking.max() > 0.04
    assert np.abs(silent).max() < 1e-6
    assert (rows[:, GAP] >= 0).all()


def test_all_silence_keeps_the_mouth_shut_and_the_head_alive(talking: TalkingHead) -> None:
    rows = _run(talking, np.zeros(8 * RATE, np.float32))
    assert np.abs(rows[:, GAP]).max() < 1e-6
    assert rows[:, :3].std(0).max() > np.radians(0.15)


def test_knobs_do_what_they_say(talking: TalkingHead, voice: Array) -> None:
    base = _run(talking, voice)
    half = _run(talking, voice, head=0.5)
    assert np.allclose(half[:, HEAD], 0.5 * base[:, HEAD], atol=1e-6)
    assert np.array_equal(half[:, GAP], base[:, GAP])
    still = _run(talking, voice, head=0.0)
    assert (still[:, HEAD] == 0).all() and (still[:, GAZE] == 0).all()
    mute = _run(talking, voice, mouth=0.0)
    assert (mute[:, 6:-4] == 0).all() and np.array_equal(mute[:, HEAD], base[:, HEAD])
    awake = _run(talking, voice, blink=0.0)
    keep = [i for i in range(base.shape[1]) if i not in range(base.shape[1] - 4, base.shape[1] - 2)]
    assert np.array_equal(awake[:, keep], base[:, keep])
    often = _run(talking, np.zeros(20 * RATE, np.float32), blink=4.0)
    assert often[:, LIDS].max() > 0.9 and awake[:, LIDS].max() < 0.7


@pytest.mark.parametrize("bad", [{"head": -1.0}, {"mouth": 99.0}, {"blink": float("nan")}, {"seed": -1}])
def test_knobs_out_of_range_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(InputError, match="must"):
        MotionOptions(**bad)  # type: ignore[arg-type]


def test_a_minute_neither_drifts_nor_freezes(talking: TalkingHead, voice: Array) -> None:
    sound = np.tile(voice, 15)
    rows = _run(talking, sound)
    early, late = rows[:375], rows[-375:]
    assert np.abs(rows[:, :3]).max() < np.radians(45)
    assert 0.3 < late[:, :3].std() / early[:, :3].std() < 3.0
    assert 0.5 < late[:, GAP].std() / early[:, GAP].std() < 2.0
    jump = np.abs(np.diff(rows[:, :3], axis=0)).max()
    assert jump < np.radians(6)


def test_state_is_small_and_of_fixed_size(talking: TalkingHead) -> None:
    generator = talking.generator
    state = generator.start(0)
    sound = np.zeros((4 * 68, 26), np.float32)
    sizes = []
    for _ in range(8):
        state, _rows = generator.block(state, sound)
        sizes.append(sum(a.nbytes for a in state.arrays().values()))
    assert len(set(sizes)) == 1 and sizes[0] < 100_000


def test_heads_glide_and_do_not_tremble(talking: TalkingHead, voice: Array) -> None:
    turn = _run(talking, np.tile(voice, 3))[:, :3]
    speed = np.diff(turn, axis=0) * np.hanning(len(turn) - 1)[:, None]
    power = (np.abs(np.fft.rfft(speed, axis=0)) ** 2).sum(1)
    assert power[np.fft.rfftfreq(len(speed), 0.04) > 6].sum() < 0.04 * power.sum()


def test_lips_touch_where_the_sound_asks_for_it(
    talking: TalkingHead, voice: Array, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = _run(talking, voice)
    monkeypatch.setattr(talking.generator, "closures", lambda sound: np.ones(8, np.float32))
    shut = _run(talking, voice)
    assert free[:, GAP].max() > 0.1 and np.abs(shut[:, GAP]).max() == 0.0
    assert np.array_equal(np.delete(free, GAP + free.shape[1], 1), np.delete(shut, GAP + free.shape[1], 1))
