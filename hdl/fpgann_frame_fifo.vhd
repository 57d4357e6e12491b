-- SPDX-License-Identifier: Apache-2.0
-- A FIFO behind a pipeline without backpressure: a frame has a place before it sets out.
--
-- Latency 2 cycles (memory, and its output register); one frame a cycle. First word falls through.
-- At most DEPTH frames are reserved or in memory; one more waits in the register at the output.
-- Bit-true model: sim/models.py (frame_fifo)

library ieee;
  use ieee.std_logic_1164.all;
  use work.fpgann_pkg.all;

entity fpgann_frame_fifo is
  generic (
    WIDTH : positive;        -- bits of a frame
    DEPTH : positive;        -- frames; costs DEPTH * WIDTH memory bits and WIDTH registers
    STYLE : string := "auto" -- of the memory: "auto", "block" (BRAM), "distributed" (LUTs)
  );
  port (
    clk       : in    std_ulogic;
    rst       : in    std_ulogic; -- synchronous, active high: empty, nothing reserved

    room      : out   std_ulogic; -- a place can be reserved
    reserve   : in    std_ulogic; -- only with room: a frame will come, however late

    in_valid  : in    std_ulogic; -- once for each reserve
    in_data   : in    std_ulogic_vector(WIDTH - 1 downto 0);

    out_valid : out   std_ulogic;
    out_ready : in    std_ulogic;
    out_data  : out   std_ulogic_vector(WIDTH - 1 downto 0)
  );
end entity;

architecture rtl of fpgann_frame_fifo is

  signal taken       : natural range 0 to DEPTH; -- places reserved or filled
  signal filled      : natural range 0 to DEPTH;
  signal write_index : natural range 0 to DEPTH - 1;
  signal read_index  : natural range 0 to DEPTH - 1;

  signal word     : std_ulogic_vector(WIDTH - 1 downto 0);
  signal is_valid : std_ulogic;
  signal read     : std_ulogic;

begin

  assert STYLE = "auto" or STYLE = "block" or STYLE = "distributed"
    report "fpgann_frame_fifo: STYLE is '" & STYLE & "', not auto, block or distributed"
    severity failure;

  room <= '1' when taken /= DEPTH else
          '0';

  out_valid <= is_valid;
  out_data  <= word;

  read <= (out_ready or not is_valid) when filled /= 0 else
          '0';

  p_control : process (clk)
  begin
    if rising_edge(clk) then
      if reserve = '1' and read = '0' then
        taken <= taken + 1;
      elsif reserve = '0' and read = '1' then
        taken <= taken - 1;
      end if;

      if in_valid = '1' and read = '0' then
        filled <= filled + 1;
      elsif in_valid = '0' and read = '1' then
        filled <= filled - 1;
      end if;

      if in_valid = '1' then
        if write_index = DEPTH - 1 then
          write_index <= 0;
        else
          write_index <= write_index + 1;
        end if;
      end if;

      if read = '1' then
        if read_index = DEPTH - 1 then
          read_index <= 0;
        else
          read_index <= read_index + 1;
        end if;
      end if;

      is_valid <= read or (is_valid and not out_ready);

      if rst = '1' then
        taken       <= 0;
        filled      <= 0;
        write_index <= 0;
        read_index  <= 0;
        is_valid    <= '0';
      end if;
    end if;
  end process;

  -- GHDL 2.0 cannot convert a memory of one word.

  g_register : if DEPTH = 1 generate

    signal kept : std_ulogic_vector(WIDTH - 1 downto 0);

  begin

    p_store : process (clk)
    begin
      if rising_edge(clk) then
        if in_valid = '1' then
          kept <= in_data;
        end if;
        if read = '1' then
          word <= kept;
        end if;
      end if;
    end process;

  end generate g_register;

  g_memory : if DEPTH > 1 generate

    signal memory : word_array_t(DEPTH - 1 downto 0)(WIDTH - 1 downto 0);

    attribute ram_style : string;
    attribute ramstyle  : string;
    attribute ram_style of memory : signal is STYLE;
    attribute ramstyle of memory  : signal is ramstyle_of(STYLE);

  begin

    p_store : process (clk)
    begin
      if rising_edge(clk) then
        if in_valid = '1' then
          memory(write_index) <= in_data;
        end if;
        if read = '1' then
          word <= memory(read_index);
        end if;
      end if;
    end process;

  end generate g_memory;

end architecture;
