-- SPDX-License-Identifier: Apache-2.0
-- Send the tokens of a map as the beats of an AXI4-Stream packet.
--
-- Latency 1 cycle from a token to its first beat; one beat a cycle, tokens and maps without a pause.
-- Elements begin at multiples of ELEMENT_BYTES, the first one lowest, and are extended to whole bytes;
-- a beat is zero above them.
-- Bit-true model: sim/token_models.py (tokens_to_stream)

library ieee;
  use ieee.std_logic_1164.all;

entity fpgann_tokens_to_stream is
  generic (
    TOKENS         : positive; -- of a map
    BEATS          : positive; -- of a token
    PER_BEAT       : positive; -- elements of a beat
    ELEMENT_BITS   : positive; -- bits of an element; each costs a register
    ELEMENT_SIGNED : boolean;  -- extended by its sign, else by zeros
    ELEMENT_BYTES  : positive; -- bytes of an element on the stream
    BEAT_BYTES     : positive  -- bytes of a beat
  );
  port (
    clk       : in    std_ulogic;
    rst       : in    std_ulogic; -- synchronous, active high: the next token is a map's first

    in_valid  : in    std_ulogic;
    in_ready  : out   std_ulogic;
    in_data   : in    std_ulogic_vector(BEATS * PER_BEAT * ELEMENT_BITS - 1 downto 0);

    out_valid : out   std_ulogic;
    out_ready : in    std_ulogic;
    out_data  : out   std_ulogic_vector(8 * BEAT_BYTES - 1 downto 0);
    out_keep  : out   std_ulogic_vector(BEAT_BYTES - 1 downto 0); -- bytes that hold elements
    out_last  : out   std_ulogic
  );
end entity;

architecture rtl of fpgann_tokens_to_stream is

  constant BEAT_WIDTH : positive := PER_BEAT * ELEMENT_BITS;
  constant WORD_WIDTH : positive := BEATS * BEAT_WIDTH;

  signal remaining : natural range 0 to BEATS - 1;  -- beats of the token behind the one shown
  signal token     : natural range 0 to TOKENS - 1; -- the one shown
  signal word      : std_ulogic_vector(WORD_WIDTH - 1 downto 0);
  signal is_valid  : std_ulogic;
  signal leaves    : std_ulogic;                    -- the last beat of the token
  signal ready     : std_ulogic;

begin

  assert ELEMENT_BITS <= 8 * ELEMENT_BYTES
    report "fpgann_tokens_to_stream: ELEMENT_BITS = " & integer'image(ELEMENT_BITS)
           & " do not fit ELEMENT_BYTES = " & integer'image(ELEMENT_BYTES)
    severity failure;

  leaves <= is_valid and out_ready when remaining = 0 else
            '0';
  ready  <= leaves or not is_valid;

  in_ready  <= ready;
  out_valid <= is_valid;
  out_last  <= '1' when remaining = 0 and token = TOKENS - 1 else
               '0';

  p_elements : process (all)

    variable first : natural;

  begin
    out_data <= (others => '0');
    out_keep <= (others => '0');

    out_keep(PER_BEAT * ELEMENT_BYTES - 1 downto 0) <= (others => '1');
    for i in 0 to PER_BEAT - 1 loop
      first := 8 * i * ELEMENT_BYTES;
      if ELEMENT_SIGNED then
        for j in 0 to 8 * ELEMENT_BYTES - 1 loop
          out_data(first + j) <= word((i + 1) * ELEMENT_BITS - 1);
        end loop;
      end if;
      for j in 0 to ELEMENT_BITS - 1 loop
        out_data(first + j) <= word(i * ELEMENT_BITS + j);
      end loop;
    end loop;
  end process;

  p_send : process (clk)

    variable moved : std_ulogic_vector(WORD_WIDTH + BEAT_WIDTH - 1 downto 0);

  begin
    if rising_edge(clk) then
      if ready = '1' then
        is_valid  <= in_valid;
        remaining <= BEATS - 1;
        word      <= in_data;
      elsif out_ready = '1' then
        if remaining /= 0 then -- always, but only a condition says so where the range is 0 to 0
          remaining <= remaining - 1;
        end if;

        moved                          := (others => '0');
        moved(WORD_WIDTH - 1 downto 0) := word;
        word                           <= moved(WORD_WIDTH + BEAT_WIDTH - 1 downto BEAT_WIDTH);
      end if;

      if leaves = '1' then
        if token = TOKENS - 1 then
          token <= 0;
        else
          token <= token + 1;
        end if;
      end if;

      if rst = '1' then
        is_valid  <= '0';
        remaining <= BEATS - 1;
        token     <= 0;
      end if;
    end if;
  end process;

end architecture;
