# SPDX-License-Identifier: Apache-2.0
"""Operators of QONNX on maps with their channels last, as standard operators between transposes.

QONNX defines them so (qonnx, src/qonnx/custom_op/channels_last): the standard operator on its first operand, and on
weights, with the last axis moved to place 1; its result has that axis last again.
"""

from __future__ import annotations

import onnx

CHANNELS_LAST = "qonnx.custom_op.channels_last"
_WEIGHTED = frozenset({"Conv", "ConvTranspose"})
_WRAPPED = _WEIGHTED | {"MaxPool", "AveragePool", "LpPool", "GlobalAveragePool", "GlobalMaxPool", "BatchNormalization"}
_USUAL_RANK = 4


def with_channels_first(proto: onnx.ModelProto) -> onnx.ModelProto:
    """The model with standard operators in place of those of QONNX; the model itself if it has none."""
    if not any(_is_wrapped(node) for node in proto.graph.node):
        return proto
    result = onnx.ModelProto()
    result.CopyFrom(proto)
    ranks = {tensor.name: len(tensor.dims) for tensor in result.graph.initializer}
    for value in [*result.graph.input, *result.graph.value_info, *result.graph.output]:
        if value.type.tensor_type.HasField("shape"):
            ranks[value.name] = len(value.type.tensor_type.shape.dim)
    nodes: list[onnx.NodeProto] = []
    for node in result.graph.node:
        nodes += _between_transposes(node, ranks) if _is_wrapped(node) else [node]
    copies = onnx.GraphProto(node=nodes)
    del result.graph.node[:]
    result.graph.node.extend(copies.node)
    return result


def _is_wrapped(node: onnx.NodeProto) -> bool:
    return node.domain == CHANNELS_LAST and node.op_type in _WRAPPED


def _between_transposes(node: onnx.NodeProto, ranks: dict[str, int]) -> list[onnx.NodeProto]:
    rank = _rank(node, ranks)
    first, last = [0, rank - 1, *range(1, rank - 1)], [0, *range(2, rank), 1]
    moved = [0, 1] if node.op_type in _WEIGHTED else [0]
    before = []
    standard = onnx.NodeProto()
    standard.CopyFrom(node)
    standard.domain = ""
    for i in moved:
        standard.input[i] = f"{node.output[0]}_channels_first_{i}"
        before.append(onnx.helper.make_node("Transpose", [node.input[i]], [standard.input[i]], perm=first))
    standard.output[0] = f"{node.output[0]}_channels_first"
    behind = onnx.helper.make_node("Transpose", [standard.output[0]], [node.output[0]], perm=last)
    return [*before, standard, behind]


def _rank(node: onnx.NodeProto, ranks: dict[str, int]) -> int:
    """Axes of the operand: those of its kernel and two more, else as noted in the file."""
    kernels = [len(attribute.ints) for attribute in node.attribute if attribute.name == "kernel_shape"]
    noted = (ranks[name] for name in node.input[:2] if name in ranks)
    return kernels[0] + 2 if kernels else next(noted, _USUAL_RANK)
