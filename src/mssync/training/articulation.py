"""What the mouth does, as a question to the sound alone: training the net of :mod:`mssync.nets.articulation`.

The answer is held against people's mouths where it shows: the gap, the distance of the corners, the upper lip's
protrusion, the brows and the strongest movements of the lips, each by its correlation over a window and by its size.
Correlation alone would leave the amount free, squared error alone would be won by a mouth that hardly moves.

Answer and target are centred in every window. Who smiles all the time cannot be heard, and a net that is asked for it
learns the voices of the training people instead of what they say.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor

from mssync.arrays import Array
from mssync.face import topology as topo
from mssync.motion.articulation import amounts
from mssync.motion.noise import BURN_IN, burned_in, smooth
from mssync.motion.space import MotionSpace
from mssync.motion.spaces import of_mesh
from mssync.nets.articulation import HEARD, ArticulationNet
from mssync.speech.features import BANDS
from mssync.timing import STEPS_PER_FRAME
from mssync.training.checkpoint import load_tensors, load_weights, save_tensors
from mssync.training.config import ArticulationConfig
from mssync.training.data.augment import SoundAugment
from mssync.training.data.samples import Sample
from mssync.training.data.windows import SILENT_FEATURE, Sampler, cut
from mssync.training.syncer import NAT

FILE: Final = "articulation.safetensors"
SHORTEST: Final = 50  # frames of a clip that is measured
BATCH: Final = 24
REPORT_EVERY: Final = 50
# What the loss looks at, and its weights; then that of each of the lips' strongest movements.
AIMS: Final = {"opening": 1.0, "width": 1.0, "protrusion": 0.7, "brows": 0.3}
LIPS: Final = 0.1
SIZE: Final = 0.3  # weight of the squared error beside the correlation's
COLUMNS: Final = 0.05  # and of that over all columns alike
CORNERS: Final = (61, 291)
UPPER_LIP: Final = (0, 11, 37, 267)
REACH: Final = 5  # frames of lag within which a measured correlation is the best

# How much of the generator's own mouth stays: of the lips, which the answer knows better, and of the rest of the face.
OWN_LIPS: Final = 0.3
OWN_FACE: Final = 1.0
GAIN: Final = (0.5, 2.0)

log = logging.getLogger(__name__)


def train_articulation(
    config: ArticulationConfig,
    roles: dict[str, float],
    space: MotionSpace,
    scales: Array,
    train: Sequence[Sample],
    dev: Sequence[Sample],
    out: Path,
    seed: int,
    lookahead: int,
    frames: int,
    steps: int,
    report: Callable[[int, dict[str, float]], None],
) -> ArticulationNet:
    """Train it, or load it from ``out`` where it is trained already.

    Args:
        config: its sizes and how it is trained.
        roles: weights of the roles; none: they weigh alike.
        space: of the samples' motion.
        scales: ``(D,)``, the units of the net's answers.
        train, dev: samples whose smallest gaps were brought to zero (:func:`mssync.training.data.samples.closing`).
        out: run folder.
        seed: of everything drawn.
        lookahead: frames of sound after a frame that it hears.
        frames: of a window, a multiple of 8.
        steps: how many.
        report: called with (step, numbers) every 50 steps, and at the end with dev's correlations too.
    Raises:
        InputError: every clip is too short, or ``out`` holds a net of another recipe.
    """
    torch.manual_seed(seed)
    mouth = space.groups.mouth
    unit = scales[mouth]
    net = ArticulationNet(BANDS, len(unit), config.width, config.dropout)
    path = out / FILE
    if path.exists():
        load_weights(net, load_tensors(path), path)
        log.info("The articulation net is trained already and stays: %s", path)
        return net.eval()
    log.info("The articulation net: %d steps", steps)
    batches = Sampler(train, roles, frames, HEARD - lookahead, lookahead, seed).batches(BATCH)
    augment = SoundAugment(BANDS, config.augment, NAT["bands"], torch.Generator().manual_seed(seed))
    aims = aim_matrix(space) * unit[:, None]
    power = np.mean([(s.motion[:, mouth] / unit @ aims).var(0) for s in train], axis=0)
    scaled = torch.from_numpy((aims / (np.sqrt(power) + 1e-6)).astype(np.float32))
    weights = torch.tensor([*AIMS.values(), *[LIPS] * (aims.shape[1] - len(AIMS))])
    scale = torch.from_numpy(unit)
    optimizer = torch.optim.AdamW(net.parameters(), config.lr, weight_decay=0.05, betas=(0.9, 0.98))
    seen: list[float] = []
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = config.lr * min(1.0, (step + 1) / 50) * (1 - step / steps)
        batch = next(batches)
        made = centred(net.hear(augment(torch.from_numpy(batch.sound))))
        real = centred(torch.from_numpy(batch.motion[..., mouth]) / scale)
        a, y = made @ scaled, real @ scaled
        parts = 1.0 - correlation(a, y) + SIZE * (a - y).square().mean((0, 1))
        loss = (weights * parts).sum() / weights.sum() + COLUMNS * (made - real).square().mean()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        seen.append(float(loss.detach()))
        if (step + 1) % REPORT_EVERY == 0 and step + 1 < steps:
            report(step + 1, {"articulation_loss": float(np.mean(seen[-REPORT_EVERY:]))})
    net.eval()
    rest_in_silence(net)
    found = {"articulation_loss": float(np.mean(seen[-REPORT_EVERY:]))}
    report(steps, found | measure(net, lookahead, space, scales, dev))
    save_tensors(path, net.state_dict())
    return net


def centred(x: Tensor) -> Tensor:
    """``(B, N, K)`` less its mean over time."""
    return x - x.mean(1, keepdim=True)


def correlation(a: Tensor, b: Tensor) -> Tensor:
    """Mean over windows of Pearson's correlation along time of centred ``(B, N, K)`` -> ``(K,)``.

    Where a course stands still there is nothing to agree with: such windows count as 0.
    """
    power = (a.square().mean(1) * b.square().mean(1) + 1e-5).sqrt()
    return torch.mean((a * b).mean(1) / power, dim=0)


def aim_matrix(space: MotionSpace) -> Array:
    """``(K + 1, 4 + 10)``: the mouth's columns (expression, lip gap) times this are the courses of :data:`AIMS` in
    inter-ocular distances, then the lips' strongest movements."""
    mesh = of_mesh(space, "An articulation net is trained")
    upper, lower = ([p[i] for p in topo.LIP_GAP_PAIRS] for i in (0, 1))
    opened = (mesh.basis[:, lower, 1] - mesh.basis[:, upper, 1]).mean(1)
    # The mouth is opened or shut to the gap, as the space's own decoding does.
    moved = np.concatenate([mesh.basis - opened[:, None, None] * mesh.opening, mesh.opening[None]])
    gap = np.eye(len(moved))[-1]
    width = moved[:, CORNERS[1], 0] - moved[:, CORNERS[0], 0]
    forward = -moved[:, list(UPPER_LIP), 2].mean(1)  # z runs away from the camera
    brows = -moved[:, list(topo.RIGHT_BROW + topo.LEFT_BROW), 1].mean(1)
    shapes = np.stack([gap, width, forward, brows], 1)
    lips = space.view("lips").matrix[space.groups.mouth, :-1]
    return np.concatenate([shapes, lips], 1).astype(np.float32)


