# SPDX-License-Identifier: Apache-2.0
"""The graph of real operators in float64, written for the tests: it shares no code with the reference."""

from __future__ import annotations

import math

import numpy as np

from fpgann.ir import Graph
from fpgann.ir.ops.activation import Activation
from fpgann.ir.ops.add import Add
from fpgann.ir.ops.affine import Affine
from fpgann.ir.ops.arg_extreme import ArgExtreme
from fpgann.ir.ops.arrange import Arrange
from fpgann.ir.ops.batch_normalization import BatchNormalization
from fpgann.ir.ops.compare import Compare, Relation
from fpgann.ir.ops.dense import Dense
from fpgann.ir.ops.extreme import Extreme
from fpgann.ir.ops.gather import Gather
from fpgann.ir.ops.matrix_product import MatrixProduct
from fpgann.ir.ops.multiply import Multiply
from fpgann.ir.ops.quantize import Quantize
from fpgann.ir.ops.recurrence import Recurrence
from fpgann.ir.ops.reduce import Reduce, Reduction
from fpgann.ir.ops.reshape import Reshape
from fpgann.ir.ops.select import Select
from fpgann.ir.ops.softmax import Softmax
from fpgann.ir.ops.top_k import TopK
from fpgann.ir.ops.transpose import Transpose
from fpgann.ir.ops.windows import Windows
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


ERF = np.vectorize(math.erf, otypes=[np.float64])
FUNCTIONS = {
    "relu": lambda v: np.maximum(v, 0),
    "sigmoid": lambda v: 1 / (1 + np.exp(-np.clip(v, -700, 700))),
    "tanh": np.tanh,
    "clip": lambda v, low, high: np.minimum(np.maximum(v, low), high),
    "abs": np.abs,
    "sign": np.sign,
    "floor": np.floor,
    "ceil": np.ceil,
    "exp": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
    "square": lambda v: v**2,
    "rsqrt": lambda v: v**-0.5,
    "reciprocal": lambda v: 1 / v,
    "pow": np.power,
    # from the definitions of the ONNX operators of these names
    "leaky_relu": lambda v, slope: np.where(v < 0, slope * v, v),
    "thresholded_relu": lambda v, alpha: np.where(v > alpha, v, 0),
    "hard_sigmoid": lambda v, alpha, beta: np.clip(alpha * v + beta, 0, 1),
    "hard_swish": lambda v: v * np.clip(v / 6 + 0.5, 0, 1),
    "elu": lambda v, alpha: np.where(v < 0, alpha * np.expm1(np.minimum(v, 0)), v),
    "selu": lambda v, alpha, gamma: gamma * np.where(v <= 0, alpha * np.expm1(np.minimum(v, 0)), v),
    "celu": lambda v, alpha: np.maximum(v, 0) + np.minimum(0, alpha * np.expm1(np.minimum(v, 0) / alpha)),
    "softplus": lambda v: np.logaddexp(0, v),
    "softsign": lambda v: v / (1 + np.abs(v)),
    "gelu": lambda v: 0.5 * v * (1 + ERF(v / np.sqrt(2))),
    "gelu_tanh": lambda v: 0.5 * v * (1 + np.tanh(np.sqrt(2 / np.pi) * (v + 0.044715 * v**3))),
    "mish": lambda v: v * np.tanh(np.logaddexp(0, v)),
    "swish": lambda v, alpha: v / (1 + np.exp(-np.clip(alpha * v, -700, 700))),
    "erf": ERF,
    "round": np.round,
}
RELATIONS = {
    Relation.GREATER: lambda x, y: x > y,
    Relation.GREATER_EQUAL: lambda x, y: x >= y,
    Relation.EQUAL: lambda x, y: x == y,
    Relation.NOT_EQUAL: lambda x, y: x != y,
}
REDUCTIONS = {Reduction.SUM: np.sum, Reduction.MAXIMUM: np.max, Reduction.MINIMUM: np.min}


def arrange(op, operands):
    pool = [number for x in operands for number in x.ravel()] + list(op.constants.ravel())
    return np.array([pool[i] for i in op.index.ravel()]).reshape(op.index.shape)


def position(op, x):
    wanted = (x.max if op.greatest else x.min)(axis=op.axis, keepdims=True)
    steps = np.moveaxis(np.broadcast_to(np.arange(x.shape[op.axis]), np.moveaxis(x, op.axis, -1).shape), -1, op.axis)
    places = np.where(x == wanted, steps, -1 if op.last else x.size)
    return (places.max if op.last else places.min)(axis=op.axis, keepdims=True).astype(np.float64)


