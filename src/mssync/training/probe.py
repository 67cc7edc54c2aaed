"""Dev metrics of a generator on raw motion, to steer training (they judge no finished video)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import torch

from mssync.arrays import Array
from mssync.motion.columns import width
from mssync.motion.drive import FEATURES, directions, project
from mssync.motion.noise import BURN_IN, burned_in, smooth
from mssync.nets.generator import Generator
from mssync.timing import STEPS_PER_FRAME
from mssync.training.data.listing import natural
from mssync.training.data.samples import Sample
from mssync.training.data.windows import cut
from mssync.training.facts import Facts
from mssync.training.teachers import SyncTeachers

LAGS = 8
FIRST = 25  # frames that every answer begins alike, from the photo's pose
CLOSED = 0.02  # inter-ocular distances
AXES = ("pitch", "yaw", "roll")


@torch.no_grad()
def generate(
    net: Generator, facts: Facts, samples: Sequence[Sample], seed: int, frames: int, *, alike: bool = False
) -> Array:
    """Free-running motion ``(B, frames, D)`` in the space's units from rest; ``alike``: one and the same take for all
    samples, as one seed gives at run time, else each has its own."""
    block, context = net.shape.block, net.shape.context
    frames = -(-frames // block) * block
    sound = np.stack([cut(s, 0, frames, context + block, net.shape.lookahead)[1] for s in samples])
    like = next(net.parameters())
    draw = torch.Generator().manual_seed(seed)
    b, shape = len(samples), net.shape
    takes = 1 if alike else b
    drawn = torch.randn(takes, shape.style - len(facts.style_default), generator=draw).expand(b, -1)
    fixed = torch.cat([torch.as_tensor(facts.style_default).expand(b, -1), drawn], 1)
    frames += block
    white = torch.randn(BURN_IN + frames, takes, shape.noise, generator=draw).expand(-1, b, -1).numpy()
    fresh = smooth(white[BURN_IN:], burned_in(white[:BURN_IN]))[0].swapaxes(0, 1)
    if facts.drive is not None:
        own = directions(torch.randn(takes, shape.noise, FEATURES, generator=draw).expand(b, -1, -1).numpy())
        first, last = context + facts.drive.lead - 1, context + facts.drive.lead + frames
        ahead = sound[:, STEPS_PER_FRAME * first : STEPS_PER_FRAME * last]
        driven = [facts.drive.filter(s, facts.drive.start())[0] for s in ahead]
        fresh = np.stack([project(h, w, x) for h, w, x in zip(driven, own, fresh, strict=True)])
    extra = torch.cat([fixed[:, None].expand(-1, frames, -1), torch.from_numpy(fresh)], 2).to(like.device)
    levels = net.sound(torch.as_tensor(sound, device=like.device))
    # As at run time: the photo's pose is held for one block before the net is let go.
    held = torch.zeros(b, block, shape.motion, device=like.device)
    made, _ = net.rollout(net.start(b), levels, extra, held)
    return np.asarray(made[:, block:].cpu().numpy() * facts.scales, np.float32)


def probe_generator(
    net: Generator, facts: Facts, dev: Sequence[Sample], teachers: SyncTeachers | None = None
) -> dict[str, float]:
    """Numbers on dev clips.

    Args:
        net, facts: what is probed (see :func:`generate`).
        dev: samples.
        teachers: the syncers that train it, for ``sync_*``; None leaves these out.
    Returns:
        ``lips_r``: median correlation of generated and real lip gap (lag 0); ``lips_on``: share of clips whose best
        lag lies within one frame; ``gap_std``: generated over real spread of the gap; ``std_<axis>``,
        ``speed_<axis>``: generated over natural people's spread and speed of rotation; ``other_<axis>``: median size
        of the correlation between one take's answers to two speeches; ``seeds_head``, ``seeds_lips``: correlation
        between two seeds; ``shut``: share of the frames with closed lips in real speech at which the generated gap, one
        frame wider, closes too, less the share of all speech frames at which it does; ``sync_<view>``: mean cosine of
        levels 0 to 3 over real's own (natural people for the head); ``score``: what early stopping minimises.
    """
    talk = [s for s in dev if len(s.motion) >= 60 and s.speech.mean() > 0.3]
    talk = talk or list(dev)
    n = min(200, max(len(s.motion) for s in talk))
    groups = talk[0].groups
    turn, gap = groups.rotation, groups.lip_gap.start
    if not width(groups.rotation) or not width(groups.lip_gap):
        return _amounts(generate(net, facts, talk, 1, n), talk)
    one, two = (generate(net, facts, talk, seed, n) for seed in (1, 2))
    people = natural(talk, lambda s: s.entry)
    moving = generate(net, facts, people, 3, n, alike=True)
    r, on, spread = [], [], []
    for s, a in zip(talk, one, strict=True):
        m = min(len(s.motion), n)
        g, y = a[:m, gap], s.lip_gap[:m]
        curve = [_corr(g[LAGS:-LAGS], np.roll(y, -k)[LAGS:-LAGS]) for k in range(-LAGS, LAGS + 1)]
        r.append(curve[LAGS])
        on.append(abs(int(np.argmax(curve)) - LAGS) <= 1)
        spread.append(g.std() / (y.std() + 1e-3))
    real_std = np.mean([s.motion[:n, turn].std(0) for s in people], axis=0)
    real_speed = np.mean([np.abs(np.diff(s.motion[:, turn], axis=0)).mean(0) for s in people], axis=0)
    std = np.mean([a[: len(s.motion), turn].std(0) for a, s in zip(moving, people, strict=True)], axis=0) / real_std
    speed = np.abs(np.diff(moving[..., turn], axis=1)).mean((0, 1)) / real_speed
    pairs = combinations([m[FIRST:, turn] for m in moving], 2)
    other = np.median(
        [[abs(_corr(a[:, i], b[:, i])) for i in range(len(AXES))] for a, b in pairs] or [[0.0] * len(AXES)], axis=0
    )
    seeds_head = [
        abs(_corr(a[:, i], b[:, i])) for a, b in zip(one, two, strict=True) for i in range(turn.start, turn.stop)
    ]
    seeds_lips = [_corr(a[:, gap], b[:, gap]) for a, b in zip(one, two, strict=True)]
    lips_r = float(np.median(r))
    shut = float(np.mean([_shut(a[:, gap], s) for s, a in zip(talk, one, strict=True)]))
    agree = {} if teachers is None else _agreement(teachers, facts.scales, talk, people, one)
    apart = [0.1 * abs(np.log(x + 1e-6)) for x in (*std, *speed)]
    apart += [0.5 * max(0.0, 1 - x) for x in agree.values()]
    return {
        "lips_r": lips_r,
        "lips_on": float(np.mean(on)),
        "gap_std": float(np.median(spread)),
        **{f"std_{axis}": float(x) for axis, x in zip(AXES, std, strict=True)},
        **{f"speed_{axis}": float(x) for axis, x in zip(AXES, speed, strict=True)},
        **{f"other_{axis}": float(x) for axis, x in zip(AXES, other, strict=True)},
        "seeds_head": float(np.mean(seeds_head)),
        "seeds_lips": float(np.median(seeds_lips)),
        "shut": shut,
        **agree,
        "score": float(1 - lips_r + 0.5 * (1 - shut) + sum(apart)),
    }


def _amounts(made: Array, real: Sequence[Sample]) -> dict[str, float]:
    """Numbers of a motion space without a head or without a lip gap: generated over real spread and velocity of all
    columns, and how far both are from 1."""
    pairs = [(a[: len(s.motion)], s.motion[: len(a)]) for a, s in zip(made, real, strict=True)]
    spread = float(np.median([a.std(0).mean() / (y.std(0).mean() + 1e-6) for a, y in pairs]))
    pace = [[np.abs(np.diff(x, axis=0)).mean() + 1e-9 for x in pair] for pair in pairs]
    velocity = float(np.median([a / y for a, y in pace]))
    score = abs(np.log(spread + 1e-6)) + abs(np.log(velocity + 1e-6))
    return {"spread": spread, "velocity": velocity, "score": float(score)}


def _shut(made: Array, real: Sample) -> float:
    """How much likelier the generated lips are closed where the real ones are (see :func:`probe_generator`)."""
    n = min(len(made), len(real.motion))
    talk = real.speech[:n] > 0.5
    target = (real.lip_gap[:n] < CLOSED) & talk
    if not target.any():
        return 0.0
    pad = np.pad(made[:n], 1, mode="edge")
    closed = np.minimum(np.minimum(pad[:-2], pad[1:-1]), pad[2:]) < CLOSED
    return float(closed[target].mean() - closed[talk].mean())


@torch.no_grad()
def _agreement(
    teachers: SyncTeachers, scale: Array, talk: Sequence[Sample], people: Sequence[Sample], made: Array
) -> dict[str, float]:
    """Cosines of generated over real motion, by the training's own syncers."""
    moving = {id(s) for s in people}
    device = teachers.device
    out: dict[str, float] = {}
    for view in teachers.weights:
        ratios = []
        for s, a in zip(talk, made, strict=True):
            if view in teachers.of_heads and id(s) not in moving:
                continue
            n = min(len(s.motion), len(a))
            sound = torch.as_tensor(s.sound[: STEPS_PER_FRAME * n], device=device)[None]
            both = [torch.as_tensor(x[:n] / scale, device=device)[None] for x in (a, s.motion)]
            got, want = (torch.stack([c.mean() for c in teachers.agreement(x, sound, view)]) for x in both)
            ratios.append([float(got.sum()), float(want.sum())])
        total = np.sum(ratios, axis=0)
        out[f"sync_{view}"] = float(total[0] / max(total[1], 1e-3))
    return out


def _corr(a: Array, b: Array) -> float:
    a, b = a - a.mean(), b - b.mean()
    return float((a * b).sum() / (np.sqrt((a * a).sum() * (b * b).sum()) + 1e-9))
