"""Checkpoints without pickle: safetensors beside a JSON state, each written aside and renamed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from mssync.files import make_folder, replacing

_STATE: Final = "state"  # the name of the state among the facts of the tensors


def save_checkpoint(folder: Path, name: str, tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
    """Write ``<name>.safetensors``, then ``<name>.json`` for people and for the export.

    The tensors carry the state with them: a run that was killed between the two goes on with what belongs together.

    Raises:
        OutputError: they cannot be written.
    """
    make_folder(folder)
    text = json.dumps(state, indent=1)
    save_tensors(folder / f"{name}.safetensors", tensors, {_STATE: text})
    with replacing(folder / f"{name}.json", force=True) as part:
        part.write_text(text, "utf-8")


def save_tensors(path: Path, tensors: Mapping[str, Tensor], facts: dict[str, str] | None = None) -> None:
    """Write tensors, aside first, then renamed; what was there before is replaced.

    Raises:
        OutputError: they cannot be written.
    """
    with replacing(path, force=True) as part:
        save_file({k: v.detach().cpu().contiguous() for k, v in tensors.items()}, part, facts)


def load_checkpoint(folder: Path, name: str) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """Tensors and state, or None when there is no checkpoint yet."""
    path, tensors = folder / f"{name}.json", folder / f"{name}.safetensors"
    if not path.exists():
        return None
    with safe_open(tensors, "pt") as file:
        text = (file.metadata() or {}).get(_STATE)
    return load_file(tensors), json.loads(text or path.read_text("utf-8"))


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
    state["state"] = {
        i: {k: mine[f"{i}.{k}"] for k in keys} for i in range(len(list(net.parameters()))) if f"{i}.step" in mine
    }
    optimizer.load_state_dict(state)
