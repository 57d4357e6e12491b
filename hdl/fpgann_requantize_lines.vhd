-- SPDX-License-Identifier: Apache-2.0
-- Requantize by one of a few lines: out = clamp(floor((in * factor + offset) / 2**SHIFT), LOW, HIGH)
-- with the factor and the offset of the piece in which the input lies. For functions with kinks.
--
-- Latency 4 cycles (comparisons and choice, then those of fpgann_requantize_multiply); one item a
-- cycle, each with its own lines.
-- Piece k is that of the inputs that reach k of the breaks, which ascend.
-- Bit-true model: sim/models.py (requantize_lines)

library ieee;
  use ieee.std_logic_1164.all;
  use ieee.numeric_std.all;
  use work.fpgann_pkg.all;

entity fpgann_requantize_lines is
  generic (
    IN_WIDTH     : positive;          -- bits of an input
    OUT_WIDTH    : positive;          -- bits of an output
    IN_SIGNED    : boolean;           -- unsigned inputs cost a multiplier bit
    PIECES       : positive;          -- a comparator for each but one, and a wider choice
    FACTOR_WIDTH : positive;          -- bits of a (signed) factor: the multiplier's other side
    OFFSET_WIDTH : positive;          -- bits of a (signed) offset: 3 registers each
    SHIFT        : natural;           -- bits to drop; free
    LOW          : std_ulogic_vector; -- least output: signed, OUT_WIDTH + 1 bits
    HIGH         : std_ulogic_vector; -- greatest output, likewise
    DSP_STYLE    : string := "auto"   -- multiplier in a DSP slice: "auto", "yes" or "no" (LUTs)
  );
  port (
    clk     : in    std_ulogic;

    in_data : in    std_ulogic_vector(IN_WIDTH - 1 downto 0);
    -- PIECES signed breaks of IN_WIDTH + 1 bits; the first is not used
    breaks   : in    std_ulogic_vector(PIECES * (IN_WIDTH + 1) - 1 downto 0);
    factors  : in    std_ulogic_vector(PIECES * FACTOR_WIDTH - 1 downto 0);
    offsets  : in    std_ulogic_vector(PIECES * OFFSET_WIDTH - 1 downto 0);

    out_data : out   std_ulogic_vector(OUT_WIDTH - 1 downto 0)
  );
end entity;

architecture rtl of fpgann_requantize_lines is

  signal code          : u_signed(IN_WIDTH downto 0);
  signal chosen_factor : std_ulogic_vector(FACTOR_WIDTH - 1 downto 0);
  signal chosen_offset : std_ulogic_vector(OFFSET_WIDTH - 1 downto 0);
  signal line_data     : std_ulogic_vector(IN_WIDTH - 1 downto 0);
  signal line_factor   : std_ulogic_vector(FACTOR_WIDTH - 1 downto 0);
  signal line_offset   : std_ulogic_vector(OFFSET_WIDTH - 1 downto 0);

begin

  code <= to_code(in_data, IN_SIGNED);

  p_choose : process (all)
  begin
    chosen_factor <= element(factors, 0, FACTOR_WIDTH);
    chosen_offset <= element(offsets, 0, OFFSET_WIDTH);

    for i in 1 to PIECES - 1 loop
      if code >= u_signed(element(breaks, i, IN_WIDTH + 1)) then
        chosen_factor <= element(factors, i, FACTOR_WIDTH);
        chosen_offset <= element(offsets, i, OFFSET_WIDTH);
      end if;
    end loop;
  end process;

  p_register : process (clk)
  begin
    if rising_edge(clk) then
      line_data   <= in_data;
      line_factor <= chosen_factor;
      line_offset <= chosen_offset;
    end if;
  end process;

  line : entity work.fpgann_requantize_multiply
    generic map (
      IN_WIDTH     => IN_WIDTH,
      OUT_WIDTH    => OUT_WIDTH,
      IN_SIGNED    => IN_SIGNED,
      FACTOR_WIDTH => FACTOR_WIDTH,
      OFFSET_WIDTH => OFFSET_WIDTH,
      SHIFT        => SHIFT,
      LOW          => LOW,
      HIGH         => HIGH,
      DSP_STYLE    => DSP_STYLE
    )
    port map (
      clk      => clk,
      in_data  => line_data,
      factor   => line_factor,
      offset   => line_offset,
      out_data => out_data
    );

end architecture;
