-- SPDX-License-Identifier: Apache-2.0
-- A function of a wide code as lines: out = clamp(floor((slope * rest + offset) / 2**SHIFT)).
--
-- The distance of a code from LOW is a region above a rest of REST_WIDTH bits. Slope and offset are
-- those of the segment: of the region itself, or with SPLIT of one of its parts; a memory says how
-- many bits of the rest do not choose among them, and which segment is the region's first. Codes
-- below LOW and above HIGH have constant results. FOLDED functions know only magnitudes; with
-- MIRRORED a negative code yields MIRROR minus the result of its magnitude.
--
-- Latency 5 cycles (distance, segment, product, line, mirror), with SPLIT 7; one item a cycle.
-- Bit-true model: sim/models.py (interpolate)

library ieee;
  use ieee.std_logic_1164.all;
  use ieee.numeric_std.all;
  use work.fpgann_pkg.all;

entity fpgann_interpolate is
  generic (
    IN_WIDTH     : positive;          -- bits of an input
    OUT_WIDTH    : positive;          -- bits of an output
    IN_SIGNED    : boolean;           -- how in_data is read
    REST_WIDTH   : positive;          -- bits of a rest: one side of the multiplier
    SLOPE_WIDTH  : positive;          -- bits of a (signed) slope: its other side
    OFFSET_WIDTH : positive;          -- bits of a (signed) offset
    RESULT_WIDTH : positive;          -- bits of the signed results before the mirror
    SHIFT        : natural;           -- bits to drop; free
    SEGMENTS     : word_array_t;      -- offset & slope
    SPLIT        : boolean;           -- REGIONS is a second memory before the first
    REGIONS      : word_array_t;      -- first segment & bits that do not choose; SPLIT only
    BITS_WIDTH   : positive;          -- bits of the latter
    LOW          : std_ulogic_vector; -- first code with a segment: signed, more than IN_WIDTH bits
    HIGH         : std_ulogic_vector; -- last code with a segment, likewise
    BELOW        : std_ulogic_vector; -- result below LOW: signed, RESULT_WIDTH bits
    ABOVE        : std_ulogic_vector; -- result above HIGH, likewise
    LEAST        : std_ulogic_vector; -- least result of a line, likewise
    GREATEST     : std_ulogic_vector; -- greatest result of a line, likewise
    FOLDED       : boolean;           -- a negation before
    MIRRORED     : boolean;           -- a subtraction behind
    MIRROR       : std_ulogic_vector; -- signed, RESULT_WIDTH bits
    BOTTOM       : std_ulogic_vector; -- least output: signed, OUT_WIDTH + 1 bits
    TOP          : std_ulogic_vector; -- greatest output, likewise
    STYLE        : string := "auto";  -- of the memories: "auto", "block", "distributed"
    DSP_STYLE    : string := "auto"   -- multiplier in a DSP slice: "auto", "yes" or "no" (LUTs)
  );
  port (
    clk      : in    std_ulogic;

    in_data  : in    std_ulogic_vector(IN_WIDTH - 1 downto 0);

    out_data : out   std_ulogic_vector(OUT_WIDTH - 1 downto 0)
  );
end entity;

