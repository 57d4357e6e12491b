-- SPDX-License-Identifier: Apache-2.0
-- What every entity shares: constant memories, index widths, exact rounding and saturation.
--
-- Only slices, widening, additions and comparisons: this survives conversion to Verilog, where
-- an arithmetic right shift and a narrowing `resize` of GHDL 2.0 do not. No null ranges.
-- Bit-true model: sim/models.py (wide, round_shift, clamp)

library ieee;
  use ieee.std_logic_1164.all;
  use ieee.numeric_std.all;

package fpgann_pkg is

  type word_array_t is array (natural range <>) of std_ulogic_vector; -- a memory, index 0 first

  constant NO_BOOK : word_array_t(0 to 0)(0 downto 0) := (0 => "0"); -- for weights as they are

  type rounding_t is ( -- the modes of ap_fixed, and CEIL and UP of QONNX
    TRN,               -- floor
    TRN_ZERO,          -- towards zero
    RND,               -- nearest, a half towards +infinity
    RND_ZERO,          -- nearest, a half towards zero
    RND_MIN_INF,       -- nearest, a half towards -infinity
    RND_INF,           -- nearest, a half away from zero
    RND_CONV,          -- nearest, a half to even
    CEIL,              -- towards +infinity
    UP                 -- away from zero
  );

  -- The least n with 2**n >= x.
  function log2_ceil (x : positive) return natural;

  -- Bits of an address of `depth` words: log2_ceil, but at least one.
  function index_width (depth : positive) return positive;

  function larger (a : integer; b : integer) return integer;

  -- Latency of fpgann_neuron.
  function neuron_cycles (simd : positive) return positive;

  -- Bits of a word of a memory.
  function word_width (words : word_array_t) return positive;

  -- The same value in `width` bits; only the low bits where that is narrower.
  function wide (x : u_unsigned; width : positive) return u_signed;

  function wide (x : u_signed; width : positive) return u_signed;

  -- Bits of a signed number that holds `width` bits of either kind.
  function code_bits (width : positive; is_signed : boolean) return positive;

  -- x read as signed or unsigned, in one bit more: both fit.
  function to_code (x : std_ulogic_vector; is_signed : boolean) return u_signed;

  -- x / 2**shift, rounded; x'length + 1 bits, so it cannot overflow.
  function round_shift (x : u_signed; shift : natural; mode : rounding_t) return u_signed;

  -- The nearest value in low .. high, in the width of high, which low must share.
  function clamp (x : u_signed; low : u_signed; high : u_signed) return u_signed;

  -- Element `index` of a vector of equal elements, element 0 in the low bits.
  function element (x : std_ulogic_vector; index : natural; width : positive)
    return std_ulogic_vector;

  -- a * b; for a style of "no" as rows of adders, which no tool takes for a multiplier.
  function multiply (a : u_signed; b : u_signed; style : string) return u_signed;

  -- Quartus' names for Vivado's use_dsp (auto, yes, no) and ram_style (auto, block, distributed, registers).
  function multstyle_of (dsp_style : string) return string;

  function ramstyle_of (ram_style : string) return string;

  -- Vivado's rom_style has no registers: constants in LUTs are logic already.
  function rom_style_of (ram_style : string) return string;

end package;

