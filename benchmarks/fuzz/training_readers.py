"""Readers of training: recipes, lists of clips, clips, reports, checkpoints."""

from __future__ import annotations

import io
import json
import random
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np

from fuzz.mutations import pack, spoil_arrays, spoil_bytes, spoil_json
from fuzz.reader import Reader, Valid, place
from fuzz.texts import spoil_table, spoil_yaml
from mssync.models import load_model
from mssync.motion.mesh import MeshSpace
from mssync.motion.spaces import load_mesh

_CLIPS: Final = (
    ("path", "split", "family", "speaker"), ("a.mp4", "train", "natural", "p1"), ("b.mp4", "train", "read", "p2"),
    ("sub/c.mp4", "dev", "natural", "p3"),
)  # fmt: skip
_NET: Final = {
    "channels": 8, "width": 16, "hidden": 8, "branch": 12, "window": 8, "style_noise": 2, "noise": 2,
}  # fmt: skip
_RECIPE: Final[dict[str, Any]] = {
    "name": "x", "release": "1", "seed": 0, "steps": 4, "batch": 2, "frames": 32, "warm_max": 4, "carry": 0,
    "save_every": 2,
    "dev_every": 4, "sample_every": 0, "roles": {"natural": 0.5, "read": 0.5}, "lr": 0.001, "betas": [0.9, 0.99],
    "skip_speakers": ["p9"], "loss": {"adversarial_from": 1, "velocity": 0.1},
    "discriminator": {"width": 8, "hidden": 6},
    "closure": {"steps": 3, "width": 8}, "articulation": {"steps": 3, "width": 8}, "net": _NET,
}  # fmt: skip
_SYNCER: Final[dict[str, Any]] = {
    "name": "x", "release": "1", "steps": 4, "clips": 2, "windows": 2, "width": 8, "out": 4, "features": "mel",
    "views": ["lips", "head"], "levels": [0, 1], "save_every": 2, "dev_every": 2, "roles": {"a": 0.5, "b": 0.5},
}  # fmt: skip


def _nothing(folder: Path) -> None:
    place(folder, "empty", b"")


# ---- recipes and lists ---------------------------------------------------------------------------------------------


def _spoil_recipe(_: Valid, rng: random.Random, folder: Path) -> None:
    which, recipe = rng.choice((("generator", _RECIPE), ("syncer", _SYNCER)))
    place(folder, f"{which}.yaml", spoil_yaml(recipe, rng))


def _read_recipe(folder: Path) -> None:
    from mssync.training.config import GeneratorConfig, SyncerConfig
    from mssync.training.recipe import load_config

    path = next(iter(folder.iterdir()))
    load_config(path, GeneratorConfig) if path.stem == "generator" else load_config(path, SyncerConfig)


def _spoil_list(_: Valid, rng: random.Random, folder: Path) -> None:
    place(folder, "clips.csv", spoil_table(_CLIPS, rng))


def _read_list(folder: Path) -> None:
    from mssync.training.data.listing import read_list
    from mssync.training.data.samples import manifest_hash

    entries = read_list(folder / "clips.csv")
    assert all(isinstance(text, str) for e in entries for text in (e.name, e.split, e.family, e.speaker))
    manifest_hash(folder, entries[:100])


# ---- clips ---------------------------------------------------------------------------------------------------------


def _prepare_clips(folder: Path) -> None:
    from mssync.training.data.clips import Clip, save_clip
    from mssync.training.data.index import Record, write_report

    space = load_mesh(load_model().file("space.npz"))
    rng = np.random.default_rng(0)
    n = 60
    for name in ("a", "b", "sub/c"):
        clip = Clip(
            name, rng.normal(0, 0.05, (n, len(space.names))).astype(np.float32), np.ones(n, np.bool_),
            rng.normal(0, 1, (4 * n, 26)).astype(np.float32), rng.random((4 * n, 40)).astype(np.float32),
            rng.random(n).astype(np.float32), np.zeros(n, np.int8), "ab" * 32,
        )  # fmt: skip
        save_clip(folder / f"{name}.npz", clip)
    record = Record(space="ab" * 6, seconds=2.4, fps=25.0, face=100.0, found=1.0, talk=0.5, offset=1, clear=True)
    write_report(folder, dict.fromkeys(("a", "b", "sub/c"), record))


