"""The project's own rules: who imports whom, what the runtime may need, what may not be written at all."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import av
import pytest
import yaml

import mssync

ROOT = Path(__file__).resolve().parent.parent
SRC = ROOT / "src" / "mssync"
FILES = sorted(SRC.rglob("*.py"))

# Room -> rooms it may import (its own always). docs/architecture.md explains the order.
ANYWHERE = {"arrays", "texts", "timing"}  # any room may use them
BASE = {"errors", "assets", "files", "schema"} | ANYWHERE
BELOW_VOICE = BASE | {"manifest", "media", "face", "sessions", "speech", "motion", "render", "models"}
RUNTIME_ROOMS = BELOW_VOICE - BASE | {"lists", "voice", "inputs", "animation", "pipeline", "processes", "batch"}
BELOW_PIPELINE = BELOW_VOICE | {"lists", "voice", "inputs", "animation"}
ALLOWED: dict[str, set[str]] = {
    "errors": set(),
    "files": {"errors"},
    "lists": {"errors", "files"},
    "texts": set(),
    "timing": set(),
    "downloads": {"errors"},
    "assets": {"downloads", "errors", "files"},
    "arrays": set(),
    "schema": set(),
    "onnx_graph": set(),
    "sessions": {"errors", "onnx_graph"},
    "manifest": {"schema", "texts"},
    "models": BASE | {"manifest"},
    "media": BASE,
    "face": BASE,
    "speech": BASE | {"sessions"},
    "motion": BASE | {"face", "sessions", "speech"},
    "render": BASE | {"face", "motion"},
    "voice": BASE | {"media", "motion", "speech"},
    "inputs": BASE | {"media", "face", "motion", "voice"},
    "animation": BELOW_VOICE - {"speech"} | {"voice", "inputs"},
    "pipeline": BELOW_PIPELINE,
    "processes": set(),
    "batch": BELOW_PIPELINE | {"pipeline", "processes"},
    "__init__": BELOW_PIPELINE | {"pipeline"},
    "nets": set(),
    "training": BELOW_PIPELINE | {"nets", "processes"},
    "convert": BASE | {"nets"},
    "evaluation": BELOW_PIPELINE | {"pipeline", "processes"},
    "cli": BELOW_PIPELINE | {"pipeline", "batch", "training", "evaluation", "convert"},
    "__main__": {"cli"},
}
RUNTIME = BASE | RUNTIME_ROOMS | {"downloads", "__init__", "__main__", "cli"}
RUNTIME_PACKAGES = {
    "ai_edge_litert",
    "av",
    "cv2",
    "matplotlib",
    "numpy",
    "onnxruntime",
    "PIL",
    "platformdirs",
    "rich",
    "soxr",
    "typer",
}
NOT_ON_WINDOWS = {"fcntl", "grp", "posix", "pty", "pwd", "resource", "termios"}
UNSAFE_MODULES = {"pickle", "cPickle", "dill", "joblib", "marshal", "shelve"}
UNSAFE_CALLS = {"eval", "exec", "os.system", "os.popen", "os.startfile", "pickle.load", "torch.hub.load"}


def room(path: Path) -> str:
    """Top-level folder or module that a source file belongs to."""
    return path.relative_to(SRC).with_suffix("").parts[0]


def imported(path: Path) -> Iterator[str]:
    """Absolute dotted names of everything the file imports, at any depth of nesting."""
    package = ["mssync", *path.relative_to(SRC).parts[:-1]]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            stem = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            base = ".".join(part for part in (stem, node.module) if part)
            # `from mssync import media` names a room only in its list of names.
            yield from (f"{base}.{alias.name}" if base == "mssync" else base for alias in node.names)


def rooms_imported(path: Path) -> set[str]:
    known = {p.stem if p.is_file() else p.name for p in SRC.iterdir()}
    parts = [name.split(".") for name in imported(path)]
    return {p[1] if len(p) > 1 and p[1] in known else "__init__" for p in parts if p[0] == "mssync"}


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(SRC).as_posix())
def test_a_room_imports_only_the_rooms_below_it(path: Path) -> None:
    here = room(path)
    assert here in ALLOWED, f"say in ALLOWED and in docs/architecture.md what {here} may import"
    # `from mssync import __version__` is a constant of the package, not a room.
    wrong = rooms_imported(path) - ALLOWED[here] - {here, "__init__"} - (ANYWHERE if here not in ANYWHERE else set())
    assert not wrong, f"{path.relative_to(ROOT)} may not import {sorted(wrong)}"


# Folder inside a room -> what of its own room it may import beside itself.
INSIDE = {
    "evaluation/scores": {"footage", "frames"},
    "evaluation/results": {"scores"},
    "evaluation/report": {"results"},
    "evaluation/run": {"footage", "frames", "scores", "results"},
    "training/data": set(),
}


@pytest.mark.parametrize("folder", INSIDE)
def test_inside_a_room_no_arrow_points_upwards_either(folder: str) -> None:
    outer, inner = folder.split("/")
    files = list((SRC / folder).glob("*.py"))
    assert len(files) > 1
    for path in files:
        parts = [name.split(".") for name in imported(path)]
        used = {p[2] for p in parts if p[:2] == ["mssync", outer] and len(p) > 2}
        assert used <= INSIDE[folder] | {inner}, f"{path.relative_to(ROOT)} may not import {sorted(used)}"


def test_the_table_names_rooms_that_exist() -> None:
    assert set(ALLOWED) == {room(path) for path in FILES}
    assert set().union(*ALLOWED.values()) <= set(ALLOWED)


def test_the_page_on_the_rooms_names_each_of_them() -> None:
    table = (ROOT / "docs" / "architecture.md").read_text("utf-8").split("## Rooms")[1].split("## ")[0]
    missing = [name for name in ALLOWED if not name.startswith("__") and f"`{name}`" not in table]
    missing += [f for f in INSIDE if f"`{f.split('/')[1]}`" not in table]
    assert not missing


def test_the_clock_and_the_names_of_arrays_stand_once() -> None:
    """Nobody but :mod:`mssync.timing` says how long a frame is, nobody but :mod:`mssync.arrays` names an array type."""
    clock = {node.target.id for node in ast.parse((SRC / "timing.py").read_text("utf-8")).body
             if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)}  # fmt: skip
    assert {"FPS", "SAMPLE_RATE", "STEPS_PER_FRAME", "CONTEXT_FRAMES"} <= clock
    for path in FILES:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
                continue
            names = {ast.unparse(t) for t in (node.targets if isinstance(node, ast.Assign) else [node.target])}
            place = f"{path.relative_to(SRC)}, line {node.lineno}"
            assert path.name == "timing.py" or not names & (clock | {"SPEECH_RATE", "FRAME_RATE"}), place
            plain = r"(npt\.)?NDArray\[np\.(float32|float64|bool_|uint8)\]"
            assert path.name == "arrays.py" or not re.fullmatch(plain, ast.unparse(node.value)), place


def test_onnx_runtime_is_imported_in_one_place_only() -> None:
    """It reports to its maker unless it is silenced before it is loaded, so one module loads it."""
    homes = {p.relative_to(SRC).as_posix() for p in FILES if any(n.split(".")[0] == "onnxruntime" for n in imported(p))}
    assert homes == {"sessions.py"}


# The cache of model files, with a folder of its own for what is on its way; a voice in the system's temporary folder;
# the null device.
WRITE_ELSEWHERE = {"assets.py", "downloads.py", "voice.py", "cli/console.py"}


def test_outputs_are_written_through_one_home() -> None:
    """What is written is called ``part``: it came from :mod:`mssync.files`, which gives it its name in the end."""
    for path in FILES:
        name = path.relative_to(SRC).as_posix()
        if room(path) == "files" or name in WRITE_ELSEWHERE:
            continue
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"""\.part["']|\bos\.(replace|rename)\(""", text), (
            f"{name} has a temporary name of its own"
        )
        for node in ast.walk(ast.parse(text)):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            modes = [a.value for a in node.args[:1] if isinstance(a, ast.Constant) and isinstance(a.value, str)]
            writes = node.func.attr in ("write_text", "write_bytes") or (
                node.func.attr == "open" and any(re.fullmatch(r"[wax]b?", mode) for mode in modes)
            )
            assert not writes or ast.unparse(node.func.value) == "part", f"{name}, line {node.lineno}"


