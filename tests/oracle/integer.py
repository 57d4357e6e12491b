# SPDX-License-Identifier: Apache-2.0
"""Integers with a scale and a zero point, from the pages of the ONNX operators and of onnxruntime's own ones.

QuantizeLinear: saturate(round_half_even(x / scale) + zero_point); DequantizeLinear: (q - zero_point) * scale. The
operators on integers (QLinearMatMul, QGemm, ...) are defined as these two around the operator on real numbers.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto

from tests.oracle.exact import Exact, each, integers, round_codes

RANGES = {getattr(TensorProto, f"UINT{bits}"): (0, (1 << bits) - 1) for bits in (4, 8, 16, 32)}
RANGES |= {getattr(TensorProto, f"INT{bits}"): (-1 << bits - 1, (1 << bits - 1) - 1) for bits in (4, 8, 16, 32)}


def integer_types(model: onnx.ModelProto) -> dict[str, int]:
    """Declared element types of stored tensors and of the model's inputs."""
    found = {t.name: t.data_type for t in model.graph.initializer}
    found.update((v.name, v.type.tensor_type.elem_type) for v in model.graph.input)
    for node in model.graph.node:
        for attribute in node.attribute:
            if node.op_type == "Constant" and attribute.name == "value":
                found[node.output[0]] = attribute.t.data_type
    return found


def along(parameter: Exact, rank: int, axis: int) -> Exact:
    """Numbers per channel in a shape that broadcasts; axis counts without samples."""
    if parameter.num.size == 1:
        return parameter.moved(lambda a: a.reshape(()))
    return parameter.moved(lambda a: a.reshape((-1,) + (1,) * (rank - 1 - axis % rank)))


