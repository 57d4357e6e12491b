-- SPDX-License-Identifier: Apache-2.0
-- Take a word apart into tokens, the lowest one first.
--
-- Latency 1 cycle to the first token; one token a cycle, words without a pause.
-- Bit-true model: sim/token_models.py (token_scatter)

library ieee;
  use ieee.std_logic_1164.all;

entity fpgann_token_scatter is
  generic (
    TOKENS : positive; -- of a word; costs TOKENS * WIDTH registers
    WIDTH  : positive  -- bits of a token
  );
  port (
    clk       : in    std_ulogic;
    rst       : in    std_ulogic; -- synchronous, active high

    in_valid  : in    std_ulogic;
    in_ready  : out   std_ulogic;
    in_data   : in    std_ulogic_vector(TOKENS * WIDTH - 1 downto 0);

    out_valid : out   std_ulogic;
    out_ready : in    std_ulogic;
    out_data  : out   std_ulogic_vector(WIDTH - 1 downto 0)
  );
end entity;

architecture rtl of fpgann_token_scatter is

  signal remaining : natural range 0 to TOKENS - 1; -- tokens behind the one shown
  signal word      : std_ulogic_vector(TOKENS * WIDTH - 1 downto 0);
  signal is_valid  : std_ulogic;
  signal ready     : std_ulogic;

begin

  ready     <= '1' when is_valid = '0' or (out_ready = '1' and remaining = 0) else
               '0';
  in_ready  <= ready;
  out_valid <= is_valid;
  out_data  <= word(WIDTH - 1 downto 0);

  p_scatter : process (clk)

    variable moved : std_ulogic_vector((TOKENS + 1) * WIDTH - 1 downto 0);

  begin
    if rising_edge(clk) then
      if ready = '1' then
        is_valid  <= in_valid;
        remaining <= TOKENS - 1;
        word      <= in_data;
      elsif out_ready = '1' then
        if remaining /= 0 then -- always, but only a condition says so where the range is 0 to 0
          remaining <= remaining - 1;
        end if;

        moved                              := (others => '0');
        moved(TOKENS * WIDTH - 1 downto 0) := word;
        word                               <= moved((TOKENS + 1) * WIDTH - 1 downto WIDTH);
      end if;

      if rst = '1' then
        is_valid  <= '0';
        remaining <= TOKENS - 1;
      end if;
    end if;
  end process;

end architecture;
