"""Frechet distances with a stand-in network: the mean colour of what it is shown."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from picture_samples import footage, hopper, still

from mssync.errors import InputError
from mssync.evaluation.scores.feature_nets import CLIP, PICTURE, FeatureNet, clip_features, picture_features, scores


def colour_net(path: Path, shape: tuple[int | str, ...]) -> Path:
    """Mean of every channel over all other axes: ``(N, 3)``."""
    axes = list(range(2, len(shape)))
    node = helper.make_node("ReduceMean", ["x", "axes"], ["y"], keepdims=0)
    graph = helper.make_graph(
        [node],
        "colour",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [shape[0], 3])],
        [helper.make_tensor("axes", TensorProto.INT64, [len(axes)], axes)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.save(model, str(path))
    return path


def test_distances_of_equal_and_of_brighter_videos(tmp_path: Path) -> None:
    a = still(tmp_path / "a.mp4", 40)
    grey = [np.full_like(hopper().rgb, 90)] * 40
    lighter = [np.full_like(hopper().rgb, 141)] * 40
    dark, light = (footage(tmp_path / f"{i}.mp4", f, hopper().points) for i, f in enumerate((grey, lighter)))
    nets = colour_net(tmp_path / "p.onnx", ("N", *PICTURE)), colour_net(tmp_path / "c.onnx", ("N", *CLIP))
    fid, fvd = scores([a], [a], *nets)
    assert (fid.key, fvd.key) == ("picture.fid", "picture.fvd")
    assert fid.value == pytest.approx(0, abs=1e-6) and fvd.value == pytest.approx(0, abs=1e-6)
    assert fid.note.startswith("8 rows against 8") and fvd.note.startswith("2 rows against 2")
    fid, fvd = scores([dark, dark], [light], *nets)
    # 51 of 127.5 levels in each of three channels
    assert fid.value == pytest.approx(3 * 0.4**2, rel=0.05) and fvd.value == pytest.approx(3 * 0.4**2, rel=0.05)
    assert fid.note.startswith("16 rows against 8")


def test_features_have_one_row_per_picture_and_per_clip(tmp_path: Path) -> None:
    a = still(tmp_path / "a.mp4", 31)
    assert picture_features(FeatureNet(colour_net(tmp_path / "p.onnx", (1, *PICTURE)), PICTURE), a).shape == (7, 3)
    net = FeatureNet(colour_net(tmp_path / "c.onnx", ("N", 3, "T", "H", "W")), CLIP)
    assert clip_features(net, a).shape == (1, 3)


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    a = still(tmp_path / "a.mp4")
    nets = colour_net(tmp_path / "p.onnx", ("N", *PICTURE)), colour_net(tmp_path / "c.onnx", ("N", *CLIP))
    fid, fvd = scores([a], [a], None, None)
    assert fid.value is None and "Inception" in fid.note and "I3D" in fvd.note
    fid, fvd = scores([a], [], *nets)
    assert fid.value is None and "no real footage" in fid.note
    fid, fvd = scores([a], [a], *nets)
    assert fid.value is not None and fvd.value is None and "too short" in fvd.note


@pytest.mark.parametrize("shape", [("N", 3, 32, 32), ("N", 299, 299, 3), (4, *PICTURE), ("N", *CLIP)])
def test_a_network_that_takes_something_else_is_refused(tmp_path: Path, shape: tuple[int | str, ...]) -> None:
    with pytest.raises(InputError, match="export the network again"):
        FeatureNet(colour_net(tmp_path / "p.onnx", shape), PICTURE)


def test_a_file_that_is_no_network_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.pth").write_bytes(b"something else")
    with pytest.raises(InputError, match="ONNX"):
        FeatureNet(tmp_path / "x.pth", PICTURE)


def test_numbers_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    net = FeatureNet(colour_net(tmp_path / "p.onnx", ("N", *PICTURE)), PICTURE)
    with pytest.raises(InputError, match="no finite numbers"):
        net(np.full(PICTURE, np.nan, np.float32))
