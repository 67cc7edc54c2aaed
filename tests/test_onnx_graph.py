"""Network files from anybody: refused before they are run where they loop, branch, swell or read other files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mssync
from mssync.errors import AssetError
from mssync.onnx_graph import MAX_OWN_BYTES, OPERATORS, Refused, check_foreign, check_own, read_graph
from mssync.sessions import Network, open_session

onnx = pytest.importorskip("onnx", reason="writes the graphs of these tests")
h: Any = onnx.helper
FLOAT, INT64 = 1, 7
WEIGHTS = Path(mssync.__file__).parent / "weights"
SHIPPED = sorted(p for folder in ("default", "judge", "syncer") for p in (WEIGHTS / folder).glob("*.onnx"))


def constant(name: str, values: Any, kind: Any = np.int64) -> Any:
    return onnx.numpy_helper.from_array(np.array(values, kind), name)


def model(nodes: Sequence[Any], weights: Sequence[Any] = (), **more: Any) -> Any:
    x, y = h.make_tensor_value_info("x", FLOAT, [1, 4]), h.make_tensor_value_info("y", FLOAT, None)
    graph = h.make_graph(list(nodes), "g", [x], [y], list(weights))
    sets = [h.make_opsetid("", 18), *(h.make_opsetid(d, 1) for d in more.pop("domains", ()))]
    return h.make_model(graph, opset_imports=sets, ir_version=8, **more)


def loop() -> Any:
    """y = x, 2^62 times."""
    body = h.make_graph(
        [h.make_node("Identity", ["on"], ["still"]), h.make_node("Identity", ["v"], ["w"])],
        "body",
        [h.make_tensor_value_info(n, t, []) for n, t in (("i", INT64), ("on", 9))]
        + [h.make_tensor_value_info("v", FLOAT, [1, 4])],
        [h.make_tensor_value_info("still", 9, []), h.make_tensor_value_info("w", FLOAT, [1, 4])],
    )
    weights = [constant("n", 2**62), constant("yes", True, np.bool_)]
    return model([h.make_node("Loop", ["n", "yes", "x"], ["y"], body=body)], weights)


def beside() -> Any:
    weight = constant("w", np.zeros((1, 4)), np.float32)
    onnx.external_data_helper.set_external_data(weight, "../../../etc/passwd")
    weight.ClearField("raw_data")
    weight.data_location = 1
    return model([h.make_node("Add", ["x", "w"], ["y"])], [weight])


def function() -> Any:
    node = h.make_node("Twice", ["x"], ["y"], domain="own")
    add = h.make_node("Add", ["a", "a"], ["b"])
    made = h.make_function("own", "Twice", ["a"], ["b"], [add], [h.make_opsetid("", 18)])
    return model([node], functions=[made], domains=["own"])


def swell(op: str) -> Any:
    takes = {"ConstantOfShape": ["s"], "Expand": ["x", "s"]}[op]
    total = h.make_node("ReduceSum", ["big"], ["y"], keepdims=0)
    return model([h.make_node(op, takes, ["big"]), total], [constant("s", [10**6, 10**6, 1, 4])])


def swell_by_node() -> Any:
    shape = h.make_node("Constant", [], ["s"], value=constant("", [10**12]))
    total = h.make_node("ReduceSum", ["big"], ["y"], keepdims=0)
    return model([shape, h.make_node("ConstantOfShape", ["s"], ["big"]), total])


BAD: dict[str, tuple[Callable[[], Any], str]] = {
    "loop": (loop, "graphs inside of graphs"),
    "weights beside": (beside, "weights in other files"),
    "function": (function, "graphs inside of graphs"),
    "other domain": (
        lambda: model([h.make_node("Gelu", ["x"], ["y"], domain="com.microsoft")], domains=["com.microsoft"]),
        "operator 'Gelu'",
    ),
    "constant of a shape": (lambda: swell("ConstantOfShape"), "ConstantOfShape makes a tensor"),
    "expanded": (lambda: swell("Expand"), "Expand makes a tensor"),
    "shape from a node": (swell_by_node, "ConstantOfShape makes a tensor"),
}


@pytest.mark.parametrize("kind", BAD)
def test_graphs_that_are_refused(tmp_path: Path, kind: str) -> None:
    make, said = BAD[kind]
    data = make().SerializeToString()
    for check in (check_own, check_foreign):
        with pytest.raises(Refused, match=said):
            check(data)
    (tmp_path / "net.onnx").write_bytes(data)
    with pytest.raises(AssetError, match=r"net\.onnx is refused as a network: .*" + said):
        open_session(tmp_path / "net.onnx", origin="user")


def test_our_own_networks_use_known_operators_only() -> None:
    data = model([h.make_node("Tile", ["x", "t"], ["y"])], [constant("t", [1, 2])]).SerializeToString()
    with pytest.raises(Refused, match="operator 'Tile'"):
        check_own(data)
    check_foreign(data)
    with pytest.raises(Refused, match="larger than 64 MB"):
        check_own(bytes(MAX_OWN_BYTES + 1))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_the_walker_sees_what_onnx_sees(path: Path) -> None:
    real = onnx.load(str(path))
    graph = read_graph(path.read_bytes())
    assert graph.nodes == len(real.graph.node)
    assert graph.operators == {(n.domain, n.op_type) for n in real.graph.node}
    assert {op for _, op in graph.operators} <= OPERATORS and not graph.external and not graph.nested
    check_own(path.read_bytes())


@pytest.mark.parametrize("data", [b"", b"\x00", b"nonsense", b"\x3a\xff\xff\xff\xff\x7f", b"\x3b", b"\xff" * 30])
def test_bytes_that_are_no_graph(data: bytes) -> None:
    with pytest.raises(Refused):
        read_graph(data)


def test_memory_is_bounded_while_it_runs() -> None:
    """The size depends on the input, so only the run can tell: 2^28 x 16 bytes."""
    nodes = [
        h.make_node("ReduceSum", ["x"], ["total"], keepdims=0),
        h.make_node("Cast", ["total"], ["n"], to=INT64),
        h.make_node("Unsqueeze", ["n", "axis"], ["one"]),
        h.make_node("Concat", ["one", "four"], ["shape"], axis=0),
        h.make_node("Expand", ["x", "shape"], ["y"]),
    ]
    data = model(nodes, [constant("axis", [0]), constant("four", [4])]).SerializeToString()
    net = Network(Path("net.onnx"), open_session(Path("net.onnx"), data=data), {"x": (1, 4)}, {"y": (None, 4)})
    assert net.run({"x": np.ones((1, 4), np.float32)})[0].shape == (4, 4)
    with pytest.raises(AssetError, match=r"net\.onnx fails on its input"):
        net.run({"x": np.full((1, 4), 2**26, np.float32)})


def test_a_network_is_what_was_expected() -> None:
    data = model([h.make_node("Log", ["x"], ["y"])]).SerializeToString()
    session = open_session(Path("net.onnx"), data=data)
    takes, gives = {"x": (1, 4)}, {"y": (1, 4)}
    for wrong in ({"z": (1, 4)}, {"x": (1, 5)}, {"x": (4,)}):
        with pytest.raises(AssetError, match="other inputs"):
            Network(Path("net.onnx"), session, wrong, gives)
    with pytest.raises(AssetError, match="other inputs"):
        Network(Path("net.onnx"), session, takes, {"z": (1, 4)})
    net = Network(Path("net.onnx"), session, takes, gives)
    np.testing.assert_allclose(net.run({"x": np.ones((1, 4), np.float32)})[0], 0.0)
    with pytest.raises(AssetError, match="no numbers of its kind"):
        net.run({"x": -np.ones((1, 4), np.float32)})
