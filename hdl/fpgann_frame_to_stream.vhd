-- SPDX-License-Identifier: Apache-2.0
-- Send a frame, all elements side by side, as the beats of an AXI4-Stream packet.
--
-- Latency 1 cycle to the first beat; one beat a cycle, frames without a pause. Elements begin at
-- multiples of ELEMENT_BYTES, the first one lowest, and are extended to whole bytes.
-- Bit-true model: sim/models.py (frame_to_stream)

library ieee;
  use ieee.std_logic_1164.all;

entity fpgann_frame_to_stream is
  generic (
    ELEMENTS       : positive; -- of a frame; costs ELEMENTS * ELEMENT_BITS registers
    ELEMENT_BITS   : positive; -- bits of an element
    ELEMENT_SIGNED : boolean;  -- extended by its sign, else by zeros
    ELEMENT_BYTES  : positive; -- bytes of an element on the stream
    BEAT_BYTES     : positive  -- bytes of a beat, which holds as many whole elements as fit
  );
  port (
    clk       : in    std_ulogic;
    rst       : in    std_ulogic; -- synchronous, active high

    in_valid  : in    std_ulogic;
    in_ready  : out   std_ulogic;
    in_data   : in    std_ulogic_vector(ELEMENTS * ELEMENT_BITS - 1 downto 0);

    out_valid : out   std_ulogic;
    out_ready : in    std_ulogic;
    out_data  : out   std_ulogic_vector(8 * BEAT_BYTES - 1 downto 0);
    out_keep  : out   std_ulogic_vector(BEAT_BYTES - 1 downto 0); -- bytes that hold elements
    out_last  : out   std_ulogic
  );
end entity;

architecture rtl of fpgann_frame_to_stream is

  constant PER_BEAT   : natural  := BEAT_BYTES / ELEMENT_BYTES;
  constant BEATS      : positive := (ELEMENTS + PER_BEAT - 1) / PER_BEAT;
  constant LAST_COUNT : positive := ELEMENTS - (BEATS - 1) * PER_BEAT;
  constant BEAT_WIDTH : positive := PER_BEAT * ELEMENT_BITS;
  constant WORD_WIDTH : positive := BEATS * BEAT_WIDTH;

  signal remaining : natural range 0 to BEATS - 1; -- beats behind the one shown
  signal word      : std_ulogic_vector(WORD_WIDTH - 1 downto 0);
  signal is_valid  : std_ulogic;
  signal is_last   : std_ulogic;
  signal ready     : std_ulogic;

  -- The bytes of the first `count` elements.
  function bytes_of (count : positive) return std_ulogic_vector is
    variable mask : std_ulogic_vector(BEAT_BYTES - 1 downto 0);
  begin
    mask                                     := (others => '0');
    mask(count * ELEMENT_BYTES - 1 downto 0) := (others => '1');
    return mask;
  end function;

  constant FULL_BEAT : std_ulogic_vector(BEAT_BYTES - 1 downto 0) := bytes_of(PER_BEAT);
  constant LAST_BEAT : std_ulogic_vector(BEAT_BYTES - 1 downto 0) := bytes_of(LAST_COUNT);

begin

  assert ELEMENT_BITS <= 8 * ELEMENT_BYTES
    report "fpgann_frame_to_stream: ELEMENT_BITS = " & integer'image(ELEMENT_BITS)
           & " do not fit ELEMENT_BYTES = " & integer'image(ELEMENT_BYTES)
    severity failure;

  is_last <= '1' when remaining = 0 else
             '0';
  ready   <= (out_ready and is_last) or not is_valid;

  in_ready  <= ready;
  out_valid <= is_valid;
  out_last  <= is_last;
  out_keep  <= LAST_BEAT when is_last = '1' else
               FULL_BEAT;

  p_elements : process (all)

    variable first : natural;

  begin
    out_data <= (others => '0');
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

    variable shifted : std_ulogic_vector(WORD_WIDTH + BEAT_WIDTH - 1 downto 0);

  begin
    if rising_edge(clk) then
      if ready = '1' then
        is_valid  <= in_valid;
        remaining <= BEATS - 1;

        word                                       <= (others => '0');
        word(ELEMENTS * ELEMENT_BITS - 1 downto 0) <= in_data;
      elsif out_ready = '1' then
        if remaining /= 0 then -- always, but only a condition says so where the range is 0 to 0
          remaining <= remaining - 1;
        end if;

        shifted                          := (others => '0');
        shifted(WORD_WIDTH - 1 downto 0) := word;
        word                             <= shifted(WORD_WIDTH + BEAT_WIDTH - 1 downto BEAT_WIDTH);
      end if;

      if rst = '1' then
        is_valid  <= '0';
        remaining <= BEATS - 1;
      end if;
    end if;
  end process;

end architecture;
