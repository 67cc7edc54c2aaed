"""Which motion models exist, what they are made of, and loading them with every file's hash checked.

A model is a folder: ``manifest.json`` beside the files it names (ONNX graphs, the motion space). One ships inside the
package as ``default``; any other folder may be named by its path.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Final

from mssync.errors import AssetError, InputError
from mssync.files import replacing

FORMAT: Final = "mssync-model"
VERSION: Final = 2
DEFAULT: Final = "default"
MANIFEST: Final = "manifest.json"
FILES: Final = ("sound.onnx", "step.onnx", "closure.onnx", "space.npz")


@dataclass(frozen=True)
class Model:
    """A model's folder and manifest, files verified.

    Attributes:
        name: the name it was asked for by.
        folder: where its files lie.
        manifest: the parsed ``manifest.json``.
    """

    name: str
    folder: Path
    manifest: dict[str, Any]

    def file(self, name: str) -> Path:
        """Path of one of the model's files."""
        return self.folder / name

    @property
    def title(self) -> str:
        """Name and version for people."""
        return f"{self.manifest['name']} {self.manifest['release']}"


def shipped_models() -> list[str]:
    """Names of the models inside the package."""
    root = _weights()
    # The syncers and judges lie beside them: no motion models.
    return sorted(p.name for p in root.iterdir() if (p / "step.onnx").is_file())


def shipped_syncer() -> Path | None:
    """The pyramid of syncers that trained the default model, where it is shipped."""
    folder = _weights() / "syncer"
    return folder if (folder / "manifest.json").is_file() else None


def load_model(name: str | Path = DEFAULT) -> Model:
    """Find a model by name (shipped) or by folder, and check every file against its manifest.

    Raises:
        InputError: there is no such model.
        AssetError: a file is missing or damaged.
    """
    folder = _weights() / str(name)
    if not (folder / "manifest.json").is_file() or str(name) in ("", "."):
        folder = Path(name)
    path = folder / "manifest.json"
    if not path.is_file():
        known = ", ".join(shipped_models())
        raise InputError(f"There is no model {str(name)!r}; use one of {known}, or a folder with a manifest.json.")
    manifest = _read_manifest(path)
    for file in FILES:
        want = manifest["files"].get(file)
        target = folder / file
        if want is None or not target.is_file():
            raise AssetError(f"The model {folder} lacks {file}; install mssync again or export the model again.")
        if hashlib.sha256(target.read_bytes()).hexdigest() != want:
            raise AssetError(f"{target} is damaged (its sha256 is not the manifest's); install mssync again.")
    return Model(str(name), folder, manifest)


def write_manifest(folder: Path, facts: dict[str, Any]) -> None:
    """Write ``manifest.json`` for a folder of model files, with their hashes."""
    files = {f: hashlib.sha256((folder / f).read_bytes()).hexdigest() for f in FILES}
    manifest = {"format": FORMAT, "version": VERSION, **facts, "files": files}
    with replacing(folder / MANIFEST, force=True) as part:
        part.write_text(json.dumps(manifest, indent=1) + "\n", "utf-8")


def is_model_folder(folder: Path) -> bool:
    """Whether a folder holds a model and nothing else, so that another model may take its place."""
    found = {path.name for path in folder.iterdir()}
    return MANIFEST in found and found <= {MANIFEST, *FILES}


def _weights() -> Path:
    return Path(str(resources.files("mssync"))) / "weights"


def _read_manifest(path: Path) -> dict[str, Any]:
    try:
        manifest = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as e:
        raise AssetError(f"{path} cannot be read as a model manifest; install mssync again.") from e
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise AssetError(f"{path} is not a model manifest of mssync; name a folder made by `mssync export`.")
    if manifest.get("version") != VERSION:
        raise AssetError(f"{path} is of model version {manifest.get('version')}; update mssync to use it.")
    needed = {
        "name": str,
        "release": str,
        "files": dict,
        "shape": dict,
        "scales": list,
        "style": dict,
        "blinks": dict,
        "gap_curve": dict,
        "head_gain": list,
        "closure": dict,
    }
    for key, kind in needed.items():
        if not isinstance(manifest.get(key), kind):
            raise AssetError(f"{path} lacks a valid {key!r}; export the model again.")
    return manifest
