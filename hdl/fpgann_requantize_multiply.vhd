-- SPDX-License-Identifier: Apache-2.0
-- Requantize by a multiplier: out = clamp(floor((in * factor + offset) / 2**SHIFT), LOW, HIGH).
--
-- Latency 3 cycles (inputs, product, sum and clamp); one item a cycle, each with its own factor
-- and offset.
-- Bit-true model: sim/models.py (requantize_multiply)

library ieee;
  use ieee.std_logic_1164.all;
  use ieee.numeric_std.all;
  use work.fpgann_pkg.all;

entity fpgann_requantize_multiply is
  generic (
    IN_WIDTH     : positive;          -- bits of an input
    OUT_WIDTH    : positive;          -- bits of an output
    IN_SIGNED    : boolean;           -- unsigned inputs cost a multiplier bit
    FACTOR_WIDTH : positive;          -- bits of a (signed) factor: the multiplier's other side
    OFFSET_WIDTH : positive;          -- bits of a (signed) offset: 2 registers each
    SHIFT        : natural;           -- bits to drop; free
    LOW          : std_ulogic_vector; -- least output: signed, OUT_WIDTH + 1 bits
    HIGH         : std_ulogic_vector; -- greatest output, likewise
    DSP_STYLE    : string := "auto"   -- multiplier in a DSP slice: "auto", "yes" or "no" (LUTs)
  );
  port (
    clk      : in    std_ulogic;

    in_data  : in    std_ulogic_vector(IN_WIDTH - 1 downto 0);
    factor   : in    std_ulogic_vector(FACTOR_WIDTH - 1 downto 0);
    offset   : in    std_ulogic_vector(OFFSET_WIDTH - 1 downto 0);

    out_data : out   std_ulogic_vector(OUT_WIDTH - 1 downto 0)
  );
end entity;

architecture rtl of fpgann_requantize_multiply is

  constant CODE_WIDTH    : positive := code_bits(IN_WIDTH, IN_SIGNED);
  constant PRODUCT_WIDTH : positive := CODE_WIDTH + FACTOR_WIDTH;
  constant SUM_WIDTH     : positive := larger(PRODUCT_WIDTH, OFFSET_WIDTH) + 1;

  signal code           : u_signed(CODE_WIDTH - 1 downto 0);
  signal code_factor    : u_signed(FACTOR_WIDTH - 1 downto 0);
  signal code_offset    : u_signed(OFFSET_WIDTH - 1 downto 0);
  signal product        : u_signed(PRODUCT_WIDTH - 1 downto 0);
  signal product_offset : u_signed(OFFSET_WIDTH - 1 downto 0);
  signal sum            : u_signed(SUM_WIDTH - 1 downto 0);
  signal quotient       : u_signed(SUM_WIDTH downto 0);
  signal clamped        : u_signed(OUT_WIDTH downto 0);

  attribute use_dsp   : string;
  attribute multstyle : string;
  attribute use_dsp of product   : signal is DSP_STYLE;
  attribute multstyle of product : signal is multstyle_of(DSP_STYLE);

begin

  assert LOW'length = OUT_WIDTH + 1 and HIGH'length = OUT_WIDTH + 1
    report "fpgann_requantize_multiply: LOW has " & integer'image(LOW'length) & " and HIGH "
           & integer'image(HIGH'length) & " bits for OUT_WIDTH = " & integer'image(OUT_WIDTH)
    severity failure;

  sum      <= wide(product, SUM_WIDTH) + wide(product_offset, SUM_WIDTH);
  quotient <= round_shift(sum, SHIFT, TRN);
  clamped  <= clamp(quotient, u_signed(LOW), u_signed(HIGH));

  p_pipeline : process (clk)
  begin
    if rising_edge(clk) then
      code        <= wide(to_code(in_data, IN_SIGNED), CODE_WIDTH);
      code_factor <= u_signed(factor);
      code_offset <= u_signed(offset);

      product        <= multiply(code, code_factor, DSP_STYLE);
      product_offset <= code_offset;

      out_data <= std_ulogic_vector(clamped(OUT_WIDTH - 1 downto 0));
    end if;
  end process;

end architecture;
