-- SPDX-License-Identifier: Apache-2.0
-- The cells that hdl/amd/ names, for simulation only: written from their truth tables in UG953 and UG974.
--
-- Not for synthesis: there the vendor's own cells must stand.

-- Names of cells and ports are written as the vendor writes them: Verilog tells them apart.
-- vsg_off

library ieee;
  use ieee.std_logic_1164.all;
  use ieee.numeric_std.all;

entity LUT6_2 is
  generic (
    INIT : bit_vector(63 downto 0) -- bit i: O6 for inputs of the number i; O5 likewise with I5 = 0
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
end entity;

architecture model of LUT6_2 is

  constant CONTENTS : std_ulogic_vector(63 downto 0) := to_stdulogicvector(INIT);

begin

  p_read : process (all)

    variable address : u_unsigned(4 downto 0);

  begin
    address := I4 & I3 & I2 & I1 & I0;
    O5      <= 'X';
    O6      <= 'X';
    if is_x(std_ulogic_vector(address)) = false then
      O5 <= CONTENTS(to_integer(address));
      O6 <= CONTENTS(to_integer(address));
      if I5 = '1' then
        O6 <= CONTENTS(32 + to_integer(address));
      end if;
    end if;
  end process;

end architecture;

library ieee;
  use ieee.std_logic_1164.all;

entity CARRY4 is
  port (
    CO     : out   std_ulogic_vector(3 downto 0);
    O      : out   std_ulogic_vector(3 downto 0);
    CI     : in    std_ulogic;
    CYINIT : in    std_ulogic;
    DI     : in    std_ulogic_vector(3 downto 0);
    S      : in    std_ulogic_vector(3 downto 0)
  );
end entity;

architecture model of CARRY4 is

  signal carries : std_ulogic_vector(4 downto 0);

begin

  carries(0) <= CI or CYINIT; -- one of them is tied to 0

  g_bits : for i in 0 to 3 generate
    carries(i + 1) <= (S(i) and carries(i)) or (not S(i) and DI(i));
    O(i)           <= S(i) xor carries(i);
    CO(i)          <= carries(i + 1);
  end generate g_bits;

end architecture;

library ieee;
  use ieee.std_logic_1164.all;

entity CARRY8 is
  port (
    CO     : out   std_ulogic_vector(7 downto 0);
    O      : out   std_ulogic_vector(7 downto 0);
    CI     : in    std_ulogic;
    CI_TOP : in    std_ulogic;
    DI     : in    std_ulogic_vector(7 downto 0);
    S      : in    std_ulogic_vector(7 downto 0)
  );
end entity;

-- CARRY_TYPE = "SINGLE_CY8", its default: CI_TOP is not used.

architecture model of CARRY8 is

  signal carries : std_ulogic_vector(8 downto 0);

begin

  carries(0) <= CI;

  g_bits : for i in 0 to 7 generate
    carries(i + 1) <= (S(i) and carries(i)) or (not S(i) and DI(i));
    O(i)           <= S(i) xor carries(i);
    CO(i)          <= carries(i + 1);
  end generate g_bits;

end architecture;