def _spoil_clips(valid: Valid, rng: random.Random, folder: Path) -> None:
    files = dict(valid)
    name = rng.choice(("report.json", "a.npz", "a.npz", "b.npz"))
    if name == "report.json":
        files[name] = spoil_json(json.loads(files[name]), rng)
    elif rng.random() < 0.05:
        del files[name]
    elif rng.random() < 0.3:
        files[name] = spoil_bytes(files[name], rng, list(valid.values()))
    else:
        with np.load(io.BytesIO(files[name])) as z:
            files[name] = spoil_arrays({k: z[k] for k in z.files}, rng)
    for file, data in files.items():
        place(folder, file, data)


@cache
def _space() -> MeshSpace:
    return load_mesh(load_model().file("space.npz"))


def _read_clips(folder: Path) -> None:
    from mssync.training.data.listing import Entry
    from mssync.training.data.samples import load_samples

    entries = [
        Entry("a", "train", "natural", "p1"),
        Entry("b", "train", "read", "p2"),
        Entry("sub/c", "dev", "read", "p3"),
    ]
    train, dev = load_samples(_space(), folder, entries, mirror=True)
    assert train and dev
    for sample in (*train, *dev):
        assert len(sample.motion) == len(sample.speech) == len(sample.valid) and len(sample.sound) == 4 * len(
            sample.motion
        )
        assert np.isfinite(sample.motion).all() and np.isfinite(sample.sound).all()


def _prepare_points(folder: Path) -> None:
    from mssync.face.tracking import Track
    from mssync.training.data.clips import Points, save_points

    n, rng = 12, np.random.default_rng(0)
    points = (rng.normal(0, 30, (n, 478, 3)) + 100).astype(np.float32)
    track = Track(points, rng.random((n, 52)).astype(np.float32), np.ones(n, np.bool_), np.arange(n) / 25, 256, 256)
    save_points(folder / "p.npz", Points(track, np.full(n, 99, np.float32), 25.0))


def _spoil_points(valid: Valid, rng: random.Random, folder: Path) -> None:
    with np.load(io.BytesIO(valid["p.npz"])) as z:
        place(folder, "p.npz", spoil_arrays({k: z[k] for k in z.files}, rng))


def _read_points(folder: Path) -> None:
    from mssync.training.data.clips import load_points

    found = load_points(folder / "p.npz")
    assert np.isfinite(found.track.points).all() and len(found.track.valid) == len(found.luma) == len(
        found.track.points
    )


# ---- checkpoints ---------------------------------------------------------------------------------------------------


def _trainer(folder: Path) -> Any:
    from mssync.training.config import GeneratorConfig
    from mssync.training.data.listing import Entry
    from mssync.training.data.samples import Sample
    from mssync.training.generator import Trainer

    rng, n = np.random.default_rng(0), 200
    samples = [
        Sample(
            Entry(f"c{i}", "train", ("natural", "read")[i % 2], f"p{i}"),
            rng.normal(0, 0.1, (n, len(_space().names))).astype(np.float32),
            rng.normal(0, 1, (4 * n, 26)).astype(np.float32),
            rng.random(n).astype(np.float32), np.ones(n, np.bool_), np.array([-4.8, -2.9], np.float32),
            np.zeros(n, np.int8), _space().groups,
        )
        for i in range(3)
    ]  # fmt: skip
    config = GeneratorConfig.model_validate(_RECIPE | {"loss": {"adversarial_from": 1, "synchrony": {}}})
    return Trainer(config, _space(), samples, samples[:1], folder)


