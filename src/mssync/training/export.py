"""``mssync export``: a training run to the ONNX graphs and manifest that the runtime loads."""

from __future__ import annotations

import hashlib
import json
import math
import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mssync.arrays import Array
from mssync.errors import InputError, OutputError
from mssync.files import make_folder, replacing, replacing_folder
from mssync.manifest import ARTICULATION, CLOSURE, FILES, check_manifest
from mssync.models import CARD, is_model_folder, load_model, write_manifest
from mssync.motion.articulation import amounts
from mssync.motion.drive import project
from mssync.motion.generator import NETWORK_STATE, MotionGenerator
from mssync.motion.noise import smooth
from mssync.motion.pyramid import View
from mssync.motion.syncers import FORMAT
from mssync.nets.articulation import HEARD, ArticulationNet
from mssync.nets.closure import WINDOW, ClosureNet
from mssync.nets.generator import Generator, RolloutState
from mssync.nets.syncer import Syncer
from mssync.schema import Unsound
from mssync.sessions import open_session
from mssync.texts import clean
from mssync.timing import STEPS_PER_FRAME
from mssync.training.card import model_card
from mssync.training.checkpoint import ANEW, foreign, load_checkpoint, load_json
from mssync.training.init import MEASURED, Start, load_run

TOLERANCE = 1e-4
OPSET = 18
LONGEST_NAME = 80


def export_model(
    run: Path, out: Path, *, force: bool = False, name: str | None = None, release: str | None = None
) -> float:
    """Export the best weights of a run, with a model card to fill in.

    Args:
        run: folder of ``mssync train generator``.
        out: new model folder.
        force: replace an existing model folder (one that holds anything else stays).
        name: what the model is called, in its videos too; None: as the folder.
        release: None: the recipe's.
    Returns:
        the largest absolute difference between the PyTorch net and the exported graphs on random input.
    Raises:
        InputError: ``run`` holds no finished checkpoint, or the graphs differ from the net by more than 1e-4.
        AssetError: the run's motion space is damaged.
        OutputError: ``out`` holds a model and ``force`` is not set, holds something else, or cannot be written.
    """
    start = load_run(run)
    found = load_checkpoint(run, "state")
    assert found is not None
    if (out / "manifest.json").exists() and not force:
        raise OutputError(f"{out} holds a model already; choose another folder or allow overwriting with --force.")
    with foreign(run):
        facts = _manifest(start, found[1], load_json(run / "data.json"))
    facts["name"] = _name(name or out.resolve().name, "name")
    facts["release"] = _name(release or str(facts["release"]), "release")
    try:
        check_manifest({**facts, "files": dict.fromkeys(FILES, "0" * 64)})
    except Unsound as e:
        raise InputError(f"The run in {run} gives no manifest of a model: {e}; {ANEW}") from e
    make_folder(out.parent)
    with replacing_folder(out, force=force, ours=is_model_folder) as folder:
        export_graphs(start.net, start.closures, start.articulation, folder)
        shutil.copyfile(run / "space.npz", folder / "space.npz")
        write_manifest(folder, facts)
        manifest = load_model(folder).manifest
        with foreign(run):
            card = model_card(manifest)
        with replacing(folder / CARD, force=True) as part:
            part.write_text(card, "utf-8")
        gap = compare(start.net, start.articulation, folder, facts)
        if gap > TOLERANCE:
            raise InputError(f"The exported graphs differ from the net by {gap:.1e} (allowed 1e-4); report this bug.")
    return gap


