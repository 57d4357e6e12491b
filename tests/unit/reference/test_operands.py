# SPDX-License-Identifier: Apache-2.0
"""Operators of several operands on codes equal exact arithmetic on what the codes mean, within the inferred range."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fpgann.ir import Encoding, TensorType
from fpgann.ir.alignment import Alignment, align, zero_point
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
from fpgann.reference.tables import ON_CODES
from tests.unit.reference.operands import CHANNELS, check, encodings, exact, tensors

PAIRS = [((2, 3), (2, 3)), ((2, 3), (3,)), ((2, 1), (1, 3)), ((3,), (1, 2, 3))]
FEW = settings(max_examples=25, derandomize=True, database=None, deadline=None)
BIT = Encoding.of(FixedType(False, 1, 0))


def pair(data: st.DataObject, shapes, **options):
    """Two tensors; scales per channel only where all last axes are channels."""
    channels = all(shape[-1] == CHANNELS for shape in shapes)
    return [data.draw(tensors(shape, encodings(channels=channels, **options))) for shape in shapes]


def aligned(operands, **options) -> Alignment:
    return align([type_.codes for type_, _ in operands], **options).alignment


@pytest.mark.parametrize("shapes", PAIRS)
@FEW
@given(st.data())
def test_add(shapes, data) -> None:
    operands = pair(data, shapes, negative=True)
    check(Add(aligned(operands, sum_offsets=True)), operands, lambda x, y: x + y)


@FEW
@given(st.data())
def test_add_of_three(data) -> None:
    operands = [data.draw(tensors((2, 3), encodings(channels=True))) for _ in range(3)]
    check(Add(aligned(operands, sum_offsets=True)), operands, lambda x, y, z: x + y + z)


@pytest.mark.parametrize("greatest", [False, True])
@pytest.mark.parametrize("shapes", PAIRS)
@FEW
@given(st.data())
def test_extreme(shapes, greatest, data) -> None:
    operands = pair(data, shapes, negative=True)
    check(Extreme(greatest, aligned(operands)), operands, np.maximum if greatest else np.minimum)


MEANINGS = {
    Relation.GREATER: lambda x, y: x > y,
    Relation.GREATER_EQUAL: lambda x, y: x >= y,
    Relation.EQUAL: lambda x, y: x == y,
    Relation.NOT_EQUAL: lambda x, y: x != y,
}


@pytest.mark.parametrize("relation", Relation)
@pytest.mark.parametrize("shapes", PAIRS)
@FEW
@given(st.data())
def test_compare(shapes, relation, data) -> None:
    operands = pair(data, shapes, negative=True)
    check(Compare(relation, aligned(operands)), operands, lambda x, y: MEANINGS[relation](x, y).astype(int))


@FEW
@given(st.data())
def test_compare_equal_numbers(data) -> None:
    """Random numbers are seldom equal; these are, in different units."""
    numbers = np.array([[[-6, 0, 3]]] * 3)
    x = (TensorType((1, 3), Encoding(FixedType(True, 8, 2), CodeRange(-12, 12), (Fraction(1, 3),))), numbers * 2)
    y = (TensorType((1, 3), Encoding(FixedType(True, 8, 0), CodeRange(-12, 12), (Fraction(1, 6),))), numbers)
    relation = data.draw(st.sampled_from(list(Relation)))
    alignment = aligned([x, y])
    _, result = check(Compare(relation, alignment), [x, y], lambda a, b: MEANINGS[relation](a, b).astype(int))
    assert np.all(result == (relation in (Relation.EQUAL, Relation.GREATER_EQUAL)))


@FEW
@given(st.data())
def test_select(data) -> None:
    operands = pair(data, ((2, 3), (3,)))
    bits = data.draw(st.lists(st.integers(0, 1), min_size=6, max_size=6))
    condition = (TensorType((2, 1, 3), BIT), np.array([[0] * 6, [1] * 6, bits]).reshape(3, 2, 1, 3))
    op = Select(aligned(operands))
    check(op, [condition, *operands], lambda c, x, y: np.where(np.asarray(c != 0, bool), *np.broadcast_arrays(x, y)))


def with_zero(operand):
    """The operand if some integer stands for zero, else one without offset."""
    type_, codes = operand
    encoding = type_.codes
    if zero_point(encoding) is None:
        encoding = Encoding(encoding.fixed, encoding.range, encoding.scale)
    return (TensorType(type_.shape, encoding), codes), zero_point(encoding)


@pytest.mark.parametrize("shapes", PAIRS)
@FEW
@given(st.data())
def test_multiply(shapes, data) -> None:
    (x, zero), (y, other) = (with_zero(data.draw(tensors(s, encodings(negative=True)))) for s in shapes)
    check(Multiply((zero, other)), [x, y], lambda a, b: a * b)


@FEW
@given(tensors((2, 3), encodings(offsets=False)))
def test_square(x) -> None:
    type_, _ = check(Multiply(square=True), [x, x], lambda a, b: a * b)
    assert type_.codes.range.low >= 0
    assert not type_.codes.fixed.signed


@pytest.mark.parametrize(("left", "right"), [((2, 3), (3, 4)), ((3, 2, 3), (3, 1)), ((1, 2), (2, 2, 3))])
@FEW
@given(st.data())
def test_matrix_product(left, right, data) -> None:
    (x, zero), (y, other) = (with_zero(data.draw(tensors(s, encodings(bits=34)))) for s in (left, right))
    check(MatrixProduct((zero, other)), [x, y], np.matmul)


@pytest.mark.parametrize("axes", [(-1,), (-2,), (-3, -1), (-3, -2, -1)])
@pytest.mark.parametrize("reduction", Reduction)
@FEW
@given(st.data())
def test_reduce(axes, reduction, data) -> None:
    x = data.draw(tensors((2, 2, 3), encodings()))
    meaning = {Reduction.SUM: np.sum, Reduction.MAXIMUM: np.max, Reduction.MINIMUM: np.min}[reduction]
    check(Reduce(reduction, axes), [x], lambda a: meaning(a, axis=axes, keepdims=True))


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("greatest", [False, True])
@pytest.mark.parametrize("axis", [-1, -2])
@FEW
@given(st.data())
def test_arg_extreme(axis, greatest, last, data) -> None:
    few = st.integers(-2, 2)  # so that several are equal
    codes = np.array(data.draw(st.lists(few, min_size=24, max_size=24))).reshape(3, 2, 4)
    x = (TensorType((2, 4), Encoding(FixedType(True, 3, 1), CodeRange(-2, 2), (Fraction(1, 3),))), codes)

    def position(a):
        best = (np.max if greatest else np.min)(a, axis=axis, keepdims=True)
        places = np.arange(a.shape[axis]).reshape(-1, *(1,) * (-1 - axis))
        return (np.max if last else np.min)(np.where(a == best, places, -1 if last else 99), axis=axis, keepdims=True)

    check(ArgExtreme(greatest, axis, last), [x], position)


@FEW
@given(st.data())
def test_arrange(data) -> None:
    """Elements of two operands and constants in any order, some left out, some twice."""
    operands = [data.draw(tensors(shape, encodings())) for shape in ((2, 3), (2,))]
    together = align([type_.codes for type_, _ in operands])
    constants = np.array(data.draw(st.lists(st.integers(-100, 100), min_size=2, max_size=2)))
    index = np.array(data.draw(st.lists(st.integers(0, 9), min_size=6, max_size=6))).reshape(3, 2)
    numbers = np.array([int(c) * together.unit + together.offset for c in constants], dtype=object)

    def moved(x, y):
        return np.concatenate([x.reshape(-1), y.reshape(-1), numbers])[index]

    check(Arrange(index, constants, together.alignment), operands, moved)


@FEW
@given(st.data())
def test_keep_winner(data) -> None:
    """The winner stays ahead, losers move down by one at most, nothing leaves the range."""
    scores = np.array(data.draw(st.lists(st.integers(-5, 5), min_size=12, max_size=12))).reshape(3, 1, 4)
    levels = np.array(data.draw(st.lists(st.integers(0, 3), min_size=6, max_size=6)))
    rounded = np.cumsum(levels)[np.clip(scores, -2, 3) + 2]  # a rising function that levels some
    codes = CodeRange(int(rounded.min()), int(rounded.max()))
    x = TensorType((1, 4), Encoding(FixedType.holding(codes, 4), codes))
    y = TensorType((1, 4), Encoding(FixedType(True, 4, 0), CodeRange(-5, 5)))
    op = KeepWinner(-1, codes.low)
    (type_,) = op.infer((x, y))
    result = ON_CODES[KeepWinner](op, rounded, scores)
    assert result.min() >= type_.codes.range.low
    assert result.max() <= type_.codes.range.high
    assert np.all((rounded - result >= 0) & (rounded - result <= 1))
    winners = scores == scores.max(axis=-1, keepdims=True)
    assert np.array_equal(result[winners], rounded[winners])
    room = rounded.max(axis=-1, keepdims=True) > codes.low
    assert np.all((result < result.max(axis=-1, keepdims=True)) | winners | ~room)


def test_wide_codes_do_not_wrap() -> None:
    """Sums and products beyond 63 bits become Python integers."""
    big = Encoding.of(FixedType(True, 62, 0))
    top = np.full((3, 1, 2), big.range.high, dtype=np.int64)
    x = (TensorType((1, 2), big), top)
    assert check(Multiply(), [x, x], lambda a, b: a * b)[1].dtype == object
    check(Reduce(Reduction.SUM, (-1,)), [x], lambda a: a.sum(axis=-1, keepdims=True))
    check(Add(aligned([x] * 5, sum_offsets=True)), [x] * 5, lambda *a: sum(a))
    y = (TensorType((2, 1), big), np.full((3, 2, 1), big.range.low, dtype=np.int64))
    check(MatrixProduct(), [x, y], np.matmul)


def test_the_helper_notices_a_wrong_result() -> None:
    """The twin of all of the above: a meaning that differs in one number."""
    x = (TensorType((1, 2), Encoding.of(FixedType(True, 8, 3))), np.array([[[1, 2]]]))
    op = Add(aligned([x, x], sum_offsets=True))
    with pytest.raises(AssertionError):
        check(op, [x, x], lambda a, b: a + b + Fraction(1, 8))
    assert exact(x[0].codes, x[1])[0, 0, 1] == Fraction(1, 4)
