# SPDX-License-Identifier: Apache-2.0
"""Operators seen from one token: what a node computes for one position, where it does the same for all of them.

The leading axes of a tensor count tokens, the others lie inside a token. For a number of tokens the leading axes are
those whose sizes multiply to it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import TypeAlias

import numpy as np

from fpgann.ir import Operator
from fpgann.ir.alignment import Alignment
from fpgann.ir.ops.add import Add
from fpgann.ir.ops.arg_extreme import ArgExtreme
from fpgann.ir.ops.arrange import Arrange
from fpgann.ir.ops.compare import Compare
from fpgann.ir.ops.dense import Dense
from fpgann.ir.ops.extreme import Extreme
from fpgann.ir.ops.keep_winner import KeepWinner
from fpgann.ir.ops.multiply import Multiply
from fpgann.ir.ops.reduce import Reduce
from fpgann.ir.ops.reinterpret import Reinterpret
from fpgann.ir.ops.requantize import Requantize
from fpgann.ir.ops.reshape import Reshape
from fpgann.ir.ops.select import Select
from fpgann.ir.ops.transpose import Transpose
from fpgann.numerics.integers import integers

Shape: TypeAlias = tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class TokenOperator:
    """What a node computes for one token.

    Args:
        op: the operator on tensors whose token axes have size 1.
        operands: tokens that each operand has: as many as the result, or 1 if all tokens see the same.
    """

    op: Operator
    operands: tuple[int, ...]


def lead_of(shape: Shape, tokens: int) -> int | None:
    """How many leading axes count so many tokens; the fewest, at least the batch axis."""
    if tokens == 1:
        return 0
    return next((lead for lead in range(1, len(shape)) if prod(shape[:lead]) == tokens), None)


def token_shape(shape: Shape, tokens: int) -> Shape:
    """The shape of one token: axes that count tokens have size 1.

    Raises:
        ValueError: no axes count so many.
    """
    lead = lead_of(shape, tokens)
    if lead is None:
        raise ValueError(f"no leading axes of {shape} count {tokens} tokens")
    return (1,) * lead + shape[lead:]


def token_operator(op: Operator, operands: Sequence[Shape], result: Shape, tokens: int) -> TokenOperator | None:
    """What an operator computes for one of so many tokens; None where tokens differ or depend on each other.

    Args:
        op: the operator.
        operands: shapes of its operands.
        result: shape of its result.
        tokens: how many tokens the result has.
    """
    if tokens == 1:
        return TokenOperator(op, (1,) * len(operands))
    if lead_of(result, tokens) is None:
        return None
    if isinstance(op, Add | Compare | Extreme | Multiply | Select):
        return _elementwise(op, operands, result, tokens)
    if any(lead_of(shape, tokens) is None for shape in operands):
        return None
    rule = _RULES.get(type(op))
    found = None if rule is None else rule(op, operands, result, tokens)
    return None if found is None else TokenOperator(found, (tokens,) * len(operands))


def _elementwise(op: Operator, operands: Sequence[Shape], result: Shape, tokens: int) -> TokenOperator | None:
    lead = lead_of(result, tokens)
    assert lead is not None
    inner = len(result) - lead
    counts = []
    for shape in operands:
        count = prod(shape[: max(0, len(shape) - inner)])
        if count not in (1, tokens):
            return None
        counts.append(count)
    alignment = getattr(op, "alignment", None)
    if isinstance(alignment, Alignment):
        numbers = (*alignment.coefficients, *alignment.constants)
        if any(prod(array.shape[: max(0, array.ndim - inner)]) > 1 for array in numbers):
            return None
    return TokenOperator(op, tuple(counts))


def _lies_inside(axis: int, shape: Shape, tokens: int) -> bool:
    """Whether an axis, counted from the end, belongs to a token."""
    lead = lead_of(shape, tokens)
    return lead is not None and len(shape) + axis >= lead


def _dense(op: Operator, operands: Sequence[Shape], result: Shape, tokens: int) -> Operator | None:
    del result
    return op if _lies_inside(-1, operands[0], tokens) else None


def _requantize(op: Operator, operands: Sequence[Shape], result: Shape, tokens: int) -> Operator | None:
    del result
    assert isinstance(op, Requantize)
    return op if op.map.channels == 1 or _lies_inside(op.axis, operands[0], tokens) else None


def _reinterpret(op: Operator, operands: Sequence[Shape], result: Shape, tokens: int) -> Operator | None:
    del result
    return op if _lies_inside(-1, operands[0], tokens) else None


def _reduce(op: Operator, operands: Sequence[Shape], result: Shape, tokens: int) -> Operator | None:
    del result
    assert isinstance(op, Reduce)
    return op if all(_lies_inside(axis, operands[0], tokens) for axis in op.axes) else None


def _along_axis(op: Operator, operands: Sequence[Shape], result: Shape, tokens: int) -> Operator | None:
    del result
    assert isinstance(op, ArgExtreme | KeepWinner)
    return op if all(_lies_inside(op.axis, shape, tokens) for shape in operands) else None


def _reshape(op: Operator, operands: Sequence[Shape], result: Shape, tokens: int) -> Operator | None:
    del op, operands
    return Reshape(token_shape(result, tokens))


def _transpose(op: Operator, operands: Sequence[Shape], result: Shape, tokens: int) -> Operator | None:
    assert isinstance(op, Transpose)
    lead = lead_of(operands[0], tokens)
    assert lead is not None
    kept = op.permutation[:lead] == tuple(range(lead)) and lead == lead_of(result, tokens)
    return op if kept else None


def _arrange(op: Operator, operands: Sequence[Shape], result: Shape, tokens: int) -> Operator | None:
    """The places that the first token takes its elements from, if all others do the same in theirs."""
    assert isinstance(op, Arrange)
    index = op.index.reshape(tokens, -1)
    sizes = [prod(shape) for shape in operands]
    starts = np.cumsum([0, *sizes])
    source = np.searchsorted(starts, index, side="right") - 1
    is_constant = source >= len(sizes)
    blocks = np.array([size // tokens for size in sizes] + [1])
    local = index - starts[np.minimum(source, len(sizes))]
    place, element = np.divmod(local, blocks[np.minimum(source, len(sizes))])
    if np.any(~is_constant & (place != np.arange(tokens)[:, None])):
        return None
    constants = op.constants.reshape(-1)
    if constants.size:
        element = np.where(is_constant, constants[np.where(is_constant, local, 0)], element)
    if np.any(source != source[0]) or np.any(element != element[0]):
        return None
    firsts = np.cumsum([0, *(size // tokens for size in sizes)])
    numbers = element[0][is_constant[0]]
    taken = firsts[np.minimum(source[0], len(sizes))] + element[0]
    taken[is_constant[0]] = firsts[-1] + np.arange(len(numbers))
    shape = token_shape(result, tokens)
    return replace(op, index=taken.astype(np.int64).reshape(shape), constants=integers(numbers.tolist()))


_Rule: TypeAlias = Callable[[Operator, Sequence[Shape], Shape, int], Operator | None]
_RULES: dict[type[Operator], _Rule] = {
    Dense: _dense,
    Requantize: _requantize,
    Reinterpret: _reinterpret,
    Reduce: _reduce,
    ArgExtreme: _along_axis,
    KeepWinner: _along_axis,
    Reshape: _reshape,
    Transpose: _transpose,
    Arrange: _arrange,
}
