# SPDX-License-Identifier: Apache-2.0
"""Verilog that GHDL makes of tiny entities: repaired, clean, the same every time, and still the same function."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fpgann.eda.verilog import analyse, to_verilog
from fpgann.eda.verilog_repair import repair
from fpgann.errors import ToolFailedError, ToolNotFoundError
from tests.conftest import require_tool
from tests.hdl.simulators import lint

LIBRARIES = "library ieee;\n  use ieee.std_logic_1164.all;\n  use ieee.numeric_std.all;\n"
INVERTER = f"""{LIBRARIES}
entity inverter is
  port (
    clk : in    std_ulogic;
    a   : in    std_ulogic_vector(7 downto 0);
    z   : out   std_ulogic_vector(7 downto 0)
  );
end entity;

architecture rtl of inverter is
begin
  process (clk) begin
    if rising_edge(clk) then z <= not a; end if;
  end process;
end architecture;
"""


def tiny(declarations: str, body: str, *, bits: int = 40) -> str:
    """An entity with a vector in and a vector out."""
    return f"""{LIBRARIES}
entity tiny is
  port (
    clk : in    std_ulogic;
    a   : in    std_ulogic_vector({bits - 1} downto 0);
    q   : out   std_ulogic_vector({bits - 1} downto 0)
  );
end entity;

architecture rtl of tiny is
  {declarations}
begin
  {body}
