# SPDX-License-Identifier: Apache-2.0
"""Teach ONNX's shape inference the quantizers of QONNX: the result has the type of the first operand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import onnx
from onnx.defs import OpSchema

from fpgann.frontend.onnx.tables import QONNX

_OPERANDS = {"Quant": 4, "IntQuant": 4, "BipolarQuant": 2, "Trunc": 6, "FloatQuant": 7}  # at most


@contextmanager
def quantizer_schemas() -> Iterator[None]:
    """Make the quantizers known to onnx for a while: the whole process shares its table of operators."""
    added = [op_type for op_type in _OPERANDS if not onnx.defs.has(op_type, QONNX)]
    for op_type in added:
        onnx.defs.register_schema(_schema(op_type, _OPERANDS[op_type]))
    try:
        yield
    finally:
        for op_type in added:
            onnx.defs.deregister_schema(op_type, 1, QONNX)


def _schema(op_type: str, operands: int) -> OpSchema:
    numbers = ["tensor(float)", "tensor(double)", "tensor(float16)", "tensor(int32)", "tensor(int64)"]
    parameters = [OpSchema.FormalParameter("x", "T")]
    left_out = OpSchema.FormalParameterOption.Optional
    parameters += [
        OpSchema.FormalParameter(f"parameter{i}", f"P{i}", param_option=left_out) for i in range(1, operands)
    ]
    kinds = {
        "signed": OpSchema.AttrType.INT,
        "narrow": OpSchema.AttrType.INT,
        "rounding_mode": OpSchema.AttrType.STRING,
    }
    schema = OpSchema(
        op_type,
        QONNX,
        1,
        doc="",
        inputs=parameters,
        outputs=[OpSchema.FormalParameter("y", "T")],
        type_constraints=[("T", numbers, ""), *((f"P{i}", numbers, "") for i in range(1, operands))],
        attributes=[OpSchema.Attribute(name, kind, "", required=False) for name, kind in kinds.items()],
    )
    schema.set_type_and_shape_inference_function(_same_as_first)
    return schema


def _same_as_first(context: onnx.shape_inference.InferenceContext) -> None:
    type_ = context.get_input_type(0)
    if type_ is not None:
        context.set_output_type(0, type_)
