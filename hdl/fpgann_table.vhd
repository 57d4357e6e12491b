-- SPDX-License-Identifier: Apache-2.0
-- Look up a function of one code; codes outside LOW .. HIGH count as the nearest of the two.
--
-- Latency 3 cycles (address, memory, mirror); one item a cycle.
-- With SYMMETRIC the table holds the codes 0 .. HIGH only, and a negative code x yields
-- MIRROR - WORDS(min(-x, HIGH)): half the memory for tanh (MIRROR 0) or sigmoid (MIRROR 1.0).
-- Bit-true model: sim/models.py (table)

library ieee;
  use ieee.std_logic_1164.all;
  use ieee.numeric_std.all;
  use work.fpgann_pkg.all;

entity fpgann_table is
  generic (
    IN_WIDTH  : positive;                   -- bits of an input: those of two comparators
    OUT_WIDTH : positive;                   -- bits of an output: those of a word
    IN_SIGNED : boolean;                    -- how in_data is read
    WORDS     : word_array_t;               -- HIGH - LOW + 1 outputs, or HIGH + 1 if SYMMETRIC
    LOW       : std_ulogic_vector;          -- first code: signed, IN_WIDTH + 1 bits (plain only)
    HIGH      : std_ulogic_vector;          -- last code: signed, IN_WIDTH + 1 bits
    SYMMETRIC : boolean           := false; -- halves the memory for a negation and a subtraction
    MIRROR    : std_ulogic_vector := "0";   -- signed, OUT_WIDTH + 1 bits; unused unless SYMMETRIC
    STYLE     : string            := "auto" -- of the memory: "auto", "block", "distributed" (LUTs)
  );
  port (
    clk      : in    std_ulogic;

    in_data  : in    std_ulogic_vector(IN_WIDTH - 1 downto 0);

    out_data : out   std_ulogic_vector(OUT_WIDTH - 1 downto 0)
  );
end entity;

architecture rtl of fpgann_table is

  constant ADDRESS_WIDTH : positive                    := index_width(WORDS'length);
  constant LOW_CODE      : u_signed(IN_WIDTH downto 0) := wide(u_signed(LOW), IN_WIDTH + 1);
  constant HIGH_CODE     : u_signed(IN_WIDTH downto 0) := wide(u_signed(HIGH), IN_WIDTH + 1);
  constant ZERO_CODE     : u_signed(IN_WIDTH downto 0) := (others => '0');

  signal code    : u_signed(IN_WIDTH downto 0);
  signal entry   : u_signed(IN_WIDTH downto 0);
  signal address : u_unsigned(ADDRESS_WIDTH - 1 downto 0);
  signal word    : std_ulogic_vector(word_width(WORDS) - 1 downto 0);

  -- The greatest address, in enough bits for any LOW and HIGH.
  function last_entry return u_signed is
    constant WIDTH : positive := larger(IN_WIDTH + 2, 32);
  begin
    if SYMMETRIC then
      return wide(HIGH_CODE, WIDTH);
    end if;
    return wide(HIGH_CODE, WIDTH) - wide(LOW_CODE, WIDTH);
  end function;

begin

  assert word_width(WORDS) = OUT_WIDTH
    report "fpgann_table: words of " & integer'image(word_width(WORDS))
           & " bits for OUT_WIDTH = " & integer'image(OUT_WIDTH)
    severity failure;

  assert LOW'length = IN_WIDTH + 1 and HIGH'length = IN_WIDTH + 1
    report "fpgann_table: LOW has " & integer'image(LOW'length) & " and HIGH "
           & integer'image(HIGH'length) & " bits for IN_WIDTH = " & integer'image(IN_WIDTH)
    severity failure;

  assert last_entry = to_signed(WORDS'length - 1, 32)
    report "fpgann_table: " & integer'image(WORDS'length) & " words do not reach from LOW to HIGH"
    severity failure;

  code <= to_code(in_data, IN_SIGNED);

  p_address : process (clk)
  begin
    if rising_edge(clk) then
      address <= u_unsigned(std_ulogic_vector(wide(entry, ADDRESS_WIDTH)));
    end if;
  end process;

  memory : entity work.fpgann_rom
    generic map (
      WORDS => WORDS,
      DEPTH => WORDS'length,
      WIDTH => word_width(WORDS),
      STYLE => STYLE
    )
    port map (
      clk     => clk,
      address => address,
      data    => word
    );

  g_plain : if not SYMMETRIC generate

    entry <= clamp(code, LOW_CODE, HIGH_CODE) - LOW_CODE;

    p_output : process (clk)
    begin
      if rising_edge(clk) then
        out_data <= word;
      end if;
    end process;

  end generate g_plain;

  g_symmetric : if SYMMETRIC generate

    constant MIRROR_CODE : u_signed(OUT_WIDTH downto 0) := u_signed(MIRROR);

    signal magnitude        : u_signed(IN_WIDTH downto 0);
    signal address_negative : std_ulogic;
    signal word_negative    : std_ulogic;
    signal mirrored         : u_signed(OUT_WIDTH - 1 downto 0);

  begin

    assert MIRROR'length = OUT_WIDTH + 1
      report "fpgann_table: MIRROR has " & integer'image(MIRROR'length)
             & " bits for OUT_WIDTH = " & integer'image(OUT_WIDTH)
      severity failure;

    magnitude <= ZERO_CODE - code when code < ZERO_CODE else
                 code;
    entry     <= clamp(magnitude, ZERO_CODE, HIGH_CODE);
    mirrored  <= MIRROR_CODE(OUT_WIDTH - 1 downto 0) - u_signed(word);

    p_mirror : process (clk)
    begin
      if rising_edge(clk) then
        address_negative <= code(IN_WIDTH);
        word_negative    <= address_negative;

        if word_negative = '1' then
          out_data <= std_ulogic_vector(mirrored);
        else
          out_data <= word;
        end if;
      end if;
    end process;

  end generate g_symmetric;

end architecture;
