# SPDX-License-Identifier: Apache-2.0
"""Rewrites the Verilog that GHDL writes, without a change of meaning, so that it simulates faster."""

from __future__ import annotations

import re
from collections import Counter

_SIGN_EXTENSION = re.compile(r"\{\{\d+\{(\w+)\[\d+\]\}\}, \1\}; // sext$", re.MULTILINE)
_NAME = re.compile(r"\w+")


def _assignment(text: str) -> str:
    """One line, behind a comment or not; S stands for any signal."""
    return rf"(?:  /\* [^\n]* \*/\n)?  assign {text.replace('S', _NAME.pattern)};\n"


# function carry_save of hdl/fpgann_netlist_pkg.vhd
_CARRY_SAVE = re.compile(
    _assignment(r"(?P<half>S) = (?P<a>S) \^ (?P<b>S)")
    + _assignment(r"(?P<parities>S) = (?P=half) \^ (?P<c>S)")
    + _assignment(r"(?P<ab>S) = (?P=a) & (?P=b)")
    + _assignment(r"(?P<ac>S) = (?P=a) & (?P=c)")
    + _assignment(r"(?P<either>S) = (?P=ab) \| (?P=ac)")
    + _assignment(r"(?P<bc>S) = (?P=b) & (?P=c)")
    + _assignment(r"(?P<majority>S) = (?P=either) \| (?P=bc)")
    + _assignment(r"(?P<doubled>S) = (?P=majority) << 31'b0{30}1")
    + _assignment(r"(?P<upper>S) = (?P=doubled)\[\d+:1\]")
    + "(?:"
    + _assignment(r"(?P<complement>S) = (?P=parities) \^ \d+'b1+")
    + ")?"
    + _assignment(r"(?P<carries>S) = \{(?P=upper), 1'b(?P<one>[01])\}")
    + _assignment(r"(?P<sum>S) = (?P=carries) (?:\+ (?P=parities)|- (?P=complement))")
)
_OPERANDS = ("a", "b", "c", "one", "sum")


def quicken(verilog: str) -> str:
    """The same Verilog, which Verilator turns into faster code; some linters find it less clean.

    GHDL spells out a widened signed number bit by bit; Verilator knows a better way for `$signed`. A processor adds
    three numbers faster than it finds their parities and majorities, which are there for the carry chains of a
    device: in every bit a + b + c = 2 * majority + parity.
    """
    text = _SIGN_EXTENSION.sub(r"$signed(\1);", verilog)
    uses = Counter(_NAME.findall(text))

    def plain(match: re.Match[str]) -> str:
        lines, within = match[0], match.groupdict()
        hidden = [name for group, name in within.items() if group not in _OPERANDS and name is not None]
        local = Counter(_NAME.findall(lines))
        if any(uses[name] > local[name] + 1 for name in hidden):  # one more for its declaration
            return lines
        ones = int(match["one"]) + (match["complement"] is not None)
        added = f" + 2'd{ones}" if ones else ""
        return f"  assign {match['sum']} = {match['a']} + {match['b']} + {match['c']}{added};\n"

    return _CARRY_SAVE.sub(plain, text)
