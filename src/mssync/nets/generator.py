"""The multi-scale autoregressive generator of MS-Sync (arXiv 2307.03270, section 3), default profile.

Audio features go through one convolutional pyramid; level 0 runs at frame rate, each further level at half the rate of
the one before. Four branches, one per level, and a fifth without audio each predict a velocity and a mask for every
motion column; the masked velocities are joined by a last linear layer and added to the pose.

Against the paper the default profile is causal with a bounded look-ahead (so that it streams), is conditioned on a
style and noise (so that one voice can give many motions), and takes the last velocity beside the last pose.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mssync.timing import BLOCK_FRAMES, CONTEXT_FRAMES, LEVELS, LOOKAHEAD_FRAMES, STEPS_PER_FRAME, Timing

POSE_CLAMP: Final = 8.0
"""Largest absolute pose in units of the training data's spread: far outside real motion."""
RENAMED: Final = {"leak": "decay"}  # sizes in manifests and checkpoints of older versions


@dataclass(frozen=True)
class GeneratorShape:
    """Sizes of the generator.

    Attributes:
        motion: columns D of the motion space.
        bands: audio features per 10 ms step.
        channels: audio channels per level.
        width: of the pose embedding and the attention.
        hidden: of the history vector h.
        branch: hidden width of each branch.
        window: past steps that attention sees.
        style: conditioning columns, constant over a clip.
        noise: fresh noise columns per frame.
        head: how many columns are the head's, the first ones; 0 in a motion space without a head.
        context, lookahead, block: the clock (:class:`mssync.timing.Timing`).
        decay: thousandths by which every column but the head's decays towards rest in each frame. Without it, columns
            that no loss holds drift over minutes; the net learns to counteract it where it should.
        sigmoid: 1: masks of the branches are independent (sigmoid); 0: they sum to one over the branches (softmax).
    """

    motion: int
    bands: int = 26
    channels: int = 64
    width: int = 128
    hidden: int = 64
    branch: int = 160
    window: int = 40
    style: int = 10
    noise: int = 8
    decay: int = 0
    sigmoid: int = 0
    head: int = 6
    context: int = CONTEXT_FRAMES
    lookahead: int = LOOKAHEAD_FRAMES
    block: int = BLOCK_FRAMES

    def __post_init__(self) -> None:
        _ = self.timing  # refuses a clock on which the encoder cannot work

    @property
    def timing(self) -> Timing:
        """Context, look-ahead and block."""
        return Timing(self.context, self.lookahead, self.block)

    @staticmethod
    def of(values: Mapping[str, int]) -> GeneratorShape:
        """From :meth:`as_dict`, older names (``leak`` for ``decay``) understood.

        Raises:
            TypeError: a size is missing or unknown.
        """
        return GeneratorShape(**{RENAMED.get(name, name): size for name, size in values.items()})

    def as_dict(self) -> dict[str, int]:
        """Sizes by name, as manifests and checkpoints hold them."""
        return asdict(self)


class _InvertedResidual(nn.Module):
    """Pointwise up, depthwise over time (no padding), pointwise down; a cut-out shortcut where the shapes allow it."""

    def __init__(self, cin: int, cout: int, stride: int, kernel: int = 5, expand: int = 2) -> None:
        super().__init__()
        mid = cin * expand
        self.up = nn.Conv1d(cin, mid, 1)
        self.depth = nn.Conv1d(mid, mid, kernel, stride=stride, groups=mid)
        self.down = nn.Conv1d(mid, cout, 1)
        self.skip = nn.Conv1d(cin, cout, 1, stride=stride)
        self.norm = _ChannelNorm(cout)
        self.margin = kernel // 2

    def forward(self, x: Tensor) -> Tensor:
        y = self.down(F.gelu(self.depth(F.gelu(self.up(x)))))
        short = self.skip(x[..., self.margin : -self.margin])
        out: Tensor = self.norm(y + short)
        return out


