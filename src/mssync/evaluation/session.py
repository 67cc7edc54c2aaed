"""A network file run by ONNX Runtime, as the judges of an evaluation use it: on the processor, a few threads, quiet."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from mssync.errors import InputError

THREADS: Final = 2


def onnx_session(path: Path) -> Any:
    """An ``onnxruntime.InferenceSession``.

    Raises:
        InputError: the file is no ONNX network.
    """
    import onnxruntime as ort

    ort.disable_telemetry_events()  # nothing leaves this computer
    options = ort.SessionOptions()
    options.intra_op_num_threads = THREADS
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # waiting must not eat a core
    options.log_severity_level = 3
    try:
        return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as e:  # onnxruntime raises its own, undocumented types
        raise InputError(f"{path} cannot be loaded as an ONNX network; give a file that ends in .onnx.") from e