architecture rtl of fpgann_interpolate is

  -- Cycles from the distance to the word of its segment.
  function segment_cycles return positive is
  begin
    if SPLIT then
      return 3;
    end if;
    return 1;
  end function;

  function region_count return positive is
  begin
    if SPLIT then
      return REGIONS'length;
    end if;
    return SEGMENTS'length;
  end function;

  constant WAITS         : positive                          := segment_cycles;
  constant SEGMENT_INDEX : positive                          := index_width(SEGMENTS'length);
  constant REGION_INDEX  : positive                          := index_width(region_count);
  constant WIDE_WIDTH    : positive                          := REST_WIDTH + REGION_INDEX;
  constant PRODUCT_WIDTH : positive                          := SLOPE_WIDTH + REST_WIDTH + 1;
  constant SUM_WIDTH     : positive                          := larger(PRODUCT_WIDTH, OFFSET_WIDTH) + 1;
  constant LAST_WIDTH    : positive                          := larger(RESULT_WIDTH, OUT_WIDTH) + 2;
  constant LOW_CODE      : u_signed(LOW'length - 1 downto 0) := u_signed(LOW);
  constant HIGH_CODE     : u_signed(LOW'length - 1 downto 0) := u_signed(HIGH);
  constant ZERO_CODE     : u_signed(LOW'length - 1 downto 0) := (others => '0');

  type rests_t is array (natural range <>) of u_unsigned(REST_WIDTH - 1 downto 0);

  -- What travels along: negative & above & below.
  type flags_t is array (natural range <>) of std_ulogic_vector(2 downto 0);

  signal code         : u_signed(LOW'length - 1 downto 0);
  signal magnitude    : u_signed(LOW'length - 1 downto 0);
  signal nearest      : u_signed(LOW'length - 1 downto 0);
  signal distance     : u_signed(WIDE_WIDTH downto 0);
  signal in_flags     : std_ulogic_vector(2 downto 0);
  signal region       : u_unsigned(REGION_INDEX - 1 downto 0);
  signal rest         : rests_t(1 to WAITS);
  signal rest_now     : u_unsigned(REST_WIDTH - 1 downto 0);
  signal flags        : flags_t(0 to WAITS + 2);
  signal segment      : u_unsigned(SEGMENT_INDEX - 1 downto 0);
  signal segment_word : std_ulogic_vector(SLOPE_WIDTH + OFFSET_WIDTH - 1 downto 0);
  signal product      : u_signed(PRODUCT_WIDTH - 1 downto 0);
  signal product_base : u_signed(OFFSET_WIDTH - 1 downto 0);
  signal sum          : u_signed(SUM_WIDTH - 1 downto 0);
  signal quotient     : u_signed(SUM_WIDTH downto 0);
  signal line_code    : u_signed(RESULT_WIDTH - 1 downto 0);
  signal result       : u_signed(RESULT_WIDTH - 1 downto 0);
  signal last         : u_signed(LAST_WIDTH - 1 downto 0);
  signal clamped      : u_signed(OUT_WIDTH downto 0);

  attribute use_dsp   : string;
  attribute multstyle : string;
  attribute use_dsp of product   : signal is DSP_STYLE;
  attribute multstyle of product : signal is multstyle_of(DSP_STYLE);

begin

  assert word_width(SEGMENTS) = SLOPE_WIDTH + OFFSET_WIDTH
    report "fpgann_interpolate: SEGMENTS of " & integer'image(word_width(SEGMENTS))
           & " bits for SLOPE_WIDTH + OFFSET_WIDTH = " & integer'image(SLOPE_WIDTH + OFFSET_WIDTH)
    severity failure;

  assert not SPLIT or word_width(REGIONS) = SEGMENT_INDEX + BITS_WIDTH
    report "fpgann_interpolate: REGIONS of " & integer'image(word_width(REGIONS))
           & " bits for " & integer'image(SEGMENT_INDEX + BITS_WIDTH)
    severity failure;

  -- segments may reach beyond the codes that come
  assert LOW'length > IN_WIDTH and HIGH'length = LOW'length
    report "fpgann_interpolate: LOW has " & integer'image(LOW'length) & " and HIGH "
           & integer'image(HIGH'length) & " bits for IN_WIDTH = " & integer'image(IN_WIDTH)
    severity failure;

  code      <= wide(to_code(in_data, IN_SIGNED), LOW'length);
  magnitude <= ZERO_CODE - code when FOLDED and code < ZERO_CODE else
               code;
  nearest   <= clamp(magnitude, LOW_CODE, HIGH_CODE);

  in_flags(2) <= code(LOW'length - 1);
  in_flags(1) <= '1' when magnitude > HIGH_CODE else
                 '0';
  in_flags(0) <= '1' when magnitude < LOW_CODE else
                 '0';

  p_distance : process (clk)
  begin
    if rising_edge(clk) then
      distance <= wide(wide(nearest, LOW'length + 1) - wide(LOW_CODE, LOW'length + 1), WIDE_WIDTH + 1);
      flags(0) <= in_flags;

      rest(1) <= rest_now;

      for i in 2 to WAITS loop
        rest(i) <= rest(i - 1);
      end loop;

      for i in 1 to WAITS + 2 loop
        flags(i) <= flags(i - 1);
      end loop;
    end if;
  end process;

  region   <= u_unsigned(std_ulogic_vector(distance(WIDE_WIDTH - 1 downto REST_WIDTH)));
  rest_now <= u_unsigned(std_ulogic_vector(distance(REST_WIDTH - 1 downto 0)));

  g_whole : if not SPLIT generate

    segment <= region;

  end generate g_whole;

  g_split : if SPLIT generate

    signal region_word : std_ulogic_vector(SEGMENT_INDEX + BITS_WIDTH - 1 downto 0);
    signal fixed_bits  : u_unsigned(BITS_WIDTH - 1 downto 0);
    signal part        : u_signed(SEGMENT_INDEX downto 0);

  begin

    region_memory : entity work.fpgann_rom
      generic map (
        WORDS => REGIONS,
        DEPTH => REGIONS'length,
        WIDTH => word_width(REGIONS),
        STYLE => STYLE
      )
      port map (
        clk     => clk,
        address => region,
        data    => region_word
      );

    fixed_bits <= u_unsigned(region_word(BITS_WIDTH - 1 downto 0));

    p_part : process (all)
    begin
      part <= (others => '0');

      for bits in 0 to REST_WIDTH - 1 loop
        if fixed_bits = to_unsigned(bits, BITS_WIDTH) then
          part <= wide(rest(1)(REST_WIDTH - 1 downto bits), SEGMENT_INDEX + 1);
        end if;
      end loop;
    end process;

    p_segment : process (clk)
    begin
      if rising_edge(clk) then
        segment <= u_unsigned(region_word(SEGMENT_INDEX + BITS_WIDTH - 1 downto BITS_WIDTH))
                   + u_unsigned(std_ulogic_vector(part(SEGMENT_INDEX - 1 downto 0)));
      end if;
    end process;

  end generate g_split;

  segment_memory : entity work.fpgann_rom
    generic map (
      WORDS => SEGMENTS,
      DEPTH => SEGMENTS'length,
      WIDTH => word_width(SEGMENTS),
      STYLE => STYLE
    )
    port map (
      clk     => clk,
      address => segment,
      data    => segment_word
    );

  sum       <= wide(product, SUM_WIDTH) + wide(product_base, SUM_WIDTH);
  quotient  <= round_shift(sum, SHIFT, TRN);
  line_code <= clamp(quotient, u_signed(LEAST), u_signed(GREATEST));
  last      <= wide(u_signed(MIRROR), LAST_WIDTH) - wide(result, LAST_WIDTH)
               when MIRRORED and flags(WAITS + 2)(2) = '1' else
               wide(result, LAST_WIDTH);
  clamped   <= clamp(last, u_signed(BOTTOM), u_signed(TOP));

  p_line : process (clk)
  begin
    if rising_edge(clk) then
      product      <= multiply(u_signed(segment_word(SLOPE_WIDTH - 1 downto 0)),
                               wide(rest(WAITS), REST_WIDTH + 1), DSP_STYLE);
      product_base <= u_signed(segment_word(SLOPE_WIDTH + OFFSET_WIDTH - 1 downto SLOPE_WIDTH));

      if flags(WAITS + 1)(0) = '1' then
        result <= u_signed(BELOW);
      elsif flags(WAITS + 1)(1) = '1' then
        result <= u_signed(ABOVE);
      else
        result <= line_code;
      end if;

      out_data <= std_ulogic_vector(clamped(OUT_WIDTH - 1 downto 0));
    end if;
  end process;

end architecture;
