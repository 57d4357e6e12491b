# SPDX-License-Identifier: Apache-2.0
"""The same models in float32, in the order of operations of qonnx, beside bounds of what float32 may lose.

Every quantizer hands on the *exact* codes (as float32 numbers), so each is judged with the inputs it should have.
The bounds are those of Higham, "Accuracy and Stability of Numerical Algorithms", chapter 3: a result of n roundings
is off by a factor of 1 + gamma(n) at most, whatever the order of the sums. They hold for every float32 runtime.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx

from tests.oracle.definition import Quantized, Run, attributes, stored_constants

_UNIT = 2.0**-24
_ROUNDED_UP = 1 + 1e-9  # the bounds themselves are computed in float64
_TINY = 2.0**-149  # what float32 loses below its normal numbers, per operation


def gamma(roundings: int) -> float:
    return roundings * _UNIT / (1 - roundings * _UNIT) * _ROUNDED_UP


@dataclass
class Single:
    """A float32 tensor and how far each element may be from the exact one."""

    value: np.ndarray
    error: np.ndarray

    @staticmethod
    def of(array: np.ndarray) -> Single:
        exact = np.asarray(array, np.float64)
        return Single(exact.astype(np.float32), np.abs(exact) * gamma(1))

    @property
    def size(self) -> np.ndarray:
        """Bound of the exact magnitude."""
        return np.abs(self.value.astype(np.float64)) + self.error


@dataclass
class Difference:
    """A quantizer and the elements at which float32 yields another code than exact arithmetic.

    Args:
        quantizer: what the exact run noted.
        where: positions, shape (differences, axes); the first axis are the samples.
        distance: from the exact number before rounding to the boundary that float32 crossed, in code steps.
        bound: how far float32 may be off there, in code steps.
        worst_bound: the greatest such bound over the whole tensor.
    """

    quantizer: Quantized
    where: np.ndarray
    distance: np.ndarray
    bound: np.ndarray
    worst_bound: float


@dataclass
class SingleRun:
    """All values in float32, and every quantizer's differences."""

    values: dict[str, Single]
    differences: list[Difference]


def run(model: onnx.ModelProto, exact: Run, inputs: dict[str, np.ndarray]) -> SingleRun:
    """Evaluate in float32 beside an exact run on the same inputs (float32 numbers)."""
    evaluator = _Evaluator(model, exact, inputs)
    for node in model.graph.node:
        evaluator.evaluate(node)
    return SingleRun(evaluator.values, evaluator.differences)


