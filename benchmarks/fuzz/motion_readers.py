"""Readers of motion files, model folders, judges, syncers, and the cached files of others."""

from __future__ import annotations

import hashlib
import io
import json
import os
import random
import shutil
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import skimage.data

import mssync
from fuzz.graphs import spoil_graph
from fuzz.media_readers import tracker
from fuzz.mutations import FLOATS, pack, spoil_arrays, spoil_bytes, spoil_json
from fuzz.reader import Reader, Valid, place
from mssync.assets import ASSETS, asset_bytes
from mssync.evaluation.scores.feature_nets import PICTURE, FeatureNet
from mssync.media.image import Image
from mssync.motion.curves import export_curves
from mssync.motion.options import MotionOptions
from mssync.motion.space import Motion
from mssync.motion.syncers import SyncerPyramid
from mssync.pipeline import TalkingHead

WEIGHTS: Final = Path(mssync.__file__).parent / "weights"
ASSET: Final = "face_recognition_sface_2021dec.onnx"


@cache
def head() -> TalkingHead:
    """The shipped model, for what others are read against."""
    return TalkingHead.load()


@cache
def stage() -> tuple[Any, Any]:
    """A photo made ready, and its face's rest."""
    rgb = np.ascontiguousarray(skimage.data.astronaut()[:256, 96:352])
    face = tracker().detect(rgb)[0]
    return head().renderer.prepare(Image(rgb, None), face), face


# ---- motion files --------------------------------------------------------------------------------------------------


def _prepare_motion(folder: Path) -> None:
    names = head().space.names
    values = np.random.default_rng(0).normal(0, 0.05, (30, len(names))).astype(np.float32)
    meta = {"model": "default 0.2", "seed": "7", "name": "Zoë"}
    head().space.motion(values, meta).save(folder / "m.npz")
    Motion(values[:4], names, fps=30.0, meta={}).save(folder / "n.npz")


def _spoil_motion(valid: Valid, rng: random.Random, folder: Path) -> None:
    data = valid[rng.choice(("m.npz", "n.npz"))]
    way = rng.random()
    if way < 0.2:
        place(folder, "m.npz", spoil_bytes(data, rng, list(valid.values())))
        return
    with np.load(io.BytesIO(data)) as z:
        arrays = {k: z[k] for k in z.files}
    if way < 0.5:
        text = spoil_json(json.loads(str(arrays["header"])), rng).decode("utf-8", "replace").replace("\0", "")
        place(folder, "m.npz", pack(arrays | {"header": np.array(text)}))
    elif way < 0.7:
        values = arrays["values"].astype("f8")
        for _ in range(rng.choice((1, 5))):
            column = rng.randrange(values.shape[1])
            values[rng.randrange(len(values)), column] = rng.choice((*FLOATS, 2.5, -3.3, 31, -100.5, 1e9))
        place(folder, "m.npz", pack(arrays | {"values": values}))
    else:
        place(folder, "m.npz", spoil_arrays(arrays, rng))


