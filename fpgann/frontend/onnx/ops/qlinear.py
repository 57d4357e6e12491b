# SPDX-License-Identifier: Apache-2.0
"""Operators on integers with scales and zero points, of ONNX and of onnxruntime (com.microsoft).

Each is what its page says: the integers as real numbers (DequantizeLinear), an operator on real numbers, and the
result as integers again (QuantizeLinear), where it has a scale. See
https://onnx.ai/onnx/operators and github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md.
"""

from __future__ import annotations

from fractions import Fraction
from math import prod

import numpy as np

from fpgann.errors import MalformedModelError
from fpgann.frontend.onnx.constants import Codes, Known
from fpgann.frontend.onnx.integer_types import INTEGER_TYPES, IntegerType
from fpgann.frontend.onnx.linear_grid import LinearGrid, integer_data, integer_type, read_grid
from fpgann.frontend.onnx.ops.dense import bias_constant, weight_constant
from fpgann.frontend.onnx.ops.quantize_linear import MICROSOFT, deliver_integers, is_plain, reals_of
from fpgann.frontend.onnx.tables import IMPORTERS, STANDARD, Site
from fpgann.ir import Operator
from fpgann.ir.ops.activation import Activation, Function
from fpgann.ir.ops.add import Add
from fpgann.ir.ops.affine import Affine
from fpgann.ir.ops.arrange import Arrange
from fpgann.ir.ops.dense import Dense
from fpgann.ir.ops.matrix_product import MatrixProduct
from fpgann.ir.ops.multiply import Multiply
from fpgann.ir.ops.reduce import Reduce, Reduction
from fpgann.ir.ops.reshape import Reshape
from fpgann.ir.ops.softmax import Softmax
from fpgann.numerics.integers import FloatArray

_ONE, _ZERO = np.ones(()), np.zeros(())
_STATIC = "use static quantization (onnxruntime.quantization.quantize_static)"


@IMPORTERS.register((STANDARD, "QLinearMatMul"))
def import_qlinear_matmul(site: Site) -> None:
    """Operands a, b and the scale of y: each a tensor or scale, with zero point."""
    deliver_quantized(site, _product(site, (0, 1, 2), (3, 4, 5)), 6)


@IMPORTERS.register((STANDARD, "MatMulInteger"))
def import_matmul_integer(site: Site) -> None:
    """(A - a_zero_point) @ (B - b_zero_point); the result stays an integer."""
    site.alias(_product(site, (0, None, 2), (1, None, 3)))


@IMPORTERS.register((MICROSOFT, "MatMulIntegerToFloat"))
def import_matmul_integer_to_float(site: Site) -> None:
    """The product of A and B as real numbers, plus a real bias."""
    product = _product(site, (0, 2, 4), (1, 3, 5))
    if not site.has(6):
        site.alias(product)
        return
    site.deliver(Affine(_ONE, _ONE, site.known(6, "bias").reals), product)


@IMPORTERS.register((MICROSOFT, "QGemm"))
def import_qgemm(site: Site) -> None:
    """alpha * A @ B + C; C are int32 in units of alpha, A's and B's scale. Without a scale the result is real."""
    if site.integer("transA", 0):
        site.refuse("it transposes its input (transA = 1)", "put a Transpose in front of it, or set transA to 0")
    if site.is_known(0) or not site.is_known(3):
        site.refuse("its weights are computed", "only products with constant weights on the right are supported")
    transposed = bool(site.integer("transB", 0))
    known = integer_data(site.known(3, "weight"), "weight")
    if known.ndim != 2 or known.size == 0:
        raise MalformedModelError(f"weights of shape {list(known.shape)} are no matrix")
    grid = operand_grid(site, (4, 5), known.shape, 0 if transposed else 1)
    codes = grid.dequantized(known)
    codes = codes.moved(np.transpose) if transposed else codes
    alpha = site.number("alpha", 1.0)
    weight = weight_constant(Known.coded(codes), alpha)
    outputs = known.shape[0 if transposed else 1]
    bias = None
    if site.has(6):
        per_code = operand_grid(site, (1, 2), site.shape(0), None).scale
        integers = integer_data(site.known(6, "bias"), "bias").reshape(-1).astype(np.int64)
        if integers.size not in (1, outputs):
            raise MalformedModelError(f"{integers.size} biases do not fit {outputs} outputs")
        scales = tuple(Fraction(float(per_code)) * scale for scale in codes.scales)
        channel = codes.channel[0] if codes.channel.size else codes.channel
        exact = Codes(np.broadcast_to(integers, (outputs,)), channel, scales, -(2**31), 2**31 - 1)
        bias = bias_constant(Known.coded(exact), alpha, outputs)
    product = site.apply_layer(Dense(weight, bias), operand_reals(site, 0, 1, 2))
    if site.has(7):
        deliver_quantized(site, product, 7)
    else:
        site.alias(product)


