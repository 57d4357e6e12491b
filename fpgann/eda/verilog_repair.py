# SPDX-License-Identifier: Apache-2.0
"""Repairs the Verilog that GHDL writes.

Seen in GHDL 2.0, each with a test in tests/unit/eda/test_verilog.py:

- A constant of more than 32 bits stands there as in VHDL, which Verilog reads as text.
- The output of an instance becomes a wire `<instance>_<port>`, also where a signal has that name already.
- A component without an entity, a cell of the device, becomes an empty module whose parameters have no values.
- An initial value is assigned with `<=`, which simulators run as `=` or warn about.
"""

from __future__ import annotations

import re
from collections import Counter

from fpgann.errors import ToolFailedError

_LONG_CONSTANT = re.compile(r'"([01xzXZ]{33,})"')
_MODULE = re.compile(r"^module (\w+)\n.*?^endmodule$", re.MULTILINE | re.DOTALL)
_CELL = re.compile(r"^module \w+\n(?:  #\(parameter\n(?:    \w+,?\n?)+\)\n)?  \([^;]*\);\nendmodule\n\n?", re.MULTILINE)
_DECLARATION = re.compile(r"^  (?:wire|reg) (?:\[\d+:0\] )?(\w+);.*\n", re.MULTILINE)
_INITIAL = re.compile(r"^(  initial\n    \w+ )<=", re.MULTILINE)


def repair(verilog: str) -> str:
    """Verilog that means what the VHDL means.

    Raises:
        ToolFailedError: two signals have one name, and nothing tells them apart.
    """
    text = _LONG_CONSTANT.sub(lambda match: f"{len(match[1])}'b{match[1]}", verilog)
    text = _INITIAL.sub(r"\1=", _CELL.sub("", text))
    return _MODULE.sub(lambda match: _join_namesakes(match[0], match[1]), text)


def _join_namesakes(module: str, name: str) -> str:
    """Join a signal with the output of an instance that has its name and is all that drives it.

    Any other pair of namesakes cannot be told apart in the text.
    """
    counts = Counter(_DECLARATION.findall(module))
    for signal in (signal for signal, count in counts.items() if count > 1):
        itself = f"  assign {signal} = {signal}; // (signal)\n"
        if counts[signal] > 2 or module.count(itself) != 1:
            raise ToolFailedError(
                f"its Verilog has two signals '{signal}' in module '{name}'",
                where="ghdl",
                hint="rename the instance or the signal in the VHDL",
            )
        declarations = [match for match in _DECLARATION.finditer(module) if match[1] == signal]
        second = declarations[1]
        module = (module[: second.start()] + module[second.end() :]).replace(itself, "")
    return module
