# SPDX-License-Identifier: Apache-2.0
"""Operators that choose elements: by their order, or at computed positions."""

from __future__ import annotations

from fractions import Fraction

from fpgann.ir import Encoding, Node
from fpgann.ir.ops.gather import Gather
from fpgann.ir.ops.reinterpret import Reinterpret
from fpgann.ir.ops.top_k import TopK
from fpgann.ir.types import ONE, ZERO
from fpgann.numerics.fixed import FixedType
from fpgann.numerics.interval import CodeRange
from fpgann.numerics.rounding import Rounding
from fpgann.numerics.scalar_map import Rounder
from fpgann.passes.lines import decoding
from fpgann.passes.lower_operands import deliver
from fpgann.passes.lowering import Lowering
from fpgann.passes.pending import Pending
from fpgann.passes.tables import LOWERINGS


@LOWERINGS.register(TopK)
def _top_k(lowering: Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, TopK)
    source = lowering.codes_of(node.inputs[0], f"{node.name}_operand")
    encoding = lowering.builder.type(source).codes
    if encoding.scale[0] > 0:
        deliver(lowering, node, op, [source])
        return
    # the greatest value has the least code: compare plain integers, and give the result its meaning back
    plain = lowering.builder.add(Reinterpret(ONE, ZERO), (source,), name=f"{node.name}_codes")
    op = TopK(op.count, op.axis, not op.greatest, op.positions)
    if op.positions:
        deliver(lowering, node, op, [plain])
        return
    found = lowering.builder.add(op, (plain,), name=node.name)
    meant = lowering.builder.add(Reinterpret(encoding.scale, encoding.offset), (found,), name=f"{node.name}_scaled")
    lowering.values[node.output] = Pending(meant, (decoding(lowering.builder.type(meant).codes),), exact=True)


@LOWERINGS.register(Gather)
def _gather(lowering: Lowering, node: Node) -> None:
    x, position = node.inputs
    source = lowering.codes_of(x, f"{node.name}_operand")
    places = positions_of(lowering, position, lowering.graph.types[x].shape[1], f"{node.name}_positions")
    deliver(lowering, node, Gather(), [source, places])


def positions_of(lowering: Lowering, name: str, size: int, node: str) -> str:
    """Positions as integers from -size to size - 1, whatever the types of real numbers are."""
    codes = CodeRange(-size, size - 1)
    before = lowering.values[name]
    rounder = Rounder(Rounding.RND_CONV, codes.low, codes.high)
    target = Encoding(FixedType.holding(codes, 0), codes)
    source = lowering.requantize(
        lowering.settled(before, node), name, target, (Fraction(1), Fraction(0)), rounder, node
    )
    if not before.raw:
        lowering.values[name] = before
    encoding = lowering.builder.type(source).codes
    if encoding.plain and encoding.fixed.frac == 0:
        return source
    return lowering.builder.add(Reinterpret(ONE, ZERO), (source,), name=f"{node}_codes")
