-- SPDX-License-Identifier: Apache-2.0
-- A memory of words of LANES elements that is read as fpgann_rom and written element by element.
--
-- Latency 1 cycle from address to data; one word a cycle; load_hit in the cycle of load_valid.
-- An element has a place of 2**k words of 32 bits, the least that hold it; so have the lanes of a
-- word, and the words of the memory. From the low bits of load_address up: word of the element,
-- lane, word of the memory, and what must equal BASE. The last word of an element writes it; the
-- others come along in load_data by then: they must have gone just before.
-- Bit-true model: sim/models.py (LoadableMemory)

library ieee;
  use ieee.std_logic_1164.all;
  use ieee.numeric_std.all;
  use work.fpgann_pkg.all;

entity fpgann_loadable_memory is
  generic (
    WORDS         : word_array_t;    -- contents at first: LANES elements each, lane 0 lowest
    DEPTH         : positive;        -- of WORDS
    LANES         : positive;        -- elements of a word, each in a memory of its own
    WIDTH         : positive;        -- bits of an element
    ADDRESS_WIDTH : positive;        -- bits of load_address, 30 at most
    BASE          : natural;         -- lowest load_address; a multiple of the size
    LOAD_WORDS    : positive;        -- words side by side, the latest highest
    STYLE         : string := "auto" -- "auto", "block" (BRAM) or "distributed" (LUTs)
  );
  port (
    clk          : in    std_ulogic;

    load_valid   : in    std_ulogic;
    load_address : in    u_unsigned(ADDRESS_WIDTH - 1 downto 0); -- in words of 32 bits
    load_data    : in    std_ulogic_vector(32 * LOAD_WORDS - 1 downto 0);
    load_hit     : out   std_ulogic;                             -- load_address is one of these

    address      : in    u_unsigned(index_width(DEPTH) - 1 downto 0); -- below the depth
    data         : out   std_ulogic_vector(LANES * WIDTH - 1 downto 0)
  );
end entity;

architecture rtl of fpgann_loadable_memory is

  constant ELEMENT_WORDS : positive := (WIDTH + 31) / 32;
  constant LOWEST        : natural  := 32 * (LOAD_WORDS - ELEMENT_WORDS);
  constant WORD_BITS     : natural  := log2_ceil(ELEMENT_WORDS);
  constant LANE_BITS     : natural  := log2_ceil(LANES);
  constant DEPTH_BITS    : natural  := log2_ceil(DEPTH);
  constant SIZE_BITS     : natural  := WORD_BITS + LANE_BITS + DEPTH_BITS;

  signal place     : u_unsigned(ADDRESS_WIDTH downto 0); -- a bit more: no part is without bits
  signal position  : natural range 0 to 2 ** WORD_BITS - 1;
  signal lane      : natural range 0 to 2 ** LANE_BITS - 1;
  signal word      : natural range 0 to 2 ** DEPTH_BITS - 1;
  signal is_inside : std_ulogic;
  signal loaded    : std_ulogic_vector(WIDTH - 1 downto 0);
  signal write     : std_ulogic_vector(LANES - 1 downto 0);

begin

  assert WORDS'length = DEPTH and word_width(WORDS) = LANES * WIDTH
    report "fpgann_loadable_memory: " & integer'image(WORDS'length) & " words of "
           & integer'image(word_width(WORDS)) & " bits for DEPTH = " & integer'image(DEPTH)
           & ", LANES * WIDTH = " & integer'image(LANES * WIDTH)
    severity failure;

  assert BASE mod 2 ** SIZE_BITS = 0
    report "fpgann_loadable_memory: BASE = " & integer'image(BASE)
           & " is no multiple of the size, " & integer'image(2 ** SIZE_BITS)
    severity failure;

  assert LOAD_WORDS >= ELEMENT_WORDS
    report "fpgann_loadable_memory: an element takes " & integer'image(ELEMENT_WORDS)
           & " words, more than LOAD_WORDS = " & integer'image(LOAD_WORDS)
    severity failure;

  place <= '0' & load_address;

  -- A field without bits is 0: GHDL 2.0 cannot convert a null range, nor mod 1.

  g_position : if WORD_BITS > 0 generate

    position <= to_integer(place(WORD_BITS - 1 downto 0));

  end generate g_position;

  g_no_position : if WORD_BITS = 0 generate

    position <= 0;

  end generate g_no_position;

  g_lane : if LANE_BITS > 0 generate

    lane <= to_integer(place(WORD_BITS + LANE_BITS - 1 downto WORD_BITS));

  end generate g_lane;

  g_no_lane : if LANE_BITS = 0 generate

    lane <= 0;

  end generate g_no_lane;

  g_word : if DEPTH_BITS > 0 generate

    word <= to_integer(place(SIZE_BITS - 1 downto WORD_BITS + LANE_BITS));

  end generate g_word;

  g_no_word : if DEPTH_BITS = 0 generate

    word <= 0;

  end generate g_no_word;

  is_inside <= '1' when place(ADDRESS_WIDTH downto SIZE_BITS) = BASE / 2 ** SIZE_BITS
                        and word < DEPTH and lane < LANES and position < ELEMENT_WORDS else
               '0';

  load_hit <= is_inside;
  loaded   <= load_data(LOWEST + WIDTH - 1 downto LOWEST);

  g_memory : for i in 0 to LANES - 1 generate

    function contents return word_array_t is
      variable elements : word_array_t(0 to DEPTH - 1)(WIDTH - 1 downto 0);
    begin
      for k in 0 to DEPTH - 1 loop
        elements(k) := WORDS(k)((i + 1) * WIDTH - 1 downto i * WIDTH);
      end loop;
      return elements;
    end function;

  begin

    write(i) <= load_valid when is_inside = '1' and lane = i and position = ELEMENT_WORDS - 1 else
                '0';

    memory : entity work.fpgann_ram
      generic map (
        WORDS => contents,
        DEPTH => DEPTH,
        WIDTH => WIDTH,
        STYLE => STYLE
      )
      port map (
        clk           => clk,
        write         => write(i),
        write_address => to_unsigned(word, index_width(DEPTH)),
        write_data    => loaded,
        address       => address,
        data          => data((i + 1) * WIDTH - 1 downto i * WIDTH)
      );

  end generate g_memory;

end architecture;
