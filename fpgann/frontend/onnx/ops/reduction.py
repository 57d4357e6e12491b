# SPDX-License-Identifier: Apache-2.0
"""Reductions: sums, means, extremes and norms over axes, and the position of an extreme."""

from __future__ import annotations

from math import prod

import numpy as np

from fpgann.errors import MalformedModelError
from fpgann.frontend.onnx.tables import IMPORTERS, STANDARD, Site
from fpgann.ir.ops.activation import Activation, Function
from fpgann.ir.ops.add import Add
from fpgann.ir.ops.affine import Affine
from fpgann.ir.ops.arg_extreme import ArgExtreme
from fpgann.ir.ops.arrange import Arrange
from fpgann.ir.ops.multiply import Multiply
from fpgann.ir.ops.reduce import Reduce, Reduction
from fpgann.ir.ops.reshape import Reshape

_ONE, _ZERO = np.ones(()), np.zeros(())
_KINDS = {
    "ReduceSum": Reduction.SUM,
    "ReduceMean": Reduction.SUM,
    "ReduceMax": Reduction.MAXIMUM,
    "ReduceMin": Reduction.MINIMUM,
    "ReduceL1": Reduction.SUM,
    "ReduceL2": Reduction.SUM,
    "ReduceSumSquare": Reduction.SUM,
    "ReduceLogSum": Reduction.SUM,
}
_BEFORE = {"ReduceL1": Function.ABS, "ReduceL2": Function.SQUARE, "ReduceSumSquare": Function.SQUARE}
_AFTER = {"ReduceL2": Function.SQRT, "ReduceLogSum": Function.LOG}
# the opset in which the axes became an operand
_AXES_OPERAND = {"ReduceSum": 13}
_NEWER = 18


@IMPORTERS.register(*((STANDARD, op_type) for op_type in _KINDS))
def import_reduction(site: Site) -> None:
    """A function of each element, a reduction, a function of the result."""
    value, shape = site.value(0), site.shape(0)
    axes = _axes(site, len(shape))
    before, after = _BEFORE.get(site.op_type), _AFTER.get(site.op_type)
    if before is Function.SQUARE:
        value = site.apply(Multiply(), (value, value), "squares")
    elif before is not None:
        value = site.apply(Activation(before), value, before.value)
    value = reduced(site, value, _KINDS[site.op_type], axes)
    if site.op_type == "ReduceMean":
        value = scaled(site, value, prod(shape[axis] for axis in axes), "mean")
    if after is not None:
        value = site.apply(Activation(after), value, after.value)
    _deliver(site, value, axes)


@IMPORTERS.register((STANDARD, "ReduceLogSumExp"))
def import_log_sum_exp(site: Site) -> None:
    """log(sum(exp(x))), shifted by the maximum so that no exponential exceeds 1."""
    value = site.value(0)
    axes = _axes(site, len(site.shape(0)))
    greatest = reduced(site, value, Reduction.MAXIMUM, axes)
    negative = site.apply(Affine(-_ONE, _ONE, _ZERO), greatest, "negated")
    powers = site.apply(Activation(Function.EXP), site.apply(Add(), (value, negative), "shifted"), "exp")
    total = reduced(site, powers, Reduction.SUM, axes)
    logarithm = site.apply(Activation(Function.LOG), total, "log")
    _deliver(site, site.apply(Add(), (logarithm, greatest), "result"), axes)


@IMPORTERS.register((STANDARD, "ReduceProd"))
def import_product_reduction(site: Site) -> None:
    """A tree of products of halves."""
    value, shape = site.value(0), site.shape(0)
    axes = _axes(site, len(shape))
    kept = [i for i in range(len(shape)) if i - len(shape) not in axes]
    order = (*kept, *(axis % len(shape) for axis in axes))
    elements = np.arange(prod(shape)).reshape(shape).transpose(order).reshape(*(shape[i] for i in kept), -1)
    value = site.apply(Arrange(elements, np.zeros(0), kind="lists"), value, "lists")
    while (count := site.shape_of_value(value)[-1]) > 1:
        half = count // 2
        numbers = np.arange(elements[..., :count].size).reshape(*elements.shape[:-1], count)
        left, right, rest = numbers[..., :half], numbers[..., half : 2 * half], numbers[..., 2 * half :]
        product = site.apply(
            Multiply(),
            tuple(site.apply(Arrange(part, np.zeros(0)), value, "half") for part in (left, right)),
            "product",
        )
        if rest.size:
            joined = np.concatenate([np.arange(left.size).reshape(left.shape), left.size + rest], axis=-1)
            value = site.apply(Arrange(joined, np.zeros(0), kind="joined"), (product, value), "joined")
        else:
            value = product
    reduced_shape = tuple(1 if i - len(shape) in axes else size for i, size in enumerate(shape))
    _deliver(site, site.apply(Reshape(reduced_shape), value, "reduced"), axes)


@IMPORTERS.register((STANDARD, "ArgMax"), (STANDARD, "ArgMin"))
def import_arg_extreme(site: Site) -> None:
    """The position of the first (or last) extreme element."""
    rank = len(site.shape(0))
    axis = site.integer("axis", 0)
    if not -rank <= axis < rank:
        raise MalformedModelError(f"axis {axis} does not exist in shape {list(site.shape(0))}")
    axis = axis % rank - rank
    op = ArgExtreme(site.op_type == "ArgMax", axis, bool(site.integer("select_last_index", 0)))
    _deliver(site, site.apply(op, site.value(0), "position"), (axis,))


def reduced(site: Site, value: str, reduction: Reduction, axes: tuple[int, ...]) -> str:
    """A value reduced over axes (negative), which keep size 1."""
    if not axes:
        return value
    return site.apply(Reduce(reduction, tuple(sorted(axes))), value, reduction.value)


def scaled(site: Site, value: str, divisor: int, suffix: str) -> str:
    """A value divided by a number."""
    return site.apply(Affine(_ONE, np.array(float(divisor)), _ZERO), value, suffix) if divisor != 1 else value


def _axes(site: Site, rank: int) -> tuple[int, ...]:
    """Axes, negative: an attribute in older opsets, an operand since; all of them if none are given."""
    if site.opset >= _AXES_OPERAND.get(site.op_type, _NEWER):
        given = [int(axis) for axis in np.ravel(site.known(1, "axes").data)] if site.has(1) else []
        if not given and site.integer("noop_with_empty_axes", 0):
            return ()
    else:
        given = list(site.integers("axes") or ())
    if any(not -rank <= axis < rank for axis in given):
        raise MalformedModelError(f"axes {given} do not exist in {rank} dimensions")
    return tuple(sorted({axis % rank - rank for axis in given} or range(-rank, 0)))


def _deliver(site: Site, value: str, axes: tuple[int, ...]) -> None:
    """Drop the reduced axes unless they are to be kept."""
    shape = site.shape_of_value(value)
    kept = tuple(size for i, size in enumerate(shape) if i - len(shape) not in axes)
    if site.integer("keepdims", 1) or kept == shape:
        site.alias(value)
    else:
        site.deliver(Reshape(kept), value)
