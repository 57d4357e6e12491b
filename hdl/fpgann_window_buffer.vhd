-- SPDX-License-Identifier: Apache-2.0
-- The windows of a map that comes token by token (a token is one position with all its channels),
-- row-major, channels-last: as a convolution or a pooling wants them.
--
-- Latency 2 cycles from the last token that a window needs; one position a cycle, no bubble under
-- backpressure. Rows wait in one memory, a row a lane. Padding lies between the rows and between the
-- maps, where the end of one and the beginning of the next share it: a map takes
-- (ROWS + gap) * (COLUMNS + gap) cycles, the gap being the wider of the paddings on both sides. What
-- lies in padding takes no token: the last windows of a map leave before the next one comes, the first
-- ones not before their own map.
-- A window counts (group, tap, element in the group), taps row-major, the first one lowest.
-- Bit-true model: sim/token_models.py (window_buffer)

library ieee;
  use ieee.std_logic_1164.all;
  use work.fpgann_pkg.all;

entity fpgann_window_buffer is
  generic (
    TOKEN_WIDTH      : positive;          -- bits of a token
    GROUPS           : positive;          -- equal parts of a token
    ROWS             : positive;          -- of the map; 1 for signals
    COLUMNS          : positive;          -- of the map; costs memory, see KERNEL_ROWS
    KERNEL_ROWS      : positive;          -- costs KERNEL_ROWS - 1 rows of the map in memory
    KERNEL_COLUMNS   : positive;          -- costs registers for KERNEL_ROWS * KERNEL_COLUMNS tokens
    STRIDE_ROWS      : positive;
    STRIDE_COLUMNS   : positive;
    DILATION_ROWS    : positive;          -- multiplies the rows in memory
    DILATION_COLUMNS : positive;          -- multiplies the registers
    PAD_TOP          : integer;           -- rows of FILL above the map; negative: rows to leave out
    PAD_BOTTOM       : integer;
    PAD_LEFT         : integer;
    PAD_RIGHT        : integer;
    FILL             : std_ulogic_vector; -- a token of the padding
    STYLE            : string := "auto"   -- of the memory: "auto", "block" (BRAM), "distributed" (LUTs)
  );
  port (
    clk       : in    std_ulogic;
    rst       : in    std_ulogic; -- synchronous, active high: the next token is a map's first

    in_valid  : in    std_ulogic;
    in_ready  : out   std_ulogic;
    in_data   : in    std_ulogic_vector(TOKEN_WIDTH - 1 downto 0);

    out_valid : out   std_ulogic;
    out_ready : in    std_ulogic;
    out_data  : out   std_ulogic_vector(KERNEL_ROWS * KERNEL_COLUMNS * TOKEN_WIDTH - 1 downto 0)
  );
end entity;

