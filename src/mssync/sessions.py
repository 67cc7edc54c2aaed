"""ONNX Runtime, in its one home: every network file of ours that it runs is opened here.

ONNX Runtime reports on its use to its maker unless it is told otherwise *before* it is loaded: it writes a device
number and a small database under the user's cache folder and looks up a host. Nothing of that may happen here, so
this is the only module that imports it (``tests/test_project.py``). A program that imports ONNX Runtime itself,
before mssync, has to set ``ORT_DISABLE_TELEMETRY=1`` itself.

A network file may come from anybody. It is looked through before it is opened (:mod:`mssync.onnx_graph`), and all
networks of a process together get one gigabyte to work in.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal, get_args

import numpy as np

from mssync.arrays import Array
from mssync.errors import AssetError, InputError, PlatformError
from mssync.onnx_graph import MAX_BYTES, Refused, check_foreign, check_own

THREADS: Final = 2  # of a large network that judges pictures; the generator's own are too small to share
Device = Literal["cpu", "cuda", "auto"]
Origin = Literal["ours", "user", "asset"]
MEMORY: Final = 2**30  # bytes that all networks of the process may take
FOLDED: Final = 2**26  # bytes of a result that does not depend on the input, and is worked out while a file is opened
PATIENCE: Final = 20.0  # seconds that a network may take for its first, small input
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


@cache
def _bounded_memory() -> bool:
    """Whether the networks' memory is bounded: one arena for the whole process, made once."""
    ort = runtime()
    with suppress(Exception):  # a runtime without it works, only unbounded
        place = ort.OrtMemoryInfo("Cpu", ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT)
        # The last three: as large a step as asked for, first step and waste as ONNX Runtime likes.
        ort.create_and_register_allocator(place, ort.OrtArenaCfg(MEMORY, 1, -1, -1))
        return True
    return False


def open_session(
    path: Path,
    *,
    data: bytes | None = None,
    device: str = "cpu",
    threads: int = 1,
    severity: int = ERRORS_ONLY,
    origin: Origin = "ours",
) -> Any:
    """A network file, ready to run.

    Args:
        path: an ONNX file.
        data: its bytes, where they were read (and checked) already; the file is not read again then.
        device: ``cpu``, ``cuda``, or ``auto`` (CUDA where it is offered, else the processor).
        threads: for one operation; 1 makes results independent of the number of cores.
        severity: the least severity that ONNX Runtime prints.
        origin: ``ours``, a network like those that mssync trains, by whomever; ``user``, any network of layers that a
            user brings; ``asset``, one whose bytes are known by their hash, which is run as it is.
    Returns:
        an ``onnxruntime.InferenceSession``.
    Raises:
        InputError: this computer has no such device.
        AssetError: the file is missing, no network, or one that could run without end or bounds.
    """
    ort = runtime()
    providers = _providers(device, ort.get_available_providers())
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # waiting must not eat a core
    options.add_session_config_entry("optimization.constant_folding_max_output_size_in_bytes", str(FOLDED))
    if _bounded_memory():
        options.add_session_config_entry("session.use_env_allocators", "1")
    options.log_severity_level = severity
    try:
        graph = _bytes(path) if data is None else data
        if origin == "ours":
            check_own(graph)
        elif origin == "user":
            check_foreign(graph)
        session = ort.InferenceSession(graph, options, providers=providers)
    except Refused as e:
        raise AssetError(f"{path} is refused as a network: {e}; give another file, or export it again.") from e
    except Exception as e:  # onnxruntime raises its own, undocumented types
        raise AssetError(
            f"{path} cannot be loaded as an ONNX network; give another file, or fetch or install it again."
        ) from e
    if device == "cuda" and providers[0] not in session.get_providers():  # its driver or libraries are missing
        raise InputError("The device 'cuda' cannot be used here: CUDA does not start; use --device cpu.")
    return session


class Network:
    """An open network of ours with known inputs and outputs; whatever goes wrong in it is a sentence that names it.

    Args:
        path: its file, for the sentences.
        session: what :func:`open_session` returned.
        inputs, outputs: shapes by name; None where any number will do.
    Raises:
        AssetError: it takes or gives something else.
    """

    def __init__(
        self,
        path: Path,
        session: Any,
        inputs: Mapping[str, tuple[int | None, ...]],
        outputs: Mapping[str, tuple[int | None, ...]],
    ) -> None:
        self._path, self._session, self._outputs = path, session, outputs
        takes = {i.name: i for i in session.get_inputs()}
        gives = [o.name for o in session.get_outputs()]
        fits = takes.keys() == inputs.keys() and gives == list(outputs)
        if not fits or not all(_fits(takes[n], shape) for n, shape in inputs.items()):
            raise AssetError(f"{path} is a network with other inputs or outputs; export the model again.")

    def run(self, feeds: Mapping[str, Array], *, patience: float | None = None) -> list[Any]:
        """The outputs in their order.

        Args:
            feeds: inputs by name.
            patience: seconds after which it is stopped; None waits as long as it takes.
        Raises:
            AssetError: it fails, takes too long, or gives other shapes or numbers that are not finite.
        """
        try:
            made = self._session.run(None, dict(feeds)) if patience is None else self._watched(feeds, patience)
        except Exception as e:  # onnxruntime raises its own, undocumented types
            raise AssetError(f"The network {self._path} fails on its input; export the model again.") from e
        if not all(_sound(values, shape) for values, shape in zip(made, self._outputs.values(), strict=True)):
            raise AssetError(f"The network {self._path} gives no numbers of its kind; export the model again.")
        return list(made)

    def _watched(self, feeds: Mapping[str, Array], patience: float) -> Any:
        options = runtime().RunOptions()
        timer = threading.Timer(patience, lambda: setattr(options, "terminate", True))
        timer.daemon = True
        timer.start()
        try:
            return self._session.run(None, dict(feeds), options)
        finally:
            timer.cancel()


def _fits(has: Any, want: tuple[int | None, ...]) -> bool:
    """Whether an input takes a shape; what the file leaves open is a name or None."""
    shape = has.shape or []
    return (
        has.type == "tensor(float)"
        and len(shape) == len(want)
        and all(w is None or not isinstance(n, int) or n == w for n, w in zip(shape, want, strict=True))
    )


def _sound(values: Any, want: tuple[int | None, ...]) -> bool:
    """Whether an output has the shape and finite numbers."""
    return (
        isinstance(values, np.ndarray)
        and values.dtype == np.float32
        and values.ndim == len(want)
        and all(w in (None, n) for n, w in zip(values.shape, want, strict=True))
        and bool(np.isfinite(values).all())
    )


def _bytes(path: Path) -> bytes:
    if not path.is_file():
        raise FileNotFoundError(path)
    if path.stat().st_size > MAX_BYTES:
        raise Refused("it is larger than 2 GB")
    return path.read_bytes()


def _providers(device: str, offered: list[str]) -> list[str]:
    """ONNX Runtime's names for a device, the first choice first."""
    if device not in get_args(Device):
        raise InputError(f"There is no device {device!r}; use --device cpu, cuda or auto.")
    cuda = "CUDAExecutionProvider" in offered
    if device == "cuda" and not cuda:
        raise InputError("The device 'cuda' cannot be used here: ONNX Runtime offers no CUDA; use --device cpu.")
    return ["CUDAExecutionProvider", "CPUExecutionProvider"] if cuda and device != "cpu" else ["CPUExecutionProvider"]
