"""Many channels to one, so that speech survives: where the plain mean cancels, one channel alone is taken.

Nearly all recordings are joined by their plain mean. It fails where channels carry the same voice with other signs or
at other times (a swapped wire, two microphones at different distances), and it drowns the dialogue of a film that lies
in the centre of five channels. Both show in the running spectra of the channels and of their mean.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from mssync.arrays import Array

BLOCK_SECONDS: Final = 0.5
"""Sound that is held back while it is judged: the longest look-ahead."""

_WINDOW_SECONDS: Final = 0.032
_BAND: Final = (100.0, 7000.0)  # hertz: where speech is
_FORGET: Final = 0.9  # weight of the past per block: some five seconds count
_FADE_SECONDS: Final = 0.01
# Power of the mean over the mean power is 1 for equal channels, 1/n for independent ones, and 0 where they cancel.
_CANCELLED: Final = 0.4
# Share of the band that may be cancelled before one channel is taken, and at which the mean comes back.
_LOST: Final = (0.15, 0.05)
_LOST_AT_ONCE: Final = 0.3  # before two seconds were heard
_SURE_BLOCKS: Final = 4
# Loudness is compressed in that weight, as ears do; what is 60 dB below the loudest is not counted.
_COMPRESSION: Final = 0.3
_FLOOR: Final = 1e-6
_SILENCE: Final = 1e-9
# The centre speaks for a film while it is not this far below the loudest other channel (and to give up, below that).
_CENTRE: Final = (10 ** (-20 / 10), 10 ** (-26 / 10))
# ... and unless the others carry nothing else: 1 is the power of a mean of channels that all agree.
_AGREEING: Final = 0.8
_LOUDER: Final = 2.0  # power ratio by which another channel must win
_BASS: Final = ("LFE", "LFE2")


class ChannelJoiner:
    """Joins blocks of one rate and width to one channel; any chunking gives the same samples.

    Args:
        rate: samples per second.
        channels: how many, at least 2.
        names: FFmpeg's short names of the channels ("FL", "FC", ...); empty where they are not known.

    Attributes:
        cancelled: number of the channel (from 1) that was first taken because the mean cancels; 0 = it never did.
    """

    def __init__(self, rate: int, channels: int, names: tuple[str, ...] = ()) -> None:
        self._block = max(1, round(rate * BLOCK_SECONDS))
        self._fade = max(1, round(rate * _FADE_SECONDS))
        self._window = 1 << max(4, round(np.log2(rate * _WINDOW_SECONDS)))
        hertz = np.fft.rfftfreq(self._window, 1 / rate)
        inside = np.flatnonzero((hertz >= _BAND[0]) & (hertz <= _BAND[1]))
        self._bins = slice(int(inside[0]), int(inside[-1]) + 1) if inside.size else slice(1, 2)
        self._density = 1.0 / (700.0 + hertz[self._bins])  # bins per mel
        self._taper = np.hanning(self._window).astype(np.float32)[:, None]
        named = len(names) == channels
        self._centre = names.index("FC") if named and channels > 2 and "FC" in names else None
        self._others = [i for i in range(channels) if not (named and names[i] in _BASS) and i != self._centre]
        self._power = np.zeros((self._density.size, channels))
        self._mean = np.zeros(self._density.size)
        self._heard = 0
        self._taken: int | None = None  # the channel that stands for all; None = the mean
        self._held = np.zeros((0, channels), np.float32)
        self.cancelled = 0

    def push(self, block: Array) -> Array:
        """Take ``(n, channels)``, return the ``(k, 1)`` samples that are ready."""
        joined = np.concatenate([self._held, block])
        whole = len(joined) // self._block * self._block
        self._held = joined[whole:].copy()
        parts = [self._join(joined[i : i + self._block]) for i in range(0, whole, self._block)]
        return np.concatenate([np.zeros((0, 1), np.float32), *parts])

    def flush(self) -> Array:
        """The sound has ended: the samples ``(k, 1)`` still held."""
        rest, self._held = self._held, self._held[:0]
        return self._join(rest) if len(rest) else np.zeros((0, 1), np.float32)

    def _join(self, block: Array) -> Array:
        before = self._taken
        self._listen(block)
        made = self._mixed(block, self._taken)
        if before != self._taken and self._heard > 1:
            n = min(self._fade, len(block))
            share = np.linspace(0.0, 1.0, n, dtype=np.float32)[:, None]
            made[:n] = made[:n] * share + self._mixed(block[:n], before) * (1 - share)
        return made

    def _mixed(self, block: Array, taken: int | None) -> Array:
        if taken is not None:
            return block[:, taken : taken + 1].copy()
        return np.asarray(block.mean(axis=1, keepdims=True, dtype=np.float32), np.float32)

    def _listen(self, block: Array) -> None:
        """Add a block to the running spectra and decide anew."""
        if len(block) < self._window or float(np.square(block).max()) < _SILENCE:
            return
        frames = np.lib.stride_tricks.sliding_window_view(block, self._window, axis=0)[:: self._window // 2]
        frames = np.swapaxes(frames, 1, 2) * self._taper
        spectrum = np.fft.rfft(frames, axis=1)[:, self._bins]
        self._power = _FORGET * self._power + np.square(np.abs(spectrum)).sum(axis=0)
        self._mean = _FORGET * self._mean + np.square(np.abs(spectrum.mean(axis=2))).sum(axis=0)
        self._heard += 1
        self._decide()

    def _decide(self) -> None:
        loud = self._power.sum(axis=0)
        if self._centre is not None and self._others:
            least = _CENTRE[1 if self._taken == self._centre else 0] * loud[self._others].max()
            agreed = float(self._mean.sum()) > _AGREEING * float(np.sqrt(loud).mean()) ** 2
            if loud[self._centre] > least and not agreed:
                self._taken = self._centre
                return
            if self._taken == self._centre:
                self._taken = None
        average = self._power.mean(axis=1)
        weight = np.where(average > _FLOOR * average.max(), self._density * average**_COMPRESSION, 0.0)
        gone = self._mean < _CANCELLED / self._power.shape[1] * average
        lost = float((weight * gone).sum() / max(float(weight.sum()), 1e-30))
        sure = _LOST[0] if self._heard >= _SURE_BLOCKS else _LOST_AT_ONCE
        if lost > (sure if self._taken is None else _LOST[1]):
            best = int(loud.argmax())
            if self._taken is None:
                best = int(np.flatnonzero(loud * _LOUDER >= loud[best])[0])
            if self._taken is None or loud[best] > _LOUDER * loud[self._taken]:
                self._taken = best
            self.cancelled = self.cancelled or self._taken + 1
        else:
            self._taken = None
