# SPDX-License-Identifier: Apache-2.0
"""Normalization by statistics of the data itself: LayerNormalization and its relatives.

Mean and variance are computed in hardware, out of sums, squares and a reciprocal square root.
"""

from __future__ import annotations

from math import prod

import numpy as np

from fpgann.errors import MalformedModelError
from fpgann.frontend.onnx.ops.arithmetic import negated
from fpgann.frontend.onnx.ops.reduction import reduced, scaled
from fpgann.frontend.onnx.tables import IMPORTERS, STANDARD, Site
from fpgann.ir.ops.activation import Activation, Function
from fpgann.ir.ops.add import Add
from fpgann.ir.ops.affine import Affine
from fpgann.ir.ops.multiply import Multiply
from fpgann.ir.ops.reduce import Reduction
from fpgann.ir.ops.reshape import Reshape

_ONE, _ZERO = np.ones(()), np.zeros(())
_EPSILON = 1e-5


@IMPORTERS.register((STANDARD, "LayerNormalization"), (STANDARD, "RMSNormalization"))
def import_layer_normalization(site: Site) -> None:
    """Over all axes from `axis` on; RMSNormalization does not subtract the mean."""
    shape = site.shape(0)
    axis = site.integer("axis", -1)
    if not -len(shape) <= axis < len(shape):
        raise MalformedModelError(f"axis {axis} does not exist in shape {list(shape)}")
    axes = tuple(range(axis % len(shape) - len(shape), 0))
    epsilon = site.number("epsilon", _EPSILON)
    value, mean, gain = normalized(site, site.value(0), axes, epsilon, centre=site.op_type == "LayerNormalization")
    site.alias(_scaled_and_shifted(site, value))
    for output, statistic in ((1, mean), (2, gain)):
        if site.has_output(output):
            site.alias(statistic, output)


@IMPORTERS.register((STANDARD, "InstanceNormalization"), (STANDARD, "GroupNormalization"))
def import_group_normalization(site: Site) -> None:
    """Over all axes behind the channels, in groups of channels."""
    shape = site.shape(0)
    if len(shape) < 3:
        raise MalformedModelError(f"its input of shape {list(shape)} has no axes behind the channels")
    groups = shape[1] if site.op_type == "InstanceNormalization" else site.integer("num_groups", 0)
    if groups < 1 or shape[1] % groups:
        raise MalformedModelError(f"{shape[1]} channels do not form {groups} groups")
    split = (shape[0], groups, prod(shape[1:]) // groups)
    value = site.apply(Reshape(split), site.value(0), "groups")
    value, _, _ = normalized(site, value, (-1,), site.number("epsilon", _EPSILON), centre=True)
    value = site.apply(Reshape(shape), value, "joined")
    per_channel = (-1, *(1,) * (len(shape) - 2))
    gain, shift = (_per_channel(site, i, shape[1]).reshape(per_channel) for i in (1, 2))
    site.deliver(Affine(gain, _ONE, shift), value)


@IMPORTERS.register((STANDARD, "MeanVarianceNormalization"))
def import_mean_variance(site: Site) -> None:
    """Over chosen axes, without scale and shift."""
    rank = len(site.shape(0))
    axes = site.integers("axes") or (0, 2, 3)
    if any(not -rank <= axis < rank for axis in axes):
        raise MalformedModelError(f"axes {list(axes)} do not exist in {rank} dimensions")
    chosen = tuple(sorted({axis % rank - rank for axis in axes}))
    site.alias(normalized(site, site.value(0), chosen, 1e-9, centre=True)[0])


@IMPORTERS.register((STANDARD, "LpNormalization"))
def import_lp_normalization(site: Site) -> None:
    """x over its norm along one axis."""
    rank, order = len(site.shape(0)), site.integer("p", 2)
    axis = site.integer("axis", -1)
    if not -rank <= axis < rank or order not in (1, 2):
        raise MalformedModelError(f"axis {axis} or norm {order} does not exist")
    value, axes = site.value(0), (axis % rank - rank,)
    if order == 1:
        norm = reduced(site, site.apply(Activation(Function.ABS), value, "abs"), Reduction.SUM, axes)
        factor = site.apply(Activation(Function.RECIPROCAL), norm, "reciprocal")
    else:
        square = reduced(site, site.apply(Multiply(), (value, value), "squares"), Reduction.SUM, axes)
        factor = site.apply(Activation(Function.RSQRT), square, "rsqrt")
    site.deliver(Multiply(), (value, factor))


def normalized(site: Site, value: str, axes: tuple[int, ...], epsilon: float, *, centre: bool) -> tuple[str, str, str]:
    """(x - mean) / sqrt(variance + epsilon) over axes, with the mean left in if not `centre`.

    Returns:
        The result, the mean (the operand if it is left in), and 1 / sqrt(variance + epsilon).
    """
    shape = site.shape_of_value(value)
    count = prod(shape[axis] for axis in axes)
    mean = value
    if centre:
        mean = scaled(site, reduced(site, value, Reduction.SUM, axes), count, "mean")
        value = site.apply(Add(), (value, negated(site, mean)), "centred")
    squares = site.apply(Multiply(), (value, value), "squares")
    total = reduced(site, squares, Reduction.SUM, axes)
    variance = site.apply(Affine(_ONE, np.array(float(count)), np.array(epsilon)), total, "variance")
    gain = site.apply(Activation(Function.RSQRT), variance, "rsqrt")
    return site.apply(Multiply(), (value, gain), "normalized"), mean, gain


def _scaled_and_shifted(site: Site, value: str) -> str:
    """Scale and bias, constant or not."""
    if site.has(1):
        value = _combined(site, value, 1)
    if site.has(2):
        value = _combined(site, value, 2)
    return value


def _combined(site: Site, value: str, index: int) -> str:
    multiplies = index == 1
    if site.is_known(index):
        constant = site.known(index, "scale or bias").reals
        op = Affine(constant, _ONE, _ZERO) if multiplies else Affine(_ONE, _ONE, constant)
        return site.apply(op, value, "scaled" if multiplies else "shifted")
    operands = (value, site.value(index))
    return site.apply(Multiply() if multiplies else Add(), operands, "scaled" if multiplies else "shifted")


def _per_channel(site: Site, index: int, channels: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Scale or bias: one number per channel, or per group of channels (GroupNormalization-18)."""
    constant = site.known(index, "scale or bias").reals.reshape(-1)
    if constant.size == 0 or channels % constant.size:
        raise MalformedModelError(f"{constant.size} scales do not fit {channels} channels")
    return np.repeat(constant, channels // constant.size)
