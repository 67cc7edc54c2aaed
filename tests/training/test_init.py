"""Going on from shipped weights, and a stranger's clips from the folder to a model of their own, without any list."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import load_file

from mssync import TalkingHead
from mssync.errors import AssetError, InputError, MssyncError, OutputError
from mssync.media.audio import load_sound
from mssync.models import load_model, shipped_syncer
from mssync.motion.options import MotionOptions
from mssync.motion.spaces import load_mesh
from mssync.nets.generator import Generator, GeneratorShape
from mssync.sessions import open_session
from mssync.speech.features import default_features
from mssync.speech.logmel import log_mel
from mssync.training.data.clips import Clip, load_clip, save_clip
from mssync.training.data.index import Record, write_report
from mssync.training.export import compare, export_model
from mssync.training.init import load_start, save_start
from mssync.training.run import train_generator
from mssync.training.teachers import load_syncer

Array = NDArray[np.float32]

SPACE = load_model().file("space.npz")
VOICE = load_sound(Path(str(resources.files("mssync"))) / "data" / "demo.flac")
RECIPE = """
name: recipe
init: default
steps: {steps}
batch: 2
frames: 32
warm_max: 4
dev_every: 2
save_every: 1
loss: {{synchrony: {{lips: 0.4}}, adversarial: 0}}
"""


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Clips in the shipped space, as `mssync preprocess` leaves them: three people, eight seconds."""
    folder = tmp_path_factory.mktemp("clips")
    records = {}
    for i, name in enumerate(("anna/one", "anna/two", "ben/one", "lone")):
        rng = np.random.default_rng(i)
        sound = VOICE[i * 24000 : i * 24000 + 32000]
        motion = (np.cumsum(rng.standard_normal((50, 43)), 0) * 0.01).astype(np.float32)
        motion[:, -5] = 0.1 * np.abs(np.sin(np.arange(50) + i))
        mark, one = load_mesh(SPACE).mark, np.ones(50, np.float32)
        clip = Clip(
            name, motion, one > 0, default_features(sound), log_mel(sound), one, np.full(50, -1, np.int8), mark
        )  # fmt: skip
        save_clip(folder / f"{name}.npz", clip)
        records[name] = Record(space=mark, seconds=2.0, talk=1.0, face=90.0, found=1.0)
    write_report(folder, records)
    return folder


def _train(clips: Path, out: Path, steps: int = 0, extra: str = "", **options: Any) -> list[dict[str, float]]:
    recipe = out.with_suffix(".yaml")
    recipe.write_text(RECIPE.format(steps=steps) + extra)
    seen: list[dict[str, float]] = []
    train_generator(clips, None, SPACE, recipe, out, report=lambda step, numbers: seen.append(numbers), **options)
    return seen


def _motion(folder: Path) -> Array:
    stream = TalkingHead.load(folder).stream(MotionOptions(seed=3))
    return np.concatenate([stream.push(VOICE[:64000]), stream.flush()])


