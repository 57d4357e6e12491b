-- SPDX-License-Identifier: Apache-2.0
-- Draw normal random numbers: a sum of four entries of a table for each, chosen by an xorshift generator.
--
-- No latency: the numbers stand at the output, from the first cycle after a reset on, until `advance`
-- is '1' at a rising edge; new ones a cycle. A reset begins the sequence again.
-- The state is one number ahead of the output, so that three shifts and a lookup have a cycle of their
-- own, and the sum of four another one.
-- Bit-true model: fpgann/reference/gaussian.py

library ieee;
  use ieee.std_logic_1164.all;
  use ieee.numeric_std.all;
  use work.fpgann_pkg.all;

entity fpgann_gaussian is
  generic (
    LANES   : positive;          -- numbers drawn at once, each with a generator and four lookups
    NUMBERS : std_ulogic_vector; -- the first number of each lane, 16 bits, lane 0 in the low bits
    STATES  : std_ulogic_vector  -- the state of each lane for its second number, 64 bits, not zero
  );
  port (
    clk     : in    std_ulogic;
    rst     : in    std_ulogic; -- synchronous, active high: back to NUMBERS and STATES

    advance : in    std_ulogic; -- the numbers are taken
    data    : out   std_ulogic_vector(16 * LANES - 1 downto 0)
  );
end entity;

architecture rtl of fpgann_gaussian is

  constant STATE_BITS : positive := 64;
  constant ENTRIES    : positive := 256;
  constant ENTRY_BITS : positive := 13;
  constant FIELD_BITS : positive := 9; -- a sign and the place of an entry
  constant TERMS      : positive := 4;
  constant BITS       : positive := 16;

  subtype state_t is std_ulogic_vector(STATE_BITS - 1 downto 0);

  subtype place_t is u_unsigned(FIELD_BITS - 2 downto 0);

  subtype found_t is std_ulogic_vector(TERMS * ENTRY_BITS - 1 downto 0);

  subtype packed_t is std_ulogic_vector(ENTRIES * ENTRY_BITS - 1 downto 0);

  -- Means of 256 equally probable parts of half the normal distribution, in
  -- units of 2**-11, the first one in the low bits
  constant PACKED : packed_t :=
                                x"CEA585295D3BA97F49923C316E88442A" &
                                x"E0AF0097E0BDF5E7CF02764BA4DCBEE2" &
                                x"E6FFB745B4CD7B6A934ADA0ACDF65DB2" &
                                x"618ECC5561A30517EABD75DCAE71700B" &
                                x"645A4ACB9626AF95702B1D55CA9653F2" &
                                x"99D49EA3951128313EC9E04E5A6D9342" &
                                x"98C4BC25912A093C494A4592068F046E" &
                                x"A32D1728A744AA20D0E2860427A0F905" &
                                x"A81C4059FECFD47DA3E51EE8F5479A3C" &
                                x"51DECED675C3A69CF4E5C71F3889C08D" &
                                x"E66E536B1B20D726AB34E9A3CD026733" &
                                x"32995CC9463C3179884C286062FC97B0" &
                                x"BBE5D22E296E0B5659E2C89610AF056B" &
                                x"2AF1548A8A5392969480A2850827E13B" &
                                x"C9C64D726592FC9664A724E124090847" &
                                x"823691848AA44A21F10CC84E41C20810" &
                                x"147F23EE1F18F607983C11DB0EAC7403" &
                                x"951C50DFC6E83691AF0D4C69033D1990" &
                                x"C9C6383121838BF05E22E716E0B4458E" &
                                x"2BC1588A9C53829214389F04E426712E" &
                                x"894C49023E11988A443C21410507FC3E" &
                                x"A1EB0F007583981C20DB86B43461990C" &
                                x"706102F41700B3056C2A214709E84CC2" &
                                x"5211F08A04282000F607603881B00CE0" &
                                x"6202E81600A604D824410E07D03981A4" &
                                x"0BE055025810406E02D011806401E005";

  function words return word_array_t is
    variable entry : word_array_t(0 to ENTRIES - 1)(ENTRY_BITS - 1 downto 0);
  begin
    for i in 0 to ENTRIES - 1 loop
      entry(i) := PACKED((i + 1) * ENTRY_BITS - 1 downto i * ENTRY_BITS);
    end loop;
    return entry;
  end function;

  constant WORDS_OF_TABLE : word_array_t(0 to ENTRIES - 1)(ENTRY_BITS - 1 downto 0) := words;

  function following (state : state_t) return state_t is
    variable mixed : state_t;
  begin
    mixed := state xor (state(STATE_BITS - 14 downto 0) & (12 downto 0 => '0'));
    mixed := mixed xor ((6 downto 0 => '0') & mixed(STATE_BITS - 1 downto 7));
    return mixed xor (mixed(STATE_BITS - 18 downto 0) & (16 downto 0 => '0'));
  end function;

  -- Where an entry stands that a state chooses: a field without its highest bit, the sign
  function place_of (state : state_t; term : natural) return place_t is
    constant TOP : positive := STATE_BITS - term * FIELD_BITS - 1;
  begin
    return place_t(state(TOP - 1 downto TOP - FIELD_BITS + 1));
  end function;

  -- Their sum, with signs
  function summed (state : state_t; found : found_t) return std_ulogic_vector is
    variable entry : u_signed(BITS - 1 downto 0);
    variable sum   : u_signed(BITS - 1 downto 0);
  begin
    sum := (others => '0');
    for i in 0 to TERMS - 1 loop
      entry := wide(u_unsigned(found((i + 1) * ENTRY_BITS - 1 downto i * ENTRY_BITS)), BITS);
      if state(STATE_BITS - i * FIELD_BITS - 1) = '1' then
        sum := sum - entry;
      else
        sum := sum + entry;
      end if;
    end loop;
    return std_ulogic_vector(sum);
  end function;

