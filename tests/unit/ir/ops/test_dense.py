# SPDX-License-Identifier: Apache-2.0
"""Type rules of the dense layer: the accumulator's range is exact and its meaning is that of the product."""

from __future__ import annotations

import itertools
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import strategies as st

from fpgann.errors import ModelError
from fpgann.ir import Constant, Encoding, TensorType
from fpgann.ir.ops import dense as module
from fpgann.ir.ops.dense import Dense
from fpgann.numerics.fixed import FixedType
from fpgann.numerics.interval import CodeRange
from fpgann.reference.ops import dense as evaluator
from fpgann.reference.ops.dense import dense_codes, dense_values
from tests.unit.ir import samples
from tests.unit.ir.samples import BYTE, CODES, PER_CHANNEL, REALS, F
from tests.unit.numerics.properties import holds

PLAIN = Encoding.of(FixedType(True, 4, 2))


def weights(rows: int, columns: int, encoding: Encoding | None = PLAIN) -> Constant:
    """Ones."""
    return Constant(np.ones((rows, columns), np.float64 if encoding is None else np.int64), encoding)


def real(codes: Encoding, code: int, channel: int) -> Fraction:
    """What a code stands for."""
    scale, offset = (numbers[channel % len(numbers)] for numbers in (codes.scale, codes.offset))
    return code * codes.fixed.lsb * scale + offset


@st.composite
def layers(draw: st.DrawFn) -> tuple[Dense, Encoding]:
    """Small layers whose inputs can be tried out."""
    rows, columns = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    wide = draw(st.sampled_from([0, 0, 40, 58, 62]))
    low = draw(st.integers(-4, 4))
    span = CodeRange(low << wide, (low + draw(st.integers(0, 3))) << wide)
    scale, offset = (draw(samples.positives),), (draw(st.one_of(st.just(F(0)), samples.fractions)),)
    x = Encoding(FixedType.holding(span, draw(st.integers(-3, 9))), span, scale, offset)
    per_output = tuple(draw(samples.positives) for _ in range(draw(st.sampled_from([1, columns]))))
    weight = draw(samples.codes((rows, columns), replace(PLAIN, scale=per_output)))
    return Dense(weight, draw(st.none() | samples.codes((columns,), Encoding.of(FixedType(True, 64, 6))))), x


@holds(layers())
def accumulators(example: tuple[Dense, Encoding]) -> None:
    layer, x = example
    (result,) = layer.infer((TensorType((1, layer.weight.data.shape[0]), x),))
    rows, columns = layer.weight.data.shape
    assert result.shape == (1, columns)
    assert result.encoding is not None
    weight, bias = layer.weight.data.tolist(), [0] * columns if layer.bias is None else layer.bias.data.tolist()
    reached = []
    for ends in itertools.product((x.range.low, x.range.high), repeat=rows):
        for column in range(columns):
            accumulator = sum(code * row[column] for code, row in zip(ends, weight, strict=True)) + bias[column]
            reached.append(accumulator)
            product = sum(
                real(x, code, 0) * real(layer.weight.encoding, row[column], column)
                for code, row in zip(ends, weight, strict=True)
            )
            unit = result.encoding.fixed.lsb * result.encoding.scale[column % len(result.encoding.scale)]
            assert real(result.encoding, accumulator, column) == product + bias[column] * unit
    assert result.encoding.range == CodeRange(min(reached), max(reached))
    assert result.encoding.fixed == FixedType.holding(result.encoding.range, result.encoding.fixed.frac)


@pytest.mark.parametrize("shape", [(3,), (1, 3), (1, 5, 3)])
def test_leading_axes_stay(shape: tuple[int, ...]) -> None:
    for weight in (weights(3, 2), weights(3, 2, None)):
        (result,) = Dense(weight).infer((TensorType(shape),))
        assert result == TensorType((*shape[:-1], 2))
    (result,) = Dense(weights(3, 2)).infer((TensorType(shape, CODES.encoding),))
    assert result.shape == (*shape[:-1], 2)


