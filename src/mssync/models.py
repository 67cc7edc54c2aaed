"""Which motion models exist, what they are made of, and loading them with every file's hash checked.

A model is a folder: ``manifest.json`` beside the files it names (ONNX graphs, the motion space). One ships inside the
package as ``default``; any other folder may be named by its path.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, Final

from mssync.errors import AssetError, InputError
from mssync.files import replacing
from mssync.manifest import FILES, check_manifest, files_of, stages_of
from mssync.schema import MAX_JSON, Unsound, parse_json
from mssync.texts import clean

FORMAT: Final = "mssync-model"
VERSION: Final = 2
DEFAULT: Final = "default"
MANIFEST: Final = "manifest.json"
CARD: Final = "MODEL_CARD.md"
MAX_BYTES: Final = 64 * 2**20  # of one file; the shipped ones have at most 3 MB


@dataclass(frozen=True)
class Model:
    """A model's folder and manifest, files verified.

    Attributes:
        name: the name it was asked for by.
        folder: where its files lie.
        manifest: the parsed ``manifest.json``, every entry checked (:mod:`mssync.manifest`).
        data: the files' bytes, by name. What was checked is what is used, whatever becomes of the folder.
    """

    name: str
    folder: Path
    manifest: dict[str, Any]
    data: Mapping[str, bytes] = field(repr=False)

    def file(self, name: str) -> Path:
        """Path of one of the model's files."""
        return self.folder / name

    @property
    def stages(self) -> tuple[str, ...]:
        """Names of what its motion goes through after the network (:mod:`mssync.motion.stages`)."""
        return stages_of(self.manifest)

    @property
    def title(self) -> str:
        """Name and version for people."""
        return clean(f"{self.manifest['name']} {self.manifest['release']}")


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
    folder = _folder(name)
    manifest = _read_manifest(folder / "manifest.json")
    data: dict[str, bytes] = {}
    for file in files_of(manifest):
        target = folder / file
        if not target.is_file():
            raise AssetError(f"The model {folder} lacks {file}; install mssync again or export the model again.")
        data[file] = _bytes(target, MAX_BYTES)
        if hashlib.sha256(data[file]).hexdigest() != manifest["files"][file]:
            raise AssetError(f"{target} is damaged (its sha256 is not the manifest's); install mssync again.")
    return Model(str(name), folder, manifest, data)


def _folder(name: str | Path) -> Path:
    shown = repr(clean(str(name)))
    known = f"use one of {', '.join(shipped_models())}, or a folder with a manifest.json"
    try:
        folder = _weights() / str(name)
        if not (folder / "manifest.json").is_file() or str(name) in ("", "."):
            folder = Path(name)
        there = (folder / "manifest.json").is_file()
    except (OSError, ValueError):  # a name that the system does not allow
        there = False
    if not there:
        raise InputError(f"There is no model {shown}; {known}.")
    return folder


def _bytes(path: Path, limit: int) -> bytes:
    try:
        with path.open("rb") as f:
            data = f.read(limit + 1)
    except OSError as e:
        raise AssetError(f"{path} cannot be read ({e.strerror or e}); check its rights.") from e
    if len(data) > limit:
        raise AssetError(f"{path} is larger than {limit // 2**20} MB, more than any model has; export it again.")
    return data


def write_manifest(folder: Path, facts: dict[str, Any]) -> None:
    """Write ``manifest.json`` for a folder of model files, with their hashes.

    A number that is not finite, as the best score of a run without any, becomes null: JSON has no such numbers.
    """
    files = {f: hashlib.sha256((folder / f).read_bytes()).hexdigest() for f in files_of(facts)}
    manifest = {"format": FORMAT, "version": VERSION, **facts, "files": files}
    with replacing(folder / MANIFEST, force=True) as part:
        part.write_text(json.dumps(_finite(manifest), indent=1, allow_nan=False) + "\n", "utf-8")


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    return [_finite(v) for v in value] if isinstance(value, list | tuple) else value


def is_model_folder(folder: Path) -> bool:
    """Whether a folder holds a model and nothing else, so that another model may take its place."""
    found = {path.name for path in folder.iterdir()}
    return MANIFEST in found and found <= {MANIFEST, CARD, *FILES}


def _weights() -> Path:
    return Path(str(resources.files("mssync"))) / "weights"


def _read_manifest(path: Path) -> dict[str, Any]:
    try:
        manifest = parse_json(_bytes(path, MAX_JSON))
    except Unsound as e:
        raise AssetError(f"{path} cannot be read as a model manifest: {e}; install or export it again.") from e
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise AssetError(f"{path} is not a model manifest of mssync; name a folder made by `mssync export`.")
    version = manifest.get("version")
    if version != VERSION or isinstance(version, bool):
        raise AssetError(f"{path} is of model version {clean(version, 20)}; update mssync to use it.")
    try:
        check_manifest(manifest)
    except Unsound as e:
        raise AssetError(f"{path} lacks a valid entry: {e}; export the model again.") from e
    return manifest
