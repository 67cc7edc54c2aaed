"""What the end-to-end tests share: the command line in this process, a portrait, a voice, and one video made once."""

from __future__ import annotations

import logging
import signal
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from matplotlib import get_data_path
from numpy.typing import NDArray

import mssync
from mssync import TalkingHead, cli
from mssync.media.audio import load_sound, save_wav
from mssync.media.image import load_image, save_png

SIDE = 288
PAUSE = (2.1, 3.2)  # seconds of silence in the middle of the voice
VOICE_SAMPLES = round(5.4 * 16_000) + 300  # not a whole number of frames


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    code: int
    out: str
    err: str


@pytest.fixture
def mssync_cli(capfd: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """``mssync_cli("animate", photo, ...)``: run the command line, native output included."""

    def run(*words: object) -> Done:
        capfd.readouterr()
        code = call_cli(*words)
        return Done(code, *capfd.readouterr())

    return run


def call_cli(*words: object) -> int:
    """The command line in this process, its marks on the process undone; returns the exit code."""
    handlers, argv, show = logging.getLogger().handlers[:], sys.argv, warnings.showwarning
    numbers = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)]
    stops = {number: signal.getsignal(number) for number in numbers}
    sys.argv = ["mssync", *map(str, words)]
    try:
        cli.main()
    except SystemExit as end:
        return int(end.code or 0)
    finally:
        sys.argv, warnings.showwarning = argv, show
        logging.getLogger().handlers[:] = handlers
        for number, stop in stops.items():
            signal.signal(number, stop)


@pytest.fixture(scope="session")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("e2e")


@pytest.fixture(scope="session")
def portrait() -> Path:
    """Grace Hopper, public domain, 512 x 600."""
    return Path(get_data_path()) / "sample_data" / "grace_hopper.jpg"


@pytest.fixture(scope="session")
def photo(portrait: Path, workplace: Path) -> Path:
    """The same, small and of an odd width, so that tests are quick."""
    path = workplace / "photo.png"
    save_png(path, load_image(portrait).resized(SIDE).rgb[:, :-1], force=True)
    return path


@pytest.fixture(scope="session")
def voice_samples() -> NDArray[np.float32]:
    """Two stretches of speech with a pause (``PAUSE``) between them."""
    demo = load_sound(Path(mssync.__file__).parent / "data" / "demo.flac")
    first, second = demo[round(3.35 * 16_000) : round(5.3 * 16_000)], demo[round(6.1 * 16_000) :]
    silence = np.zeros(round((PAUSE[1] - PAUSE[0]) * 16_000), np.float32)
    lead = np.zeros(round(0.15 * 16_000), np.float32)
    return np.concatenate([lead, first, silence, second])[:VOICE_SAMPLES]


@pytest.fixture(scope="session")
def voice(voice_samples: NDArray[np.float32], workplace: Path) -> Path:
    path = workplace / "voice.wav"
    save_wav(path, voice_samples, 16_000, True)
    return path


@pytest.fixture(scope="session")
def short_voice(voice_samples: NDArray[np.float32], workplace: Path) -> Path:
    """Six tenths of a second, where only the file matters."""
    path = workplace / "short.wav"
    save_wav(path, voice_samples[8000 : 8000 + 9600], 16_000, True)
    return path


@pytest.fixture(scope="session")
def talking_head() -> TalkingHead:
    return TalkingHead.load()


@pytest.fixture(scope="session")
def spoken(photo: Path, voice: Path, workplace: Path) -> Path:
    """The one true run: ``mssync animate`` on the photo and the voice; the motion lies beside it."""
    out = workplace / "spoken.mp4"
    code = call_cli("animate", photo, voice, "-o", out, "--seed", 7, "--motion-out", out.with_suffix(".npz"))
    assert code == 0
    return out
