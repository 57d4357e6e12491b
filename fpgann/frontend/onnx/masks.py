# SPDX-License-Identifier: Apache-2.0
"""Minus infinity as a mask: what a softmax or a maximum must not see, added or chosen before it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import numpy as np
import onnx

LOWEST = float(np.finfo(np.float16).min)
"""What stands for minus infinity: exporters to half precision write the same, and beside it exp() is 0."""

_JOINS = frozenset({"Add", "Where"})
_CARRIERS = frozenset(
    {
        *("Cast", "CastLike", "Concat", "ConstantOfShape", "Expand", "Gather", "Identity", "Reshape", "Slice"),
        *("Squeeze", "Tile", "Transpose", "Trilu", "Unsqueeze"),
    }
)


def find_masks(graph: onnx.GraphProto) -> list[onnx.NodeProto | onnx.TensorProto]:
    """Initializers, and nodes that hold a tensor, whose numbers are only added or chosen, after moves at most.

    Args:
        graph: as in the file, in any order.
    """
    consumers: defaultdict[str, list[onnx.NodeProto]] = defaultdict(list)
    for node in graph.node:
        for name in node.input:
            consumers[name].append(node)
    holders = [node for node in graph.node if node.op_type in ("Constant", "ConstantOfShape") and node.output]
    delivered = {value.name for value in graph.output}
    masks = [tensor for tensor in graph.initializer if _is_mask(tensor.name, consumers, delivered)]
    return [*masks, *(node for node in holders if _is_mask(node.output[0], consumers, delivered))]


def _is_mask(name: str, consumers: Mapping[str, list[onnx.NodeProto]], delivered: set[str]) -> bool:
    waiting, seen = [name], {name}
    while waiting:
        current = waiting.pop()
        if current in delivered:
            return False
        for node in consumers.get(current, []):
            if node.op_type in _JOINS:
                continue
            if node.op_type not in _CARRIERS:
                return False
            following = [output for output in node.output if output not in seen]
            waiting += following
            seen.update(following)
    return True


def bound_mask(tensor: onnx.TensorProto) -> None:
    """Put the lowest number of half precision in the place of minus infinity; other tensors stay as they are."""
    kinds = (onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE, onnx.TensorProto.FLOAT16)
    if tensor.data_type not in kinds:
        return
    array = onnx.numpy_helper.to_array(tensor)
    if np.any(np.isneginf(array)):
        array = np.where(np.isneginf(array), np.array(LOWEST, array.dtype), array)
        tensor.CopyFrom(onnx.numpy_helper.from_array(array, tensor.name))