begin

  assert STATES'length = STATE_BITS * LANES and NUMBERS'length = BITS * LANES
    report "fpgann_gaussian: " & integer'image(STATES'length) & " bits of STATES, "
           & integer'image(NUMBERS'length) & " of NUMBERS for LANES = " & integer'image(LANES)
    severity failure;

  g_lanes : for i in 0 to LANES - 1 generate

    constant ALL_STATES   : std_ulogic_vector(STATE_BITS * LANES - 1 downto 0) := STATES;
    constant ALL_NUMBERS  : std_ulogic_vector(BITS * LANES - 1 downto 0) := NUMBERS;
    constant SECOND       : state_t := ALL_STATES((i + 1) * STATE_BITS - 1 downto i * STATE_BITS);
    constant FIRST_NUMBER : std_ulogic_vector(BITS - 1 downto 0) := ALL_NUMBERS((i + 1) * BITS - 1 downto i * BITS);

    signal state       : state_t;
    signal state_drawn : state_t;
    signal state_next  : state_t;
    signal found       : found_t; -- what the state chooses
    signal number      : std_ulogic_vector(BITS - 1 downto 0);

  begin

    state_drawn <= following(state) when advance = '1' else
                   state;

    -- In halves: GHDL 2.0 takes a constant of 64 bits for zero if only its high 32 bits are not
    state_next(STATE_BITS - 1 downto 32) <= SECOND(STATE_BITS - 1 downto 32) when rst = '1' else
                                            state_drawn(STATE_BITS - 1 downto 32);

    state_next(31 downto 0) <= SECOND(31 downto 0) when rst = '1' else
                               state_drawn(31 downto 0);

    g_terms : for j in 0 to TERMS - 1 generate

      signal place : place_t;

    begin

      place <= place_of(state_next, j);

      lookup : entity work.fpgann_rom
        generic map (
          WORDS => WORDS_OF_TABLE,
          DEPTH => ENTRIES,
          WIDTH => ENTRY_BITS
        )
        port map (
          clk     => clk,
          address => place,
          data    => found((j + 1) * ENTRY_BITS - 1 downto j * ENTRY_BITS)
        );

    end generate g_terms;

    p_draw : process (clk)
    begin
      if rising_edge(clk) then
        state <= state_next;
        if advance = '1' then
          number <= summed(state, found);
        end if;

        if rst = '1' then
          number <= FIRST_NUMBER;
        end if;
      end if;
    end process;

    data((i + 1) * BITS - 1 downto i * BITS) <= number;

  end generate g_lanes;

end architecture;
