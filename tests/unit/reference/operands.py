# SPDX-License-Identifier: Apache-2.0
"""Random codes with random meanings, and the exact numbers that they stand for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

import numpy as np
from hypothesis import strategies as st

from fpgann.ir import Encoding, Operator, TensorType
from fpgann.numerics.fixed import FixedType
from fpgann.numerics.integers import integers
from fpgann.numerics.interval import CodeRange
from fpgann.reference.tables import ON_CODES

CHANNELS = 3
SCALES = st.sampled_from([Fraction(1), Fraction(1, 3), Fraction(5, 7), Fraction(3), Fraction(2**24 - 1, 2**30)])
NEGATIVE = st.sampled_from([Fraction(-1), Fraction(-2, 3)])


@st.composite
def ranges(draw: st.DrawFn, bits: int = 40) -> CodeRange:
    low, high = sorted(draw(st.integers(-(1 << bits), 1 << bits)) >> draw(st.integers(0, bits)) for _ in range(2))
    return CodeRange(low, high)


@st.composite
def encodings(
    draw: st.DrawFn, *, channels: bool = False, offsets: bool = True, negative: bool = False, bits: int = 40
) -> Encoding:
    """Any meaning of codes; with `channels` perhaps one per element of the last axis."""
    codes, count = draw(ranges(bits)), draw(st.sampled_from([1, CHANNELS])) if channels else 1
    scales = st.one_of(SCALES, NEGATIVE) if negative else SCALES
    scale = tuple(draw(scales) for _ in range(count))
    offset = tuple(draw(st.sampled_from([Fraction(0), Fraction(1, 2), Fraction(-7, 3)])) for _ in range(count))
    fixed = FixedType.holding(codes, draw(st.integers(-3, 12)))
    return Encoding(fixed, codes, scale, offset if offsets else (Fraction(0),))


@st.composite
def tensors(
    draw: st.DrawFn, shape: tuple[int, ...], meaning: st.SearchStrategy[Encoding]
) -> tuple[TensorType, np.ndarray]:
    """A type and codes of it for three samples: both ends of the range, and anything between."""
    encoding = draw(meaning)
    low, high = encoding.range.low, encoding.range.high
    size = int(np.prod(shape))
    inner = draw(
        st.lists(st.one_of(st.integers(low, high), st.sampled_from([low, high])), min_size=size, max_size=size)
    )
    samples = [[low] * size, [high] * size, inner]
    return TensorType(shape, encoding), integers(np.array(samples, dtype=object)).reshape(3, *shape)


def exact(encoding: Encoding, codes: np.ndarray) -> np.ndarray:
    """Fractions; scale and offset lie along the encoding's axis."""
    count = max(len(encoding.scale), len(encoding.offset))
    steps, offsets = (
        np.array([numbers[i % len(numbers)] for i in range(count)], dtype=object)
        for numbers in (encoding.scale_lsb(), encoding.offset)
    )
    trailing = (1,) * (-1 - encoding.axis) if count > 1 else ()
    return codes.astype(object) * steps.reshape(-1, *trailing) + offsets.reshape(-1, *trailing)


def check(
    op: Operator, operands: Sequence[tuple[TensorType, np.ndarray]], meaning: Callable[..., np.ndarray]
) -> tuple[TensorType, np.ndarray]:
    """The codes mean what the operator means on exact numbers, and stay within the inferred type, on every sample."""
    types, codes = [type_ for type_, _ in operands], [array for _, array in operands]
    (type_,) = op.infer(tuple(types))
    result = np.asarray(ON_CODES[type(op)](op, *codes))
    assert result.shape == (len(codes[0]), *type_.shape)
    low, high = type_.codes.range.low, type_.codes.range.high
    assert all(low <= int(code) <= high for code in result.flat), (low, high, result)
    assert type_.codes.fixed.range.low <= low <= high <= type_.codes.fixed.range.high
    for sample, delivered in enumerate(result):
        wanted = meaning(*(exact(t.codes, c[sample]) for t, c in zip(types, codes, strict=True)))
        assert np.array_equal(exact(type_.codes, delivered), np.asarray(wanted, dtype=object)), sample
    return type_, result
