# SPDX-License-Identifier: Apache-2.0
"""The graph of real operators in float64, written for the tests: it shares no code with the reference."""

from __future__ import annotations

import numpy as np

from fpgann.ir import Graph
from fpgann.ir.ops.activation import Activation
from fpgann.ir.ops.affine import Affine
from fpgann.ir.ops.batch_normalization import BatchNormalization
from fpgann.ir.ops.dense import Dense
from fpgann.ir.ops.quantize import Quantize
from fpgann.ir.ops.reshape import Reshape
from fpgann.ir.ops.softmax import Softmax
from fpgann.ir.ops.transpose import Transpose
from fpgann.numerics.rounding import Rounding

# numpy's words for each mode, from the sample implementation in the QONNX documentation
ROUND = {
    Rounding.RND_CONV: np.round,
    Rounding.CEIL: np.ceil,
    Rounding.TRN: np.floor,
    Rounding.UP: lambda x: np.sign(x) * np.ceil(np.abs(x)),
    Rounding.TRN_ZERO: np.fix,
    Rounding.RND_INF: lambda x: np.sign(x) * np.floor(np.abs(x) + 0.5),
    Rounding.RND_ZERO: lambda x: np.sign(x) * np.ceil(np.abs(x) - 0.5),
}


def reals(constant):
    """Codes of a constant as reals: code * 2**-frac * scale, computed here rather than by the library."""
    encoding = constant.encoding
    if encoding is None:
        return constant.data
    assert encoding.offset == (0,)
    scale = np.array([float(s) for s in encoding.scale])
    return constant.data.astype(np.float64) * 2.0**-encoding.fixed.frac * scale


def quantize(op, x):
    if op.bipolar:
        return np.where(x >= 0, 1.0, -1.0) * op.scale
    codes = ROUND[op.rounding](np.clip(x / op.scale + op.zero_point, op.low, op.high))
    return (codes - op.zero_point) * op.scale


def evaluate(op, x):
    match op:
        case Activation():
            return {
                "relu": lambda v: np.maximum(v, 0),
                "sigmoid": lambda v: 1 / (1 + np.exp(-np.clip(v, -700, 700))),
                "tanh": np.tanh,
            }[op.function.value](x)
        case Affine():
            return x * op.multiplier / op.divisor + op.addend
        case BatchNormalization():
            shape = [1, op.gamma.size] + [1] * (x.ndim - 2)
            gamma, beta, mean, variance = (p.reshape(shape) for p in (op.gamma, op.beta, op.mean, op.variance))
            return gamma * (x - mean) / np.sqrt(variance + op.epsilon) + beta
        case Dense():
            return x @ reals(op.weight) + (0 if op.bias is None else reals(op.bias))
        case Quantize():
            return quantize(op, x)
        case Reshape():
            return x.reshape(op.shape)
        case Transpose():
            return x.transpose(op.permutation)
        case Softmax():
            powers = np.exp(x - x.max(axis=op.axis, keepdims=True))
            return powers / powers.sum(axis=op.axis, keepdims=True)
    raise AssertionError(f"the interpreter does not know {op.name}")


def run(graph: Graph, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """All values for samples of shape (samples, *shape), one sample at a time as ONNX means it."""
    samples = len(next(iter(inputs.values())))
    results: dict[str, list[np.ndarray]] = {name: [] for name in graph.types}
    for i in range(samples):
        values = {name: np.asarray(array[i], np.float64) for name, array in inputs.items()}
        for node in graph.nodes:
            (name,) = node.inputs
            values[node.output] = evaluate(node.op, values[name])
            assert values[node.output].shape == graph.types[node.output].shape, node.name
        for name, value in values.items():
            results[name].append(value)
    return {name: np.stack(arrays) for name, arrays in results.items()}
