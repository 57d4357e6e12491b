-- SPDX-License-Identifier: Apache-2.0
-- Give every token of a stream to several consumers, each of which takes it once, when it can.
--
-- No latency; a token a cycle. Data need no fork: all consumers see that of the source.
-- Bit-true model: sim/token_models.py (token_fork)

library ieee;
  use ieee.std_logic_1164.all;

entity fpgann_token_fork is
  generic (
    OUTPUTS : positive -- costs a register each
  );
  port (
    clk       : in    std_ulogic;
    rst       : in    std_ulogic; -- synchronous, active high

    in_valid  : in    std_ulogic;
    in_ready  : out   std_ulogic; -- all have it, or take it now

    out_valid : out   std_ulogic_vector(OUTPUTS - 1 downto 0);
    out_ready : in    std_ulogic_vector(OUTPUTS - 1 downto 0)
  );
end entity;

architecture rtl of fpgann_token_fork is

  signal taken   : std_ulogic_vector(OUTPUTS - 1 downto 0); -- this token, in an earlier cycle
  signal is_done : std_ulogic_vector(OUTPUTS - 1 downto 0);

begin

  is_done  <= taken or out_ready;
  in_ready <= and is_done;

  p_offer : process (all)
  begin
    for i in 0 to OUTPUTS - 1 loop
      out_valid(i) <= in_valid and not taken(i);
    end loop;
  end process;

  p_remember : process (clk)
  begin
    if rising_edge(clk) then
      if in_valid = '1' then
        if (and is_done) = '1' then
          taken <= (others => '0');
        else
          taken <= is_done;
        end if;
      end if;

      if rst = '1' then
        taken <= (others => '0');
      end if;
    end if;
  end process;

end architecture;
