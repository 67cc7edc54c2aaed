"""Initial weights of a run: those of an exported model (the shipped ``default`` too), or of another run."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from torch import nn

from mssync.errors import InputError
from mssync.manifest import ARTICULATION, CLOSURE
from mssync.models import Model, load_model
from mssync.motion.columns import width
from mssync.motion.space import MotionSpace
from mssync.motion.spaces import load_space
from mssync.motion.stages import STAGES, Closures, entries_of
from mssync.nets.articulation import ArticulationNet
from mssync.nets.closure import ClosureNet
from mssync.nets.generator import Generator, GeneratorShape
from mssync.texts import clean
from mssync.training.articulation import FILE as ARTICULATION_FILE
from mssync.training.checkpoint import (
    ANEW,
    foreign,
    load_checkpoint,
    load_json,
    load_tensors,
    load_weights,
    part_of,
    save_tensors,
    sizes,
)
from mssync.training.closure import FILE as CLOSURE_FILE
from mssync.training.facts import Facts
from mssync.training.graphs import fill, graph_weights

MEASURED: Final = (*entries_of(tuple(STAGES)), "articulation")
"""Entries of a manifest that are measured after training; models that have no articulation net lack the last."""


@dataclass(frozen=True)
class Start:
    """Weights and what belongs to them.

    Attributes:
        title: name and release, for people.
        space: motion space.
        net, closures, articulation: the networks; ``closures`` is None where the motion space has no lip gap,
            ``articulation`` in models that have no such net.
        facts: of the data that they were trained on; the units of the net.
        measured: the part of a manifest that is measured after training.
    """

    title: str
    space: MotionSpace
    net: Generator
    closures: ClosureNet | None
    articulation: ArticulationNet | None
    facts: Facts
    measured: dict[str, Any]

    def check_shape(self, shape: GeneratorShape) -> None:
        """Refuse a recipe of other sizes.

        Raises:
            InputError: the sentence says which sizes differ.
        """
        mine, wanted = self.net.shape.as_dict(), shape.as_dict()
        differ = [f"{k} {v}, not {wanted[k]}" for k, v in mine.items() if v != wanted[k]]
        if differ:
            raise InputError(
                f"The net of {self.title} has other sizes than the recipe asks for ({'; '.join(differ)}); write "
                "its own under `net`, or train from nothing with --init none."
            )

    def check_space(self, space: MotionSpace) -> None:
        """Refuse clips of another motion space.

        Raises:
            InputError: they are.
        """
        if self.space.mark != space.mark:
            raise InputError(
                f"{self.title} moves in another motion space than the clips; run `mssync preprocess` with its "
                "space.npz, or train from nothing with --init none."
            )


def load_start(name: str) -> Start:
    """The weights to go on from.

    Args:
        name: a shipped model, a folder of ``mssync export``, or a run folder of ``mssync train generator``.
    Raises:
        InputError: there is none of these, or the run was stopped before its end.
        AssetError: the model is damaged.
    """
    run = Path(name)
    if "\0" not in name and (run / "state.json").is_file():
        return load_run(run)
    return _of_model(load_model(name))


def load_run(run: Path) -> Start:
    """A finished run, its best weights.

    Raises:
        InputError: it is none, was stopped before its end, or is damaged.
        AssetError: its motion space is damaged.
    """
    found = load_checkpoint(run, "state")
    if found is None:
        raise InputError(f"{run} holds no training run; name the folder given to `mssync train generator -o`.")
    state = found[1]
    if state.get("kind") == "paper":
        raise InputError(f"{run} is a run of `mssync train paper`, for comparisons only; name another.")
    if not (run / "data.json").exists():
        raise InputError(f"The run in {run} was stopped before its end; run the same `mssync train generator` again.")
    data, space = load_json(run / "data.json"), load_space(run / "space.npz")
    with foreign(run):
        net = Generator(GeneratorShape.of(sizes(state["shape"]))).eval()
        facts = Facts.from_json(state["facts"], net.shape.motion, net.shape.noise)
        title = clean(f"{state['config']['name']} {state['config']['release']}")
        measured = {k: data[k] for k in entries_of(space.stages)}
        measured |= {k: data[k] for k in ("articulation",) if k in data}
    if len(space.names) != net.shape.motion:
        raise InputError(f"{run / 'space.npz'} is not the motion space of this run; {ANEW}")
    best = run / "best.safetensors"
    if best.exists():
        load_weights(net, load_tensors(best), best)
    else:
        load_weights(net, part_of(found[0], "ema"), run / "state.safetensors")
    closures = None
    if Closures.name in space.stages:
        path = run / CLOSURE_FILE
        tensors = load_tensors(path)
        with foreign(path):
            closures = ClosureNet(net.shape.bands, len(tensors["net.0.bias"])).eval()
        load_weights(closures, tensors, path)
    articulation = None
    if "articulation" in measured:
        articulation = load_articulation(run / ARTICULATION_FILE, net.shape.bands, space)
    return Start(title, space, net, closures, articulation, facts, measured)


def load_articulation(path: Path, bands: int, space: MotionSpace) -> ArticulationNet:
    """The articulation net of a run, in the sizes that its file tells.

    Raises:
        InputError: the file is missing, damaged, or holds another net.
    """
    tensors = load_tensors(path)
    with foreign(path):
        net = ArticulationNet(bands, width(space.groups.mouth), len(tensors["front.0.bias"])).eval()
    load_weights(net, tensors, path)
    return net


def _of_model(model: Model) -> Start:
    manifest, space = model.manifest, load_space(model.file("space.npz"), model.data["space.npz"])
    with foreign(model.folder):
        net = Generator(GeneratorShape.of(sizes(manifest["shape"]))).eval()
        style = manifest["style"]
        facts = Facts.from_json(
            {
                **style,
                "style_default": style["default"],
                "scales": manifest["scales"],
                "drive": manifest.get("drive"),
            },
            net.shape.motion,
            net.shape.noise,
        )
        closures = articulation = None
        if CLOSURE in model.data:
            channels = len(graph_weights(model.data[CLOSURE])[0]["net.0.bias"])
            closures = ClosureNet(net.shape.bands, channels).eval()
        if ARTICULATION in model.data:
            channels = len(graph_weights(model.data[ARTICULATION])[0]["front.0.bias"])
            articulation = ArticulationNet(net.shape.bands, width(space.groups.mouth), channels).eval()
    parts = {"sound.onnx": net.sound, "step.onnx": net.step, CLOSURE: closures, ARTICULATION: articulation}
    for name, part in parts.items():
        if part is not None:
            fill(part, model.data[name], str(model.file(name)))
    measured = {k: manifest[k] for k in MEASURED if k in manifest}
    return Start(model.title, space, net, closures, articulation, facts, measured)


def save_start(start: Start, out: Path, *, force: bool = False) -> int:
    """Write weights as one safetensors file.

    The tensors are named ``generator.*``, ``closure.*`` and ``articulation.*``, as in
    :class:`mssync.nets.generator.Generator`, :class:`mssync.nets.closure.ClosureNet` and
    :class:`mssync.nets.articulation.ArticulationNet`; the header's facts are ``title``,
    and as JSON ``shape`` (sizes of the generator) and ``units`` (of its motion).

    Args:
        start: the weights.
        out: the file.
        force: an existing file may be replaced.
    Returns:
        how many tensors were written.
    Raises:
        OutputError: it exists without ``force``, or cannot be written.
    """
    nets: dict[str, nn.Module | None] = {
        "generator": start.net, "closure": start.closures, "articulation": start.articulation,
    }  # fmt: skip
    there = {name: net.state_dict() for name, net in nets.items() if net is not None}
    tensors = {f"{name}.{key}": value for name, state in there.items() for key, value in state.items()}
    units = start.facts.as_json()
    facts = {"title": start.title, "shape": json.dumps(start.net.shape.as_dict()), "units": json.dumps(units)}
    save_tensors(out, tensors, facts, force=force)
    return len(tensors)
