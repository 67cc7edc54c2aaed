"""What a run asks of the computer around it: no net, nothing in the home folder, packages that can be loaded."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

NO_SOCKETS = Path(__file__).parent / "no_sockets.py"
HOMES = ("HOME", "USERPROFILE", "LOCALAPPDATA", "APPDATA", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")
HOMES += ("XDG_STATE_HOME", "XDG_RUNTIME_DIR", "MPLCONFIGDIR")


def run(*words: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Python in a process of its own, without the variables that a computer under test may have set for silence."""
    env = {k: v for k, v in os.environ.items() if k not in ("ORT_DISABLE_TELEMETRY", "MSSYNC_OFFLINE", "MSSYNC_CACHE")}
    command = [sys.executable, *map(str, words)]
    return subprocess.run(
        command, env=env | environment, capture_output=True, encoding="utf-8", timeout=300, check=False
    )


@pytest.fixture(scope="module")
def done(photo: Path, short_voice: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """What an ``animate`` printed that may open no socket, and the home folder it was given, empty before."""
    folder = tmp_path_factory.mktemp("alone")
    home = folder / "home"
    home.mkdir()
    words = ["animate", photo, short_voice, "-o", folder / "o.mp4", "--takes", "2"]
    done = run(NO_SOCKETS, *words, **dict.fromkeys(HOMES, str(home)), PYTHONDONTWRITEBYTECODE="1")
    assert done.returncode == 0, done
    assert done.stdout.count(" frames, ") == 2
    return done.stdout, home


def test_animate_opens_no_socket(done: tuple[str, Path]) -> None:
    if "native sockets are forbidden" not in done[0]:
        pytest.skip("this system cannot forbid sockets to native code; Python's were forbidden, and none was asked for")


def test_animate_leaves_nothing_in_the_home_folder(done: tuple[str, Path]) -> None:
    assert not list(done[1].rglob("*"))


@pytest.mark.parametrize(
    "code",
    ["import socket; socket.socket()", "import ctypes; ctypes.CDLL(None).socket(2, 1, 0)"],
    ids=["python", "native"],
)
def test_the_prohibition_is_real(code: str) -> None:
    check = "import no_sockets as n, sys; sys.exit(0) if not n.forbid_native_sockets() else None"
    if run("-c", check + "; sys.exit(1)", PYTHONPATH=str(NO_SOCKETS.parent)).returncode == 0:
        pytest.skip("this system cannot forbid sockets to native code")
    assert run("-c", f"{check}; {code}", PYTHONPATH=str(NO_SOCKETS.parent)).returncode < 0


@pytest.mark.parametrize("package", ["ai_edge_litert", "onnxruntime", "av", "cv2", "numpy"])
def test_a_package_without_a_wheel_for_this_computer(
    package: str, photo: Path, short_voice: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "packages" / package
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text(f"raise ImportError('no library of {package}\\nfor this processor')\n")
    path = os.pathsep.join(filter(None, [str(broken.parent), os.environ.get("PYTHONPATH")]))
    done = run("-m", "mssync", "animate", photo, short_voice, "-o", tmp_path / "o.mp4", PYTHONPATH=path)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1, done
    assert f"no library of {package} for this processor" in done.stderr and "Apple silicon" in done.stderr
    assert not (tmp_path / "o.mp4").exists()


def test_cuda_that_is_not_there_is_a_sentence(photo: Path, short_voice: Path, tmp_path: Path) -> None:
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this computer's ONNX Runtime offers CUDA")
    done = run("-m", "mssync", "animate", photo, short_voice, "-o", tmp_path / "o.mp4", "--device", "cuda")
    assert done.returncode == 2 and "--device cpu" in done.stderr and len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "o.mp4").exists()
