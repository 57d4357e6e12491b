# SPDX-License-Identifier: Apache-2.0
"""Add, Sub, Mul, Div and Neg with a constant operand."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from fpgann.errors import MalformedModelError
from fpgann.frontend.onnx.constants import Codes, Known
from fpgann.frontend.onnx.integer_types import IntegerType
from fpgann.frontend.onnx.ops.arithmetic import deliver_number, import_arithmetic
from fpgann.frontend.onnx.ops.integers import integer_kind, integer_quotient, truncated
from fpgann.frontend.onnx.tables import FOLDERS, IMPORTERS, STANDARD, Site
from fpgann.ir.ops.activation import Activation, Function
from fpgann.ir.ops.affine import Affine
from fpgann.ir.ops.reshape import Reshape
from fpgann.numerics.integers import FloatArray

_ONE, _ZERO = np.ones(()), np.zeros(())


@IMPORTERS.register((STANDARD, "Add"), (STANDARD, "Sub"), (STANDARD, "Mul"), (STANDARD, "Div"))
def import_affine(site: Site) -> None:
    """The tensor may stand on either side; two tensors make a sum or product."""
    if not (site.is_known(0) or site.is_known(1)):
        import_arithmetic(site)
        return
    constant_first = site.is_known(0)
    known = site.known(0 if constant_first else 1, "constant operand")
    operand = 1 if constant_first else 0
    constant = _legacy_broadcast(site, known.reals, site.shape(operand))
    if _broadcast(constant.shape, site.shape(operand)) is None:
        raise MalformedModelError(
            f"shapes {list(constant.shape)} and {list(site.shape(operand))} of its operands do not broadcast"
        )
    value = _with_rank(site, operand, constant.ndim)
    if site.op_type in ("Add", "Sub") and np.any(known.residue):
        residue = _legacy_broadcast(site, known.residue, site.shape(operand))
        value = site.apply(Affine(_ONE, _ONE, residue if site.op_type == "Add" else -residue), value, "residue")
    kind = integer_kind(site.element_type(operand))
    if site.op_type == "Div" and kind is not None:
        site.alias(_integer_quotient(site, value, constant, kind, constant_first=constant_first))
        return
    if constant_first and site.op_type == "Div":
        value = site.apply(Activation(Function.RECIPROCAL), value, "reciprocal")
        site.deliver(Affine(constant, _ONE, _ZERO), value)
        return
    deliver_number(site, _operator(site, constant, constant_first=constant_first), value, kind)


def _integer_quotient(site: Site, value: str, constant: FloatArray, kind: IntegerType, *, constant_first: bool) -> str:
    if constant_first:
        return integer_quotient(site, site.tensor(0), value, kind)
    return truncated(site, site.apply(_operator(site, constant, constant_first=False), value, "quotient"), kind)


@FOLDERS.register((STANDARD, "Mul"), (STANDARD, "Div"))
def fold_scaling(site: Site) -> Known | None:
    """A quantized constant times or over a real one keeps its codes; the factor joins the scales, exactly."""
    left, right = site.known(0, "left operand"), site.known(1, "right operand")
    if left.codes is None and site.op_type == "Mul":
        left, right = right, left
    codes, factor = left.codes, right.reals
    if codes is None or _broadcast(left.data.shape, factor.shape) != left.data.shape or not _is_scaling(factor):
        return None
    if site.op_type == "Div" and not np.all(factor):
        site.refuse("it divides by zero", "remove the zeros from the divisor")
    numbers, index = np.unique(factor, return_inverse=True)
    factors = [Fraction(float(number)) for number in numbers]
    if site.op_type == "Div":
        factors = [1 / number for number in factors]
    pairs = codes.channel * len(factors) + index.reshape(factor.shape)
    used, channel = np.unique(pairs, return_inverse=True)
    scales = tuple(codes.scales[pair // len(factors)] * (factors[pair % len(factors)] or 1) for pair in used)
    kept = codes.codes * (factor != 0)
    return Known.coded(Codes(kept, channel.reshape(pairs.shape), scales, min(0, codes.low), max(0, codes.high)))


def _is_scaling(factor: FloatArray) -> bool:
    """Whether a constant is a mask, or one number per channel at most."""
    mask = np.unique(factor[factor != 0]).size <= 1
    return mask or sum(size > 1 for size in factor.shape) <= 1


@IMPORTERS.register((STANDARD, "Neg"))
def import_negation(site: Site) -> None:
    """-x."""
    site.deliver(Affine(-_ONE, _ONE, _ZERO), site.value(0))


def _operator(site: Site, constant: FloatArray, *, constant_first: bool) -> Affine:
    match site.op_type:
        case "Add":
            return Affine(_ONE, _ONE, constant)
        case "Sub":
            return Affine(-_ONE, _ONE, constant) if constant_first else Affine(_ONE, _ONE, -constant)
        case "Mul":
            return Affine(constant, _ONE, _ZERO)
    if np.any(constant == 0):
        site.refuse("it divides by zero", "remove the zeros from the divisor")
    return Affine(_ONE, constant, _ZERO)


def _legacy_broadcast(site: Site, constant: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    """Before opset 7 the second operand was aligned at an explicit axis (ONNX operators, Add-6)."""
    if site.opset >= 7 or not site.integer("broadcast", 0):
        return constant
    axis = site.integer("axis", len(shape) - constant.ndim)
    trailing = len(shape) - constant.ndim - (axis + len(shape) if axis < 0 else axis)
    if trailing < 0:
        raise MalformedModelError(f"axis {axis} does not fit shapes {list(shape)} and {list(constant.shape)}")
    return constant.reshape(constant.shape + (1,) * trailing)


def _broadcast(left: tuple[int, ...], right: tuple[int, ...]) -> tuple[int, ...] | None:
    try:
        return np.broadcast_shapes(left, right)
    except ValueError:
        return None


def _with_rank(site: Site, operand: int, rank: int) -> str:
    """The operand with axes of size 1 in front until it has as many axes as the constant."""
    shape, value = site.shape(operand), site.value(operand)
    if len(shape) >= rank:
        return value
    return site.apply(Reshape((1,) * (rank - len(shape)) + shape), value, "reshape")
