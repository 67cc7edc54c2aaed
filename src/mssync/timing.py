"""The clock of sound and motion, stated once.

Motion has 25 rows a second. Its sound is mono at 16 kHz, and audio features are 100 steps a second, four to a frame.
The generator makes eight frames at a time, from features of frames before, of these and of some after.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

FPS: Final = 25.0
"""Frames of video and rows of motion per second."""
SAMPLE_RATE: Final = 16_000
"""Samples of speech per second, wherever it is analysed."""
STEPS_PER_SECOND: Final = 100
"""Steps of audio features per second."""
STEPS_PER_FRAME: Final = 4
SAMPLES_PER_STEP: Final = 160
SAMPLES_PER_FRAME: Final = 640

LEVELS: Final = 4
"""Time scales of the pyramids: each has half the rate of the one below."""
PYRAMID_KERNEL: Final = 7
"""Samples of a level that become one of the next."""
WINDOW_FRAMES: Final = 5
WINDOW_STEPS: Final = STEPS_PER_FRAME * WINDOW_FRAMES
"""Motion and features of a syncer's window, at any level."""

BLOCK_FRAMES: Final = 8
"""Frames that the generator makes at a time."""
CONTEXT_FRAMES: Final = 48
"""Frames of features before a block that its audio encoder takes: with the 25 ms window of a step, less than 2 s."""
LOOKAHEAD_FRAMES: Final = 12
"""Frames of features after a block that its audio encoder takes: less than 0.5 s."""

# Frames after its own that the encoder's finest level sees, and frames before it that the coarsest one does.
_AHEAD: Final = 4
_DEEPEST: Final = 48


@dataclass(frozen=True)
class Timing:
    """The clock of one generator, in frames; the defaults are those of models whose manifest does not say.

    Attributes:
        context, lookahead: frames of features before and after a block that the audio encoder takes. With a look-ahead
            below twelve frames its coarser levels are taken that much earlier, and the context must be the longer.
        block: frames made at a time.
    Raises:
        ValueError: the encoder cannot work by such a clock.
    """

    context: int = CONTEXT_FRAMES
    lookahead: int = LOOKAHEAD_FRAMES
    block: int = BLOCK_FRAMES

    def __post_init__(self) -> None:
        coarsest = 2 ** (LEVELS - 1)  # frames per sample of the coarsest level
        if self.context % coarsest or self.block % coarsest or self.block < coarsest or self.lookahead < 0:
            raise ValueError(f"context and block must be multiples of {coarsest} frames, and lookahead not negative")
        least = _DEEPEST - 1 + self.delay(LEVELS - 1)
        if self.context < least:
            raise ValueError(f"context must be at least {least} frames with a lookahead of {self.lookahead}")

    @staticmethod
    def of(shape: Mapping[str, Any]) -> Timing:
        """From the sizes in a manifest.

        Raises:
            ValueError: they are none of a clock.
        """
        default = Timing()
        return Timing(*(int(shape.get(n, getattr(default, n))) for n in ("context", "lookahead", "block")))

    def delay(self, level: int) -> int:
        """Frames by which the encoder takes a level earlier than its frame, for want of look-ahead."""
        next_sample = 2**level if level else 0  # a level is interpolated between two of its samples
        return max(0, _AHEAD + next_sample - self.lookahead)

    @property
    def steps(self) -> int:
        """Steps of features around one block."""
        return STEPS_PER_FRAME * (self.context + self.block + self.lookahead)
