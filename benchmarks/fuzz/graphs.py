"""Ways to spoil a network file, by meaning where the ``onnx`` package is there."""

from __future__ import annotations

import random
from importlib.util import find_spec
from typing import Any, Final

from fuzz.mutations import FLOATS, INTS, TEXTS, spoil_bytes

_OPERATORS: Final = (
    "Loop", "Scan", "If", "ConstantOfShape", "Expand", "Tile", "Range", "Resize", "NonZero", "Identity", "MatMul",
    "Conv",
    "LSTM", "EyeLike", "RandomNormal", "SequenceMap", "StringSplit", "Gather", "Reshape", "Einsum", "Pad", "OneHot", "",
    "CumSum", "Unknown", "Flatten", "Transpose", "Softmax", "Erf", "Log", "Sqrt", "Div", "Cast",
)  # fmt: skip


def spoil_graph(data: bytes, rng: random.Random) -> bytes:
    """A network file with one to three things changed."""
    if find_spec("onnx") is None or rng.random() < 0.3:
        return spoil_bytes(data, rng)
    import onnx

    try:
        model = onnx.ModelProto.FromString(data)
        for _ in range(rng.choice((1, 1, 2, 3))):
            rng.choice(_WAYS)(model, rng)
        return bytes(model.SerializeToString())
    except (ValueError, TypeError, IndexError, UnicodeError):
        return spoil_bytes(data, rng)


def _node(model: Any, rng: random.Random) -> Any:
    return rng.choice(model.graph.node)


def _operator(model: Any, rng: random.Random) -> None:
    _node(model, rng).op_type = rng.choice(_OPERATORS)


def _domain(model: Any, rng: random.Random) -> None:
    _node(model, rng).domain = rng.choice(("com.microsoft", "ai.onnx.ml", "own", "x" * 5000))


def _rewire(model: Any, rng: random.Random) -> None:
    a, b = _node(model, rng), _node(model, rng)
    if a.input and b.output:
        a.input[rng.randrange(len(a.input))] = rng.choice((b.output[0], "", "nowhere", model.graph.input[0].name))


def _drop(model: Any, rng: random.Random) -> None:
    del model.graph.node[rng.randrange(len(model.graph.node))]


def _again(model: Any, rng: random.Random) -> None:
    model.graph.node.append(_node(model, rng))


def _attribute(model: Any, rng: random.Random) -> None:
    node = rng.choice([n for n in model.graph.node if n.attribute])
    attribute = rng.choice(node.attribute)
    if attribute.ints:
        attribute.ints[rng.randrange(len(attribute.ints))] = max(-(2**63), min(2**63 - 1, rng.choice(INTS)))
    elif attribute.HasField("t"):
        _values(attribute.t, rng)
    else:
        attribute.i = max(-(2**63), min(2**63 - 1, rng.choice(INTS)))
        attribute.f = rng.choice([f for f in FLOATS if abs(f) < 1e38])


def _weights(model: Any, rng: random.Random) -> None:
    _values(rng.choice(model.graph.initializer), rng)


def _values(tensor: Any, rng: random.Random) -> None:
    way = rng.randrange(6)
    if way == 0 and tensor.dims:
        tensor.dims[rng.randrange(len(tensor.dims))] = rng.choice((0, 1, 2, 2**20, 2**40, -1))
    elif way == 1:
        tensor.data_type = rng.randrange(24)
    elif way == 2:
        tensor.data_location = 1
        tensor.ClearField("raw_data")
        entry = tensor.external_data.add()
        entry.key, entry.value = (
            "location",
            rng.choice(("../../../etc/passwd", "/dev/zero", "space.npz", "manifest.json")),
        )
    elif way == 3:
        tensor.ClearField("raw_data")
    elif tensor.raw_data:
        raw = bytearray(tensor.raw_data)
        for _ in range(rng.choice((1, 8))):
            at = rng.randrange(len(raw))
            raw[at : at + 4] = rng.choice(
                (b"\xff" * 4, b"\0\0\xc0\x7f", b"\0\0\x80\x7f", b"\xff\xff\x7f\x7f", b"\0" * 4)
            )[: len(raw) - at]
        tensor.raw_data = bytes(raw)


def _interface(model: Any, rng: random.Random) -> None:
    value = rng.choice([*model.graph.input, *model.graph.output])
    way = rng.randrange(4)
    if way == 0:
        value.name = rng.choice([t for t in TEXTS if t.isprintable()])
    elif way == 1:
        value.type.tensor_type.elem_type = rng.randrange(20)
    elif value.type.tensor_type.shape.dim:
        dim = rng.choice(value.type.tensor_type.shape.dim)
        dim.dim_value = rng.choice((0, 1, 3, 2**31, -1, 1000))
    if way == 3:
        del model.graph.output[rng.randrange(len(model.graph.output))]


def _opset(model: Any, rng: random.Random) -> None:
    if model.opset_import:
        model.opset_import[0].version = rng.choice((0, 1, 7, 13, 17, 21, 99, 2**40))
    if rng.random() < 0.3:
        model.ir_version = rng.choice((0, 3, 99))


def _bomb(model: Any, rng: random.Random) -> None:
    """A tensor of a constant, huge shape in the way of the first input."""
    import numpy as np
    from onnx import helper, numpy_helper

    shape = rng.choice(([10**12], [10**6, 10**6], [2**40, 1, 1], [60_000, 60_000], [3, 10**9], [2**28]))
    model.graph.initializer.append(numpy_helper.from_array(np.array(shape, np.int64), "fuzz_shape"))
    name = model.graph.input[0].name
    kind = rng.choice(("ConstantOfShape", "Expand", "Tile"))
    takes = ["fuzz_shape"] if kind == "ConstantOfShape" else [name, "fuzz_shape"]
    model.graph.node.insert(0, helper.make_node(kind, takes, ["fuzz_big"]))
    model.graph.node.insert(1, helper.make_node("ReduceSum", ["fuzz_big"], ["fuzz_sum"], keepdims=0))
    model.graph.node.insert(2, helper.make_node("Add", [name, "fuzz_sum"], ["fuzz_in"]))
    for node in list(model.graph.node)[3:]:
        for i, used in enumerate(node.input):
            if used == name:
                node.input[i] = "fuzz_in"


_WAYS: Final = (_operator, _domain, _rewire, _drop, _again, _attribute, _weights, _weights, _interface, _opset, _bomb)
