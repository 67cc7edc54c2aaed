"""Training of the closure net (:mod:`mssync.nets.closure`) on all clips, and the thresholds of its probabilities."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from mssync.arrays import Array, Mask
from mssync.errors import InputError
from mssync.nets.closure import WINDOW, ClosureNet, cut_windows, padded
from mssync.speech.features import BANDS
from mssync.timing import STEPS_PER_FRAME
from mssync.training.checkpoint import load_tensors, load_weights, save_tensors
from mssync.training.config import ClosureConfig
from mssync.training.data.augment import SoundAugment
from mssync.training.data.listing import role_weights
from mssync.training.data.samples import Sample
from mssync.training.syncer import NAT

FILE: Final = "closure.safetensors"
CLOSED: Final = 0.02  # inter-ocular distances
SOFT: Final = 0.006
EASED: Final = 1.4  # lips are eased into a closure: so many times more frames are called so than touch
SAID: Final = 0.35  # probability that is /p b m/ in any case
TALK: Final = 0.35  # speech probability, as the mouth's gate has it
BATCH: Final = 256
REPORT_EVERY: Final = 50

log = logging.getLogger(__name__)


def train_closures(
    config: ClosureConfig,
    roles: dict[str, float],
    train: Sequence[Sample],
    dev: Sequence[Sample],
    out: Path,
    seed: int,
    steps: int,
    report: Callable[[int, dict[str, float]], None],
) -> ClosureNet:
    """Train it, or load it from ``out`` where it is trained already (1500 steps take some minutes on one core).

    Args:
        config: sizes and steps.
        roles: weights of the roles; none: they weigh alike.
        train, dev: samples whose smallest gaps were brought to zero (:func:`mssync.training.data.samples.closing`).
        out: run folder.
        seed: of everything drawn.
        steps: how many.
        report: called with (step, numbers) every 50 steps with the loss, and at the end with the mean area under the
            ROC curve of dev clips too.
    Raises:
        InputError: no clip has speech, or ``out`` holds a net of another recipe.
    """
    torch.manual_seed(seed)
    net = ClosureNet(BANDS, config.width, config.dropout)
    path = out / FILE
    if path.exists():
        load_weights(net, load_tensors(path), path)
        log.info("The closure net is trained already and stays: %s", path)
        return net.eval()
    log.info("The closure net: %d steps", steps)
    sounds = [padded(torch.from_numpy(s.sound)) for s in train]
    begin = np.cumsum([0] + [len(x) for x in sounds[:-1]])
    everything = torch.cat(sounds)
    talk = [(s.speech > TALK) & s.valid for s in train]
    rows = np.concatenate([b + STEPS_PER_FRAME * np.flatnonzero(t) for b, t in zip(begin, talk, strict=True)])
    gaps = np.concatenate([s.lip_gap[t] for s, t in zip(train, talk, strict=True)])
    spoken = np.concatenate([s.bilabial[t] for s, t in zip(train, talk, strict=True)])
    role = np.repeat([s.entry.role for s in train], [int(t.sum()) for t in talk])
    if not len(rows):
        raise InputError("No training clip has speech; the generator cannot learn when lips close.")
    share = np.zeros(len(rows))
    for name, weight in role_weights(roles, map(str, np.unique(role))).items():
        share[role == name] = weight / (role == name).sum()
    rng, draw = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    augment = SoundAugment(BANDS, config.augment, NAT["bands"], draw)
    optimizer = torch.optim.AdamW(net.parameters(), config.lr, weight_decay=0.05)
    ladder = np.cumsum(share / share.sum())
    numbers: dict[str, float] = {}
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = config.lr * min(1.0, (step + 1) / 50) * (1 - step / steps)
        pick = np.minimum(np.searchsorted(ladder, rng.random(BATCH)), len(rows) - 1)
        sound = augment(everything[torch.from_numpy(rows[pick])[:, None] + torch.arange(WINDOW)])
        touch = torch.sigmoid(torch.from_numpy((CLOSED - gaps[pick]) / SOFT))
        logit = net(sound)
        loss = F.binary_cross_entropy_with_logits(logit[:, 0], touch)
        # The second question can only be put where the text is known.
        known = torch.from_numpy(spoken[pick] >= 0)
        if known.any():
            said = torch.from_numpy(spoken[pick] == 1).float()
            loss = loss + F.binary_cross_entropy_with_logits(logit[known, 1], said[known])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        numbers = {"closure_loss": float(loss.detach())}
        if (step + 1) % REPORT_EVERY == 0 and step + 1 < steps:
            report(step + 1, numbers)
    net.eval()
    report(steps, numbers | measure(net, dev))
    save_tensors(path, net.state_dict())
    return net


@torch.no_grad()
def closure_probability(net: ClosureNet, sound: Array) -> Array:
    """Probabilities ``(T, 2)`` of touching lips and of /p b m/ for features ``(4 T, bands)``."""
    return np.asarray(net(cut_windows(torch.from_numpy(sound))).sigmoid().numpy(), np.float32)


def measure(net: ClosureNet, samples: Sequence[Sample]) -> dict[str, float]:
    """Mean area under the ROC curve over clips, in speech: of touching lips, and of /p b m/ where the text is known."""
    areas: dict[str, list[float]] = {"touch_auc": [], "bilabial_auc": []}
    for s in samples:
        p = closure_probability(net, s.sound)
        n = len(p)
        talk = s.speech[:n] > TALK
        truths = (s.lip_gap[:n] < CLOSED, s.bilabial[:n] == 1)
        for i, (name, truth) in enumerate(zip(areas, truths, strict=True)):
            yes, no = p[talk & truth, i], p[talk & ~truth, i]
            if len(yes) > 1 and len(no):
                areas[name].append(float((yes[:, None] > no[None]).mean()))
    return {k: float(np.mean(v)) for k, v in areas.items() if v}


def fit_thresholds(heard: Sequence[Array], real: Sequence[Array], spoken: NDArray[np.int8]) -> list[float]:
    """The probabilities above which lips are brought together.

    /p b m/ first: so that as many frames are called so as there are where the text is known, and at :data:`SAID` at the
    latest: lips that stay open on /p b m/ are seen, lips that touch elsewhere hardly. Touching lips then: so that on
    the whole lips touch as often as people's.

    Args:
        heard: probabilities ``(n, 2)`` in speech, one array per role.
        real: real gaps at the same frames; roles weigh the same.
        spoken: ``(n,)`` 1, 0 or -1 at the frames of all roles, one after the other.
    """
    known = spoken >= 0
    every = np.concatenate(heard)
    said = 1.0
    if (spoken == 1).any():
        said = float(np.clip(np.quantile(every[known, 1], 1.0 - (spoken[known] == 1).mean()), 0.05, SAID))
    said = min(said, 0.999)
    want = EASED * float(np.mean([(g < CLOSED).mean() for g in real]))
    grid = np.linspace(0.05, 0.95, 91)
    shut = [np.mean([brought_together(p, (c, said)).mean() for p in heard]) for c in grid]
    return [float(grid[int(np.argmin(np.abs(np.asarray(shut) - want)))]), said]


def brought_together(heard: Array, thresholds: Sequence[float]) -> Mask:
    """Frames ``(n,)`` whose probabilities ``(n, 2)`` reach one of the two thresholds."""
    return np.asarray((heard > np.asarray(thresholds)).any(1))
