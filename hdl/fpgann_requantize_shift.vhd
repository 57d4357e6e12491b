-- SPDX-License-Identifier: Apache-2.0
-- Requantize by a power of two: out = clamp(round(in / 2**SHIFT), LOW, HIGH).
--
-- Latency 1 cycle; one item a cycle.
-- Bit-true model: sim/models.py (requantize_shift)

library ieee;
  use ieee.std_logic_1164.all;
  use ieee.numeric_std.all;
  use work.fpgann_pkg.all;

entity fpgann_requantize_shift is
  generic (
    IN_WIDTH  : positive;          -- bits of an input: an adder (unless TRN) and two comparators
    OUT_WIDTH : positive;          -- bits of an output: a register each
    IN_SIGNED : boolean;           -- how in_data is read
    SHIFT     : integer;           -- bits to drop; negative = zeros to append
    ROUNDING  : rounding_t;        -- TRN is free, the others cost an adder
    LOW       : std_ulogic_vector; -- least output: signed, OUT_WIDTH + 1 bits
    HIGH      : std_ulogic_vector  -- greatest output, likewise
  );
  port (
    clk      : in    std_ulogic;

    in_data  : in    std_ulogic_vector(IN_WIDTH - 1 downto 0);

    out_data : out   std_ulogic_vector(OUT_WIDTH - 1 downto 0)
  );
end entity;

architecture rtl of fpgann_requantize_shift is

  constant LEFT         : natural  := larger(0, - SHIFT);
  constant RIGHT        : natural  := larger(0, SHIFT);
  constant SCALED_WIDTH : positive := IN_WIDTH + 1 + LEFT;

  signal scaled  : u_signed(SCALED_WIDTH - 1 downto 0);
  signal rounded : u_signed(SCALED_WIDTH downto 0);
  signal clamped : u_signed(OUT_WIDTH downto 0);

begin

  assert LOW'length = OUT_WIDTH + 1 and HIGH'length = OUT_WIDTH + 1
    report "fpgann_requantize_shift: LOW has " & integer'image(LOW'length) & " and HIGH "
           & integer'image(HIGH'length) & " bits for OUT_WIDTH = " & integer'image(OUT_WIDTH)
    severity failure;

  scaled  <= shift_left(wide(to_code(in_data, IN_SIGNED), SCALED_WIDTH), LEFT);
  rounded <= round_shift(scaled, RIGHT, ROUNDING);
  clamped <= clamp(rounded, u_signed(LOW), u_signed(HIGH));

  p_output : process (clk)
  begin
    if rising_edge(clk) then
      out_data <= std_ulogic_vector(clamped(OUT_WIDTH - 1 downto 0));
    end if;
  end process;

end architecture;
