# SPDX-License-Identifier: Apache-2.0
"""Operators of several operands, and reductions: their operands become codes in one unit."""

from __future__ import annotations

from collections.abc import Sequence

from fpgann.ir import Encoding, Node, Operator
from fpgann.ir.alignment import Aligned, Alignment, align, zero_point
from fpgann.ir.ops.add import Add
from fpgann.ir.ops.arg_extreme import ArgExtreme
from fpgann.ir.ops.compare import Compare
from fpgann.ir.ops.extreme import Extreme
from fpgann.ir.ops.keep_winner import KeepWinner
from fpgann.ir.ops.matrix_product import MatrixProduct
from fpgann.ir.ops.multiply import Multiply
from fpgann.ir.ops.reduce import Reduce, Reduction
from fpgann.ir.ops.reinterpret import Reinterpret
from fpgann.ir.ops.select import Select
from fpgann.ir.types import ONE, ZERO
from fpgann.passes.lines import decoding
from fpgann.passes.lowering import Lowering
from fpgann.passes.pending import Pending
from fpgann.passes.tables import LOWERINGS


def aligned_operands(
    lowering: Lowering, node: Node, names: Sequence[str], *, extra: Sequence[Encoding] = (), sum_offsets: bool = False
) -> tuple[list[str], Aligned]:
    """Operands as codes, and how they come to one unit.

    Args:
        lowering: the state.
        node: the node that reads them.
        names: the real values.
        extra: encodings of constants that must be multiples of the unit as well.
        sum_offsets: the operands will be added.
    """
    sources = [lowering.codes_of(name, f"{node.name}_operand_{i}", channels=True) for i, name in enumerate(names)]
    encodings = [lowering.builder.type(source).codes for source in sources]
    aligned = align([*encodings, *extra], sum_offsets=sum_offsets)
    count = len(sources)
    kept = Alignment(aligned.alignment.coefficients[:count], aligned.alignment.constants[:count])
    return sources, Aligned(kept, aligned.unit, aligned.offset)


def deliver(lowering: Lowering, node: Node, op: Operator, sources: Sequence[str], *, exact: bool = True) -> None:
    """Add a node on codes and let the node's value stand for its result.

    Args:
        lowering: the state.
        node: the node on real numbers.
        op: the operator on codes.
        sources: its operands.
        exact: whether the result may be delivered with all its bits.
    """
    source = lowering.builder.add(op, sources, name=node.name)
    encoding = lowering.builder.type(source).codes
    lowering.values[node.output] = Pending(source, (decoding(encoding),), encoding.axis, exact=exact)


@LOWERINGS.register(Add)
def _add(lowering: Lowering, node: Node) -> None:
    sources, aligned = aligned_operands(lowering, node, node.inputs, sum_offsets=True)
    deliver(lowering, node, Add(aligned.alignment), sources, exact=lowering.defined)


@LOWERINGS.register(Extreme)
def _extreme(lowering: Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, Extreme)
    sources, aligned = aligned_operands(lowering, node, node.inputs)
    deliver(lowering, node, Extreme(op.greatest, aligned.alignment), sources)


@LOWERINGS.register(Compare)
def _compare(lowering: Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, Compare)
    sources, aligned = aligned_operands(lowering, node, node.inputs)
    deliver(lowering, node, Compare(op.relation, aligned.alignment), sources)


@LOWERINGS.register(Select)
def _select(lowering: Lowering, node: Node) -> None:
    condition = lowering.codes_of(node.inputs[0], f"{node.name}_condition")
    sources, aligned = aligned_operands(lowering, node, node.inputs[1:])
    deliver(lowering, node, Select(aligned.alignment), [condition, *sources])


@LOWERINGS.register(Multiply)
def _multiply(lowering: Lowering, node: Node) -> None:
    sources, zeros = _centred(lowering, node)
    op = Multiply(zeros, square=sources[0] == sources[1])
    deliver(lowering, node, op, sources, exact=lowering.defined)


@LOWERINGS.register(MatrixProduct)
def _matrix_product(lowering: Lowering, node: Node) -> None:
    sources, zeros = _centred(lowering, node)
    deliver(lowering, node, MatrixProduct(zeros), sources, exact=lowering.defined)


def _centred(lowering: Lowering, node: Node) -> tuple[list[str], tuple[int, int]]:
    """Two operands, each with one scale and a code that stands for zero."""
    sources: list[str] = []
    zeros: list[int] = []
    for i, name in enumerate(node.inputs):
        source = lowering.codes_of(name, f"{node.name}_operand_{i}", channels=True)
        encoding = lowering.builder.type(source).codes
        zero = zero_point(encoding)
        if zero is None:  # no code means zero, or scales differ: exact multiples of a common unit instead
            alignment = align([encoding, Encoding.of(encoding.fixed)]).alignment
            alone = Alignment(alignment.coefficients[:1], alignment.constants[:1])
            source, zero = lowering.builder.add(Add(alone), (source,), name=f"{node.name}_unit_{i}"), 0
        sources.append(source)
        zeros.append(zero)
    return sources, (zeros[0], zeros[1])


@LOWERINGS.register(Reduce)
def _reduce(lowering: Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, Reduce)
    source = lowering.codes_of(node.inputs[0], f"{node.name}_operand")
    if lowering.builder.type(source).codes.scale[0] < 0:  # the greatest value has the least code
        swapped = {Reduction.MAXIMUM: Reduction.MINIMUM, Reduction.MINIMUM: Reduction.MAXIMUM}
        op = Reduce(swapped.get(op.reduction, op.reduction), op.axes)
    is_sum = op.reduction is Reduction.SUM
    deliver(lowering, node, op, [source], exact=lowering.defined or not is_sum)


@LOWERINGS.register(ArgExtreme)
def _arg_extreme(lowering: Lowering, node: Node) -> None:
    source = lowering.codes_of(node.inputs[0], f"{node.name}_operand")
    encoding = lowering.builder.type(source).codes
    op = node.op
    assert isinstance(op, ArgExtreme)
    if encoding.scale[0] < 0:  # the greatest value has the least code
        source = lowering.builder.add(Reinterpret(ONE, ZERO), (source,), name=f"{node.name}_codes")
        op = ArgExtreme(not op.greatest, op.axis, op.last)
    deliver(lowering, node, op, [source])


@LOWERINGS.register(KeepWinner)
def _keep_winner(lowering: Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, KeepWinner)
    x, y = (lowering.codes_of(name, f"{node.name}_operand_{i}") for i, name in enumerate(node.inputs))
    low = lowering.builder.type(x).codes.range.low
    deliver(lowering, node, KeepWinner(op.axis, low), [x, y])
