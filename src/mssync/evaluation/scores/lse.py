"""The classic lip-sync scores LSE-C and LSE-D, when the user brings the published SyncNet weights.

Network: Chung and Zisserman 2016, "Out of time: automated lip sync in the wild". Scores: Prajwal et al. 2020, "A lip
sync expert is all you need". The preprocessing follows the authors': 25 frames per second and 16 kHz, a face square of
224 pixels, windows of five frames against 20 steps of 13 MFCC, sound shifted by up to 15 frames.

The authors find the face with another detector; ours stands on the tracked points' box, smoothed in the same way. The
published tables disagree among themselves by more than that: read the numbers beside real footage only.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from mssync.arrays import Array, Array64, Rgb
from mssync.errors import InputError
from mssync.evaluation.footage import Footage
from mssync.evaluation.frames import pinned_frames
from mssync.evaluation.scores.score import Score
from mssync.speech.features import BANDS, FFT, PRE_EMPHASIS, WINDOW, mel_filterbank
from mssync.timing import SAMPLES_PER_FRAME, SAMPLES_PER_STEP, STEPS_PER_FRAME

SIZE: Final = 224
FRAMES: Final = 5
STEPS: Final = 20
SHIFT: Final = 15
COEFFICIENTS: Final = 13
_LIFTER: Final = 22
_MEDIAN: Final = 13
# The square reaches this share of half the face's box beyond it, sideways and (twice) downwards.
_MARGIN: Final = 0.4
_PAD_GREY: Final = 110
_RUN: Final = 16  # windows at once: bounds the memory
_KEYS: Final = (
    ("sync.lse_c", "", "real"),
    ("sync.lse_d", "", "real"),
    ("sync.lse_offset", "frames", "real"),
)


def scores(footage: Footage, weights: Path | None) -> list[Score]:
    """LSE-C (confidence), LSE-D (distance) and the offset, in frames, at which the distance is least.

    A positive offset means that the sound comes early, as the authors count.

    Args:
        footage: the video.
        weights: the published ``syncnet_v2.model``.
    Raises:
        InputError: the file is not that, or PyTorch is not installed.
    """
    windows = min(len(footage), len(footage.sound) // SAMPLES_PER_FRAME) - FRAMES
    why = "The published SyncNet weights were not given." if weights is None else ""
    if not why and windows <= 2 * SHIFT:
        why = f"The video is shorter than {2 * SHIFT + FRAMES + 1} frames."
    if weights is None or why:
        return [Score.not_run(key, unit, "real", why) for key, unit, _ in _KEYS]
    lips, sound = _features(_network(weights), footage, windows)
    values = lse(lips, sound)
    return [Score(key, value, unit, "real") for (key, unit, _), value in zip(_KEYS, values, strict=True)]


def check_weights(weights: Path) -> None:
    """Refuse what is not the published weights.

    Raises:
        InputError: it is not, or PyTorch is missing.
    """
    _network(weights)


def _network(weights: Path) -> Any:
    try:
        from mssync.evaluation.scores.syncnet import load_syncnet
    except ModuleNotFoundError as error:
        raise InputError("LSE-C and LSE-D need PyTorch; install it with: python -m pip install torch") from error
    return load_syncnet(weights)


def lse(lips: Array, sound: Array) -> tuple[float, float, float]:
    """LSE-C, LSE-D and offset of two runs of features.

    With d(v) the mean over the windows of ``|lips_t - sound_(t+v)|``, v from -15 to 15: LSE-D = min d, LSE-C = median d
    - min d, offset = -argmin d. Beyond the ends the sound's features are zero, as in the authors' evaluation.

    Args:
        lips, sound: ``(W, 1024)``.
    """
    padded = np.pad(sound, ((SHIFT, SHIFT), (0, 0)))
    d = np.array(
        [np.linalg.norm(lips - padded[v : v + len(lips)], axis=1).mean(dtype=np.float64) for v in range(2 * SHIFT + 1)]
    )
    return float(np.median(d) - d.min()), float(d.min()), float(SHIFT - d.argmin())


def mfcc(sound: Array) -> Array:
    """13 MFCC per 10 ms as SyncNet takes them (those of the package ``python_speech_features``).

    Pre-emphasis 0.97, rectangular windows of 25 ms, FFT 512, natural log of 26 mel bands, orthonormal DCT-II,
    sinusoidal lifter 22, the first coefficient replaced by the log energy. Sound counts in 16-bit steps.

    Args:
        sound: ``(n,)`` in [-1, 1] at 16 kHz.
    Returns:
        ``(1 + ceil((n - 400) / 160), 13)``.
    """
    samples = sound.astype(np.float64) * 32768.0
    samples = np.concatenate([samples[:1], samples[1:] - PRE_EMPHASIS * samples[:-1]])
    steps = 1 + max(0, -(-(len(samples) - WINDOW) // SAMPLES_PER_STEP))
    samples = np.pad(samples, (0, (steps - 1) * SAMPLES_PER_STEP + WINDOW - len(samples)))
    frames = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::SAMPLES_PER_STEP]
    tiny = np.finfo(np.float64).eps
    n = np.arange(COEFFICIENTS)
    dct = np.cos(np.pi * np.outer(np.arange(BANDS) + 0.5, n) / BANDS) * np.sqrt(2.0 / BANDS)
    dct[:, 0] /= np.sqrt(2.0)
    dct *= 1.0 + _LIFTER / 2.0 * np.sin(np.pi * n / _LIFTER)
    mel = mel_filterbank().T
    out = np.empty((steps, COEFFICIENTS), np.float32)
    for start in range(0, steps, 1024):
        power = np.abs(np.fft.rfft(frames[start : start + 1024], FFT)) ** 2 / FFT
        bands, energy = power @ mel, power.sum(1)
        rows = np.log(np.where(bands == 0, tiny, bands)) @ dct
        rows[:, 0] = np.log(np.where(energy == 0, tiny, energy))
        out[start : start + len(rows)] = rows
    return out


def face_squares(points: Array) -> Array64:
    """Middle and half size ``(T, 3)`` (x, y, s in pixels) of the tracked box, medians over 13 frames."""
    low, high = points[..., :2].min(1), points[..., :2].max(1)
    rows = np.concatenate([(low + high) / 2, (high - low).max(1, keepdims=True) / 2], 1).astype(np.float64)
    padded = np.pad(rows, ((_MEDIAN // 2, _MEDIAN // 2), (0, 0)), mode="edge")
    return np.asarray(np.median(np.lib.stride_tricks.sliding_window_view(padded, _MEDIAN, axis=0), -1), np.float64)


def face_crop(rgb: Rgb, square: Array64) -> Rgb:
    """The face as SyncNet sees it, ``(224, 224, 3)`` **BGR**: 1.4 times the box wide, moved down by 0.2 of its height.

    Args:
        rgb: ``(H, W, 3)``.
        square: x, y, s of :func:`face_squares`.
    """
    x, y, s = square
    pad = int(s * (1 + 2 * _MARGIN)) + 1
    wide = cv2.copyMakeBorder(rgb, pad, pad, pad, pad, cv2.BORDER_CONSTANT, value=(_PAD_GREY,) * 3)
    top, bottom = int(y + pad - s), int(y + pad + s * (1 + 2 * _MARGIN))
    left, right = int(x + pad - s * (1 + _MARGIN)), int(x + pad + s * (1 + _MARGIN))
    cut = wide[max(top, 0) : max(bottom, 1), max(left, 0) : max(right, 1), ::-1]
    return np.asarray(cv2.resize(np.ascontiguousarray(cut), (SIZE, SIZE)), np.uint8)


def _features(net: Any, footage: Footage, windows: int) -> tuple[Array, Array]:
    """Lip and sound features ``(windows, 1024)``."""
    import torch

    steps = mfcc(footage.sound)
    heard = [steps[STEPS_PER_FRAME * t : STEPS_PER_FRAME * t + STEPS].T for t in range(windows)]
    lips: list[Array] = []
    sound: list[Array] = []
    with torch.inference_mode():
        for start in range(0, windows, _RUN):
            batch = torch.from_numpy(np.stack(heard[start : start + _RUN]))[:, None]
            sound.append(net.sound(batch).numpy())
        for run in _runs(footage, windows):
            lips.append(net.lips(torch.from_numpy(run)).numpy())
    return np.concatenate(lips), np.concatenate(sound)


def _runs(footage: Footage, windows: int) -> Iterator[Array]:
    """Frames ``(3, up to 16 + 4, 224, 224)`` of successive windows; neighbours share four frames."""
    squares = face_squares(footage.track.points)
    held: list[Rgb] = []
    last = windows + FRAMES - 2  # the last window's last frame
    for index, rgb in pinned_frames(footage.path, last + 1):
        held.append(face_crop(rgb, squares[index]))
        if len(held) == _RUN + FRAMES - 1 or index == last:
            yield np.ascontiguousarray(np.stack(held).astype(np.float32).transpose(3, 0, 1, 2))
            held = held[-(FRAMES - 1) :]
