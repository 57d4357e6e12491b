# SPDX-License-Identifier: Apache-2.0
"""Convolutions with constant weights: windows, and a dense layer on each.

Besides Conv there are its integer forms, and those of onnxruntime with an activation or with channels last
(github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md).
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from fpgann.errors import MalformedModelError
from fpgann.frontend.onnx.constants import Codes, Known
from fpgann.frontend.onnx.linear_grid import integer_data
from fpgann.frontend.onnx.ops.dense import bias_constant, weight_constant
from fpgann.frontend.onnx.ops.qlinear import deliver_quantized, operand_grid, operand_reals
from fpgann.frontend.onnx.ops.quantize_linear import MICROSOFT
from fpgann.frontend.onnx.tables import IMPORTERS, STANDARD, Site
from fpgann.frontend.onnx.window_geometry import channels_first, channels_last, deliver_channels_first, read_geometry
from fpgann.ir import Constant
from fpgann.ir.ops.activation import Activation, Function
from fpgann.ir.ops.add import Add
from fpgann.ir.ops.dense import Dense

_FUSED = {
    "Relu": (Function.RELU, 0),
    "Sigmoid": (Function.SIGMOID, 0),
    "Tanh": (Function.TANH, 0),
    "LeakyRelu": (Function.LEAKY_RELU, 1),
    "Clip": (Function.CLIP, 2),
    "HardSigmoid": (Function.HARD_SIGMOID, 2),
}


@IMPORTERS.register((STANDARD, "Conv"))
def import_convolution(site: Site) -> None:
    """Over all axes behind the channels."""
    known = site.known(1, "weight")
    deliver_channels_first(site, _convolved(site, channels_last(site, site.value(0)), known, _bias(site, known)))


@IMPORTERS.register((MICROSOFT, "FusedConv"), (MICROSOFT, "NhwcFusedConv"), (MICROSOFT, "NhwcConv"))
def import_fused_convolution(site: Site) -> None:
    """A convolution, a sum with another map, a function of the result."""
    last = site.op_type != "FusedConv"
    known = site.known(1, "weight")
    if site.op_type == "NhwcConv" and site.integers("kernel_shape") == known.data.shape[1:-1]:
        known = known.moved(lambda array: np.moveaxis(array, -1, 1))
    x = site.value(0) if last else channels_last(site, site.value(0))
    value = _convolved(site, x, known, _bias(site, known))
    if site.has(3):
        other = site.tensor(3) if last else channels_last(site, site.tensor(3), "addend_channels_last")
        value = site.apply(Add(), (value, other), "sum")
    name = site.text("activation", "")
    if name:
        if name not in _FUSED:
            site.refuse(f"its activation '{name:.20}' is not supported", f"known are {', '.join(_FUSED)}")
        function, count = _FUSED[name]
        numbers = site.numbers("activation_params")
        if len(numbers) != count:
            raise MalformedModelError(f"{name} needs {count} numbers in activation_params, not {len(numbers)}")
        value = site.apply(Activation(function, tuple(np.asarray(n) for n in numbers)), value, function.value)
    if last:
        site.alias(value)
    else:
        deliver_channels_first(site, value)


@IMPORTERS.register((STANDARD, "ConvInteger"), (MICROSOFT, "ConvInteger"))
def import_convolution_integer(site: Site) -> None:
    """(x - x_zero_point) * (w - w_zero_point); the result stays an integer."""
    weights = _integer_weights(site, 1, (None, 3))
    x = operand_reals(site, 0, None, 2)
    deliver_channels_first(site, _convolved(site, channels_last(site, x), Known.coded(weights), None))


@IMPORTERS.register((STANDARD, "QLinearConv"), (MICROSOFT, "QLinearConv"))
def import_qlinear_convolution(site: Site) -> None:
    """Operands x, w and the scale of y: each a tensor or scale, with zero point; B are int32 accumulator units."""
    last = bool(site.integer("channels_last", 0))
    codes = _integer_weights(site, 3, (4, 5))
    x = operand_reals(site, 0, 1, 2)
    bias = _integer_bias(site, codes) if site.has(8) else None
    value = _convolved(site, x if last else channels_last(site, x), Known.coded(codes), bias)
    if not last:
        value = site.apply(channels_first(len(site.shape_of_value(value))), value, "channels_first")
    deliver_quantized(site, value, 6)


def _convolved(site: Site, x: str, known: Known, bias: Constant | None) -> str:
    """Windows and a dense layer.

    Args:
        site: the node.
        x: a map with its channels last.
        known: weights of shape (outputs, channels of a group, *kernel).
        bias: of the outputs.
    """
    shape, weights = site.shape_of_value(x), known.data.shape
    groups = site.integer("group", 1)
    if len(shape) < 3 or len(weights) != len(shape) or known.data.size == 0:
        raise MalformedModelError(f"weights of shape {list(weights)} do not fit a map with {len(shape)} axes")
    if groups < 1 or weights[0] % groups or weights[1] * groups != shape[-1]:
        where = f"{shape[-1]} channels in {groups} groups"
        raise MalformedModelError(f"weights of shape {list(weights)} do not fit {where}")
    geometry = read_geometry(site, shape[1:-1], weights[2:])
    matrix = known.moved(lambda array: np.moveaxis(array, (0, 1), (-1, -2)).reshape(-1, weights[0]))
    seen = site.apply(geometry.windows(0, groups), x, "windows")
    return site.apply_layer(Dense(weight_constant(matrix, 1.0), bias, groups=groups), seen)


def _bias(site: Site, known: Known) -> Constant | None:
    """The bias, if there is one that does something."""
    if not site.has(2):
        return None
    bias = site.known(2, "bias")
    if bias.data.shape != known.data.shape[:1]:
        raise MalformedModelError(f"a bias of shape {list(bias.data.shape)} does not fit {known.data.shape[0]} outputs")
    return bias_constant(bias, 1.0, bias.data.size) if np.any(bias.reals) else None


def _integer_weights(site: Site, index: int, scale_zero: tuple[int | None, int]) -> Codes:
    """Integer weights with a scale and a zero point, which may differ between outputs."""
    integers = integer_data(site.known(index, "weight"), "weight")
    return operand_grid(site, scale_zero, integers.shape, 0).dequantized(integers)


def _integer_bias(site: Site, weights: Codes) -> Constant:
    """Integers in units of the accumulator: the product of the scales of x and of the output's weights."""
    integers = integer_data(site.known(8, "bias"), "bias").astype(np.int64)
    if integers.shape != weights.codes.shape[:1]:
        raise MalformedModelError(f"a bias of shape {list(integers.shape)} does not fit its weights")
    (per_code,) = (Fraction(float(s)) for s in operand_grid(site, (1, 2), site.shape(0), None).scale.reshape(-1))
    channel = weights.channel.reshape(len(integers), -1)[:, 0]
    codes = Codes(integers, channel, tuple(per_code * scale for scale in weights.scales), -(2**31), 2**31 - 1)
    return bias_constant(Known.coded(codes), 1.0, len(integers))
