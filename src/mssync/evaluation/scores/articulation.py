"""Articulation scores: closures at /p b m/, open vowels, and the lip gap against the loudness.

The lip gap is the ``mesh`` space's: mean distance of the inner edges less what the tracker leaves of touching lips, in
inter-ocular distances (iod). Phones are given (:mod:`mssync.speech.phones`) or their scores are not run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from mssync.arrays import Array, Array64, Mask
from mssync.evaluation.footage import Footage
from mssync.evaluation.scores.score import Score
from mssync.evaluation.scores.stats import block_draws, middle95, share_interval
from mssync.speech.phones import BILABIALS, Phone, frames_of
from mssync.timing import SAMPLES_PER_FRAME

OPEN_VOWELS: Final = frozenset({"AA", "AE", "AH", "AW", "AY", "EH"})
# Of 105 bilabials of people reading GRID sentences 99 % have a smaller least gap, and 98 % one below 0.01.
CLOSED: Final = 0.02
TALKING: Final = 0.5  # speech probability
MIN_GAP: Final = 0.005  # a mouth that opens less while it talks does not articulate at all
LAGS: Final = 10  # frames, 0.4 s; farther away lie the neighbouring syllables
COURSE: Final = 13  # frames, half a second: slower changes are phrases and smiles, not syllables
RIVAL: Final = 0.8  # of the best correlation; another lag that reaches it leaves the lag open
APART: Final = 3  # frames from the best lag, within which another is no rival
LOUD_RANGE: Final = 40.0  # dB below the loud parts; what is quieter counts as silence

MIN_VOWELS: Final = 5  # for an interval


def loudness(sound: Array, frames: int) -> Array64:
    """Mean power per video frame ``(frames,)`` in dB, cut off 40 dB below its own 95 % quantile; 0 is that cut.

    Args:
        sound: ``(n,)`` at 16 kHz; short of ``640 * frames`` samples it counts as followed by silence.
    """
    padded = np.zeros(frames * SAMPLES_PER_FRAME)
    padded[: len(sound)] = sound[: len(padded)]
    level = 10.0 * np.log10((padded.reshape(frames, SAMPLES_PER_FRAME) ** 2).mean(1) + 1e-10)
    return np.asarray(np.maximum(level - (np.quantile(level, 0.95) - LOUD_RANGE), 0.0), np.float64)


def scores(footage: Footage, phones: Sequence[Phone] | None) -> list[Score]:
    """Articulation of one video.

    - ``articulation.closed``: share of /p b m/ whose least gap, from one frame before the phone to one frame after it,
      is below 0.02 iod. Chance: the share for stretches of the same lengths placed anywhere in the speech, which is
      high for a mouth that is mostly shut;
    - ``articulation.open``: mean gap within the open vowels (AA AE AH AW AY EH) over the median gap of all speech.
      Chance: mean over median of all speech;
    - ``articulation.lag``: frames by which the lip gap follows the loudness where their correlation is highest, within
      0.4 s; negative: the lips lead. Both are taken less their own mean over half a second: smiles and phrases lag
      otherwise than syllables do. Not run where that correlation is not above 95 % of those with the sound shifted
      around the clip, or where another lag reaches 80 % of it. Sound that comes earlier or later than it should is the
      sync scores' matter; this lag moves with it, frame by frame, as long as it stays within reach;
    - ``articulation.loudness``: that correlation. Chance: the mean of the same maximum with the sound shifted around
      the clip by more than 0.8 s. One clip of a few seconds, or of a small face, may not separate from chance.

    Args:
        footage: the video.
        phones: what is said, or None where it is not known.
    """
    if phones is None:
        why = "The text is not known; give it with --text."
        return [_no_closed(why), _no_open(why), *_loud(footage)]
    gap, valid = footage.column("lip_gap").astype(np.float64), footage.track.valid
    talk = (footage.speech >= TALKING) & valid
    return [_closed(gap, valid, talk, phones), _open(gap, valid, talk, phones), *_loud(footage)]


def closures(gap: Array | Array64, valid: Mask, phones: Sequence[Phone]) -> Mask:
    """Which of the /p b m/ spoken while the face is seen have closed lips ``(n,)``.

    Args:
        gap: ``(T,)`` lip gap in iod at 25 fps; valid: ``(T,)``; phones: what is said.
    """
    shown = np.where(valid, gap, np.inf)
    rows = [frames_of(p, len(gap), 1) for p in phones if p.name in BILABIALS]
    return np.array([shown[r].min() < CLOSED for r in rows if valid[r].any()], np.bool_)


def _closed(gap: Array64, valid: Mask, talk: Mask, phones: Sequence[Phone]) -> Score:
    rows = [frames_of(p, len(gap), 1) for p in phones if p.name in BILABIALS]
    rows = [r for r in rows if valid[r].any()]
    if not rows:
        return _no_closed("No /p b m/ is spoken while the face is seen.")
    shown = np.where(valid, gap, np.inf)
    hits = int(closures(gap, valid, phones).sum())
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


def _loud(footage: Footage) -> list[Score]:
    gap, loud = footage.column("lip_gap").astype(np.float64), loudness(footage.sound, len(footage))
    if gap[footage.track.valid].std() < 1e-6 or loud.std() < 1e-6:
        why = "The sound or the lip gap never changes."
        return [_no_lag(why), Score.not_run("articulation.loudness", "r", "real", why)]
    gap, loud = _syllables(gap), _syllables(loud)
    n, reach = len(footage), min(LAGS, len(footage) // 4)
    lags = np.arange(-reach, reach + 1)
    # One row per moment: the loudness then, and the gap at every lag, as far as it is seen.
    at = np.arange(n)[:, None] + lags
    shown = np.where(footage.track.valid, gap, np.nan)[np.clip(at, 0, n - 1)]
    shown[(at < 0) | (at >= n)] = np.nan
    table = np.concatenate([loud[:, None], shown], 1)
    r = _correlations(table[None])[0]
    drawn = block_draws(table, _correlations)
    by_chance = _by_chance(loud, gap, reach)
    best = float(r.max())
    chance = float(by_chance.mean()) if len(by_chance) else None
    loudness_score = Score(
        "articulation.loudness", best, "r", "real", chance, None if drawn is None else middle95(drawn.max(1))
    )
    lag = int(lags[r.argmax()])
    if not len(by_chance) or best <= np.quantile(by_chance, 0.95):
        return [_no_lag("The lips and the loudness agree no better than by chance."), loudness_score]
    if abs(lag) == reach or r[np.abs(lags - lag) > APART].max() >= RIVAL * best:
        return [_no_lag("The lips and the loudness agree at several lags, or at one out of reach."), loudness_score]
    interval = None if drawn is None else middle95(lags[drawn.argmax(1)])
    return [Score("articulation.lag", lag, "frames", "real", interval=interval), loudness_score]


def _syllables(x: Array64) -> Array64:
    """``(T,)`` less its Hann-weighted mean over half a second, the ends mirrored."""
    weight = np.hanning(COURSE + 2)[1:-1]
    return x - np.convolve(np.pad(x, COURSE // 2, mode="reflect"), weight / weight.sum(), "valid")


def _correlations(table: Array64) -> Array64:
    """Pearson's r ``(draws, lags)`` of the first column of ``(draws, n, 1 + lags)`` with each of the others, over the
    rows in which that other is a number."""
    x, y = table[..., :1], table[..., 1:]
    here = np.isfinite(y)
    y = np.where(here, y, 0.0)
    count = np.maximum(here.sum(1), 1)
    mean_x, mean_y = (x * here).sum(1) / count, y.sum(1) / count
    spread = ((x**2 * here).sum(1) / count - mean_x**2) * ((y**2).sum(1) / count - mean_y**2)
    return np.asarray(((x * y).sum(1) / count - mean_x * mean_y) / np.sqrt(np.maximum(spread, 1e-20)), np.float64)


def _by_chance(loud: Array64, gap: Array64, reach: int) -> Array64:
    """Best correlation within the reach, for all circular shifts of more than twice the reach; none in short clips."""
    x, y = (loud - loud.mean()) / loud.std(), (gap - gap.mean()) / gap.std()
    r = np.fft.irfft(np.conj(np.fft.rfft(x)) * np.fft.rfft(y), len(x)) / len(x)
    shifts = np.arange(2 * reach + 1, len(x) - 2 * reach)
    if not len(shifts):
        return np.zeros(0)
    return np.asarray(r[shifts[:, None] + np.arange(-reach, reach + 1)].max(1), np.float64)


def _no_lag(why: str) -> Score:
    return Score.not_run("articulation.lag", "frames", "real", why)


def _no_closed(why: str) -> Score:
    return Score.not_run("articulation.closed", "share", "high", why)


def _no_open(why: str) -> Score:
    return Score.not_run("articulation.open", "ratio", "real", why)