architecture rtl of fpgann_window_buffer is

  constant REACH_ROWS    : natural := (KERNEL_ROWS - 1) * DILATION_ROWS;
  constant REACH_COLUMNS : natural := (KERNEL_COLUMNS - 1) * DILATION_COLUMNS;

  -- Padding in front of each row and of each map; no two windows may end at the same place.
  constant GAP_ROWS    : natural  := larger(larger(0, PAD_TOP + PAD_BOTTOM - REACH_ROWS), larger(PAD_TOP, PAD_BOTTOM));
  constant GAP_COLUMNS : natural  := larger(larger(0, PAD_LEFT + PAD_RIGHT - REACH_COLUMNS), larger(PAD_LEFT, PAD_RIGHT));
  constant ALL_ROWS    : positive := ROWS + GAP_ROWS;
  constant ALL_COLUMNS : positive := COLUMNS + GAP_COLUMNS;
  constant PLACES      : positive := ALL_ROWS * ALL_COLUMNS;

  constant OUT_ROWS    : positive := (ROWS + PAD_TOP + PAD_BOTTOM - REACH_ROWS - 1) / STRIDE_ROWS + 1;
  constant OUT_COLUMNS : positive := (COLUMNS + PAD_LEFT + PAD_RIGHT - REACH_COLUMNS - 1) / STRIDE_COLUMNS + 1;

  -- The place at which the first window is complete; the second count of places begins there.
  constant FIRST  : natural :=
    (GAP_ROWS - PAD_TOP + REACH_ROWS) * ALL_COLUMNS + GAP_COLUMNS - PAD_LEFT + REACH_COLUMNS;
  constant BEHIND : natural := (PLACES - FIRST mod PLACES) mod PLACES;

  -- Whether there are windows of nothing but the padding above: they wait until their map comes.
  constant HAS_EARLY    : boolean := FIRST < GAP_ROWS * ALL_COLUMNS + GAP_COLUMNS;
  constant FIRST_ROW    : natural := FIRST / ALL_COLUMNS;
  constant FIRST_COLUMN : natural := FIRST mod ALL_COLUMNS;

  constant LINE_DEPTH   : positive := DILATION_ROWS * ALL_COLUMNS;
  constant COLUMN_WIDTH : positive := KERNEL_ROWS * TOKEN_WIDTH;
  constant SEEN         : positive := REACH_COLUMNS + 1;
  constant PART         : positive := TOKEN_WIDTH / GROUPS;

  -- Where the next place is, and where it is counted from the place of the first window
  signal row       : natural range 0 to ALL_ROWS - 1;
  signal column    : natural range 0 to ALL_COLUMNS - 1;
  signal ends_row  : natural range 0 to ALL_ROWS - 1;
  signal ends_col  : natural range 0 to ALL_COLUMNS - 1;
  signal to_row    : natural range 0 to STRIDE_ROWS - 1;    -- until a window ends in a row
  signal to_col    : natural range 0 to STRIDE_COLUMNS - 1; -- until a window ends in a column
  signal is_primed : std_ulogic;                            -- the first window after a reset has been reached
  signal is_near   : std_ulogic;                            -- the next place of a first window is its own
  signal is_first  : std_ulogic;
  signal is_inside : std_ulogic;
  signal is_early  : std_ulogic;                            -- before the first token of a map, behind its first window
  signal is_end    : std_ulogic;
  signal has_map   : std_ulogic;                            -- the second count has a map to count
  signal step      : std_ulogic;
  signal can_step  : std_ulogic;

  -- One place on its way: its token, and those of the same column in earlier rows
  signal held         : std_ulogic;
  signal held_ends    : std_ulogic;
  signal held_token   : std_ulogic_vector(TOKEN_WIDTH - 1 downto 0);
  signal held_column  : std_ulogic_vector(COLUMN_WIDTH - 1 downto 0);        -- the latest row lowest
  signal line_index   : natural range 0 to LINE_DEPTH - 1;
  signal held_index   : natural range 0 to LINE_DEPTH - 1;
  signal moves        : std_ulogic;
  signal is_valid     : std_ulogic;
  signal seen_columns : std_ulogic_vector(SEEN * COLUMN_WIDTH - 1 downto 0); -- the latest column lowest

