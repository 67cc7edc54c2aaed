"""ONNX Runtime, in its one home: every network file of ours that it runs is opened here.

ONNX Runtime reports on its use to its maker unless it is told otherwise *before* it is loaded: it writes a device
number and a small database under the user's cache folder and looks up a host. Nothing of that may happen here, so
this is the only module that imports it (``tests/test_project.py``). A program that imports ONNX Runtime itself,
before mssync, has to set ``ORT_DISABLE_TELEMETRY=1`` itself.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final, Literal, get_args

from mssync.errors import AssetError, InputError, PlatformError

THREADS: Final = 2  # of a large network that judges pictures; the generator's own are too small to share
Device = Literal["cpu", "cuda", "auto"]
ERRORS_ONLY: Final = 3  # ONNX Runtime's scale of severity: 2 warnings, 3 errors


def runtime() -> Any:
    """The module ``onnxruntime``, silent towards the net and the disk.

    Raises:
        PlatformError: it cannot be loaded on this computer.
    """
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # read once, while the library is loaded
    try:
        import onnxruntime
    except ImportError as error:
        raise PlatformError.of(error) from error

    onnxruntime.disable_telemetry_events()
    return onnxruntime


def open_session(
    path: Path,
    *,
    data: bytes | None = None,
    device: str = "cpu",
    threads: int = 1,
    severity: int = ERRORS_ONLY,
) -> Any:
    """A network file, ready to run.

    Args:
        path: an ONNX file.
        data: its bytes, where they were read (and checked) already; the file is not read again then.
        device: ``cpu``, ``cuda``, or ``auto`` (CUDA where it is offered, else the processor).
        threads: for one operation; 1 makes results independent of the number of cores.
        severity: the least severity that ONNX Runtime prints.
    Returns:
        an ``onnxruntime.InferenceSession``.
    Raises:
        InputError: this computer has no such device.
        AssetError: the file is missing or no network.
    """
    ort = runtime()
    providers = _providers(device, ort.get_available_providers())
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # waiting must not eat a core
    options.log_severity_level = severity
    try:
        session = ort.InferenceSession(str(path) if data is None else data, options, providers=providers)
    except Exception as e:  # onnxruntime raises its own, undocumented types
        raise AssetError(
            f"{path} cannot be loaded as an ONNX network; give another file, or fetch or install it again."
        ) from e
    if device == "cuda" and providers[0] not in session.get_providers():  # its driver or libraries are missing
        raise InputError("The device 'cuda' cannot be used here: CUDA does not start; use --device cpu.")
    return session


def _providers(device: str, offered: list[str]) -> list[str]:
    """ONNX Runtime's names for a device, the first choice first."""
    if device not in get_args(Device):
        raise InputError(f"There is no device {device!r}; use --device cpu, cuda or auto.")
    cuda = "CUDAExecutionProvider" in offered
    if device == "cuda" and not cuda:
        raise InputError("The device 'cuda' cannot be used here: ONNX Runtime offers no CUDA; use --device cpu.")
    return ["CUDAExecutionProvider", "CPUExecutionProvider"] if cuda and device != "cpu" else ["CPUExecutionProvider"]
