# SPDX-License-Identifier: Apache-2.0
"""A design in Verilog: one file, made of its VHDL."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from fpgann.eda.verilog import to_verilog


def render_verilog(files: Mapping[str, str], top: str) -> dict[str, str]:
    """The Verilog of a design by path below rtl/.

    Args:
        files: all VHDL by path below rtl/, and compile_order.txt.
        top: the top entity.

    Raises:
        ToolError: GHDL is missing or failed.
    """
    with tempfile.TemporaryDirectory(prefix="fpgann-verilog-") as name:
        rtl, work = Path(name) / "rtl", Path(name) / "work"
        work.mkdir()
        for path, text in files.items():
            (rtl / path).parent.mkdir(parents=True, exist_ok=True)
            (rtl / path).write_text(text, encoding="utf-8")
        return {f"{top}.v": to_verilog(rtl, top, work)}
