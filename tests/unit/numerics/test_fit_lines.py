# SPDX-License-Identifier: Apache-2.0
"""Lines that stand for functions of wide codes, on every code against mpmath."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import mpmath
import numpy as np
import pytest

from fpgann.errors import VerificationError
from fpgann.numerics import fit_lines
from fpgann.numerics.fit_lines import interpolate
from fpgann.numerics.functions import TABLE, Function
from fpgann.numerics.interval import CodeRange
from fpgann.numerics.piecewise import Interpolation
from fpgann.numerics.rounding import Rounding
from fpgann.numerics.scalar_map import Rounder, ScalarMap
from fpgann.numerics.steps import Affine, Curve
from tests.unit.numerics.test_functions import ORACLE, to_mp

F = Fraction
WIDE = CodeRange(-(2**15), 2**15 - 1)
SIGNED = Rounder(Rounding.RND, -(2**15), 2**15 - 1)
UNSIGNED = Rounder(Rounding.RND, 0, 2**16 - 1)
# function, parameters, scale of the argument, scale of the result, rounder
CASES: dict[str, tuple[Function, tuple[Fraction, ...], Fraction, Fraction, Rounder]] = {
    "sigmoid": (Function.SIGMOID, (), F(1, 4096), F(2**16), UNSIGNED),
    "tanh": (Function.TANH, (), F(1, 4096), F(2**15), SIGNED),
    "erf": (Function.ERF, (), F(1, 4096), F(2**15), SIGNED),
    "softsign": (Function.SOFTSIGN, (), F(1, 2048), F(2**15), SIGNED),
    "softplus": (Function.SOFTPLUS, (), F(1, 2048), F(4096), UNSIGNED),
    "gelu": (Function.GELU, (), F(1, 4096), F(4096), SIGNED),
    "gelu_tanh": (Function.GELU_TANH, (), F(1, 4096), F(4096), SIGNED),
    "mish": (Function.MISH, (), F(1, 4096), F(4096), SIGNED),
    "swish": (Function.SWISH, (F(1),), F(1, 3000), F(3333), SIGNED),
    "hard_swish": (Function.HARD_SWISH, (), F(1, 4096), F(4096), SIGNED),
    "elu": (Function.ELU, (F(1),), F(1, 4096), F(4096), SIGNED),
    "selu": (Function.SELU, (F(5, 3), F(21, 20)), F(1, 4096), F(4096), SIGNED),
    "celu": (Function.CELU, (F(2),), F(1, 4096), F(4096), SIGNED),
    "exp": (Function.EXP, (), F(1, 4096), F(2**13), UNSIGNED),
    "log": (Function.LOG, (), F(1, 4096), F(2**12), SIGNED),
    "sqrt": (Function.SQRT, (), F(1, 4096), F(2**14), UNSIGNED),
    "rsqrt": (Function.RSQRT, (), F(1, 4096), F(2**12), UNSIGNED),
    "reciprocal": (Function.RECIPROCAL, (), F(1, 4096), F(2**10), SIGNED),
    "square": (Function.SQUARE, (), F(1, 4096), F(2**10), UNSIGNED),
    "pow": (Function.POW, (F(3),), F(1, 4096), F(2**6), SIGNED),
}


def chain(name: str) -> ScalarMap:
    function, parameters, into, out, rounder = CASES[name]
    curve = Curve(function.value, tuple((p,) for p in parameters))
    return ScalarMap((Affine((into,), (F(0),)), curve, Affine((out,), (F(0),))), rounder)


def true_values(name: str, codes: range) -> list[mpmath.mpf]:
    function, parameters, into, out, rounder = CASES[name]
    arguments = [to_mp(p) for p in parameters]
    values = (ORACLE[function](to_mp(code * into), *arguments) * to_mp(out) for code in codes)
    return [min(max(value, rounder.low), rounder.high) for value in values]


def _is_monotone(name: str) -> bool:
    function, parameters, *_ = CASES[name]
    return TABLE[function].turning(*parameters) == ()


@pytest.mark.parametrize("name", CASES)
def test_lines_are_faithful(name: str) -> None:
    """Every 16-bit code to within a unit in the last place, monotone functions monotone, flat ends exact."""
    scalar_map = chain(name)
    found = interpolate(scalar_map, WIDE)
    assert found is not None
    codes = np.arange(WIDE.low, WIDE.high + 1)
    results = found.apply(codes)
    exact = replace(scalar_map, rounder=replace(scalar_map.rounder, mode=Rounding.RND_CONV)).apply(codes)
    assert np.max(np.abs(results - exact)) <= 1
    if _is_monotone(name):
        rises = exact[-1] >= exact[0]
        assert np.all(np.diff(results) >= 0) if rises else np.all(np.diff(results) <= 0)
    changes = np.flatnonzero(np.diff(exact))
    for flat in (slice(0, changes[0] + 1), slice(changes[-1] + 1, None)):
        assert np.array_equal(results[flat], exact[flat])
    with mpmath.workdps(30):
        chosen = range(WIDE.low, WIDE.high + 1, 37)
        for value, result in zip(true_values(name, chosen), results[::37], strict=True):
            assert abs(value - int(result)) < 1
    assert found.reach(WIDE) == CodeRange(int(results.min()), int(results.max()))


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_every_code_against_mpmath(name: str) -> None:
    found = interpolate(chain(name), WIDE)
    assert found is not None
    with mpmath.workdps(30):
        values = true_values(name, range(WIDE.low, WIDE.high + 1))
    results = found.apply(np.arange(WIDE.low, WIDE.high + 1))
    assert all(abs(value - int(result)) < 1 for value, result in zip(values, results, strict=True))


@pytest.mark.parametrize(
    ("name", "mirror", "even"), [("sigmoid", 2**16, False), ("tanh", 0, False), ("square", None, True)]
)
def test_symmetry_halves_the_segments(name: str, mirror: int | None, even: bool) -> None:
    found = interpolate(chain(name), WIDE)
    assert found is not None
    assert (found.mirror, found.even) == (mirror, even)
    assert found.low >= 0


@pytest.mark.parametrize("name", ["sigmoid", "gelu", "exp", "reciprocal"])
def test_lines_are_much_smaller_than_tables(name: str) -> None:
    found = interpolate(chain(name), WIDE)
    assert found is not None
    bits = len(found.slopes) * (found.slope_bits + found.offset_bits) + 16 * len(found.bases)
    assert bits * 30 < 2**16 * 16


@pytest.mark.parametrize(("low", "high"), [(0, 2**16 - 1), (-(2**13), 100), (-5, 2**17), (1000, 9000)])
def test_ranges_of_all_kinds(low: int, high: int) -> None:
    for name in ("sigmoid", "exp", "gelu"):
        scalar_map = chain(name)
        found = interpolate(scalar_map, CodeRange(low, high))
        assert found is not None
        codes = np.arange(low, high + 1)
        assert np.max(np.abs(found.apply(codes) - scalar_map.apply(codes))) <= 1


def test_constants_and_channels_are_left_alone() -> None:
    flat = ScalarMap((Affine((F(0),), (F(3),)),), SIGNED)
    assert interpolate(flat, WIDE) is None
    several = ScalarMap((Affine((F(1), F(2)), (F(0),)), Curve("exp")), SIGNED)
    assert interpolate(several, WIDE) is None
    assert interpolate(chain("exp"), CodeRange(0, 2**21)) is None


@pytest.mark.parametrize(
    "change",
    [
        {"bases": np.array([0])},
        {"slopes": np.array([1])},
        {"segment_bits": "+1"},
        {"bases": "+9999"},
        {"shift": -1},
        {"least": 1 << 40},
        {"offsets": np.array([[1, 2]])},
    ],
)
def test_numbers_that_do_not_fit_together_are_refused(change: dict[str, object]) -> None:
    found = interpolate(chain("gelu"), WIDE)
    assert found is not None
    values = {
        name: getattr(found, name) + int(value) if isinstance(value, str) else value for name, value in change.items()
    }
    with pytest.raises(ValueError, match="an interpolation"):
        replace(found, **values)


# Mutation twins


@pytest.mark.parametrize("field", ["slopes", "offsets"])
def test_twin_of_a_wrong_line(monkeypatch: pytest.MonkeyPatch, field: str) -> None:
    """A line that is off is noticed before anything is built."""
    original = fit_lines._cheapest

    def broken(codes: np.ndarray, values: np.ndarray) -> Interpolation | None:
        found = original(codes, values)
        assert found is not None
        numbers = np.array(getattr(found, field))
        numbers[len(numbers) // 2] += 1 << (found.shift + 1)
        return replace(found, **{field: numbers})

    monkeypatch.setattr(fit_lines, "_cheapest", broken)
    with pytest.raises(VerificationError, match="lines miss the function"):
        interpolate(chain("gelu"), WIDE)


def test_twin_that_does_not_keep_the_direction(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(direction, shift, slopes, offsets, start, size):
        return np.where(np.arange(len(slopes)) % 2, offsets[2], offsets[0])

    monkeypatch.setattr(fit_lines, "_keep_direction", broken)
    with pytest.raises(VerificationError, match="lines miss the function"):
        interpolate(chain("softplus"), WIDE)
