-- SPDX-License-Identifier: Apache-2.0
-- Delay a vector by a fixed number of cycles.
--
-- Latency CYCLES; one item a cycle. With RESETS every stage becomes zero, as valid bits need;
-- without, the stages are data: no reset, so they can become shift-register LUTs.
-- Bit-true model: sim/models.py (delay)

library ieee;
  use ieee.std_logic_1164.all;

entity fpgann_delay is
  generic (
    WIDTH  : positive; -- bits
    CYCLES : natural;  -- costs CYCLES * WIDTH registers or WIDTH shift-register LUTs; 0 = a wire
    RESETS : boolean   -- a reset on every stage, which rules out shift-register LUTs
  );
  port (
    clk      : in    std_ulogic;
    rst      : in    std_ulogic; -- synchronous, active high; unused without RESETS

    in_data  : in    std_ulogic_vector(WIDTH - 1 downto 0);

    out_data : out   std_ulogic_vector(WIDTH - 1 downto 0)
  );
end entity;

architecture rtl of fpgann_delay is

begin

  g_wire : if CYCLES = 0 generate

    out_data <= in_data;

  end generate g_wire;

  g_shift : if CYCLES > 0 generate

    signal stages : std_ulogic_vector(CYCLES * WIDTH - 1 downto 0); -- the youngest lowest

  begin

    out_data <= stages(CYCLES * WIDTH - 1 downto (CYCLES - 1) * WIDTH);

    p_shift : process (clk)

      variable moved : std_ulogic_vector((CYCLES + 1) * WIDTH - 1 downto 0);

    begin
      if rising_edge(clk) then
        moved  := stages & in_data;
        stages <= moved(CYCLES * WIDTH - 1 downto 0);

        if RESETS and rst = '1' then
          stages <= (others => '0');
        end if;
      end if;
    end process;

  end generate g_shift;

end architecture;
