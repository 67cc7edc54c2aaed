"""Checkpoints: whatever interrupts the writing, what is read belongs together."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mssync.errors import OutputError
from mssync.training import checkpoint
from mssync.training.checkpoint import load_checkpoint, save_checkpoint


def test_what_is_saved_comes_back(tmp_path: Path) -> None:
    assert load_checkpoint(tmp_path / "run", "state") is None
    save_checkpoint(tmp_path / "run", "state", {"w": torch.ones(3)}, {"step": 7})
    tensors, state = load_checkpoint(tmp_path / "run", "state") or ({}, {})
    assert torch.equal(tensors["w"], torch.ones(3)) and state == {"step": 7}
    assert sorted(p.name for p in (tmp_path / "run").iterdir()) == ["state.json", "state.safetensors"]


def test_a_run_killed_between_the_two_files_goes_on_with_one_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_checkpoint(tmp_path, "state", {"w": torch.zeros(3)}, {"step": 1})
    kept = checkpoint.replacing

    def stop(path: Path, *, force: bool) -> object:
        if path.suffix == ".json":
            raise KeyboardInterrupt
        return kept(path, force=force)

    monkeypatch.setattr(checkpoint, "replacing", stop)
    with pytest.raises(KeyboardInterrupt):
        save_checkpoint(tmp_path, "state", {"w": torch.ones(3)}, {"step": 2})
    tensors, state = load_checkpoint(tmp_path, "state") or ({}, {})
    assert torch.equal(tensors["w"], torch.ones(3)) and state == {"step": 2}


def test_a_checkpoint_that_cannot_be_written_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    save_checkpoint(tmp_path, "state", {"w": torch.zeros(3)}, {"step": 1})
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OutputError, match="disk is full"):
        save_checkpoint(tmp_path, "state", {"w": torch.ones(3)}, {"step": 2})
    assert (load_checkpoint(tmp_path, "state") or ({}, {}))[1] == {"step": 1}
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="is a file"):
        save_checkpoint(tmp_path / "file", "state", {}, {})
