"""What is inside an ONNX file, read from its bytes before anything runs it.

A network file is a program: it can loop for ever, ask for any amount of memory, and read other files. So the graph is
looked at first, with a few lines of the protocol-buffer format it is written in (field numbers as in ``onnx.proto``),
and refused where it holds what our own networks, or a plain picture network, have no use for.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

# What PyTorch's exporter writes for our networks; tests/nets and the shipped files hold the list together.
OPERATORS: Final = frozenset(
    {
        "Abs", "Add", "And", "BatchNormalization", "Cast", "Clip", "Concat", "Constant", "ConstantOfShape", "Conv",
        "Div", "Elu", "Equal", "Erf", "Exp", "Expand", "Flatten", "Gather", "Gelu", "Gemm", "Greater",
        "GreaterOrEqual", "Identity", "InstanceNormalization", "LayerNormalization", "LeakyRelu", "Less",
        "LessOrEqual", "Log", "LogSoftmax", "MatMul", "Max", "Min", "Mod", "Mul", "Neg", "Not", "Or", "Pad", "Pow",
        "Reciprocal", "ReduceL2", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceSum", "Relu", "Reshape", "Shape",
        "Sigmoid", "Sign", "Slice", "Softmax", "Softplus", "Split", "Sqrt", "Squeeze", "Sub", "Tanh", "Transpose",
        "Unsqueeze", "Where", "Xor",
    }
)  # fmt: skip
# Of a network that a user brings: anything but what repeats, branches or runs on sequences of unknown length.
REFUSED: Final = frozenset(("Loop", "Scan", "If", "SequenceMap", "StringSplit", "RegexFullMatch", "StringConcat"))
DOMAINS: Final = ("", "ai.onnx")
MAX_OWN_BYTES: Final = 64 * 2**20
MAX_BYTES: Final = 2**31 - 1  # of any file: the format's own limit
MAX_NODES: Final = 20_000
MAX_ITEMS: Final = 2**25  # of a tensor that a graph makes from a constant shape
MAX_DEPTH: Final = 8
_SHAPED: Final = {"ConstantOfShape": 0, "Expand": 1, "Tile": 1}  # operators whose result's size an input tells
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


class Refused(ValueError):
    """Why a graph is not run, as the end of a sentence."""


@dataclass
class Graph:
    """What matters of a graph.

    Attributes:
        nodes: number of nodes, those inside of others counted.
        operators: (domain, name) of all that are used.
        external: names of the files that hold weights beside the graph.
        nested: whether a graph, a function or a training step lies inside of it.
        sizes: (operator, number of items) of tensors whose shape is a constant.
    """

    nodes: int = 0
    operators: set[tuple[str, str]] = field(default_factory=set)
    external: list[str] = field(default_factory=list)
    nested: bool = False
    sizes: list[tuple[str, int]] = field(default_factory=list)


def read_graph(data: bytes) -> Graph:
    """Look through an ONNX file.

    Raises:
        Refused: the bytes are no ONNX file.
    """
    graph, found = Graph(), False
    constants: dict[str, int] = {}
    shaped: list[tuple[str, str]] = []
    try:
        for number, kind, value in _fields(memoryview(data)):
            if number == 7 and kind == _BYTES:
                found = True
                _graph(value, graph, constants, shaped, 0)
            elif number in (20, 25):
                graph.nested = True
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise Refused("it is no ONNX file") from error
    if not found:
        raise Refused("it is no ONNX file")
    graph.sizes = [(op, constants[name]) for op, name in shaped if name in constants]
    return graph


def check_own(data: bytes) -> None:
    """Refuse a graph that is none of our own networks: the runtime, the judges and the syncers.

    Raises:
        Refused: too large, weights in other files, or an operator that PyTorch's exporter does not write for them.
    """
    if len(data) > MAX_OWN_BYTES:
        raise Refused(f"it is larger than {MAX_OWN_BYTES // 2**20} MB")
    graph = read_graph(data)
    if graph.external:
        raise Refused("it keeps weights in other files")
    if graph.nested:
        raise Refused("it holds graphs inside of graphs")
    foreign = sorted(op for domain, op in graph.operators if domain not in DOMAINS or op not in OPERATORS)
    if foreign:
        raise Refused(f"it uses the operator {foreign[0][:40]!r}")
    _check_sizes(graph)


def check_foreign(data: bytes) -> None:
    """Refuse a network that a user brings where it may run without end, or reads other files.

    Raises:
        Refused: loops, branches, operators of others, or weights in other files.
    """
    if len(data) > MAX_BYTES:
        raise Refused("it is larger than 2 GB")
    graph = read_graph(data)
    if graph.external:
        raise Refused("it keeps weights in other files (export it with all weights inside)")
    if graph.nested:
        raise Refused("it holds graphs inside of graphs")
    foreign = sorted(op for domain, op in graph.operators if domain not in DOMAINS or op in REFUSED)
    if foreign:
        raise Refused(f"it uses the operator {foreign[0][:40]!r}")
    _check_sizes(graph)


def _check_sizes(graph: Graph) -> None:
    if graph.nodes > MAX_NODES:
        raise Refused(f"it has {graph.nodes} nodes")
    for op, items in graph.sizes:
        if items > MAX_ITEMS:
            raise Refused(f"its {op} makes a tensor of {items:.0e} numbers")


# ---- the format ------------------------------------------------------------------------------------------------------


def _graph(data: memoryview, out: Graph, constants: dict[str, int], shaped: list[tuple[str, str]], depth: int) -> None:
    if depth > MAX_DEPTH:
        raise Refused("it holds graphs inside of graphs")
    for number, kind, value in _fields(data):
        if kind != _BYTES:
            continue
        if number == 1:
            _node(value, out, constants, shaped, depth)
        elif number == 5:
            name, items = _tensor(value, out)
            constants[name] = items
        elif number == 15:
            out.nested = True  # sparse weights: nothing that we write


def _node(data: memoryview, out: Graph, constants: dict[str, int], shaped: list[tuple[str, str]], depth: int) -> None:
    takes: list[str] = []
    gives: list[str] = []
    ops: list[str] = []
    domains: list[str] = []
    tensors: list[int] = []
    for number, kind, value in _fields(data):
        if kind != _BYTES:
            continue
        texts = {1: takes, 2: gives, 4: ops, 7: domains}.get(number)
        if texts is not None:
            texts.append(bytes(value).decode())
        elif number == 5:
            tensors += _attribute(value, out, constants, shaped, depth)
    if len(ops) != 1 or len(domains) > 1:
        raise Refused("it is no ONNX file")
    out.nodes += 1
    out.operators.add((domains[0] if domains else "", ops[0]))
    if ops[0] == "Constant" and gives and tensors:
        constants[gives[0]] = max(tensors)
    at = _SHAPED.get(ops[0])
    if at is not None and at < len(takes):
        shaped.append((ops[0], takes[at]))


def _attribute(
    data: memoryview, out: Graph, constants: dict[str, int], shaped: list[tuple[str, str]], depth: int
) -> list[int]:
    """What the values of the attribute's tensors multiply to; and graphs are looked through."""
    found: list[int] = []
    whole: list[int] = []
    for number, kind, value in _fields(data):
        if number == 8:
            whole += _varints(value) if kind == _BYTES else [_signed(value)]
        if kind != _BYTES:
            continue
        if number in (5, 10):
            found.append(_tensor(value, out)[1])
        elif number in (6, 11):
            out.nested = True
            _graph(value, out, constants, shaped, depth + 1)
        elif number in (22, 23):
            out.nested = True
    return found + ([_product(whole)] if whole else [])


