# SPDX-License-Identifier: Apache-2.0
"""Gemm and MatMul with constant weights."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from fpgann.errors import MalformedModelError, UnsupportedOperatorError
from fpgann.frontend.onnx.constants import Codes, Known
from fpgann.frontend.onnx.ops.matrix_product import import_general_gemm, import_product, with_bias
from fpgann.frontend.onnx.tables import IMPORTERS, STANDARD, Site
from fpgann.ir import Constant, Encoding
from fpgann.ir.ops.affine import Affine
from fpgann.ir.ops.dense import Dense
from fpgann.ir.ops.reshape import Reshape
from fpgann.ir.ops.transpose import Transpose
from fpgann.numerics.fixed import FixedType
from fpgann.numerics.interval import CodeRange


@IMPORTERS.register((STANDARD, "MatMul"))
def import_matmul(site: Site) -> None:
    """Tensor times constant matrix, or the other way round; leading axes of size 1 of the matrix are dropped."""
    if not _has_one_matrix(site):
        import_product(site)
        return
    if site.is_known(0):
        _import_left_matrix(site)
        return
    known = site.known(1, "weight")
    shape = known.data.shape
    if not shape or known.data.size == 0:
        raise MalformedModelError(f"weights of shape {list(shape)} are no matrix")
    vector = len(shape) == 1
    matrix = known.moved(lambda array: array.reshape((shape[0], 1) if vector else shape[-2:]))
    value = site.value(0)
    x_shape = site.shape(0)
    layer = Dense(weight_constant(matrix, 1.0))
    _check_inputs(layer, x_shape)
    if len(shape) > max(len(x_shape), 2):
        value = site.apply(Reshape((1,) * (len(shape) - len(x_shape)) + x_shape), value, "reshape")
    if vector:
        product = site.apply_layer(layer, value)
        site.deliver(Reshape(x_shape[:-1]), product)
    else:
        site.deliver(layer, value)


def _import_left_matrix(site: Site) -> None:
    """matrix @ x, as the transpose of x.T @ matrix.T: its rows become the neurons."""
    known, x_shape = site.known(0, "weight"), site.shape(1)
    shape = known.data.shape
    if not shape or known.data.size == 0:
        raise MalformedModelError(f"weights of shape {list(shape)} are no matrix")
    if not x_shape:
        raise MalformedModelError("it multiplies a matrix with a number")
    layer = Dense(weight_constant(known.moved(lambda array: array.reshape((1, *shape)[-2:]).T), 1.0))
    rows, (inputs, outputs) = x_shape[-2:-1], layer.weight.data.shape
    if (rows or x_shape) != (inputs,):
        raise MalformedModelError(f"weights of {inputs} columns do not fit an input of shape {list(x_shape)}")
    leading = (1,) * (len(shape) - max(len(x_shape), 2)) + x_shape[:-2]
    result = leading + (outputs,) * (len(shape) > 1) + x_shape[-1:] * (len(x_shape) > 1)
    value = site.value(1)
    if len(x_shape) > 1:
        value = _swapped(site, value, "columns")
    value = site.apply_layer(layer, value)
    if len(x_shape) > 1:
        value = _swapped(site, value, "rows")
    if site.shape_of_value(value) == result:
        site.alias(value)
    else:
        site.deliver(Reshape(result), value)


def _swapped(site: Site, value: str, suffix: str) -> str:
    """A value with its last two axes swapped."""
    axes = tuple(range(len(site.shape_of_value(value))))
    return site.apply(Transpose((*axes[:-2], axes[-1], axes[-2])), value, suffix)


@IMPORTERS.register((STANDARD, "Gemm"))
def import_gemm(site: Site) -> None:
    """alpha * x @ weight + beta * bias, x transposed first where `transA` says so."""
    if site.is_known(0) or not site.is_known(1):
        import_general_gemm(site)
        return
    if len(site.shape(0)) != 2:
        raise MalformedModelError(f"its input must have two axes, not shape {list(site.shape(0))}")
    source = _swapped(site, site.value(0), "columns") if site.integer("transA", 0) else site.value(0)
    known = site.known(1, "weight")
    if known.data.ndim != 2 or known.data.size == 0:
        raise MalformedModelError(f"weights of shape {list(known.data.shape)} are no matrix")
    if site.integer("transB", 0):
        known = known.moved(np.transpose)
    weight = weight_constant(known, site.number("alpha", 1.0))
    outputs = known.data.shape[1]
    layer = Dense(weight)
    _check_inputs(layer, site.shape_of_value(source))
    if site.has(2) and not site.is_known(2):
        site.alias(with_bias(site, site.apply_layer(layer, source)))
        return
    known_bias = site.known(2, "bias") if site.has(2) else None
    if known_bias is None or not np.any(bias := site.number("beta", 1.0) * known_bias.reals):
        site.deliver(layer, source)
        return
    _check_bias(bias.shape, (site.shape_of_value(source)[0], outputs))
    if all(size == 1 for size in bias.shape[:-1]):
        constant = bias_constant(known_bias, site.number("beta", 1.0), outputs)
        site.deliver(Dense(weight, constant), source)
    else:
        product = site.apply_layer(layer, source)
        site.deliver(Affine(np.ones(()), np.ones(()), bias), product)


def weight_constant(known: Known, factor: float) -> Constant:
    """Weights times a factor, as codes if they come from a quantizer.

    Args:
        known: shape (inputs, outputs).
        factor: exact number.

    Raises:
        UnsupportedOperatorError: the scale of the codes varies along the inputs.
    """
    if known.codes is None or factor == 0:
        return Constant(np.ascontiguousarray(known.reals * factor))
    codes = known.codes
    hull = CodeRange(int(codes.codes.min()), int(codes.codes.max()))
    scales = tuple(scale * Fraction(factor) for scale in _scale_per_output(codes))
    power = _power_of_two(scales[0]) if len(scales) == 1 else None
    nominal = CodeRange(codes.low, codes.high)
    data = np.ascontiguousarray(codes.codes)
    if power is not None:
        return Constant(data, Encoding(FixedType.holding(nominal, -power), hull))
    return Constant(data, Encoding(FixedType.holding(nominal, 0), hull, scales))


def bias_constant(known: Known, factor: float, outputs: int) -> Constant:
    """A bias times a factor, as codes if they come from a quantizer.

    Args:
        known: one number, or one per output, with axes of size 1 in front.
        factor: exact number.
        outputs: how many outputs there are.
    """
    if known.codes is None or factor == 0:
        return Constant(np.broadcast_to(known.reals.reshape(-1) * factor, (outputs,)).copy())
    codes, channels = (np.broadcast_to(a.reshape(-1), (outputs,)) for a in (known.codes.codes, known.codes.channel))
    scales = tuple(known.codes.scales[c] * Fraction(factor) for c in channels.tolist())
    hull = CodeRange(int(codes.min()), int(codes.max()))
    scale = scales[:1] if len(set(scales)) == 1 else scales
    return Constant(codes.copy(), Encoding(FixedType.holding(hull, 0), hull, scale))


def _scale_per_output(codes: Codes) -> tuple[Fraction, ...]:
    used = np.where(codes.codes != 0, codes.channel, -1)  # a code of 0 is 0 at any scale
    channel = np.where(used.max(axis=0) >= 0, used.max(axis=0), codes.channel[0])
    if np.any((used != channel) & (used >= 0)):
        raise UnsupportedOperatorError(
            "the scale of its quantized weights varies along the inputs of the layer",
            hint="quantize the weights with one scale, or with one per output channel",
        )
    scales = tuple(codes.scales[i] for i in channel)
    return scales[:1] if len(set(scales)) == 1 else scales


def _power_of_two(number: Fraction) -> int | None:
    """k if the number is 2**k."""
    power = number.numerator.bit_length() - number.denominator.bit_length()
    return power if number == Fraction(2) ** power else None


def _has_one_matrix(site: Site) -> bool:
    """Whether one operand is a constant vector or matrix, and the other fits a layer."""
    for constant, other in ((0, 1), (1, 0)):
        if site.is_known(constant):
            shape = site.shape_of(constant)
            return all(size == 1 for size in shape[:-2]) and not (len(shape) > 2 and len(site.shape_of(other)) == 1)
    return False


def _check_bias(shape: tuple[int, ...], result: tuple[int, ...]) -> None:
    try:
        fits = np.broadcast_shapes(shape, result) == result
    except ValueError:
        fits = False
    if not fits:
        raise MalformedModelError(f"a bias of shape {list(shape)} does not fit a result of shape {list(result)}")


def _check_inputs(layer: Dense, shape: tuple[int, ...]) -> None:
    inputs = layer.weight.data.shape[0]
    if not shape or shape[-1] != inputs:
        raise MalformedModelError(f"weights of {inputs} rows do not fit an input of shape {list(shape)}")
