# SPDX-License-Identifier: Apache-2.0
"""Fixed-point types: encoding in every mode, conversion, and the notation of types."""

from __future__ import annotations

import itertools
import re
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import strategies as st

from fpgann.errors import ConfigError
from fpgann.numerics import fixed as module
from fpgann.numerics.fixed import FixedType, Overflow, Precision, parse_precision
from fpgann.numerics.integers import IntArray
from fpgann.numerics.rounding import Rounding
from tests.unit.numerics import oracle
from tests.unit.numerics.properties import holds

MODES = list(itertools.product(Rounding, Overflow))
BELOW_HALF = 0.49999999999999994

types = st.builds(
    FixedType,
    st.booleans(),
    st.one_of(st.integers(1, 12), st.sampled_from([31, 32, 53, 61, 62, 63, 64, 65, 100])),
    st.one_of(st.integers(-4, 12), st.integers(-80, 192)),
)


def code_of(value: Fraction, fixed: FixedType, rounding: Rounding, overflow: Overflow) -> int:
    """Quantization, then overflow: the order of IEEE 1666."""
    return oracle.overflow_bits(oracle.round_by_distance(value / fixed.lsb, rounding), fixed, overflow)


@pytest.mark.parametrize(
    ("signed", "overflow", "value", "expected"),
    [
        # AMD UG1399, "Overflow Modes": ap_fixed<4, 4, AP_RND, mode> x = value, or ap_ufixed
        (True, Overflow.SAT, 19.0, 7),
        (True, Overflow.SAT, -19.0, -8),
        (False, Overflow.SAT, 19.0, 15),
        (False, Overflow.SAT, -19.0, 0),
        (True, Overflow.SAT_ZERO, 19.0, 0),
        (True, Overflow.SAT_ZERO, -19.0, 0),
        (False, Overflow.SAT_ZERO, 19.0, 0),
        (False, Overflow.SAT_ZERO, -19.0, 0),
        (True, Overflow.SAT_SYM, 19.0, 7),
        (True, Overflow.SAT_SYM, -19.0, -7),
        (False, Overflow.SAT_SYM, 19.0, 15),
        (False, Overflow.SAT_SYM, -19.0, 0),
        (True, Overflow.WRAP, 31.0, -1),
        (True, Overflow.WRAP, -19.0, -3),
        (False, Overflow.WRAP, 19.0, 3),
        (False, Overflow.WRAP, -19.0, 13),
        (True, Overflow.WRAP_SM, 19.0, -4),
        (True, Overflow.WRAP_SM, -19.0, 2),
    ],
)
def test_examples_of_the_manual(*, signed: bool, overflow: Overflow, value: float, expected: int) -> None:
    fixed = FixedType(signed, 4, 0)
    assert fixed.encode(np.array([value]), Rounding.RND, overflow).tolist() == [expected]
    assert code_of(Fraction(value), fixed, Rounding.RND, overflow) == expected


@pytest.mark.parametrize("overflow", Overflow)
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("width", [1, 2, 3, 5])
def test_overflow_exhaustively(*, width: int, signed: bool, overflow: Overflow) -> None:
    fixed = FixedType(signed, width, 0)
    codes = np.arange(-150, 151)
    expected = [oracle.overflow_bits(int(c), fixed, overflow) for c in codes]
    for given in (codes, codes.astype(object)):
        assert module.resolve_overflow(given, fixed, overflow).tolist() == expected
    scalars = [module.resolve_overflow(np.array(c), fixed, overflow).tolist() for c in codes]
    assert scalars == expected


SPECIAL = [0.0, -0.0, 0.5, -0.5, 1.5, -1.5, 2.5, BELOW_HALF, -BELOW_HALF, 5e-324, -5e-324, 1e-300]
FAR = [2.0**53, -(2.0**53), 2.0**63, -(2.0**63), 1.7e308, -1.7e308, 2.0**52 + 0.5]
reals = st.one_of(
    st.sampled_from(SPECIAL + FAR),
    st.floats(allow_nan=False, allow_infinity=False),
    st.floats(-1000, 1000),
    st.integers(-200, 200).map(lambda n: n / 8),
)


