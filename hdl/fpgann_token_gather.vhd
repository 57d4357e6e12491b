-- SPDX-License-Identifier: Apache-2.0
-- Put a number of tokens side by side, the first one lowest.
--
-- Latency 1 cycle from the last token; one token a cycle: the first one of the next word enters while
-- this word leaves.
-- Bit-true model: sim/token_models.py (token_gather)

library ieee;
  use ieee.std_logic_1164.all;

entity fpgann_token_gather is
  generic (
    TOKENS : positive; -- of a word; costs TOKENS * WIDTH registers
    WIDTH  : positive  -- bits of a token
  );
  port (
    clk       : in    std_ulogic;
    rst       : in    std_ulogic; -- synchronous, active high: the next token is a word's first

    in_valid  : in    std_ulogic;
    in_ready  : out   std_ulogic;
    in_data   : in    std_ulogic_vector(WIDTH - 1 downto 0);

    out_valid : out   std_ulogic;
    out_ready : in    std_ulogic;
    out_data  : out   std_ulogic_vector(TOKENS * WIDTH - 1 downto 0)
  );
end entity;

architecture rtl of fpgann_token_gather is

  signal index   : natural range 0 to TOKENS - 1;
  signal word    : std_ulogic_vector(TOKENS * WIDTH - 1 downto 0);
  signal is_full : std_ulogic;
  signal ready   : std_ulogic;

begin

  ready     <= out_ready or not is_full;
  in_ready  <= ready;
  out_valid <= is_full;
  out_data  <= word;

  p_gather : process (clk)

    variable moved : std_ulogic_vector((TOKENS + 1) * WIDTH - 1 downto 0);

  begin
    if rising_edge(clk) then
      if out_ready = '1' then
        is_full <= '0';
      end if;

      if ready = '1' and in_valid = '1' then
        -- Shifted, not addressed: no decoder, and one enable for all.
        moved := in_data & word;
        word  <= moved((TOKENS + 1) * WIDTH - 1 downto WIDTH);
        if index = TOKENS - 1 then
          index   <= 0;
          is_full <= '1';
        else
          index <= index + 1;
        end if;
      end if;

      if rst = '1' then
        index   <= 0;
        is_full <= '0';
      end if;
    end if;
  end process;

end architecture;
