-- SPDX-License-Identifier: Apache-2.0
-- Operations of unrolled kernels, as pure functions.
--
-- Bit-true model: fpgann/kernel/interpreter.py (evaluate)

library ieee;
  use ieee.std_logic_1164.all;
  use ieee.numeric_std.all;
  use work.fpgann_pkg.all;

package fpgann_netlist_pkg is

  -- x / 2**shift rounded down, and its last bit cleared where nothing but zeros was dropped: turns
  -- "add a half, then floor" into rounding to even.
  function even_shift (x : u_signed; shift : positive) return u_signed;

  function even_shift (x : u_unsigned; shift : positive) return u_unsigned;

  -- '1' where x >= bound.
  function at_least (x : u_signed; bound : u_signed) return std_ulogic;

  -- The larger or smaller of two numbers of one width.
  function larger_of (x : u_signed; y : u_signed) return u_signed;

  function smaller_of (x : u_signed; y : u_signed) return u_signed;

  -- x where the condition holds, else y, which must share its width.
  function choose (condition : std_ulogic; x : u_signed; y : u_signed) return u_signed;

  -- x + y + z (or minus) of one width, as one carry chain behind a row of full adders: with LUTs of
  -- two outputs one LUT a bit. Below bit `free`, y and z are 0 and not subtracted: wires.
  function add3 (x : u_signed; y : u_signed; z : u_signed; minus_y : boolean; minus_z : boolean; free : natural)
    return u_signed;

  -- The number in range `low` .. `high` nearest to x, in `width` bits.
  function saturate (x : u_signed; low : u_signed; high : u_signed; width : positive) return u_signed;

end package;

package body fpgann_netlist_pkg is

  function even_shift (x : u_signed; shift : positive) return u_signed is
    constant LENGTH  : positive := x'length;
    variable bits    : u_signed(LENGTH - 1 downto 0);
    variable result  : u_signed(LENGTH - shift - 1 downto 0);
    variable dropped : std_ulogic;
  begin
    bits      := x;
    result    := bits(LENGTH - 1 downto shift);
    dropped   := or bits(shift - 1 downto 0);
    result(0) := result(0) and dropped;
    return result;
  end function;

  function even_shift (x : u_unsigned; shift : positive) return u_unsigned is
  begin
    return u_unsigned(even_shift(u_signed(x), shift));
  end function;

  function at_least (x : u_signed; bound : u_signed) return std_ulogic is
  begin
    if x >= bound then
      return '1';
    end if;
    return '0';
  end function;

  -- By ">", not ">=": synthesis for ECP5 folds the inverter behind a carry into every bit that the
  -- carry selects, which takes three times as many LUTs.
  function larger_of (x : u_signed; y : u_signed) return u_signed is
  begin
    if y > x then
      return y;
    end if;
    return x;
  end function;

  function smaller_of (x : u_signed; y : u_signed) return u_signed is
  begin
    if x > y then
      return y;
    end if;
    return x;
  end function;

  function choose (condition : std_ulogic; x : u_signed; y : u_signed) return u_signed is
  begin
    if condition = '1' then
      return x;
    end if;
    return y;
  end function;

  -- All bits of x + y + z; a subtracted number is its complement plus one.
  function carry_save (x : u_signed; y : u_signed; z : u_signed; minus_y : boolean; minus_z : boolean)
    return u_signed is
    constant WIDTH    : positive                     := x'length;
    constant ONES     : u_signed(WIDTH - 1 downto 0) := (others => '1');
    variable a        : u_signed(WIDTH - 1 downto 0);
    variable b        : u_signed(WIDTH - 1 downto 0);
    variable c        : u_signed(WIDTH - 1 downto 0);
    variable parities : u_signed(WIDTH - 1 downto 0);
    variable majority : u_signed(WIDTH - 1 downto 0);
    variable carries  : u_signed(WIDTH - 1 downto 0);
  begin
    a := x;
    b := y;
    c := z;
    if minus_y then
      b := b xor ONES;
    end if;
    if minus_z then
      c := c xor ONES;
    end if;
    parities   := a xor b xor c;
    majority   := (a and b) or (a and c) or (b and c);
    carries    := shift_left(majority, 1);
    carries(0) := '0';
    if minus_y or minus_z then
      carries(0) := '1'; -- the one of the first complement, where no carry comes in
    end if;
    if minus_y and minus_z then
      return carries - (parities xor ONES); -- the other one: the carry into the chain
    end if;
    return carries + parities;
  end function;

  function add3 (x : u_signed; y : u_signed; z : u_signed; minus_y : boolean; minus_z : boolean; free : natural)
    return u_signed is
    constant WIDTH : positive := x'length;
    variable a     : u_signed(WIDTH - 1 downto 0);
    variable b     : u_signed(WIDTH - 1 downto 0);
    variable c     : u_signed(WIDTH - 1 downto 0);
  begin
    if free = 0 then
      return carry_save(x, y, z, minus_y, minus_z);
    end if;
    a := x;
    b := y;
    c := z;
    return carry_save(a(WIDTH - 1 downto free), b(WIDTH - 1 downto free), c(WIDTH - 1 downto free), minus_y, minus_z)
      & a(free - 1 downto 0);
  end function;

  function saturate (x : u_signed; low : u_signed; high : u_signed; width : positive) return u_signed is
  begin
    return wide(clamp(x, low, high), width);
  end function;

end package body;
