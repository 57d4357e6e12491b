-- SPDX-License-Identifier: Apache-2.0
-- Requantize by counting the thresholds t with in >= t, found by binary search: out = base + count,
-- or base - count. For many steps, where a comparator each would cost too much.
--
-- Latency BITS + 1 cycles (one comparison a cycle, the first after its memory is read); one item a
-- cycle, each of its own channel.
-- A channel with fewer than 2**BITS - 1 thresholds: fill up at the bottom with the least value
-- -2**IN_WIDTH, which always counts, and correct the base. The greatest, 2**IN_WIDTH - 1, never
-- counts for a signed input but does for the greatest unsigned one.
-- Bit-true model: sim/models.py (requantize_search)

library ieee;
  use ieee.std_logic_1164.all;
  use ieee.numeric_std.all;
  use work.fpgann_pkg.all;

entity fpgann_requantize_search is
  generic (
    IN_WIDTH  : positive; -- bits of an input: those of BITS comparators
    OUT_WIDTH : positive; -- bits of an output; the result wraps where this is too few
    IN_SIGNED : boolean;  -- how in_data is read
    BITS      : positive; -- of the count: a comparator, a memory and registers each
    CHANNELS  : positive; -- rows of thresholds: memory for each
    -- Signed, of IN_WIDTH + 1 bits: threshold k of a channel is channel * (2**BITS - 1) + k,
    -- in ascending order within the channel.
    THRESHOLDS : word_array_t;
    BASES      : word_array_t;      -- the output for count 0: signed, OUT_WIDTH + 1 bits, a channel
    FALLING    : std_ulogic_vector; -- subtract the count; a bit a channel, channel 0 rightmost
    STYLE      : string := "auto"   -- of the memories: "auto", "block" (BRAM), "distributed" (LUTs)
  );
  port (
    clk      : in    std_ulogic;

    in_data  : in    std_ulogic_vector(IN_WIDTH - 1 downto 0);
    channel  : in    u_unsigned(index_width(CHANNELS) - 1 downto 0); -- ignored for one channel

    out_data : out   std_ulogic_vector(OUT_WIDTH - 1 downto 0)
  );
end entity;

architecture rtl of fpgann_requantize_search is

  constant STEPS         : positive := 2 ** BITS - 1;
  constant CHANNEL_WIDTH : positive := index_width(CHANNELS);

  -- The thresholds a level may need: word channel * 2**level + p is compared where the upper
  -- `level` bits of the count are p.
  function level_words (level : natural) return word_array_t is
    constant STRIDE : positive := 2 ** (BITS - level); -- from one of them to the next
    variable words  : word_array_t(0 to CHANNELS * 2 ** level - 1)(IN_WIDTH downto 0);
  begin
    for c in 0 to CHANNELS - 1 loop
      for p in 0 to 2 ** level - 1 loop
        words(c * 2 ** level + p) := THRESHOLDS(c * STEPS + p * STRIDE + STRIDE / 2 - 1);
      end loop;
    end loop;
    return words;
  end function;

  -- falling & base, of each channel
  function base_words return word_array_t is
    constant FLAGS : std_ulogic_vector(CHANNELS - 1 downto 0) := FALLING;
    variable words : word_array_t(0 to CHANNELS - 1)(OUT_WIDTH + 1 downto 0);
  begin
    for c in 0 to CHANNELS - 1 loop
      words(c) := FLAGS(c) & BASES(c);
    end loop;
    return words;
  end function;

  -- What an item carries from level to level: its code, and its path, the channel followed by the
  -- bits of the count so far. Of each, entering a level and at its comparison, a cycle later.
  type codes_t is array (natural range <>) of u_signed(IN_WIDTH downto 0);
  type paths_t is array (natural range <>) of u_unsigned(CHANNEL_WIDTH + BITS - 1 downto 0);

  signal code_in : codes_t(0 to BITS - 1);
  signal path_in : paths_t(0 to BITS - 1);
  signal code    : codes_t(0 to BITS - 1);
  signal path    : paths_t(0 to BITS - 1);
  signal reached : std_ulogic_vector(0 to BITS - 1);

  signal base_word   : std_ulogic_vector(OUT_WIDTH + 1 downto 0);
  signal base        : u_signed(OUT_WIDTH downto 0);
  signal doubled     : u_unsigned(BITS downto 0); -- with a bit of the channel on top
  signal even_count  : u_signed(OUT_WIDTH downto 0);
  signal odd_count   : u_signed(OUT_WIDTH downto 0);
  signal even_result : u_signed(OUT_WIDTH downto 0);
  signal odd_result  : u_signed(OUT_WIDTH downto 0);

