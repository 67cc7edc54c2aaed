"""The authors' checkpoints: the same motion as their network gives, whatever else the file pickles, and one sentence
where it is not theirs."""

from __future__ import annotations

import io
import json
import os
import pickle
import pickletools
import signal
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import official_rule as rule
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mssync import cli
from mssync.convert.official import FORMAT, Settings, convert, generator, load_converted, our_name, their_name
from mssync.convert.pickled import INERT, Checkpoint, Stored
from mssync.errors import AssetError, InputError, OutputError
from mssync.nets.paper import PaperGenerator, PaperShape
from mssync.schema import checked

TINY = {"data_dim": 6, "audio_dim": 16, "coord_dim": 16, "hidden_size": 8, "expansion_fact_do": 1, "obs_len": 3}


class Loader:
    """Stands for the data loaders that the authors' code saves beside the weights."""

    def __init__(self) -> None:
        self.names = [f"id{i}" for i in range(50)]
        self.sizes = {(1, 2): np.arange(3), "x": {1, 2}}


class Hostile:
    """Leaves a file behind when it is unpickled by anything that runs what a pickle asks for."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return os.mkdir, (str(self.trace),)


def _answer(net: PaperGenerator, frames: int) -> tuple[np.ndarray, np.ndarray]:
    pose, features = rule.inputs(frames)
    with torch.no_grad():
        seen, made = net(torch.from_numpy(pose), torch.from_numpy(features))
    return seen[0].numpy(), made[0].numpy()


@pytest.mark.parametrize("case", ["paper_softmax", "paper_sigmoid", "two_layers"])
def test_their_weights_give_their_motion(case: str) -> None:
    """paper_softmax: the published sizes over 100 frames, far beyond the 40 that its attention sees."""
    layout = "two_layers" if case == "two_layers" else "paper_softmax"
    args = {**rule.LAYOUT[layout]["args"]}
    if case == "paper_sigmoid":
        args["streams_merging_activation"] = "sigmoid"
    state = {name: torch.from_numpy(x) for name, x in rule.weights(layout).items()}
    net = generator(state, checked(Settings, args).shape())
    with np.load(rule.HERE / f"{case}.npz") as z:
        observed, predicted = (z[n].reshape(len(z[n]), 60) for n in ("observed", "predicted"))
    seen, made = _answer(net, len(predicted))
    assert np.abs(seen - observed).max() < 1e-5 and np.abs(made - predicted).max() < 1e-4
    assert len(predicted) == {"paper_softmax": 100, "paper_sigmoid": 20, "two_layers": 60}[case]


def test_the_published_sizes_have_as_many_weights_as_the_published_network() -> None:
    with torch.device("meta"):
        net = PaperGenerator(checked(Settings, rule.LAYOUT["paper_softmax"]["args"]).shape())
    assert sum(x.numel() for x in net.parameters()) == 35_410_254
    theirs = rule.LAYOUT["paper_softmax"]["shapes"]
    assert [their_name(our_name(name)) for name in theirs] == list(theirs)


@pytest.fixture(scope="module")
def tiny() -> dict[str, torch.Tensor]:
    """A small network's weights under the authors' names."""
    torch.manual_seed(0)
    net = PaperGenerator(checked(Settings, TINY).shape())
    single = {"deep_output_bias.fc_out.weight", "mask_bias.fc_out.weight", "leaf_bias.fc_out.weight"}  # linear there
    named = {their_name(name): x for name, x in net.state_dict().items()}
    return {name: x[..., 0].clone() if name in single else x.clone() for name, x in named.items()}


@pytest.fixture
def files(tiny: dict[str, torch.Tensor], tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    """A checkpoint as the authors' trainer saves it, with loaders and something hostile in it, and its arguments."""
    net = torch.nn.Linear(3, 2)
    optimiser = torch.optim.Adam(net.parameters())
    net(torch.ones(1, 3)).sum().backward()
    optimiser.step()
    schedule = torch.optim.lr_scheduler.StepLR(optimiser, 5)
    content = {
        "checkpoints": torch.nn.Module.state_dict(net).__class__(tiny), "dis_checkpoints": net.state_dict(),
        "optim_G": optimiser.state_dict(), "scheduler": schedule.state_dict(), "epoch": 3, "steps": 1e3,
        "loader": Loader(), "val_loader": [Hostile(tmp_path / "ran"), ("a", b"bytes", None, True, 2**70)],
    }  # fmt: skip
    torch.save(content, tmp_path / "model_chkpt.pt")
    (tmp_path / "args").write_text(json.dumps({**rule.LAYOUT["paper_softmax"]["args"], **TINY}))
    yield tmp_path / "model_chkpt.pt", tmp_path / "args"
    assert not (tmp_path / "ran").exists(), "something in the checkpoint was run"


