# SPDX-License-Identifier: Apache-2.0
"""Element types of results, by the signatures of the ONNX standard."""

from __future__ import annotations

import onnx
import onnx_ir

from fpgann.frontend.onnx.tables import STANDARD

_TARGETS = ("to", "dtype", "output_dtype")  # attributes that name the type of a result


def annotate_results(node: onnx_ir.Node, opset: int) -> None:
    """Note the element type of every result of a standard operator where the file does not tell it.

    Args:
        node: its operands have types as far as they are known; those of its results are filled in.
        opset: version of the standard operators.
    """
    if node.domain != STANDARD or not onnx.defs.has(node.op_type, max_inclusive_version=opset):
        return
    schema = onnx.defs.get_schema(node.op_type, opset)
    variables = _operand_types(node, schema)
    for index, value in enumerate(node.outputs):
        if value.dtype is None and schema.outputs:
            output = schema.outputs[min(index, len(schema.outputs) - 1)]
            if not output.is_homogeneous:  # results of graphs inside: each has its own
                continue
            formal = output.type_str
            found = variables.get(formal) or _named(formal) or _target(node)
            if found is not None:
                value.dtype = found


def _operand_types(node: onnx_ir.Node, schema: onnx.defs.OpSchema) -> dict[str, onnx_ir.DataType]:
    """What each type variable of a signature stands for."""
    found: dict[str, onnx_ir.DataType] = {}
    for index, value in enumerate(node.inputs):
        if value is None or not schema.inputs:
            continue
        constant = value.const_value
        dtype = value.dtype or (None if constant is None else constant.dtype)
        if dtype is not None:
            found.setdefault(schema.inputs[min(index, len(schema.inputs) - 1)].type_str, dtype)
    return found


def _named(formal: str) -> onnx_ir.DataType | None:
    """The type that a signature names literally, such as `tensor(int64)`."""
    if not formal.startswith("tensor("):
        return None
    name = formal.removeprefix("tensor(").removesuffix(")").upper()
    return getattr(onnx_ir.DataType, name, None)


def _target(node: onnx_ir.Node) -> onnx_ir.DataType | None:
    for name in _TARGETS:
        attribute = node.attributes.get(name)
        if attribute is not None and attribute.type == onnx_ir.AttributeType.INT and attribute.as_int():
            return onnx_ir.DataType(attribute.as_int())
    return None
