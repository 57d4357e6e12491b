# SPDX-License-Identifier: Apache-2.0
"""Encodings, tensor types and constants."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import strategies as st

from fpgann.ir import Constant, Encoding, TensorType
from fpgann.ir import types as module
from fpgann.numerics.fixed import FixedType
from fpgann.numerics.interval import CodeRange
from tests.unit.ir import samples
from tests.unit.ir.samples import BYTE, CODES, PER_CHANNEL, REALS, F
from tests.unit.numerics.properties import holds


@holds(samples.encodings(channels=3), st.lists(st.integers(-99, 99), min_size=6, max_size=6))
def decoding(encoding: Encoding, codes: list[int]) -> None:
    """float64 values lie within rounding of code * lsb * scale + offset."""
    for axis, shape in ((-1, (2, 3)), (-2, (3, 2)), (-2, (1, 3, 2))):
        turned = replace(encoding, axis=axis)
        array = np.array(codes).reshape(shape)
        values = turned.decode(array)
        assert values.shape == shape
        for index in np.ndindex(*shape):
            scale, offset = (n[index[axis] % len(n)] for n in (encoding.scale, encoding.offset))
            exact = int(array[index]) * encoding.fixed.lsb * scale + offset
            margin = (abs(exact) + abs(offset)) / 2**49
            assert abs(Fraction(float(values[index])) - exact) <= margin
        if encoding.plain:
            assert [Fraction(float(v)) for v in values.flat] == [c * encoding.fixed.lsb for c in codes]


def test_plain_encodings() -> None:
    plain = Encoding.of(BYTE)
    assert plain == Encoding(BYTE, CodeRange(-128, 127), (F(1),), (F(0),), -1)
    assert (plain.plain, plain.per_tensor) == (True, True)
    assert (PER_CHANNEL.codes.plain, PER_CHANNEL.codes.per_tensor) == (False, False)
    assert not replace(plain, offset=(F(1),)).plain
    assert replace(plain, offset=(F(1),)).per_tensor
    assert PER_CHANNEL.codes.scale_lsb() == (F(1, 16), F(1, 8), F(1, 48))


def test_narrower_ranges() -> None:
    narrow = PER_CHANNEL.codes.with_range(CodeRange(0, 5))
    assert narrow == replace(PER_CHANNEL.codes, fixed=FixedType(False, 3, 4), range=CodeRange(0, 5))


@pytest.mark.parametrize(
    ("type_", "text"),
    [
        (REALS, "real[1x3]"),
        (TensorType(()), "real[scalar]"),
        (CODES, "fixed<8,4>[1x3]"),
        (PER_CHANNEL, "fixed<8,4> scale 1 ..[1x3]"),
        (
            TensorType((2,), Encoding(BYTE, CodeRange(0, 9), (F(1, 3),), (F(1, 2),))),
            "fixed<8,4> scale 0.333333 offset 0.5 in 0..9[2]",
        ),
        (TensorType((2,), Encoding(BYTE, BYTE.range, offset=(F(1), F(2)))), "fixed<8,4> offset 1 ..[2]"),
    ],
)
def test_text(type_: TensorType, text: str) -> None:
    assert str(type_) == text


def test_size_and_codes() -> None:
    assert (TensorType(()).size, REALS.size, TensorType((2, 3, 4)).size) == (1, 3, 24)
    assert CODES.codes is CODES.encoding
    with pytest.raises(TypeError, match="a real tensor has no codes"):
        _ = REALS.codes


def test_constants() -> None:
    real = Constant(np.array([[1.5, 2.5]]))
    assert (str(real), real.values.tolist()) == ("real[1x2]", [[1.5, 2.5]])
    coded = Constant(np.array([16, -8]), Encoding.of(BYTE))
    assert (str(coded), coded.values.tolist()) == ("fixed<8,4>[2]", [1.0, -0.5])


def test_twin_along_the_wrong_axis(monkeypatch: pytest.MonkeyPatch) -> None:
    original = module.Encoding.decode
    monkeypatch.setattr(
        module.Encoding, "decode", lambda self, codes: original(replace(self, axis=-3 - self.axis), codes)
    )
    with pytest.raises((AssertionError, ValueError)):
        decoding.unshrunk()
