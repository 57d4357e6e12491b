-- SPDX-License-Identifier: Apache-2.0
-- Gather the beats of an AXI4-Stream packet into a frame: all elements side by side.
--
-- Latency 1 cycle from the last beat. One beat a cycle: the first beat of the next frame enters
-- while this frame leaves. Elements begin at multiples of ELEMENT_BYTES, the first one lowest; bits
-- above ELEMENT_BITS are ignored. A packet is a frame whatever its length: one that is too short,
-- too long or lacks bytes (in_keep) is out_damaged, so that frames of several streams stay paired.
-- Bit-true model: sim/models.py (stream_to_frame)

library ieee;
  use ieee.std_logic_1164.all;

entity fpgann_stream_to_frame is
  generic (
    ELEMENTS      : positive; -- of a frame; each costs ELEMENT_BITS registers
    ELEMENT_BITS  : positive; -- bits of an element that are kept
    ELEMENT_BYTES : positive; -- bytes of an element on the stream
    BEAT_BYTES    : positive  -- bytes of a beat, which holds as many whole elements as fit
  );
  port (
    clk         : in    std_ulogic;
    rst         : in    std_ulogic; -- synchronous, active high: the next beat is a frame's first

    in_valid    : in    std_ulogic;
    in_ready    : out   std_ulogic; -- '0' during reset
    in_data     : in    std_ulogic_vector(8 * BEAT_BYTES - 1 downto 0);
    in_keep     : in    std_ulogic_vector(BEAT_BYTES - 1 downto 0);
    in_last     : in    std_ulogic;

    out_valid   : out   std_ulogic;
    out_ready   : in    std_ulogic; -- only with out_valid
    out_data    : out   std_ulogic_vector(ELEMENTS * ELEMENT_BITS - 1 downto 0);
    out_damaged : out   std_ulogic
  );
end entity;

architecture rtl of fpgann_stream_to_frame is

  constant PER_BEAT   : natural  := BEAT_BYTES / ELEMENT_BYTES;
  constant BEATS      : positive := (ELEMENTS + PER_BEAT - 1) / PER_BEAT;
  constant LAST_COUNT : positive := ELEMENTS - (BEATS - 1) * PER_BEAT;
  constant BEAT_WIDTH : positive := PER_BEAT * ELEMENT_BITS;

  signal beat        : natural range 0 to BEATS - 1;
  signal word        : std_ulogic_vector(BEATS * BEAT_WIDTH - 1 downto 0);
  signal elements_in : std_ulogic_vector(BEAT_WIDTH - 1 downto 0);
  signal is_full     : std_ulogic;
  signal is_wrong    : std_ulogic; -- an earlier beat of this frame was

  signal accept  : std_ulogic;
  signal lacking : std_ulogic; -- a byte of this beat

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
    report "fpgann_stream_to_frame: ELEMENT_BITS = " & integer'image(ELEMENT_BITS)
           & " do not fit ELEMENT_BYTES = " & integer'image(ELEMENT_BYTES)
    severity failure;

  in_ready <= (out_ready or not is_full) and not rst;
  accept   <= in_valid and (out_ready or not is_full);

  out_valid <= is_full;
  out_data  <= word(ELEMENTS * ELEMENT_BITS - 1 downto 0);

  lacking <= or (LAST_BEAT and not in_keep) when beat = BEATS - 1 else
             or (FULL_BEAT and not in_keep);

  p_elements : process (all)
  begin
    for i in 0 to PER_BEAT - 1 loop
      for j in 0 to ELEMENT_BITS - 1 loop
        elements_in(i * ELEMENT_BITS + j) <= in_data(8 * i * ELEMENT_BYTES + j);
      end loop;
    end loop;
  end process;

  p_gather : process (clk)
  begin
    if rising_edge(clk) then
      if out_ready = '1' then
        is_full <= '0';
      end if;

      if accept = '1' then
        -- In its place at once, not shifted there: what reads out_data changes once a frame.
        for i in 0 to BEATS - 1 loop
          if beat = i then
            word((i + 1) * BEAT_WIDTH - 1 downto i * BEAT_WIDTH) <= elements_in;
          end if;
        end loop;

        if in_last = '1' then
          beat     <= 0;
          is_full  <= '1';
          is_wrong <= '0';
          if beat = BEATS - 1 then
            out_damaged <= is_wrong or lacking;
          else
            out_damaged <= '1';
          end if;
        elsif beat = BEATS - 1 then
          is_wrong <= '1';
        else
          beat     <= beat + 1;
          is_wrong <= is_wrong or lacking;
        end if;
      end if;

      if rst = '1' then
        beat     <= 0;
        is_full  <= '0';
        is_wrong <= '0';
      end if;
    end if;
  end process;

end architecture;
