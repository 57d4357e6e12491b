-- SPDX-License-Identifier: Apache-2.0
-- Admit a stream's items at least INTERVAL cycles apart, for a consumer without backpressure.
--
-- No latency: `accept` and `in_ready` belong to the item on the wire. One item each INTERVAL
-- cycles; ready at once after reset.
-- Bit-true model: sim/models.py (pace)

library ieee;
  use ieee.std_logic_1164.all;
  use ieee.numeric_std.all;

entity fpgann_pace is
  generic (
    INTERVAL : positive -- cycles from one item to the next; costs a counter, nothing for 1
  );
  port (
    clk      : in    std_ulogic;
    rst      : in    std_ulogic; -- synchronous, active high

    in_valid : in    std_ulogic;
    in_ready : out   std_ulogic;

    accept   : out   std_ulogic -- in_valid and in_ready: take the item now
  );
end entity;

architecture rtl of fpgann_pace is

  signal ready : std_ulogic;

begin

  in_ready <= ready;
  accept   <= in_valid and ready;

  g_always : if INTERVAL = 1 generate

    ready <= '1';

  end generate g_always;

  g_count : if INTERVAL > 1 generate

    signal remaining : natural range 0 to INTERVAL - 1; -- cycles left to wait

  begin

    ready <= '1' when remaining = 0 else
             '0';

    p_count : process (clk)
    begin
      if rising_edge(clk) then
        if remaining /= 0 then
          remaining <= remaining - 1;
        elsif in_valid = '1' then
          remaining <= INTERVAL - 1;
        end if;

        if rst = '1' then
          remaining <= 0;
        end if;
      end if;
    end process;

  end generate g_count;

end architecture;
