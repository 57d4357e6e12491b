-- SPDX-License-Identifier: Apache-2.0
-- Gather GROUPS beats into one wide word.
--
-- out_valid comes 1 cycle after the last beat of a frame; out_data then stays until one cycle
-- after the first beat of the next. One beat a cycle, frames without a pause.
-- Bit-true model: sim/models.py (collect)

library ieee;
  use ieee.std_logic_1164.all;

entity fpgann_collect is
  generic (
    GROUPS      : positive; -- beats of a frame; costs GROUPS * GROUP_WIDTH registers
    GROUP_WIDTH : positive  -- bits of a beat
  );
  port (
    clk       : in    std_ulogic;
    rst       : in    std_ulogic; -- synchronous, active high: the next beat is a frame's first

    in_valid  : in    std_ulogic;
    in_data   : in    std_ulogic_vector(GROUP_WIDTH - 1 downto 0);

    out_valid : out   std_ulogic;
    out_data  : out   std_ulogic_vector(GROUPS * GROUP_WIDTH - 1 downto 0) -- first beat lowest
  );
end entity;

architecture rtl of fpgann_collect is

  signal beat : natural range 0 to GROUPS - 1;
  signal word : std_ulogic_vector(GROUPS * GROUP_WIDTH - 1 downto 0);

begin

  out_data <= word;

  p_gather : process (clk)

    variable next_word : std_ulogic_vector((GROUPS + 1) * GROUP_WIDTH - 1 downto 0);

  begin
    if rising_edge(clk) then
      out_valid <= '0';
      if in_valid = '1' then
        -- Shifted, not addressed: no decoder, and one enable for all.
        next_word := in_data & word;

        word <= next_word((GROUPS + 1) * GROUP_WIDTH - 1 downto GROUP_WIDTH);
        if beat = GROUPS - 1 then
          beat      <= 0;
          out_valid <= '1';
        else
          beat <= beat + 1;
        end if;
      end if;

      if rst = '1' then
        beat      <= 0;
        out_valid <= '0';
      end if;
    end if;
  end process;

end architecture;
