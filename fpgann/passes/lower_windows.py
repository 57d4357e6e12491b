# SPDX-License-Identifier: Apache-2.0
"""Windows of maps: codes are made before them, for each is seen by many windows."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np

from fpgann.ir import Encoding, Node
from fpgann.ir.alignment import Alignment, common_unit
from fpgann.ir.ops.add import Add
from fpgann.ir.ops.windows import Windows
from fpgann.numerics.integers import integers
from fpgann.passes.lower_operands import deliver
from fpgann.passes.lowering import Lowering
from fpgann.passes.tables import LOWERINGS


@LOWERINGS.register(Windows)
def _windows(lowering: Lowering, node: Node) -> None:
    op, (name,) = node.op, node.inputs
    assert isinstance(op, Windows)
    source = lowering.codes_of(name, f"{node.name}_operand")
    fill = 0
    if op.touches_padding(lowering.graph.types[name].shape[1:-1]):
        codes = lowering.builder.type(source).codes
        if (code := _fill(op.fill, codes)) is None:
            source = lowering.builder.add(Add(_with_code_of(op.fill, codes)), (source,), name=f"{node.name}_unit")
            code = _fill(op.fill, lowering.builder.type(source).codes)
        assert code is not None
        fill = code
    deliver(lowering, node, replace(op, fill=fill), [source], exact=lowering.values[name].exact)


def _fill(fill: float, codes: Encoding) -> int | None:
    """The code of a number; None if it has none. What is less than every number has the code of the least."""
    step = codes.scale_lsb()[0]
    if math.isinf(fill):
        return codes.range.low if (fill < 0) == (step > 0) else codes.range.high
    code = (Fraction(fill) - codes.offset[0]) / step
    return int(code) if code.denominator == 1 else None


def _with_code_of(fill: float, codes: Encoding) -> Alignment:
    """Codes as multiples of a unit of which the number is a multiple too."""
    (step,), offset = codes.scale_lsb(), codes.offset[0]
    unit = common_unit([step, *(number for number in (offset, Fraction(fill)) if number)])
    factors = (integers(np.array(int(number / unit), object)) for number in (step, offset))
    return Alignment((next(factors),), (next(factors),))
