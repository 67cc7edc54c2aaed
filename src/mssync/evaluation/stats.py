"""Statistics that several scores share."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array64 = NDArray[np.float64]


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