class IntegerOperators:
    """Evaluators of nodes; mixed into that of the definition.

    Attributes:
        run: what was computed so far.
        types: declared element types.
    """

    run: Any
    types: dict[str, int]

    def _quantizelinear(self, node, x, scale, *zero):
        options = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        kind = self.types[node.input[2]] if zero else options.get("output_dtype", 0) or TensorProto.UINT8
        self.types[node.output[0]] = kind
        return self._to_integers(node, x, scale, zero[0] if zero else None, kind, options.get("axis", 1))

    def _dequantizelinear(self, node, q, scale, *zero):
        options = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        return self._to_reals(node, 0, q, scale, zero[0] if zero else None, options.get("axis", 1))

    def _clip(self, node, x, *_):
        values = self.run.values
        low, high = (values[name].fractions().item() if name else None for name in (*node.input, "", "")[1:3])
        self.types[node.output[0]] = self.types.get(node.input[0], 0)

        def clipped(number: Fraction) -> Fraction:
            number = number if low is None else max(number, low)
            return number if high is None else min(number, high)

        return Exact.of_fractions(each(clipped, x.fractions()))

    def _matmulinteger(self, node, a, b, *_):
        values = self.run.values
        zeros = [values[name] if name else Exact.of(np.array(0)) for name in (*node.input, "", "")[2:4]]
        self.types[node.output[0]] = TensorProto.INT32
        return (a - zeros[0]) @ (b - zeros[1])

    def _qlinearmatmul(self, node, a, a_scale, a_zero, b, b_scale, b_zero, y_scale, y_zero):
        x = self._to_reals(node, 0, a, a_scale, a_zero, -1)
        product = x @ self._to_reals(node, 3, b, b_scale, b_zero, -1)
        return self._to_integers(node, product, y_scale, y_zero, self._declare(node, 7), -1)

    def _qgemm(self, node, a, a_scale, a_zero, b, b_scale, b_zero, *_):
        """com.microsoft: C is int32 in units of alpha * a_scale * b_scale; without y_scale the result is real."""
        options = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        values, names = self.run.values, (*node.input, *("",) * 9)
        assert not options.get("transA", 0)
        transposed = bool(options.get("transB", 0))
        alpha = Exact.of(np.float64(options.get("alpha", 1.0)))
        weight = self._to_reals(node, 3, b, b_scale, b_zero, 0 if transposed else 1)
        weight = weight.moved(np.transpose) if transposed else weight
        result = self._to_reals(node, 0, a, a_scale, a_zero, -1) @ weight * alpha
        if names[6]:
            result = result + values[names[6]] * (along(b_scale, 2, 1) * a_scale.moved(lambda s: s.reshape(())) * alpha)
        if not names[7]:
            return result
        kind = self._declare(node, 8) if names[8] else TensorProto.UINT8
        return self._to_integers(node, result, values[names[7]], values[names[8]] if names[8] else None, kind, -1)

    def _qlinearadd(self, node, *operands):
        return self._two(node, lambda a, b: a + b, *operands)

    def _qlinearmul(self, node, *operands):
        return self._two(node, lambda a, b: a * b, *operands)

    def _two(self, node, function, a, a_scale, a_zero, b, b_scale, b_zero, y_scale, *y_zero):
        left, right = self._to_reals(node, 0, a, a_scale, a_zero, -1), self._to_reals(node, 3, b, b_scale, b_zero, -1)
        kind = self._declare(node, 7)
        return self._to_integers(node, function(left, right), y_scale, y_zero[0] if y_zero else None, kind, -1)

    def _qlinearleakyrelu(self, node, x, x_scale, x_zero, y_scale, *y_zero):
        alpha = Fraction(next((a.f for a in node.attribute if a.name == "alpha"), np.float32(0.01).item()))
        reals = self._to_reals(node, 0, x, x_scale, x_zero, -1)
        leaky = Exact.of_fractions(each(lambda f: f if f >= 0 else f * alpha, reals.fractions()))
        return self._to_integers(node, leaky, y_scale, y_zero[0] if y_zero else None, self._declare(node, 4), -1)

    def _qlinearconcat(self, node, y_scale, y_zero, *triples):
        axis = next(a.i for a in node.attribute if a.name == "axis")
        parts = []
        for i in range(0, len(triples), 3):
            part = self._to_reals(node, 2 + i, *triples[i : i + 3], -1).fractions()
            computed = node.input[2 + i] in self.run.computed
            parts.append((part, computed))
        samples = next(part.shape[0] for part, computed in parts if computed)
        whole = [part if computed else np.broadcast_to(part, (samples, *part.shape)) for part, computed in parts]
        where = axis + 1 if axis >= 0 else axis
        joined = Exact.of_fractions(np.concatenate(whole, where))
        return self._to_integers(node, joined, y_scale, y_zero, self._declare(node, 1), -1)

    def _qlinearglobalaveragepool(self, node, x, x_scale, x_zero, y_scale, y_zero):
        last = any(a.name == "channels_last" and a.i for a in node.attribute)
        reals = self._to_reals(node, 0, x, x_scale, x_zero, -1).fractions()
        axes = tuple(range(2, reals.ndim - 1)) if last else tuple(range(3, reals.ndim))
        count = int(np.prod([reals.shape[axis] for axis in axes]))
        mean = reals.sum(axis=axes, keepdims=True) / count
        return self._to_integers(node, Exact.of_fractions(mean), y_scale, y_zero, self._declare(node, 4), -1)

    def _qlinearreducemean(self, node, x, x_scale, x_zero, y_scale, y_zero):
        options = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        reals = self._to_reals(node, 0, x, x_scale, x_zero, -1).fractions()
        rank = reals.ndim - 1
        axes = tuple(1 + axis % rank for axis in options.get("axes", range(rank)))
        mean = reals.sum(axis=axes, keepdims=bool(options.get("keepdims", 1)))
        mean = mean / int(np.prod([reals.shape[axis] for axis in axes]))
        return self._to_integers(
            node, Exact.of_fractions(np.asarray(mean)), y_scale, y_zero, self._declare(node, 4), -1
        )

    def _declare(self, node: onnx.NodeProto, index: int) -> int:
        """The result has the type of the zero point at an index, uint8 without one."""
        name = (*node.input, *("",) * 9)[index]
        self.types[node.output[0]] = self.types[name] if name else TensorProto.UINT8
        return self.types[node.output[0]]

    def _to_reals(self, node, index, q, scale, zero, axis):
        rank = len(self._shape_of(node.input[index]))
        reals = q if zero is None else q - along(zero, rank, axis)
        return reals * along(scale, rank, axis)

    def _to_integers(self, node, x, scale, zero, kind, axis):
        from tests.oracle.definition import Quantized

        computed = node.output[0] in self.run.computed
        rank = len(x.shape) - computed
        scales = along(scale, rank, axis).fractions()
        zeros = integers(along(zero, rank, axis).num) if zero is not None else np.zeros((), np.int64)
        doubled, exact = x.floor(each(lambda s: 2 / s, scales), each(Fraction, np.zeros(scales.shape, int)))
        low, high = RANGES[kind]
        codes = integers(np.clip(round_codes(doubled, exact, "ROUND") + zeros, low, high))
        if computed:
            nothing = each(Fraction, np.zeros(scales.shape, int))
            noted = (codes - zeros, x, scales, nothing, "ROUND", low - zeros, high - zeros)
            self.run.quantized.append(Quantized(node.output[0], *noted))
        return Exact(codes, Fraction(1))
