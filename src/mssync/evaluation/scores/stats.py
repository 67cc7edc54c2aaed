"""Statistics that several scores share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from mssync.arrays import Array64

BLOCK: Final = 25  # frames of a bootstrap block
DRAWS: Final = 200


def block_draws(values: Array64, statistic: Callable[[Array64], Array64], block: int = BLOCK) -> Array64 | None:
    """Statistics of a series drawn again 200 times, by moving-block bootstrap (Kuensch 1989), blocks of one second.

    Neighbouring frames are alike, so blocks are drawn, not frames. What changes more slowly than a block is taken for
    independent: an interval is too narrow for it.

    Args:
        values: ``(n, ...)``, frames first.
        statistic: from drawn frames ``(draws, n, ...)`` to ``(draws, ...)``.
        block: rows of a block, where a row is not a frame or what is alike is shorter than a second.
    Returns:
        ``(200, ...)``, or None below two blocks.
    """
    n = len(values)
    if n < 2 * block:
        return None
    starts = np.random.default_rng(0).integers(0, n - block + 1, (DRAWS, -(-n // block)))
    rows = (starts[..., None] + np.arange(block)).reshape(DRAWS, -1)[:, :n]
    pieces = min(DRAWS, -(-DRAWS * values.size // 1_000_000))  # bounds the memory
    return np.concatenate([statistic(values[part]) for part in np.array_split(rows, pieces)])


def block_interval(
    values: Array64, statistic: Callable[[Array64], Array64], block: int = BLOCK
) -> tuple[float, float] | None:
    """95 % interval of a statistic ``(draws, n, ...) -> (draws,)`` of a series, see :func:`block_draws`."""
    drawn = block_draws(values, statistic, block)
    return None if drawn is None else middle95(drawn)


def middle95(drawn: Array64) -> tuple[float, float]:
    """The 2.5 % and 97.5 % quantiles of ``(n,)``."""
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(low), float(high)


def share_interval(hits: int, n: int) -> tuple[float, float]:
    """95 % interval of a share of independent trials (Wilson 1927), n >= 1."""
    z = 1.96
    p, d = hits / n, 1.0 + z * z / n
    half = z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return float(max(0.0, p + z * z / (2 * n) - half) / d), float(min(d, p + z * z / (2 * n) + half) / d)


def frechet(a: ArrayLike, b: ArrayLike) -> float:
    """Squared Frechet distance of two samples, each taken for a normal distribution.

    ``|mean_a - mean_b|^2 + tr(A + B - 2 (A B)^(1/2))`` with the sample covariances A and B (Dowson and Landau 1982;
    Heusel et al. 2017, the "FID"). No matrix root is taken: with the centred samples X and Y, scaled so that
    ``A = X'X`` and ``B = Y'Y``, the trace of ``(A B)^(1/2)`` is the sum of the singular values of ``X Y'``, which is
    exact for samples smaller than their dimension too.

    The value is biased upwards in small samples: two halves of the same n rows of d numbers already differ by about
    ``2 d / n`` per unit of variance. Compare only values of equal n.

    Args:
        a: ``(n, d)``, n >= 2.
        b: ``(m, d)``, m >= 2.
    Returns:
        The distance in squared units of the numbers, 0 or more.
    Raises:
        ValueError: other shapes, or a number that is not finite.
    """
    mean_a, root_a = _mean_and_root(a)
    mean_b, root_b = _mean_and_root(b)
    if mean_a.shape != mean_b.shape:
        raise ValueError(f"the samples have {mean_a.size} and {mean_b.size} columns")
    shared = np.linalg.svd(root_a @ root_b.T, compute_uv=False).sum()
    spread = (root_a**2).sum() + (root_b**2).sum() - 2.0 * shared
    return max(0.0, float(((mean_a - mean_b) ** 2).sum() + spread))


def _mean_and_root(sample: ArrayLike) -> tuple[Array64, Array64]:
    """Mean ``(d,)`` and a matrix R ``(min(n, d), d)`` with ``R'R`` the covariance."""
    x = np.asarray(sample, np.float64)
    if x.ndim != 2 or len(x) < 2 or not np.isfinite(x).all():
        raise ValueError(f"a sample must be (n >= 2, d) finite numbers, not {x.shape}")
    mean = x.mean(0)
    root = np.linalg.qr((x - mean) / np.sqrt(len(x) - 1), mode="r")
    return mean, np.asarray(root, np.float64)
