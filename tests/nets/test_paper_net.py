"""The published network's own layers (held against the authors' answers in ``tests/convert``)."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from mssync.nets.paper import PaperGenerator, PaperShape, PointLayer

SMALL = PaperShape(5, 2, channels=8, width=8, hidden=4, feed_forward=8, branch=8, ends=1, expansion=1, context=6)


@pytest.mark.parametrize(("inside", "outside", "groups"), [(6, 4, 1), (6, 4, 2), (6, 6, 6), (6, 12, 6)])
@pytest.mark.parametrize("frames", [1, 3])
def test_a_point_layer_is_a_convolution(inside: int, outside: int, groups: int, frames: int) -> None:
    torch.manual_seed(0)
    layer, x = PointLayer(inside, outside, groups), torch.randn(3, inside, frames)
    assert torch.allclose(layer(x), F.conv1d(x, layer.weight, layer.bias, groups=groups), atol=1e-6)


def test_pose_t_plus_one_is_made_of_pose_t_and_audio_t_plus_one() -> None:
    torch.manual_seed(0)
    net = PaperGenerator(SMALL).eval()
    rows = torch.randn(1, 9, 4, 8, requires_grad=True)
    net.sound = _Fixed(rows)  # type: ignore[assignment]
    seen, made = net(torch.randn(1, 3, 10), torch.zeros(1, 36, 26))
    assert seen.shape == (1, 2, 10) and made.shape == (1, 6, 10)
    for t, pose in enumerate(torch.cat([seen, made], 1)[0], 1):  # poses 1 to 8
        (grad,) = torch.autograd.grad(pose.square().sum(), rows, retain_graph=True)
        heard = grad.abs().sum((0, 2, 3)).nonzero()[:, 0].tolist()
        assert max(heard) == t and (t > 3 or heard == [t]), "observed poses break the chain"


def test_only_so_many_frames_are_remembered() -> None:
    torch.manual_seed(0)
    step = PaperGenerator(SMALL).eval().step
    pose, sound, past = torch.zeros(1, 10), torch.zeros(1, 4, 8), torch.randn(1, 6, 8)
    other = past.clone()
    other[:, 0] += 1.0  # the oldest falls out when this frame comes in
    missing = torch.zeros(1, 6)
    assert torch.equal(step(pose, past, missing, sound)[0], step(pose, other, missing, sound)[0])
    other[:, 1] += 1.0
    assert not torch.equal(step(pose, past, missing, sound)[0], step(pose, other, missing, sound)[0])
    missing[:, 1] = -1e4
    assert torch.allclose(step(pose, past, missing, sound)[0], step(pose, other, missing, sound)[0], atol=1e-6)


class _Fixed(torch.nn.Module):
    def __init__(self, rows: torch.Tensor) -> None:
        super().__init__()
        self.rows = rows

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return self.rows