def _read_motion(folder: Path) -> None:
    motion = Motion.load(folder / "m.npz")
    assert np.isfinite(motion.values).all() and motion.values.shape == (len(motion), len(motion.names))
    head()._recorded_head(folder / "m.npz", 1.0)
    moves = head()._checked(folder / "m.npz")
    export_curves(motion, head().space, folder / "m.csv")
    scene, face = stage()
    rest = head().space.prepare(face)
    for row in moves.values[:: max(1, len(moves) // 2)][:3]:
        controls = head().space.decode(rest, row)
        assert np.isfinite(controls.points).all()
        head().renderer.render(scene, controls)


# ---- models --------------------------------------------------------------------------------------------------------


def _prepare_model(folder: Path) -> None:
    shutil.copytree(WEIGHTS / "default", folder, dirs_exist_ok=True)


def signed(files: dict[str, bytes], rng: random.Random) -> dict[str, bytes]:
    """The files with their hashes in the manifest, as somebody who means harm would write it; now and then without."""
    if rng.random() < 0.9:
        try:
            manifest = json.loads(files["manifest.json"])
            for name in list(manifest["files"]):
                if name in files:
                    manifest["files"][name] = hashlib.sha256(files[name]).hexdigest()
            files["manifest.json"] = json.dumps(manifest).encode()
        except (ValueError, KeyError, TypeError, RecursionError, AttributeError):
            pass
    return files


def spoil_folder(valid: Valid, rng: random.Random, folder: Path) -> None:
    """One file of a folder of networks: manifest, arrays or a graph; one missing, or two changed places."""
    files = dict(valid)
    name = rng.choice(("manifest.json", "manifest.json", *files))
    way = rng.random()
    if way < 0.05:
        del files[name]
    elif way < 0.1:
        other = rng.choice(list(files))
        files[name], files[other] = files[other], files[name]
    elif name.endswith(".json"):
        files[name] = spoil_json(json.loads(files[name]), rng)
    elif name.endswith(".npz"):
        with np.load(io.BytesIO(files[name])) as z:
            files[name] = spoil_arrays({k: z[k] for k in z.files}, rng)
    elif name.endswith(".onnx"):
        files[name] = spoil_graph(files[name], rng)
    for file, data in signed(files, rng).items():
        place(folder, file, data)


def _read_model(folder: Path) -> None:
    made = TalkingHead.load(folder)
    assert made.model.title.isprintable()
    stream = made.stream(MotionOptions(seed=1))
    sound = np.random.default_rng(0).normal(0, 0.05, 8000).astype(np.float32)
    rows = np.concatenate([stream.push(sound), stream.flush()])
    assert np.isfinite(rows).all()
    scene, face = stage()
    rest = made.space.prepare(face)
    for row in rows[::6]:
        controls = made.space.decode(rest, row)
        assert np.isfinite(controls.points).all()
    made.renderer.render(scene, controls)


# ---- judges and syncers --------------------------------------------------------------------------------------------


def _prepare_judge(folder: Path) -> None:
    for which in ("judge", "syncer"):
        shutil.copytree(WEIGHTS / which, folder / which, dirs_exist_ok=True)


def _spoil_judge(valid: Valid, rng: random.Random, folder: Path) -> None:
    which = rng.choice(("judge", "syncer"))
    spoil_folder({n.split("/")[1]: d for n, d in valid.items() if n.startswith(which)}, rng, folder)


def _read_judge(folder: Path) -> None:
    made = SyncerPyramid.load(folder)
    rng = np.random.default_rng(0)
    motion = rng.normal(0, 0.1, (60, len(head().space.names))).astype(np.float32)
    sound = rng.normal(0, 1, (240, 40 if made.features == "mel" else 26)).astype(np.float32)
    for view in made.views:
        for level in made.levels:
            curve = made.curve(motion, sound, view, level)
            assert curve is None or np.isfinite(curve.cosine).all()


# ---- networks and files of others ----------------------------------------------------------------------------------


def _prepare_net(folder: Path) -> None:
    place(folder, "net.onnx", (WEIGHTS / "default" / "sound.onnx").read_bytes())
    place(folder, "other.onnx", (WEIGHTS / "judge" / "all-0.onnx").read_bytes())


def _spoil_net(valid: Valid, rng: random.Random, folder: Path) -> None:
    place(folder, "net.onnx", spoil_graph(valid[rng.choice(list(valid))], rng))


def _read_net(folder: Path) -> None:
    net = FeatureNet(folder / "net.onnx", (272, 26))
    assert net(np.zeros((272, 26), np.float32)).ndim == 1
    assert PICTURE[0] == 3


def _prepare_asset(folder: Path) -> None:
    place(folder, "selfie_segmentation.tflite", asset_bytes("selfie_segmentation.tflite"))


def _spoil_asset(valid: Valid, rng: random.Random, folder: Path) -> None:
    data = spoil_bytes(next(iter(valid.values())), rng)
    for name in ASSETS:
        place(folder, f"cache/{name}", data)
    place(folder, "where", rng.choice(("cache", "cache", "~nouser", "no\nsuch", "x" * 300, "where")).encode())


def _read_asset(folder: Path) -> None:
    name = (folder / "where").read_text()
    os.environ["MSSYNC_CACHE"] = name if name.startswith("~") else str(folder / name)
    os.environ["MSSYNC_OFFLINE"] = "1"
    try:
        asset_bytes(ASSET)
    finally:
        del os.environ["MSSYNC_CACHE"], os.environ["MSSYNC_OFFLINE"]


READERS: Final = (
    Reader("motion files", 2800, _prepare_motion, _spoil_motion, _read_motion, ("skimage",), stage),
    Reader("model folders", 3000, _prepare_model, spoil_folder, _read_model, ("skimage",), stage),
    Reader("judges and syncers", 1600, _prepare_judge, _spoil_judge, _read_judge, ("skimage",), head),
    Reader("networks of users", 700, _prepare_net, _spoil_net, _read_net, ("skimage",)),
    Reader("cached files", 200, _prepare_asset, _spoil_asset, _read_asset, ("skimage",)),
)