def _manifest(start: Start, state: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    """All of a manifest but the name and the hashes."""
    facts, best = start.facts.as_json(), float(state["best"])
    return {
        "name": "",
        "release": str(state["config"]["release"]),
        "space": start.space.kind,
        "mark": start.space.mark,
        "stages": list(start.space.stages),
        "shape": start.net.shape.as_dict(),
        "scales": facts["scales"],
        "drive": facts["drive"],
        "style": {
            "default": facts["style_default"],
            "energy_mean": facts["energy_mean"],
            "energy_std": facts["energy_std"],
        },
        **start.measured,
        "recipe": {
            "config": state["config"],
            "steps": int(state["step"]),
            "best_dev_score": best if math.isfinite(best) else None,
        },
        "data": {k: v for k, v in data.items() if k not in MEASURED},
    }


def _name(text: str, what: str) -> str:
    """A name that a manifest may hold and a screen may show.

    Raises:
        InputError: it is empty or too long.
    """
    text = clean(text, 1000).strip()
    if not 1 <= len(text) <= LONGEST_NAME:
        raise InputError(f"The {what} of a model has 1 to {LONGEST_NAME} characters; give another with --{what}.")
    return text


def export_graphs(net: Generator, closures: ClosureNet | None, articulation: ArticulationNet | None, out: Path) -> None:
    """Write ``sound.onnx``, ``step.onnx`` and, where there are such nets, ``closure.onnx`` and ``articulation.onnx``,
    weights inside the files."""
    s = net.shape
    sound = torch.zeros(1, s.timing.steps, s.bands)
    _export(net.sound, (sound,), out / "sound.onnx", ["sound"], ["levels"])
    state = net.start(1)
    args = (
        state.pose, state.velocity, state.keys, state.values, state.mask,
        torch.zeros(1, 4, s.channels), torch.zeros(1, s.style + s.noise),
    )  # fmt: skip
    names = ["pose", "velocity", "keys", "values", "mask", "sound", "extra"]
    _export(net.step, args, out / "step.onnx", names, ["next_pose", "next_velocity", "next_keys", "next_values"])
    if closures is not None:
        heard = torch.zeros(s.block, WINDOW, s.bands)
        _export(closures, (heard,), out / CLOSURE, ["sound"], ["logits"], dynamic=True)
    if articulation is not None:
        mouth = torch.zeros(1, s.block, len(articulation.from_own))
        heard = torch.zeros(1, STEPS_PER_FRAME * (HEARD + s.block), s.bands)
        parts = (heard, mouth, torch.ones(1, s.block, 1))
        _export(articulation, parts, out / ARTICULATION, ["sound", "own", "amount"], ["mouth"])


def export_syncers(nets: dict[str, Syncer], views: dict[View, Array], facts: dict[str, Any], out: Path) -> None:
    """Write a pyramid of syncers as :class:`mssync.motion.syncers.SyncerPyramid` loads it: graphs, view matrices,
    manifest.

    Args:
        nets: by ``<view>-<level>``.
        views: matrix of each view.
        facts: the rest of the manifest.
        out: folder.
    Raises:
        InputError: a graph differs from its net by more than 1e-4.
    """
    make_folder(out)
    arrays: dict[str, Any] = {str(k): v for k, v in views.items()}
    with replacing(out / "views.npz", force=True) as part, part.open("wb") as file:
        np.savez(file, **arrays)
    files = ["views.npz"]
    for name, net in nets.items():
        s = net.shape
        draw = torch.Generator().manual_seed(0)
        args = (torch.randn(3, s.frames, s.motion, generator=draw), torch.randn(3, s.steps, s.bands, generator=draw))
        path = out / f"{name}.onnx"
        # Weights are kept as half floats, half the size; the net is rounded first, so that graph and net are the same.
        net = net.half().float()
        _export(net, args, path, ["motion", "sound"], ["motion_vector", "sound_vector"], dynamic=True)
        _halve(path)
        session = open_session(path)
        made = session.run(None, {"motion": args[0].numpy(), "sound": args[1].numpy()})
        with torch.no_grad():
            gap = max(float(np.abs(a - b.numpy()).max()) for a, b in zip(made, net(*args), strict=True))
        if gap > TOLERANCE:
            raise InputError(f"The exported {name} differs from its net by {gap:.1e} (allowed 1e-4); report this bug.")
        files.append(path.name)
    hashes = {f: hashlib.sha256((out / f).read_bytes()).hexdigest() for f in files}
    manifest = {"format": FORMAT, "version": 1, **facts, "files": hashes}
    with replacing(out / "manifest.json", force=True) as part:
        part.write_text(json.dumps(manifest, indent=1) + "\n", "utf-8")


def _halve(path: Path) -> None:
    """Store a graph's float weights as half floats that are cast back when it is loaded."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    model = onnx.load(str(path))
    graph = model.graph
    casts = []
    for tensor in graph.initializer:
        if tensor.data_type == TensorProto.FLOAT and np.prod(tensor.dims) > 64:
            name, values = tensor.name, numpy_helper.to_array(tensor)
            tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), name + "_half"))
            casts.append(helper.make_node("Cast", [name + "_half"], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.checker.check_model(model)
    with replacing(path, force=True, ending=".onnx") as part:
        onnx.save(model, str(part))


def compare(
    net: Generator, articulation: ArticulationNet | None, folder: Path, manifest: dict[str, Any], seed: int = 0
) -> float:
    """Largest absolute difference over one block of random sound, in normalised units."""
    runtime = MotionGenerator(folder, manifest)
    rng = np.random.default_rng(seed)
    sound = rng.standard_normal((net.shape.timing.steps, net.shape.bands)).astype(np.float32)
    start = runtime.start(seed)
    _, rows = runtime.block(start, sound)
    white = runtime.start(seed).rng.standard_normal((net.shape.block, net.shape.noise)).astype(np.float32)
    noise, _ = smooth(white, start.noise)
    amount = amounts(noise)
    if runtime.drive is not None:
        first = STEPS_PER_FRAME * (net.shape.context + runtime.drive.lead)
        ahead = sound[first - STEPS_PER_FRAME : first + STEPS_PER_FRAME * net.shape.block]
        noise = project(runtime.drive.filter(ahead, start.bands)[0], start.directions, noise)
    with torch.no_grad():
        levels = net.sound(torch.as_tensor(sound)[None])
        extra = torch.as_tensor(np.concatenate([np.repeat(start.style, net.shape.block, 0), noise], 1))[None]
        state = RolloutState(*(torch.as_tensor(getattr(start, n)) for n in NETWORK_STATE))
        real, _ = net.rollout(state, levels, extra)
        if articulation is not None:
            mouth = slice(*manifest["articulation"]["columns"])
            first = net.shape.context - HEARD + int(manifest["articulation"]["lookahead"])
            steps = slice(STEPS_PER_FRAME * first, STEPS_PER_FRAME * (first + HEARD + net.shape.block))
            heard = torch.as_tensor(sound[steps])[None]
            real[..., mouth] = articulation(heard, real[..., mouth], torch.as_tensor(amount)[None])
    scaled = rows / np.asarray(manifest["scales"], np.float32)
    return float(np.abs(scaled - real[0].numpy()).max())


def _export(
    module: nn.Module,
    args: tuple[Tensor, ...],
    path: Path,
    inputs: list[str],
    outputs: list[str],
    *,
    dynamic: bool = False,
) -> None:
    axes = {n: {0: "n"} for n in (*inputs, *outputs)} if dynamic else None
    with replacing(path, force=True, ending=".onnx") as part, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module,
            args,
            str(part),
            input_names=inputs,
            output_names=outputs,
            opset_version=OPSET,
            dynamic_axes=axes,
            dynamo=False,
        )