@pytest.fixture(scope="module")
def run(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "same"
    _train(clips, out)
    return out


def test_the_graphs_give_their_weights_back() -> None:
    model, start = load_model(), load_start("default")
    assert compare(start.net, start.articulation, model.folder, model.manifest) < 1e-5
    assert start.title == model.title and start.net.shape.motion == 43


def test_the_shipped_weights_as_safetensors(tmp_path: Path) -> None:
    """A PyTorch program builds the nets from the file alone."""
    start, out = load_start("default"), tmp_path / "default.safetensors"
    count = save_start(start, out)
    tensors = load_file(out)
    with safe_open(out, "pt") as file:
        facts = file.metadata()
    assert len(tensors) == count and out.stat().st_size < 8e6
    net = Generator(GeneratorShape(**json.loads(facts["shape"])))
    net.load_state_dict({k.removeprefix("generator."): v for k, v in tensors.items() if k.startswith("generator.")})
    for key, value in start.net.state_dict().items():
        assert torch.equal(net.state_dict()[key], value)
    assert facts["title"] == load_model().title
    assert np.allclose(json.loads(facts["units"])["scales"], load_model().manifest["scales"])
    with pytest.raises(OutputError, match="--force"):
        save_start(start, out)


@pytest.mark.parametrize("name", ["step.onnx", "sound.onnx", "closure.onnx", "articulation.onnx"])
@pytest.mark.parametrize("content", [b"\xff" * 40, b"", "space.npz", "other graph"])
def test_graphs_of_others_are_refused(tmp_path: Path, name: str, content: bytes | str) -> None:
    if content == "other graph":
        content = "sound.onnx" if name == "step.onnx" else "step.onnx"
    model = tmp_path / "model"
    shutil.copytree(load_model().folder, model)
    data = content if isinstance(content, bytes) else (load_model().folder / content).read_bytes()
    (model / name).write_bytes(data)
    files = json.loads((model / "manifest.json").read_text())["files"]
    _json(model / "manifest.json", files={**files, name: hashlib.sha256(data).hexdigest()})
    with pytest.raises(MssyncError):
        load_start(str(model))


def test_nothing_trained_is_the_shipped_motion(run: Path, tmp_path: Path) -> None:
    export_model(run, tmp_path / "mine")
    assert np.abs(_motion(tmp_path / "mine") - _motion(load_model().folder)).max() < 1e-4
    # A run and an exported model are gone on from likewise.
    for source in (run, tmp_path / "mine"):
        weights = load_start(str(source)).net.state_dict()
        assert all(torch.equal(v, weights[k]) for k, v in load_start("default").net.state_dict().items())


def test_a_strangers_folder_trains_and_the_model_is_their_own(
    clips: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "mssync")
    seen = _train(clips, tmp_path / "run", steps=2)
    assert "3 clips are trained on, 1 kept aside" in caplog.text and "Going on from default" in caplog.text
    assert "taught by the shipped syncers" in caplog.text and "closure net of default" in caplog.text
    assert any("sync_lips" in numbers for numbers in seen) and any("lips_r" in numbers for numbers in seen)
    before, after = (load_start(n).net.step.out.weight for n in ("default", str(tmp_path / "run")))
    assert 0 < float((before - after).abs().max().detach()) < 0.1
    listed = (tmp_path / "run" / "clips.csv").read_text()
    assert listed.count("\n") == 5 and listed.count(",dev,") == 1
    export_model(tmp_path / "run", tmp_path / "Anna | Ben")
    model = load_model(tmp_path / "Anna | Ben")
    assert model.title == "Anna | Ben 0.1" and model.manifest["data"]["init"] == load_model().title
    card = (tmp_path / "Anna | Ben" / "MODEL_CARD.md").read_text("utf-8")
    for words in ("# Anna \\| Ben 0.1", "| 3 clips of ", "To fill in"):
        assert words in card
    assert model.manifest["files"]["step.onnx"] in card and model.manifest["data"]["manifest_sha256"] in card
    with pytest.raises(OutputError, match="force"):
        export_model(tmp_path / "run", tmp_path / "Anna | Ben")
    export_model(tmp_path / "run", tmp_path / "Anna | Ben", force=True, name="Voice\u202e of A", release="3")
    assert load_model(tmp_path / "Anna | Ben").title == "Voice\ufffd of A 3"
    with pytest.raises(InputError, match="name of a model has 1 to 80"):
        export_model(tmp_path / "run", tmp_path / "x", name="y" * 81)
    assert not (tmp_path / "x").exists()
    with pytest.raises(InputError, match=r"begun with another recipe \(lr 0\.001, not 0\.002\)"):
        _train(clips, tmp_path / "run", steps=2, extra="lr: 0.002\n")
    shutil.copytree(clips, tmp_path / "clips")
    kept = load_clip(clips / "lone.npz", "lone")
    save_clip(tmp_path / "clips" / "lone.npz", replace(kept, motion=kept.motion + np.float32(0.5)))
    with pytest.raises(InputError, match="begun with other clips"):
        _train(tmp_path / "clips", tmp_path / "run", steps=2)


def test_what_does_not_fit_is_one_sentence(clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for words, options, extra in (
        ("other sizes than the recipe asks for .*width 128, not 64", {}, "net: {width: 64}\n"),
        ("nothing to train", {"init": "none"}, ""),
        ("There is no model 'nobody'", {"init": "nobody"}, ""),
        ("There is no device 'gpu'", {"device": "gpu"}, ""),
        ("holds no trained syncer lips-0", {"syncers": tmp_path}, ""),
        ("they are judges and may not teach", {"syncers": shipped_syncer().parent / "judge"}, ""),  # type: ignore[union-attr]
        ("photo", {"photo": tmp_path / "none.png"}, ""),
    ):
        with pytest.raises(InputError, match=words):
            _train(clips, tmp_path / "run", extra=extra, **options)
    if not torch.cuda.is_available():
        with pytest.raises(InputError, match="'cuda' cannot be used here"):
            _train(clips, tmp_path / "run", device="cuda")
    space = load_mesh(SPACE)
    replace(space, gap_zero=space.gap_zero + 0.01).save(tmp_path / "space.npz")
    with pytest.raises(InputError, match="made with another motion space"):
        train_generator(
            clips, None, tmp_path / "space.npz", "own", tmp_path / "run", report=lambda step, numbers: None
        )  # fmt: skip
    with pytest.raises(InputError, match="no preprocessed clips"):
        _train(tmp_path, tmp_path / "run")
    with pytest.raises(AssetError, match="missing or damaged"):
        load_mesh(tmp_path / "none.npz")


def test_shipped_syncers_teach_as_they_judge() -> None:
    folder = shipped_syncer()
    assert folder is not None
    rng = np.random.default_rng(0)
    for view in ("lips", "head", "all"):
        net, path = load_syncer(folder, load_mesh(SPACE), view, 0)  # type: ignore[arg-type]
        m = rng.standard_normal((7, 5, net.shape.motion)).astype(np.float32)
        s = rng.standard_normal((7, 20, 26)).astype(np.float32)
        want = open_session(folder / f"{view}-0.onnx").run(None, {"motion": m, "sound": s})
        with torch.no_grad():
            got = net.eval()(torch.from_numpy(m), torch.from_numpy(s))
        assert path.name == f"{view}-0.onnx" and max(np.abs(a - b.numpy()).max() for a, b in zip(want, got)) < 1e-5


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _json(path: Path, **changed: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changed}))


