"""Do the lips say what is said? Closures at /p b m/, open vowels, and the lips' opening against the loudness.

The lip gap is the ``mesh`` space's: mean distance of the inner edges less what the tracker leaves of touching lips, in
inter-ocular distances (iod). Phones are given (:mod:`mssync.evaluation.phones`) or their scores are not run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mssync.evaluation.footage import Footage
from mssync.evaluation.head import block_draws, middle95
from mssync.evaluation.phones import Phone
from mssync.evaluation.score import Score
from mssync.motion.space import FPS

Array = NDArray[np.float32]
Array64 = NDArray[np.float64]
Mask = NDArray[np.bool_]

BILABIALS: Final = frozenset({"P", "B", "M"})
OPEN_VOWELS: Final = frozenset({"AA", "AE", "AH", "AW", "AY", "EH"})
# Of 105 bilabials of people reading GRID sentences 99 % have a smaller least gap, and 98 % one below 0.01.
CLOSED: Final = 0.02
TALKING: Final = 0.5  # speech probability
MIN_GAP: Final = 0.005  # a mouth that opens less while it talks does not articulate at all
LAGS: Final = 15  # frames, 0.6 s
LOUD_RANGE: Final = 40.0  # dB below the loud parts; what is quieter counts as silence

MIN_VOWELS: Final = 5  # for an interval


def share_interval(hits: int, n: int) -> tuple[float, float]:
    """95 % interval of a share of independent trials (Wilson 1927), n >= 1."""
    z = 1.96
    p, d = hits / n, 1.0 + z * z / n
    half = z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return float(max(0.0, p + z * z / (2 * n) - half) / d), float(min(d, p + z * z / (2 * n) + half) / d)


def loudness(sound: Array, frames: int) -> Array64:
    """Mean power per video frame ``(frames,)`` in dB, cut off 40 dB below its own 95 % quantile; 0 is that cut.

    Args:
        sound: ``(n,)`` at 16 kHz; short of ``640 * frames`` samples it counts as followed by silence.
    """
    padded = np.zeros(frames * 640)
    padded[: len(sound)] = sound[: len(padded)]
    level = 10.0 * np.log10((padded.reshape(frames, 640) ** 2).mean(1) + 1e-10)
    return np.asarray(np.maximum(level - (np.quantile(level, 0.95) - LOUD_RANGE), 0.0), np.float64)


def scores(seen: Footage, phones: Sequence[Phone] | None) -> list[Score]:
    """Articulation of one video.

    - ``articulation.closed``: share of /p b m/ whose least gap, from one frame before the phone to one frame after it,
      is below 0.02 iod. Chance: the share for stretches of the same lengths placed anywhere in the speech, which is
      high for a mouth that is mostly shut;
    - ``articulation.open``: mean gap within the open vowels (AA AE AH AW AY EH) over the median gap of all speech.
      Chance: mean over median of all speech;
    - ``articulation.lag``: frames by which the lip gap follows the loudness where their correlation is highest, within
      0.6 s; negative: the lips lead;
    - ``articulation.loudness``: that correlation. Chance: the mean of the same maximum with the sound shifted around
      the clip by more than 1.2 s. Clear on faces of 120 pixels and more that read sentences; on small faces (60 pixels)
      that smile as they talk it often does not separate from chance.

    Args:
        seen: the video.
        phones: what is said, or None where it is not known.
    """
    if phones is None:
        why = "The text is not known; give it with --text."
        return [_no_closed(why), _no_open(why), *_loud(seen)]
    gap, valid = seen.column("lip_gap").astype(np.float64), seen.track.valid
    talk = (seen.speech >= TALKING) & valid
    return [_closed(gap, valid, talk, phones), _open(gap, valid, talk, phones), *_loud(seen)]


def frames_of(phone: Phone, frames: int, wider: int) -> slice:
    """Frames that a phone touches, and ``wider`` more on both sides, of a clip of that many ``frames``."""
    first, end = int(phone.start * FPS) - wider, int(np.ceil(phone.end * FPS - 1e-9)) + wider
    return slice(max(0, first), min(frames, end))


def _closed(gap: Array64, valid: Mask, talk: Mask, phones: Sequence[Phone]) -> Score:
    rows = [frames_of(p, len(gap), 1) for p in phones if p.name in BILABIALS]
    rows = [r for r in rows if valid[r].any()]
    if not rows:
        return _no_closed("No /p b m/ is spoken while the face is seen.")
    shown = np.where(valid, gap, np.inf)
    hits = sum(bool(shown[r].min() < CLOSED) for r in rows)
    chances = []
    for length in (r.stop - r.start for r in rows):
        least = np.lib.stride_tricks.sliding_window_view(shown, length).min(-1)
        spoken = talk[length // 2 :][: len(least)]
        if spoken.any():
            chances.append(float((least[spoken] < CLOSED).mean()))
    chance = float(np.mean(chances)) if chances else None
    interval, note = share_interval(hits, len(rows)), f"{len(rows)} of /p b m/."
    return Score("articulation.closed", hits / len(rows), "share", "high", chance, interval, note)


def _open(gap: Array64, valid: Mask, talk: Mask, phones: Sequence[Phone]) -> Score:
    rows = [frames_of(p, len(gap), 0) for p in phones if p.name in OPEN_VOWELS]
    means = np.array([gap[r][valid[r]].mean() for r in rows if valid[r].any()])
    if not len(means) or not talk.any():
        return _no_open("No open vowel is spoken while the face is seen.")
    usual = float(np.median(gap[talk]))
    if usual < MIN_GAP:
        return _no_open(f"The mouth hardly opens in speech (median gap {usual:.3f}).")
    interval = None
    if len(means) >= MIN_VOWELS:
        interval = middle95(np.random.default_rng(0).choice(means, (1000, len(means))).mean(1) / usual)
    chance, value = float(gap[talk].mean() / usual), float(means.mean() / usual)
    return Score("articulation.open", value, "ratio", "real", chance, interval, f"{len(means)} vowels.")


def _loud(seen: Footage) -> list[Score]:
    gap, loud = seen.column("lip_gap").astype(np.float64), loudness(seen.sound, len(seen))
    reach = min(LAGS, len(seen) // 4)
    lags = np.arange(-reach, reach + 1)
    middle = np.arange(reach, len(seen) - reach)
    # One row per moment: the loudness then, and the gap at every lag.
    table = np.concatenate([loud[middle, None], gap[middle[:, None] + lags]], 1)[seen.track.valid[middle]]
    if table.std(0).min() < 1e-6:
        why = "The sound or the lip gap never changes."
        return [
            Score.not_run("articulation.lag", "frames", "real", why),
            Score.not_run("articulation.loudness", "r", "real", why),
        ]
    r = _correlations(table[None])[0]
    drawn = block_draws(table, _correlations)
    best = int(lags[r.argmax()])
    note = "At the end of the range: take it for unknown." if abs(best) == reach else ""
    lag_interval = None if drawn is None else middle95(lags[drawn.argmax(1)])
    interval = None if drawn is None else middle95(drawn.max(1))
    return [
        Score("articulation.lag", best, "frames", "real", interval=lag_interval, note=note),
        Score("articulation.loudness", float(r.max()), "r", "real", _chance(loud, gap, reach), interval),
    ]


def _correlations(table: Array64) -> Array64:
    """Pearson's r ``(draws, lags)`` of the first column of ``(draws, n, 1 + lags)`` with each of the others."""
    centred = table - table.mean(1, keepdims=True)
    power = (centred**2).sum(1)
    shared = np.einsum("dn,dnl->dl", centred[..., 0], centred[..., 1:])
    return np.asarray(shared / np.sqrt(power[:, :1] * power[:, 1:] + 1e-20), np.float64)


def _chance(loud: Array64, gap: Array64, reach: int) -> float | None:
    """Mean over circular shifts, of more than twice the reach, of the best correlation within the reach."""
    x, y = (loud - loud.mean()) / loud.std(), (gap - gap.mean()) / gap.std()
    r = np.fft.irfft(np.conj(np.fft.rfft(x)) * np.fft.rfft(y), len(x)) / len(x)
    shifts = np.arange(2 * reach + 1, len(x) - 2 * reach)
    if not len(shifts):
        return None
    return float(r[shifts[:, None] + np.arange(-reach, reach + 1)].max(1).mean())


def _no_closed(why: str) -> Score:
    return Score.not_run("articulation.closed", "share", "high", why)


def _no_open(why: str) -> Score:
    return Score.not_run("articulation.open", "ratio", "real", why)
