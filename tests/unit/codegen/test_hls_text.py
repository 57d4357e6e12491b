# SPDX-License-Identifier: Apache-2.0
"""C++ text: numbers, types, arrays, statements, loops, names."""

from __future__ import annotations

import numpy as np
import pytest

from fpgann.codegen.hls.block import Block, signature
from fpgann.codegen.hls.literals import constant_array, literal, type_of
from fpgann.codegen.hls.loops import broadcast_strides, nest, place, strides_of
from fpgann.codegen.hls.names import CppNamespace
from fpgann.codegen.hls.ops.arrange import _runs
from fpgann.numerics.interval import CodeRange


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (-(2**31) + 1, "-2147483647"),
        (-(2**31), "-2147483648LL"),
        (2**31, "2147483648LL"),
        (2**63 - 1, "9223372036854775807LL"),
        (-(2**63), "(-9223372036854775807LL - 1)"),
        (2**63, "fpgann::join<fpgann::sint<65>>(0, 9223372036854775808ULL)"),
        (-(2**64) - 1, "fpgann::join<fpgann::sint<66>>(-2, 18446744073709551615ULL)"),
        (5 << 128, "fpgann::join<fpgann::sint<132>>(5, 0ULL, 0ULL)"),
    ],
)
def test_numbers_of_any_size(number: int, text: str) -> None:
    assert literal(number) == text


def test_types_hold_their_ranges_and_no_more() -> None:
    assert type_of(CodeRange(-128, 127)) == "fpgann::sint<8>"
    assert type_of(CodeRange(-129, 0)) == "fpgann::sint<9>"
    assert type_of(CodeRange(0, 255)) == "fpgann::uint<8>"
    assert type_of(CodeRange(0, 0)) == "fpgann::uint<1>"


def test_arrays_of_several_dimensions() -> None:
    array = constant_array("w", np.array([[1, -2], [3, 4]]), "weights")
    assert (array.kind, array.shape, array.lines) == ("fpgann::constant<4>", "[2][2]", ("{{1, -2},", "{3, 4}}"))


def test_long_arrays_stay_within_the_line() -> None:
    array = constant_array("w", np.arange(1000) * -1001, "weights")
    assert max(map(len, array.lines)) <= 116
    assert "".join(array.lines).count(",") == 999


def test_statements_that_do_not_fit_are_broken_as_clang_format_would() -> None:
    code = Block()
    code.assign("y[0]", f"f({'a' * 100}, b)")
    code.assign("result[0]", f"function({'a' * 90}, {'b' * 8})")
    code.give(f"f({'a' * 110})")
    code.call("g", ["a" * 60, "b" * 60])
    assert code.lines == [
        f"  y[0] = f({'a' * 100}, b);",
        "  result[0] =",
        f"      function({'a' * 90}, {'b' * 8});",
        "  return f(",
        f"      {'a' * 110});",
        "  g(",
        f"      {'a' * 60},",
        f"      {'b' * 60});",
    ]


def test_parameters_stand_one_a_line_where_a_line_is_too_short() -> None:
    assert signature("void f", ["int a", "int b"], ";") == ["void f(int a, int b);"]
    assert signature("void f", ["int " + "a" * 60, "int " + "b" * 60], " {")[1:] == [
        f"    int {'a' * 60},",
        f"    int {'b' * 60}) {{",
    ]


def test_loops_merge_axes_that_all_operands_step_through_alike() -> None:
    shape = (2, 3, 4)
    assert nest(shape, [strides_of(shape)] * 2).loops == [("i", 24)]
    row = broadcast_strides((4,), shape)
    found = nest(shape, [row, strides_of(shape)])
    assert found.loops == [("i", 6), ("j", 4)]
    assert found.places == ["j", "i * 4 + j"]
    assert nest((1, 1), [[1, 1]]).places == ["0"]


def test_places() -> None:
    assert place([("i", 1), ("j", 0), ("k", 3)], -2) == "i + k * 3 - 2"
    assert place([], 5) == "5"


def test_runs_are_equally_spaced_elements_of_one_operand() -> None:
    index = np.array([0, 2, 4, 5, 5, 6, 9, 8])
    assert _runs(index, [5, 3]) == [(0, 0, 2, 3), (1, 0, 0, 2), (1, 1, 0, 1), (2, 1, -1, 2)]


@pytest.mark.parametrize("name", ["double", "while", "char16", "int8", "std", "layers", "main", "x"])
def test_names_are_no_keywords(name: str) -> None:
    names = CppNamespace({"x"})
    claimed = names.claim(name, "layer")
    assert claimed not in ("double", "while", "std", "layers", "main", "x", "char16")
    assert names.claim(name, "layer") != claimed
