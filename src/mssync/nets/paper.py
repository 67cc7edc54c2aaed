"""The generator of MS-Sync as published (arXiv 2307.03270, section 3, and the authors' code), with all its switches.

Keypoints go through an embedding into a transformer over at most 40 past frames, whose last output is the history
vector h. Sound goes through inverted residual convolutions to frame rate, then through three more levels of half the
rate each, all of them interpolated to frame rate over the whole clip: this net is not causal and needs the whole sound.
Per level one branch sees h, the pose's embedding and that level's sound, and gives a velocity per coordinate and a mask
per keypoint; a bias branch sees no sound. The masked velocities, bias first, are joined by a linear layer and added to
the pose: pose t + 1 is made of pose t and audio t + 1.

:mod:`mssync.nets.generator` is the project's own variant: causal, with noise, for streaming.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mssync.timing import STEPS_PER_FRAME

AUDIO_LEVELS: Final = 4
AUDIO_WIDTHS: Final = (64, 128, 256)


@dataclass(frozen=True)
class PaperShape:
    """Sizes and switches; the defaults are the authors', with 10 keypoints of 6 numbers 35.4 million parameters.

    Attributes:
        keypoints, dims: K keypoints (one mask each) of so many numbers. A space of columns has D keypoints of 1.
        bands: audio features per 10 ms step.
        channels: of the sound per level.
        width: of the pose embedding and the transformer.
        hidden: of the history vector h.
        layers, heads, feed_forward: of the transformer.
        positions: 1: its input carries how old each frame is, as sines and cosines; 0: it does not (published).
        context: frames that it sees.
        branch: width of a branch.
        trunk, ends: blocks of a branch in each stage of its trunk, and of each of its two ends (velocities, masks).
        expansion: of the blocks.
        levels: how many levels of sound have a branch: 4, or 1 for level 0 alone.
        bias: 1: with the branch that has no sound.
        sigmoid: 1: masks are independent; 0: they sum to one over the branches (softmax).
        style, noise: columns beside the pose, constant over a clip and fresh in every frame (none are published).
    """

    keypoints: int
    dims: int
    bands: int = 26
    channels: int = 512
    width: int = 512
    hidden: int = 64
    layers: int = 1
    heads: int = 1
    feed_forward: int = 1024
    positions: int = 0
    context: int = 40
    branch: int = 272
    trunk: tuple[int, ...] = ()
    ends: int = 4
    expansion: int = 4
    levels: int = AUDIO_LEVELS
    bias: int = 1
    sigmoid: int = 0
    style: int = 0
    noise: int = 0

    @property
    def motion(self) -> int:
        """Columns D of a pose."""
        return self.keypoints * self.dims

    @property
    def branches(self) -> int:
        """Branches, the one without sound included."""
        return self.levels + self.bias

    @staticmethod
    def of(values: Mapping[str, Any]) -> PaperShape:
        """From :meth:`as_dict`, after JSON.

        Raises:
            KeyError, TypeError, ValueError: a size is missing, unknown or none.
        """
        trunk = tuple(values["trunk"])
        rest = {k: v for k, v in values.items() if k != "trunk"}
        if not all(type(v) is int and 0 <= v <= 4096 for v in (*rest.values(), *trunk)) or len(trunk) > 8:
            raise ValueError("no sizes of a net")
        return PaperShape(**rest, trunk=trunk)

    def as_dict(self) -> dict[str, Any]:
        """Sizes by name."""
        return asdict(self)


class PointLayer(nn.Conv1d):
    """A grouped convolution of kernel 1 that takes one frame, ``(B, C, 1)``, as a product of matrices.

    PyTorch's convolution goes through the groups of every row one by one, which takes many times as long.
    """

    def __init__(self, inside: int, outside: int, groups: int = 1) -> None:
        super().__init__(inside, outside, 1, groups=groups)

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[-1] != 1:
            return super().forward(x)
        assert self.bias is not None
        if self.groups == self.in_channels == self.out_channels:
            return x * self.weight[None, :, 0] + self.bias[:, None]
        rows = x.reshape(len(x), self.groups, -1).transpose(0, 1)
        weights = self.weight.reshape(self.groups, -1, rows.shape[-1]).transpose(1, 2)
        made = torch.baddbmm(self.bias.reshape(self.groups, 1, -1), rows, weights)
        return made.transpose(0, 1).reshape(len(x), -1, 1)


def _norm(channels: int, groups: int) -> nn.Module:
    """Layer norm over the channels of ``(B, C, T)``, in groups of channels where there are several."""
    return nn.GroupNorm(groups, channels) if groups > 1 else nn.LayerNorm(channels)


def _normed(norm: nn.Module, x: Tensor) -> Tensor:
    out: Tensor = norm(x) if isinstance(norm, nn.GroupNorm) else norm(x.transpose(1, 2)).transpose(1, 2)
    return out


class InvertedResidual(nn.Module):
    """Depthwise, norm, pointwise up, GELU, pointwise down, and the input beside it: ``(B, C, T)``, zeros at its ends.

    Where the sizes differ the input comes through a pointwise layer and a norm.
    """

    def __init__(
        self, inside: int, outside: int, kernel: int, stride: int = 1, expansion: int = 4, groups: int = 1
    ) -> None:
        super().__init__()
        self.depthwise = (
            nn.Conv1d(inside, inside, kernel, stride, (kernel - 1) // 2, groups=inside)
            if kernel > 1 else PointLayer(inside, inside, inside)
        )  # fmt: skip
        self.norm = _norm(inside, groups)
        self.up = PointLayer(inside, expansion * inside, groups)
        self.down = PointLayer(expansion * inside, outside, groups)
        self.shortcut: nn.Module | None = None
        if stride != 1 or inside != outside:
            self.shortcut = (
                nn.Conv1d(inside, outside, 1, stride, groups=groups)
                if stride > 1 else PointLayer(inside, outside, groups)
            )  # fmt: skip
            self.shortcut_norm = _norm(outside, groups)

    def forward(self, x: Tensor) -> Tensor:
        y = self.down(F.gelu(self.up(_normed(self.norm, self.depthwise(x)))))
        short = x if self.shortcut is None else _normed(self.shortcut_norm, self.shortcut(x))
        return F.gelu(y + short)


class GroupedMLP(nn.Module):
    """Pointwise blocks and a last linear layer, ``groups`` of them side by side: ``(B, groups * in)``.

    Args:
        inside, outside: of all groups together. Every stage halves the width, down to ``outside``.
        blocks: per stage.
    """

    def __init__(self, inside: int, outside: int, blocks: Sequence[int], expansion: int, groups: int) -> None:
        super().__init__()
        widths = [inside] + [max(inside // 2 ** (i + 1), outside) for i in range(len(blocks))]
        stages: list[nn.Module] = []
        for count, a, b in zip(blocks, widths, widths[1:], strict=False):
            sizes = [(a, a)] * (count - 1) + [(a, b)]
            stages += [InvertedResidual(i, o, 1, expansion=expansion, groups=groups) for i, o in sizes]
        self.blocks = nn.Sequential(*stages)
        self.out = PointLayer(widths[-1], outside, groups)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.out(self.blocks(x[..., None]))[..., 0]
        return out


class SoundPyramid(nn.Module):
    """Filterbank features ``(B, 4 T, bands)`` to levels at frame rate ``(B, T, levels, C)``, over the whole clip."""

    def __init__(self, shape: PaperShape) -> None:
        super().__init__()
        one, two, three = AUDIO_WIDTHS
        c = shape.channels
        self.base = nn.Sequential(
            InvertedResidual(shape.bands, one, 3),
            InvertedResidual(one, two, 3, 2),
            InvertedResidual(two, three, 3),
            InvertedResidual(three, c, 3, 2),
        )
        self.coarser = nn.ModuleList(InvertedResidual(c, c, 7, 2) for _ in range(shape.levels - 1))

    def forward(self, features: Tensor) -> Tensor:
        x = self.base(features.transpose(1, 2))
        found = [x]
        for layer in self.coarser:
            x = layer(x)
            found.append(x)
        frames = features.shape[1] // STEPS_PER_FRAME
        same = [F.interpolate(x, size=frames, mode="linear", align_corners=True) for x in found]
        return torch.stack(same, 1).permute(0, 3, 1, 2)


class Branches(nn.Module):
    """Branches of one kind side by side: a trunk, then one end for velocities and one for mask logits.

    Args:
        shape: of the generator.
        inside: numbers that one branch sees.
        count: how many.
    """

    def __init__(self, shape: PaperShape, inside: int, count: int) -> None:
        super().__init__()
        s, n = shape, count
        self.shape, self.count = shape, count
        self.trunk = GroupedMLP(inside * n, s.branch * n, s.trunk, s.expansion, n)
        self.masks = GroupedMLP(s.branch * n, s.keypoints * n, (s.ends,), s.expansion, n)
        self.velocities = GroupedMLP(s.branch * n, s.motion * n, (s.ends,), s.expansion, n)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """``(B, count * inside)`` -> velocities ``(B, count, K, dims)``, mask logits ``(B, count, K)``."""
        y, s = self.trunk(x), self.shape
        velocities = self.velocities(y).reshape(-1, self.count, s.keypoints, s.dims)
        return velocities, self.masks(y).reshape(-1, self.count, s.keypoints)


class PaperStep(nn.Module):
    """One frame: the poses so far and the sound to the next pose."""

    def __init__(self, shape: PaperShape) -> None:
        super().__init__()
        s = self.shape = shape
        w = s.width
        self.embed = nn.Sequential(
            nn.Linear(s.motion + s.style + s.noise, s.branch),
            nn.LayerNorm(s.branch),
            nn.Linear(s.branch, 4 * s.branch),
            nn.GELU(),
            nn.Linear(4 * s.branch, w),
        )
        self.transformer = nn.ModuleList(
            nn.TransformerEncoderLayer(w, s.heads, s.feed_forward, dropout=0.0, batch_first=True)
            for _ in range(s.layers)
        )
        self.history = nn.Linear(w, s.hidden)
        self.heard = Branches(s, s.hidden + w + s.channels, s.levels)
        self.unheard = Branches(s, s.hidden + w, 1) if s.bias else None
        self.join = nn.Linear(s.branches * s.motion, s.motion)
        later = torch.full((s.context, s.context), -1e4).triu(1)
        self.register_buffer("later", later, persistent=False)
        self.register_buffer("age", _ages(s.context, w) * s.positions, persistent=False)

    later: Tensor
    age: Tensor

    def forward(
        self, pose: Tensor, past: Tensor, missing: Tensor, sound: Tensor, extra: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """One step.

        Args:
            pose: ``(B, D)``.
            past: ``(B, context, W)`` embeddings of the last frames, oldest first.
            missing: ``(B, context)`` 0 for a past frame that exists, a large negative number for one that does not.
            sound: ``(B, levels, C)`` of the frame after the pose's.
            extra: ``(B, style + noise)``, where there are any.
        Returns:
            the next pose ``(B, D)``, and the embeddings with this frame's appended. The caller shifts ``missing``.
        """
        embedding = self.embed(pose if extra is None else torch.cat([pose, extra], 1))
        past = torch.cat([past[:, 1:], embedding[:, None]], 1)
        missing = torch.cat([missing[:, 1:], torch.zeros_like(missing[:, :1])], 1)
        h = self.history(self._attended(past + self.age, missing))
        common = torch.cat([h, embedding], 1)
        inside = torch.cat([common[:, None].expand(-1, self.shape.levels, -1), sound], 2)
        velocities, logits = self.heard(inside.flatten(1))
        if self.unheard is not None:
            own, mask = self.unheard(common)
            velocities, logits = torch.cat([own, velocities], 1), torch.cat([mask, logits], 1)
        weights = logits.sigmoid() if self.shape.sigmoid else logits.softmax(1)
        return pose + self.join((velocities * weights[..., None]).flatten(1)), past

    def _attended(self, x: Tensor, missing: Tensor) -> Tensor:
        """The transformer's output ``(B, W)`` at the newest frame; of the last layer nothing else is computed."""
        heads = self.shape.heads
        whole = (self.later + missing[:, None]).repeat_interleave(heads, 0)
        for layer in list(self.transformer)[:-1]:
            x = _attending(layer, x, x, whole)
        last = missing[:, None].repeat_interleave(heads, 0)
        return _attending(self.transformer[-1], x[:, -1:], x, last)[:, 0]


