# SPDX-License-Identifier: Apache-2.0
"""Models of exact arithmetic: fractions all the way, operators that only move elements run on positions."""

from __future__ import annotations

import operator
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tests.fuzz.evaluate import run_node
from tests.oracle.definition import attributes, code_range
from tests.oracle.exact import each, fractions, round_codes

MOVES = {"Concat", "Split", "Slice", "Gather", "GatherElements", "GatherND", "Pad", "Expand", "Tile", "Transpose"}
MOVES |= {"Reshape", "Squeeze", "Unsqueeze", "Flatten", "Identity", "ReverseSequence", "Compress"}
_DATA = {"Concat": None, "Pad": (0, 2)}  # operands that are data, if not just the first
_ZERO = Fraction(0)


class NotExactError(Exception):
    """An operator whose results are no fractions, or whose exact meaning is not written down here."""


def run(model: onnx.ModelProto, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """All values of a model: fractions, shape (samples, *shape).

    Raises:
        NotExactError: the model holds an operator that is not known here.
    """
    opset = next(o.version for o in model.opset_import if o.domain == "")
    constants = {t.name: t for t in model.graph.initializer}
    samples = len(next(iter(inputs.values())))
    values = {name: fractions(array) for name, array in inputs.items()}
    for node in model.graph.node:
        folded = all(name in constants or not name for name in node.input)  # the result has one sample
        results = _evaluate(node, values, constants, opset, 1 if folded else samples)
        values.update(zip(node.output, results, strict=True))
    return values


def _evaluate(node, values, constants, opset, samples) -> list[np.ndarray]:
    if node.op_type in MOVES:
        return _moved(node, values, constants, opset)
    operands = [_operand(name, values, constants) for name in node.input if name]
    rank = max(operand.ndim for operand in operands)
    if node.op_type in ("Add", "Sub", "Mul", "Div", "Max", "Min", "Sum", "Mean"):
        operands = [o.reshape(len(o), *(1,) * (rank - o.ndim), *o.shape[1:]) for o in operands]
        return [_folded(node.op_type, operands)]
    function = _FUNCTIONS.get(node.op_type)
    if function is None:
        raise NotExactError(node.op_type)
    kinds = [_kind(name, constants) for name in node.input]
    result = function(node, kinds, opset, *operands)
    return [np.broadcast_to(result, (samples, *result.shape[1:]))]


def _operand(name: str, values, constants) -> np.ndarray:
    """Fractions with a sample axis, of size 1 for constants."""
    return values[name] if name in values else fractions(numpy_helper.to_array(constants[name]))[None]


def _kind(name: str, constants) -> int:
    return constants[name].data_type if name in constants else 0


def _moved(node, values, constants, opset) -> list[np.ndarray]:
    """Run the node on the positions of its elements."""
    data = _DATA.get(node.op_type, (0,))
    pool, positions, kept = [], {}, {}
    count = 1
    renamed = onnx.NodeProto()
    renamed.CopyFrom(node)
    for i, name in enumerate(node.input):
        if not name:
            continue
        if data is None or i in data:
            operand = _operand(name, values, constants)
            size = int(np.prod(operand.shape[1:]))
            renamed.input[i] = f"operand{i}"
            positions[f"operand{i}"] = (count + np.arange(size)).reshape(1, *operand.shape[1:]).astype(np.float32)
            pool.append(operand.reshape(len(operand), -1))
            count += size
        else:
            kept[name] = constants[name]
    where = run_node(renamed, positions, kept, opset)
    samples = max(len(p) for p in pool)
    pool = [np.broadcast_to(p, (samples, p.shape[1])) for p in [fractions(np.zeros((1, 1))), *pool]]
    return [np.concatenate(pool, axis=1)[:, w[0].astype(int)] for w in where]


def _folded(op_type: str, operands: list[np.ndarray]) -> np.ndarray:
    function: Callable[..., Fraction] = {
        "Add": lambda a, b: a + b,
        "Sub": lambda a, b: a - b,
        "Mul": lambda a, b: a * b,
        "Div": lambda a, b: a / b,
        "Max": lambda *a: max(a),
        "Min": lambda *a: min(a),
        "Sum": lambda *a: sum(a, _ZERO),
        "Mean": lambda *a: sum(a, _ZERO) / len(a),
    }[op_type]
    return each(function, *operands)


def _matmul(node, kinds, opset, x, weight):
    del node, kinds, opset
    return np.matmul(x, weight[0] if len(weight) == 1 else weight)


def _gemm(node, kinds, opset, x, weight, *bias):
    del kinds, opset
    options = attributes(node)
    x = x.swapaxes(1, 2) if options.get("transA", 0) else x
    weight = weight.swapaxes(1, 2) if options.get("transB", 0) else weight
    result = np.matmul(x, weight) * Fraction(options.get("alpha", 1.0))
    if not bias:
        return result
    addend = bias[0] if bias[0].ndim > 2 else bias[0].reshape(len(bias[0]), 1, -1)
    return result + addend * Fraction(options.get("beta", 1.0))


def _clip(node, kinds, opset, x, *limits):
    del kinds, opset
    names = [i for i, name in enumerate(node.input) if name][1:]
    ends = dict(zip(names, (limit.flat[0] for limit in limits), strict=True))
    return each(lambda v: min(max(v, ends.get(1, v)), ends.get(2, max(v, ends.get(1, v)))), x)


def _reduction(node, kinds, opset, x, *axes):
    del kinds, opset
    options = attributes(node)
    given = [int(a) for a in axes[0].reshape(-1)] if axes else list(options.get("axes", ()))
    rank = x.ndim - 1
    over = tuple(sorted({a % rank + 1 for a in given})) or tuple(range(1, x.ndim))
    function = {"ReduceMax": np.max, "ReduceMin": np.min}.get(node.op_type, np.sum)
    result = function(x, axis=over, keepdims=bool(options.get("keepdims", 1)))
    if node.op_type == "ReduceMean":
        result = result / int(np.prod([x.shape[a] for a in over]))
    return np.asarray(result, object)


def _quant(node, kinds, opset, x, scale, zero, bits):
    del kinds, opset
    bits = int(bits.flat[0])
    if bits == 1 and attributes(node).get("signed", 1):
        return _bipolar(node, (), 0, x, scale)
    scale, zero = (_trailing(p, x) for p in (scale, zero))
    doubled = each(lambda v, s, z: 2 * (v / s + z), x, scale, zero)
    rounded = round_codes(*_floors(doubled), attributes(node).get("rounding_mode", "ROUND"))
    low, high = code_range(node, bits)
    return each(lambda c, s, z: (min(max(int(c), low), high) - z) * s, rounded, scale, zero)


def _bipolar(node, kinds, opset, x, scale):
    del node, kinds, opset
    return each(lambda v, s: s if v >= 0 else -s, x, _trailing(scale, x))


def _quantize_linear(node, kinds, opset, x, scale, zero):
    del opset
    scale, zero = (_along(p, x, attributes(node).get("axis", 1)) for p in (scale, zero))
    dtype = helper.tensor_dtype_to_np_dtype(kinds[2])
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    rounded = round_codes(*_floors(each(lambda v, s: 2 * v / s, x, scale)), "ROUND")
    return each(lambda c, z: Fraction(min(max(int(c) + z, low), high)), rounded, zero)


def _dequantize_linear(node, kinds, opset, x, scale, *zero):
    del kinds, opset
    axis = attributes(node).get("axis", 1)
    shift = _along(zero[0], x, axis) if zero else _ZERO
    return (x - shift) * _along(scale, x, axis)


def _trunc(node, kinds, opset, x, scale, zero, in_bits, out_scale, out_bits):
    """docs/qonnx-custom-ops/trunc_v2.md of qonnx."""
    del kinds, opset, in_bits
    ratio = (out_scale / scale).flat[0]
    scale, zero = scale.flat[0], zero.flat[0]
    whole = round_codes(*_floors(each(lambda v: 2 * (v / scale + zero), x)), "ROUND")
    doubled = each(lambda c: 2 * Fraction(int(c)) / ratio, whole)
    rounded = round_codes(*_floors(doubled), attributes(node).get("rounding_mode", "FLOOR"))
    low, high = code_range(node, int(out_bits.flat[0]))
    return each(lambda c: (min(max(int(c), low), high) - zero / ratio) * out_scale.flat[0], rounded)


def _real(codes: np.ndarray, scale: np.ndarray, zero: np.ndarray) -> np.ndarray:
    return (codes - zero.flat[0]) * scale.flat[0]


def _integers(x: np.ndarray, scale: np.ndarray, zero: np.ndarray, kind: int) -> np.ndarray:
    limits = np.iinfo(helper.tensor_dtype_to_np_dtype(kind))
    rounded = round_codes(*_floors(x * 2 / scale.flat[0]), "ROUND")
    return each(lambda c: Fraction(min(max(int(c) + int(zero.flat[0]), limits.min), limits.max)), rounded)


def _qlinear_matmul(node, kinds, opset, *operands):
    del node, opset
    return _integers(np.matmul(_real(*operands[:3]), _real(*operands[3:6])[0]), *operands[6:], kinds[7])


def _qgemm(node, kinds, opset, *operands):
    del opset
    product = np.matmul(_real(*operands[:3]), _real(*operands[3:6])[0])
    if node.input[6]:
        product = product + operands[6][0] * operands[1].flat[0] * operands[4].flat[0]
    return _integers(product, *operands[-2:], kinds[8])


def _qlinear_pair(node, kinds, opset, *operands):
    del opset
    x, y = _real(*operands[:3]), _real(*operands[3:6])
    rank = max(x.ndim, y.ndim)
    x, y = (a.reshape(len(a), *(1,) * (rank - a.ndim), *a.shape[1:]) for a in (x, y))
    return _integers(x + y if node.op_type == "QLinearAdd" else x * y, *operands[6:], kinds[7])


def _matmul_integer(node, kinds, opset, x, weight, *zeros):
    del node, kinds, opset
    shift_x, shift_w = [zero.flat[0] for zero in zeros] + [_ZERO] * (2 - len(zeros))
    return np.matmul(x - shift_x, weight[0] - shift_w)


def _comparison(node, kinds, opset, x, y):
    del kinds, opset
    rank = max(x.ndim, y.ndim)
    x, y = (a.reshape(len(a), *(1,) * (rank - a.ndim), *a.shape[1:]) for a in (x, y))
    return each(lambda a, b: Fraction(int(_RELATIONS[node.op_type](a, b))), x, y)


def _cast(node, kinds, opset, x):
    del kinds, opset
    if attributes(node)["to"] != TensorProto.FLOAT:
        raise NotExactError("Cast to integers")
    return x


def _floors(doubled: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Floors, and whether they are the numbers themselves."""
    floors = each(lambda v: v.numerator // v.denominator, doubled).astype(np.int64)
    return floors, each(lambda v: v.denominator == 1, doubled).astype(bool)


def _trailing(parameter: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Broadcast against the last axes, past the samples."""
    inner = parameter.shape[1:]
    return parameter.reshape(1, *(1,) * (x.ndim - 1 - len(inner)), *inner)


def _along(parameter: np.ndarray, x: np.ndarray, axis: int) -> np.ndarray:
    if parameter.size == 1:
        return parameter.reshape(())
    return parameter.reshape(-1, *(1,) * (x.ndim - 2 - axis % (x.ndim - 1)))


_RELATIONS: dict[str, Callable[[Fraction, Fraction], bool]] = {
    "Greater": operator.gt,
    "GreaterOrEqual": operator.ge,
    "Less": operator.lt,
    "LessOrEqual": operator.le,
    "Equal": operator.eq,
}
_FUNCTIONS = {
    "Trunc": _trunc,
    "QLinearMatMul": _qlinear_matmul,
    "QGemm": _qgemm,
    "QLinearAdd": _qlinear_pair,
    "QLinearMul": _qlinear_pair,
    "MatMulInteger": _matmul_integer,
    "Cast": _cast,
    "Not": lambda n, k, o, x: 1 - x,
    **dict.fromkeys(_RELATIONS, _comparison),
    "MatMul": _matmul,
    "Gemm": _gemm,
    "Clip": _clip,
    "Relu": lambda n, k, o, x: each(lambda v: max(v, _ZERO), x),
    "Abs": lambda n, k, o, x: each(abs, x),
    "Neg": lambda n, k, o, x: -x,
    "Quant": _quant,
    "BipolarQuant": _bipolar,
    "QuantizeLinear": _quantize_linear,
    "DequantizeLinear": _dequantize_linear,
    **dict.fromkeys(("ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin"), _reduction),
}
