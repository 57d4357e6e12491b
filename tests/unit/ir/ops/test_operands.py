# SPDX-License-Identifier: Apache-2.0
"""Type rules of operators of several operands: shapes, refusals, tight ranges. Codes: tests/unit/reference."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from fpgann.errors import ModelError
from fpgann.ir import Encoding, Operator, TensorType
from fpgann.ir.alignment import Alignment, align
from fpgann.ir.ops.add import Add
from fpgann.ir.ops.arg_extreme import ArgExtreme
from fpgann.ir.ops.arrange import Arrange
from fpgann.ir.ops.compare import Compare, Relation
from fpgann.ir.ops.extreme import Extreme
from fpgann.ir.ops.keep_winner import KeepWinner
from fpgann.ir.ops.matrix_product import MatrixProduct
from fpgann.ir.ops.multiply import Multiply
from fpgann.ir.ops.reduce import Reduce, Reduction
from fpgann.ir.ops.select import Select
from fpgann.numerics.fixed import FixedType
from fpgann.numerics.interval import CodeRange

F = Fraction
ONE, ZERO, NONE = F(1), F(0), np.zeros(0)


def real(*shape: int) -> TensorType:
    return TensorType(shape)


def codes(
    low: int, high: int, *shape: int, frac: int = 0, scale: Fraction = ONE, offset: Fraction = ZERO
) -> TensorType:
    span = CodeRange(low, high)
    return TensorType(shape, Encoding(FixedType.holding(span, frac), span, (scale,), (offset,)))


def joined(*types: TensorType, **options: bool) -> Alignment:
    return align([type_.codes for type_ in types], **options).alignment


@pytest.mark.parametrize(
    ("op", "operands", "shape"),
    [
        (Add(), (real(2, 3), real(3)), (2, 3)),
        (Add(), (real(1), real(4, 1), real(1, 5)), (4, 5)),
        (Multiply(), (real(2, 1), real(3)), (2, 3)),
        (Extreme(True), (real(2), real()), (2,)),
        (Compare(Relation.EQUAL), (real(1, 2), real(3, 1)), (3, 2)),
        (Select(), (real(2, 1), real(3), real()), (2, 3)),
        (MatrixProduct(), (real(5, 2, 3), real(3, 4)), (5, 2, 4)),
        (MatrixProduct(), (real(5, 1, 2, 3), real(6, 3, 1)), (5, 6, 2, 1)),
        (Reduce(Reduction.SUM, (-3, -1)), (real(2, 3, 4),), (1, 3, 1)),
        (ArgExtreme(True, -2), (real(2, 3, 4),), (2, 1, 4)),
        (KeepWinner(-1), (real(2, 3), real(2, 3)), (2, 3)),
        (Arrange(np.array([[0], [7]]), NONE), (real(2, 3), real(2)), (2, 1)),
    ],
)
def test_shapes(op: Operator, operands: tuple[TensorType, ...], shape: tuple[int, ...]) -> None:
    assert op.infer(operands) == (real(*shape),)


@pytest.mark.parametrize(
    ("op", "operands", "message"),
    [
        (Add(), (real(2), real(3)), "do not broadcast"),
        (Multiply(), (real(2, 3), real(2)), "do not broadcast"),
        (MatrixProduct(), (real(3), real(3, 4)), "no matrices"),
        (MatrixProduct(), (real(2, 3), real(2, 3)), "no matrices"),
        (MatrixProduct(), (real(2, 2, 3), real(3, 3, 2)), "do not broadcast"),
        (Reduce(Reduction.SUM, (0,)), (real(2),), "axes.*do not exist"),
        (Reduce(Reduction.SUM, (-1, -1)), (real(2),), "axes.*do not exist"),
        (Reduce(Reduction.MAXIMUM, (-1,)), (real(2, 0),), "nothing is left"),
        (ArgExtreme(True, -3), (real(2, 3),), "axis -3 does not exist"),
        (ArgExtreme(True, -1), (real(2, 0),), "nothing is left"),
        (KeepWinner(-1), (real(2), real(3)), "differ"),
        (KeepWinner(-2), (real(2), real(2)), "axis -2 does not exist"),
        (Arrange(np.array([6]), NONE), (real(2, 3),), "do not exist among 6"),
        (Arrange(np.array([-1]), NONE), (real(2, 3),), "do not exist"),
        (Arrange(np.array([0]), NONE), (), "nothing to arrange"),
        (Add(), (real(2), codes(0, 1, 2)), "some operands are codes"),
        (Add(), (codes(0, 1, 2), codes(0, 1, 2)), "must be aligned"),
        (Extreme(True), (codes(0, 1, 2), codes(0, 1, 2)), "must be aligned"),
        (Compare(Relation.EQUAL), (codes(0, 1, 2), codes(0, 1, 2)), "must be aligned"),
        (Select(), (codes(0, 1, 2),) * 3, "must be aligned"),
        (Arrange(np.array([0]), NONE), (codes(0, 1, 2),), "must be aligned"),
        (Select(joined(codes(0, 1), codes(0, 1))), (codes(0, 1, 2, scale=F(1, 3)), *[codes(0, 1, 2)] * 2), "plain"),
        (Multiply((1, 0)), (codes(0, 3, 2), codes(0, 3, 2)), "zero point"),
        (Multiply(square=True), (codes(0, 3, 2), codes(0, 2, 2)), "one operand, twice"),
        (ArgExtreme(True, -1), (codes(0, 3, 2, scale=F(-1)),), "positive scales"),
        (KeepWinner(-1, low=1), (codes(0, 3, 2), codes(0, 3, 2)), "least code"),
        (Add(joined(codes(0, 3), codes(0, 3))), (codes(0, 3, 2), codes(0, 3, 2, frac=1)), "no common unit"),
    ],
)
def test_refused(op: Operator, operands: tuple[TensorType, ...], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        op.infer(operands)


X, Y = codes(-3, 5, 2, frac=1), codes(-8, 7, 2, frac=3)


@pytest.mark.parametrize(
    ("op", "operands", "low", "high", "step"),
    [
        (Add(joined(X, Y, sum_offsets=True)), (X, Y), -20, 27, F(1, 8)),
        (Extreme(True, joined(X, Y)), (X, Y), -8, 20, F(1, 8)),
        (Extreme(False, joined(X, Y)), (X, Y), -12, 7, F(1, 8)),
        (Select(joined(X, Y)), (codes(0, 1, 2), X, Y), -12, 20, F(1, 8)),
        (Compare(Relation.GREATER, joined(X, Y)), (X, Y), 0, 1, F(1)),
        (Multiply(), (X, Y), -40, 35, F(1, 16)),
        (Multiply(square=True), (Y, Y), 0, 64, F(1, 64)),
        (MatrixProduct(), (codes(-3, 5, 1, 4), codes(-2, 1, 4, 1)), -40, 24, F(1)),
        (Reduce(Reduction.SUM, (-1,)), (codes(-3, 5, 4),), -12, 20, F(1)),
        (Reduce(Reduction.MAXIMUM, (-1,)), (X,), -3, 5, F(1, 2)),
        (ArgExtreme(False, -1), (codes(-3, 5, 6),), 0, 5, F(1)),
        (Arrange(np.array([0, 4]), np.array([9]), joined(X, Y)), (X, Y), -12, 20, F(1, 8)),
        (Arrange(np.array([3]), np.array([9]), joined(X, Y)), (X, Y), -8, 7, F(1, 8)),
    ],
)
def test_ranges_are_no_wider_than_needed(op, operands, low, high, step) -> None:
    (type_,) = op.infer(operands)
    assert (type_.codes.range.low, type_.codes.range.high) == (low, high)
    assert type_.codes.scale_lsb() == (step,)
    assert type_.codes.fixed.width == type_.codes.range.width_bits


class TestAlignment:
    def test_the_coarsest_common_unit(self) -> None:
        found = align([codes(0, 1, scale=F(1, 6)).codes, codes(0, 1, scale=F(1, 4)).codes])
        assert found.unit == F(1, 12)
        assert [int(c) for c in found.alignment.coefficients] == [2, 3]
        assert not found.alignment.trivial

    def test_equal_codes_need_nothing(self) -> None:
        assert joined(X, X).trivial
        assert joined(codes(0, 3, offset=F(1, 2)), codes(0, 3, offset=F(1, 2))).trivial

    def test_offsets(self) -> None:
        x, y = codes(0, 3, 2, offset=F(1, 2)), codes(0, 3, 2, offset=F(-1, 3))
        apart = align([x.codes, y.codes])
        assert (apart.unit, apart.offset) == (F(1, 6), 0)
        assert [int(c) for c in apart.alignment.constants] == [3, -2]
        summed = align([x.codes, y.codes], sum_offsets=True)
        assert (summed.unit, summed.offset) == (1, F(1, 6))

    def test_an_offset_that_a_constant_lacks(self) -> None:
        """An arrangement of codes with an offset and of constants: the offset goes into the codes."""
        x = codes(0, 3, 2, offset=F(1, 2))
        together = align([x.codes, codes(0, 9, offset=F(0)).codes])
        alone = Alignment(together.alignment.coefficients[:1], together.alignment.constants[:1])
        (type_,) = Arrange(np.array([0, 2]), np.array([8]), alone).infer((x,))
        assert type_.codes.offset == (0,)
        assert (type_.codes.range.low, type_.codes.range.high) == (1, 8)
