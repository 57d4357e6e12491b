-- SPDX-License-Identifier: Apache-2.0
-- Read a constant memory of weights, as they are or as numbers of values in a code book.
--
-- With a code book the memory is narrower, and each lane has a table of BOOK_SIZE values behind it,
-- in LUTs. Latency 1 cycle; one word a cycle.
-- Bit-true model: sim/models.py (weight_rom)

library ieee;
  use ieee.std_logic_1164.all;
  use ieee.numeric_std.all;
  use work.fpgann_pkg.all;

entity fpgann_weight_rom is
  generic (
    -- Contents, index 0 first: LANES weights a word, or LANES indices of BOOK, lane 0 in the low bits.
    WORDS     : word_array_t;
    DEPTH     : positive;                -- of WORDS
    LANES     : positive;                -- weights of a word
    WIDTH     : positive;                -- bits of a weight
    BOOK_SIZE : natural      := 0;       -- of BOOK; 0 for WORDS of weights
    BOOK      : word_array_t := NO_BOOK; -- values: WIDTH LUTs a lane where an index has up to 6 bits
    STYLE     : string       := "auto"   -- of the memory: "auto", "block", "distributed", "registers"
  );
  port (
    clk     : in    std_ulogic;

    address : in    u_unsigned(index_width(DEPTH) - 1 downto 0); -- below the depth

    data    : out   std_ulogic_vector(LANES * WIDTH - 1 downto 0)
  );
end entity;

architecture rtl of fpgann_weight_rom is

begin

  g_weights : if BOOK_SIZE = 0 generate

    memory : entity work.fpgann_rom
      generic map (
        WORDS => WORDS,
        DEPTH => DEPTH,
        WIDTH => LANES * WIDTH,
        STYLE => STYLE
      )
      port map (
        clk     => clk,
        address => address,
        data    => data
      );

  end generate g_weights;

  g_indices : if BOOK_SIZE > 0 generate

    constant INDEX_BITS : positive := index_width(BOOK_SIZE);

    -- Descending, and as long as indices reach: GHDL 2.0 reads an ascending array with a subtractor.
    function contents return word_array_t is
      variable book_down : word_array_t(2 ** INDEX_BITS - 1 downto 0)(WIDTH - 1 downto 0);
    begin
      for i in 0 to 2 ** INDEX_BITS - 1 loop
        book_down(i) := BOOK(i mod BOOK_SIZE);
      end loop;
      return book_down;
    end function;

    constant VALUES : word_array_t(2 ** INDEX_BITS - 1 downto 0)(WIDTH - 1 downto 0) := contents;

    signal indices : std_ulogic_vector(LANES * INDEX_BITS - 1 downto 0);

  begin

    assert BOOK'length = BOOK_SIZE and word_width(BOOK) = WIDTH
      report "fpgann_weight_rom: " & integer'image(BOOK'length) & " values of "
             & integer'image(word_width(BOOK)) & " bits for BOOK_SIZE = " & integer'image(BOOK_SIZE)
             & ", WIDTH = " & integer'image(WIDTH)
      severity failure;

    memory : entity work.fpgann_rom
      generic map (
        WORDS => WORDS,
        DEPTH => DEPTH,
        WIDTH => LANES * INDEX_BITS,
        STYLE => STYLE
      )
      port map (
        clk     => clk,
        address => address,
        data    => indices
      );

    g_lane : for i in 0 to LANES - 1 generate

      signal index : u_unsigned(INDEX_BITS - 1 downto 0);

    begin

      index <= u_unsigned(element(indices, i, INDEX_BITS));

      data((i + 1) * WIDTH - 1 downto i * WIDTH) <= VALUES(to_integer(index));

    end generate g_lane;

  end generate g_indices;

end architecture;
