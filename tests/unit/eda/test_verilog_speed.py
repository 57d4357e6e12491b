# SPDX-License-Identifier: Apache-2.0
"""Verilog that is rewritten for speed means what it meant."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fpgann.eda.verilog_speed import quicken

BYTES = st.integers(0, 255)
DECLARED = "".join(
    f"  wire [7:0] {name};\n" for name in ("half", "p", "ab", "ac", "e", "bc", "m", "d", "u", "n", "k", "s")
)
LINES = """\
  /* fpgann_netlist_pkg.vhd:107:21  */
  assign half = a ^ b;
  assign p = half ^ c;
  assign ab = a & b;
  assign ac = a & c;
  assign e = ab | ac;
  /* fpgann_netlist_pkg.vhd:108:48  */
  assign bc = b & c;
  assign m = e | bc;
  assign d = m << 31'b0000000000000000000000000000001;
  assign u = d[7:1];
"""
ENDINGS = [
    "  assign k = {u, 1'b0};\n  assign s = k + p;\n",
    "  assign k = {u, 1'b1};\n  assign s = k + p;\n",
    "  assign n = p ^ 8'b11111111;\n  assign k = {u, 1'b1};\n  assign s = k - n;\n",
]


def evaluate(text: str, **values: int) -> int:
    """The signal s after assignments of bytes, in order."""
    for name, line in re.findall(r"assign (\w+) = ([^;]*);", text):
        formula = re.sub(r"\{(\w+), 1'b([01])\}", r"(\1 * 2 + \2)", line)
        formula = re.sub(r"(\w+)\[7:1\]", r"(\1 >> 1)", formula)
        formula = re.sub(r"\d+'b([01]+)", lambda match: str(int(match[1], 2)), formula)
        formula = re.sub(r"\d+'d(\d+)", r"\1", formula)
        values[name] = eval(formula, {"__builtins__": {}}, values) & 255
    return values["s"]


@pytest.mark.parametrize("ending", ENDINGS)
@example(0, 0, 0)
@example(255, 255, 255)
@example(170, 85, 255)
@given(BYTES, BYTES, BYTES)
def test_sums_of_three(ending: str, a: int, b: int, c: int) -> None:
    text = DECLARED + LINES + ending
    quick = quicken(text)
    assert "&" not in quick
    assert evaluate(quick, a=a, b=b, c=c) == evaluate(text, a=a, b=b, c=c)


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("= a & c", "= a & b"),
        ("d[7:1]", "d[7:2]"),
        ("= e | bc", "= e ^ bc"),
        ("k + p", "k - p"),
        ("half ^ c", "half | c"),
    ],
)
def test_what_is_no_sum_stays(wrong: str, right: str) -> None:
    text = DECLARED + LINES + ENDINGS[0]
    assert wrong in text
    assert quicken(text.replace(wrong, right)) == text.replace(wrong, right)


def test_what_others_read_stays() -> None:
    text = DECLARED + LINES + ENDINGS[0] + "  assign other = ab;\n"
    assert quicken(text) == text


def test_sign_extensions() -> None:
    text = "  assign n5_o = {{3{n4_o[6]}}, n4_o}; // sext\n  assign n6_o = {{3{n4_o[6]}}, n5_o};\n"
    assert quicken(text) == "  assign n5_o = $signed(n4_o);\n  assign n6_o = {{3{n4_o[6]}}, n5_o};\n"
