"""Checkpoints without pickle: safetensors beside a JSON state, written aside and renamed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn


def save_checkpoint(folder: Path, name: str, tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
    """Write ``<name>.safetensors``, then ``<name>.json``: the JSON tells that both are whole."""
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{name}.safetensors.part"
    save_file({k: v.detach().cpu().contiguous() for k, v in tensors.items()}, part)
    part.replace(folder / f"{name}.safetensors")
    part = folder / f"{name}.json.part"
    part.write_text(json.dumps(state, indent=1), "utf-8")
    part.replace(folder / f"{name}.json")


def load_checkpoint(folder: Path, name: str) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """Tensors and state, or None when there is no checkpoint yet."""
    path = folder / f"{name}.json"
    if not path.exists():
        return None
    return load_file(folder / f"{name}.safetensors"), json.loads(path.read_text("utf-8"))


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