@pytest.mark.parametrize(
    ("layer", "operand", "message"),
    [
        (Dense(weights(4, 2)), REALS, r"weights of 4 rows do not fit an input of shape \(1, 3\)"),
        (Dense(weights(1, 2)), TensorType(()), r"weights of 1 rows do not fit an input of shape \(\)"),
        (Dense(weights(3, 2), Constant(np.zeros(3))), REALS, "the bias must have 2 entries"),
        (Dense(weights(3, 2), groups=2), REALS, r"weights of 3 rows in 2 groups do not fit an input of shape \(1, 3\)"),
        (Dense(weights(1, 2), groups=3), REALS, "2 outputs do not form 3 groups"),
        (Dense(Constant(np.ones(3))), REALS, r"weights must be a matrix, not of shape \(3,\)"),
        (Dense(weights(3, 0)), REALS, r"weights must be a matrix, not of shape \(3, 0\)"),
        (Dense(weights(3, 2)), PER_CHANNEL, "codes of a matrix product need one common scale"),
        (
            Dense(weights(3, 2, replace(PLAIN, offset=(F(1),)))),
            CODES,
            "codes of weights must not have an offset",
        ),
        (Dense(weights(3, 2, replace(PLAIN, scale=(F(1),) * 3))), CODES, "3 scales do not fit 2 outputs"),
        (
            Dense(weights(3, 3, replace(PLAIN, scale=(F(1), F(2), F(3)), axis=-2))),
            CODES,
            "3 scales do not fit 3 outputs",
        ),
    ],
)
def test_refusals(layer: Dense, operand: TensorType, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        layer.infer((operand,))


def test_a_bias_may_lift_the_range_beyond_int64() -> None:
    layer = Dense(
        Constant(np.array([[2**62]]), Encoding.of(FixedType(True, 64, 0))),
        Constant(np.array([2**62]), Encoding.of(FixedType(True, 64, 0))),
    )
    (result,) = layer.infer((TensorType((1, 1), Encoding(BYTE, CodeRange(0, 1))),))
    assert result.codes.range == CodeRange(2**62, 2**63)


@pytest.mark.parametrize("groups", [1, 2, 3])
def test_groups_see_their_part_of_the_inputs(groups: int) -> None:
    weight = Constant(samples.spread(2, 2 * groups) % 15 - 7, PLAIN)
    layer = Dense(weight, Constant(samples.spread(2 * groups) % 9, PLAIN), groups=groups)
    x = samples.spread(5, 1, 2 * groups) % 17 - 8
    full = np.zeros((2 * groups, 2 * groups), np.int64)
    for row, column in itertools.product(range(2 * groups), repeat=2):
        if row // 2 == column // 2:
            full[row, column] = weight.data[row % 2, column]
    wanted = x @ full + layer.bias.data
    assert np.array_equal(layer.full_weight(), full if groups > 1 else weight.data)
    assert np.array_equal(dense_codes(layer, x), wanted)
    values = dense_values(layer, x.astype(np.float64))
    assert np.array_equal(values, x @ (full / 4) + layer.bias.data / 4)
    (result,) = layer.infer((TensorType((1, 2 * groups), Encoding.of(FixedType(True, 4, 0))),))
    (alike,) = Dense(Constant(full, PLAIN), layer.bias).infer(
        (TensorType((1, 2 * groups), Encoding.of(FixedType(True, 4, 0))),)
    )
    assert result == alike


def test_a_twin_that_ignores_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluator, "grouped", lambda product, x, weights, groups: product(x[..., :2], weights))
    with pytest.raises(AssertionError):
        test_groups_see_their_part_of_the_inputs(3)


def test_description() -> None:
    assert Dense(weights(3, 2), groups=2).describe() == "weight: fixed<4,2>[3x2], 2 groups"
    assert Dense(weights(3, 2)).describe() == "weight: fixed<4,2>[3x2]"
    assert Dense(weights(3, 2, None), Constant(np.zeros(2))).describe() == "weight: real[3x2], bias: real[2]"
    assert Dense(weights(3, 2)).coded
    assert not Dense(weights(3, 2, None)).coded


def test_twin_that_forgets_the_bias(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "multiply_add", lambda codes, factor, addend: codes)
    accumulators.must_fail()


def test_twin_that_forgets_the_offset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Dense, "_offsets", lambda self, x, weight: (F(0),))
    accumulators.must_fail()
