# SPDX-License-Identifier: Apache-2.0
"""Operators seen from one token compute for each token what the whole operator computes."""

from __future__ import annotations

import numpy as np
import pytest

from fpgann.hardware.token_ops import lead_of, token_operator, token_shape
from fpgann.ir import Operator
from fpgann.ir.alignment import Alignment
from fpgann.ir.ops.add import Add
from fpgann.ir.ops.arrange import Arrange
from fpgann.ir.ops.reduce import Reduce, Reduction
from fpgann.ir.ops.reshape import Reshape
from fpgann.ir.ops.transpose import Transpose
from fpgann.reference.tables import ON_CODES

SHAPE = (1, 2, 3, 4)
ONE, NONE = np.ones((), np.int64), np.zeros((), np.int64)
PLAIN = Alignment((ONE, ONE), (NONE, NONE))


def arrange(*shapes: tuple[int, ...], axis: int = -1, constants: tuple[int, ...] = ()) -> Arrange:
    """A concatenation, with constants behind."""
    starts = np.cumsum([0, *(int(np.prod(shape)) for shape in shapes)])
    parts = [start + np.arange(np.prod(shape)).reshape(shape) for start, shape in zip(starts, shapes, strict=False)]
    if constants:
        parts.append(np.broadcast_to(starts[-1] + np.arange(len(constants)), (*shapes[0][:-1], len(constants))))
    alignment = Alignment((ONE,) * len(shapes), (NONE,) * len(shapes))
    return Arrange(np.concatenate(parts, axis), np.array(constants, np.int64), alignment)


@pytest.mark.parametrize(
    ("op", "shapes"),
    [
        (Reshape((1, 2, 3, 2, 2)), [SHAPE]),
        (Reshape((1, 6, 4)), [SHAPE]),
        (Transpose((0, 1, 2, 4, 3)), [(1, 2, 3, 2, 2)]),
        (Reduce(Reduction.MAXIMUM, (-2,)), [(1, 2, 3, 2, 2)]),
        (Add(PLAIN), [SHAPE, SHAPE]),
        (Add(PLAIN), [SHAPE, (1, 1, 1, 4)]),
        (Add(PLAIN), [SHAPE, (4,)]),
        (Add(Alignment((np.arange(4), ONE), (NONE, NONE))), [SHAPE, SHAPE]),
        (arrange(SHAPE, (1, 2, 3, 2)), [SHAPE, (1, 2, 3, 2)]),
        (arrange(SHAPE, constants=(5, -3)), [SHAPE]),
    ],
)
def test_tokens_one_by_one(op: Operator, shapes: list[tuple[int, ...]]) -> None:
    operands = [np.arange(np.prod(shape)).reshape(1, *shape) * 7 % 23 for shape in shapes]
    whole = ON_CODES[type(op)](op, *operands)[0]
    found = token_operator(op, shapes, whole.shape, 6)
    assert found is not None
    for token in range(6):
        own = [
            x.reshape(count, -1)[token if count > 1 else 0].reshape(1, *token_shape(shape, count))
            for x, shape, count in zip(operands, shapes, found.operands, strict=True)
        ]
        one = ON_CODES[type(found.op)](found.op, *own)
        assert np.array_equal(one.reshape(-1), whole.reshape(6, -1)[token])


@pytest.mark.parametrize(
    ("op", "shapes", "result"),
    [
        (Reshape((1, 24)), [SHAPE], (1, 24)),
        (Transpose((0, 2, 1, 3)), [SHAPE], (1, 3, 2, 4)),
        (Reduce(Reduction.SUM, (-2,)), [SHAPE], (1, 2, 1, 4)),
        (Add(PLAIN), [SHAPE, (1, 1, 3, 4)], SHAPE),
        (Add(Alignment((np.arange(6).reshape(2, 3, 1), ONE), (NONE, NONE))), [SHAPE, SHAPE], SHAPE),
        (arrange(SHAPE, SHAPE, axis=1), [SHAPE, SHAPE], (1, 4, 3, 4)),
    ],
)
def test_what_tokens_cannot_do_alone(op: Operator, shapes: list[tuple[int, ...]], result: tuple[int, ...]) -> None:
    assert token_operator(op, shapes, result, 6) is None
    assert token_operator(op, shapes, result, 1) is not None


def test_tokens_that_differ_in_one_element() -> None:
    op = arrange(SHAPE, constants=(5, -3))
    for place in np.ndindex(1, 2, 3, 6):
        index = op.index.copy()
        index[place] = (index[place] + 1) % 26
        wrong = Arrange(index, op.constants, op.alignment)
        assert token_operator(wrong, [SHAPE], (1, 2, 3, 6), 6) is None


def test_leading_axes() -> None:
    assert lead_of((1, 2, 3, 4), 6) == 3
    assert lead_of((1, 2, 3, 4), 5) is None
    assert lead_of((1, 6), 6) is None
    assert token_shape((1, 2, 3, 4), 2) == (1, 1, 3, 4)
    assert token_shape((1, 2, 3, 4), 1) == (1, 2, 3, 4)
    with pytest.raises(ValueError, match="no leading axes"):
        token_shape((1, 2, 3, 4), 4)
