-- SPDX-License-Identifier: Apache-2.0
-- Read a constant memory.
--
-- Latency 1 cycle (the register of a block RAM, or one behind LUTs); one word a cycle.
-- Bit-true model: sim/models.py (rom)

library ieee;
  use ieee.std_logic_1164.all;
  use ieee.numeric_std.all;
  use work.fpgann_pkg.all;

entity fpgann_rom is
  generic (
    WORDS : word_array_t;    -- contents, index 0 first; costs DEPTH * WIDTH memory bits
    DEPTH : positive;        -- of WORDS; GHDL 2.0 takes words of the same bits for the same words
    WIDTH : positive;        -- of WORDS
    STYLE : string := "auto" -- "auto", "block" (BRAM), "distributed" (LUTs), "registers" (logic)
  );
  port (
    clk     : in    std_ulogic;

    address : in    u_unsigned(index_width(DEPTH) - 1 downto 0); -- below the depth

    data    : out   std_ulogic_vector(WIDTH - 1 downto 0)
  );
end entity;

architecture rtl of fpgann_rom is

  signal word : std_ulogic_vector(WIDTH - 1 downto 0);

  attribute rom_style : string;
  attribute ramstyle  : string;
  attribute rom_style of word : signal is rom_style_of(STYLE);
  attribute ramstyle of word  : signal is ramstyle_of(STYLE);

begin

  assert STYLE = "auto" or STYLE = "block" or STYLE = "distributed" or STYLE = "registers"
    report "fpgann_rom: STYLE is '" & STYLE & "', not auto, block, distributed or registers"
    severity failure;

  assert WORDS'length = DEPTH and word_width(WORDS) = WIDTH
    report "fpgann_rom: " & integer'image(WORDS'length) & " words of "
           & integer'image(word_width(WORDS)) & " bits for DEPTH = " & integer'image(DEPTH) & ", WIDTH = " & integer'image(WIDTH)
    severity failure;

  data <= word;

  -- GHDL 2.0 cannot convert a memory of one word.

  g_constant : if DEPTH = 1 generate

    p_read : process (clk)
    begin
      if rising_edge(clk) then
        word <= WORDS(0);
      end if;
    end process;

  end generate g_constant;

  g_memory : if DEPTH > 1 generate

    -- Descending: GHDL 2.0 reads an ascending array at DEPTH - 1 - address, with a subtractor.
    function contents return word_array_t is
      variable words_down : word_array_t(DEPTH - 1 downto 0)(WIDTH - 1 downto 0);
    begin
      for i in 0 to DEPTH - 1 loop
        words_down(i) := WORDS(i);
      end loop;
      return words_down;
    end function;

    constant ROM : word_array_t(DEPTH - 1 downto 0)(WIDTH - 1 downto 0) := contents;

  begin

    p_read : process (clk)
    begin
      if rising_edge(clk) then
        word <= ROM(to_integer(address));
      end if;
    end process;

  end generate g_memory;

end architecture;
