"""The authors' published MS-Sync checkpoints into :class:`mssync.nets.paper.PaperGenerator`, name by name.

Source of the layout: GitHub LouisBearing/HMo-audio at e4d18e8 (``execute_model.py``, ``networks`` under nets): a
checkpoint ``model_chkpt.pt`` whose ``checkpoints`` are the generator's weights, and ``args``, its settings as JSON.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import torch
from safetensors.torch import load, save
from torch import Tensor

from mssync.convert.pickled import Checkpoint, Stored
from mssync.errors import AssetError, InputError
from mssync.files import readable_file, replacing, replacing_folder
from mssync.nets.paper import PaperGenerator, PaperShape
from mssync.schema import Bounds, Unsound, checked, parse_json
from mssync.texts import clean

FORMAT: Final = "mssync-paper"
VERSION: Final = 1
MANIFEST: Final = "manifest.json"
WEIGHTS: Final = "generator.safetensors"
KEYPOINTS: Final = 10
SHOWN: Final = 4
BLOCKS: Final = {4: (4,), 6: (1,) * 6, 7: (1, 2, 2, 2), 8: (2, 2, 2, 2), 10: (1, 3, 3, 3), 16: (3, 4, 6, 3)}
"""Their ``nblocks_do``: blocks per stage, the last one the two ends'."""
PLACES: Final = (
    ("encoder_x.", "step.embed."),
    ("encoder_a.conv0.", "sound.base."),
    ("encoder_a.pyramid_layers.", "sound.coarser."),
    ("deep_output.", "step.heard.trunk."),
    ("mask.", "step.heard.masks."),
    ("leaf.", "step.heard.velocities."),
    ("deep_output_bias.", "step.unheard.trunk."),
    ("mask_bias.", "step.unheard.masks."),
    ("leaf_bias.", "step.unheard.velocities."),
    ("temp_module.layers.", "step.transformer."),
    ("lin_out.", "step.history."),
    ("final_block.", "step.join."),
)
"""Beginnings of names: theirs and ours."""
PARTS: Final = {
    "depth_wise": "depthwise", "pt_wise_in": "up", "pt_wise_out": "down", "downsample": "shortcut",
    "out_norm": "shortcut_norm", "fc_out": "out",
}  # fmt: skip
"""Words within names: theirs and ours."""

_Size = Annotated[int, Bounds(1, 4096)]


@dataclass(frozen=True)
class Settings:
    """What of the authors' ``args`` the network's shape depends on; their defaults are those of their ``Config``."""

    data_dim: Annotated[int, Bounds(1, 64)]
    audio_dim: _Size = 512
    coord_dim: _Size = 512
    hidden_size: _Size = 64
    nlayers_tf: Annotated[int, Bounds(1, 64)] = 1
    nheads_tf: Annotated[int, Bounds(1, 64)] = 1
    pyramid_layers_g: Annotated[int, Bounds(4, 4)] = 4
    nblocks_do: int = 4
    expansion_fact_do: Annotated[int, Bounds(1, 16)] = 4
    streams_merging_activation: str = "softmax"
    obs_len: Annotated[int, Bounds(1, 1000)] = 3

    def shape(self) -> PaperShape:
        """The sizes of their network.

        Raises:
            Unsound: there is no network of these settings.
        """
        if self.nblocks_do not in BLOCKS:
            raise Unsound(f"'nblocks_do' is {self.nblocks_do}, not one of {', '.join(map(str, BLOCKS))}")
        if self.coord_dim % self.nheads_tf:
            raise Unsound("'coord_dim' is no multiple of 'nheads_tf'")
        *trunk, ends = BLOCKS[self.nblocks_do]
        return PaperShape(
            KEYPOINTS, self.data_dim, channels=self.audio_dim, width=self.coord_dim, hidden=self.hidden_size,
            layers=self.nlayers_tf, heads=self.nheads_tf, trunk=tuple(trunk), ends=ends,
            expansion=self.expansion_fact_do, sigmoid=int(self.streams_merging_activation != "softmax"),
        )  # fmt: skip


@dataclass(frozen=True)
class Converted:
    """A converted generator.

    Attributes:
        net: ready for use.
        observed: frames of warm-up that it was trained with: the first pose is repeated so often.
        source: sha256 of the checkpoint.
    """

    net: PaperGenerator
    observed: int
    source: str


def convert(checkpoint: Path, args: Path, out: Path, *, force: bool = False) -> Converted:
    """``mssync convert mssync``: write a folder that :func:`load_converted` reads.

    Args:
        checkpoint: their ``model_chkpt.pt``. Nothing that it pickles is run.
        args: their ``args``, JSON.
        out: the folder: ``manifest.json`` and ``generator.safetensors``.
        force: a folder that this wrote before may be replaced.
    Raises:
        InputError: one of the files cannot be read, or names or shapes of weights are not theirs (it lists them).
        OutputError: the folder exists without ``force``, or cannot be written.
    """
    readable_file(checkpoint, "checkpoint")
    settings, given = _settings(args)
    content = Checkpoint(checkpoint)
    tensors = content.tensors(_weights(content, settings.shape()))
    broken = [name for name, x in tensors.items() if not torch.isfinite(x).all()]
    if broken:
        raise InputError(f"The weights in {checkpoint} hold numbers that are not finite: {_some(broken)}.")
    net = generator(tensors, settings.shape())
    with checkpoint.open("rb") as file:
        source = hashlib.file_digest(file, "sha256").hexdigest()
    with replacing_folder(out, force=force, ours=_ours, inputs=[checkpoint, args]) as folder:
        data = save({name: x.contiguous() for name, x in net.state_dict().items()})
        with replacing(folder / WEIGHTS, force=True) as part:
            part.write_bytes(data)
        manifest = {
            "format": FORMAT, "version": VERSION, "shape": net.shape.as_dict(), "observed": settings.obs_len,
            "source": {"sha256": source, "args": given}, "files": {WEIGHTS: hashlib.sha256(data).hexdigest()},
        }  # fmt: skip
        with replacing(folder / MANIFEST, force=True) as part:
            part.write_text(json.dumps(manifest, indent=1) + "\n", "utf-8")
    return Converted(net, settings.obs_len, source)


