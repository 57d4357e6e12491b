-- SPDX-License-Identifier: Apache-2.0
-- Full adders side by side, one LUT with two outputs each.
--
-- Combinational. To simulate, analyse hdl/amd/primitives.vhd into the library of this file.
-- Bit-true model: fpgann/kernel/bit_sum.py (FullAdders)

-- Names of cells and ports are written as the vendor writes them: Verilog tells them apart.
-- vsg_off

library ieee;
  use ieee.std_logic_1164.all;

entity fpgann_full_adders is
  generic (
    ADDERS   : positive;
    INVERTED : std_ulogic_vector(3 * ADDERS - 1 downto 0) -- 1 where 1 - bit counts
  );
  port (
    data  : in    std_ulogic_vector(3 * ADDERS - 1 downto 0); -- three bits of equal weight for each

    total : out   std_ulogic_vector(2 * ADDERS - 1 downto 0)  -- sum and carry of each
  );
end entity;

architecture rtl of fpgann_full_adders is

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

  -- The low half, O5, is the parity of the three bits, the high half, O6, their majority.
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
      if count mod 2 = 1 then
        bits(index) := '1';
      end if;
      if count >= 2 then
        bits(index + 32) := '1';
      end if;
    end loop;
    return bits;
  end function;

begin

  g_adders : for k in 0 to ADDERS - 1 generate

    full_adder : component LUT6_2
      generic map (
        INIT => table(INVERTED(3 * k + 2 downto 3 * k))
      )
      port map (
        O5 => total(2 * k),
        O6 => total(2 * k + 1),
        I0 => data(3 * k),
        I1 => data(3 * k + 1),
        I2 => data(3 * k + 2),
        I3 => '0',
        I4 => '0',
        I5 => '1'
      );

  end generate g_adders;

end architecture;
