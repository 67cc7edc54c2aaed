"""The lip-gap curve matches quantiles, rises, and closes what is nearly closed."""

from __future__ import annotations

import numpy as np

from mssync.motion.gap_curve import QUANTILES, GapCurve


def test_quantiles_match_after_the_curve() -> None:
    rng = np.random.default_rng(0)
    real = np.maximum(rng.gamma(2.0, 0.05, 20000) - 0.03, 0).astype(np.float32)
    made = (0.04 + 0.5 * rng.gamma(2.0, 0.05, 20000)).astype(np.float32)
    curve = GapCurve.fit(made, real)
    assert np.allclose(np.quantile(curve(made), QUANTILES), np.quantile(real, QUANTILES), atol=2e-3)
    assert curve(np.array([made.min()], np.float32))[0] < 1e-3


def test_curve_rises_and_is_never_negative() -> None:
    curve = GapCurve.fit(np.full(100, 0.1, np.float32), np.linspace(0, 0.3, 100).astype(np.float32))
    x = np.linspace(-0.1, 0.6, 400).astype(np.float32)
    y = curve(x)
    assert (y >= 0).all() and (np.diff(y) >= -1e-6).all()
    assert np.isclose(y[-1] - y[-101], x[-1] - x[-101], atol=1e-5)
