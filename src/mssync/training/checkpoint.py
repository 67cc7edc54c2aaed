"""Checkpoints without pickle: safetensors beside a JSON state, written aside and renamed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save
from torch import Tensor, nn

from mssync.errors import InputError
from mssync.files import make_folder, replacing

Net = TypeVar("Net", bound=nn.Module)

MAX_JSON: Final = 16 * 2**20
MAX_TENSORS: Final = 4 * 2**30
LARGEST: Final = 4096  # of any size of a net
_STATE: Final = "state"  # the name of the state among the facts of the tensors
ANEW: Final = "train in another folder, or delete this run and begin anew."


def save_tensors(
    path: Path, tensors: Mapping[str, Tensor], facts: dict[str, str] | None = None, *, force: bool = True
) -> None:
    """Write tensors, aside first, then renamed; what was there before is replaced, unless ``force`` is false.

    Raises:
        OutputError: they cannot be written.
    """
    with replacing(path, force=force) as part:
        # Not save_file: it tells of a full disk in words of its own.
        part.write_bytes(save({k: v.detach().cpu().contiguous() for k, v in tensors.items()}, facts))


def load_tensors(path: Path) -> dict[str, Tensor]:
    """Read one safetensors file.

    Raises:
        InputError: it is missing or damaged.
    """
    try:
        if not path.is_file() or path.stat().st_size > MAX_TENSORS:
            raise ValueError("no file of a size that weights have")
        return load_file(path)
    except Exception as e:  # safetensors raises its own types on damaged bytes
        raise InputError(f"The weights {path} are missing or damaged; {ANEW}") from e


def save_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write one JSON file.

    Raises:
        OutputError: it cannot be written.
    """
    with replacing(path, force=True) as part:
        part.write_text(json.dumps(content, indent=1) + "\n", "utf-8")


def load_json(path: Path) -> dict[str, Any]:
    """Read one JSON file that holds an object.

    Raises:
        InputError: it is missing or damaged.
    """
    try:
        with path.open("rb") as file:
            return _object(file.read(MAX_JSON + 1), path)
    except OSError as e:
        raise InputError(f"{path} is missing or closed to us; {ANEW}") from e


def _object(text: str | bytes, path: Path) -> dict[str, Any]:
    try:
        found = json.loads(text) if len(text) <= MAX_JSON else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise InputError(f"{path} is damaged; {ANEW}")
    return found


def save_checkpoint(folder: Path, name: str, tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
    """Write ``<name>.safetensors``, then ``<name>.json`` for people.

    The tensors carry the state with them: a run that was killed between the two goes on with what belongs together.

    Raises:
        OutputError: they cannot be written.
    """
    make_folder(folder)
    save_tensors(folder / f"{name}.safetensors", tensors, {_STATE: json.dumps(state, indent=1)})
    save_json(folder / f"{name}.json", state)


def load_checkpoint(folder: Path, name: str) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """Tensors and state, or None when there is no checkpoint yet.

    Raises:
        InputError: a file is missing or damaged.
    """
    path, weights = folder / f"{name}.json", folder / f"{name}.safetensors"
    if not path.exists():
        return None
    tensors = load_tensors(weights)
    with safe_open(weights, "pt") as file:
        text = (file.metadata() or {}).get(_STATE)
    return tensors, load_json(path) if text is None else _object(text, weights)


def sha256(path: Path) -> str:
    """Of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sizes(values: Any) -> dict[str, int]:
    """Sizes of a net from a file.

    Raises:
        TypeError, ValueError: they are none, or beyond what a recipe may ask for.
    """
    if not all(type(v) is int and 0 <= v <= LARGEST for v in values.values()):
        raise ValueError("no sizes of a net")
    return dict(values)


@contextmanager
def foreign(what: Path) -> Iterator[None]:
    """Around the taking over of a file's content: what does not fit is a sentence.

    Raises:
        InputError: instead of whatever Python or PyTorch say of content of another kind.
    """
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, RuntimeError, OverflowError) as e:
        raise InputError(f"{what} is not what this recipe's training left there; {ANEW}") from e


def load_weights(net: nn.Module, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Put the tensors of a file into a net.

    Raises:
        InputError: they are another net's, or not finite.
    """
    with foreign(path):
        net.load_state_dict(dict(tensors))
    if not all(bool(torch.isfinite(x).all()) for x in tensors.values() if x.is_floating_point()):
        raise InputError(f"The weights {path} hold numbers that are not finite; {ANEW}")


def filled(make: Callable[[], Net], tensors: Mapping[str, Tensor], path: Path) -> Net:
    """A net for use, with a file's weights.

    Args:
        make: the net in the sizes that the file tells.
        tensors, path: the weights, and the file that the sentences name.
    Raises:
        InputError: the sizes are none, or the weights are another net's.
    """
    with foreign(path):
        # A net without memory first: the sizes in a file may be anything.
        with torch.device("meta"):
            want = {name: x.shape for name, x in make().state_dict().items()}
        if want != {name: x.shape for name, x in tensors.items()}:
            raise ValueError("weights of another shape")
        net = make().eval()
    load_weights(net, tensors, path)
    return net


def part_of(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors whose names begin with ``prefix.``, without it."""
    return {k[len(prefix) + 1 :]: v for k, v in tensors.items() if k.startswith(prefix + ".")}


def adam_tensors(optimizer: torch.optim.Optimizer, prefix: str) -> dict[str, Tensor]:
    """An Adam's moments and step counts by name."""
    out: dict[str, Tensor] = {}
    for i, s in optimizer.state_dict()["state"].items():
        out |= {f"{prefix}.{i}.{k}": torch.as_tensor(v) for k, v in s.items()}
    return out


def restore_adam(optimizer: torch.optim.Optimizer, net: nn.Module, tensors: dict[str, Tensor], prefix: str) -> None:
    """Put back what :func:`adam_tensors` gave."""
    mine = part_of(tensors, prefix)
    state = optimizer.state_dict()
    keys = ("step", "exp_avg", "exp_avg_sq")
    state["state"] = {}
    for i, weight in enumerate(net.parameters()):
        if f"{i}.step" not in mine:
            continue
        found = state["state"][i] = {k: mine[f"{i}.{k}"] for k in keys}
        if found["exp_avg"].shape != weight.shape or found["exp_avg_sq"].shape != weight.shape:
            raise ValueError("moments of another net")
    optimizer.load_state_dict(state)
