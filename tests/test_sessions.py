"""ONNX Runtime in its one home: silent, and clear about what it cannot do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import mssync
from mssync.errors import AssetError, InputError
from mssync.sessions import open_session

STEP = next((Path(mssync.__file__).parent / "weights").rglob("step.onnx"))


def test_opening_a_network_leaves_nothing_in_the_home(tmp_path: Path) -> None:
    """Without the silence, ONNX Runtime keeps a device number and a database there."""
    homes = ("HOME", "USERPROFILE", "LOCALAPPDATA", "APPDATA", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")
    env = {k: v for k, v in os.environ.items() if k != "ORT_DISABLE_TELEMETRY"}
    env |= {name: str(tmp_path) for name in homes} | {"PYTHONDONTWRITEBYTECODE": "1"}
    code = f"from pathlib import Path; from mssync.sessions import open_session; open_session(Path({str(STEP)!r}))"
    subprocess.run([sys.executable, "-c", code], env=env, check=True, timeout=120)
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_no_network_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.onnx").write_bytes(STEP.read_bytes()[:1000])
    for name in ("broken.onnx", "absent.onnx"):
        with pytest.raises(AssetError, match=name):
            open_session(tmp_path / name)


def test_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    assert open_session(STEP).get_providers() == ["CPUExecutionProvider"]
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: ["CPUExecutionProvider"])
    assert open_session(STEP, device="auto").get_providers() == ["CPUExecutionProvider"]
    with pytest.raises(InputError, match="no CUDA"):
        open_session(STEP, device="cuda")
    with pytest.raises(InputError, match="--device cpu, cuda or auto"):
        open_session(STEP, device="gpu")


def test_cuda_that_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """The package offers CUDA, the computer has none: ONNX Runtime itself then takes the processor without a word."""
    import onnxruntime as ort

    real = ort.InferenceSession
    monkeypatch.setattr(ort, "get_available_providers", lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"])
    monkeypatch.setattr(ort, "InferenceSession", lambda path, options, providers: real(path, options, providers[-1:]))
    with pytest.raises(InputError, match="does not start"):
        open_session(STEP, device="cuda")
    assert open_session(STEP, device="auto").get_providers() == ["CPUExecutionProvider"]