begin

  assert TOKEN_WIDTH mod GROUPS = 0
    report "fpgann_window_buffer: TOKEN_WIDTH = " & integer'image(TOKEN_WIDTH)
           & " is no multiple of GROUPS = " & integer'image(GROUPS)
    severity failure;

  assert FILL'length = TOKEN_WIDTH
    report "fpgann_window_buffer: FILL has " & integer'image(FILL'length)
           & " bits, TOKEN_WIDTH is " & integer'image(TOKEN_WIDTH)
    severity failure;

  assert KERNEL_ROWS = 1 or LINE_DEPTH > 1
    report "fpgann_window_buffer: a map of one column is a signal, with ROWS = 1"
    severity failure;

  is_inside <= '1' when row >= GAP_ROWS and column >= GAP_COLUMNS else
               '0';
  is_early  <= '1' when HAS_EARLY and (row < GAP_ROWS or (row = GAP_ROWS and column < GAP_COLUMNS))
                        and (row > FIRST_ROW or (row = FIRST_ROW and column >= FIRST_COLUMN)) else
               '0';
  is_first  <= '1' when ends_row = 0 and ends_col = 0 else
               '0';
  has_map   <= is_primed or (is_first and is_near);
  is_end    <= '1' when has_map = '1' and to_row = 0 and to_col = 0
                        and ends_row <= (OUT_ROWS - 1) * STRIDE_ROWS
                        and ends_col <= (OUT_COLUMNS - 1) * STRIDE_COLUMNS else
               '0';

  moves    <= out_ready or not is_valid;
  can_step <= moves or not held;
  step     <= can_step and (in_valid or not (is_inside or is_early));
  in_ready <= can_step and is_inside;

  out_valid <= is_valid;

  p_count : process (clk)
  begin
    if rising_edge(clk) then
      if step = '1' then
        if column = ALL_COLUMNS - 1 then
          column <= 0;
          if row = ALL_ROWS - 1 then
            row <= 0;
          else
            row <= row + 1;
          end if;
        else
          column <= column + 1;
        end if;

        is_primed <= has_map;
        is_near   <= is_near or is_first;
        if ends_col = ALL_COLUMNS - 1 then
          ends_col <= 0;
          to_col   <= 0;
          if ends_row = ALL_ROWS - 1 then
            ends_row <= 0;
            to_row   <= 0;
          else
            ends_row <= ends_row + 1;
            if to_row = 0 then
              to_row <= STRIDE_ROWS - 1;
            else
              to_row <= to_row - 1;
            end if;
          end if;
        else
          ends_col <= ends_col + 1;
          if to_col = 0 then
            to_col <= STRIDE_COLUMNS - 1;
          else
            to_col <= to_col - 1;
          end if;
        end if;

        if line_index = LINE_DEPTH - 1 then
          line_index <= 0;
        else
          line_index <= line_index + 1;
        end if;
      end if;

      -- Strides are counted from the first window on, which is a multiple of both.
      if rst = '1' then
        row        <= 0;
        column     <= 0;
        line_index <= 0;
        is_primed  <= '0';
        is_near    <= '0';
        if FIRST < PLACES then
          is_near <= '1'; -- else the first window ends in the padding behind the map, a map later
        end if;
        ends_row <= BEHIND / ALL_COLUMNS;
        ends_col <= BEHIND mod ALL_COLUMNS;
        to_row   <= 0;
        to_col   <= 0;
      end if;
    end if;
  end process;

  p_hold : process (clk)
  begin
    if rising_edge(clk) then
      if can_step = '1' then
        held       <= step;
        held_ends  <= is_end;
        held_index <= line_index;
        if is_inside = '1' then
          held_token <= in_data;
        else
          held_token <= FILL;
        end if;
      end if;

      if rst = '1' then
        held <= '0';
      end if;
    end if;
  end process;

  g_no_lines : if KERNEL_ROWS = 1 generate

    held_column <= held_token;

  end generate g_no_lines;

  g_lines : if KERNEL_ROWS > 1 generate

    constant LINES_WIDTH : positive := (KERNEL_ROWS - 1) * TOKEN_WIDTH;

    signal memory : word_array_t(LINE_DEPTH - 1 downto 0)(LINES_WIDTH - 1 downto 0);
    signal lines  : std_ulogic_vector(LINES_WIDTH - 1 downto 0); -- the latest row lowest

    attribute ram_style : string;
    attribute ramstyle  : string;
    attribute ram_style of memory : signal is STYLE;
    attribute ramstyle of memory  : signal is ramstyle_of(STYLE);

  begin

    held_column <= lines & held_token;

    -- A place is read one step before it is written: never both at once.
    p_lines : process (clk)
    begin
      if rising_edge(clk) then
        if held = '1' and moves = '1' then
          memory(held_index) <= held_column(LINES_WIDTH - 1 downto 0);
        end if;
        if step = '1' then
          lines <= memory(line_index);
        end if;
      end if;
    end process;

  end generate g_lines;

  p_see : process (clk)

    variable moved : std_ulogic_vector((SEEN + 1) * COLUMN_WIDTH - 1 downto 0);

  begin
    if rising_edge(clk) then
      if moves = '1' then
        is_valid <= held and held_ends;
        if held = '1' then
          moved        := seen_columns & held_column;
          seen_columns <= moved(SEEN * COLUMN_WIDTH - 1 downto 0);
        end if;
      end if;

      if rst = '1' then
        is_valid <= '0';
      end if;
    end if;
  end process;

  p_taps : process (all)

    variable lowest : natural; -- bit of a token in seen_columns
    variable target : natural; -- bit of its part in out_data

  begin
    for i in 0 to KERNEL_ROWS - 1 loop
      for j in 0 to KERNEL_COLUMNS - 1 loop
        lowest := (KERNEL_COLUMNS - 1 - j) * DILATION_COLUMNS * COLUMN_WIDTH + (KERNEL_ROWS - 1 - i) * TOKEN_WIDTH;
        for g in 0 to GROUPS - 1 loop
          target := ((g * KERNEL_ROWS + i) * KERNEL_COLUMNS + j) * PART;

          out_data(target + PART - 1 downto target) <= seen_columns(lowest + (g + 1) * PART - 1 downto lowest + g * PART);
        end loop;
      end loop;
    end loop;
  end process;

end architecture;