class _ChannelNorm(nn.Module):
    """Layer norm over channels, one time step at a time: no statistics over time, so blocks equal the whole."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.norm(x.transpose(1, 2)).transpose(1, 2)
        return out


class SoundEncoder(nn.Module):
    """Log filterbank features to four levels at frame rate.

    All convolutions are unpadded: the caller supplies the shape's ``context`` before and its ``lookahead`` after the
    block, so the same frames come out whatever the block.
    """

    def __init__(self, shape: GeneratorShape) -> None:
        super().__init__()
        self.shape, c = shape, shape.channels
        self.base = nn.Sequential(
            _InvertedResidual(shape.bands, 64, 1),
            _InvertedResidual(64, 96, 2),
            _InvertedResidual(96, 128, 1),
            _InvertedResidual(128, c, 2),
        )
        self.coarser = nn.ModuleList(_Coarser(c) for _ in range(LEVELS - 1))

    def forward(self, sound: Tensor) -> Tensor:
        """``(B, 4 (context + N + lookahead), bands)`` with N a multiple of 8 -> ``(B, N, levels, C)``.

        Row t holds the levels at the start of frame t + 1 (earlier by :meth:`mssync.timing.Timing.delay` where the
        look-ahead is short), and pose t of a rollout is made of it: one frame more of look-ahead than in the paper,
        where pose t + 1 is made of audio t + 1.
        """
        s = self.shape
        n = sound.shape[1] // STEPS_PER_FRAME - s.context - s.lookahead
        # Column j of level 0 sees steps 4j .. 4j+24: it stands for frame j + 3.
        x = self.base(sound.transpose(1, 2))
        first = 3
        outs = []
        for level in range(LEVELS):
            if level:
                drop = first % 2
                x = self.coarser[level - 1](x[..., drop:])
                # Column m of the level below's slice, 7 wide, stands for its last member's frame.
                first = (first + drop + 6) // 2
            outs.append(_at_frames(x, first, level, s.context + 1 - s.timing.delay(level), n))
        return torch.stack(outs, 2)


class _Coarser(nn.Module):
    """Half the rate: kernel 7 that ends at the even sample (it sees no later feature than the level below)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(channels, channels, 7, stride=2)
        self.norm = _ChannelNorm(channels)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.norm(F.gelu(self.conv(x)) + x[..., 6::2][..., : (x.shape[-1] - 7) // 2 + 1])
        return out


def _at_frames(x: Tensor, first: int, level: int, start: int, n: int) -> Tensor:
    """Interpolate samples ``(B, C, K)`` of a level (column k is sample ``first + k``) at n frames from ``start``."""
    ratio = 2**level
    if level == 0:
        return x[..., start - first : start - first + n].transpose(1, 2)
    low = torch.arange(n, device=x.device) + start
    k = torch.div(low, ratio, rounding_mode="floor")
    a = (low - k * ratio).to(x.dtype) / ratio
    k = k - first
    out = x[..., k] * (1 - a) + x[..., k + 1] * a
    result: Tensor = out.transpose(1, 2)
    return result


class StepNet(nn.Module):
    """One frame: history and sound to the next pose."""

    keep: Tensor

    def __init__(self, shape: GeneratorShape) -> None:
        super().__init__()
        s = self.shape = shape
        w, extra = s.width, s.style + s.noise
        self.embed = nn.Sequential(
            nn.Linear(2 * s.motion + extra, w),
            nn.LayerNorm(w),
            nn.Linear(w, 4 * w),
            nn.GELU(),
            nn.Linear(4 * w, w),
        )
        self.norm1, self.norm2 = nn.LayerNorm(w), nn.LayerNorm(w)
        self.query, self.key, self.value = nn.Linear(w, w), nn.Linear(w, w), nn.Linear(w, w)
        self.join = nn.Linear(w, w)
        self.feed = nn.Sequential(nn.Linear(w, 2 * w), nn.GELU(), nn.Linear(2 * w, w))
        self.history = nn.Linear(w, s.hidden)
        branches, inside = LEVELS + 1, s.hidden + w + s.channels + extra
        self.w1 = nn.Parameter(torch.randn(branches, inside, s.branch) / math.sqrt(inside))
        self.b1 = nn.Parameter(torch.zeros(branches, 1, s.branch))
        self.w2 = nn.Parameter(torch.randn(branches, s.branch, s.branch) / math.sqrt(s.branch))
        self.b2 = nn.Parameter(torch.zeros(branches, 1, s.branch))
        self.w3 = nn.Parameter(torch.randn(branches, s.branch, 2 * s.motion) / math.sqrt(s.branch))
        self.b3 = nn.Parameter(torch.zeros(branches, 1, 2 * s.motion))
        self.out = nn.Linear(branches * s.motion, s.motion)
        self.register_buffer("keep", torch.ones(s.motion), persistent=False)
        self.keep[s.head :] -= s.decay / 1000
        with torch.no_grad():
            self.out.weight.mul_(0.1)
            self.out.bias.zero_()

    def forward(
        self,
        pose: Tensor,
        velocity: Tensor,
        keys: Tensor,
        values: Tensor,
        mask: Tensor,
        sound: Tensor,
        extra: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """One step.

        Args:
            pose, velocity: ``(B, D)`` normalised; of the frame before.
            keys, values: ``(B, window, W)`` of the past steps, oldest first.
            mask: ``(B, window)`` 0 for a past step that exists, a large negative number for one that does not.
            sound: ``(B, levels, C)``.
            extra: ``(B, style + noise)``.
        Returns:
            the next pose ``(B, D)``, its velocity, and the caches with this step appended.
        """
        e = self.embed(torch.cat([pose, velocity, extra], 1))
        x = self.norm1(e)
        keys = torch.cat([keys[:, 1:], self.key(x)[:, None]], 1)
        values = torch.cat([values[:, 1:], self.value(x)[:, None]], 1)
        seen = torch.cat([mask[:, 1:], torch.zeros_like(mask[:, :1])], 1)
        score = (keys @ self.query(x)[:, :, None])[..., 0] / math.sqrt(self.shape.width) + seen
        y = e + self.join((score.softmax(1)[:, None] @ values)[:, 0])
        y = y + self.feed(self.norm2(y))
        h = self.history(y)
        # The first branch has no audio.
        levels = torch.cat([torch.zeros_like(sound[:, :1]), sound], 1).transpose(0, 1)
        common = torch.cat([h, e, extra], 1)[None].expand(LEVELS + 1, -1, -1)
        z = torch.cat([common, levels], 2)
        z = F.gelu(torch.baddbmm(self.b1, z, self.w1))
        z = F.gelu(torch.baddbmm(self.b2, z, self.w2))
        z = torch.baddbmm(self.b3, z, self.w3)
        velocities, logits = z[..., : self.shape.motion], z[..., self.shape.motion :]
        masked = velocities * (logits.sigmoid() if self.shape.sigmoid else logits.softmax(0))
        step: Tensor = self.out(masked.transpose(0, 1).flatten(1))
        # A rollout may never run away.
        after = (pose * self.keep + step).clamp(-POSE_CLAMP, POSE_CLAMP)
        return after, after - pose, keys, values


@dataclass
class RolloutState:
    """What the generator carries from frame to frame; fixed size, plain tensors (see :meth:`StepNet.forward`)."""

    pose: Tensor
    velocity: Tensor
    keys: Tensor
    values: Tensor
    mask: Tensor

    def detached(self) -> RolloutState:
        """The same numbers without their history."""
        return self.with_gradient(0.0)

    def with_gradient(self, scale: float) -> RolloutState:
        """The same numbers; gradients that flow back through them are multiplied by ``scale``."""

        def scaled(x: Tensor) -> Tensor:
            return x if scale == 1.0 else x.detach() + scale * (x - x.detach()) if scale > 0 else x.detach()

        return RolloutState(scaled(self.pose), scaled(self.velocity), scaled(self.keys), scaled(self.values), self.mask)


class Generator(nn.Module):
    """Sound encoder and step net together, for training; the runtime runs the two exported graphs."""

    def __init__(self, shape: GeneratorShape) -> None:
        super().__init__()
        self.shape = shape
        self.sound = SoundEncoder(shape)
        self.step = StepNet(shape)

    def start(self, batch: int, pose: Tensor | None = None) -> RolloutState:
        """An empty history at a pose (zero when not given)."""
        s = self.shape
        like = self.step.out.weight
        zero = like.new_zeros
        p = zero(batch, s.motion) if pose is None else pose
        return RolloutState(
            p,
            zero(batch, s.motion),
            zero(batch, s.window, s.width),
            zero(batch, s.window, s.width),
            like.new_full((batch, s.window), -1e4),
        )

    def advance(self, state: RolloutState, sound: Tensor, extra: Tensor) -> RolloutState:
        """One frame further (see :meth:`StepNet.forward`)."""
        pose, velocity, keys, values = self.step(
            state.pose, state.velocity, state.keys, state.values, state.mask, sound, extra
        )
        mask = torch.cat([state.mask[:, 1:], torch.zeros_like(state.mask[:, :1])], 1)
        return RolloutState(pose, velocity, keys, values, mask)

    def rollout(
        self,
        state: RolloutState,
        levels: Tensor,
        extra: Tensor,
        observed: Tensor | None = None,
        *,
        gradient_scale: float = 1.0,
    ) -> tuple[Tensor, RolloutState]:
        """Run over ``(B, N, levels, C)`` sound and ``(B, N, style + noise)``.

        Args:
            observed: ``(B, M, D)`` normalised poses, M <= N: they replace the first M outputs as input of the next
                step (the warm-up).
            gradient_scale: factor on the gradient that flows back through each step. A rollout is a chaotic system:
                over 64 steps its full gradient explodes, and a clipped explosion points nowhere.
        Returns:
            poses ``(B, N, D)`` and the state after the last.
        """
        poses = []
        for t in range(levels.shape[1]):
            before = state.pose
            state = self.advance(state.with_gradient(gradient_scale), levels[:, t], extra[:, t])
            poses.append(state.pose)
            if observed is not None and t < observed.shape[1]:
                state.pose = observed[:, t]
                state.velocity = observed[:, t] - before
        return torch.stack(poses, 1), state
