# SPDX-License-Identifier: Apache-2.0
"""Nodes of which every operand is constant: compute their result once and for all."""

from __future__ import annotations

from math import prod

import numpy as np
import onnx
import onnx_ir

from fpgann.frontend.onnx.constants import Array, Known
from fpgann.frontend.onnx.libraries import LIBRARY_ERRORS, first_line
from fpgann.frontend.onnx.tables import FOLDERS, STANDARD, Site

_MOVERS = frozenset(
    {"Transpose", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Slice", "Gather", "Expand"}
)
_RANDOM = frozenset(
    {
        "RandomNormal",
        "RandomNormalLike",
        "RandomUniform",
        "RandomUniformLike",
        "Bernoulli",
        "Multinomial",
        "Dropout",
    }
)
_HINT = "re-export the model with constants folded"


def fold(site: Site, operands: list[Known | None]) -> list[Known]:
    """The constant outputs of a node.

    Args:
        site: the node.
        operands: its operands; None for those left out.

    Raises:
        UnsupportedOperatorError: the node cannot be evaluated, or its result would be too large.
    """
    folder = FOLDERS.get((site.node.domain, site.op_type))
    if folder is not None:
        site.reserve(max((operand.data.size for operand in operands if operand is not None), default=0))
        folded = folder(site)
        if folded is not None:
            return [folded]
    if site.node.domain != STANDARD or site.op_type in _RANDOM:
        site.refuse(f"it cannot be evaluated on constants ({site.node.domain or 'ai.onnx'})", _HINT)
    arrays = [None if operand is None else operand.data for operand in operands]
    check_size(site, arrays)
    results = [Known.of(array) for array in evaluate(site, arrays)]
    first = operands[0] if operands else None
    if site.op_type in _MOVERS and first is not None and first.codes is not None:
        moved = first.codes.moved(lambda array: evaluate(site, [array, *arrays[1:]])[0])
        return [Known(results[0].data, moved)]
    return results


def evaluate(site: Site, arrays: list[Array | None]) -> list[Array]:
    """What ONNX's reference evaluator says of a node.

    Args:
        site: the node.
        arrays: its operands; None for those left out.

    Raises:
        UnsupportedOperatorError: it fails, or its result is no tensor of numbers.
    """
    from onnx.reference import ReferenceEvaluator

    node = _proto(site)
    graph = onnx.helper.make_graph(
        [node],
        "constants",
        [onnx.ValueInfoProto(name=name) for name in dict.fromkeys(node.input) if name],
        [onnx.ValueInfoProto(name=name) for name in node.output if name],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", site.opset)])
    feeds = {name: array for name, array in zip(node.input, arrays, strict=True) if name}
    try:
        with np.errstate(all="ignore"):
            results = ReferenceEvaluator(model).run(None, feeds)
    except LIBRARY_ERRORS as error:
        site.refuse(f"it cannot be evaluated on its constant operands: {first_line(error)}", _HINT)
    tensors = [np.asarray(result) for result in results if isinstance(result, (np.ndarray, np.generic))]
    if len(tensors) < len(results) or any(tensor.dtype.kind not in "biuf" for tensor in tensors):
        site.refuse("its constant result is no tensor of numbers", _HINT)
    if any(tensor.dtype.kind == "f" and not np.all(np.isfinite(tensor)) for tensor in tensors):
        site.refuse("its constant result is infinite or undefined", "check the constants that it reads")
    return tensors


def check_size(site: Site, arrays: list[Array | None]) -> None:
    """Refuse results that would not fit into memory, by inferring their shape first."""
    node = _proto(site)
    try:
        schema = onnx.defs.get_schema(site.op_type, site.opset, "")
        tensors = {
            name: onnx.numpy_helper.from_array(_single(array), name)
            for name, array in zip(node.input, arrays, strict=True)
            if name and array is not None
        }
        types = {
            name: onnx.helper.make_tensor_type_proto(tensor.data_type, list(tensor.dims))
            for name, tensor in tensors.items()
        }
        small = {name: tensor for name, tensor in tensors.items() if prod(tensor.dims) <= 64}
        opsets = [onnx.helper.make_opsetid("", site.opset)]
        inferred = onnx.shape_inference.infer_node_outputs(schema, node, types, small, opset_imports=opsets)
    except LIBRARY_ERRORS as error:
        site.refuse(f"the shape of its result cannot be found: {first_line(error)}", _HINT)
    for name, type_ in inferred.items():
        dims = type_.tensor_type.shape.dim
        if not type_.tensor_type.HasField("shape") or any(not dim.HasField("dim_value") for dim in dims):
            if site.op_type not in _BOUNDED:
                site.refuse(f"the shape of its constant result '{name}' cannot be found", _HINT)
        else:
            site.reserve(prod(dim.dim_value for dim in dims))


def _single(array: Array) -> Array:
    """Real numbers in the type that every operator's shape rule accepts."""
    with np.errstate(over="ignore"):
        return array.astype(np.float32) if array.dtype.kind == "f" else array


# Results that no shape rule knows (of Concat those with a negative axis before opset 11), but never larger than
# their operands together.
_BOUNDED = frozenset({"NonZero", "Unique", "Compress", "Concat"})


def _proto(site: Site) -> onnx.NodeProto:
    return onnx_ir.to_proto(site.node)
