-- SPDX-License-Identifier: Apache-2.0
-- Three rows of bits added in one 6-input LUT a column: full adders before a carry chain. Each bit may be inverted.
--
-- Combinational; put a register behind it, for the reason that fpgann_add3 gives, which this one generalises. To
-- simulate, analyse hdl/amd/primitives.vhd into the library of this file.
-- Bit-true model: fpgann/kernel/bit_sum.py (BitSum.rows)

-- Names of cells and ports are written as the vendor writes them: Verilog tells them apart.
-- vsg_off

library ieee;
  use ieee.std_logic_1164.all;

entity fpgann_add_rows is
  generic (
    WIDTH      : positive;                                 -- of each row and the total, which may overflow
    INVERTED   : std_ulogic_vector(3 * WIDTH - 1 downto 0); -- 1 where 1 - bit counts
    CARRY_IN   : std_ulogic;                               -- a constant of weight 1
    CARRY_CELL : positive                                  -- as in fpgann_carry_chain
  );
  port (
    data  : in    std_ulogic_vector(3 * WIDTH - 1 downto 0); -- bits 3 * k to 3 * k + 2 have the weight 2 ** k
    below : in    std_ulogic;                               -- a further bit of weight 1

    total : out   std_ulogic_vector(WIDTH - 1 downto 0)
  );
end entity;

architecture rtl of fpgann_add_rows is

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

  -- Inputs 0 to 2 are the bits of a column, input 3 the majority of the one below. The low half, O5, is the majority of
  -- the three, the high half, O6, the parity of all four.
  function table (inverts : std_ulogic_vector(2 downto 0)) return bit_vector is
    variable bits  : bit_vector(63 downto 0);
    variable rest  : natural;
    variable count : natural;
  begin
    for index in 0 to 31 loop
      rest  := index;
      count := 0;
      for place in 0 to 2 loop
        if (rest mod 2 = 1) /= (inverts(place) = '1') then
          count := count + 1;
        end if;
        rest := rest / 2;
      end loop;

      bits(index)      := '0';
      bits(index + 32) := '0';
      if count >= 2 then
        bits(index) := '1';
      end if;
      if (count + rest) mod 2 = 1 then
        bits(index + 32) := '1';
      end if;
    end loop;
    return bits;
  end function;

  signal majorities : std_ulogic_vector(WIDTH downto 0);
  signal parities   : std_ulogic_vector(WIDTH - 1 downto 0);

begin

  majorities(0) <= below;

  g_bits : for k in 0 to WIDTH - 1 generate

    full_adder : component LUT6_2
      generic map (
        INIT => table(INVERTED(3 * k + 2 downto 3 * k))
      )
      port map (
        O5 => majorities(k + 1),
        O6 => parities(k),
        I0 => data(3 * k),
        I1 => data(3 * k + 1),
        I2 => data(3 * k + 2),
        I3 => majorities(k),
        I4 => '0',
        I5 => '1'
      );

  end generate g_bits;

  chain : entity work.fpgann_carry_chain
    generic map (
      BITS       => WIDTH,
      CARRY_IN   => CARRY_IN,
      CARRY_CELL => CARRY_CELL
    )
    port map (
      select_carry => parities,
      carry_data   => majorities(WIDTH - 1 downto 0),
      total        => total
    );

end architecture;
