"""The synchrony loss of MS-Sync (arXiv 2307.03270): frozen syncers that teach a generator."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from mssync.errors import InputError
from mssync.motion.pyramid import View
from mssync.motion.space import MotionSpace
from mssync.motion.syncers import SyncerPyramid
from mssync.nets.syncer import Syncer, SyncerShape, coarser, synchrony
from mssync.speech.features import BANDS
from mssync.timing import LEVELS
from mssync.training.checkpoint import foreign, load_checkpoint, load_weights, part_of, sha256, sizes
from mssync.training.config import SyncerConfig
from mssync.training.graphs import fill, graph_weights
from mssync.training.syncer import SPACE


class SyncTeachers:
    """The synchrony loss: minus the cosine of frozen syncers, averaged over windows, levels and views.

    Args:
        folder: of ``mssync train syncer`` with the recipe's features ``bands``: the run itself, or what it exported.
        space: motion space.
        scales: ``(D,)`` of the normalised motion.
        weights: per view; views of weight 0 are not loaded.
    Raises:
        InputError: the folder lacks a syncer that is needed, or holds one that may not teach.
        AssetError: an exported syncer is damaged.
    """

    def __init__(self, folder: Path, space: MotionSpace, scales: Tensor, weights: dict[View, float]) -> None:
        self.device = scales.device
        self.weights = {v: w for v, w in weights.items() if w > 0}
        self.nets: dict[tuple[View, int], Syncer] = {}
        self.matrices: dict[View, Tensor] = {}
        self.hashes: dict[str, str] = {}
        """sha256 of the files that teach, by view and level."""
        for view in self.weights:
            matrix = torch.as_tensor(space.view(view).matrix, device=scales.device)
            self.matrices[view] = scales[:, None] * matrix
            for level in range(LEVELS):
                net, path = load_syncer(folder, space, view, level)
                if net.shape.motion != matrix.shape[1] or net.shape.bands != BANDS:
                    raise _elsewhere(path)
                self.hashes[f"{view}-{level}"] = sha256(path)
                self.nets[view, level] = net.to(scales.device).eval().requires_grad_(False)

    def agreement(self, motion: Tensor, sound: Tensor, view: View) -> list[Tensor]:
        """Mean cosine ``(B,)`` of every level that the length allows."""
        m, s = motion @ self.matrices[view], sound
        out = []
        for level in range(LEVELS):
            if level:
                if m.shape[1] <= 4:
                    break
                m, s = coarser(m), coarser(s)
            shape = self.nets[view, level].shape
            if m.shape[1] < shape.frames or s.shape[1] < shape.steps:
                break
            out.append(synchrony(self.nets[view, level], m, s).mean(1))
        return out

    def loss(self, made: Tensor, real: Tensor, sound: Tensor, *, up_to_real: bool) -> dict[str, Tensor]:
        """Minus the cosine, averaged over windows per level, then over levels, one part per view.

        With ``up_to_real`` a rollout is asked to agree as well as the real motion does, and no better: what agrees
        better than people is an average mouth.
        """
        parts = {}
        for view, weight in self.weights.items():
            got = self.agreement(made, sound, view)
            if up_to_real:
                with torch.no_grad():
                    want = self.agreement(real, sound, view)
                per = [torch.relu(w - g).mean() for g, w in zip(got, want, strict=True)]
            else:
                per = [-g.mean() for g in got]
            parts[f"sync_{view}"] = weight * torch.stack(per).mean()
        return parts


def _elsewhere(path: Path) -> InputError:
    return InputError(f"{path} was trained in another motion space; train syncers in this one.")


def load_syncer(folder: Path, space: MotionSpace, view: View, level: int) -> tuple[Syncer, Path]:
    """One syncer and the file that it comes from: the run's own weights, or else the exported graph.

    Raises:
        InputError: there is none, its features are those of judges, or it was trained in another motion space.
        AssetError: the exported one is damaged.
    """
    name = f"{view}-{level}"
    found = load_checkpoint(folder, name)
    judges = f"The syncers in {folder} take log-mel: they are judges and may not teach."
    if found is not None:
        path = folder / f"{name}.safetensors"
        with foreign(path):
            config = SyncerConfig.renamed(found[1]["config"])
            mark = str((found[1].get("data") or {}).get(SPACE, ""))
            features, shape = config["features"], SyncerShape(**sizes(found[1]["shape"]))
            net = Syncer(shape)
        if features != "bands":
            raise InputError(judges)
        if mark and not space.has_mark(mark):
            raise _elsewhere(path)
        load_weights(net, part_of(found[0], "best"), path)
        return net, path
    path = folder / f"{name}.onnx"
    if not path.exists():
        raise InputError(
            f"{folder} holds no trained syncer {name}; name a folder made by `mssync train syncer`, or give no "
            "--syncers to learn from the shipped ones."
        )
    pyramid = SyncerPyramid.load(folder)
    pyramid.check_space(space)
    if pyramid.features != "bands":
        raise InputError(judges)
    data = path.read_bytes()
    with foreign(path):
        weights, _ = graph_weights(data)
        first, last = weights["motion_tower.1.weight"], weights["motion_tower.7.weight"]
        columns = len(weights["motion_mean"])
        centred = space.view(view).head if view in pyramid.manifest["recipe"]["centred"] else 0
        bands, frames = len(weights["sound_mean"]), first.shape[1] // columns
        net = Syncer(SyncerShape(columns, bands, len(first), len(last), frames, centred=centred))
    fill(net, data, str(path))
    return net, path
