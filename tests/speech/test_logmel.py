"""Log-mel energies follow the sound, whatever its loudness."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import numpy as np

from mssync.media.audio import load_sound
from mssync.speech.logmel import MEL_BANDS, log_mel

JUDGE = Path(str(resources.files("mssync"))) / "weights" / "judge"


def test_log_mel_follows_the_sound() -> None:
    voice = load_sound(Path(str(resources.files("mssync"))) / "data" / "demo.flac")[:32000]
    mel = log_mel(voice)
    assert mel.shape == (200, MEL_BANDS) and mel.min() >= 0 and mel.max() <= 1
    assert np.allclose(log_mel(voice * 0.1), mel, atol=0.02), "loudness of the recording does not matter"
    tone = np.sin(2 * np.pi * 1000 * np.arange(16000) / 16000).astype(np.float32)
    tone[:8000] = 0
    heard = log_mel(tone)
    assert heard[:45].max() < 0.01 and heard[55:95].max() > 0.9
    assert heard[70].argmax() == heard[90].argmax() and 10 < int(heard[70].argmax()) < 20
    assert log_mel(np.zeros(641, np.float32)).shape == (8, MEL_BANDS)
