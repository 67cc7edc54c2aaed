"""The synchrony loss of MS-Sync (arXiv 2307.03270): frozen syncers that teach a generator."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from mssync.errors import InputError
from mssync.motion.pyramid import View
from mssync.motion.space import MotionSpace
from mssync.motion.syncers import SyncerPyramid
from mssync.nets.syncer import Syncer, SyncerShape, coarser, windows
from mssync.speech.features import BANDS
from mssync.timing import LEVELS, PYRAMID_KERNEL
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
        self.of_heads: set[View] = set()
        """Views of nothing but the head."""
        self.hashes: dict[str, str] = {}
        """sha256 of the files that teach, by view and level."""
        for view in self.weights:
            matrix = torch.as_tensor(space.view(view).matrix, device=scales.device)
            self.matrices[view] = scales[:, None] * matrix
            elsewhere = matrix.clone()
            elsewhere[space.groups.head] = 0.0
            if not elsewhere.any():
                self.of_heads.add(view)
            for level in range(LEVELS):
                net, path = load_syncer(folder, space, view, level)
                if net.shape.motion != matrix.shape[1] or net.shape.bands != BANDS:
                    raise _elsewhere(path)
                self.hashes[f"{view}-{level}"] = sha256(path)
                self.nets[view, level] = net.to(scales.device).eval().requires_grad_(False)

    def agreement(self, motion: Tensor, sound: Tensor, view: View) -> list[Tensor]:
        """Mean cosine ``(B,)`` of every level that the length allows."""
        return self._agree(motion, self._hear(_pyramid(sound), view), view)

    @torch.no_grad()
    def _hear(self, sounds: list[Tensor], view: View) -> list[Tensor]:
        """Unit vectors ``(B, W, E)`` of the sound's windows, level by level: the costly half, and the same for all."""
        out = []
        for level, sound in enumerate(sounds):
            net = self.nets[view, level]
            if sound.shape[1] < net.shape.steps:
                break
            cut = windows(sound, net.shape.steps, net.shape.steps // net.shape.frames)
            out.append(net.sound(cut.flatten(0, 1)).reshape(*cut.shape[:2], -1))
        return out

    def _agree(self, motion: Tensor, heard: list[Tensor], view: View) -> list[Tensor]:
        out = []
        for level, (m, vectors) in enumerate(zip(_pyramid(motion @ self.matrices[view]), heard, strict=False)):
            net = self.nets[view, level]
            if m.shape[1] < net.shape.frames:
                break
            cut = windows(m, net.shape.frames, 1)[:, : vectors.shape[1]]
            seen = net.motion(cut.flatten(0, 1)).reshape(*cut.shape[:2], -1)
            out.append((seen * vectors[:, : cut.shape[1]]).sum(2).mean(1))
        return out

    def loss(
        self, made: Sequence[Tensor], real: Tensor, sound: Tensor, *, up_to_real: bool, heads: Tensor | None = None
    ) -> dict[str, Tensor]:
        """For rollouts ``made``, each ``(B, T, D)`` as ``real``: minus the cosine, averaged over windows per level,
        then over levels, one part per view.

        With ``up_to_real`` a rollout is asked to agree as well as the real motion does, and no better: what agrees
        better than people is an average mouth. In the views of nothing but the head only the rows ``heads (B,)``
        count.
        """
        parts = {}
        sounds = _pyramid(sound)
        for view, weight in self.weights.items():
            rows = slice(None) if heads is None or view not in self.of_heads else heads
            if not len(real[rows]):
                continue
            heard = self._hear([s[rows] for s in sounds], view)
            got = self._agree(torch.cat([m[rows] for m in made]), [torch.cat([h] * len(made)) for h in heard], view)
            if up_to_real:
                with torch.no_grad():
                    want = self._agree(real[rows], heard, view)
                per = [torch.relu(w.repeat(len(made)) - g).mean() for g, w in zip(got, want, strict=True)]
            else:
                per = [-g.mean() for g in got]
            parts[f"sync_{view}"] = weight * torch.stack(per).mean()
        return parts


def _elsewhere(path: Path) -> InputError:
    return InputError(f"{path} was trained in another motion space; train syncers in this one.")


def _pyramid(x: Tensor) -> list[Tensor]:
    """Every level of ``(B, T, D)`` that is long enough for one more."""
    out = [x]
    while len(out) < LEVELS and out[-1].shape[1] > PYRAMID_KERNEL // 2 + 1:
        out.append(coarser(out[-1]))
    return out


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
            f"{folder} holds no trained syncer {name}; give --syncers a folder of `mssync train syncer` with "
            f"a recipe that names the view {view} (`syncer` does), or leave it out of the recipe's `synchrony`."
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
