# SPDX-License-Identifier: Apache-2.0
"""Quantizers of every exporter, layers of quantized weights, and operators on integers."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto

from tests.fuzz.evaluate import MICROSOFT, QONNX, RejectedError
from tests.fuzz.operators import Draw
from tests.fuzz.sketch import Sketch, Tensor

MODES = ("ROUND", "HALF_EVEN", "HALF_UP", "HALF_DOWN", "CEIL", "FLOOR", "UP", "DOWN")
_BYTES = (np.int8, np.uint8)
_WORDS = (np.int16, np.uint16)  # since opset 21
_NIBBLES = (TensorProto.INT4, TensorProto.UINT4)


def step(s: Sketch, data: np.ndarray, bits: int, shape: tuple[int, ...] = ()) -> np.ndarray:
    """Scales with which some bits about cover the data."""
    middle = max(float(np.abs(data).max()), 0.1) / 2.0 ** max(bits - 1, 1)
    if s.chance(0.3):
        return np.full(shape, 2.0 ** np.round(np.log2(middle)), np.float32)
    return np.asarray(middle * np.exp(s.rng.normal(0, 0.3, shape)), np.float32)


def quant(s: Sketch, x: Tensor, *, channels: bool = False) -> Tensor:
    """A QONNX quantizer of computed numbers."""
    if s.chance(0.08):
        return s.add("BipolarQuant", [x.name, s.constant(step(s, x.data, 1))], domain=QONNX)
    bits = s.whole(2, 8)
    shape: tuple[int, ...] = ()
    if channels and x.rank >= 2:
        axis = s.whole(1, x.rank - 1)
        shape = tuple(size if i == axis else 1 for i, size in enumerate(x.shape))
    signed = bool(x.data.min() < 0) or s.chance(0.3)
    low = -(2 ** (bits - 1)) if signed else 0
    zero = float(s.whole(low, low + 2**bits - 1)) if s.chance(0.2) else 0.0
    scale = step(s, x.data, bits, shape)
    operands = [x.name, s.constant(scale), s.constant(zero), s.constant(float(bits))]
    options = {"signed": int(signed), "narrow": int(s.chance(0.3)), "rounding_mode": s.pick(*MODES)}
    result = s.add("Quant", operands, domain=QONNX, **options)
    fewer = bits - s.whole(1, max(bits - 2, 1))
    if bits < 4 or shape or zero % 2 ** (bits - fewer) or s.chance(0.9):
        return result
    coarser = s.constant(scale * 2.0 ** (bits - fewer))
    operands = [result.name, s.constant(scale), s.constant(zero), s.constant(float(bits)), coarser]
    options = {"signed": int(signed), "narrow": 0, "rounding_mode": s.pick("FLOOR", "ROUND", "CEIL")}
    return s.add("Trunc", [*operands, s.constant(float(fewer))], domain=QONNX, **options)


def integer_types(s: Sketch) -> type[np.integer]:
    return s.pick(*(_WORDS if s.opset >= 21 and s.chance(0.15) else _BYTES))


def grid(s: Sketch, x: Tensor, axis: int | None = None) -> tuple[list[str], type[np.integer]]:
    """Constants for scale and zero point, and the type of the latter."""
    dtype = integer_types(s)
    limits = np.iinfo(dtype)
    size = () if axis is None else (x.shape[axis],)
    zero = np.zeros(size, int)
    if dtype().itemsize == 1 and s.chance(0.6):
        zero = zero + s.whole(-20, 20) + (limits.max + limits.min + 1) // 2
    elif limits.min == 0 and x.data.min() < 0:
        zero = zero + (limits.max + 1) // 2
    bits = 8 * dtype().itemsize
    return [s.constant(step(s, x.data, bits, size)), s.constant(zero, dtype)], dtype


def codes(s: Sketch, x: Tensor, axis: int | None = None) -> tuple[Tensor, list[str]]:
    """Integers of a tensor, and the constants that give them their meaning."""
    parameters, _ = grid(s, x, axis)
    options = {} if axis is None else {"axis": axis}
    return s.add("QuantizeLinear", [x.name, *parameters], **options), parameters


def quantize_linear(s: Sketch, x: Tensor, *, channels: bool = False) -> Tensor:
    """QuantizeLinear and DequantizeLinear."""
    axis = s.axis(x, 1) if channels and x.rank >= 2 else None
    integers, parameters = codes(s, x, axis)
    options = {} if axis is None else {"axis": axis}
    return s.add("DequantizeLinear", [integers.name, *parameters], **options)


def quantized(s: Sketch, style: str, *, channels: bool = False) -> Tensor:
    """A tensor that is not quantized yet, quantized."""
    x = s.operand("real", lambda t: t.name in s.unread())
    return quant(s, x, channels=channels) if style == "qonnx" else quantize_linear(s, x, channels=channels)


def weights(s: Sketch, style: str, matrix: np.ndarray) -> str:
    """A matrix of weights from a quantizer, with one scale or one for each output."""
    outputs = matrix.shape[1]
    if style == "qonnx":
        bits = s.pick(1, 2, 2, 3, 4, 6, 8)
        scale = step(s, matrix, bits, (1, outputs) if s.chance(0.4) else ())
        operands = [s.constant(matrix), s.constant(scale), s.constant(0.0), s.constant(float(bits))]
        return s.fold("Quant", operands, domain=QONNX, signed=1, narrow=int(s.chance(0.5) and bits > 1))
    channels = s.chance(0.4)
    if s.opset >= 21 and s.chance(0.3):
        kind, dtype, low, high = TensorProto.INT4, np.int8, -8, 7
    else:
        kind, dtype, low, high = None, np.int8, -127, 127
    scale = step(s, matrix, 4 if kind else 8, (outputs,) if channels else ())
    integers = np.clip(np.round(matrix / scale), low, high)
    zero = [] if s.chance(0.3) else [s.constant(np.zeros(scale.shape), dtype, kind)]
    options = {"axis": 1} if channels else {}
    return s.fold("DequantizeLinear", [s.constant(integers, dtype, kind), s.constant(scale), *zero], **options)


def quantized_layer(s: Sketch, style: str) -> Tensor:
    x = s.operand("real", lambda t: t.rank >= 1)
    inputs, outputs = x.shape[-1], s.whole(1, 8)
    name = weights(s, style, s.numbers((inputs, outputs), 1 / np.sqrt(inputs)))
    if x.rank == 2 and s.chance(0.5):
        return s.add("Gemm", [x.name, name, *([s.constant(s.numbers((outputs,)))] if s.chance(0.6) else [])])
    result = s.add("MatMul", [x.name, name])
    return s.add("Add", [result.name, s.constant(s.numbers((outputs,)))]) if s.chance(0.5) else result


# Operators on integers


def _bytes_of(s: Sketch, x: Tensor) -> tuple[Tensor, list[str]]:
    integers, parameters = codes(s, x)
    if integers.data.dtype not in _BYTES:
        raise RejectedError("operators on integers take bytes")
    return integers, parameters


def integer_product(s: Sketch) -> Tensor:
    """MatMulInteger, scaled, or QLinearMatMul, or QGemm."""
    x = s.operand("real", lambda t: t.rank >= 2)
    a, of_a = _bytes_of(s, x)
    inputs, outputs = x.shape[-1], s.whole(1, 6)
    matrix = s.rng.integers(-127, 128, (inputs, outputs))
    op_type = s.pick("MatMulInteger", "QLinearMatMul", "QGemm")
    unit = float(step(s, x.data, 8)) / 40
    scale = np.asarray(s.pick(1.0, 0.3) * np.exp(s.rng.normal(0, 0.3)) / (64 * np.sqrt(inputs)), np.float32)
    if op_type == "MatMulInteger":
        zero = [s.constant(s.whole(-5, 5), np.int8)] if s.chance(0.4) else []
        product = s.add(op_type, [a.name, s.constant(matrix, np.int8), of_a[1], *zero])
        real = s.add("Cast", [product.name], to=TensorProto.FLOAT)
        return s.add("Mul", [real.name, s.constant(unit)])
    dtype = a.data.dtype
    operands = [a.name, *of_a, s.constant(matrix, np.int8), s.constant(scale), s.constant(0, np.int8)]
    middle = 0 if dtype == np.int8 else 128
    of_y = [s.constant(step(s, x.data, 7)), s.constant(middle + s.whole(-9, 9), dtype)]
    if op_type == "QLinearMatMul":
        return s.add("DequantizeLinear", [s.add(op_type, [*operands, *of_y]).name, *of_y])
    if x.rank != 2:
        raise RejectedError("QGemm takes matrices")
    bias = s.constant(s.rng.integers(-2000, 2000, (outputs,)), np.int32) if s.chance(0.7) else ""
    result = s.add(op_type, [*operands, bias, *of_y], domain=MICROSOFT, transB=0)
    return s.add("DequantizeLinear", [result.name, *of_y])


def integer_pair(s: Sketch) -> Tensor:
    x = s.real()
    op_type = s.pick("QLinearAdd", "QLinearMul")
    a, of_a = _bytes_of(s, x)
    y = s.partner(x)
    zero = np.array(0 if a.data.dtype == np.int8 else 128)
    of_b = [s.constant(step(s, y.data, 8)), s.constant(zero, a.data.dtype)]
    b = s.add("QuantizeLinear", [y.name, *of_b])
    of_c = [s.constant(step(s, x.data, 7)), s.constant(zero + s.whole(-9, 9), a.data.dtype)]
    result = s.add(op_type, [a.name, *of_a, b.name, *of_b, *of_c], domain=MICROSOFT)
    return s.add("DequantizeLinear", [result.name, *of_c])


def integer_function(s: Sketch) -> Tensor:
    x = s.real()
    op_type = s.pick("QLinearSigmoid", "QLinearLeakyRelu")
    a, of_a = _bytes_of(s, x)
    signed = a.data.dtype == np.int8
    if op_type == "QLinearSigmoid":
        of_y = [s.constant(1 / 256), s.constant(-128 if signed else 0, a.data.dtype)]
    else:
        of_y = [s.constant(step(s, x.data, 8)), s.constant(0 if signed else 128, a.data.dtype)]
    alpha = {"alpha": 0.2} if op_type == "QLinearLeakyRelu" else {}
    result = s.add(op_type, [a.name, *of_a, *of_y], domain=MICROSOFT, **alpha)
    return s.add("DequantizeLinear", [result.name, *of_y])


def codes_delivered(s: Sketch) -> Tensor:
    """Integers of a quantizer, perhaps as an output of the model."""
    return codes(s, s.real())[0]


QOPERATORS: dict[Draw, float] = {integer_product: 5, integer_pair: 3, integer_function: 2}
"""What is drawn, and how often."""
