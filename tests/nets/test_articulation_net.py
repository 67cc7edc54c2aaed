from __future__ import annotations

import pytest
import torch

from mssync.nets.articulation import HEARD, ArticulationNet

BANDS, COLUMNS = 26, 5


@pytest.fixture
def net() -> ArticulationNet:
    torch.manual_seed(0)
    return ArticulationNet(BANDS, COLUMNS, 12, dropout=0.5).eval()


def _sound(frames: int) -> torch.Tensor:
    return torch.randn(2, 4 * (HEARD + frames), BANDS, generator=torch.Generator().manual_seed(3))


@torch.no_grad()
def test_any_stretch_gives_the_same_frames(net: ArticulationNet) -> None:
    sound = _sound(24)
    whole = net.hear(sound)
    assert whole.shape == (2, 24, COLUMNS)
    parts = [net.hear(sound[:, 4 * k : 4 * (k + HEARD + 8)]) for k in (0, 8, 16)]
    assert torch.allclose(torch.cat(parts, 1), whole, atol=1e-5)


@torch.no_grad()
def test_a_frame_hears_its_stretch_to_the_ends_and_nothing_else(net: ArticulationNet) -> None:
    sound = _sound(3)
    base = net.hear(sound)
    for step, frames in ((0, {0}), (4 * (HEARD + 3) - 4, {2}), (4 * (HEARD + 3) - 3, set())):
        changed = sound.clone()
        changed[:, step] += 5.0
        moved = (net.hear(changed) - base).abs().amax((0, 2))
        assert {i for i in range(3) if moved[i] > 1e-6} == frames


@torch.no_grad()
def test_the_mouth_is_the_answer_by_its_amount_and_the_generators_own(net: ArticulationNet) -> None:
    own = torch.randn(2, 8, COLUMNS)
    sound, one = _sound(8), torch.ones(2, 8, 1)
    assert torch.equal(net(sound, own, one), net.hear(sound))  # until it is measured, nothing of the generator's
    net.from_own.copy_(torch.diag(torch.arange(COLUMNS) / 4.0))
    net.from_sound.copy_(2.0 * torch.eye(COLUMNS))
    want = 3.0 * net.hear(sound) + own * torch.arange(COLUMNS) / 4.0
    assert torch.allclose(net(sound, own, 1.5 * one), want, atol=1e-5)
