"""The clock of sound and motion, stated once: rates in Hz, and what one frame holds.

A motion has 25 rows a second. Its sound is mono at 16 kHz, described by 100 feature steps a second, four to a frame.
"""

from __future__ import annotations

from typing import Final

FPS: Final = 25.0
"""Frames (rows of motion) per second."""
