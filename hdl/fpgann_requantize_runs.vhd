-- SPDX-License-Identifier: Apache-2.0
-- Requantize by a memory of results: that of the run in which the input lies, which is found by
-- binary search among the starts of the runs. For functions that rise and fall.
--
-- Latency BITS + 2 cycles (those of fpgann_requantize_search, then a memory); one item a cycle,
-- each of its own channel.
-- A channel with fewer than 2**BITS runs: fill up at the bottom with starts of -2**IN_WIDTH, which
-- always count; the results that belong to them are never read.
-- Bit-true model: sim/models.py (requantize_runs)

library ieee;
  use ieee.std_logic_1164.all;
  use ieee.numeric_std.all;
  use work.fpgann_pkg.all;

entity fpgann_requantize_runs is
  generic (
    IN_WIDTH  : positive; -- bits of an input: those of BITS comparators
    OUT_WIDTH : positive; -- bits of an output: those of a result
    IN_SIGNED : boolean;  -- how in_data is read
    BITS      : positive; -- of the number of a run: a comparator, a memory and registers each
    CHANNELS  : positive; -- rows of starts and results: memory for each
    -- Signed, of IN_WIDTH + 1 bits: start k + 1 of a channel is channel * (2**BITS - 1) + k,
    -- in ascending order within the channel; the first run begins at the least input.
    STARTS  : word_array_t;
    RESULTS : word_array_t;    -- result k of a channel is channel * 2**BITS + k
    STYLE   : string := "auto" -- of the memories: "auto", "block" (BRAM), "distributed" (LUTs)
  );
  port (
    clk      : in    std_ulogic;

    in_data  : in    std_ulogic_vector(IN_WIDTH - 1 downto 0);
    channel  : in    u_unsigned(index_width(CHANNELS) - 1 downto 0); -- ignored for one channel

    out_data : out   std_ulogic_vector(OUT_WIDTH - 1 downto 0)
  );
end entity;

architecture rtl of fpgann_requantize_runs is

  constant CHANNEL_WIDTH : positive := index_width(CHANNELS);

  type channels_t is array (natural range <>) of u_unsigned(CHANNEL_WIDTH - 1 downto 0);

  -- The search yields the number of a run: it counts from zero.
  function zero_words return word_array_t is
    variable words : word_array_t(0 to CHANNELS - 1)(BITS downto 0);
  begin
    for c in 0 to CHANNELS - 1 loop
      words(c) := (others => '0');
    end loop;
    return words;
  end function;

  signal run_number : std_ulogic_vector(BITS - 1 downto 0);
  signal waiting    : channels_t(0 to BITS);
  signal path       : u_unsigned(CHANNEL_WIDTH + BITS - 1 downto 0);

begin

  assert RESULTS'length = CHANNELS * 2 ** BITS
    report "fpgann_requantize_runs: " & integer'image(RESULTS'length)
           & " RESULTS for CHANNELS * 2**BITS = " & integer'image(CHANNELS * 2 ** BITS)
    severity failure;

  assert word_width(RESULTS) = OUT_WIDTH
    report "fpgann_requantize_runs: results of " & integer'image(word_width(RESULTS))
           & " bits for OUT_WIDTH = " & integer'image(OUT_WIDTH)
    severity failure;

  search : entity work.fpgann_requantize_search
    generic map (
      IN_WIDTH   => IN_WIDTH,
      OUT_WIDTH  => BITS,
      IN_SIGNED  => IN_SIGNED,
      BITS       => BITS,
      CHANNELS   => CHANNELS,
      THRESHOLDS => STARTS,
      BASES      => zero_words,
      FALLING    => (CHANNELS - 1 downto 0 => '0'),
      STYLE      => STYLE
    )
    port map (
      clk      => clk,
      in_data  => in_data,
      channel  => channel,
      out_data => run_number
    );

  p_wait : process (clk)
  begin
    if rising_edge(clk) then
      waiting(0) <= channel;

      for i in 1 to BITS loop
        waiting(i) <= waiting(i - 1);
      end loop;
    end if;
  end process;

  path <= waiting(BITS) & u_unsigned(run_number) when CHANNELS > 1 else
          resize(u_unsigned(run_number), CHANNEL_WIDTH + BITS);

  result_memory : entity work.fpgann_rom
    generic map (
      WORDS => RESULTS,
      DEPTH => RESULTS'length,
      WIDTH => OUT_WIDTH,
      STYLE => STYLE
    )
    port map (
      clk     => clk,
      address => path(index_width(RESULTS'length) - 1 downto 0),
      data    => out_data
    );

end architecture;