package body fpgann_pkg is

  function log2_ceil (x : positive) return natural is
    variable bits      : natural;
    variable remaining : natural;
  begin
    bits      := 0;
    remaining := x - 1;
    while remaining > 0 loop
      remaining := remaining / 2;
      bits      := bits + 1;
    end loop;
    return bits;
  end function;

  function larger (a : integer; b : integer) return integer is
  begin
    if a > b then
      return a;
    end if;
    return b;
  end function;

  -- GHDL 2.0 cannot synthesise words(0)'length.
  function word_width (words : word_array_t) return positive is
    constant WORD : std_ulogic_vector := words(words'low);
  begin
    return WORD'length;
  end function;

  function neuron_cycles (simd : positive) return positive is
  begin
    if simd = 1 then
      return 2;
    end if;
    return 3;
  end function;

  function index_width (depth : positive) return positive is
  begin
    return larger(1, log2_ceil(depth));
  end function;

  function wide (x : u_signed; width : positive) return u_signed is
    constant LENGTH : positive := x'length;
    variable bits   : u_signed(LENGTH - 1 downto 0);
  begin
    bits := x;
    if width > LENGTH then
      return resize(bits, width);
    end if;
    return bits(width - 1 downto 0);
  end function;

  function wide (x : u_unsigned; width : positive) return u_signed is
  begin
    return wide(u_signed('0' & x), width);
  end function;

  function code_bits (width : positive; is_signed : boolean) return positive is
  begin
    if is_signed then
      return width;
    end if;
    return width + 1;
  end function;

  function to_code (x : std_ulogic_vector; is_signed : boolean) return u_signed is
  begin
    if is_signed then
      return wide(u_signed(x), x'length + 1);
    end if;
    return wide(u_unsigned(x), x'length + 1);
  end function;

  function round_shift (x : u_signed; shift : natural; mode : rounding_t) return u_signed is
    constant LENGTH : positive := x'length + 1;
    -- Long enough to have a sign bit left of the bits that are dropped.
    constant WIDTH     : positive                      := larger(LENGTH, shift + 1);
    constant BITS      : u_signed(WIDTH - 1 downto 0)  := wide(x, WIDTH);
    constant QUOTIENT  : u_signed(LENGTH - 1 downto 0) := wide(BITS(WIDTH - 1 downto shift), LENGTH);
    constant NEGATIVE  : std_ulogic                    := BITS(WIDTH - 1);
    variable half      : std_ulogic; -- the first dropped bit
    variable rest      : std_ulogic; -- whether a later one is set
    variable increment : std_ulogic;
    variable carry     : u_signed(1 downto 0);
  begin
    if shift = 0 then
      return QUOTIENT;
    end if;
    half := BITS(shift - 1);
    rest := '0';
    if shift > 1 then
      rest := or BITS(shift - 2 downto 0);
    end if;
    increment := '0';
    if mode = TRN_ZERO then
      increment := NEGATIVE and (half or rest);
    elsif mode = RND then
      increment := half;
    elsif mode = RND_ZERO then
      increment := half and (rest or NEGATIVE);
    elsif mode = RND_MIN_INF then
      increment := half and rest;
    elsif mode = RND_INF then
      increment := half and (rest or not NEGATIVE);
    elsif mode = RND_CONV then
      increment := half and (rest or QUOTIENT(0));
    elsif mode = CEIL then
      increment := half or rest;
    elsif mode = UP then
      increment := (half or rest) and not NEGATIVE;
    end if;
    carry    := "00";
    carry(0) := increment;
    return QUOTIENT + carry;
  end function;

  function clamp (x : u_signed; low : u_signed; high : u_signed) return u_signed is
    constant WIDTH : positive                     := larger(x'length, high'length);
    constant BITS  : u_signed(WIDTH - 1 downto 0) := wide(x, WIDTH);
  begin
    if BITS < wide(low, WIDTH) then
      return low;
    elsif BITS > wide(high, WIDTH) then
      return high;
    end if;
    return wide(BITS, high'length);
  end function;

  function element (x : std_ulogic_vector; index : natural; width : positive)
    return std_ulogic_vector is
    constant LENGTH : positive := x'length;
    variable bits   : std_ulogic_vector(LENGTH - 1 downto 0);
  begin
    bits := x;
    return bits((index + 1) * width - 1 downto index * width);
  end function;

  -- a times some bits of b, the last of which may be a sign: each row adds to what stands above it.
  function rows_of (a : u_signed; b : u_signed; has_sign : boolean) return u_signed is
    alias    a_bits : u_signed(a'length - 1 downto 0) is a;
    alias    b_bits : u_signed(b'length - 1 downto 0) is b;
    variable sum    : u_signed(a'length + b'length - 1 downto 0);
    variable row    : u_signed(a'length downto 0);
    variable top    : u_signed(a'length downto 0);
  begin
    sum := (others => '0');
    for j in 0 to b'length - 1 loop
      for i in 0 to a'length - 1 loop
        row(i) := a_bits(i) and b_bits(j);
      end loop;

      row(a'length) := row(a'length - 1);
      top           := wide(sum(a'length + j - 1 downto j), a'length + 1);
      if has_sign and j = b'length - 1 then
        top := top - row;
      else
        top := top + row;
      end if;

      sum(a'length + j downto j) := top;
    end loop;

    return sum;
  end function;

  function multiply (a : u_signed; b : u_signed; style : string) return u_signed is
    constant ROWS    : positive := 4; -- so many one after another, then the sum of that
    constant PARTS   : positive := (b'length + ROWS - 1) / ROWS;
    constant REST    : positive := b'length - (PARTS - 1) * ROWS; -- rows of the last part
    alias    b_bits  : u_signed(b'length - 1 downto 0) is b;
    variable product : u_signed(a'length + b'length - 1 downto 0);
    variable above   : u_signed(a'length + ROWS - 1 downto 0);
    variable last    : u_signed(a'length + REST - 1 downto 0);
  begin
    if style /= "no" then
      return a * b;
    end if;
    product := (others => '0');
    for i in 0 to PARTS - 2 loop
      above := wide(product(i * ROWS + a'length - 1 downto i * ROWS), a'length + ROWS)
               + rows_of(a, b_bits(i * ROWS + ROWS - 1 downto i * ROWS), false);

      product(i * ROWS + a'length + ROWS - 1 downto i * ROWS) := above;
    end loop;

    last := wide(product(a'length + b'length - REST - 1 downto b'length - REST), a'length + REST)
            + rows_of(a, b_bits(b'length - 1 downto b'length - REST), true);

    product(a'length + b'length - 1 downto b'length - REST) := last;
    return product;
  end function;

  function multstyle_of (dsp_style : string) return string is
  begin
    if dsp_style = "yes" then
      return "dsp";
    elsif dsp_style = "no" then
      return "logic";
    end if;
    return "auto";
  end function;

  function ramstyle_of (ram_style : string) return string is
  begin
    if ram_style = "distributed" then
      return "MLAB";
    elsif ram_style = "block" then
      return "M20K";
    elsif ram_style = "registers" then
      return "logic";
    end if;
    return "auto";
  end function;

  function rom_style_of (ram_style : string) return string is
  begin
    if ram_style = "registers" then
      return "distributed";
    end if;
    return ram_style;
  end function;

end package body;
