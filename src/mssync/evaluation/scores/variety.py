"""What shows only over time or over several takes: sameness, collapse, melting faces, drift and blinks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mssync.evaluation.footage import Footage, pinned_space
from mssync.evaluation.scores.head import SPAN, angular_velocity
from mssync.evaluation.scores.score import Aim, Score
from mssync.evaluation.scores.stats import block_interval, share_interval
from mssync.face import shape as fs
from mssync.face import topology as topo
from mssync.face.tracking import Track
from mssync.motion.blinks import find_blinks, without_blinks
from mssync.motion.curves import head_angles
from mssync.motion.mesh import EYE_POINTS
from mssync.motion.space import FPS, Motion

Array = NDArray[np.float32]
Array64 = NDArray[np.float64]
Mask = NDArray[np.bool_]

TURN: Final = ("rot_x", "rot_y", "rot_z")
COLLAPSED: Final = 0.1  # of the real energy
# 330 pieces of real heads, 4 to 60 s long: 99 % below 0.61, the highest 0.64. A plain sway with a trembling of a fifth
# of its size has 0.85.
PERIODIC: Final = 0.75
MIN_PERIODIC: Final = 100  # frames; in shorter ones a single slow nod looks periodic
MINUTE: Final = 1500  # frames

# What 99.9 % of the frames of the training clips keep to, their speakers weighed alike, rounded outwards. To measure
# again: those quantiles of `mesh_residual` and of the fields of `fit68` over the tracks that `mssync preprocess` makes.
MAX_RESIDUAL: Final = 0.015  # inter-ocular distances (iod)
MAX_RESIDUAL68: Final = 0.04
MAX_SKEW: Final = 0.115
ASPECT: Final = (-0.12, 0.25)
MAX_EXPRESSION: Final = 1.25

_FREE: Final = np.setdiff1d(np.arange(topo.POINTS), EYE_POINTS)
# Of the 68 points all but the lids, which move on their own.
_USED68: Final = np.array([i for i in range(68) if i not in (37, 38, 40, 41, 43, 44, 46, 47)])
_RIDGE68: Final = 0.03  # iod, how far points of a real face lie from the fit
_ROUNDS68: Final = 4


# ---- several takes ------------------------------------------------------------------------------------------------


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
    velocity = angular_velocity(_turn(motion))
    if len(velocity) < SPAN:
        return 0.0
    smooth = np.lib.stride_tricks.sliding_window_view(velocity, SPAN, axis=0).mean(-1)
    return float((smooth**2).sum(1).mean())


def periodicity(motion: Motion) -> float:
    """How much the head's path repeats itself, 0 (or less) to 1 (for ever the same sway).

    The highest autocorrelation ``r(k) = sum_t x_t . x_{t+k} / sqrt(sum |x_t|^2 sum |x_{t+k}|^2)`` of the rotation
    vectors x, mean and line taken out, at lags k from the first negative r to half the length.
    """
    x = np.asarray(_turn(motion), np.float64)
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


def _turn(motion: Motion) -> Array:
    return np.stack([motion.column(c) for c in TURN], 1)


# ---- frames that no face can make --------------------------------------------------------------------------------


def mesh_residual(track: Track) -> Array64:
    """Distance of tracked frames from what a rigid head with expressions can show, ``(T,)`` in iod.

    Root mean square, over all points but the eyes', of ``shape - rest - B c``: the frame's shape in its head's own
    frame, the person's neutral shape, and the least-squares expression in the pinned ``mesh`` space.
    """
    space = pinned_space()
    rest = space.rest_of(track).shape
    basis = space.basis.copy()
    basis[:, EYE_POINTS] = 0.0
    flat = basis.reshape(len(basis), -1).astype(np.float64)
    inverse = np.linalg.pinv(flat)
    out = []
    for start in range(0, len(track.points), 512):
        points = track.points[start : start + 512]
        off = fs.fit_pose(points, rest).to_head(points) - rest
        off[:, EYE_POINTS] = 0.0
        left = off.reshape(len(off), -1) - off.reshape(len(off), -1) @ inverse @ flat
        out.append(np.sqrt((left**2).sum(1) / len(_FREE)))
    return np.concatenate(out)


@dataclass(frozen=True)
class Fit68:
    """How well 68 points in two dimensions (iBUG order) are the picture of a rigid head with an expression.

    Attributes (one number per frame each):
        residual: root mean square distance to the fit, iod.
        skew: shear along the upright head's diagonals. The camera A ``(2, 3)``, rolled so that the head stands upright,
            must be a scaled rotation: ``A A' = s^2 I``. This is ``(A A')_12 / s^2``; no person's proportions give it.
        aspect: ``((A A')_11 - (A A')_22) / 2 s^2``: stretched in width; people differ in it.
        expression: root mean square of the expression coefficients (1 is usual of all columns in training).
    """

    residual: Array64
    skew: Array64
    aspect: Array64
    expression: Array64


def fit68(points: Array | Array64) -> Fit68:
    """Fit an affine camera and an expression to each frame.

    Camera (least squares) and coefficients (ridge of 0.03 iod, the mean face as template) in turn, four rounds; lids
    are left out. An affine camera can shear; how far it must is what the fit tells.

    Args:
        points: ``(T, 68, 2)`` in any unit.
    Raises:
        ValueError: another shape.
    """
    points = np.asarray(points, np.float64)
    if points.ndim != 3 or points.shape[1:] != (68, 2):
        raise ValueError(f"points must be (T, 68, 2), not {points.shape}")
    parts = [_fit68(points[i : i + 512]) for i in range(0, len(points), 512)]
    return Fit68(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _fit68(points: Array64) -> tuple[Array64, Array64, Array64, Array64]:
    space = pinned_space()
    rows = np.asarray(topo.IBUG68)[_USED68]
    template, basis = space.template[rows].astype(np.float64), space.basis[:, rows].astype(np.float64)
    template, basis = template - template.mean(0), basis - basis.mean(1, keepdims=True)
    n, k = len(points), len(basis)
    c = np.zeros((n, k))
    with np.errstate(all="ignore"):  # points that coincide or are no numbers give no camera, and are caught by that
        p = points[:, _USED68]
        p = p - p.mean(1, keepdims=True)
        for _ in range(_ROUNDS68):
            shape = template + np.tensordot(c, basis, 1)
            turned = np.swapaxes(shape, 1, 2)
            camera = np.swapaxes(p, 1, 2) @ shape @ np.linalg.pinv(turned @ shape)
            scale = np.sqrt((camera**2).sum((1, 2)) / 2)[:, None, None]
            unit = camera / scale
            pull = (basis[None] @ np.swapaxes(unit, 1, 2)[:, None]).reshape(n, k, -1)
            want = (p / scale - template @ np.swapaxes(unit, 1, 2)).reshape(n, -1)
            normal = pull @ np.swapaxes(pull, 1, 2) + _RIDGE68**2 * np.eye(k)
            c = np.nan_to_num(np.linalg.solve(normal, (pull @ want[..., None])))[..., 0]
            left = want - (c[:, None] @ pull)[:, 0]
        roll = np.arctan2(unit[:, 0, 1], unit[:, 1, 1])
        cos, sin = np.cos(roll), np.sin(roll)
        upright = np.stack([np.stack([cos, -sin], -1), np.stack([sin, cos], -1)], -2) @ unit
    square = upright @ np.swapaxes(upright, 1, 2)  # its trace is 2
    aspect = (square[:, 0, 0] - square[:, 1, 1]) / 2
    return np.sqrt(2 * (left**2).mean(1)), square[:, 0, 1], aspect, np.sqrt((c**2).mean(1))


def outside68(points: Array | Array64) -> Mask:
    """Frames ``(T,)`` of 68 points ``(T, 68, 2)`` that no face makes: sheared, squeezed or melted.

    A field of :func:`fit68` is beyond what 99.9 % of real frames keep to: residual above 0.04, skew beyond +-0.115,
    aspect outside [-0.12, 0.25], or expression above 1.25.
    """
    fit = fit68(points)
    inside = (
        (fit.residual <= MAX_RESIDUAL68) & (np.abs(fit.skew) <= MAX_SKEW)
        & (fit.aspect >= ASPECT[0]) & (fit.aspect <= ASPECT[1]) & (fit.expression <= MAX_EXPRESSION)
    )  # fmt: skip
    return np.asarray(~inside, np.bool_)


def unrealistic68(points: Array | Array64) -> Score:
    """``unrealistic.share`` of 68-point motion ``(T, 68, 2)`` of any system: share of frames :func:`outside68`."""
    return _share_of_frames(outside68(points))


def unrealistic(seen: Footage) -> Score:
    """``unrealistic.share``: share of frames whose tracked points leave what a rigid head with expressions can show.

    A frame does when :func:`mesh_residual` exceeds 0.015 iod or its 68-point view is :func:`outside68`. The tracker
    knows only faces and mends much of what it sees, so this finds gross damage; where a system gives its own points,
    score those with :func:`unrealistic68`.
    """
    valid = seen.track.valid
    out = mesh_residual(seen.track) > MAX_RESIDUAL
    out |= outside68(seen.track.points[:, list(topo.IBUG68), :2])
    return _share_of_frames(out[valid])


def _share_of_frames(out: Mask) -> Score:
    if not len(out):
        return Score.not_run("unrealistic.share", "share", "low", "There are no frames.")
    interval = block_interval(out.astype(np.float64), lambda v: v.mean(1))
    return Score("unrealistic.share", float(out.mean()), "share", "low", interval=interval)


# ---- long videos --------------------------------------------------------------------------------------------------


def drift(source: Footage | Motion) -> list[Score]:
    """What changes between the first and the last minute, two minutes at least.

    - ``drift.head_std``: spread of the head's angles (root of the summed variances), last over first;
    - ``drift.head_mean`` (deg): distance of the mean poses, as (pitch, yaw, roll);
    - ``drift.head_slope`` (deg/min): length of the three angles' least-squares slopes over the whole;
    - ``drift.gap_std``, ``drift.gap_mean``: of the lip gap, last over first; ``drift.gap_slope`` (iod/min).
    """
    motion = source if isinstance(source, Motion) else Motion(source.motion, source.names)
    valid = np.ones(len(source), np.bool_) if isinstance(source, Motion) else source.track.valid
    keys: tuple[tuple[str, str, Aim], ...] = (
        ("drift.head_std", "ratio", "real"), ("drift.head_mean", "deg", "low"), ("drift.head_slope", "deg/min", "low"),
        ("drift.gap_std", "ratio", "real"), ("drift.gap_mean", "ratio", "real"), ("drift.gap_slope", "iod/min", "low"),
    )  # fmt: skip
    frames = np.flatnonzero(valid)
    first, last = frames[frames < MINUTE], frames[frames >= len(motion) - MINUTE]
    if len(motion) < 2 * MINUTE or not len(first) or not len(last):
        why = "It needs two minutes in which the face is seen."
        return [Score.not_run(key, unit, aim, why) for key, unit, aim in keys]
    angles = head_angles(_turn(motion))
    gap = motion.column("lip_gap").astype(np.float64)
    head_spread = [np.sqrt(angles[rows].var(0).sum()) for rows in (first, last)]
    numbers = (
        head_spread[1] / max(head_spread[0], 1e-9),
        np.linalg.norm(angles[last].mean(0) - angles[first].mean(0)),
        np.linalg.norm(np.polyfit(frames / MINUTE, angles[frames], 1)[0]),
        gap[last].std() / max(gap[first].std(), 1e-9),
        gap[last].mean() / max(gap[first].mean(), 1e-9),
        abs(np.polyfit(frames / MINUTE, gap[frames], 1)[0]),
    )
    return [Score(key, float(x), unit, aim) for (key, unit, aim), x in zip(keys, numbers, strict=True)]


def blinks(seen: Footage) -> list[Score]:
    """Blinks (:func:`mssync.motion.blinks.find_blinks`).

    - ``blinks.rate`` per minute in which the face is seen; interval: that of a Poisson count n, ``(sqrt(n) - 0.98)^2``
      to ``(sqrt(n + 1) + 0.98)^2``;
    - ``blinks.duration`` (s): median width at half height of the closure (of the less closed eye, over its running
      median).
    """
    lids = np.stack([seen.column("lid_left"), seen.column("lid_right")], 1)
    valid = seen.track.valid
    found = [int(t) for t in find_blinks(lids) if valid[t]]
    minutes = float(valid.sum()) / MINUTE
    low, high = float(max(0.0, len(found) ** 0.5 - 0.98) ** 2), float(((len(found) + 1) ** 0.5 + 0.98) ** 2)
    rate = Score("blinks.rate", len(found) / minutes, "1/min", "real", interval=(low / minutes, high / minutes))
    if not found:
        return [rate, Score.not_run("blinks.duration", "s", "real", "There is no blink.")]
    closure = (lids - without_blinks(lids)).min(1).astype(np.float64)
    widths = np.array([_width(closure, t) / FPS for t in found])
    return [rate, Score("blinks.duration", float(np.median(widths)), "s", "real", note=f"{len(found)} blinks.")]


def _width(x: Array64, peak: int) -> float:
    """Frames between the two places around a peak where ``x`` crosses half its height, interpolated linearly."""
    half = x[peak] / 2
    ends = []
    for side in (x[peak::-1], x[peak:]):
        below = np.flatnonzero(side < half)
        if not len(below):
            ends.append(float(len(side) - 1))
            continue
        k = int(below[0])
        ends.append(k - 1 + (side[k - 1] - half) / (side[k - 1] - side[k]))
    return float(sum(ends))
