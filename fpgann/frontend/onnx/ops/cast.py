# SPDX-License-Identifier: Apache-2.0
"""Cast and CastLike, and what integers of a limited width do: truncate and wrap around."""

from __future__ import annotations

import numpy as np
import onnx_ir

from fpgann.frontend.onnx.integer_types import INPUT_TYPES, IntegerType, integers_of
from fpgann.frontend.onnx.tables import IMPORTERS, STANDARD, Site
from fpgann.ir.ops.activation import Activation, Function
from fpgann.ir.ops.add import Add
from fpgann.ir.ops.affine import Affine
from fpgann.ir.ops.compare import Compare, Relation
from fpgann.ir.ops.quantize import Quantize
from fpgann.numerics.rounding import Rounding

_ONE, _ZERO = np.ones(()), np.zeros(())
_REAL = frozenset({"FLOAT", "DOUBLE"})  # narrower ones would round
WRAPPING_BITS = 16  # wider integers are taken not to overflow


@IMPORTERS.register((STANDARD, "Cast"), (STANDARD, "CastLike"))
def import_cast(site: Site) -> None:
    """Real numbers keep their value (precision is the runtime's), integers truncate or wrap, booleans ask for 0."""
    source, target = site.element_type(0), _target(site)
    name = "" if target is None else target.name
    if name in _REAL or target == source:
        site.alias(site.value(0))
        return
    if name == "BOOL":
        site.deliver(Compare(Relation.NOT_EQUAL), (site.value(0), site.constant(_ZERO, "zero")))
        return
    kind, old = INPUT_TYPES.get(name), integer_kind(source, with_booleans=True)
    if kind is None:
        site.refuse(f"a cast to {name or target} is not supported", "cast to float32, integers or booleans")
    if old is None:
        site.alias(truncated(site, site.value(0), kind))
    else:
        holds = kind.low <= old.low and old.high <= kind.high
        site.alias(site.value(0) if holds else wrapped(site, site.value(0), kind))


def _target(site: Site) -> onnx_ir.DataType | None:
    if site.op_type == "CastLike":
        return site.element_type(1)
    number = site.integer("to", 0)
    return onnx_ir.DataType(number) if number in {int(kind) for kind in onnx_ir.DataType} else None


def integer_kind(declared: onnx_ir.DataType | None, *, with_booleans: bool = False) -> IntegerType | None:
    """The integer type of an operand; None if it holds real numbers, or nothing is known."""
    if declared is None or (declared == onnx_ir.DataType.BOOL and not with_booleans):
        return None
    return INPUT_TYPES.get(declared.name)


def truncated(site: Site, value: str, kind: IntegerType) -> str:
    """Real numbers as integers: rounded towards zero, kept within the type."""
    op = Quantize(_ONE, _ZERO, kind.low, kind.high, Rounding.TRN_ZERO)
    return site.apply(op, value, "truncated")


def wrapped(site: Site, value: str, kind: IntegerType) -> str:
    """Integers modulo 2**bits, in the range of a type: x - size * floor((x - low) / size)."""
    size = np.array(float(kind.high - kind.low + 1))
    laps = site.apply(Affine(_ONE, size, np.array(-float(kind.low) / float(size))), value, "laps")
    laps = site.apply(Activation(Function.FLOOR), laps, "whole_laps")
    back = site.apply(Affine(-size, _ONE, _ZERO), laps, "back")
    return site.apply(integers_of(kind), site.apply(Add(), (value, back), "unwound"), "wrapped")
