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
    WORDS : word_array_t;    -- contents, index 0 first; costs depth * width memory bits
    STYLE : string := "auto" -- where they are kept: "auto", "block" (BRAM) or "distributed" (LUTs)
  );
  port (
    clk     : in    std_ulogic;

    address : in    u_unsigned(index_width(WORDS'length) - 1 downto 0); -- below the depth

    data    : out   std_ulogic_vector(word_width(WORDS) - 1 downto 0)
  );
end entity;

architecture rtl of fpgann_rom is

  constant ROM : word_array_t(0 to WORDS'length - 1)(word_width(WORDS) - 1 downto 0) := WORDS;

  signal word : std_ulogic_vector(word_width(WORDS) - 1 downto 0);

  attribute rom_style : string;
  attribute ramstyle  : string;
  attribute rom_style of word : signal is STYLE;
  attribute ramstyle of word  : signal is ramstyle_of(STYLE);

begin

  assert STYLE = "auto" or STYLE = "block" or STYLE = "distributed"
    report "fpgann_rom: STYLE is '" & STYLE & "', not auto, block or distributed"
    severity failure;

  data <= word;

  p_read : process (clk)
  begin
    if rising_edge(clk) then
      word <= ROM(to_integer(address));
    end if;
  end process;

end architecture;