def test_a_checkpoint_becomes_a_folder(files: tuple[Path, Path], tiny: dict[str, torch.Tensor], tmp_path: Path) -> None:
    made = convert(*files, tmp_path / "model")
    read = load_converted(tmp_path / "model")
    assert read.observed == made.observed == 3 and read.source == made.source and read.net.shape == made.net.shape
    frames = 5
    want = _answer(generator(tiny, made.net.shape), frames)
    for net in (made.net, read.net):
        assert all(np.array_equal(a, b) for a, b in zip(_answer(net, frames), want, strict=True))
    manifest = json.loads((tmp_path / "model" / "manifest.json").read_text())
    assert manifest["format"] == FORMAT and manifest["source"]["args"]["n_epochs"] == 600
    with pytest.raises(OutputError, match="force"):
        convert(*files, tmp_path / "model")
    convert(*files, tmp_path / "model", force=True)
    weights = tmp_path / "model" / "generator.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\xff")
    with pytest.raises(AssetError, match=r"generator\.safetensors is damaged"):
        load_converted(tmp_path / "model")


def test_the_command_line(files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["mssync", "convert", "mssync", *map(str, files), "-o", str(tmp_path / "model")])
        # The command line puts its own answers to signals in place; a process of tests keeps those that it had.
        numbers = [getattr(signal, n) for n in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, n)]
        before = {number: signal.getsignal(number) for number in numbers}
        with pytest.raises(SystemExit) as end:
            cli.main()
        for number, handler in before.items():
            signal.signal(number, handler)
    assert not end.value.code and "60 columns of motion" in capsys.readouterr().out


def test_what_else_is_pickled_is_read_and_inert(files: tuple[Path, Path]) -> None:
    content = Checkpoint(files[0]).content
    assert content["epoch"] == 3 and content["loader"] is INERT
    assert content["val_loader"] == [INERT, ("a", INERT, None, True, 2**70)]
    moments = content["optim_G"]["state"][0]["exp_avg"]
    assert isinstance(moments, Stored) and moments.size == (2, 3)