def _prepare_run(folder: Path) -> None:
    import torch
    from safetensors.torch import save_file

    from mssync.nets.articulation import ArticulationNet
    from mssync.nets.closure import ClosureNet

    trainer = _trainer(folder)
    trainer.save()
    save_file(ClosureNet(26, 8).state_dict(), folder / "closure.safetensors")
    save_file(ArticulationNet(26, 33, 8).state_dict(), folder / "articulation.safetensors")
    shutil.copyfile(load_model().file("space.npz"), folder / "space.npz")
    shipped = load_model().manifest
    data = {k: shipped[k] for k in ("blinks", "gap_curve", "head_gain", "closure", "articulation")}
    place(folder, "data.json", json.dumps(data | {"manifest_sha256": "0" * 64}).encode())
    assert torch.is_tensor(torch.zeros(1))


def _spoil_run(valid: Valid, rng: random.Random, folder: Path) -> None:
    files = dict(valid)
    name = rng.choice(
        ("state.json", "data.json", "state.safetensors", "closure.safetensors", "articulation.safetensors", "space.npz")
    )
    if rng.random() < 0.05:
        del files[name]
    elif name.endswith(".json"):
        files[name] = spoil_json(json.loads(files[name]), rng)
    elif name.endswith(".npz"):
        with np.load(io.BytesIO(files[name])) as z:
            files[name] = spoil_arrays({k: z[k] for k in z.files}, rng)
    else:
        files[name] = _spoil_tensors(files[name], rng)
    for file, data in files.items():
        if not file.startswith(("tensorboard", "samples")):
            place(folder, f"run/{file}", data)


def _spoil_tensors(data: bytes, rng: random.Random) -> bytes:
    if rng.random() < 0.4:
        return spoil_bytes(data, rng)
    size = int.from_bytes(data[:8], "little")
    header = spoil_json(json.loads(data[8 : 8 + size]), rng)
    return len(header).to_bytes(8, "little") + header + data[8 + size :]


def _read_run(folder: Path) -> None:
    from mssync.training.export import export_model

    _trainer(folder / "run")
    export_model(folder / "run", folder / "model")
    load_model(folder / "model")


def _prepare_syncnet(folder: Path) -> None:
    import torch

    torch.save({"a.weight": torch.zeros(3), "b": torch.ones(2, 2)}, folder / "net.model")
    place(folder, "other.npz", pack({"x": np.zeros(3)}))


def _spoil_syncnet(valid: Valid, rng: random.Random, folder: Path) -> None:
    place(folder, "net.model", spoil_bytes(valid["net.model"], rng, list(valid.values())))


def _read_syncnet(folder: Path) -> None:
    from mssync.evaluation.scores.syncnet import load_syncnet

    load_syncnet(folder / "net.model")


def _warm() -> None:
    import mssync.evaluation.scores.syncnet
    import mssync.training.run  # noqa: F401


def _warm_run() -> None:
    """One export, which loads what exporting loads."""
    from mssync.training.export import export_model

    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        run.mkdir()
        _prepare_run(run)
        export_model(run, Path(folder) / "model")


_TORCH: Final = ("torch", "yaml", "pydantic", "safetensors")
READERS: Final = (
    Reader("recipes", 1200, _nothing, _spoil_recipe, _read_recipe, _TORCH, _warm),
    Reader("lists of clips", 600, _nothing, _spoil_list, _read_list, _TORCH, _warm),
    Reader("folders of clips", 800, _prepare_clips, _spoil_clips, _read_clips, _TORCH, _warm),
    Reader("tracked points", 300, _prepare_points, _spoil_points, _read_points, _TORCH, _warm),
    Reader("training runs", 300, _prepare_run, _spoil_run, _read_run, (*_TORCH, "tensorboard", "onnx"), _warm_run),
    Reader("SyncNet weights", 200, _prepare_syncnet, _spoil_syncnet, _read_syncnet, _TORCH, _warm),
)