def _attending(layer: nn.Module, x: Tensor, past: Tensor, mask: Tensor) -> Tensor:
    """A layer's output at the frames ``x``; its own forward gives it at all of ``past`` only."""
    assert isinstance(layer, nn.TransformerEncoderLayer)
    seen, _ = layer.self_attn(x, past, past, attn_mask=mask, need_weights=False)
    y = layer.norm1(x + seen)
    out: Tensor = layer.norm2(y + layer.linear2(F.relu(layer.linear1(y))))
    return out


class PaperGenerator(nn.Module):
    """Sound pyramid and step net together."""

    def __init__(self, shape: PaperShape) -> None:
        super().__init__()
        self.shape = shape
        self.sound = SoundPyramid(shape)
        self.step = PaperStep(shape)

    def forward(self, observed: Tensor, features: Tensor, extra: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Run on its own outputs after M observed frames.

        Args:
            observed: ``(B, M, D)`` poses, M >= 1. To begin from one pose the authors repeat it three times, with the
                first features mirrored before the sound.
            features: ``(B, 4 (M + N), bands)``, the observed frames' first.
            extra: ``(B, M + N, style + noise)``, where the shape has any.
        Returns:
            one-step predictions of the observed frames from the second on ``(B, M - 1, D)``, and what follows
            ``(B, N, D)``.
        """
        s, known = self.shape, observed.shape[1]
        sound = self.sound(features)
        past = observed.new_zeros(len(observed), s.context, s.width)
        missing = observed.new_full((len(observed), s.context), -1e4)
        made: list[Tensor] = []
        for t in range(sound.shape[1] - 1):
            pose = observed[:, t] if t < known else made[-1]
            after, past = self.step(pose, past, missing, sound[:, t + 1], None if extra is None else extra[:, t])
            missing = torch.cat([missing[:, 1:], torch.zeros_like(missing[:, :1])], 1)
            made.append(after)
        poses = torch.stack(made, 1)
        return poses[:, : known - 1], poses[:, known - 1 :]

    def speak(self, pose: Tensor, features: Tensor, observed: int = 3, extra: Tensor | None = None) -> Tensor:
        """Motion that goes out from one pose, as the authors do it: the pose is repeated, the first features are
        mirrored before the sound, and what is made of these is left out.

        Args:
            pose: ``(B, D)``.
            features: ``(B, 4 T, bands)``.
            observed: frames of warm-up that the network was trained with.
            extra: ``(B, T + observed - 1, style + noise)``, where the shape has any.
        Returns:
            ``(B, T, D)``: the pose, as the warm-up leaves it, and T - 1 frames that follow.
        """
        before = features[:, : STEPS_PER_FRAME * (observed - 1)].flip(1)
        seen, made = self(pose[:, None].expand(-1, observed, -1), torch.cat([before, features], 1), extra)
        return torch.cat([seen[:, -1:] if observed > 1 else pose[:, None], made], 1)


def _ages(context: int, width: int) -> Tensor:
    """Sines and cosines ``(context, width)`` of how many frames ago each one was, the newest last."""
    ages = torch.arange(context - 1, -1, -1, dtype=torch.float32)[:, None]
    rates = torch.exp(-math.log(1e4) * torch.arange(0, width, 2, dtype=torch.float32) / width)
    return torch.stack([(ages * rates).sin(), (ages * rates).cos()], 2).flatten(1)[:, :width]
