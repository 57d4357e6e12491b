-- SPDX-License-Identifier: Apache-2.0
-- A memory with a port to write and a port to read, which holds known words at first.
--
-- Latency 1 cycle from address to data, as that of fpgann_rom; one word a cycle, one write a cycle.
-- A word that is written while it is read comes out as it was before.
-- Bit-true model: sim/models.py (Ram)

library ieee;
  use ieee.std_logic_1164.all;
  use ieee.numeric_std.all;
  use work.fpgann_pkg.all;

entity fpgann_ram is
  generic (
    WORDS : word_array_t;    -- contents at first, index 0 first; costs DEPTH * WIDTH memory bits
    DEPTH : positive;        -- of WORDS; GHDL 2.0 takes words of the same bits for the same words
    WIDTH : positive;        -- of WORDS
    STYLE : string := "auto" -- "auto", "block" (BRAM), "distributed" (LUTs) or "registers"
  );
  port (
    clk           : in    std_ulogic;

    write         : in    std_ulogic;
    write_address : in    u_unsigned(index_width(DEPTH) - 1 downto 0); -- below the depth
    write_data    : in    std_ulogic_vector(WIDTH - 1 downto 0);

    address       : in    u_unsigned(index_width(DEPTH) - 1 downto 0); -- below the depth
    data          : out   std_ulogic_vector(WIDTH - 1 downto 0)
  );
end entity;

architecture rtl of fpgann_ram is

  signal word : std_ulogic_vector(WIDTH - 1 downto 0);

begin

  assert STYLE = "auto" or STYLE = "block" or STYLE = "distributed" or STYLE = "registers"
    report "fpgann_ram: STYLE is '" & STYLE & "', not auto, block, distributed or registers"
    severity failure;

  assert WORDS'length = DEPTH and word_width(WORDS) = WIDTH
    report "fpgann_ram: " & integer'image(WORDS'length) & " words of "
           & integer'image(word_width(WORDS)) & " bits for DEPTH = " & integer'image(DEPTH) & ", WIDTH = " & integer'image(WIDTH)
    severity failure;

  data <= word;

  -- GHDL 2.0 cannot convert a memory of one word.

  g_register : if DEPTH = 1 generate

    -- vsg_off signal_007
    signal kept : std_ulogic_vector(WIDTH - 1 downto 0) := WORDS(0); -- the compiled contents
  -- vsg_on signal_007

  begin

    p_access : process (clk)
    begin
      if rising_edge(clk) then
        if write = '1' then
          kept <= write_data;
        end if;
        word <= kept;
      end if;
    end process;

  end generate g_register;

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

    -- vsg_off signal_007
    signal memory : word_array_t(DEPTH - 1 downto 0)(WIDTH - 1 downto 0) := contents;
    -- vsg_on signal_007

    attribute ram_style : string;
    attribute ramstyle  : string;
    attribute ram_style of memory : signal is STYLE;
    attribute ramstyle of memory  : signal is ramstyle_of(STYLE);

  begin

    p_access : process (clk)
    begin
      if rising_edge(clk) then
        if write = '1' then
          memory(to_integer(write_address)) <= write_data;
        end if;
        word <= memory(to_integer(address));
      end if;
    end process;

  end generate g_memory;

end architecture;
