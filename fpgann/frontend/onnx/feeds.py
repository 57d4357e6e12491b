# SPDX-License-Identifier: Apache-2.0
"""Models together with what is fed to them, as ONNX backends get them.

A test of one operator feeds everything as an input, also what hardware must know when it is built: axes, shapes,
statistics, clip limits. Such inputs are found by the role of the operand that they reach, in `CONSTANT_OPERANDS`, and
become initialisers of the model with the numbers that are fed, and so do empty tensors, which have none. All other
inputs stay inputs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx

from fpgann.errors import UnsupportedOperatorError
from fpgann.frontend.onnx.constants import Array
from fpgann.frontend.onnx.importer import import_outputs
from fpgann.frontend.onnx.reader import read_proto
from fpgann.frontend.onnx.tables import IMPORTERS
from fpgann.ir import Graph

CONSTANT_OPERANDS: Mapping[str, tuple[int, ...]] = {
    "BatchNormalization": (1, 2, 3, 4),
    "BitShift": (1,),
    "CastLike": (1,),
    "CenterCropPad": (1,),
    "Clip": (1, 2),
    "Compress": (1,),
    "ConstantOfShape": (0,),
    "Conv": (1, 2),
    "ConvInteger": (1, 2, 3),
    "ConvTranspose": (1, 2),
    "CumSum": (1,),
    "DequantizeLinear": (1, 2),
    "Dropout": (1, 2),
    "Expand": (1,),
    "GRU": (1, 2, 3, 4, 5),
    "Gather": (1,),
    "GatherElements": (1,),
    "GatherND": (1,),
    "GroupNormalization": (1, 2),
    "InstanceNormalization": (1, 2),
    "LSTM": (1, 2, 3, 4, 5, 6, 7),
    "LayerNormalization": (1, 2),
    "MatMulInteger": (1, 2, 3),
    "Mod": (1,),
    "OneHot": (1, 2),
    "PRelu": (1,),
    "Pad": (1, 2, 3),
    "Pow": (1,),
    "QLinearConv": (1, 2, 3, 4, 5, 6, 7, 8),
    "QLinearMatMul": (1, 2, 3, 4, 5, 6, 7),
    "QuantizeLinear": (1, 2),
    "RMSNormalization": (1,),
    "RNN": (1, 2, 3, 4, 5),
    "Range": (0, 1, 2),
    "ReduceL1": (1,),
    "ReduceL2": (1,),
    "ReduceLogSum": (1,),
    "ReduceLogSumExp": (1,),
    "ReduceMax": (1,),
    "ReduceMean": (1,),
    "ReduceMin": (1,),
    "ReduceProd": (1,),
    "ReduceSum": (1,),
    "ReduceSumSquare": (1,),
    "Reshape": (1,),
    "Resize": (1, 2, 3),
    "ReverseSequence": (1,),
    "Scatter": (1,),
    "ScatterElements": (1,),
    "ScatterND": (1,),
    "Slice": (1, 2, 3, 4),
    "Split": (1,),
    "Squeeze": (1,),
    "Tile": (1,),
    "TopK": (1,),
    "Trilu": (1,),
    "Unsqueeze": (1,),
    "Upsample": (1,),
}
"""Operands that hardware must know when it is built, by ONNX operator."""

_SHAPES_ONLY = frozenset({"Shape", "Size"})  # their result is known without their operand's numbers


@dataclass(frozen=True)
class FedModel:
    """A model and its inputs, ready to be lowered.

    Args:
        graph: what is computed from inputs; None if nothing is.
        inputs: float64 numbers for the inputs of the graph.
        constants: outputs that depend on no input of the graph.
        element_types: numpy type of every output, in order.
    """

    graph: Graph | None
    inputs: Mapping[str, Array]
    constants: Mapping[str, Array]
    element_types: Mapping[str, np.dtype[np.generic]]


def import_fed(proto: onnx.ModelProto, feeds: Mapping[str, Array], name: str) -> FedModel:
    """Import a model for the very tensors that are fed to it.

    Args:
        proto: the model; left as it is.
        feeds: tensors by input name.
        name: what messages call the model.

    Raises:
        UnsupportedOperatorError: a node cannot be built, or an output is no tensor of numbers.
        MalformedModelError: the model contradicts itself or the ONNX standard.
    """
    bound = bound_inputs(proto.graph) | {name for name, array in feeds.items() if array.size == 0}
    pinned = onnx.ModelProto()
    pinned.CopyFrom(proto)
    del pinned.graph.value_info[:]
    for value in pinned.graph.input:
        if value.name in bound and value.name in feeds:
            pinned.graph.initializer.append(onnx.numpy_helper.from_array(feeds[value.name], value.name))
        elif value.name in feeds:
            _pin(value, feeds[value.name])
    kept = [value for value in pinned.graph.input if value.name not in bound]
    del pinned.graph.input[:]
    pinned.graph.input.extend(kept)
    element_types = {value.name: _element_type(value) for value in pinned.graph.output}
    model = read_proto(pinned, Path(f"{name}.onnx"), hashlib.sha256(), only_constants=True)
    graph, constants = import_outputs(model)
    names = [] if graph is None else [value.name for value in graph.inputs]
    inputs = {name: feeds[name].astype(np.float64) for name in names}
    return FedModel(graph, inputs, constants, element_types)


def has_operators(proto: onnx.ModelProto) -> bool:
    """Whether every node that is not constant has an importer; what it is asked to do may still be refused."""
    computed = {value.name for value in proto.graph.input} - bound_inputs(proto.graph)
    computed -= {tensor.name for tensor in proto.graph.initializer}
    functions = {(function.domain, function.name) for function in proto.functions}
    for node in proto.graph.node:
        if not computed.intersection(node.input):
            continue
        computed.update(node.output)
        domain = "" if node.domain == "ai.onnx" else node.domain
        if (domain, node.op_type) not in IMPORTERS and (node.domain, node.op_type) not in functions:
            return False
    return True


def bound_inputs(graph: onnx.GraphProto) -> frozenset[str]:
    """Inputs that reach an operand which must be constant, directly or through other nodes."""
    needed = {name for node in _nodes(graph) for name in _constant_operands(node)}
    for node in reversed(graph.node):
        if needed.intersection(node.output) and node.op_type not in _SHAPES_ONLY:
            needed.update(node.input)
    return frozenset(value.name for value in graph.input if value.name in needed)


def _nodes(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    """All nodes, those of graphs inside them too."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in ([attribute.g] if attribute.HasField("g") else []) + list(attribute.graphs):
                yield from _nodes(inner)


def _constant_operands(node: onnx.NodeProto) -> Iterator[str]:
    for index in CONSTANT_OPERANDS.get(node.op_type, ()):
        if index < len(node.input) and node.input[index]:
            yield node.input[index]


def _pin(value: onnx.ValueInfoProto, fed: Array) -> None:
    """Give an input the shape of what is fed."""
    shape = value.type.tensor_type.shape
    del shape.dim[:]
    shape.SetInParent()
    for size in fed.shape:
        shape.dim.add().dim_value = size


def _element_type(value: onnx.ValueInfoProto) -> np.dtype[np.generic]:
    kind = value.type.tensor_type.elem_type
    try:
        return np.dtype(onnx.helper.tensor_dtype_to_np_dtype(kind))
    except KeyError:
        raise UnsupportedOperatorError(
            "it is no tensor of numbers", where=f"output '{value.name}'", hint="use tensors as outputs"
        ) from None
