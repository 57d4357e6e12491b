# SPDX-License-Identifier: Apache-2.0
"""TopK and Gather on codes equal what they mean on exact numbers, compiled or not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fpgann.errors import ModelError
from fpgann.ir import Encoding, GraphBuilder, TensorType
from fpgann.ir.ops.gather import Gather
from fpgann.ir.ops.top_k import TopK
from fpgann.numerics.fixed import FixedType
from fpgann.numerics.interval import CodeRange
from fpgann.reference.ops.gather import gather_values
from tests.unit.reference.graphs import codes, differing, ends_and_random
from tests.unit.reference.operands import check, encodings, tensors

FEW = settings(max_examples=25, derandomize=True, database=None, deadline=None)


def ordered(row: list, count: int, greatest: bool) -> list[int]:
    """Positions by repeated choice: the first of the best that are left."""
    left, found = list(range(len(row))), []
    for _ in range(count):
        best = (max if greatest else min)(row[i] for i in left)
        found.append(next(i for i in left if row[i] == best))
        left.remove(found[-1])
    return found


@pytest.mark.parametrize("greatest", [False, True])
@pytest.mark.parametrize("positions", [False, True])
@pytest.mark.parametrize(("axis", "count"), [(-1, 3), (-2, 1), (-1, 5)])
@FEW
@given(st.data())
def test_top_k(greatest, positions, axis, count, data) -> None:
    x = data.draw(tensors((2, 5), encodings(bits=2 if data.draw(st.booleans()) else 40)))

    def meaning(a):
        def row(line):
            found = ordered(list(line), count, greatest)
            return np.array(found if positions else [line[i] for i in found], dtype=object)

        return np.apply_along_axis(row, axis, a)

    check(TopK(count, axis, greatest, positions), [x], meaning)


@FEW
@given(st.data())
def test_gather(data) -> None:
    x = data.draw(tensors((2, 4, 3), encodings(channels=True)))
    low = data.draw(st.integers(-4, 3))
    high = data.draw(st.integers(low, 3))
    wide = data.draw(st.sampled_from([(1, 5, 1), (2, 5, 1), (1, 5, 3), (2, 5, 3)]))
    span = CodeRange(low, high)
    kind = st.just(Encoding(FixedType.holding(span, 0), span))
    places = data.draw(tensors(wide, kind))

    def meaning(a, position):
        result = np.empty((2, 5, 3), dtype=object)
        for o, m, i in np.ndindex(2, 5, 3):
            result[o, m, i] = a[o, int(position[min(o, wide[0] - 1), m, min(i, wide[2] - 1)]), i]
        return result

    check(Gather(), [x, places], meaning)


def test_positions_outside_on_real_numbers() -> None:
    x = np.arange(4.0).reshape(1, 1, 4, 1)
    places = np.array([-9.0, -4.0, -1.0, 0.0, 3.0, 99.0]).reshape(1, 1, 6, 1)
    assert gather_values(Gather(), x, places).reshape(-1).tolist() == [0, 0, 3, 0, 3, 3]


@pytest.mark.parametrize(("greatest", "positions"), [(True, True), (False, True), (True, False)])
@pytest.mark.parametrize("width", [3, 24, 40])
def test_compiled_top_k(greatest, positions, width) -> None:
    build = GraphBuilder("top")
    x = build.input("x", TensorType((1, 3, 6), Encoding.of(FixedType(True, width, 2))))
    graph = build.build({"y": build.add(TopK(4, -1, greatest, positions), [x], name="y")})
    assert differing(graph, ends_and_random(graph)) == []


@pytest.mark.parametrize("width", [8, 40])
def test_compiled_gather(width) -> None:
    build = GraphBuilder("taken")
    x = build.input("x", TensorType((2, 5, 3), Encoding.of(FixedType(True, width, 2))))
    places = build.input("p", TensorType((1, 4, 1), codes(-5, 4)))
    graph = build.build({"y": build.add(Gather(), [x, places], name="y")})
    assert differing(graph, ends_and_random(graph)) == []


@pytest.mark.parametrize(
    ("op", "operands", "message"),
    [
        (TopK(3, -1, greatest=True, positions=True), [TensorType((1, 2))], "3 elements cannot be taken of 2"),
        (TopK(1, -3, greatest=True, positions=True), [TensorType((1, 2))], "axis -3 does not exist"),
        (Gather(), [TensorType((1, 4, 2)), TensorType((2, 3, 1))], "do not fit"),
        (Gather(), [TensorType((1, 4)), TensorType((1, 3))], "need three axes"),
        (Gather(), [TensorType((1, 4, 2), codes(0, 1)), TensorType((1, 3, 1))], "some operands are codes"),
        (Gather(), [TensorType((1, 4, 2), codes(0, 1)), TensorType((1, 3, 1), codes(0, 4))], "integers in -4..3"),
    ],
)
def test_refused(op, operands, message) -> None:
    with pytest.raises(ModelError, match=message):
        op.infer(tuple(operands))
