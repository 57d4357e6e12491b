-- SPDX-License-Identifier: Apache-2.0
-- Make the tokens of a map out of the beats of an AXI4-Stream packet.
--
-- Latency 1 cycle from the last beat of a token; one beat a cycle. Elements begin at multiples of
-- ELEMENT_BYTES, the first one lowest; bits above ELEMENT_BITS are ignored. What leaves are whole maps
-- whatever comes: a packet that ends early is filled up with zeros, what is too long is left out, and
-- is_wrong is '1' for a cycle when such a packet, or one that lacks bytes (in_keep), has ended.
-- Bit-true model: sim/token_models.py (stream_to_tokens)

library ieee;
  use ieee.std_logic_1164.all;

entity fpgann_stream_to_tokens is
  generic (
    TOKENS        : positive; -- of a map
    BEATS         : positive; -- of a token
    PER_BEAT      : positive; -- elements of a beat
    ELEMENT_BITS  : positive; -- bits of an element that are kept; each costs a register
    ELEMENT_BYTES : positive; -- bytes of an element on the stream
    BEAT_BYTES    : positive  -- bytes of a beat
  );
  port (
    clk       : in    std_ulogic;
    rst       : in    std_ulogic; -- synchronous, active high: the next beat is a packet's first

    in_valid  : in    std_ulogic;
    in_ready  : out   std_ulogic; -- '0' during reset
    in_data   : in    std_ulogic_vector(8 * BEAT_BYTES - 1 downto 0);
    in_keep   : in    std_ulogic_vector(BEAT_BYTES - 1 downto 0);
    in_last   : in    std_ulogic;

    out_valid : out   std_ulogic;
    out_ready : in    std_ulogic;
    out_data  : out   std_ulogic_vector(BEATS * PER_BEAT * ELEMENT_BITS - 1 downto 0);

    is_wrong  : out   std_ulogic
  );
end entity;

architecture rtl of fpgann_stream_to_tokens is

  constant BEAT_WIDTH : positive := PER_BEAT * ELEMENT_BITS;

  signal beat        : natural range 0 to BEATS - 1;
  signal token       : natural range 0 to TOKENS - 1;
  signal word        : std_ulogic_vector(BEATS * BEAT_WIDTH - 1 downto 0);
  signal elements_in : std_ulogic_vector(BEAT_WIDTH - 1 downto 0);
  signal is_full     : std_ulogic;
  signal is_damaged  : std_ulogic; -- an earlier beat of this packet was
  signal fills       : std_ulogic; -- the packet ended early: zeros instead of beats
  signal drops       : std_ulogic; -- the map is complete, the packet goes on

  signal can_take : std_ulogic;
  signal accept   : std_ulogic; -- a beat of the map
  signal is_end   : std_ulogic; -- the last one
  signal lacking  : std_ulogic; -- a byte of this beat

begin

  assert ELEMENT_BITS <= 8 * ELEMENT_BYTES
    report "fpgann_stream_to_tokens: ELEMENT_BITS = " & integer'image(ELEMENT_BITS)
           & " do not fit ELEMENT_BYTES = " & integer'image(ELEMENT_BYTES)
    severity failure;

  assert PER_BEAT * ELEMENT_BYTES <= BEAT_BYTES
    report "fpgann_stream_to_tokens: PER_BEAT = " & integer'image(PER_BEAT)
           & " elements do not fit BEAT_BYTES = " & integer'image(BEAT_BYTES)
    severity failure;

  can_take <= out_ready or not is_full;
  in_ready <= (drops or (can_take and not fills)) and not rst;
  accept   <= can_take and (fills or (in_valid and not drops));
  is_end   <= '1' when beat = BEATS - 1 and token = TOKENS - 1 else
              '0';
  lacking  <= not (and in_keep(PER_BEAT * ELEMENT_BYTES - 1 downto 0));

  out_valid <= is_full;
  out_data  <= word;

  p_elements : process (all)
  begin
    for i in 0 to PER_BEAT - 1 loop
      for j in 0 to ELEMENT_BITS - 1 loop
        elements_in(i * ELEMENT_BITS + j) <= in_data(8 * i * ELEMENT_BYTES + j) and not fills;
      end loop;
    end loop;
  end process;

  p_gather : process (clk)

    variable moved : std_ulogic_vector((BEATS + 1) * BEAT_WIDTH - 1 downto 0);

  begin
    if rising_edge(clk) then
      is_wrong <= '0';
      if out_ready = '1' then
        is_full <= '0';
      end if;

      if accept = '1' then
        moved := elements_in & word;
        word  <= moved((BEATS + 1) * BEAT_WIDTH - 1 downto BEAT_WIDTH);
        if beat = BEATS - 1 then
          beat    <= 0;
          is_full <= '1';
          if token = TOKENS - 1 then
            token <= 0;
          else
            token <= token + 1;
          end if;
        else
          beat <= beat + 1;
        end if;

        if fills = '1' then
          fills <= not is_end;
        elsif in_last = '1' then
          fills      <= not is_end;
          is_wrong   <= is_damaged or lacking or not is_end;
          is_damaged <= '0';
        else
          drops      <= is_end;
          is_damaged <= is_damaged or lacking;
        end if;
      elsif drops = '1' and in_valid = '1' and in_last = '1' then
        drops      <= '0';
        is_wrong   <= '1';
        is_damaged <= '0';
      end if;

      if rst = '1' then
        beat       <= 0;
        token      <= 0;
        is_full    <= '0';
        is_damaged <= '0';
        fills      <= '0';
        drops      <= '0';
        is_wrong   <= '0';
      end if;
    end if;
  end process;

end architecture;
