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
    CARRY_CELL : positive          -- as in fpgann_carry_chain
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

  constant BITS : positive := WIDTH - FREE;

  signal majorities : std_ulogic_vector(BITS downto 0);
  signal parities   : std_ulogic_vector(BITS - 1 downto 0);
  signal sums       : std_ulogic_vector(BITS - 1 downto 0);

begin

  assert FREE < WIDTH
    report "FREE must be below WIDTH, not " & integer'image(FREE)
    severity failure;

  -- the ones that two complements lack come in below the row and below the chain
  majorities(0) <= to_bit(MINUS_Y or MINUS_Z);

  g_bits : for bit_index in 0 to BITS - 1 generate
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

  chain : entity work.fpgann_carry_chain
    generic map (
      BITS       => BITS,
      CARRY_IN   => to_bit(MINUS_Y and MINUS_Z),
      CARRY_CELL => CARRY_CELL
    )
    port map (
      select_carry => parities,
      carry_data   => majorities(BITS - 1 downto 0),
      total        => sums
    );

  total(WIDTH - 1 downto FREE) <= u_signed(sums);

  g_wires : if FREE > 0 generate
    total(FREE - 1 downto 0) <= x(FREE - 1 downto 0);
  end generate g_wires;

end architecture;
