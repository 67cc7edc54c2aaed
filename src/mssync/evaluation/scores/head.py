"""Head scores: amount, velocity and spectrum of head motion, and the jitter of points.

Angles are those of :func:`mssync.motion.curves.head_angles` (degrees, relative to the clip's own middle pose). Rotation
speeds are geodesic: ``log(R[t+1] R[t]^T)``, so no axis convention enters them.

A video of another rate than 25 fps is brought to 25 by interpolation between its frames, which takes away some of its
jitter: compare jitter only between videos of one rate. Strong compression makes points tremble: from crf 18 to 28 the
jitter of a still head 135 pixels wide rose by a quarter, beyond its interval, and copies of real footage lay 1 dB and
2.5 deg^2 off the original by spectrum and Frechet distance; no amount of motion left its interval.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from mssync.arrays import Array, Array64, Mask
from mssync.evaluation.footage import Footage, pinned_space
from mssync.evaluation.scores.score import Score
from mssync.evaluation.scores.stats import block_interval, frechet
from mssync.face import shape as fs
from mssync.face import topology as topo
from mssync.motion.curves import head_angles
from mssync.timing import FPS

SPAN: Final = 4  # frames between the two ends that a speed is measured on
SEGMENT: Final = 64  # frames of a Welch segment
FAST_HZ: Final = 6.0  # heads and lips of people stay below; what is above counts as jitter
POWER_FLOOR: Final = 0.01  # (deg/s)^2 / Hz, about what tracking a still head leaves
WINDOW: Final = 25
COSINES: Final = 6  # of a window's velocity, that is up to 2.5 Hz
_TAPS: Final = 31

_RIGID: Final = np.asarray(topo.RIGID)
_LIPS: Final = np.asarray(topo.LIPS_OUTER + topo.LIPS_INNER)


def angular_velocity(turn: Array | Array64) -> Array64:
    """Angular velocity ``(T - 1, 3)`` in degrees per second, picture axes, of rotation vectors ``(T, 3)`` at 25 fps.

    ``log(R[t+1] R[t]^T)`` on SO(3); its length is the geodesic speed.
    """
    rotation = fs.rotation_matrix(turn)
    return np.degrees(fs.rotation_vector(rotation[1:] @ np.swapaxes(rotation[:-1], -1, -2))) * FPS


def spectrum(velocity: Array64, segment: int) -> Array64:
    """One-sided power density ``(segment // 2 + 1, 3)`` in (deg/s)^2 / Hz by Welch's method (1967).

    Mean-free Hann segments that overlap by half, periodograms averaged; bin k lies at ``k * 25 / segment`` Hz.
    """
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(segment) + 0.5) / segment)
    parts = np.lib.stride_tricks.sliding_window_view(velocity, segment, axis=0)[:: max(1, segment // 2)]
    parts = (parts - parts.mean(-1, keepdims=True)) * hann
    power = 2.0 * np.abs(np.fft.rfft(parts, axis=-1)) ** 2 / (FPS * (hann**2).sum())
    return np.asarray(power.mean(0).T, np.float64)


def spectrum_distance(a: Array64, b: Array64) -> float:
    """How unlike two angular velocities ``(n, 3)`` and ``(m, 3)`` are in their spectra, in dB.

    Root mean square over axes and bins (0 < f <= 6 Hz) of ``10 log10 ((P_a + c) / (P_b + c))``, the log-spectral
    distance (Gray and Markel 1976), with :func:`spectrum` in segments of 64 frames (the shorter clip's length if that
    is less) and c = 0.01 (deg/s)^2 / Hz. Half the motion at all frequencies is 6 dB.
    """
    segment = min(SEGMENT, len(a), len(b))
    bins = slice(1, int(FAST_HZ * segment / FPS) + 1)
    ratio = np.log10(spectrum(a, segment)[bins] + POWER_FLOOR) - np.log10(spectrum(b, segment)[bins] + POWER_FLOOR)
    return float(10.0 * np.sqrt((ratio**2).mean()))


def motion_windows(turn: Array, valid: Mask) -> Array64:
    """One-second windows of head motion ``(n, 21)`` for a Frechet distance; pool the rows of many videos for a set.

    Per window of 25 frames, one starting at every frame: mean pitch, yaw and roll in degrees, and per axis the first
    six orthonormal cosine terms (DCT-II, up to 2.5 Hz) of the angular velocity, divided by ``sqrt(24)``, in degrees per
    second. A fixed basis, so that distances of different videos can be compared. Windows with lost frames are left out.

    Args:
        turn: ``(T, 3)`` rotation vectors at 25 fps; valid: ``(T,)``.
    """
    view = np.lib.stride_tricks.sliding_window_view
    whole = view(valid, WINDOW).all(-1)
    steps = WINDOW - 1
    k, t = np.arange(COSINES)[:, None], np.arange(steps)[None]
    cosines = np.cos(np.pi * k * (t + 0.5) / steps) * np.where(k == 0, 1.0, np.sqrt(2.0)) / steps
    velocity = view(angular_velocity(turn), steps, axis=0)[whole] @ cosines.T
    pose = view(head_angles(turn), WINDOW, axis=0)[whole].mean(-1)
    return np.concatenate([pose, velocity.reshape(-1, 3 * COSINES)], 1)


def fast_energy(points: Array64) -> Array64:
    """Energy above 6 Hz per frame ``(T,)`` of points ``(T, N, 2)`` at 25 fps: mean over points of the squared length.

    The signal less its low-pass (31 taps, windowed sinc, zero phase; the ends reflected through their own value).
    """
    n = np.arange(_TAPS) - _TAPS // 2
    taps = np.sinc(2 * FAST_HZ / FPS * n) * np.hamming(_TAPS)
    taps /= taps.sum()
    x = points.reshape(len(points), -1)
    pad = np.pad(x, ((_TAPS // 2, _TAPS // 2), (0, 0)), mode="reflect", reflect_type="odd")
    slow = sum(w * pad[i : i + len(x)] for i, w in enumerate(taps))
    return np.asarray(2.0 * ((x - slow) ** 2).mean(1), np.float64)


def scores(footage: Footage, reference: Footage | None) -> list[Score]:
    """All about head motion, aim: as the real footage has it.

    - ``head.{yaw,pitch,roll}_std`` (deg) and ``_speed`` (mean of ``|x[t+2] - x[t-2]| / 0.16 s``, deg/s);
      ``head.{x,y}_std`` and ``_speed`` likewise of the translation in inter-ocular distances (iod);
    - ``head.spectrum`` (dB): :func:`spectrum_distance` to the real footage;
    - ``head.frechet`` (deg^2): :func:`mssync.evaluation.scores.stats.frechet` of :func:`motion_windows` to the real
      footage; the notes of both say how far the two halves of the real footage are from each other, for scale;
    - ``jitter.head`` (rigid points) and ``jitter.lips`` (lip points in the head's frame): root of the mean
      :func:`fast_energy`, thousandths of the inter-ocular distance.
    """
    valid = footage.track.valid
    pitch, yaw, roll = head_angles(footage.rotation).T
    out = [
        *_amount("head.yaw", "deg", yaw, valid),
        *_amount("head.pitch", "deg", pitch, valid),
        *_amount("head.roll", "deg", roll, valid),
        *_amount("head.x", "iod", footage.column("trans_x"), valid),
        *_amount("head.y", "iod", footage.column("trans_y"), valid),
    ]
    out += _compared(footage, reference)
    corners = footage.track.points[:, list(topo.OUTER_EYE_CORNERS)]
    eyes = float(np.median(np.linalg.norm(corners[:, 0] - corners[:, 1], axis=-1)[valid]))
    pose = fs.fit_pose(footage.track.points, pinned_space().template)
    head = footage.track.points[:, _RIGID, :2] / np.float64(eyes)
    lips = pose.to_head(footage.track.points[:, _LIPS])[..., :2].astype(np.float64)
    return [*out, _jitter("jitter.head", head, valid), _jitter("jitter.lips", lips, valid)]


def _amount(key: str, unit: str, x: Array | Array64, valid: Mask) -> list[Score]:
    x = np.asarray(x, np.float64)
    place = x[valid]
    out = [Score(f"{key}_std", float(place.std()), unit, "real", interval=block_interval(place, lambda v: v.std(1)))]
    both = valid[SPAN:] & valid[:-SPAN]
    speed = np.abs(x[SPAN:] - x[:-SPAN])[both] * (FPS / SPAN)
    name, per_second = f"{key}_speed", f"{unit}/s"
    if not len(speed):
        return [*out, Score.not_run(name, per_second, "real", "The face is never seen for five frames in a row.")]
    interval = block_interval(speed, lambda v: v.mean(1))
    return [*out, Score(name, float(speed.mean()), per_second, "real", interval=interval)]


def _compared(footage: Footage, reference: Footage | None) -> list[Score]:
    keys = (("head.spectrum", "dB"), ("head.frechet", "deg^2"))
    if reference is None:
        return [Score.not_run(key, unit, "low", "It needs real footage to compare with.") for key, unit in keys]
    note = "The halves of the real footage are {:.3g} {} apart."
    own, other = angular_velocity(footage.rotation), angular_velocity(reference.rotation)
    halves = spectrum_distance(*np.array_split(other, 2))
    distance = spectrum_distance(own, other)
    out = [Score("head.spectrum", distance, "dB", "low", note=note.format(halves, "dB"))]
    a, b = (motion_windows(f.rotation, f.track.valid) for f in (footage, reference))
    if min(len(a), len(b)) < WINDOW:
        why = "It needs two seconds of an unbroken view of the face in both videos."
        return [*out, Score.not_run("head.frechet", "deg^2", "low", why)]
    halves = frechet(*np.array_split(b, 2))
    return [*out, Score("head.frechet", frechet(a, b), "deg^2", "low", note=note.format(halves, "deg^2"))]


def _jitter(key: str, points: Array64, valid: Mask) -> Score:
    energy = fast_energy(points)[valid]
    interval = block_interval(energy, lambda v: 1000.0 * np.sqrt(v.mean(1)))
    return Score(key, float(1000.0 * np.sqrt(energy.mean())), "iod/1000", "real", interval=interval)
