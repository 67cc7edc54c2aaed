"""Speech as 26 log mel filterbank energies, 100 steps per second, four steps per video frame.

Two profiles share the mel bands. ``paper`` (:func:`paper_features`) is what MS-Sync was trained on; it looks
at the whole recording before its first step. ``default`` (:class:`FeatureStream`) is causal with a fixed
look-ahead of 7.5 ms, so the same numbers come out of a file and of a live microphone.

All sound is float32 mono in [-1, 1] at 16 kHz.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mssync.arrays import Array, Array64
from mssync.errors import InputError
from mssync.timing import SAMPLE_RATE, SAMPLES_PER_FRAME, SAMPLES_PER_STEP, STEPS_PER_FRAME, STEPS_PER_SECOND

BANDS = 26
"""Mel bands per step."""
WINDOW = 400
FFT = 512
PRE_EMPHASIS = 0.97

_PAPER_STEPS_PER_FRAME = 3.9943
_MIRRORED = 5

LOOKAHEAD = (WINDOW - SAMPLES_PER_STEP) // 2
"""Samples past the end of its own hop that a default-profile step sees: 120 (7.5 ms)."""

# Level follower of the default profile, in nats of power (10 dB = ln 10). On its scale speech recorded at a
# usual -16 dBFS peaks near 0 dB and the noise of a usual room lies near -47 dB.
_NATS_PER_DB = np.log(10.0) / 10.0
_LEVEL_DECAY = 1.5 * _NATS_PER_DB / STEPS_PER_SECOND
_NOISE_RISE = 3.0 * _NATS_PER_DB / STEPS_PER_SECOND
# The level stays this far above the noise, so that a room alone never looks like a voice.
_ABOVE_NOISE = 30.0 * _NATS_PER_DB
# Bounds of the noise: so the level's lower limit is -30 dB at least (speech 30 dB too quiet still comes
# to full level) and -8 dB at most (a noisy room never holds usual speech down).
_NOISE_LOW = -60.0 * _NATS_PER_DB
_NOISE_HIGH = -38.0 * _NATS_PER_DB
# Power is averaged over this many steps before it may move either: a single click moves them less.
_LEVEL_STEPS = 4
# What lies more than 50 dB under the level is noise; added inside the logarithm it is a soft lower limit.
_RELATIVE_FLOOR = 1e-5
# One pair for all bands, measured on talking-head recordings: speech gets about zero mean, unit variance.
_CENTRE = -8.5
_SPREAD = 2.7

FEATURE_RANGE = (
    float((np.log(_RELATIVE_FLOOR) - _CENTRE) / _SPREAD),
    float((np.log(_RELATIVE_FLOOR + _LEVEL_STEPS) - _CENTRE) / _SPREAD),
)
"""Smallest (silence) and largest value a default-profile feature can take: about (-1.12, 3.66)."""

# Steps computed at once: bounds the memory of a long recording to a few MB.
_BLOCK = 1024


def check_sound(sound: npt.ArrayLike) -> Array64:
    """Return ``sound`` as float64 (n,), or raise.

    Raises:
        InputError: it is not one channel, or holds values that are not finite.
    """
    samples = np.asarray(sound, dtype=np.float64)
    if samples.ndim != 1:
        raise InputError(
            f"Sound must be one channel of samples, not an array of shape {samples.shape}: mix it down first."
        )
    if not np.isfinite(samples).all():
        raise InputError("The sound holds samples that are not finite numbers: export it again from its source.")
    return samples


def mel_filterbank() -> Array64:
    """Triangular mel filters over the power spectrum, (26, 257), 0-8000 Hz, peak 1.

    Edges are rounded down to whole FFT bins, as ``python_speech_features`` does, which the paper's code uses.
    """
    top = 2595.0 * np.log10(1.0 + SAMPLE_RATE / 2 / 700.0)
    hertz = 700.0 * (10.0 ** (np.linspace(0.0, top, BANDS + 2) / 2595.0) - 1.0)
    edges = np.floor((FFT + 1) * hertz / SAMPLE_RATE)
    left, peak, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    bins = np.arange(FFT // 2 + 1)[None, :]
    rising = np.where((bins >= left) & (bins < peak), (bins - left) / (peak - left), 0.0)
    falling = np.where((bins >= peak) & (bins < right), (right - bins) / (right - peak), 0.0)
    return np.asarray(rising + falling, dtype=np.float64)


_MEL = np.ascontiguousarray(mel_filterbank().T)
# Periodic Hann: its side lobes fall away, so a loud vowel does not leak into the quiet high bands.
_HANN = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(WINDOW) / WINDOW)


def _mel_power(frames: Array64) -> Array64:
    """Filterbank energies (k, 26) of windowed frames (k, 400)."""
    spectrum = np.fft.rfft(frames, FFT)
    return np.asarray((spectrum.real**2 + spectrum.imag**2) @ _MEL / FFT, dtype=np.float64)


def paper_features(sound: npt.ArrayLike) -> Array:
    """The paper's audio features, from the whole recording at once.

    The waveform is made mean-free and peak-normalised; pre-emphasis 0.97; rectangular windows of 25 ms every
    10 ms from sample 0, the last one zero-padded; FFT 512; natural log of the 26 filterbank energies.

    Args:
        sound: (n,) samples at 16 kHz.

    Returns:
        (T, 26) float32 with T = 1 + ceil((n - 400) / 160), at least 1. Energies of exactly zero become
        log(2.2e-16), about -36.

    Raises:
        InputError: no samples, more than one channel, or values that are not finite.
    """
    samples = check_sound(sound)
    if samples.size == 0:
        raise InputError("The sound is empty: give at least one sample.")
    samples = samples - samples.mean()
    peak = np.abs(samples).max()
    if peak > 0:
        samples /= peak
    samples[1:] -= PRE_EMPHASIS * samples[:-1].copy()
    steps = 1 + max(0, -(-(samples.size - WINDOW) // SAMPLES_PER_STEP))
    samples = np.pad(samples, (0, (steps - 1) * SAMPLES_PER_STEP + WINDOW - samples.size))
    frames = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::SAMPLES_PER_STEP]
    out = np.empty((steps, BANDS), dtype=np.float32)
    for start in range(0, steps, _BLOCK):
        power = _mel_power(frames[start : start + _BLOCK])
        out[start : start + _BLOCK] = np.log(np.where(power == 0, np.finfo(np.float64).eps, power))
    return out


def align_steps(features: Array, frames: int) -> Array:
    """Exactly four paper-profile steps per video frame, as the paper's published code cuts them.

    A recording of F frames has a little less than 4 F windows, because the last window needs 25 ms: the paper
    counts 3.9943 per frame. The first round(3.9943 F) steps are kept where they are (step i stays at 10 i ms)
    and mirrored at the end up to 4 F. The paper mirrors at most five steps, enough for 35 s; on longer sound
    the real steps are kept up to those last five.

    Args:
        features: (T, 26) of :func:`paper_features`.
        frames: video frames the sound lasts, ceil(samples / 640).

    Returns:
        (4 * frames, 26) float32.

    Raises:
        ValueError: the features are more than five steps short of the frames.
    """
    steps = STEPS_PER_FRAME * frames
    if frames < 1 or len(features) == 0 or len(features) < steps - _MIRRORED:
        raise ValueError(f"{len(features)} feature steps cannot fill {frames} video frames")
    kept = features[: max(round(_PAPER_STEPS_PER_FRAME * frames), steps - _MIRRORED)]
    return np.pad(kept, ((0, max(0, steps - len(kept))), (0, 0)), mode="reflect")[:steps]


class LevelFollower:
    """Loudness of the voice so far, one value per step: jumps up at once, falls 1.5 dB per second.

    With e the log power averaged over the last four steps:

    - noise_t = min(-38 dB, min over s <= t of (max(e_s, -60 dB) + rise * (t - s))), rise 3 dB per second;
    - level_t = max(noise_t + 30 dB, max over s <= t of (e_s - fall * (t - s))), fall 1.5 dB per second.

    Natural log of power; only past and present steps are used. Before the first step -38 dB is assumed.
    The noise term keeps the sound of an empty room, however faint, from being raised to a voice's level.
    """

    def __init__(self) -> None:
        self._recent = np.full(_LEVEL_STEPS - 1, np.exp(_NOISE_HIGH))
        self._peak = _NOISE_HIGH
        self._noise = _NOISE_HIGH

    def push(self, power: Array64) -> Array64:
        """Levels (k,) for the powers (k,) of the next k steps, k >= 1."""
        joined = np.concatenate([self._recent, power])
        self._recent = joined[-(_LEVEL_STEPS - 1) :]
        mean = np.lib.stride_tricks.sliding_window_view(joined, _LEVEL_STEPS).mean(axis=1)
        energy = np.maximum(np.log(np.maximum(mean, 1e-30)), _NOISE_LOW)
        time = np.arange(power.size + 1)
        fall, rise = _LEVEL_DECAY * time, _NOISE_RISE * time
        peak = np.maximum.accumulate(np.append(self._peak, energy) + fall) - fall
        noise = np.minimum.accumulate(np.append(self._noise, energy) - rise) + rise
        noise = np.minimum(noise, _NOISE_HIGH)
        self._peak, self._noise = float(peak[-1]), float(noise[-1])
        return np.asarray(np.maximum(peak, noise + _ABOVE_NOISE)[1:], dtype=np.float64)


class FeatureStream:
    """Default profile: causal log mel features relative to the voice's own level, four steps per 640 samples.

    Step k belongs to samples [160 k, 160 k + 160) and sees samples [160 k - 120, 160 k + 280): a 25 ms Hann
    window centred on its hop, so the look-ahead past the hop is 120 samples (7.5 ms). Before the first sample
    there is silence. In each window the pre-emphasised samples are made mean-free (a constant offset of the
    microphone has no effect), then log(band / level + 1e-5), with the level of :class:`LevelFollower`, is
    shifted and scaled by fixed constants to about zero mean and unit variance on speech. Values lie in
    :data:`FEATURE_RANGE`; digital silence is its lower end.

    Feeding any chunking of the same samples gives the same features within 1e-5.
    """

    def __init__(self) -> None:
        self._pending = np.zeros(LOOKAHEAD)  # pre-emphasised samples from the next window's start on
        self._last = 0.0
        self._samples = 0
        self._level = LevelFollower()
        self._closed = False

    def push(self, samples: npt.ArrayLike) -> Array:
        """Take any number of samples, return the steps they complete: (k, 26) float32, k >= 0.

        Raises:
            InputError: more than one channel, or values that are not finite.
            ValueError: the stream was flushed already.
        """
        if self._closed:
            raise ValueError("this FeatureStream was flushed; make a new one for the next recording")
        checked = check_sound(samples)
        self._samples += checked.size
        return self._take(checked)

    def flush(self) -> Array:
        """End the sound: the remaining steps, so that all of them are 4 * ceil(n / 640) for n samples."""
        if self._closed:
            raise ValueError("this FeatureStream was flushed; make a new one for the next recording")
        self._closed = True
        if self._samples == 0:
            return np.zeros((0, BANDS), dtype=np.float32)
        return self._take(np.zeros(-self._samples % SAMPLES_PER_FRAME + LOOKAHEAD))

    def _take(self, samples: Array64) -> Array:
        if samples.size == 0:
            return np.zeros((0, BANDS), dtype=np.float32)
        emphasised = samples - PRE_EMPHASIS * np.concatenate([[self._last], samples[:-1]])
        self._last = float(samples[-1])
        buffer = np.concatenate([self._pending, emphasised])
        steps = max(0, (buffer.size - WINDOW) // SAMPLES_PER_STEP + 1)
        self._pending = buffer[steps * SAMPLES_PER_STEP :].copy()
        out = np.empty((steps, BANDS), dtype=np.float32)
        if steps:
            windows = np.lib.stride_tricks.sliding_window_view(buffer, WINDOW)[::SAMPLES_PER_STEP][:steps]
            for start in range(0, steps, _BLOCK):
                out[start : start + _BLOCK] = self._features(windows[start : start + _BLOCK])
        return out

    def _features(self, windows: Array64) -> Array64:
        mean = windows @ _HANN / _HANN.sum()
        power = _mel_power((windows - mean[:, None]) * _HANN)
        level = self._level.push(power.sum(axis=1))
        relative = np.log(power * np.exp(-level)[:, None] + _RELATIVE_FLOOR)
        return np.asarray((relative - _CENTRE) / _SPREAD, dtype=np.float64)


def default_features(sound: npt.ArrayLike) -> Array:
    """Default-profile features of a whole recording: (4 * ceil(n / 640), 26) float32.

    The same numbers as :class:`FeatureStream` gives.

    Raises:
        InputError: more than one channel, or values that are not finite.
    """
    stream = FeatureStream()
    return np.concatenate([stream.push(sound), stream.flush()])