def test_names_and_shapes_that_are_not_theirs_are_listed(
    files: tuple[Path, Path], tiny: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    def refused(says: str, state: dict[str, torch.Tensor] | None = None, **args: object) -> None:
        if state is not None:
            torch.save({"checkpoints": state}, files[0])
        files[1].write_text(json.dumps({**TINY, **args}))
        with pytest.raises(InputError, match=says):
            convert(*files, tmp_path / "model")
        assert not (tmp_path / "model").exists()

    refused("of other sizes are encoder_x.4.weight", coord_dim=24)
    refused(r"it lacks temp_module\.layers\.1", nlayers_tf=2)
    refused("it has besides more", {**tiny, "more": torch.ones(1)})
    refused(r"it lacks lin_out\.bias", {k: v for k, v in tiny.items() if k != "lin_out.bias"})
    refused(r"not finite: lin_out\.bias", {**tiny, "lin_out.bias": tiny["lin_out.bias"] * torch.nan})
    refused("no `checkpoints`", {})
    refused("'nblocks_do' is 5", tiny, nblocks_do=5)
    refused("no multiple of 'nheads_tf'", nheads_tf=3)
    refused("'data_dim' is", data_dim=0)
    files[1].write_text("data_dim: 6")
    with pytest.raises(InputError, match="not the JSON of arguments"):
        convert(*files, tmp_path / "model")


def _zip(program: bytes, numbers: bytes = b"", compress: int = zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compress) as archive:
        archive.writestr("archive/data.pkl", program)
        archive.writestr("archive/data/0", numbers)
    return out.getvalue()


def _nested(depth: int) -> bytes:
    """Tuples in each other, as the key of a dictionary: to hash it would end the process."""
    return b"\x80\x02}N" + b"\x85" * depth + b"Ns."


def _shared() -> bytes:
    """A pair of a pair of ... as the name of a module: to write it out would take 2^64 letters."""
    return b"\x80\x02N" + b"2\x86" * 64 + b"V\n\x93."


@pytest.mark.parametrize(
    "data",
    [
        b"", b"no zip", _zip(b""), _zip(b"."), _zip(b"\x80\x02"), _zip(b"\x80\x02u."), _zip(b"(((."), _zip(b"h\x05."),
        _zip(b"\x80\x02N."), _zip(b"I1" + b"0" * 5000 + b"\n."), _zip(b"\x80\x02X\xff\xff\xff\x7fa."),
        _zip(_shared()), _zip(_nested(10)), _zip(_nested(300_000)), _zip(b"\x80\x02" + b"(" * 10**5),
        _zip(pickle.dumps([]), compress=zipfile.ZIP_DEFLATED),
        _zip(pickle.dumps({"checkpoints": {"a": 1}})), _zip(pickle.dumps({"checkpoints": Loader()})),
        pickle.dumps({"checkpoints": {}}), b"PK\x03\x04" + b"\0" * 100,
    ],
)  # fmt: skip
def test_what_is_no_checkpoint_is_one_sentence(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "c.pt").write_bytes(data)
    (tmp_path / "args").write_text(json.dumps(TINY))
    with pytest.raises(InputError, match=r"c\.pt"):
        convert(tmp_path / "c.pt", tmp_path / "args", tmp_path / "model")
    assert not (tmp_path / "model").exists()


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_mutated_checkpoints_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Of the whole file, and of the pickle inside a whole file: its own checksum would catch nearly all the former."""
    path = tmp_path_factory.mktemp("mutated") / "c.pt"
    torch.save({"checkpoints": {"a": torch.arange(6.0).reshape(2, 3), "b": [1, (2.0, None)]}, "x": {3: "y"}}, path)
    with zipfile.ZipFile(path) as archive:
        root = archive.namelist()[0].split("/")[0]
        program, numbers = archive.read(f"{root}/data.pkl"), archive.read(f"{root}/data/0")
    inside = data.draw(st.booleans())
    raw = bytearray(program if inside else path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw)))
        raw[at : at + data.draw(st.integers(0, 5))] = data.draw(st.binary(max_size=5))
    path.write_bytes(_zip(bytes(raw), numbers) if inside else bytes(raw))
    try:
        read = Checkpoint(path)
        found = read.content.get("checkpoints") if isinstance(read.content, dict) else None
        stored = {k: v for k, v in found.items() if isinstance(v, Stored)} if isinstance(found, dict) else {}
        assert all(torch.is_tensor(x) for x in read.tensors(stored).values())
    except InputError as error:
        assert str(path) in str(error)


def test_no_call_of_a_pickle_is_made(tmp_path: Path) -> None:
    """Every way in which a pickle can call: by name, by stack, as an instance, by an object's state."""
    trace, calls = tmp_path / "ran", []
    text = str(trace).encode()
    for asked in (b"cos\nmkdir\n", b"\x8c\x02os\x8c\x05mkdir\x93"):
        calls.append(b"\x80\x04" + asked + b"(V" + text + b"\ntR.")  # REDUCE
        calls.append(b"\x80\x04" + asked + b"(V" + text + b"\nt\x81.")  # NEWOBJ
    calls.append(b"(V" + text + b"\nios\nmkdir\n.")  # INST
    calls.append(b"(cos\nmkdir\nV" + text + b"\no.")  # OBJ
    calls.append(b"\x80\x02cbuiltins\nobject\n)R}V__setstate__\ncos\nmkdir\nsb.")  # BUILD
    for program in calls:
        pickletools.dis(program, io.StringIO())
        (tmp_path / "c.pt").write_bytes(_zip(program))
        assert Checkpoint(tmp_path / "c.pt").content is INERT and not trace.exists()


@pytest.mark.parametrize(
    ("change", "count"), [(lambda s: (2**40, *s[1:]), 0), (lambda s: (s[0], (10**9,), (1,)), 0), (lambda s: s, 4)]
)
def test_tensors_beyond_their_numbers_are_refused(
    tmp_path: Path, change: Callable[[tuple[Any, ...]], tuple[Any, ...]], count: int
) -> None:
    torch.save({"checkpoints": {"a": torch.arange(12.0)}}, tmp_path / "c.pt")
    checkpoint = Checkpoint(tmp_path / "c.pt")
    stored = checkpoint.content["checkpoints"]["a"]
    offset, size, stride = change((stored.offset, stored.size, stored.stride))
    wrong = Stored(stored.storage, offset, size, stride)
    if count:
        assert torch.equal(checkpoint.tensors({"a": wrong})["a"], torch.arange(12.0))
    else:
        with pytest.raises(InputError, match="missing or damaged"):
            checkpoint.tensors({"a": wrong})


def test_sizes_of_a_folder_of_strangers_are_bounded() -> None:
    good = PaperShape(10, 6).as_dict()
    assert PaperShape.of(json.loads(json.dumps(good))) == PaperShape(10, 6)
    for wrong in ({"width": 10**9}, {"width": 1.5}, {"trunk": [1] * 9}, {"more": 1}, {"heads": True}):
        with pytest.raises((TypeError, ValueError)):
            PaperShape.of({**good, **wrong})
