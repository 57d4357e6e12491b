-- SPDX-License-Identifier: Apache-2.0
-- x + y + z, or minus y or z, in one 6-input LUT a bit: full adders before a carry chain.
--
-- Combinational; put a register behind it: the second output of a LUT and an unregistered sum leave a slice the same
-- way. LUTs and carry cells are named, so that no tool can take the sum apart; `add3` of fpgann_netlist_pkg is the
-- same for every device. To simulate, analyse hdl/amd/primitives.vhd into the library of this file.
-- Bit-true model: fpgann/kernel/interpreter.py (ADD3)

-- Names of cells and ports are written as the vendor writes them: Verilog tells them apart.
-- vsg_off

library ieee;
  use ieee.std_logic_1164.all;
  use ieee.numeric_std.all;

entity fpgann_add3 is
  generic (
    WIDTH      : positive;         -- of the operands and the total, which must not overflow
    FREE       : natural := 0;     -- low bits where y and z are 0 and not subtracted: wires
    MINUS_Y    : boolean := false; -- subtract y
    MINUS_Z    : boolean := false; -- subtract z
    CARRY_CELL : positive          -- 4: CARRY4 of the 7 series (UG474); 8: CARRY8 of UltraScale and later (UG574)
  );
  port (
    x     : in    u_signed(WIDTH - 1 downto 0);
    y     : in    u_signed(WIDTH - 1 downto 0);
    z     : in    u_signed(WIDTH - 1 downto 0);

    total : out   u_signed(WIDTH - 1 downto 0)
  );
end entity;

architecture rtl of fpgann_add3 is

  component LUT6_2 is
    generic (
      INIT : bit_vector(63 downto 0)
    );
    port (
      O5 : out   std_ulogic;
      O6 : out   std_ulogic;
      I0 : in    std_ulogic;
      I1 : in    std_ulogic;
      I2 : in    std_ulogic;
      I3 : in    std_ulogic;
      I4 : in    std_ulogic;
      I5 : in    std_ulogic
    );
  end component LUT6_2;

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

  -- Inputs 0 to 3 are x, y, z and the majority of the bit below. The low half, O5, is the majority of x, y, z, the
  -- high half, O6, the parity of all four.
  function table return bit_vector is
    variable bits  : bit_vector(63 downto 0);
    variable a     : boolean;
    variable b     : boolean;
    variable c     : boolean;
    variable below : boolean;
  begin
    for index in 0 to 31 loop
      a     := index mod 2 = 1;
      b     := ((index / 2) mod 2 = 1) /= MINUS_Y;
      c     := ((index / 4) mod 2 = 1) /= MINUS_Z;
      below := (index / 8) mod 2 = 1;

      bits(index)      := '0';
      bits(index + 32) := '0';
      if (a and b) or (a and c) or (b and c) then
        bits(index) := '1';
      end if;
      if (a /= b) /= (c /= below) then
        bits(index + 32) := '1';
      end if;
    end loop;
    return bits;
  end function;

  function to_bit (condition : boolean) return std_ulogic is
  begin
    if condition then
      return '1';
    end if;
    return '0';
  end function;

  constant CELL  : positive := CARRY_CELL;
  constant BITS  : positive := WIDTH - FREE;
  constant CELLS : positive := (BITS + CELL - 1) / CELL;

  signal majorities : std_ulogic_vector(BITS downto 0);
  signal parities   : std_ulogic_vector(CELLS * CELL - 1 downto 0);
  signal below      : std_ulogic_vector(CELLS * CELL - 1 downto 0);
  signal carries    : std_ulogic_vector(CELLS * CELL downto 0);
  signal sums       : std_ulogic_vector(CELLS * CELL - 1 downto 0);

begin

  assert CARRY_CELL = 4 or CARRY_CELL = 8
    report "CARRY_CELL must be 4 or 8, not " & integer'image(CARRY_CELL)
    severity failure;

  assert FREE < WIDTH
    report "FREE must be below WIDTH, not " & integer'image(FREE)
    severity failure;

  -- the ones that two complements lack come in below the row and below the chain
  majorities(0) <= to_bit(MINUS_Y or MINUS_Z);
  carries(0)    <= to_bit(MINUS_Y and MINUS_Z);

  g_bits : for bit_index in 0 to BITS - 1 generate
    below(bit_index) <= majorities(bit_index);

    full_adder : component LUT6_2
      generic map (
        INIT => table
      )
      port map (
        O5 => majorities(bit_index + 1),
        O6 => parities(bit_index),
        I0 => x(FREE + bit_index),
        I1 => y(FREE + bit_index),
        I2 => z(FREE + bit_index),
        I3 => majorities(bit_index),
        I4 => '0',
        I5 => '1'
      );

  end generate g_bits;

  g_rest : for bit_index in BITS to CELLS * CELL - 1 generate
    below(bit_index)    <= '0';
    parities(bit_index) <= '0';
  end generate g_rest;

  g_carry4 : if CELL = 4 generate

    g_cells : for index in 0 to CELLS - 1 generate

      chain : component CARRY4
        port map (
          CO     => carries(4 * index + 4 downto 4 * index + 1),
          O      => sums(4 * index + 3 downto 4 * index),
          CI     => carries(4 * index),
          CYINIT => '0',
          DI     => below(4 * index + 3 downto 4 * index),
          S      => parities(4 * index + 3 downto 4 * index)
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
          DI     => below(8 * index + 7 downto 8 * index),
          S      => parities(8 * index + 7 downto 8 * index)
        );

    end generate g_cells;

  end generate g_carry8;

  total(WIDTH - 1 downto FREE) <= u_signed(sums(BITS - 1 downto 0));

  g_wires : if FREE > 0 generate
    total(FREE - 1 downto 0) <= x(FREE - 1 downto 0);
  end generate g_wires;

end architecture;
