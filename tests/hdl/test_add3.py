# SPDX-License-Identifier: Apache-2.0
"""Adders of three operands: the portable function and AMD's cells by name, every sign and width, in GHDL."""

from __future__ import annotations

from pathlib import Path

import pytest

from fpgann import resources
from fpgann.eda.find import find_tool
from fpgann.eda.run import run_tool

_BENCH = """
library ieee;
  use ieee.std_logic_1164.all;
  use ieee.numeric_std.all;
  use work.fpgann_netlist_pkg.all;

entity bench is
end entity;

architecture test of bench is
  type flags_t is array (0 to 1) of boolean;
  constant FLAGS : flags_t := (false, true);
begin
  g_y : for minus_y in 0 to 1 generate
    g_z : for minus_z in 0 to 1 generate
      g_free : for free in 0 to 2 generate
        g_cell : for cell in 1 to 2 generate
          constant WIDTH : positive := {width};
          signal x, y, z, total : u_signed(WIDTH - 1 downto 0) := (others => '0');
        begin
          dut : entity work.fpgann_add3
            generic map (WIDTH => WIDTH, FREE => free, MINUS_Y => FLAGS(minus_y), MINUS_Z => FLAGS(minus_z),
                         CARRY_CELL => 4 * cell)
            port map (x => x, y => y, z => z, total => total);

          process
            variable portable : u_signed(WIDTH - 1 downto 0);
            variable exact    : integer;
            variable seed     : u_unsigned(30 downto 0) := to_unsigned(12345, 31);
            constant SPAN     : positive := 2 ** WIDTH;
            constant STEP     : positive := 2 ** free;
            variable p, q, r  : integer;
          begin
            for run in 0 to 400 loop
              seed := resize(seed * 48271 mod 2147483647, 31);
              p := to_integer(seed) mod SPAN;
              seed := resize(seed * 48271 mod 2147483647, 31);
              q := (to_integer(seed) mod SPAN) / STEP * STEP;
              seed := resize(seed * 48271 mod 2147483647, 31);
              r := (to_integer(seed) mod SPAN) / STEP * STEP;
              if run < 8 then -- corners
                p := (run mod 2) * (SPAN - 1);
                q := ((run / 2) mod 2) * (SPAN - STEP);
                r := (run / 4) * (SPAN - STEP);
              end if;
              x <= u_signed(to_unsigned(p, WIDTH));
              y <= u_signed(to_unsigned(q, WIDTH));
              z <= u_signed(to_unsigned(r, WIDTH));
              wait for 1 ns;
              exact := p + q * (1 - 2 * minus_y) + r * (1 - 2 * minus_z);
              portable := add3(x, y, z, FLAGS(minus_y), FLAGS(minus_z), free);
              assert to_integer(u_unsigned(portable)) = exact mod SPAN report "the function is wrong" severity failure;
              assert total = portable report "the cells are wrong" severity failure;
            end loop;
            wait;
          end process;
        end generate;
      end generate;
    end generate;
  end generate;
end architecture;
"""


def run(folder: Path, width: int, adder: str) -> str:
    """Run the bench; what GHDL says."""
    ghdl = find_tool("ghdl")
    hdl = resources.hdl_dir()
    (folder / "adder.vhd").write_text(adder)
    (folder / "bench.vhd").write_text(_BENCH.format(width=width))
    library = [hdl / "fpgann_pkg.vhd", hdl / "fpgann_netlist_pkg.vhd"]
    library += [hdl / "amd" / "primitives.vhd", hdl / "amd" / "fpgann_carry_chain.vhd"]
    files = [*map(str, library), "adder.vhd", "bench.vhd"]
    run_tool([*ghdl.command, "-a", "--std=08", *files], cwd=folder, timeout_s=60, env=ghdl.environment())
    command = [*ghdl.command, "--elab-run", "--std=08", "bench", "--ieee-asserts=disable-at-0"]
    return run_tool(command, cwd=folder, timeout_s=120, env=ghdl.environment(), check=False).output


def adder() -> str:
    """The entity of AMD's cells."""
    return (resources.hdl_dir() / "amd" / "fpgann_add3.vhd").read_text()


@pytest.mark.parametrize("width", [3, 4, 8, 9])
def test_sums_are_exact(tmp_path: Path, width: int) -> None:
    assert run(tmp_path, width, adder()) == ""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("to_bit(MINUS_Y and MINUS_Z)", "to_bit(MINUS_Y or MINUS_Z)"),
        ("to_bit(MINUS_Y or MINUS_Z)", "to_bit(MINUS_Y)"),
        ("(a and b) or (a and c)", "(a and b)"),
        ("/= MINUS_Y", "= MINUS_Y"),
    ],
)
def test_twin_changed_cells_are_caught(tmp_path: Path, old: str, new: str) -> None:
    assert adder().count(old) == 1
    assert "the cells are wrong" in run(tmp_path, 5, adder().replace(old, new))
