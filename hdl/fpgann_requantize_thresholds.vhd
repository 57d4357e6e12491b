-- SPDX-License-Identifier: Apache-2.0
-- Requantize by counting the thresholds t with in >= t: out = base + count, or base - count.
--
-- Latency 2 cycles (comparisons, sum); one item a cycle, each with its own thresholds.
-- The order of the thresholds is free. For fewer than STEPS, fill up with the least value
-- -2**IN_WIDTH, which always counts, and correct the base; the greatest, 2**IN_WIDTH - 1, never
-- counts for a signed input but does for the greatest unsigned one.
-- Bit-true model: sim/models.py (requantize_thresholds)

library ieee;
  use ieee.std_logic_1164.all;
  use ieee.numeric_std.all;
  use work.fpgann_pkg.all;

entity fpgann_requantize_thresholds is
  generic (
    IN_WIDTH  : positive; -- bits of an input: those of a comparator
    OUT_WIDTH : positive; -- bits of an output; the result wraps where this is too few
    IN_SIGNED : boolean;  -- how in_data is read
    STEPS     : positive  -- thresholds: a comparator each, and a counter of as many bits
  );
  port (
    clk     : in    std_ulogic;

    in_data : in    std_ulogic_vector(IN_WIDTH - 1 downto 0);
    -- STEPS signed thresholds of IN_WIDTH + 1 bits
    thresholds : in    std_ulogic_vector(STEPS * (IN_WIDTH + 1) - 1 downto 0);
    falling    : in    std_ulogic;                            -- subtract the count
    base       : in    std_ulogic_vector(OUT_WIDTH downto 0); -- signed: the output for count 0

    out_data   : out   std_ulogic_vector(OUT_WIDTH - 1 downto 0)
  );
end entity;

architecture rtl of fpgann_requantize_thresholds is

  constant COUNT_WIDTH : positive := log2_ceil(STEPS + 1);

  type counts_t is array (natural range <>) of u_unsigned(COUNT_WIDTH - 1 downto 0);

  signal code         : u_signed(IN_WIDTH downto 0);
  signal reached      : std_ulogic_vector(STEPS - 1 downto 0);
  signal step_base    : u_signed(OUT_WIDTH downto 0);
  signal step_falling : std_ulogic;

  -- A balanced tree as a heap: node i adds nodes 2i + 1 and 2i + 2, `reached` are its leaves.
  signal node   : counts_t(0 to 2 * STEPS - 2);
  signal count  : u_signed(OUT_WIDTH downto 0);
  signal result : u_signed(OUT_WIDTH downto 0);

begin

  code <= to_code(in_data, IN_SIGNED);

  p_compare : process (clk)
  begin
    if rising_edge(clk) then
      for i in 0 to STEPS - 1 loop
        if code >= u_signed(element(thresholds, i, IN_WIDTH + 1)) then
          reached(i) <= '1';
        else
          reached(i) <= '0';
        end if;
      end loop;

      step_base    <= u_signed(base);
      step_falling <= falling;
    end if;
  end process;

  g_leaf : for i in 0 to STEPS - 1 generate

    node(STEPS - 1 + i) <= to_unsigned(1, COUNT_WIDTH) when reached(i) = '1' else
                           to_unsigned(0, COUNT_WIDTH);

  end generate g_leaf;

  g_add : for i in 0 to STEPS - 2 generate

    node(i) <= node(2 * i + 1) + node(2 * i + 2);

  end generate g_add;

  count  <= wide(node(0), OUT_WIDTH + 1);
  result <= step_base - count when step_falling = '1' else
            step_base + count;

  p_output : process (clk)
  begin
    if rising_edge(clk) then
      out_data <= std_ulogic_vector(result(OUT_WIDTH - 1 downto 0));
    end if;
  end process;

end architecture;
