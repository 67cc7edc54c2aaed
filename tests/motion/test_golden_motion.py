"""The default model's motion, number by number: what is only moved or renamed does not change it.

New weights, or a mended fault, change it on purpose. Record it again then:

    python tests/motion/test_golden_motion.py
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import pytest
from numpy.typing import NDArray

from mssync import TalkingHead
from mssync.media.audio import load_sound
from mssync.motion.options import MotionOptions

Array = NDArray[np.float32]

GOLDEN: Final = Path(__file__).with_name("golden_motion.npz")
DEMO: Final = Path(__file__).resolve().parents[2] / "src" / "mssync" / "data" / "demo.flac"
SEEDS: Final = (0, 1)
RATE: Final = 16000


def speech() -> Array:
    """Two seconds of drawn noise in syllables, half a second of silence, three seconds of the demo voice."""
    t = np.arange(2 * RATE) / RATE
    noise = 0.1 * np.random.default_rng(7).standard_normal(len(t)) * np.maximum(np.sin(2 * np.pi * 4 * t), 0.0)
    demo = load_sound(DEMO)[: 3 * RATE]
    return np.concatenate([noise, np.zeros(RATE // 2), demo]).astype(np.float32)


def motion(seed: int) -> Array:
    """What the default model makes of it."""
    stream = TalkingHead.load().stream(MotionOptions(seed))
    return np.concatenate([stream.push(speech()), stream.flush()])


@pytest.mark.parametrize("seed", SEEDS)
def test_the_default_motion_is_what_it_was(seed: int) -> None:
    with np.load(GOLDEN, allow_pickle=False) as golden:
        was = golden[f"seed_{seed}"]
    now = motion(seed)
    assert now.shape == was.shape
    worst = np.unravel_index(int(np.abs(now - was).argmax()), now.shape)
    assert np.abs(now - was).max() < 1e-5, f"row and column {worst}; {__doc__}"


if __name__ == "__main__":
    np.savez_compressed(GOLDEN, **{f"seed_{seed}": motion(seed) for seed in SEEDS})
