# SPDX-License-Identifier: Apache-2.0
"""Operators on real numbers, bits and positions: for each a function that draws a node with all that belongs to it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from onnx import TensorProto

from tests.fuzz.evaluate import MICROSOFT, RejectedError
from tests.fuzz.sketch import Sketch, Tensor

Draw = Callable[[Sketch], object]

_PLAIN = (
    "Relu",
    "Sigmoid",
    "Tanh",
    "HardSwish",
    "Softplus",
    "Softsign",
    "Mish",
    "Erf",
    "Abs",
    "Neg",
    "Identity",
    "Gelu",
)
_STEPS = ("Sign", "Floor", "Ceil", "Round")
_SHAPED = {
    "LeakyRelu": ("alpha",),
    "ThresholdedRelu": ("alpha",),
    "HardSigmoid": ("alpha", "beta"),
    "Elu": ("alpha",),
    "Celu": ("alpha",),
    "Selu": ("alpha", "gamma"),
}


def activation(s: Sketch) -> Tensor:
    return s.add(s.pick(*_PLAIN), [s.real().name])


def steps(s: Sketch) -> Tensor:
    return s.add(s.pick(*_STEPS), [s.real().name])


def shaped_activation(s: Sketch) -> Tensor:
    op_type = s.pick(*_SHAPED)
    attributes = {name: float(np.float32(s.rng.uniform(0.1, 1.5))) for name in _SHAPED[op_type] if s.chance(0.7)}
    return s.add(op_type, [s.real().name], **attributes)


def contributed_activation(s: Sketch) -> Tensor:
    x, op_type = s.real(), s.pick("Gelu", "FastGelu", "BiasGelu", "QuickGelu")
    bias = [s.constant(s.numbers(x.shape[-1:]))] if op_type == "BiasGelu" else []
    return s.add(op_type, [x.name, *bias], domain=MICROSOFT)


def parametric_relu(s: Sketch) -> Tensor:
    x = s.real()
    return s.add("PRelu", [x.name, s.constant(s.numbers(s.shape_constant(x), 0.5))])


def clip(s: Sketch) -> Tensor:
    low, high = sorted(s.rng.normal(0, 1.5, 2))
    if s.opset < 11:
        return s.add("Clip", [s.real().name], min=float(low), max=float(high + 0.1))
    limits = [s.constant(low) if s.chance(0.8) else "", s.constant(high + 0.1)]
    return s.add("Clip", [s.real().name, *limits[: s.whole(1, 2)]])


def positive(s: Sketch, least: float) -> Tensor:
    """A tensor above a limit; made so if there is none."""
    if s.chance(0.5):
        return s.operand("real", lambda t: bool(t.data.min() >= least))
    x = s.add(s.pick("Abs", "Sigmoid", "Relu", "Softplus"), [s.real().name])
    return s.add("Add", [x.name, s.constant(least + s.rng.uniform(0, 1))]) if least else x


def exponential(s: Sketch) -> Tensor:
    return s.add("Exp", [s.operand("real", lambda t: bool(t.data.max() < 2.5)).name])


def pole(s: Sketch) -> Tensor:
    return s.add(s.pick("Log", "Reciprocal"), [positive(s, 0.3).name])


def root(s: Sketch) -> Tensor:
    return s.add("Sqrt", [positive(s, 0.0).name])


def quotient(s: Sketch) -> Tensor:
    divisor = positive(s, 0.3)
    top = s.partner(divisor).name if s.chance(0.8) else s.constant(s.numbers(()))
    return s.add("Div", [top, divisor.name])


def power(s: Sketch) -> Tensor:
    if s.chance(0.5):
        x = s.real()
        return s.add("Pow", [x.name, s.constant(s.pick(1.0, 2.0, 2.0, 3.0, 4.0))])
    x = positive(s, 0.3)
    exponents = s.pick(-1.0, 0.5, -0.5, 1.5, -2.0, np.linspace(-1, 2, max(x.shape[-1:], default=1)))
    return s.add("Pow", [x.name, s.constant(exponents)])


def with_constant(s: Sketch) -> Tensor:
    x, op_type = s.real(), s.pick("Add", "Sub", "Mul", "Div")
    shape = s.shape_constant(x)
    names = [x.name, s.constant(s.numbers(shape) if op_type in ("Add", "Sub") else s.away_from_zero(shape))]
    if op_type != "Div" and s.chance(0.3):
        names.reverse()
    return s.add(op_type, names)


def with_tensor(s: Sketch) -> Tensor:
    x = s.real()
    return s.add(s.pick("Add", "Sub", "Mul", "Mul"), [x.name, s.partner(x).name])


def variadic(s: Sketch) -> Tensor:
    x, op_type = s.real(), s.pick("Sum", "Mean", "Max", "Min", "Max", "Min")
    names = [x.name] + [s.partner(x).name for _ in range(s.whole(0, 2))]
    if s.chance(0.4):
        names.insert(s.whole(0, len(names)), s.constant(s.numbers(s.shape_constant(x))))
    return s.add(op_type, names)


def comparison(s: Sketch) -> Tensor:
    x = s.operand(s.pick("real", "real", "real", "integer"))
    op_type = s.pick("Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Equal")
    if s.chance(0.5):
        other = s.partner(x).name
    elif x.kind == "real":
        other = s.constant(s.numbers(s.shape_constant(x)))
    else:
        other = s.constant(s.rng.integers(0, 4, ()), x.data.dtype)
    names = [x.name, other]
    return s.add(op_type, names[::-1] if s.chance(0.3) else names)


def logic(s: Sketch) -> Tensor:
    x = s.operand("bit")
    if s.chance(0.3):
        return s.add("Not", [x.name])
    other = s.partner(x).name if s.chance(0.8) else s.constant(s.rng.random(x.shape) < 0.5, np.bool_)
    return s.add(s.pick("And", "Or", "Xor"), [x.name, other])


def choice(s: Sketch) -> Tensor:
    x = s.real()
    other = s.partner(x).name if s.chance(0.7) else s.constant(s.numbers(s.shape_constant(x)))
    if s.chance(0.3):
        condition = s.constant(s.rng.random(x.shape) < 0.5, np.bool_)
    else:
        condition = s.operand("bit").name
    return s.add("Where", [condition, *((x.name, other) if s.chance(0.7) else (other, x.name))])


def cast(s: Sketch) -> Tensor:
    kind = s.pick("real", "bit", "integer", "bit", "integer")
    if kind == "real":
        return s.add("Cast", [s.real().name], to=s.pick(TensorProto.INT32, TensorProto.INT64, TensorProto.BOOL))
    return s.add("Cast", [s.operand(kind).name], to=TensorProto.FLOAT)


def batch_normalization(s: Sketch) -> Tensor:
    x = s.operand("real", lambda t: t.rank >= 2)
    channels = x.shape[1]
    arrays = (s.away_from_zero((channels,)), s.numbers((channels,)), s.numbers((channels,)))
    names = [s.constant(a) for a in (*arrays, np.exp(s.rng.normal(0, 0.5, channels)))]
    return s.add("BatchNormalization", [x.name, *names], epsilon=s.pick(1e-5, 1e-3))


def varied(s: Sketch, axes: Callable[[Tensor], tuple[int, ...]], fits: Callable[[Tensor], bool]) -> Tensor:
    """A tensor whose variance over some axes stays away from zero."""
    return s.operand("real", lambda t: fits(t) and bool((t.data.std(axis=axes(t)) > 0.1).all()))


def layer_normalization(s: Sketch) -> Tensor:
    if s.opset < 17:  # onnxruntime knows it before ONNX does
        raise RejectedError("there is no such operator yet")
    x = varied(s, lambda t: (-1,), lambda t: t.rank >= 1 and t.shape[-1] > 1)
    options = {"axis": -1 if s.chance(0.7) else s.axis(x), "epsilon": 1e-3}
    op_type = s.pick("LayerNormalization", "LayerNormalization", "RMSNormalization")
    size = x.shape[options["axis"] % x.rank :]
    bias = [s.constant(s.numbers(size))] if op_type == "LayerNormalization" and s.chance(0.6) else []
    return s.add(op_type, [x.name, s.constant(s.away_from_zero(size)), *bias], **options)


def group_normalization(s: Sketch) -> Tensor:
    x = varied(s, lambda t: tuple(range(3, t.rank + 1)), lambda t: t.rank >= 3 and np.prod(t.shape[2:]) > 1)
    channels, op_type = x.shape[1], s.pick("InstanceNormalization", "GroupNormalization", "MeanVarianceNormalization")
    if op_type == "MeanVarianceNormalization":
        return s.add(op_type, [x.name], axes=[0, *range(2, x.rank)])
    names = [s.constant(s.away_from_zero((channels,))), s.constant(s.numbers((channels,)))]
    groups = {"num_groups": s.pick(*(g for g in range(1, channels + 1) if channels % g == 0))}
    return s.add(op_type, [x.name, *names], epsilon=1e-3, **(groups if op_type == "GroupNormalization" else {}))


def norm_of_axis(s: Sketch) -> Tensor:
    x = s.real()
    axis = s.axis(x)
    p = s.whole(1, 2)
    if (np.linalg.norm(x.data, p, axis=axis % x.rank + 1) < 0.3).any():
        raise RejectedError("it divides by almost nothing")
    return s.add("LpNormalization", [x.name], axis=axis, p=p)


def softmax(s: Sketch) -> Tensor:
    x = s.operand("real", lambda t: t.rank >= 1)
    return s.add(s.pick("Softmax", "Softmax", "LogSoftmax", "Hardmax"), [x.name], axis=s.axis(x))


def _reduced(s: Sketch, op_type: str, x: Tensor) -> Tensor:
    axes = [s.axis(x) for _ in range(s.whole(0, 2))] if x.rank else []
    axes = list({axis % x.rank: axis for axis in axes}.values())
    options = {"keepdims": s.whole(0, 1)}
    if s.opset >= (13 if op_type == "ReduceSum" else 18):
        return s.add(op_type, [x.name, *([s.integers(*axes)] if axes else [])], **options)
    return s.add(op_type, [x.name], **options, **({"axes": axes} if axes else {}))


def reduction(s: Sketch) -> Tensor:
    sums = ("ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2", "ReduceSumSquare")
    op_type = s.pick(*sums, *sums[:4], "ReduceLogSumExp", "ReduceProd")
    return _reduced(s, op_type, s.operand("real", lambda t: op_type != "ReduceProd" or t.data[0].size < 9))


def logarithm_of_sum(s: Sketch) -> Tensor:
    return _reduced(s, "ReduceLogSum", positive(s, 0.3))


def pool(s: Sketch) -> Tensor:
    x = s.operand("real", lambda t: t.rank >= 3)
    return s.add(s.pick("GlobalAveragePool", "GlobalMaxPool"), [x.name])


def position(s: Sketch) -> Tensor:
    x = s.operand("real", lambda t: t.rank >= 1)
    options = {"axis": s.axis(x), "keepdims": s.whole(0, 1), "select_last_index": s.whole(0, 1)}
    return s.add(s.pick("ArgMax", "ArgMin"), [x.name], **options)


def one_hot(s: Sketch) -> Tensor:
    x = s.operand("integer", lambda t: t.data.dtype == np.int64 and t.data[0].size <= 8)
    values = s.constant(s.numbers((2,)))
    return s.add("OneHot", [x.name, s.constant(s.whole(2, 5), np.int64), values], axis=-1)


def cumulative_sum(s: Sketch) -> Tensor:
    x = s.operand("real", lambda t: t.rank >= 1)
    axis = s.constant(s.axis(x), np.int64)
    return s.add("CumSum", [x.name, axis], exclusive=s.whole(0, 1), reverse=s.whole(0, 1))


def integer_arithmetic(s: Sketch) -> Tensor:
    """Positions, codes and what Cast makes of numbers: sums, products, quotients that truncate, remainders."""
    x = s.operand("integer")
    op_type = s.pick("Add", "Sub", "Mul", "Div", "Max", "Min", "Mod", "Neg", "Abs")
    if op_type in ("Neg", "Abs"):
        return s.add(op_type, [x.name])
    if op_type in ("Div", "Mod") or s.chance(0.5):
        other = s.constant(s.whole(1, 4), x.data.dtype)
    else:
        other = s.operand("integer", lambda t: t.data.dtype == x.data.dtype and t.shape == x.shape).name
    return s.add(op_type, [x.name, other])


def remainder(s: Sketch) -> Tensor:
    return s.add("Mod", [s.real().name, s.constant(s.pick(1.0, 0.5, 2.0, 1.5))], fmod=1)


# Products


def layer(s: Sketch) -> Tensor:
    x = s.operand("real", lambda t: t.rank >= 1)
    if x.rank == 2 and s.chance(0.6):
        return _gemm(s, x)
    inputs, outputs = x.shape[-1], s.whole(1, 8)
    matrix = s.numbers((inputs, outputs), 1 / np.sqrt(inputs))
    result = s.add("MatMul", [x.name, s.constant(matrix)])
    return s.add("Add", [result.name, s.constant(s.numbers((outputs,)))]) if s.chance(0.5) else result


def _gemm(s: Sketch, x: Tensor) -> Tensor:
    turned = s.chance(0.15)
    inputs, outputs, transposed = x.shape[0 if turned else 1], s.whole(1, 8), s.whole(0, 1)
    matrix = s.numbers((inputs, outputs), 1 / np.sqrt(inputs))
    names = [x.name, s.constant(matrix.T.copy() if transposed else matrix)]
    if s.chance(0.7):
        names.append(s.constant(s.numbers(s.pick((), (outputs,), (1, outputs)))))
    factors = {"alpha": s.pick(0.5, -1.5), "beta": s.pick(2.0, 0.3)} if s.chance(0.2) else {}
    return s.add("Gemm", names, transA=int(turned), transB=transposed, **factors)


def left_matrix(s: Sketch) -> Tensor:
    x = s.operand("real", lambda t: t.rank >= 2)
    matrix = s.numbers((s.whole(1, 5), x.shape[-2]), 0.7)
    return s.add("MatMul", [s.constant(matrix), x.name])


def product_of_tensors(s: Sketch) -> Tensor:
    x = s.operand("real", lambda t: t.rank >= 2)
    y = s.operand("real", lambda t: t.rank >= 2 and t.shape[-1] == x.shape[-1])
    turned = s.add("Transpose", [y.name], perm=[*range(y.rank - 2), y.rank - 1, y.rank - 2])
    return s.add("MatMul", [x.name, turned.name])


def computed_gemm(s: Sketch) -> Tensor:
    x = s.operand("real", lambda t: t.rank == 2)
    y = s.operand("real", lambda t: t.rank == 2 and t.shape[1] == x.shape[1])
    return s.add("Gemm", [x.name, y.name], transB=1, alpha=s.pick(1.0, 0.5))


OPERATORS: dict[Draw, float] = {
    activation: 6,
    steps: 1,
    shaped_activation: 2,
    contributed_activation: 1,
    parametric_relu: 1,
    clip: 2,
    exponential: 1,
    pole: 2,
    root: 1,
    quotient: 1.5,
    power: 2,
    with_constant: 5,
    with_tensor: 6,
    variadic: 4,
    comparison: 3,
    logic: 3,
    choice: 3,
    cast: 3,
    batch_normalization: 2,
    layer_normalization: 1.5,
    group_normalization: 1,
    norm_of_axis: 0.5,
    softmax: 3,
    reduction: 4,
    logarithm_of_sum: 0.5,
    pool: 0.7,
    position: 2,
    one_hot: 1,
    cumulative_sum: 1,
    remainder: 0.5,
    integer_arithmetic: 2,
    layer: 8,
    left_matrix: 1.5,
    product_of_tensors: 1.5,
    computed_gemm: 1,
}
"""What is drawn, and how often."""