begin

  assert THRESHOLDS'length = CHANNELS * STEPS
    report "fpgann_requantize_search: " & integer'image(THRESHOLDS'length)
           & " THRESHOLDS for CHANNELS * (2**BITS - 1) = " & integer'image(CHANNELS * STEPS)
    severity failure;

  assert BASES'length = CHANNELS and FALLING'length = CHANNELS
    report "fpgann_requantize_search: " & integer'image(BASES'length) & " BASES and "
           & integer'image(FALLING'length) & " bits of FALLING for CHANNELS = "
           & integer'image(CHANNELS)
    severity failure;

  code_in(0) <= to_code(in_data, IN_SIGNED);
  path_in(0) <= resize(channel, CHANNEL_WIDTH + BITS) when CHANNELS > 1 else
                (others => '0');

  g_level : for level in 0 to BITS - 1 generate

    constant WORDS     : positive := CHANNELS * 2 ** level;
    signal   threshold : std_ulogic_vector(IN_WIDTH downto 0);

  begin

    threshold_memory : entity work.fpgann_rom
      generic map (
        WORDS => level_words(level),
        DEPTH => WORDS,
        WIDTH => IN_WIDTH + 1,
        STYLE => STYLE
      )
      port map (
        clk     => clk,
        address => path_in(level)(index_width(WORDS) - 1 downto 0),
        data    => threshold
      );

    p_carry : process (clk)
    begin
      if rising_edge(clk) then
        code(level) <= code_in(level);
        path(level) <= path_in(level);
      end if;
    end process;

    reached(level) <= '1' when code(level) >= u_signed(threshold) else
                      '0';

    g_next : if level < BITS - 1 generate

      code_in(level + 1) <= code(level);
      path_in(level + 1) <= path(level)(CHANNEL_WIDTH + BITS - 2 downto 0) & reached(level);

    end generate g_next;

  end generate g_level;

  base_memory : entity work.fpgann_rom
    generic map (
      WORDS => base_words,
      DEPTH => CHANNELS,
      WIDTH => OUT_WIDTH + 2,
      STYLE => "auto"
    )
    port map (
      clk     => clk,
      address => path_in(BITS - 1)(CHANNEL_WIDTH + BITS - 2 downto BITS - 1),
      data    => base_word
    );

  -- Both results are ready when the last comparison is.
  base        <= u_signed(base_word(OUT_WIDTH downto 0));
  doubled     <= path(BITS - 1)(BITS - 1 downto 0) & '0';
  even_count  <= wide(doubled(BITS - 1 downto 0), OUT_WIDTH + 1);
  odd_count   <= wide(doubled(BITS - 1 downto 0) or to_unsigned(1, BITS), OUT_WIDTH + 1);
  even_result <= base - even_count when base_word(OUT_WIDTH + 1) = '1' else
                 base + even_count;
  odd_result  <= base - odd_count when base_word(OUT_WIDTH + 1) = '1' else
                 base + odd_count;

  p_output : process (clk)
  begin
    if rising_edge(clk) then
      if reached(BITS - 1) = '1' then
        out_data <= std_ulogic_vector(odd_result(OUT_WIDTH - 1 downto 0));
      else
        out_data <= std_ulogic_vector(even_result(OUT_WIDTH - 1 downto 0));
      end if;
    end if;
  end process;

end architecture;
