-- SPDX-License-Identifier: Apache-2.0
-- A sum of bits, six of every second column, in one row of carry cells: two LUTs and two positions for six bits.
--
-- Combinational. Bits 6 * k to 6 * k + 5 have the weight 4 ** k. With T their sum, p its parity, c the carry that comes
-- in: position 2 * k puts p xor c out and hands on c if p = 1, else the last bit. What is left of T by then is, in units
-- of 2 * 4 ** k, half the sum of the other five bits, rounded down: 0, 1 or 2, which position 2 * k + 1 adds to the
-- carry. (The (0,6) atoms of Preusser, "Generic and universal parallel matrix summation with a flexible compression goal
-- for Xilinx FPGAs", FPL 2017.) To simulate, analyse hdl/amd/primitives.vhd into the library of this file.
-- Bit-true model: fpgann/kernel/bit_sum.py (Chain)

-- Names of cells and ports are written as the vendor writes them: Verilog tells them apart.
-- vsg_off

library ieee;
  use ieee.std_logic_1164.all;

entity fpgann_compress6 is
  generic (
    PAIRS      : positive;                                 -- columns with six bits; two LUTs each
    BITS       : positive;                                 -- of the total: 2 * PAIRS, or one more or less
    INVERTED   : std_ulogic_vector(6 * PAIRS - 1 downto 0); -- 1 where 1 - bit counts; not of the last of six
    CARRY_IN   : std_ulogic;                               -- a constant of weight 1
    CARRY_CELL : positive                                  -- as in fpgann_carry_chain
  );
  port (
    data  : in    std_ulogic_vector(6 * PAIRS - 1 downto 0);

    total : out   std_ulogic_vector(BITS - 1 downto 0)
  );
end entity;

architecture rtl of fpgann_compress6 is

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

  -- How many of five bits count 1, given a number that has them as its digits.
  function ones (number : natural; inverts : std_ulogic_vector(4 downto 0)) return natural is
    variable rest  : natural := number;
    variable count : natural := 0;
  begin
    for index in 0 to 4 loop
      if (rest mod 2 = 1) /= (inverts(index) = '1') then
        count := count + 1;
      end if;
      rest := rest / 2;
    end loop;
    return count;
  end function;

  function parity_table (inverts : std_ulogic_vector(4 downto 0)) return bit_vector is
    variable contents : bit_vector(63 downto 0);
  begin
    for index in 0 to 63 loop
      contents(index) := '0';
      if (ones(index mod 32, inverts) + index / 32) mod 2 = 1 then
        contents(index) := '1';
      end if;
    end loop;
    return contents;
  end function;

  -- The low half, O5: two are left; the high half, O6: one is.
  function half_table (inverts : std_ulogic_vector(4 downto 0)) return bit_vector is
    variable contents : bit_vector(63 downto 0);
  begin
    for index in 0 to 31 loop
      contents(index)      := '0';
      contents(index + 32) := '0';
      if ones(index, inverts) / 2 = 2 then
        contents(index) := '1';
      end if;
      if ones(index, inverts) / 2 = 1 then
        contents(index + 32) := '1';
      end if;
    end loop;
    return contents;
  end function;

  signal selects : std_ulogic_vector(2 * PAIRS downto 0);
  signal carried : std_ulogic_vector(2 * PAIRS downto 0);

begin

  assert BITS + 1 >= 2 * PAIRS and BITS <= 2 * PAIRS + 1
    report "BITS must be 2 * PAIRS, or one more or less, not " & integer'image(BITS)
    severity failure;

  g_pairs : for k in 0 to PAIRS - 1 generate
    carried(2 * k) <= data(6 * k + 5);

    parity : component LUT6_2
      generic map (
        INIT => parity_table(INVERTED(6 * k + 4 downto 6 * k))
      )
      port map (
        O5 => open,
        O6 => selects(2 * k),
        I0 => data(6 * k),
        I1 => data(6 * k + 1),
        I2 => data(6 * k + 2),
        I3 => data(6 * k + 3),
        I4 => data(6 * k + 4),
        I5 => data(6 * k + 5)
      );

    g_half : if 2 * k + 1 < BITS generate

      half : component LUT6_2
        generic map (
          INIT => half_table(INVERTED(6 * k + 4 downto 6 * k))
        )
        port map (
          O5 => carried(2 * k + 1),
          O6 => selects(2 * k + 1),
          I0 => data(6 * k),
          I1 => data(6 * k + 1),
          I2 => data(6 * k + 2),
          I3 => data(6 * k + 3),
          I4 => data(6 * k + 4),
          I5 => '1'
        );

    end generate g_half;

    g_top : if 2 * k + 1 >= BITS generate
      carried(2 * k + 1) <= '0';
      selects(2 * k + 1) <= '0';
    end generate g_top;

  end generate g_pairs;

  -- where the carry leaves
  carried(2 * PAIRS) <= '0';
  selects(2 * PAIRS) <= '0';

  chain : entity work.fpgann_carry_chain
    generic map (
      BITS       => BITS,
      CARRY_IN   => CARRY_IN,
      CARRY_CELL => CARRY_CELL
    )
    port map (
      select_carry => selects(BITS - 1 downto 0),
      carry_data   => carried(BITS - 1 downto 0),
      total        => total
    );

end architecture;