def heard_mouth(net: ArticulationNet, lookahead: int, sample: Sample, frames: int | None = None) -> Array:
    """What the sound alone says ``(T, columns)`` for a sample's first frames (all of them), normalised."""
    n = len(sample.motion) if frames is None else min(frames, len(sample.motion))
    sound = cut(sample, 0, n, HEARD - lookahead, lookahead)[1]
    with torch.no_grad():
        return np.asarray(net.hear(torch.from_numpy(sound)[None])[0].numpy(), np.float32)


def shown_mouth(net: ArticulationNet, heard: Array, own: Array, seed: int) -> Array:
    """The mouth that is shown ``(T, columns)``, normalised, as at run time with amounts of its own noise.

    Args:
        heard: of :func:`heard_mouth`; own: the generator's, normalised, as long.
    """
    white = np.random.default_rng(seed).standard_normal((BURN_IN + len(own), 8)).astype(np.float32)
    noise = smooth(white[BURN_IN:], burned_in(white[:BURN_IN]))[0]
    mixed = (heard * amounts(noise)) @ net.from_sound.numpy() + own @ net.from_own.numpy()
    return np.asarray(mixed, np.float32)


@torch.no_grad()
def set_mixing(net: ArticulationNet, space: MotionSpace, scales: Array, gain: Array | None = None) -> None:
    """Set what the answer and the generator's mouth are multiplied by.

    Of the lips little of the generator's own stays, of the rest of the face all; of the gap, which has a column of its
    own, as much as of the lips. Then the shapes of :data:`AIMS` are multiplied by ``gain``, each along the smallest
    movement that changes this shape and leaves the others.

    Args:
        net: changed in place.
        space, scales: units of the columns.
        gain: ``(4,)`` of :func:`shape_gain`; None: 1.
    """
    unit = scales[space.groups.mouth].astype(np.float64)
    aims = aim_matrix(space).astype(np.float64) * unit[:, None]
    shapes, directions = aims[:, : len(AIMS)], aims[:, len(AIMS) :]
    q, _ = np.linalg.qr(directions)
    lips, gap = q @ q.T, np.eye(len(unit))[-1:]
    lips += gap.T @ gap
    own = OWN_LIPS * lips + OWN_FACE * (np.eye(len(unit)) - lips)
    more = np.ones(len(AIMS)) if gain is None else gain
    after = np.eye(len(unit)) + shapes @ np.diag(more - 1.0) @ np.linalg.pinv(shapes)
    net.from_sound.copy_(torch.from_numpy(after))
    net.from_own.copy_(torch.from_numpy(own @ after))