end architecture;
"""


def write(folder: Path, **files: str) -> Path:
    """An rtl folder; the last file holds the top."""
    require_tool("ghdl")
    rtl = folder / "rtl"
    rtl.mkdir(parents=True)
    for name, text in files.items():
        (rtl / f"{name}.vhd").write_text(text)
    (rtl / "compile_order.txt").write_text("".join(f"work {name}.vhd\n" for name in files))
    return rtl


def convert(folder: Path, top: str = "tiny", **files: str) -> str:
    rtl, work = write(folder, **files), folder / "work"
    work.mkdir()
    return to_verilog(rtl, top, work)


def require_clean(folder: Path, verilog: str, top: str = "tiny") -> None:
    (folder / f"{top}.v").write_text(verilog)
    said = lint(folder, folder / f"{top}.v", top)
    assert "%Warning" not in said, said
    assert "%Error" not in said, said


@pytest.mark.parametrize("bits", [32, 33, 40, 100])
def test_constants_of_any_width(tmp_path: Path, bits: int) -> None:
    pattern = ("10110" * bits)[:bits]
    verilog = convert(tmp_path, tiny=tiny("", f'q <= a xor "{pattern}";', bits=bits))
    assert f"{bits}'b{pattern}" in verilog
    assert '"' not in verilog
    require_clean(tmp_path, verilog)


def test_text_of_other_kinds_stays() -> None:
    for text in ('"' + "01" * 16 + '"', '"' + "01" * 20 + 'a"', f"40'b{'01' * 20}"):
        assert repair(text) == text


def test_undefined_bits_of_a_constant() -> None:
    assert repair(f'assign x = "{"0X" * 20}";') == f"assign x = 40'b{'0X' * 20};"


def test_initial_values(tmp_path: Path) -> None:
    declarations = 'signal r : std_ulogic_vector(39 downto 0) := x"8000000001";'
    body = "process (clk) begin if rising_edge(clk) then r <= r(38 downto 0) & (r(39) xor a(0)); end if; end process;"
    verilog = convert(tmp_path, tiny=tiny(declarations, f"{body}\n  q <= r;"))
    assert f"= 40'b1{'0' * 38}1;" in verilog
    require_clean(tmp_path, verilog)


def test_a_signal_with_the_name_of_an_output(tmp_path: Path) -> None:
    """GHDL calls output z of instance x `x_z`, and so does the VHDL."""
    body = "x : entity work.inverter port map (clk => clk, a => a, z => x_z);\n  q <= x_z;"
    declarations = "signal x_z : std_ulogic_vector(7 downto 0);"
    verilog = convert(tmp_path, inverter=INVERTER, tiny=tiny(declarations, body, bits=8))
    assert len(re.findall(r"wire \[7:0\] x_z;", verilog)) == 1
    assert "assign x_z = x_z" not in verilog
    require_clean(tmp_path, verilog)


def test_two_signals_of_one_name_are_refused(tmp_path: Path) -> None:
    """Here `x_z` is something else than output z of x: the Verilog cannot tell which is meant where."""
    body = "x : entity work.inverter port map (clk => clk, a => x_z, z => y);\n  x_z <= not a; q <= y xor x_z;"
    declarations = "signal x_z, y : std_ulogic_vector(7 downto 0);"
    with pytest.raises(ToolFailedError, match="two signals 'x_z' in module 'tiny'"):
        convert(tmp_path, inverter=INVERTER, tiny=tiny(declarations, body, bits=8))


def test_memories_and_open_outputs(tmp_path: Path) -> None:
    declarations = """type rom_t is array (1 downto 0) of std_ulogic_vector(39 downto 0);
  constant ROM : rom_t := (x"123456789a", x"f23456789a");
  signal address : unsigned(0 downto 0);"""
    body = """address <= unsigned(a(0 downto 0));
  process (clk) begin if rising_edge(clk) then q <= ROM(to_integer(address)); end if; end process;
  spare : entity work.inverter port map (clk => clk, a => a(7 downto 0), z => open);"""
    verilog = convert(tmp_path, inverter=INVERTER, tiny=tiny(declarations, body))
    require_clean(tmp_path, verilog)


def test_attributes_leave_no_trace(tmp_path: Path) -> None:
    declarations = """signal r : std_ulogic_vector(39 downto 0);
  attribute rom_style : string;
  attribute rom_style of r : signal is "block";"""
    body = "process (clk) begin if rising_edge(clk) then r <= a; end if; end process;\n  q <= r;"
    verilog = convert(tmp_path, tiny=tiny(declarations, body))
    assert "attribute" not in verilog
    require_clean(tmp_path, verilog)


def test_same_files_same_verilog(tmp_path: Path) -> None:
    text = tiny("", "q <= not a;")
    first, second = convert(tmp_path / "here", tiny=text), convert(tmp_path / "a longer name", tiny=text)
    assert first == second
    assert str(tmp_path) not in first
    assert "/* tiny.vhd:" in first


def test_faults_of_the_design_are_reported(tmp_path: Path) -> None:
    with pytest.raises(ToolFailedError, match=r"tiny\.vhd:") as caught:
        convert(tmp_path, tiny=tiny("", "q <= nowhere;"))
    assert "\n" not in str(caught.value)


def test_a_memory_of_one_word_is_refused(tmp_path: Path) -> None:
    """GHDL 2.0 fails on it; hdl/fpgann_rom.vhd therefore has no such memory."""
    declarations = """type rom_t is array (0 to 0) of std_ulogic_vector(39 downto 0);
  constant ROM : rom_t := (0 => x"123456789a");"""
    body = (
        "process (clk) begin if rising_edge(clk) then q <= ROM(to_integer(unsigned(a(0 to -1)))); end if; end process;"
    )
    rtl, work = write(tmp_path, tiny=tiny(declarations, body)), tmp_path / "work"
    work.mkdir()
    with pytest.raises(ToolFailedError) as caught:
        to_verilog(rtl, "tiny", work)
    assert "\n" not in str(caught.value)


def test_analysis_tells_what_it_was_told(tmp_path: Path) -> None:
    rtl = write(tmp_path, tiny=tiny("", "q <= a;"))
    assert analyse(rtl, "work", ["tiny.vhd"], tmp_path) == ""


def test_without_ghdl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "compile_order.txt").write_text("work tiny.vhd\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolNotFoundError, match="ghdl is not installed; install it: apt install ghdl"):
        to_verilog(tmp_path, "tiny", tmp_path)