def _foreign(folder: Path) -> None:
    from safetensors.torch import save_file

    save_file({"net.x": torch.ones(2)}, folder / "state.safetensors", {"state": '{"step": 1, "shape": {"motion": 43}}'})


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda r: _cut(r / "state.safetensors"), "missing or damaged"),
        (lambda r: (r / "state.safetensors").unlink(), "missing or damaged"),
        (_foreign, "not what this recipe's training left"),
        (lambda r: _cut(r / "data.json"), "damaged"),
        (lambda r: (r / "data.json").write_text("[]"), "damaged"),
        (lambda r: (r / "data.json").unlink(), "stopped before its end"),
        (lambda r: _json(r / "data.json", blinks=None), "blinks"),
        (lambda r: _json(r / "data.json", clips=[1]), "not what this recipe's training left"),
        (lambda r: _json(r / "data.json", head_gain=[float("nan")] * 6), "manifest"),
        (lambda r: _cut(r / "closure.safetensors"), "missing or damaged"),
        (lambda r: _cut(r / "articulation.safetensors"), "missing or damaged"),
        (lambda r: shutil.copy(r / "closure.safetensors", r / "best.safetensors"), "best.safetensors"),
        (lambda r: _cut(r / "space.npz"), "space.npz"),
        (lambda r: (r / "space.npz").write_bytes(b""), "space.npz"),
        (lambda r: (r / "space.npz").unlink(), "space.npz"),
        (lambda r: (r / "state.json").unlink(), "no training run"),
    ],
)
def test_a_damaged_run_is_exported_by_no_model(run: Path, tmp_path: Path, damage: Any, says: str) -> None:
    shutil.copytree(run, tmp_path / "run")
    damage(tmp_path / "run")
    with pytest.raises(MssyncError, match=says):
        export_model(tmp_path / "run", tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_a_damaged_run_does_not_go_on(clips: Path, run: Path, tmp_path: Path) -> None:
    for damage in (lambda r: _cut(r / "state.safetensors"), _foreign, lambda r: (r / "state.json").write_text("{")):
        out = tmp_path / "run"
        shutil.copytree(run, out)
        damage(out)
        if damage is _foreign or (out / "state.json").stat().st_size > 1:
            with pytest.raises(InputError, match="train in another folder"):
                _train(clips, out)
        else:  # the state lies beside the tensors too: whoever breaks the copy for people breaks nothing
            _train(clips, out)
        shutil.rmtree(out)


def test_the_closure_net_shows_its_progress_and_is_trained_once(
    clips: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "mssync")
    extra = "closure: {steps: 60, width: 8}\n"
    assert sum("closure_loss" in numbers for numbers in _train(clips, tmp_path / "run", steps=1, extra=extra)) == 2
    assert "closure net: 60 steps" in caplog.text
    assert not any("closure_loss" in numbers for numbers in _train(clips, tmp_path / "run", steps=1, extra=extra))
    assert "trained already and stays" in caplog.text
    export_model(tmp_path / "run", tmp_path / "model")
    assert len(load_start(str(tmp_path / "model")).closures.state_dict()["net.0.bias"]) == 8
    _cut(tmp_path / "run" / "closure.safetensors")
    with pytest.raises(InputError, match=r"closure\.safetensors"):
        _train(clips, tmp_path / "run", steps=1, extra=extra)
