# SPDX-License-Identifier: Apache-2.0
"""Quant and BipolarQuant as plain ONNX operators in float32, step by step as qonnx executes them.

The steps and their order are those of `int_quant` and `binary_quant` in qonnx (src/qonnx/custom_op/general):
divide by the scale, add the zero point, clamp, round, subtract the zero point, multiply by the scale, each
rounded to float32. What this yields is what users of qonnx see; it is not the exact definition.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx

from fpgann.frontend.onnx.quantizer import Quantizer
from fpgann.frontend.onnx.truncation import Truncation
from fpgann.numerics.rounding import Rounding

OLDEST_OPSET = 9
_HALF_EVEN = 1.5 * 2.0**52  # adding it to a float64 below 2**51 rounds to an integer, ties to even


def quantizer_nodes(
    node: onnx.NodeProto, quantizer: Quantizer | Truncation, opset: int, prefix: str
) -> list[onnx.NodeProto]:
    """Nodes in place of one quantizer.

    Args:
        node: the Quant, IntQuant, BipolarQuant or Trunc node.
        quantizer: what it does.
        opset: version of the standard operators.
        prefix: for the names of intermediate values.
    """
    expansion = _Expansion(node, opset, prefix)
    return expansion.build(quantizer) if isinstance(quantizer, Quantizer) else expansion.truncate(quantizer)


class _Expansion:
    """The nodes of one quantizer, as they are put together."""

    def __init__(self, node: onnx.NodeProto, opset: int, prefix: str) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._node = node
        self._opset = opset
        self._prefix = prefix

    def build(self, quantizer: Quantizer) -> list[onnx.NodeProto]:
        """All of them, in order."""
        x, scale = (self._float(name) for name in self._node.input[:2])
        if self._node.op_type == "BipolarQuant":
            self._apply("Mul", self._sign(x), scale, result=self._node.output[0])
            return self._nodes
        zero = self._float(self._node.input[2])
        y = self._apply("Add", self._apply("Div", x, scale), zero)
        if quantizer.bipolar:
            y = self._sign(y)
        else:
            y = self._round(self._clamp(y, quantizer.low, quantizer.high), quantizer.rounding)
        self._apply("Mul", self._apply("Sub", y, zero), scale, result=self._node.output[0])
        return self._nodes

    def truncate(self, truncation: Truncation) -> list[onnx.NodeProto]:
        """All nodes of a Trunc, in the order of its definition."""
        zero, output_zero = (self._constant(float(z)) for z in (truncation.zero_point, truncation.output_zero_point))
        y = self._apply(
            "Add", self._apply("Div", self._float(self._node.input[0]), self._float(self._node.input[1])), zero
        )
        y = self._apply("Div", self._round(y, Rounding.RND_CONV), self._constant(2.0**truncation.dropped))
        y = self._round(self._clamp(y, truncation.low, truncation.high), truncation.rounding)
        scale = self._constant(truncation.output_scale)
        self._apply("Mul", self._apply("Sub", y, output_zero), scale, result=self._node.output[0])
        return self._nodes

    def _sign(self, x: str) -> str:
        """1 for x >= 0, else -1."""
        return self._apply(
            "Where", self._apply("Less", x, self._constant(0.0)), self._constant(-1.0), self._constant(1.0)
        )

    def _clamp(self, x: str, low: int, high: int) -> str:
        return self._apply("Max", self._apply("Min", x, self._constant(float(high))), self._constant(float(low)))

    def _round(self, x: str, rounding: Rounding) -> str:
        match rounding:
            case Rounding.CEIL:
                return self._apply("Ceil", x)
            case Rounding.TRN:
                return self._apply("Floor", x)
            case Rounding.RND_CONV if self._opset >= 11:
                return self._apply("Round", x)
            case Rounding.RND_CONV:
                return self._round_half_even(x)
        size = self._apply("Abs", x)
        match rounding:
            case Rounding.UP:
                rounded = self._apply("Ceil", size)
            case Rounding.TRN_ZERO:
                rounded = self._apply("Floor", size)
            case Rounding.RND_INF:
                rounded = self._apply("Floor", self._apply("Add", size, self._constant(0.5)))
            case _:
                rounded = self._apply("Ceil", self._apply("Sub", size, self._constant(0.5)))
        return self._apply("Mul", self._apply("Sign", x), rounded)

    def _round_half_even(self, x: str) -> str:
        """Before opset 11 there is no Round."""
        wide = self._apply("Cast", x, to=onnx.TensorProto.DOUBLE)
        magic = self._constant(_HALF_EVEN, np.float64)
        rounded = self._apply("Sub", self._apply("Add", wide, magic), magic)
        return self._apply("Cast", rounded, to=onnx.TensorProto.FLOAT)

    def _float(self, name: str) -> str:
        return self._apply("Cast", name, to=onnx.TensorProto.FLOAT)

    def _constant(self, number: float, dtype: type[np.floating] = np.float32) -> str:
        return self._apply("Constant", value=onnx.numpy_helper.from_array(np.array(number, dtype)))

    def _apply(self, op_type: str, *inputs: str, result: str = "", **attributes: Any) -> str:
        output = result or f"{self._prefix}{len(self._nodes)}"
        self._nodes.append(onnx.helper.make_node(op_type, list(inputs), [output], **attributes))
        return output
