-- SPDX-License-Identifier: Apache-2.0
-- A row of carry cells: where a bit of `select_carry` is 1, the carry goes on, else that of `carry_data` does.
--
-- Combinational; one carry position a bit.

-- Names of cells and ports are written as the vendor writes them: Verilog tells them apart.
-- vsg_off

library ieee;
  use ieee.std_logic_1164.all;

entity fpgann_carry_chain is
  generic (
    BITS       : positive;   -- positions
    CARRY_IN   : std_ulogic; -- below the lowest
    CARRY_CELL : positive    -- 4: CARRY4 of the 7 series (UG474); 8: CARRY8 of UltraScale and later (UG574)
  );
  port (
    select_carry : in    std_ulogic_vector(BITS - 1 downto 0);
    carry_data   : in    std_ulogic_vector(BITS - 1 downto 0);

    total        : out   std_ulogic_vector(BITS - 1 downto 0) -- select_carry xor the carry that comes in
  );
end entity;

architecture rtl of fpgann_carry_chain is

  component CARRY4 is
    port (
      CO     : out   std_ulogic_vector(3 downto 0);
      O      : out   std_ulogic_vector(3 downto 0);
      CI     : in    std_ulogic;
      CYINIT : in    std_ulogic;
      DI     : in    std_ulogic_vector(3 downto 0);
      S      : in    std_ulogic_vector(3 downto 0)
    );
  end component CARRY4;

  component CARRY8 is
    port (
      CO     : out   std_ulogic_vector(7 downto 0);
      O      : out   std_ulogic_vector(7 downto 0);
      CI     : in    std_ulogic;
      CI_TOP : in    std_ulogic;
      DI     : in    std_ulogic_vector(7 downto 0);
      S      : in    std_ulogic_vector(7 downto 0)
    );
  end component CARRY8;

  constant CELL  : positive := CARRY_CELL;
  constant CELLS : positive := (BITS + CELL - 1) / CELL;

  signal chosen  : std_ulogic_vector(CELLS * CELL - 1 downto 0);
  signal data    : std_ulogic_vector(CELLS * CELL - 1 downto 0);
  signal carries : std_ulogic_vector(CELLS * CELL downto 0);
  signal sums    : std_ulogic_vector(CELLS * CELL - 1 downto 0);

begin

  assert CARRY_CELL = 4 or CARRY_CELL = 8
    report "CARRY_CELL must be 4 or 8, not " & integer'image(CARRY_CELL)
    severity failure;

  carries(0)                <= CARRY_IN;
  chosen(BITS - 1 downto 0) <= select_carry;
  data(BITS - 1 downto 0)   <= carry_data;

  g_rest : for bit_index in BITS to CELLS * CELL - 1 generate
    chosen(bit_index) <= '0';
    data(bit_index)   <= '0';
  end generate g_rest;

  g_carry4 : if CELL = 4 generate

    g_cells : for index in 0 to CELLS - 1 generate

      chain : component CARRY4
        port map (
          CO     => carries(4 * index + 4 downto 4 * index + 1),
          O      => sums(4 * index + 3 downto 4 * index),
          CI     => carries(4 * index),
          CYINIT => '0',
          DI     => data(4 * index + 3 downto 4 * index),
          S      => chosen(4 * index + 3 downto 4 * index)
        );

    end generate g_cells;

  end generate g_carry4;

  g_carry8 : if CELL = 8 generate

    g_cells : for index in 0 to CELLS - 1 generate

      chain : component CARRY8
        port map (
          CO     => carries(8 * index + 8 downto 8 * index + 1),
          O      => sums(8 * index + 7 downto 8 * index),
          CI     => carries(8 * index),
          CI_TOP => '0',
          DI     => data(8 * index + 7 downto 8 * index),
          S      => chosen(8 * index + 7 downto 8 * index)
        );

    end generate g_cells;

  end generate g_carry8;

  total <= sums(BITS - 1 downto 0);

end architecture;