@dataclass(frozen=True)
class _Manifest:
    format: str
    version: Annotated[int, Bounds(VERSION, VERSION)]
    shape: dict[str, Any]
    observed: Annotated[int, Bounds(1, 1000)]
    source: dict[str, Any]
    files: dict[str, Annotated[str, Bounds(64, 64)]]


def load_converted(folder: Path) -> Converted:
    """What :func:`convert` wrote.

    Raises:
        AssetError: a file is missing or damaged.
    """
    try:
        table = checked(_Manifest, parse_json((folder / MANIFEST).read_bytes()))
        if table.format != FORMAT:
            raise ValueError(f"its format is not {FORMAT}")
        data = (folder / WEIGHTS).read_bytes()
        if hashlib.sha256(data).hexdigest() != table.files[WEIGHTS]:
            raise ValueError(f"{WEIGHTS} is damaged")
        net = PaperGenerator(PaperShape.of(table.shape)).eval()
        net.load_state_dict(load(data))
        return Converted(net, table.observed, str(table.source["sha256"]))
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as e:
        raise AssetError(f"{folder} holds no converted model ({e}); convert it again.") from e


def generator(theirs: Mapping[str, Tensor], shape: PaperShape) -> PaperGenerator:
    """Our network with their weights, by their names."""
    net = PaperGenerator(shape).eval()
    own = net.state_dict()
    net.load_state_dict({our_name(name): x.float().reshape(own[our_name(name)].shape) for name, x in theirs.items()})
    return net


def _settings(path: Path) -> tuple[Settings, dict[str, Any]]:
    """The file's entries that are known, and all of them."""
    readable_file(path, "file of arguments")
    try:
        with path.open("rb") as file:
            given = parse_json(file.read(2**20))
        settings = checked(Settings, given)
        settings.shape()
        return settings, given
    except (Unsound, OSError) as e:
        raise InputError(f"{path} is not the JSON of arguments beside the authors' checkpoint: {e}.") from e


def _weights(content: Checkpoint, shape: PaperShape) -> dict[str, Stored]:
    """The generator's weights in a checkpoint, by their names.

    Raises:
        InputError: there is no generator, or names or shapes are not those of ``shape``; the sentence lists them.
    """
    tree = content.content
    found = tree.get("checkpoints") if isinstance(tree, dict) else None
    if not isinstance(found, dict) or not found or not all(isinstance(name, str) for name in found):
        raise InputError(f"{content.path} has no `checkpoints`: the authors' code saved no generator in it.")
    theirs = {name.removeprefix("module."): value for name, value in found.items()}
    with torch.device("meta"):
        wanted = {name: tuple(x.shape) for name, x in PaperGenerator(shape).state_dict().items()}
    ours = {our_name(name): name for name in theirs}
    missing = [their_name(name) for name in wanted if name not in ours]
    extra = [name for our, name in ours.items() if our not in wanted]
    other = [name for our, name in ours.items() if our in wanted and not _fits(theirs[name], wanted[our])]
    kinds = (("it lacks", missing), ("it has besides", extra), ("of other sizes are", other))
    wrong = "; ".join(f"{what} {_some(names)}" for what, names in kinds if names)
    if wrong:
        raise InputError(f"The weights in {content.path} are not those of the network in the arguments: {wrong}.")
    return theirs


def _fits(value: Any, wanted: tuple[int, ...]) -> bool:
    """Their last layer of a single branch is linear, ours pointwise: the same numbers with one more dimension."""
    return isinstance(value, Stored) and value.size in (wanted, wanted[:-1] if wanted[-1:] == (1,) else wanted)


def our_name(theirs: str) -> str:
    """Our name of one of their weights; a name that is none of theirs stays."""
    for beginning, ours in PLACES:
        if theirs.startswith(beginning):
            rest = theirs[len(beginning) :].split(".")
            return ours + ".".join(PARTS.get(word, word) for word in rest)
    return theirs


def their_name(ours: str) -> str:
    """The name under which the authors' network has one of our weights."""
    place, beginning = next((their, our) for their, our in PLACES if ours.startswith(our))
    back = {our: their for their, our in PARTS.items()} if "transformer" not in beginning else {}
    return place + ".".join(back.get(word, word) for word in ours[len(beginning) :].split("."))


def _some(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(clean(n, 80) for n in names[:SHOWN]) + more


def _ours(folder: Path) -> bool:
    return {p.name for p in folder.iterdir()} <= {MANIFEST, WEIGHTS}
