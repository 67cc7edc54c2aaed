"""How several takes differ: sameness of takes of one speech, and collapse to a still or ever-repeating head."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Final

import numpy as np

from mssync.arrays import Array
from mssync.evaluation.scores.head import SPAN, angular_velocity
from mssync.evaluation.scores.score import Aim, Score
from mssync.evaluation.scores.stats import share_interval
from mssync.motion.space import Motion
from mssync.timing import FPS

TURN: Final = ("rot_x", "rot_y", "rot_z")
COLLAPSED: Final = 0.1  # of the real energy
# 330 pieces of real heads, 4 to 60 s long: 99 % below 0.61, the highest 0.64. A plain sway with a trembling of a fifth
# of its size has 0.85.
PERIODIC: Final = 0.75
MIN_PERIODIC: Final = 100  # frames; in shorter ones a single slow nod looks periodic


def diversity(takes: Sequence[Motion]) -> list[Score]:
    """How alike takes of the same speech with other seeds are.

    - ``diversity.head``: mean absolute correlation of the three rotation columns over all pairs of takes; low, because
      people never say a thing twice with the same nods;
    - ``diversity.lips``: mean correlation of the lip gaps; high, because the words are the same.

    Chance: the same with one of each pair shifted around the clip, by 16 shifts from a fifth to four fifths of it.

    Args:
        takes: two or more; they are cut to the shortest.
    """
    n = min((len(take) for take in takes), default=0)
    why = "It needs two takes of the same speech, two seconds or more, that move."
    head = np.array([[take.column(c)[:n] for c in TURN] for take in takes], np.float64)
    lips = np.array([[take.column("lip_gap")[:n]] for take in takes], np.float64)
    out = []
    aims: tuple[tuple[str, Aim], ...] = (("diversity.head", "low"), ("diversity.lips", "high"))
    for (key, aim), paths in zip(aims, (head, lips), strict=True):
        if len(takes) < 2 or n < 2 * FPS or paths.std(-1).min() < 1e-7:
            out.append(Score.not_run(key, "r", aim, why))
            continue
        unit = paths - paths.mean(-1, keepdims=True)
        unit /= np.linalg.norm(unit, axis=-1, keepdims=True)
        shifts = [0, *np.linspace(n / 5, 4 * n / 5, 16).astype(int)]
        r = [[(a * np.roll(b, s, -1)).sum(-1) for s in shifts] for a, b in combinations(unit, 2)]
        mean = (np.abs(r) if aim == "low" else np.array(r)).mean((0, 2))
        out.append(Score(key, float(mean[0]), "r", aim, float(mean[1:].mean())))
    return out


def head_energy(motion: Motion) -> float:
    """Mean squared angular speed of the head, (deg/s)^2, the velocity averaged over four frames against trembling."""
    velocity = angular_velocity(rotation_of(motion))
    if len(velocity) < SPAN:
        return 0.0
    smooth = np.lib.stride_tricks.sliding_window_view(velocity, SPAN, axis=0).mean(-1)
    return float((smooth**2).sum(1).mean())


def periodicity(motion: Motion) -> float:
    """How much the head's path repeats itself, 0 (or less) to 1 (for ever the same sway).

    The highest autocorrelation ``r(k) = sum_t x_t . x_{t+k} / sqrt(sum |x_t|^2 sum |x_{t+k}|^2)`` of the rotation
    vectors x, mean and line taken out, at lags k from the first negative r to half the length.
    """
    x = np.asarray(rotation_of(motion), np.float64)
    n = len(x)
    t = np.linspace(-1.0, 1.0, n)[:, None]
    x = x - x.mean(0)
    x = x - t * (t * x).sum(0) / max(float((t**2).sum()), 1e-9)
    shared = np.fft.irfft((np.abs(np.fft.rfft(x, 2 * n, axis=0)) ** 2).sum(1), 2 * n)[: n // 2 + 1]
    sums = np.concatenate([[0.0], np.cumsum((x**2).sum(1))])
    k = np.arange(n // 2 + 1)
    r = shared / np.sqrt(sums[n - k] * (sums[n] - sums[k]) + 1e-18)
    turned = np.flatnonzero(r < 0)
    return float(r[turned[0] :].max()) if len(turned) else 0.0


def collapsed(motion: Motion, real_energy: float) -> bool:
    """A take whose head has :func:`head_energy` below 10 % of real footage's, or a :func:`periodicity` above 0.75.

    Args:
        motion: the take; it is judged for periodicity from four seconds on.
        real_energy: of the reference, or the median of a set of real clips.
    """
    still = head_energy(motion) < COLLAPSED * real_energy
    return still or (len(motion) >= MIN_PERIODIC and periodicity(motion) > PERIODIC)


def collapse(takes: Sequence[Motion], real_energy: float) -> Score:
    """``collapse.share``: share of takes that are :func:`collapsed` (the paper's own failure, "mode collapse")."""
    if not takes:
        return Score.not_run("collapse.share", "share", "low", "There are no takes.")
    hits = sum(collapsed(take, real_energy) for take in takes)
    interval = share_interval(hits, len(takes))
    return Score("collapse.share", hits / len(takes), "share", "low", interval=interval, note=f"{len(takes)} takes.")


def rotation_of(motion: Motion) -> Array:
    """Rotation vectors ``(T, 3)`` of the head, rad."""
    return np.stack([motion.column(c) for c in TURN], 1)
