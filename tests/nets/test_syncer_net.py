"""Syncer, InfoNCE and the discriminator: shapes, gradients, and that they can learn what they are for."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mssync.motion import pyramid
from mssync.nets.discriminator import DiscriminatorShape, WindowDiscriminator, hinge_fooled, hinge_real_fake
from mssync.nets.syncer import Syncer, SyncerShape, coarser, info_nce, synchrony


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def test_towers_give_unit_vectors() -> None:
    net = Syncer(SyncerShape(7, 26, width=16, out=8)).eval()
    m, s = net(torch.randn(5, 5, 7), torch.randn(5, 20, 26))
    assert m.shape == s.shape == (5, 8)
    assert torch.allclose(m.norm(dim=1), torch.ones(5)) and torch.allclose(s.norm(dim=1), torch.ones(5))


def test_centred_columns_hide_where_the_head_is() -> None:
    net = Syncer(SyncerShape(4, 26, width=16, out=8, centred=3)).eval()
    x = torch.randn(2, 5, 4)
    moved = x + torch.tensor([1.0, -2.0, 0.5, 0.0])
    assert torch.allclose(net.motion(x), net.motion(moved), atol=1e-5)
    assert not torch.allclose(net.motion(x), net.motion(x + torch.tensor([0.0, 0.0, 0.0, 1.0])), atol=1e-3)


def test_torch_and_numpy_pyramids_agree() -> None:
    x = np.random.default_rng(0).standard_normal((37, 3)).astype(np.float32)
    assert np.allclose(coarser(torch.from_numpy(x)[None])[0].numpy(), pyramid.coarser(x), atol=1e-6)


def test_info_nce_is_least_for_the_true_pairs() -> None:
    v = torch.nn.functional.normalize(torch.randn(12, 8), dim=1)
    scale = torch.tensor(3.0)
    true, hit = info_nce(v, v, scale, 3)
    # Shifted by one within each clip of four.
    wrong, missed = info_nce(v, v.reshape(3, 4, 8).roll(1, 1).reshape(12, 8), scale, 3)
    assert float(true) < float(wrong) and float(hit) == 1.0 and float(missed) == 0.0


def test_syncer_learns_a_known_relation_and_tells_the_lag() -> None:
    # The mouth opens with the loudness; nothing else is to be learnt.
    gen = torch.Generator().manual_seed(1)
    loud = torch.randn(400, generator=gen)
    sound = loud.repeat_interleave(4)[:, None].expand(-1, 6) + 0.1 * torch.randn(1600, 6, generator=gen)
    motion = loud[:, None] * torch.tensor([1.0, -0.5]) + 0.1 * torch.randn(400, 2, generator=gen)
    net = Syncer(SyncerShape(2, 6, width=32, out=16))
    best = torch.optim.Adam(net.parameters(), lr=3e-3)
    for _ in range(60):
        at = torch.randint(0, 300, (4, 8), generator=gen).flatten()
        m = motion[at[:, None] + torch.arange(5)]
        s = sound[4 * at[:, None] + torch.arange(20)]
        loss, _ = info_nce(*net(m, s), net.log_scale, 4)
        best.zero_grad()
        loss.backward()
        best.step()
    net.eval()
    agree = [
        float(synchrony(net, motion[None, 300 + k : 380 + k], sound[None, 1200:1520]).mean()) for k in range(-5, 6)
    ]
    assert int(np.argmax(agree)) == 5


def test_discriminator_scores_frames_and_windows() -> None:
    net = WindowDiscriminator(DiscriminatorShape(6, width=8, hidden=5))
    frames, windows = net(torch.randn(3, 46, 6))
    # 45 frames: windows of 5 every 2, 10 every 5, 20 every 10, 40 every 20.
    assert frames.shape == (3, 45) and windows.shape == (3, 21 + 8 + 3 + 1)
    short = net(torch.randn(3, 13, 6))[1]
    assert short.shape == (3, 4 + 1)


def test_start_counts_less_the_farther_it_is() -> None:
    net = WindowDiscriminator(DiscriminatorShape(6, width=8, hidden=5)).eval()
    x = torch.randn(1, 90, 6)
    other = x.clone()
    other[:, 0] += 3.0
    with torch.no_grad():
        change = (net(x)[1] - net(other)[1]).abs()[0]
    # Windows of five frames only: the first of them contain the start itself.
    fives = change[2:42]
    assert float(fives[-5:].mean()) < 0.5 * float(fives[:5].mean())


def test_hinge_losses_pull_apart_and_together() -> None:
    real, fake = torch.full((4,), 2.0), torch.full((4,), -2.0)
    assert float(hinge_real_fake((real, real), (fake, fake))) == 0.0
    assert float(hinge_real_fake((fake, fake), (real, real))) == 6.0
    assert float(hinge_fooled((real, fake))) == 0.0 and float(hinge_fooled((real, real))) == -2.0


def test_discriminator_learns_to_tell_trembling_from_gliding() -> None:
    gen = torch.Generator().manual_seed(0)
    net = WindowDiscriminator(DiscriminatorShape(3, width=16, hidden=8))
    best = torch.optim.Adam(net.parameters(), lr=5e-3, betas=(0.0, 0.99))

    def glide() -> torch.Tensor:
        phase = torch.rand(8, 1, 3, generator=gen) * 6
        return torch.sin(torch.arange(30)[None, :, None] * 0.2 + phase)

    for _ in range(60):
        loss = hinge_real_fake(net(glide()), net(glide() + 0.5 * torch.randn(8, 30, 3, generator=gen)))
        best.zero_grad()
        loss.backward()
        best.step()
    with torch.no_grad():
        good, bad = net(glide())[1].mean(), net(glide() + 0.5 * torch.randn(8, 30, 3, generator=gen))[1].mean()
    assert float(good) > float(bad) + 0.5
