"""The energy score picks the right spread, and the windows are what they say."""

from __future__ import annotations

import pytest
import torch

from mssync.training.losses import closeness, energy_score, windows


def test_windows_half_overlap() -> None:
    x = torch.arange(10.0).reshape(1, 10, 1)
    w = windows(x, 4)
    assert w.shape == (1, 4, 4)
    assert w[0, 1].tolist() == [2.0, 3.0, 4.0, 5.0]
    assert windows(x, 99).shape == (1, 1, 10)


def _score(spread: float, mean: float = 0.0) -> float:
    g = torch.Generator().manual_seed(0)
    real = torch.randn(4000, 5, 2, generator=g)
    a = torch.randn(4000, 5, 2, generator=g) * spread + mean
    b = torch.randn(4000, 5, 2, generator=g) * spread + mean
    return float(energy_score(a, b, real, (1, 5)))


def test_the_true_distribution_scores_best() -> None:
    right = _score(1.0)
    assert right < _score(0.0)  # the average motion: a dead head
    assert right < _score(0.5)
    assert right < _score(2.0)
    assert right < _score(1.0, mean=0.5)


def test_gradient_flows_at_zero_distance() -> None:
    x = torch.zeros(1, 6, 2, requires_grad=True)
    energy_score(x, x * 1.0, torch.zeros(1, 6, 2), (3,)).backward()
    assert x.grad is not None and torch.isfinite(x.grad).all()


def test_closeness() -> None:
    c = closeness(torch.tensor([-1.0, 0.0, 0.02, 1.0]), 0.02)
    assert c[0] == 1 and c[1] == 1 and 0.3 < c[2] < 0.4 and c[3] < 1e-6


@pytest.mark.parametrize("lengths", [(1,), (5, 10), (40,)])
def test_the_energy_score_is_a_number_whose_gradient_is_right(lengths: tuple[int, ...]) -> None:
    draw = torch.Generator().manual_seed(0)
    first, second, reference = (torch.randn(2, 12, 3, generator=draw, dtype=torch.float64) for _ in range(3))
    assert energy_score(first, second, reference, lengths).shape == ()
    swapped = energy_score(second, first, reference, lengths)
    assert torch.allclose(energy_score(first, second, reference, lengths), swapped)
    inputs = first.requires_grad_(), second.requires_grad_()
    assert torch.autograd.gradcheck(lambda a, b: energy_score(a, b, reference, lengths), inputs)


def test_rollouts_of_other_lengths_are_refused() -> None:
    with pytest.raises(RuntimeError, match="size"):
        energy_score(torch.zeros(1, 8, 2), torch.zeros(1, 8, 2), torch.zeros(1, 9, 2), (5,))