def _tensor(data: memoryview, out: Graph) -> tuple[str, int]:
    """A tensor's name, and the product of its values where they are a few whole numbers (a shape), else 0."""
    name, kind_of, values = "", 0, [0]
    for number, kind, value in _fields(data):
        if number == 2 and kind == _VARINT:
            kind_of = value
        elif number == 8 and kind == _BYTES:
            name = bytes(value).decode()
        elif number == 13 or (number == 14 and value == 1):
            out.external.append(_place(value) if number == 13 else "")
        elif number == 7:
            values = _varints(value) if kind == _BYTES else [*values, _signed(value)]
        elif number == 9 and kind == _BYTES and len(value) <= 128 and len(value) % 8 == 0:
            values = list(struct.unpack(f"<{len(value) // 8}q", value))
    return name, _product(values) if kind_of == 7 and len(values) <= 16 else 0


def _place(entry: memoryview) -> str:
    """The value of one entry of a tensor's external data."""
    return next((bytes(v).decode("utf-8", "replace") for n, k, v in _fields(entry) if n == 2 and k == _BYTES), "")


def _product(values: list[int]) -> int:
    """How many numbers a tensor of this shape has."""
    return math.prod(max(1, abs(v)) for v in values if abs(v) < 2**62)


def _varints(data: memoryview) -> list[int]:
    values: list[int] = []
    at = 0
    while at < len(data) and len(values) < 64:
        value, at = _varint(data, at)
        values.append(_signed(value))
    return values


def _signed(value: int) -> int:
    return value - 2**64 if value >= 2**63 else value


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value & (2**64 - 1), at
        shift += 7
        if shift > 63:
            raise Refused("it is no ONNX file")


def _fields(data: memoryview) -> Iterator[tuple[int, int, Any]]:
    """The fields of a message: number, kind of writing, and the value (bytes, or a whole number)."""
    at, end = 0, len(data)
    while at < end:
        tag, at = _varint(data, at)
        number, kind = tag >> 3, tag & 7
        value: Any
        if kind == _VARINT:
            value, at = _varint(data, at)
        elif kind == _BYTES:
            size, at = _varint(data, at)
            if size > end - at:
                raise Refused("it is no ONNX file")
            value, at = data[at : at + size], at + size
        elif kind in (_FIXED32, _FIXED64):
            value, at = 0, at + (4 if kind == _FIXED32 else 8)
        else:
            raise Refused("it is no ONNX file")
        yield number, kind, value
