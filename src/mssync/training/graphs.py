"""Weights back from exported graphs: the way from ONNX to PyTorch, exact, by the names that the export keeps."""

from __future__ import annotations

from typing import Final

import onnx
import torch
from onnx import TensorProto, numpy_helper
from torch import Tensor, nn

from mssync.errors import AssetError

_HALF: Final = "_half"  # weights stored as half floats end so, and are cast back by the graph
_FOLDED: Final = "onnx::"  # what the exporter folded into a constant has lost its name, but keeps its place


def fill(net: nn.Module, data: bytes, what: str) -> None:
    """Put the weights of a graph into the net that it was exported from.

    Args:
        net: of the same sizes.
        data: the ONNX file.
        what: name of the file, for the sentence.
    Raises:
        AssetError: the graph is not one of such a net.
    """
    try:
        named, folded = graph_weights(data)
        state = net.state_dict()
        missing = [k for k in state if k not in named]
        # What only training needs (the temperature of a syncer) is in no graph.
        wanted = [k for k in missing if state[k].ndim > 0]
        if len(wanted) != len(folded):
            raise ValueError("other weights")
        named |= dict(zip(wanted, folded, strict=True))
        net.load_state_dict({**{k: state[k] for k in missing if k not in wanted}, **named})
        if not all(bool(torch.isfinite(x).all()) for x in named.values()):
            raise ValueError("not finite")
    except (ValueError, RuntimeError) as e:
        raise AssetError(f"{what} is not a graph of a net of these sizes; export the model again.") from e


def graph_weights(data: bytes) -> tuple[dict[str, Tensor], list[Tensor]]:
    """Weights by name, and those that have lost theirs, in their order.

    Raises:
        ValueError: this is no graph that holds its own weights.
    """
    named: dict[str, Tensor] = {}
    folded: list[Tensor] = []
    try:
        for tensor in onnx.load_model_from_string(data).graph.initializer:
            if tensor.data_location == TensorProto.EXTERNAL:
                raise ValueError("weights beside the graph")
            values = torch.from_numpy(numpy_helper.to_array(tensor).copy()).float()
            if tensor.name.startswith(_FOLDED):
                folded.append(values)
            else:
                named[tensor.name.removesuffix(_HALF)] = values
    except Exception as e:  # protobuf, onnx and PyTorch each fail in their own way on foreign bytes
        raise ValueError("no graph that holds its own weights") from e
    return named, folded