def test_nets_know_nothing_but_the_clock() -> None:
    for path in FILES:
        if room(path) == "nets":
            names = {n for n in imported(path) if n.startswith("mssync") and not n.startswith("mssync.nets")}
            assert names <= {"mssync.arrays", "mssync.timing"}, path


def test_the_runtime_needs_only_its_own_dependencies() -> None:
    standard = sys.stdlib_module_names | {"mssync"}
    for path in FILES:
        if room(path) not in RUNTIME:
            continue
        others = {name.split(".")[0] for name in imported(path)} - standard
        assert others <= RUNTIME_PACKAGES, f"{path.relative_to(ROOT)}: {sorted(others - RUNTIME_PACKAGES)}"


def test_the_runtime_is_not_tied_to_one_operating_system() -> None:
    for path in FILES:
        # The locks are the exception: that module asks which system it is on before it imports anything.
        if room(path) in RUNTIME and path != SRC / "files" / "locks.py":
            assert not NOT_ON_WINDOWS & {name.split(".")[0] for name in imported(path)}, path


def test_importing_the_whole_runtime_loads_no_training_package() -> None:
    names = [
        ".".join(["mssync", *path.relative_to(SRC).with_suffix("").parts]).removesuffix(".__init__")
        for path in FILES
        if room(path) in RUNTIME - {"__main__"}
    ]
    code = (
        f"import sys, importlib\nfor name in {names!r}: importlib.import_module(name)\n"
        "print(sorted({'torch', 'scipy', 'skimage', 'tensorboard'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(SRC).as_posix())
def test_no_unsafe_construct_and_no_huge_file(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 400, "a file that needs more concepts than one is two files"
    assert not UNSAFE_MODULES & {name.split(".")[0] for name in imported(path)}
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        options = {k.arg: k.value.value for k in node.keywords if isinstance(k.value, ast.Constant)}
        assert name not in UNSAFE_CALLS, f"line {node.lineno}: {name}"
        assert options.get("shell") is not True, f"line {node.lineno}: a shell"
        assert options.get("allow_pickle") is not True, f"line {node.lineno}: pickle"
        if name == "torch.load":
            assert options.get("weights_only") is True, f"line {node.lineno}: torch.load runs code"


def test_the_import_walk_sees_every_form_of_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "SRC", tmp_path)
    (tmp_path / "render").mkdir()
    for name in ("cli.py", "media.py", "pipeline.py"):
        (tmp_path / name).touch()
    path = tmp_path / "render" / "x.py"
    path.write_text(
        "from mssync import cli\nfrom ..media import image\n"
        "def f():\n    import mssync.pipeline\n    from . import y\n    import torch.nn\n"
    )
    assert rooms_imported(path) == {"cli", "media", "pipeline", "render"}
    assert "torch.nn" in set(imported(path))


def requirement_names(requirements: list[str]) -> set[str]:
    return {re.split(r"[\s\[<>=;!~]", r, maxsplit=1)[0].lower().replace("_", "-") for r in requirements}


def test_every_dependency_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = (ROOT / "constraints" / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert all("==" in pin for pin in pins)
    extras = project["optional-dependencies"]
    needed = requirement_names(project["dependencies"] + extras["train"] + extras["eval"] + extras["dev"]) - {"mssync"}
    assert needed <= requirement_names(pins)
    torch = re.search(r"^TORCH = (.+)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert torch is not None and f"torch=={torch[1]}" in pins
    assert {"torch", "scipy", "scikit-image"}.isdisjoint(requirement_names(project["dependencies"]))


def test_one_version_everywhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert project["version"] == mssync.__version__
    assert f"\nversion: {mssync.__version__}\n" in citation
    assert f"## {mssync.__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_demo_voice() -> None:
    path = SRC / "data" / "demo.flac"
    assert path.stat().st_size <= 500_000
    with av.open(str(path)) as sound:
        stream = sound.streams.audio[0]
        samples = sum(frame.samples for frame in sound.decode(stream))
        assert stream.codec_context.layout.nb_channels == 1
        assert 9 <= samples / stream.rate <= 11


# What a Linux wheel may expect of the computer: the C and C++ run-time libraries and zlib, nothing graphical.
SYSTEM_LIBRARIES = re.compile(r"(linux-vdso|ld-linux.*|lib(c|m|dl|pthread|rt|mvec|util|gcc_s|stdc\+\+|z))\.so(\.\d+)*")
# Plug-ins inside ai-edge-litert for special processors look for their vendor's libraries. Nothing loads the
# plug-ins unless a program asks for such a processor; ours asks for the CPU.
PLUGIN_LIBRARIES = re.compile(r"lib(openvino|Qnn)\w*\.so(\.\d+)*")
NATIVE_PACKAGES = (
    "ai-edge-litert",
    "av",
    "contourpy",
    "kiwisolver",
    "matplotlib",
    "numpy",
    "onnxruntime",
    "opencv-python-headless",
    "pillow",
    "soxr",
)


@pytest.mark.skipif(not sys.platform.startswith("linux") or shutil.which("ldd") is None, reason="needs ldd")
def test_no_native_library_of_the_runtime_needs_a_system_library() -> None:
    """No shared object of the runtime's packages asks the computer for libGL, libEGL, libX11 or FFmpeg.

    ``ldd`` is asked about every shared object that the installed packages own. A library that is a file of an
    installed package is the package's own (wheels carry copies, mostly in ``*.libs``: PyAV has a libxcb so)
    and is fine: nothing has to be installed. Everything else must be in ``SYSTEM_LIBRARIES``. The check
    sees what the loader would do at import. A library opened by name later (dlopen) is beyond it.
    """
    version = subprocess.run(["ldd", "--version"], capture_output=True, text=True, check=False).stdout
    if "GLIBC" not in version and "GNU libc" not in version:
        pytest.skip("not a glibc system")
    owned: list[Path] = []
    for package in NATIVE_PACKAGES:
        files = metadata.files(package) or []
        owned += [Path(str(f.locate())) for f in files if re.search(r"\.so(\.\w+)*$", f.name)]
    assert len(owned) > 50, "the packages' shared objects were not found"
    done = subprocess.run(["ldd", *map(str, owned)], capture_output=True, text=True, check=False)
    own_names = {path.name for path in owned}
    foreign: dict[str, set[str]] = {}
    asking = ""
    for line in done.stdout.splitlines():
        if not line.startswith("\t"):
            asking = Path(line.rstrip(":")).name
            continue
        if line.strip() == "statically linked":
            continue
        needed = Path(line.split()[0]).name
        if needed in own_names or SYSTEM_LIBRARIES.fullmatch(needed) or PLUGIN_LIBRARIES.fullmatch(needed):
            continue
        foreign.setdefault(needed, set()).add(asking)
    assert not foreign


def test_one_version_number() -> None:
    """The package, its metadata, the citation and the changelog name the same version."""
    version = mssync.__version__
    assert tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"] == version
    assert re.search(r"^version: (\S+)$", (ROOT / "CITATION.cff").read_text("utf-8"), re.M).group(1) == version  # type: ignore[union-attr]
    assert re.search(r"^## (\d\S+)", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.M).group(1) == version  # type: ignore[union-attr]


def test_the_workflow_covers_what_is_promised() -> None:
    """Every system and Python of README is tried, actions are pinned to commits, PyTorch is the lock's or the floor."""
    text = (ROOT / ".github" / "workflows" / "ci.yml").read_text("utf-8")
    jobs = yaml.safe_load(text)["jobs"]
    classifiers = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["classifiers"]
    pythons = [c.rsplit(" ", 1)[1] for c in classifiers if re.search(r":: 3\.\d+$", c)]
    matrix = jobs["test"]["strategy"]["matrix"]
    assert matrix["python"] == pythons
    assert {re.split(r"[-\d]", system)[0] for system in matrix["os"]} == {"ubuntu", "macos", "windows"}
    assert {"newest", "lowest", "wheel", "make"} <= set(jobs)
    uses = [step["uses"] for job in jobs.values() for step in job["steps"] if "uses" in step]
    assert uses and all(re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", name) for name in uses)
    make = (ROOT / "Makefile").read_text("utf-8")
    for variable in ("TORCH", "TORCH_LOWEST"):
        version = re.search(rf"^{variable} = (\S+)$", make, re.M)
        assert version is not None and f"torch=={version[1]}\n" in text
    floor = re.search(r'"torch>=([\d.]+),', (ROOT / "pyproject.toml").read_text("utf-8"))
    assert floor is not None and f"TORCH_LOWEST = {floor[1]}.0\n" in make


def test_every_dependency_has_both_ends() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    for requirement in project["dependencies"] + extras["train"] + extras["eval"]:
        assert re.match(r"[\w-]+>=\d[\d.]*,<\d+($|;)", requirement), requirement


def test_a_wheel_holds_every_file_of_the_package() -> None:
    """Recipes, weights, templates and data are named by the package-data of pyproject.toml."""
    package = ROOT / "src" / "mssync"
    packaging = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]
    taken = {path for pattern in packaging["package-data"]["mssync"] for path in package.glob(pattern)}
    files = {p for p in package.rglob("*") if p.is_file() and p.suffix not in (".py", ".pyc")}
    assert not files - taken
    assert package / "recipes" / "default.yaml" in taken


def test_the_source_archive_is_complete() -> None:
    """Every file of the repository is named by MANIFEST.in, or is part of the package and thus taken along."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("not a clone")
    known = (
        subprocess.run([git, "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.decode().split("\0")
    )
    taken = {"pyproject.toml", "README.md", "MANIFEST.in"}
    for line in (ROOT / "MANIFEST.in").read_text("utf-8").splitlines():
        command, *words = line.split()
        if command == "include":
            taken |= set(words)
        else:
            taken |= {p.relative_to(ROOT).as_posix() for word in words[1:] for p in (ROOT / words[0]).rglob(word)}
    assert not [name for name in known if name and not name.startswith("src/mssync/") and name not in taken]
