# SPDX-License-Identifier: Apache-2.0
"""Sums bit by bit in AMD's cells: generated wires and the entities of hdl/amd/ against plain sums, in GHDL."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fpgann import resources
from fpgann.codegen.vhdl import AMD_CELLS
from fpgann.codegen.vhdl.bit_sums import SumText
from fpgann.eda.find import find_tool
from fpgann.eda.run import run_tool
from fpgann.kernel.bit_sum import Chain, FullAdders, Last, Operand, sum_bits
from fpgann.numerics.interval import CodeRange

_MANY, _FEW = 50, 8
_VECTORS = 24
_HEAD = """
library ieee;
  use ieee.std_logic_1164.all;
  use ieee.numeric_std.all;
  use work.fpgann_netlist_pkg.all;

entity bench is
end entity;

architecture test of bench is
"""


def bench(carry_cell: int, seed: int, sums: int) -> str:
    """Random sums, each with vectors and their exact results."""
    rng = np.random.default_rng(seed)
    lines, body, kinds = [], [], set()
    number = 0
    while number < sums:
        operands = [
            Operand(
                node, int(rng.integers(1, 9)), bool(rng.integers(2)), int(rng.integers(5)), int(rng.choice([1, -1]))
            )
            for node in range(int(rng.integers(4, 12)))
        ]
        constant, width, last = int(rng.integers(-99, 99)), int(rng.integers(6, 17)), list(Last)[number % 3]
        plan = sum_bits(operands, constant, width, 4, last)
        if plan is None:
            continue  # two rows are too few for it
        kinds |= {type(step) for step in plan.steps}
        names = [f"s{number}_x{node}" for node in range(len(operands))]
        text = SumText([*names, f"s{number}"], carry_cell)
        text.add(len(operands), CodeRange(0, (1 << width) - 1), plan)
        lines += [f"signal {n} : u_unsigned({o.width - 1} downto 0);" for n, o in zip(names, operands, strict=True)]
        lines += text.declarations
        body += text.assignments
        for cells in text.cells:
            generics, ports = " ".join(cells.generics), " ".join(cells.ports)
            body.append(f"{cells.label} : entity work.{cells.entity} generic map ({generics}) port map ({ports});")
        body.append("process begin")
        for vector in range(_VECTORS):
            codes = [int(rng.integers(1 << o.width)) if vector > 1 else vector * ((1 << o.width) - 1) for o in operands]
            total = constant
            for name, operand, code in zip(names, operands, codes, strict=True):
                body.append(f"{name} <= to_unsigned({code}, {operand.width});")
                value = code - (1 << operand.width) if operand.signed and code >> (operand.width - 1) else code
                total += operand.sign * (value << operand.shift)
            wanted = total % (1 << width)
            body.append(f'wait for 1 ns; assert s{number} = {wanted} report "a sum is wrong" severity failure;')
        body.append("wait; end process;")
        number += 1
    assert kinds == {Chain, FullAdders}
    return "\n".join([_HEAD, *lines, "begin", *body, "end architecture;", ""])


def run(folder: Path, carry_cell: int, seed: int, broken: tuple[str, str, str] | None = None) -> str:
    """Run random sums; what GHDL says. `broken`: a file of hdl/amd/, a text in it and what stands there instead."""
    ghdl = find_tool("ghdl")
    hdl = resources.hdl_dir()
    for file in AMD_CELLS:
        text = (hdl / "amd" / file).read_text()
        if broken is not None and broken[0] == file:
            assert text.count(broken[1]) == 1
            text = text.replace(*broken[1:])
        (folder / file).write_text(text)
    (folder / "bench.vhd").write_text(bench(carry_cell, seed, _MANY if broken is None else _FEW))
    library = [hdl / "fpgann_pkg.vhd", hdl / "fpgann_netlist_pkg.vhd", hdl / "amd" / "primitives.vhd"]
    files = [*map(str, library), *AMD_CELLS, "bench.vhd"]
    run_tool([*ghdl.command, "-a", "--std=08", *files], cwd=folder, timeout_s=60, env=ghdl.environment())
    command = [*ghdl.command, "--elab-run", "--std=08", "bench", "--ieee-asserts=disable-at-0"]
    return run_tool(command, cwd=folder, timeout_s=120, env=ghdl.environment(), check=False).output


@pytest.mark.parametrize("carry_cell", [4, 8])
def test_sums_are_exact(tmp_path: Path, carry_cell: int) -> None:
    assert run(tmp_path, carry_cell, carry_cell) == ""


@pytest.mark.parametrize(
    "broken",
    [
        ("fpgann_compress6.vhd", "/ 2 = 1 then", "/ 2 = 2 then"),
        ("fpgann_compress6.vhd", "carried(2 * k) <= data(6 * k + 5)", "carried(2 * k) <= data(6 * k + 4)"),
        ("fpgann_compress6.vhd", "/= (inverts(index) = '1')", "/= (inverts(index) = '0')"),
        ("fpgann_full_adders.vhd", "count >= 2", "count >= 1"),
        ("fpgann_add_rows.vhd", "majorities(0) <= below", "majorities(0) <= '0'"),
        ("fpgann_add_rows.vhd", "count >= 2", "count = 2"),
        ("fpgann_carry_chain.vhd", "carries(0)                <= CARRY_IN", "carries(0) <= '0'"),
    ],
    ids=lambda broken: f"{broken[0]}: {broken[1]}",
)
def test_twin_changed_cells_are_caught(tmp_path: Path, broken: tuple[str, str, str]) -> None:
    assert "a sum is wrong" in run(tmp_path, 8, 1, broken)