@IMPORTERS.register((MICROSOFT, "QLinearAdd"), (MICROSOFT, "QLinearMul"))
def import_qlinear_pair(site: Site) -> None:
    """Sum or product of two tensors, of which one may be constant."""
    is_sum = site.op_type == "QLinearAdd"
    known = [start for start in (0, 3) if site.is_known(start)]
    if not known:
        operands = (operand_reals(site, 0, 1, 2), operand_reals(site, 3, 4, 5))
        deliver_quantized(site, site.apply(Add() if is_sum else Multiply(), operands, "result"), 6)
        return
    start = known[0]
    integers = integer_data(site.known(start, "constant operand"), "constant operand")
    constant = Known.coded(operand_grid(site, (start + 1, start + 2), integers.shape, None).dequantized(integers)).reals
    op = Affine(_ONE, _ONE, constant) if is_sum else Affine(constant, _ONE, _ZERO)
    other = 3 - start
    deliver_quantized(site, site.apply(op, operand_reals(site, other, other + 1, other + 2), "result"), 6)


@IMPORTERS.register((MICROSOFT, "QLinearSigmoid"), (MICROSOFT, "QLinearLeakyRelu"), (MICROSOFT, "QLinearSoftmax"))
def import_qlinear_function(site: Site) -> None:
    """A function of one tensor."""
    op: Operator
    match site.op_type:
        case "QLinearSigmoid":
            op = Activation(Function.SIGMOID)
        case "QLinearLeakyRelu":
            op = Activation(Function.LEAKY_RELU, (np.asarray(site.number("alpha", float(np.float32(0.01)))),))
        case _:
            op = Softmax(_negative(site.integer("axis", -1), len(site.shape(0))))
    deliver_quantized(site, site.apply(op, operand_reals(site, 0, 1, 2), "result"), 3)


@IMPORTERS.register((MICROSOFT, "QLinearConcat"))
def import_qlinear_concat(site: Site) -> None:
    """Operands come in threes behind the scale and zero point of the result: tensor, scale, zero point."""
    starts = range(2, len(site.node.inputs), 3)
    computed = [start for start in starts if not site.is_known(start)]
    constants: dict[int, FloatArray] = {}
    for start in starts:
        if start not in computed:
            data = integer_data(site.known(start, "operand"), "operand")
            constants[start] = Known.coded(
                operand_grid(site, (start + 1, start + 2), data.shape, None).dequantized(data)
            ).reals
    shapes = {start: constants[start].shape if start in constants else site.shape(start) for start in starts}
    positions, count = {}, 0
    for start in [*computed, *constants]:
        positions[start] = count + np.arange(prod(shapes[start])).reshape(shapes[start])
        count += prod(shapes[start])
    try:
        index = np.concatenate([positions[start] for start in starts], site.integer("axis", 0))
    except ValueError as error:
        raise MalformedModelError(f"shapes {[list(s) for s in shapes.values()]} cannot be joined") from error
    behind = np.concatenate([c.reshape(-1) for c in constants.values()]) if constants else np.zeros(0)
    operands = tuple(operand_reals(site, start, start + 1, start + 2) for start in computed)
    deliver_quantized(site, site.apply(Arrange(index, behind, kind="concat"), operands, "result"), 0)