@st.composite
def encodings(draw: st.DrawFn) -> tuple[FixedType, list[float]]:
    """A type and real numbers, some of them next to its bounds and ties."""
    fixed = draw(types)
    ends = (fixed.range.low, fixed.range.high)
    near = [float(Fraction(2 * end + step, 2) * fixed.lsb) for end in ends for step in range(-3, 4)]
    return fixed, draw(st.lists(st.one_of(reals, st.sampled_from(near)), max_size=5))


@holds(
    encodings(),
    corners=(
        ((FixedType(True, 8, 4), [n / 64 for n in range(-600, 601, 7)]),),
        ((FixedType(False, 4, 0), [n / 4 for n in range(-80, 81)]),),
        ((FixedType(True, 64, 0), FAR),),
        ((FixedType(True, 63, 1), SPECIAL),),
        ((FixedType(True, 8, 128), [1.7e308, -1.7e308, 5e-324]),),  # overflows float64 on the way
        ((FixedType(True, 8, -1), [5e-324, -5e-324]),),  # underflows to zero, but is not zero
        ((FixedType(False, 1, 0), []),),
    ),
)
def encode(example: tuple[FixedType, list[float]]) -> None:
    fixed, values = example
    for rounding, overflow in MODES:
        codes = fixed.encode(np.array(values, np.float64), rounding, overflow)
        assert codes.tolist() == [code_of(Fraction(v), fixed, rounding, overflow) for v in values]
        assert codes.dtype == np.int64 or any(abs(c) >= 2**63 for c in codes.tolist())


def test_encode_keeps_shapes() -> None:
    fixed = FixedType(True, 8, 4)
    assert fixed.encode(np.array(1.5)).tolist() == 24
    assert fixed.encode(np.zeros((2, 0, 3))).shape == (2, 0, 3)
    assert fixed.encode(np.full((2, 3), -1.0)).tolist() == [[-16] * 3] * 2


def test_defaults_round_to_nearest_and_saturate() -> None:
    assert FixedType(True, 4, 0).encode(np.array([2.5, -2.5, 100.0, -100.0])).tolist() == [3, -2, 7, -8]


@holds(types, st.lists(oracle.wide_integers, max_size=5))
def decode(fixed: FixedType, codes: list[int]) -> None:
    exact = [c for c in codes if abs(c) <= 2**53]
    for form in (np.array(exact, np.int64), np.array(exact, object)):
        values = fixed.decode(form)
        assert [Fraction(float(v)) for v in values] == [c * fixed.lsb for c in exact]
        assert values.dtype == np.float64


@holds(types)
def round_trip(fixed: FixedType) -> None:
    """Each code that float64 holds comes back from its value, in every mode that does not exclude it."""
    codes = [c for c in (fixed.range.low, -1, 0, 1, fixed.range.high) if c in fixed.range and abs(c) <= 2**53]
    values = fixed.decode(np.array(codes, object))
    for rounding, overflow in MODES:
        back = fixed.encode(values, rounding, overflow).tolist()
        kept = codes if overflow is not Overflow.SAT_SYM else [max(c, -fixed.range.high) for c in codes]
        assert back == kept


@holds(
    types,
    types,
    oracle.arrays_of(oracle.wide_integers, max_size=5),
    corners=(
        (FixedType(True, 64, 0), FixedType(True, 8, 0), np.array([-(2**63), 2**63 - 1])),
        (FixedType(True, 64, 0), FixedType(True, 8, 1), np.array([-(2**63), 2**63 - 1])),
        (FixedType(True, 8, 0), FixedType(True, 62, 60), np.array([-(2**63), 0, 1, 2**63 - 1])),
        (FixedType(True, 8, 0), FixedType(True, 8, 80), np.array([0, 1])),
        (FixedType(True, 16, 8), FixedType(True, 8, 2), np.arange(-300, 301, 5)),
    ),
)
def convert(source: FixedType, target: FixedType, codes: IntArray) -> None:
    for rounding, overflow in MODES:
        result = module.convert(codes, source, target, rounding, overflow)
        values = [c * source.lsb for c in codes.tolist()]
        assert result.tolist() == [code_of(v, target, rounding, overflow) for v in values]


