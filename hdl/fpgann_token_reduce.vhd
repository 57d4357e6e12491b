-- SPDX-License-Identifier: Apache-2.0
-- The sum, the maximum or the minimum of a number of tokens, element by element: global pooling.
--
-- Latency 1 cycle from the last token; one token a cycle: the first one of the next result enters
-- while this result leaves.
-- Bit-true model: sim/token_models.py (token_reduce)

library ieee;
  use ieee.std_logic_1164.all;
  use ieee.numeric_std.all;
  use work.fpgann_pkg.all;

entity fpgann_token_reduce is
  generic (
    TOKENS    : positive; -- of a result
    ELEMENTS  : positive; -- of a token; costs OUT_WIDTH registers and an adder or a comparator each
    IN_WIDTH  : positive; -- bits of an element
    IN_SIGNED : boolean;
    OUT_WIDTH : positive; -- bits of an element of the result: enough for every partial one
    KIND      : string    -- "sum", "maximum" or "minimum"
  );
  port (
    clk       : in    std_ulogic;
    rst       : in    std_ulogic; -- synchronous, active high: the next token is a result's first

    in_valid  : in    std_ulogic;
    in_ready  : out   std_ulogic;
    in_data   : in    std_ulogic_vector(ELEMENTS * IN_WIDTH - 1 downto 0);

    out_valid : out   std_ulogic;
    out_ready : in    std_ulogic;
    out_data  : out   std_ulogic_vector(ELEMENTS * OUT_WIDTH - 1 downto 0)
  );
end entity;

architecture rtl of fpgann_token_reduce is

  signal index   : natural range 0 to TOKENS - 1;
  signal word    : std_ulogic_vector(ELEMENTS * OUT_WIDTH - 1 downto 0);
  signal is_full : std_ulogic;
  signal ready   : std_ulogic;

begin

  assert KIND = "sum" or KIND = "maximum" or KIND = "minimum"
    report "fpgann_token_reduce: KIND is '" & KIND & "', not sum, maximum or minimum"
    severity failure;

  ready     <= out_ready or not is_full;
  in_ready  <= ready;
  out_valid <= is_full;
  out_data  <= word;

  p_reduce : process (clk)

    variable code : u_signed(OUT_WIDTH downto 0);
    variable last : u_signed(OUT_WIDTH downto 0);

  begin
    if rising_edge(clk) then
      if out_ready = '1' then
        is_full <= '0';
      end if;

      if ready = '1' and in_valid = '1' then
        for i in 0 to ELEMENTS - 1 loop
          code := wide(to_code(in_data((i + 1) * IN_WIDTH - 1 downto i * IN_WIDTH), IN_SIGNED), OUT_WIDTH + 1);
          last := to_code(word((i + 1) * OUT_WIDTH - 1 downto i * OUT_WIDTH), IN_SIGNED);
          if index /= 0 then
            if KIND = "sum" then
              code := last + code;
            elsif KIND = "maximum" and last > code then
              code := last;
            elsif KIND = "minimum" and last < code then
              code := last;
            end if;
          end if;
          word((i + 1) * OUT_WIDTH - 1 downto i * OUT_WIDTH) <= std_ulogic_vector(code(OUT_WIDTH - 1 downto 0));
        end loop;

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