def shape_gain(space: MotionSpace, made: Sequence[Array], real: Sequence[Array]) -> Array:
    """What the spread of each shape must be multiplied by to be people's ``(4,)``; the gap, which has a curve, stays.

    Args:
        made, real: mouths ``(n, columns)`` in speech, one array per clip, in the space's units.
    """
    shapes = aim_matrix(space)[:, : len(AIMS)]
    ratios = [(y @ shapes).std(0) / (x @ shapes).std(0).clip(1e-6) for x, y in zip(made, real, strict=True)]
    gain = np.clip(np.median(ratios, axis=0), *GAIN) if ratios else np.ones(len(AIMS))
    gain[0] = 1.0
    return np.asarray(gain, np.float32)


def measure(
    net: ArticulationNet, lookahead: int, space: MotionSpace, scales: Array, samples: Sequence[Sample]
) -> dict[str, float]:
    """Medians over talking clips of the correlation with the person's own mouth, at the best lag within 0.2 s."""
    mouth = space.groups.mouth
    aims, found = aim_matrix(space)[:, : len(AIMS)], []
    for s in samples:
        if len(s.motion) >= SHORTEST and s.speech.mean() >= 0.3:
            made = heard_mouth(net, lookahead, s) * scales[mouth] @ aims
            found.append(_agreement(np.asarray(made, np.float32), s.motion[:, mouth] @ aims))
    return dict(zip((f"{a}_r" for a in AIMS), map(float, np.median(found, axis=0)), strict=True)) if found else {}


def _agreement(made: Array, real: Array) -> Array:
    """Best correlation within the reach, column by column."""
    y = real[REACH:-REACH]
    lags = [made[REACH + k : len(made) - REACH + k] for k in range(-REACH, REACH + 1)]
    r = [[np.corrcoef(x[:, i], y[:, i])[0, 1] for i in range(y.shape[1])] for x in lags]
    return np.asarray(np.nan_to_num(r).max(0), np.float32)


@torch.no_grad()
def rest_in_silence(net: ArticulationNet) -> None:
    """Shift the answers, whose level a loss on centred windows leaves open, so that silence is answered by rest: there
    a photo keeps its own mouth, and speech begins and ends without a jump."""
    silence = torch.full((1, STEPS_PER_FRAME * (HEARD + 1), BANDS), SILENT_FEATURE)
    last = net.head[-1]
    assert isinstance(last, torch.nn.Conv1d) and last.bias is not None
    last.bias -= net.hear(silence)[0, 0]
