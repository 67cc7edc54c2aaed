"""``mssync export``: a training run to the ONNX graphs and manifest that the runtime loads."""

from __future__ import annotations

import hashlib
import json
import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mssync.errors import InputError, OutputError
from mssync.evaluation.judge import FORMAT
from mssync.files import make_folder, replacing, replacing_folder
from mssync.models import is_model_folder, load_model, write_manifest
from mssync.motion.generator import NETWORK_STATE, MotionGenerator
from mssync.motion.mesh import MeshSpace
from mssync.motion.noise import smooth
from mssync.motion.pyramid import View
from mssync.nets.closure import WINDOW, ClosureNet
from mssync.nets.generator import (
    BLOCK_FRAMES,
    CONTEXT_FRAMES,
    LOOKAHEAD_FRAMES,
    STEPS_PER_FRAME,
    Generator,
    GeneratorShape,
    RolloutState,
)
from mssync.nets.syncer import Syncer
from mssync.sessions import open_session
from mssync.training.checkpoint import ANEW, filled, foreign, load_json, load_tensors, part_of
from mssync.training.closure import FILE as CLOSURE_FILE

Array = NDArray[np.float32]

TOLERANCE = 1e-4
OPSET = 18
CALIBRATED = ("gap_curve", "head_gain", "closure")


def export_model(run: Path, out: Path, *, force: bool = False) -> float:
    """Export the best weights of a run.

    Args:
        run: folder of ``mssync train generator``.
        out: new model folder.
        force: replace an existing model folder (one that holds anything else stays).
    Returns:
        the largest absolute difference between the PyTorch net and the exported graphs on random input.
    Raises:
        InputError: ``run`` holds no finished checkpoint, or a damaged one, or the graphs differ from the net by
            more than 1e-4.
        OutputError: ``out`` holds a model and ``force`` is not set, holds something else, or cannot be written.
    """
    if not (run / "state.json").exists():
        raise InputError(f"{run} holds no training run; name the folder given to `mssync train generator -o`.")
    if (out / "manifest.json").exists() and not force:
        raise OutputError(f"{out} holds a model already; choose another folder or allow overwriting with --force.")
    state = load_json(run / "state.json")
    data = load_json(run / "data.json") if (run / "data.json").exists() else {}
    if "closure" not in data:
        raise InputError(f"The run in {run} was stopped before its end; run the same `mssync train generator` again.")
    make_folder(out.parent)
    with replacing_folder(out, force=force, ours=is_model_folder) as part:
        return _export_run(run, state, data, part)


def _export_run(run: Path, state: dict[str, Any], data: dict[str, Any], out: Path) -> float:
    with foreign(run / "state.json"):
        shape, width = state["shape"], state["config"]["closure"]["width"]
    net = best_net(run, shape)
    closures = closure_net(run, net.shape.bands, width)
    manifest = _manifest(run, state, data)
    export_graphs(net, closures, out)
    shutil.copyfile(run / "space.npz", out / "space.npz")
    write_manifest(out, manifest)
    made = load_model(out)
    if len(MeshSpace.load(out / "space.npz", made.data["space.npz"]).names) != net.shape.motion:
        raise InputError(f"{run / 'space.npz'} has other columns than the weights beside it; {ANEW}")
    gap = compare(net, out, manifest)
    if gap > TOLERANCE:
        raise InputError(f"The exported graphs differ from the net by {gap:.1e} (allowed 1e-4); report this as a bug.")
    return gap


def _manifest(run: Path, state: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    with foreign(run / "state.json"):
        return _entries(state, data)


def _entries(state: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    facts, config = state["facts"], state["config"]
    return {
        "name": config["name"],
        "release": config["release"],
        "space": "mesh",
        "shape": state["shape"],
        "scales": facts["scales"],
        "style": {
            "default": facts["style_default"],
            "energy_mean": facts["energy_mean"],
            "energy_std": facts["energy_std"],
        },
        "blinks": data["blinks"],
        **{k: data[k] for k in CALIBRATED},
        "recipe": {"config": config, "steps": state["step"], "best_dev_score": state["best"]},
        "data": {k: v for k, v in data.items() if k not in ("blinks", *CALIBRATED)},
    }


def best_net(run: Path, shape: dict[str, int]) -> Generator:
    """The weights of a run that were best on dev (the averaged last ones where no dev probe was made).

    Raises:
        InputError: they are missing, damaged or of another shape.
    """
    best, last = run / "best.safetensors", run / "state.safetensors"
    tensors = load_tensors(best) if best.exists() else part_of(load_tensors(last), "ema")
    return filled(lambda: Generator(GeneratorShape(**shape)), tensors, best if best.exists() else last)


def closure_net(run: Path, bands: int, width: int) -> ClosureNet:
    """The net of a run that hears when lips touch.

    Raises:
        InputError: it is missing, damaged or of another shape.
    """
    path = run / CLOSURE_FILE
    return filled(lambda: ClosureNet(bands, width), load_tensors(path), path)


def export_graphs(net: Generator, closures: ClosureNet, out: Path) -> None:
    """Write ``sound.onnx``, ``step.onnx`` and ``closure.onnx``, weights inside the files."""
    s = net.shape
    frames = CONTEXT_FRAMES + BLOCK_FRAMES + LOOKAHEAD_FRAMES
    sound = torch.zeros(1, STEPS_PER_FRAME * frames, s.bands)
    _export(net.sound, (sound,), out / "sound.onnx", ["sound"], ["levels"])
    state = net.start(1)
    args = (
        state.pose, state.velocity, state.keys, state.values, state.mask,
        torch.zeros(1, 4, s.channels), torch.zeros(1, s.style + s.noise),
    )  # fmt: skip
    names = ["pose", "velocity", "keys", "values", "mask", "sound", "extra"]
    _export(net.step, args, out / "step.onnx", names, ["next_pose", "next_velocity", "next_keys", "next_values"])
    heard = torch.zeros(BLOCK_FRAMES, WINDOW, s.bands)
    _export(closures, (heard,), out / "closure.onnx", ["sound"], ["logits"], dynamic=True)


def export_syncers(nets: dict[str, Syncer], views: dict[View, Array], facts: dict[str, Any], out: Path) -> None:
    """Write a pyramid of syncers as :class:`mssync.evaluation.judge.Judge` loads it: graphs, view matrices, manifest.

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


def compare(net: Generator, folder: Path, manifest: dict[str, Any], seed: int = 0) -> float:
    """Largest absolute difference over one block of random sound, in normalised units."""
    runtime = MotionGenerator(folder, manifest)
    rng = np.random.default_rng(seed)
    frames = CONTEXT_FRAMES + BLOCK_FRAMES + LOOKAHEAD_FRAMES
    sound = rng.standard_normal((STEPS_PER_FRAME * frames, net.shape.bands)).astype(np.float32)
    start = runtime.start(seed)
    _, rows = runtime.block(start, sound)
    white = runtime.start(seed).rng.standard_normal((BLOCK_FRAMES, net.shape.noise)).astype(np.float32)
    noise, _ = smooth(white, start.noise)
    with torch.no_grad():
        levels = net.sound(torch.as_tensor(sound)[None])
        extra = torch.as_tensor(np.concatenate([np.repeat(start.style, BLOCK_FRAMES, 0), noise], 1))[None]
        state = RolloutState(*(torch.as_tensor(getattr(start, n)) for n in NETWORK_STATE))
        real, _ = net.rollout(state, levels, extra)
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
