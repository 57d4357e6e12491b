# SPDX-License-Identifier: Apache-2.0
"""Dense layer: y = x @ weight + bias."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

import numpy as np

from fpgann.ir.operator import Operator, expect, register
from fpgann.ir.types import ZERO, Constant, Encoding, TensorType
from fpgann.numerics.fixed import FixedType
from fpgann.numerics.integers import FloatArray, IntArray, integers, matmul, multiply_add
from fpgann.numerics.interval import CodeRange, matmul_ranges


@register
@dataclass(frozen=True, slots=True, eq=False)
class Dense(Operator):
    """Matrix product with constant weights over the last axis.

    On codes the result is the exact accumulator: `x codes @ weight codes + bias codes`, whose scale is the
    product of the two scales and whose offset collects the input's offset times the column sums.

    A loadable layer takes any weights and biases in the ranges of their encodings: its accumulator has room for all
    of them. Nothing behind it may depend on the column sums, so the bias holds the input's offset times these, and
    the accumulator has no offset.

    Args:
        weight: shape (inputs of a group, outputs).
        bias: shape (outputs,); on codes, integers in units of the accumulator.
        loadable: weights and biases may be replaced at run time; only on codes, and with a bias.
        groups: parts of inputs and outputs: each part of the outputs sees the part of the inputs at its place alone.
    """

    name: ClassVar[str] = "dense"

    weight: Constant
    bias: Constant | None = None
    loadable: bool = False
    groups: int = 1

    @property
    def coded(self) -> bool:
        """Whether weights are integer codes."""
        return self.weight.encoding is not None

    def infer(self, operands: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
        """Types of the result; on codes with the exact range of the accumulator."""
        (x,) = operands
        is_matrix = self.weight.data.ndim == 2 and self.weight.data.size > 0
        expect(is_matrix, f"weights must be a matrix, not of shape {self.weight.data.shape}")
        inputs, outputs = self.weight.data.shape
        expect(self.groups > 0 and outputs % self.groups == 0, f"{outputs} outputs do not form {self.groups} groups")
        fits = bool(x.shape) and x.shape[-1] == inputs * self.groups
        of_groups = f" in {self.groups} groups" if self.groups > 1 else ""
        expect(fits, f"weights of {inputs} rows{of_groups} do not fit an input of shape {x.shape}")
        fits = self.bias is None or self.bias.data.shape == (outputs,)
        expect(fits, f"the bias must have {outputs} entries")
        shape = (*x.shape[:-1], outputs)
        is_coded = self.bias is not None and None not in (x.encoding, self.weight.encoding, self.bias.encoding)
        expect(is_coded or not self.loadable, "weights that can be loaded must be codes, with a bias")
        if x.encoding is None or self.weight.encoding is None:
            return (TensorType(shape),)
        expect(x.encoding.per_tensor, "codes of a matrix product need one common scale")
        expect(self.weight.encoding.offset == ZERO, "codes of weights must not have an offset")
        scales = len(self.weight.encoding.scale)
        along_outputs = scales == outputs and self.weight.encoding.axis == -1
        expect(scales == 1 or along_outputs, f"{scales} scales do not fit {outputs} outputs")
        codes = self.accumulator_ranges(x.encoding.range)
        frac = x.encoding.fixed.frac + self.weight.encoding.fixed.frac
        hull = CodeRange(int(codes[0].min()), int(codes[1].max()))
        scale = tuple(x.encoding.scale[0] * s for s in self.weight.encoding.scale)
        offset = ZERO if self.loadable else self._offsets(x.encoding, self.weight.encoding)
        return (TensorType(shape, Encoding(FixedType.holding(hull, frac), hull, scale, offset)),)

    def accumulator_ranges(self, codes: CodeRange) -> tuple[IntArray, IntArray]:
        """Least and greatest accumulator of each output for input codes in a range, bias included."""
        inputs, outputs = self.weight.data.shape
        if self.loadable:
            hull = self.loadable_range(codes)
            return integers([hull.low] * outputs), integers([hull.high] * outputs)
        low, high = (integers([end] * inputs) for end in (codes.low, codes.high))
        lows, highs = matmul_ranges(low, high, self.weight.data)
        if self.bias is not None:
            lows, highs = (multiply_add(ends, 1, self.bias.data) for ends in (lows, highs))
        return lows, highs

    def loadable_range(self, codes: CodeRange) -> CodeRange:
        """All sums of a loadable bias and the products of all inputs in a range with loadable weights."""
        assert self.weight.encoding is not None
        assert self.bias is not None
        assert self.bias.encoding is not None
        weights, inputs = self.weight.encoding.range, self.weight.data.shape[0]
        return codes.times(weights).scaled(inputs) + self.bias.encoding.range

    def _offsets(self, x: Encoding, weight: Encoding) -> tuple[Fraction, ...]:
        if x.offset[0] == 0:
            return (Fraction(0),)
        sums = [int(s) for s in matmul(np.ones(self.weight.data.shape[0], np.int64), self.weight.data)]
        scales = weight.scale_lsb()
        return tuple(x.offset[0] * scales[c % len(scales)] * total for c, total in enumerate(sums))

    def describe(self) -> str:
        """Weights and bias."""
        described = f"weight: {self.weight}" + ("" if self.bias is None else f", bias: {self.bias}")
        described += f", {self.groups} groups" if self.groups > 1 else ""
        return f"{described}, loadable" if self.loadable else described

    def full_weight(self) -> FloatArray | IntArray:
        """The weights of all groups as one matrix of shape (inputs, outputs), zero between groups."""
        if self.groups == 1:
            return self.weight.data
        rows, outputs = self.weight.data.shape
        columns = outputs // self.groups
        full = np.zeros((rows * self.groups, outputs), self.weight.data.dtype)
        for group in range(self.groups):
            part = slice(group * columns, (group + 1) * columns)
            full[group * rows : (group + 1) * rows, part] = self.weight.data[:, part]
        return full
