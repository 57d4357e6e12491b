# SPDX-License-Identifier: Apache-2.0
"""Operators of several computed tensors: sums, products, extremes, comparisons, choices."""

from __future__ import annotations

import numpy as np

from fpgann.errors import MalformedModelError
from fpgann.frontend.onnx.integer_types import IntegerType
from fpgann.frontend.onnx.ops.integers import integer_kind, integer_quotient, wrapped, wraps
from fpgann.frontend.onnx.ops.movement import move
from fpgann.frontend.onnx.tables import IMPORTERS, STANDARD, Site
from fpgann.ir import Operator
from fpgann.ir.ops.activation import Activation, Function
from fpgann.ir.ops.add import Add
from fpgann.ir.ops.affine import Affine
from fpgann.ir.ops.compare import Compare, Relation
from fpgann.ir.ops.extreme import Extreme
from fpgann.ir.ops.multiply import Multiply
from fpgann.ir.ops.reshape import Reshape
from fpgann.ir.ops.select import Select

_ONE, _ZERO = np.ones(()), np.zeros(())


def import_arithmetic(site: Site) -> None:
    """Add, Sub, Mul and Div of two computed tensors; integers of up to 16 bits wrap around, quotients truncate."""
    x, y = site.value(0), legacy_broadcast(site)
    kind = integer_kind(site.element_type(0))
    op: Operator = Add() if site.op_type in ("Add", "Sub") else Multiply()
    if site.op_type == "Sub":
        y = negated(site, y)
    elif site.op_type == "Div":
        if kind is not None:
            site.alias(integer_quotient(site, x, y, kind))
            return
        y = site.apply(Activation(Function.RECIPROCAL), y, "reciprocal")
    deliver_number(site, op, (x, y), kind)


def deliver_number(site: Site, op: Operator, operands: str | tuple[str, ...], kind: IntegerType | None) -> None:
    """Deliver the result of arithmetic; narrow integers wrap around."""
    if kind is not None and wraps(kind):
        site.alias(wrapped(site, site.apply(op, operands, "unbounded"), kind))
    else:
        site.deliver(op, operands)


def negated(site: Site, value: str) -> str:
    """-x."""
    return site.apply(Affine(-_ONE, _ONE, _ZERO), value, "negated")


def legacy_broadcast(site: Site) -> str:
    """The second operand; before opset 7 it was aligned at an explicit axis (ONNX operators, Add-6)."""
    value = site.tensor(1)
    if site.opset >= 7 or not site.integer("broadcast", 0):
        return value
    shape, other = site.shape_of_value(value), site.shape_of(0)
    axis = site.integer("axis", len(other) - len(shape))
    trailing = len(other) - len(shape) - (axis + len(other) if axis < 0 else axis)
    if trailing < 0:
        raise MalformedModelError(f"axis {axis} does not fit shapes {list(other)} and {list(shape)}")
    return site.apply(Reshape(shape + (1,) * trailing), value, "aligned") if trailing else value


@IMPORTERS.register((STANDARD, "Sum"), (STANDARD, "Mean"))
def import_sum(site: Site) -> None:
    """Of any number of tensors, constants among them."""
    count = len(site.node.inputs)
    values = [site.value(i) for i in range(count) if not site.is_known(i)]
    total = values[0] if len(values) == 1 else site.apply(Add(), tuple(values), "sum")
    for i in range(count):  # one by one, for their sum may be no float64
        if site.is_known(i):
            total = site.apply(Affine(_ONE, _ONE, site.known(i, "operand").reals), total, "shifted")
    site.deliver(Affine(_ONE, np.array(float(count)) if site.op_type == "Mean" else _ONE, _ZERO), total)


@IMPORTERS.register((STANDARD, "Max"), (STANDARD, "Min"))
def import_extreme(site: Site) -> None:
    """Of any number of tensors; constants that are one number only clip the rest."""
    greatest = site.op_type == "Max"
    limits, operands = [], []
    for i in range(len(site.node.inputs)):
        if site.is_known(i) and np.unique(site.known(i, "operand").data).size == 1:
            limits.append(site.known(i, "operand").reals)
        else:
            operands.append(site.tensor(i))
    shape = np.broadcast_shapes(*(site.shape_of(i) for i in range(len(site.node.inputs))))
    value = operands[0] if len(operands) == 1 else site.apply(Extreme(greatest), tuple(operands), "extreme")
    if not limits:
        site.alias(value)
        return
    limit = np.array(float((max if greatest else min)(float(c.flat[0]) for c in limits)))
    far = np.array(float(np.finfo(np.float32).max))
    value = _expanded(site, value, shape)
    ends = (limit, far) if greatest else (-far, limit)
    site.deliver(Activation(Function.CLIP, ends), value)


def _expanded(site: Site, value: str, shape: tuple[int, ...]) -> str:
    """A value in the shape that broadcasting gives it."""
    if site.shape_of_value(value) == shape:
        return value
    return site.apply(Affine(np.ones(shape), _ONE, _ZERO), value, "expanded")


_RELATIONS = {
    "Greater": (Relation.GREATER, False),
    "GreaterOrEqual": (Relation.GREATER_EQUAL, False),
    "Less": (Relation.GREATER, True),
    "LessOrEqual": (Relation.GREATER_EQUAL, True),
    "Equal": (Relation.EQUAL, False),
    "Xor": (Relation.NOT_EQUAL, False),
}


@IMPORTERS.register(*((STANDARD, op_type) for op_type in _RELATIONS))
def import_comparison(site: Site) -> None:
    """1 where it holds, 0 elsewhere."""
    relation, swapped = _RELATIONS[site.op_type]
    x, y = site.tensor(0), legacy_broadcast(site)
    site.deliver(Compare(relation), (y, x) if swapped else (x, y))


@IMPORTERS.register((STANDARD, "And"), (STANDARD, "Or"))
def import_logic(site: Site) -> None:
    """The least or greatest of bits."""
    site.deliver(Extreme(greatest=site.op_type == "Or"), (site.tensor(0), legacy_broadcast(site)))


@IMPORTERS.register((STANDARD, "Not"))
def import_not(site: Site) -> None:
    """1 - x."""
    site.deliver(Affine(-_ONE, _ONE, _ONE), site.value(0))


@IMPORTERS.register((STANDARD, "Where"))
def import_where(site: Site) -> None:
    """Wires where the condition is constant, else multiplexers."""
    if site.is_known(0):
        move(site, data=(1, 2))
        return
    site.deliver(Select(), (site.value(0), site.tensor(1), site.tensor(2)))