@IMPORTERS.register((MICROSOFT, "QLinearReduceMean"))
def import_qlinear_reduce_mean(site: Site) -> None:
    """The mean over some axes."""
    shape = site.shape(0)
    given = site.integers("axes")
    axes = tuple(sorted({_negative(axis, len(shape)) for axis in (range(len(shape)) if given is None else given)}))
    mean = mean_of_operand(site, axes)
    if not site.integer("keepdims", 1):
        kept = tuple(size for i, size in enumerate(shape) if i - len(shape) not in axes)
        mean = site.apply(Reshape(kept), mean, "reshape")
    deliver_quantized(site, mean, 3)


@IMPORTERS.register(*((MICROSOFT, name) for name in ("DynamicQuantizeMatMul", "DynamicQuantizeLSTM")))
def refuse_dynamic(site: Site) -> None:
    """Refused: hardware knows its scales before it sees data."""
    site.refuse("its scale depends on the data", _STATIC)


def _product(site: Site, left: tuple[int, int | None, int], right: tuple[int, int | None, int]) -> str:
    """The product of two tensors as real numbers; operands are the indices of tensor, scale and zero point."""
    if site.is_known(left[0]):
        site.refuse(
            "its constant is the left operand",
            "write the product with the weights on the right (transpose both operands and the result)",
        )
    x = operand_reals(site, *left, axis=-2)
    if not site.is_known(right[0]):
        return site.apply(MatrixProduct(), (x, operand_reals(site, *right, axis=-1)), "product")
    known = integer_data(site.known(right[0], "weight"), "weight")
    if known.ndim < 2 or known.size == 0:
        site.refuse(f"weights of shape {list(known.shape)} are no matrix", "use one matrix of weights")
    if any(size != 1 for size in known.shape[:-2]):
        return site.apply(MatrixProduct(), (x, operand_reals(site, *right, axis=-1)), "product")
    codes = operand_grid(site, right[1:], known.shape, -1).dequantized(known)
    matrix = codes.moved(lambda array: array.reshape(known.shape[-2:]))
    return site.apply_layer(Dense(weight_constant(Known.coded(matrix), 1.0)), x)


def operand_reals(site: Site, tensor: int, scale: int | None, zero_point: int, axis: int | None = None) -> str:
    """The real numbers that an operand stands for."""
    grid, integers = operand_grid(site, (scale, zero_point), site.shape_of(tensor), axis), site.tensor(tensor)
    return integers if is_plain(grid) else site.apply(reals_of(grid), integers, f"operand_{tensor}_reals")


def operand_grid(
    site: Site, scale_zero: tuple[int | None, int], shape: tuple[int, ...], axis: int | None
) -> LinearGrid:
    """The grid of an operand."""
    scale, zero_point = scale_zero
    return read_grid(site, scale, zero_point, integer_type(site, zero_point) or INTEGER_TYPES["INT32"], shape, axis)


def deliver_quantized(site: Site, value: str, scale: int) -> None:
    """Quantize the result; the index is that of its scale, which its zero point follows."""
    kind = integer_type(site, scale + 1) or _first_type(site)
    deliver_integers(site, read_grid(site, scale, scale + 1, kind, site.shape_of_value(value)), value)


def _first_type(site: Site) -> IntegerType:
    """A result without zero point has the type of the operands, whose zero points tell it."""
    found = (integer_type(site, index) for index in (2, 5) if site.has(index))
    return next((kind for kind in found if kind is not None), INTEGER_TYPES["UINT8"])


def mean_of_operand(site: Site, axes: tuple[int, ...]) -> str:
    """Sum over number of elements, over axes counted from the end; their size becomes 1."""
    shape = site.shape(0)
    x = operand_reals(site, 0, 1, 2)
    if not axes:
        return x
    total = site.apply(Reduce(Reduction.SUM, axes), x, "sum")
    return site.apply(Affine(_ONE, np.asarray(float(prod(shape[axis] for axis in axes))), _ZERO), total, "mean")


def _negative(axis: int, rank: int) -> int:
    """An axis counted from the end."""
    if not -rank <= axis < rank:
        raise MalformedModelError(f"axis {axis} does not exist in a tensor of {rank} axes")
    return axis - rank if axis >= 0 else axis