def windows(op, x):
    """numpy's own view of windows, of which strides and dilations pick some."""
    axes = len(op.kernel)
    first, last = op.pads[:axes], op.pads[axes:]
    padded = np.pad(
        x,
        [(0, 0), *((max(p, 0), max(q, 0)) for p, q in zip(first, last, strict=True)), (0, 0)],
        constant_values=op.fill,
    )
    crops = [slice(max(0, -p), size - max(0, -q)) for p, q, size in zip(first, last, padded.shape[1:-1], strict=True)]
    padded = padded[(slice(None), *crops)]
    spans = [(k - 1) * d + 1 for k, d in zip(op.kernel, op.dilations, strict=True)]
    seen = np.lib.stride_tricks.sliding_window_view(padded, spans, tuple(range(1, axes + 1)))
    picks = [slice(None), *(slice(None, None, s) for s in op.strides), slice(None)]
    seen = seen[(*picks, *(slice(None, None, d) for d in op.dilations))]  # (1, *positions, channels, *kernel)
    parts = seen.reshape(*seen.shape[: axes + 1], op.groups, -1, op.taps)
    return np.swapaxes(parts, -1, -2).reshape(*seen.shape[: axes + 1], -1)


def gather(x, places):
    outer, _, inner = x.shape
    result = np.empty((outer, places.shape[1], inner))
    for o, m, i in np.ndindex(result.shape):
        result[o, m, i] = x[o, int(places[o % places.shape[0], m, i % places.shape[2]]), i]
    return result


def best(op, row):
    order = sorted(range(len(row)), key=lambda i: (-row[i] if op.greatest else row[i], i))[: op.count]
    return np.array([i if op.positions else row[i] for i in order], np.float64)


def evaluate_several(op, operands):
    """Operators of any number of operands; None where it is none of them."""
    match op:
        case Add():
            return sum(operands[1:], operands[0])
        case Multiply():
            return operands[0] * operands[1]
        case MatrixProduct():
            return np.einsum("...ij,...jk->...ik", *operands)
        case Extreme():
            stacked = np.stack(np.broadcast_arrays(*operands))
            return stacked.max(axis=0) if op.greatest else stacked.min(axis=0)
        case Compare():
            return RELATIONS[op.relation](*operands).astype(np.float64)
        case Select():
            condition, x, y = np.broadcast_arrays(*operands)
            return condition.astype(bool) * x + (condition == 0) * y
        case Arrange():
            return arrange(op, operands)
        case Gather():
            return gather(*operands)
        case TopK():
            return np.apply_along_axis(lambda row: best(op, row), op.axis, *operands)
        case Windows():
            return windows(op, *operands)
    return None


def evaluate(op, *operands):
    result = evaluate_several(op, operands)
    if result is not None:
        return result
    (x,) = operands
    match op:
        case Activation():
            return FUNCTIONS[op.function.value](x, *op.parameters)
        case Reduce():
            return REDUCTIONS[op.reduction](x, axis=op.axes, keepdims=True)
        case ArgExtreme():
            return position(op, x)
        case Affine():
            return x * op.multiplier / op.divisor + op.addend
        case BatchNormalization():
            shape = [1, op.gamma.size] + [1] * (x.ndim - 2)
            gamma, beta, mean, variance = (p.reshape(shape) for p in (op.gamma, op.beta, op.mean, op.variance))
            return gamma * (x - mean) / np.sqrt(variance + op.epsilon) + beta
        case Dense():
            weight = reals(op.weight)
            grouped = weight.reshape(len(weight), op.groups, -1)
            parts = np.einsum("...gi,igo->...go", x.reshape(*x.shape[:-1], op.groups, -1), grouped)
            return parts.reshape(*x.shape[:-1], -1) + (0 if op.bias is None else reals(op.bias))
        case Quantize():
            return quantize(op, x)
        case Reshape():
            return x.reshape(op.shape)
        case Transpose():
            return x.transpose(op.permutation)
        case Softmax():
            powers = np.exp(x - x.max(axis=op.axis, keepdims=True))
            shares = powers / powers.sum(axis=op.axis, keepdims=True)
            return np.log(shares) if op.log else shares
    raise AssertionError(f"the interpreter does not know {op.name}")


def evaluate_nodes(graph, values):
    for node in graph.nodes:
        operands = [values[name] for name in node.inputs]
        results = repeat(node.op, operands) if isinstance(node.op, Recurrence) else [evaluate(node.op, *operands)]
        for name, result in zip(node.outputs, results, strict=True):
            values[name] = result
            assert result.shape == graph.types[name].shape, node.name


def repeat(op, operands):
    """Scan as ONNX defines it: states, tensors of which every step takes one element, tensors that stay."""
    states, stacks = list(operands[: op.states]), []
    for step in range(op.steps):
        elements = [x[step] for x in operands[op.states :][: op.scanned]]
        fed = states + elements + list(operands[op.states + op.scanned :])
        values = dict(zip([value.name for value in op.body.inputs], fed, strict=True))
        evaluate_nodes(op.body, values)
        ends = [values[name] for name in op.body.outputs.values()]
        states = ends[: op.states]
        stacks.append(ends[op.states :])
    return states + [np.stack(column) for column in zip(*stacks, strict=True)]


def run(graph: Graph, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """All values for samples of shape (samples, *shape), one sample at a time as ONNX means it."""
    samples = len(next(iter(inputs.values())))
    results: dict[str, list[np.ndarray]] = {name: [] for name in graph.types}
    for i in range(samples):
        values = {name: np.asarray(array[i], np.float64) for name, array in inputs.items()}
        evaluate_nodes(graph, values)
        for name, value in values.items():
            results[name].append(value)
    return {name: np.stack(arrays) for name, arrays in results.items()}