class _Evaluator:
    def __init__(self, model: onnx.ModelProto, exact: Run, inputs: dict[str, np.ndarray]) -> None:
        self.exact = exact
        constants = {n: a for n, a in stored_constants(model).items() if a.dtype.kind in "fiub"}
        self.values = {name: Single.of(array) for name, array in {**constants, **inputs}.items()}
        self.quantized = {q.name: q for q in exact.quantized}
        self.differences: list[Difference] = []

    def evaluate(self, node: onnx.NodeProto) -> None:
        name = node.output[0]
        computed = name in self.exact.computed
        if not computed:  # constants: float32 of the exact number, which a float32 runtime may miss by some ulp
            value = Single.of(self.exact.values[name].floats()) if name in self.exact.values else None
            if value is not None:
                value.error += np.abs(value.value.astype(np.float64)) * gamma(8)
                self.values[name] = value
            return
        operands = [self.values[i] for i in node.input if i]
        with np.errstate(over="ignore", under="ignore"):
            self.values[name] = getattr(self, f"_{node.op_type.lower()}", self._moved)(node, *operands)

    def _moved(self, node: onnx.NodeProto, x: Single, *_: Single) -> Single:
        """Operators that move elements: as the exact run moved them."""
        shape = self.exact.values[node.output[0]].shape
        if node.op_type == "Transpose":
            order = [0, *(axis + 1 for axis in attributes(node)["perm"])]
            return Single(x.value.transpose(order), x.error.transpose(order))
        assert node.op_type in ("Reshape", "Flatten", "Identity"), node.op_type
        return Single(x.value.reshape(shape), x.error.reshape(shape))

    @staticmethod
    def _rounded(value: Any, error: np.ndarray, roundings: int = 1) -> Single:
        """A result with its operands' share of the error and so many roundings of its own."""
        value = np.asarray(value, np.float32)
        own = (np.abs(value.astype(np.float64)) + error) * gamma(roundings) + roundings * _TINY
        return Single(value, (error + own) * _ROUNDED_UP)

    def _add(self, _node, a, b):
        return self._rounded(a.value + b.value, a.error + b.error)

    def _sub(self, _node, a, b):
        return self._rounded(a.value - b.value, a.error + b.error)

    def _mul(self, _node, a, b):
        return self._rounded(a.value * b.value, a.size * b.error + a.error * b.size)

    def _div(self, _node, a, b):
        exact = self._inverse(b)
        return self._rounded(a.value / b.value, a.size * exact.error + a.error * exact.size)

    @staticmethod
    def _inverse(b: Single) -> Single:
        least = np.abs(b.value.astype(np.float64)) - b.error
        assert np.all(least > 0)
        return Single((1 / b.value.astype(np.float64)).astype(np.float32), b.error / least**2 + gamma(1) / least)

    def _relu(self, _node, x):
        return Single(np.maximum(x.value, np.float32(0)), x.error)

    def _softmax(self, _node, x):
        return x

    def _matmul(self, _node, x, weight, bias=None):
        inner = weight.value.shape[0]
        size = x.size @ weight.size
        error = x.size @ weight.error + x.error @ weight.size + size * gamma(inner + 1) + inner * _TINY
        product = Single(x.value @ weight.value, error * _ROUNDED_UP)
        return product if bias is None else self._add(None, product, bias)

    def _gemm(self, node, x, weight, *bias):
        options = attributes(node)
        assert options.get("alpha", 1.0) == options.get("beta", 1.0) == 1.0
        if options.get("transB", 0):
            weight = Single(weight.value.T, weight.error.T)
        return self._matmul(node, x, weight, *bias)

    def _batchnormalization(self, node, x, scale, beta, mean, variance):
        """x * s + (beta - mean * s) with s = scale / sqrt(variance + epsilon), as onnxruntime does."""
        column = [1, -1] + [1] * (x.value.ndim - 3)
        scale, beta, mean, variance = (
            Single(p.value.reshape(column), p.error.reshape(column)) for p in (scale, beta, mean, variance)
        )
        epsilon = np.float32(attributes(node).get("epsilon", 1e-5))
        slope = (scale.value / np.sqrt(variance.value + epsilon)).astype(np.float32)
        value = x.value * slope + (beta.value - mean.value * slope)
        # any order of the same operations: eight roundings at most between a parameter and the result
        gain = np.abs(slope.astype(np.float64)) * (1 + gamma(8))
        size = gain * (x.size + mean.size) + beta.size
        error = gain * (x.error + mean.error) + beta.error + size * gamma(12) + 12 * _TINY
        return Single(value.astype(np.float32), error * _ROUNDED_UP)

    def _quant(self, node, x, scale, zero, *_):
        """Divide, add the zero point, clamp, round; then go on with the exact codes."""
        quantized = self.quantized[node.output[0]]
        divided = self._div(node, x, scale)
        before = self._add(node, divided, zero)
        if quantized.mode == "BIPOLAR":
            codes = np.where(before.value < 0, -1, 1)
        else:
            clamped = np.clip(before.value, np.float32(quantized.low), np.float32(quantized.high))
            codes = ROUND[quantized.mode.upper()](clamped).astype(np.int64)
        self._compare(quantized, codes, before)
        return self._handed_on(node, quantized)

    _intquant = _quant

    def _bipolarquant(self, node, x, scale):
        """The sign of x itself."""
        quantized = self.quantized[node.output[0]]
        steps = self._div(node, x, scale)
        self._compare(quantized, np.where(x.value < 0, -1, 1), steps)
        return self._handed_on(node, quantized)

    def _quantizelinear(self, node, x, scale, *zero):
        """Divide, round, saturate; then go on with the exact integers."""
        quantized = self.quantized[node.output[0]]
        before = self._div(node, x, self._shaped(scale, quantized))
        self._compare(
            quantized, np.clip(np.round(before.value), quantized.low, quantized.high).astype(np.int64), before
        )
        return self._exactly(node)

    def _dequantizelinear(self, node, *_):
        """Integers are exact; their difference times a scale is rounded once or twice."""
        exact = self.exact.values[node.output[0]].floats()
        return Single(exact.astype(np.float32), np.abs(exact) * gamma(3))

    def _clip(self, node, *_):
        """Only of integers."""
        return self._exactly(node)

    def _sigmoid(self, _node, x):
        """Runtimes have approximations of their own; those of onnxruntime are off by some units in the last place."""
        value = 1 / (1 + np.exp(-x.value.astype(np.float64)))
        return Single(value.astype(np.float32), x.error / 4 + value * gamma(16) + 16 * _TINY)

    def _exactly(self, node: onnx.NodeProto) -> Single:
        exact = self.exact.values[node.output[0]].floats()
        return Single(exact.astype(np.float32), np.zeros(exact.shape))

    @staticmethod
    def _shaped(scale: Single, quantized: Quantized) -> Single:
        return Single(scale.value.reshape(quantized.scale.shape), scale.error.reshape(quantized.scale.shape))

    def _handed_on(self, node: onnx.NodeProto, quantized: Quantized) -> Single:
        exact = self.exact.values[node.output[0]].floats()
        return Single(exact.astype(np.float32), np.abs(exact) * gamma(3))

    def _compare(self, quantized: Quantized, codes: np.ndarray, before: Single) -> None:
        exact_codes = quantized.codes.astype(np.int64)
        where = np.argwhere(codes != exact_codes)
        bound = np.broadcast_to(before.error, codes.shape)
        worst = float(bound.max(initial=0.0))
        if len(where) == 0:
            self.differences.append(Difference(quantized, where, np.zeros(0), np.zeros(0), worst))
            return
        exact = np.broadcast_to(quantized.before_rounding().moved(lambda a: a).floats(), codes.shape)
        index = tuple(where.T)
        boundary = _boundary(quantized.mode, exact_codes[index], codes[index])
        self.differences.append(Difference(quantized, where, np.abs(exact[index] - boundary), bound[index], worst))


def _boundary(mode: str, exact: np.ndarray, single: np.ndarray) -> np.ndarray:
    """The number at which the exact code ends, on the side of the other code."""
    upper = np.where(single > exact, exact + 1, exact).astype(np.float64)  # codes upper - 1 and upper meet here
    match mode.upper():
        case "BIPOLAR":
            return np.zeros(exact.shape)
        case "CEIL":
            return upper - 1
        case "FLOOR":
            return upper
        case "UP":
            return np.where(upper > 0, upper - 1, upper)
        case "DOWN":
            return np.where(upper > 0, upper, upper - 1)
    return upper - 0.5


ROUND = {
    "ROUND": np.round,
    "HALF_EVEN": np.round,
    "CEIL": np.ceil,
    "FLOOR": np.floor,
    "UP": lambda x: np.sign(x) * np.ceil(np.abs(x)),
    "DOWN": np.fix,
    "HALF_UP": lambda x: np.sign(x) * np.floor(np.abs(x) + np.float32(0.5)),
    "HALF_DOWN": lambda x: np.sign(x) * np.ceil(np.abs(x) - np.float32(0.5)),
}