@pytest.mark.parametrize("width", [0, -1, 1025])
def test_bad_widths(width: int) -> None:
    with pytest.raises(ConfigError, match=f"a fixed-point width must be 1 to 1024 bits, not {width}"):
        FixedType(True, width, 0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("fixed<16,6>", Precision(FixedType(True, 16, 10))),
        ("ufixed<8,0>", Precision(FixedType(False, 8, 8))),
        ("ap_fixed<8,-3>", Precision(FixedType(True, 8, 11))),
        ("fixed<4,12>", Precision(FixedType(True, 4, -8))),
        ("int<8>", Precision(FixedType(True, 8, 0))),
        ("ap_uint<3>", Precision(FixedType(False, 3, 0))),
        ("int<8,RND_CONV,SAT_SYM>", Precision(FixedType(True, 8, 0), Rounding.RND_CONV, Overflow.SAT_SYM)),
        (
            "  ap_ufixed < 8 , 2 , AP_TRN_ZERO , AP_WRAP > ",
            Precision(FixedType(False, 8, 6), Rounding.TRN_ZERO, Overflow.WRAP),
        ),
        ("fixed<64,64,CEIL>", Precision(FixedType(True, 64, 0), Rounding.CEIL)),
    ],
)
def test_notation(text: str, expected: Precision) -> None:
    assert parse_precision(text) == expected
    again = parse_precision(str(expected))
    assert again == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "'' is no fixed-point type; write it like 'fixed<16,6>'"),
        ("float", "'float' is no fixed-point type"),
        ("fixed<16,6", "is no fixed-point type"),
        ("fixed<16,6>>", "is no fixed-point type"),
        ("fixed<-4,2>", "is no fixed-point type"),
        ("fixed<1.5,2>", "is no fixed-point type"),
        ("fixed<a,b>", "is no fixed-point type"),
        ("fixed<٣,٢>", "is no fixed-point type"),
        (f"fixed<{'9' * 5000},2>", "is no fixed-point type"),
        ("fixed<8>", "'fixed<8>' lacks the number of integer bits; write it like"),
        ("fixed<8,RND>", "lacks the number of integer bits"),
        ("int<8,4>", "'int<8,4>' is an integer type and takes no number of integer bits"),
        ("fixed<0,0>", "'fixed<0,0>' is 0 bits wide; a value may have 1 to 64 bits"),
        ("fixed<65,6>", "is 65 bits wide"),
        ("fixed<8,129>", "puts the binary point 129 bits away"),
        ("fixed<8,-129>", "puts the binary point -129 bits away"),
        ("fixed<8,4,ROUND>", "'ROUND' is not a valid Rounding; modes are RND, RND_ZERO"),
        ("fixed<8,4,SAT>", "'SAT' is not a valid Rounding"),
        ("fixed<8,4,RND,CLAMP>", "'CLAMP' is not a valid Overflow"),
    ],
)
def test_bad_notation(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        parse_precision(text)


@holds(
    st.builds(
        Precision,
        st.builds(FixedType, st.booleans(), st.integers(1, 64), st.integers(-60, 120)),
        oracle.modes,
        st.sampled_from(Overflow),
    )
)
def notation_round_trip(precision: Precision) -> None:
    assert parse_precision(str(precision)) == precision


# Mutation twins


@pytest.mark.parametrize("mode", Overflow)
def test_twin_of_every_overflow(monkeypatch: pytest.MonkeyPatch, mode: Overflow) -> None:
    other = Overflow.SAT if mode is not Overflow.SAT else Overflow.WRAP
    original = module.resolve_overflow

    def broken(codes: IntArray, fixed: FixedType, overflow: Overflow) -> IntArray:
        return original(codes, fixed, other if overflow is mode else overflow)

    monkeypatch.setattr(module, "resolve_overflow", broken)
    encode.must_fail()
    convert.must_fail()


def test_twin_with_a_point_off_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    original = module.round_shift
    monkeypatch.setattr(module, "round_shift", lambda codes, shift, mode: original(codes, shift + 1, mode))
    convert.must_fail()


def test_twin_that_rounds_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    original = module.round_values
    monkeypatch.setattr(module, "round_values", lambda v, mode: original(np.round(v, 12), mode))
    encode.must_fail()
