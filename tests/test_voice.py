"""A voice is heard at any level, and where no speech is heard a note says why."""

from __future__ import annotations

import warnings
from pathlib import Path

import av
import numpy as np
import pytest

import mssync
from mssync.errors import InputError
from mssync.media.audio import load_sound, save_wav
from mssync.motion.options import MotionOptions
from mssync.pipeline import TalkingHead, _spoken
from mssync.voice import Speech

RATE = 16_000


@pytest.fixture(scope="module")
def head() -> TalkingHead:
    return TalkingHead.load()


@pytest.fixture(scope="module")
def words() -> np.ndarray:
    demo = load_sound(Path(mssync.__file__).parent / "data" / "demo.flac")[: 4 * RATE]
    return np.asarray(demo / np.sqrt(np.mean(demo**2)), np.float32)


def _motion(head: TalkingHead, voice: Speech) -> np.ndarray:
    return np.concatenate(list(_spoken(head.stream(MotionOptions()), voice, head.space, None)))


def _saved(path: Path, sound: np.ndarray) -> Path:
    save_wav(path, sound.astype(np.float32), RATE, True)
    return path


def test_speech_moves_the_lips_at_any_level(head: TalkingHead, words: np.ndarray, tmp_path: Path) -> None:
    lips = head.space.names.index("lip_gap")
    spread = {}
    for level in (-20, -50, -70):
        voice = Speech.open(_saved(tmp_path / f"{level}.wav", words * 10 ** (level / 20)))
        spread[level] = _motion(head, voice)[:, lips].std()
        assert (voice.meter.gain == 1.0) == (level == -20)
    assert spread[-20] > 0.04
    assert spread[-50] == pytest.approx(spread[-20], rel=0.1)
    assert spread[-70] == pytest.approx(spread[-20], rel=0.15)
    # What is laid under the video is the recording as it is.
    with voice.file() as path:
        assert np.abs(load_sound(path)).max() < 0.01


NOISE = np.random.default_rng(0).standard_normal(2 * RATE)
RHYTHM = 1 + 0.9 * np.sin(2 * np.pi * 3 * np.arange(NOISE.size) / RATE)


@pytest.mark.parametrize(
    ("sound", "why"),
    [
        (np.zeros(RATE), "it is silent"),
        (NOISE * 1e-5, "it is silent"),
        (NOISE[: RATE // 3] * 1e-2, r"only 0\.3 s long"),
        (NOISE * 3e-3, "only steady noise"),
        (NOISE * RHYTHM * 3e-4, "very quiet"),
        (NOISE * RHYTHM * 0.03, "not like speech"),
    ],
)
def test_a_voice_without_speech_says_why(head: TalkingHead, sound: np.ndarray, why: str, tmp_path: Path) -> None:
    path = _saved(tmp_path / "v.wav", sound)
    with pytest.warns(UserWarning, match=rf"No speech was heard in .*v\.wav, so the mouth stays shut: .*{why}"):
        rows = _motion(head, Speech.open(path))
    assert not rows[:, head.space.names.index("lip_gap")].any()
    with pytest.warns(UserWarning, match=f"No speech was heard in the speech, .*{why}"):
        _motion(head, Speech.open(sound.astype(np.float32)))


def test_a_note_is_made_once(head: TalkingHead, words: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "v.wav"
    save_wav(path, np.stack([words, -words], 1) * 0.1, RATE, True)
    with warnings.catch_warnings(record=True) as notes:
        warnings.simplefilter("always")
        _motion(head, Speech.open(path))
    assert [str(n.message).count("cancel each other") for n in notes] == [1]


@pytest.mark.parametrize(("kind", "codec", "refused"), [("wav", "pcm_s16le", True), ("matroska", "pcm_s16le", False)])
def test_a_sound_that_breaks_off(kind: str, codec: str, refused: bool, tmp_path: Path) -> None:
    """What it is shows in the file, not in its name; where the header is no proof a note must do."""
    path = tmp_path / "a.sound"
    with av.open(str(path), "w", format=kind) as container:
        stream = container.add_stream(codec, rate=RATE, layout="mono")
        for start in range(0, 4 * RATE, 1600):
            frame = av.AudioFrame.from_ndarray(np.full((1, 1600), 1000, np.int16), format="s16", layout="mono")
            frame.sample_rate, frame.pts = RATE, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    if refused:
        with pytest.raises(InputError, match=r"a\.sound breaks off after 2\.0 of 4\.0 s; copy or save it again"):
            Speech.open(path)
    else:
        with pytest.warns(UserWarning, match=r"a\.sound breaks off after [12]\.\d of 4\.0 s that its header tells"):
            assert 1.8 < Speech.open(path).samples / RATE < 2.1
