"""Export of a run whose files were damaged, or never were a run's: one sentence, and no model."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mssync.errors import MssyncError
from mssync.models import load_model
from mssync.nets.articulation import ArticulationNet
from mssync.nets.closure import ClosureNet
from mssync.nets.generator import Generator, GeneratorShape
from mssync.training.checkpoint import save_json, save_tensors
from mssync.training.export import export_model
from mssync.training.init import MEASURED

SHAPE = GeneratorShape(motion=43, channels=8, width=16, hidden=8, branch=12, window=8, style=4, noise=2)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run's folder as far as the export reads it, with fresh nets."""
    run = tmp_path_factory.mktemp("whole") / "run"
    torch.manual_seed(0)
    ema = {f"ema.{k}": v for k, v in Generator(SHAPE).state_dict().items()}
    facts = {"scales": [0.1] * 43, "style_default": [0.0, 0.0], "energy_mean": [-4.8, -2.9], "energy_std": [0.7, 0.2]}
    state = {
        "shape": SHAPE.as_dict(), "facts": facts, "step": 4, "best": float("inf"),
        "config": {"name": "mine", "release": "1", "closure": {"width": 8}},
    }  # fmt: skip
    run.mkdir()
    save_tensors(run / "state.safetensors", ema)  # without the state in it, so that the one beside it counts
    save_json(run / "state.json", state)
    save_tensors(run / "closure.safetensors", ClosureNet(26, 8).state_dict())
    save_tensors(run / "articulation.safetensors", ArticulationNet(26, 33, 8).state_dict())
    shipped = load_model()
    measured = {k: shipped.manifest[k] for k in MEASURED}
    save_json(run / "data.json", measured | {"manifest_sha256": "0" * 64})
    shutil.copyfile(shipped.file("space.npz"), run / "space.npz")
    return run


def test_a_run_without_a_dev_score_is_exported_and_loads(whole: Path, tmp_path: Path) -> None:
    assert export_model(whole, tmp_path / "model") < 1e-4
    model = load_model(tmp_path / "model")
    assert model.title == "model 1" and model.manifest["recipe"]["best_dev_score"] is None


def _entry(name: str, *path: str, value: Any) -> Callable[[Path], object]:
    def change(run: Path) -> None:
        tree = json.loads((run / name).read_text())
        inner = tree
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = value
        (run / name).write_text(json.dumps(tree))

    return change


def _cut(name: str) -> Callable[[Path], object]:
    return lambda run: (run / name).write_bytes((run / name).read_bytes()[:-100])


def _space(change: Callable[[Any], Any]) -> Callable[[Path], object]:
    def write(run: Path) -> None:
        with np.load(run / "space.npz") as z:
            arrays = dict(z)
        np.savez(run / "space.npz", **arrays | {"basis": change(arrays["basis"])})

    return write


BAD: dict[str, Callable[[Path], object]] = {
    "state cut": _cut("state.json"),
    "state a list": lambda run: (run / "state.json").write_text("[]"),
    "no facts": _entry("state.json", "facts", value=None),
    "short scales": _entry("state.json", "facts", "scales", value=[0.1]),
    "a size of text": _entry("state.json", "shape", "width", value="wide"),
    "a size of another net": _entry("state.json", "shape", "width", value=24),
    "a size beyond all memory": _entry("state.json", "shape", "width", value=10**9),
    "blinks of text": _entry("data.json", "blinks", value="x"),
    "blinks that are none": _entry("data.json", "blinks", "course", value=[1.0]),
    "data no JSON": lambda run: (run / "data.json").write_text("{"),
    "weights cut": _cut("state.safetensors"),
    "weights missing": lambda run: (run / "state.safetensors").unlink(),
    "closures missing": lambda run: (run / "closure.safetensors").unlink(),
    "closures not finite": lambda run: save_tensors(
        run / "closure.safetensors", {k: v * torch.nan for k, v in ClosureNet(26, 8).state_dict().items()}
    ),
    "articulation missing": lambda run: (run / "articulation.safetensors").unlink(),
    "articulation of another net": lambda run: save_tensors(
        run / "articulation.safetensors", ClosureNet(26, 8).state_dict(), force=True
    ),
    "space cut": _cut("space.npz"),
    "space of nan": _space(lambda basis: basis * np.nan),
    "space of other columns": _space(lambda basis: basis[:30]),
    "space missing": lambda run: (run / "space.npz").unlink(),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_damaged_run_is_one_sentence_and_no_model(whole: Path, tmp_path: Path, kind: str) -> None:
    run = Path(shutil.copytree(whole, tmp_path / "run"))
    BAD[kind](run)
    with pytest.raises(MssyncError) as caught:
        export_model(run, tmp_path / "model")
    assert str(run) in str(caught.value), "the sentence names a file of the run"
    assert [p.name for p in tmp_path.iterdir()] == ["run"]
