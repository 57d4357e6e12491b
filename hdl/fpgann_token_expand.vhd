-- SPDX-License-Identifier: Apache-2.0
-- Make ROW_FACTOR * COLUMN_FACTOR tokens out of each token of a map, row-major in the larger map: the
-- parts of the token one after another (depth to space), or the token itself again and again (nearest
-- neighbours). With one row of one column a token is repeated.
--
-- Latency 2 cycles; one token a cycle at the output. A row waits in memory while it is read
-- ROW_FACTOR times, and the next one is written meanwhile.
-- Bit-true model: sim/token_models.py (token_expand)

library ieee;
  use ieee.std_logic_1164.all;
  use work.fpgann_pkg.all;

entity fpgann_token_expand is
  generic (
    COLUMNS       : positive;        -- of the map that enters; costs 2 * COLUMNS * WIDTH memory bits
    ROW_FACTOR    : positive;        -- rows for each row
    COLUMN_FACTOR : positive;        -- columns for each column
    WIDTH         : positive;        -- bits of a token that enters
    PARTS         : positive;        -- 1, or ROW_FACTOR * COLUMN_FACTOR: the parts leave, row-major, the lowest first
    STYLE         : string := "auto" -- of the memory: "auto", "block" (BRAM), "distributed" (LUTs)
  );
  port (
    clk       : in    std_ulogic;
    rst       : in    std_ulogic; -- synchronous, active high: the next token is a map's first

    in_valid  : in    std_ulogic;
    in_ready  : out   std_ulogic;
    in_data   : in    std_ulogic_vector(WIDTH - 1 downto 0);

    out_valid : out   std_ulogic;
    out_ready : in    std_ulogic;
    out_data  : out   std_ulogic_vector(WIDTH / PARTS - 1 downto 0)
  );
end entity;

architecture rtl of fpgann_token_expand is

  constant DEPTH : positive := 2 * COLUMNS;

  signal memory : word_array_t(DEPTH - 1 downto 0)(WIDTH - 1 downto 0);

  attribute ram_style : string;
  attribute ramstyle  : string;
  attribute ram_style of memory : signal is STYLE;
  attribute ramstyle of memory  : signal is ramstyle_of(STYLE);

  signal filled      : natural range 0 to DEPTH; -- tokens from the row that is read on
  signal write_index : natural range 0 to DEPTH - 1;
  signal upper       : std_ulogic;               -- the row that is read lies in the upper half
  signal column      : natural range 0 to COLUMNS - 1;
  signal row_part    : natural range 0 to ROW_FACTOR - 1;
  signal col_part    : natural range 0 to COLUMN_FACTOR - 1;

  signal write    : std_ulogic;
  signal read     : std_ulogic;
  signal releases : std_ulogic; -- the last token of the last repetition of a row is read
  signal address  : natural range 0 to DEPTH - 1;

  signal word     : std_ulogic_vector(WIDTH - 1 downto 0);
  signal is_valid : std_ulogic;

begin

  assert PARTS = 1 or PARTS = ROW_FACTOR * COLUMN_FACTOR
    report "fpgann_token_expand: PARTS = " & integer'image(PARTS) & " is neither 1 nor ROW_FACTOR * COLUMN_FACTOR"
    severity failure;

  assert WIDTH mod PARTS = 0
    report "fpgann_token_expand: WIDTH = " & integer'image(WIDTH) & " is no multiple of PARTS = " & integer'image(PARTS)
    severity failure;

  in_ready <= '1' when filled /= DEPTH else
              '0';
  write    <= in_valid when filled /= DEPTH else
              '0';
  read     <= (out_ready or not is_valid) when filled > column else
              '0';
  releases <= read when column = COLUMNS - 1 and row_part = ROW_FACTOR - 1 and col_part = COLUMN_FACTOR - 1 else
              '0';
  address  <= column + COLUMNS when upper = '1' else
              column;

  out_valid <= is_valid;

  p_control : process (clk)
  begin
    if rising_edge(clk) then
      if write = '1' and releases = '1' then
        filled <= filled - (COLUMNS - 1);
      elsif write = '1' then
        filled <= filled + 1;
      elsif releases = '1' then
        filled <= filled - COLUMNS;
      end if;

      if write = '1' then
        if write_index = DEPTH - 1 then
          write_index <= 0;
        else
          write_index <= write_index + 1;
        end if;
      end if;

      if read = '1' then
        if col_part /= COLUMN_FACTOR - 1 then
          col_part <= col_part + 1;
        else
          col_part <= 0;
          if column /= COLUMNS - 1 then
            column <= column + 1;
          else
            column <= 0;
            if row_part /= ROW_FACTOR - 1 then
              row_part <= row_part + 1;
            else
              row_part <= 0;
              upper    <= not upper;
            end if;
          end if;
        end if;
      end if;

      if out_ready = '1' or is_valid = '0' then
        is_valid <= read;
      end if;

      if rst = '1' then
        filled      <= 0;
        write_index <= 0;
        upper       <= '0';
        column      <= 0;
        row_part    <= 0;
        col_part    <= 0;
        is_valid    <= '0';
      end if;
    end if;
  end process;

  p_memory : process (clk)
  begin
    if rising_edge(clk) then
      if write = '1' then
        memory(write_index) <= in_data;
      end if;
      if read = '1' then
        word <= memory(address);
      end if;
    end if;
  end process;

  g_whole : if PARTS = 1 generate

    out_data <= word;

  end generate g_whole;

  g_parts : if PARTS > 1 generate

    constant PART : positive := WIDTH / PARTS;

    signal index : natural range 0 to PARTS - 1;

  begin

    p_index : process (clk)
    begin
      if rising_edge(clk) then
        if read = '1' then
          index <= row_part * COLUMN_FACTOR + col_part;
        end if;
      end if;
    end process;

    p_part : process (all)
    begin
      out_data <= word(PART - 1 downto 0);
      for i in 1 to PARTS - 1 loop
        if index = i then
          out_data <= word((i + 1) * PART - 1 downto i * PART);
        end if;
      end loop;
    end process;

  end generate g_parts;

end architecture;
