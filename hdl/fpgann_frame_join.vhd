-- SPDX-License-Identifier: Apache-2.0
-- Let the frames of all inputs enter a pipeline without backpressure together, and only when
-- there is room for each of its results.
--
-- No latency. If a frame is damaged, those of all inputs are dropped, without waiting for the
-- pipeline, and frame_error tells it one cycle later: the n-th frames of the inputs stay together.
-- Bit-true model: sim/models.py (frame_join)

library ieee;
  use ieee.std_logic_1164.all;

entity fpgann_frame_join is
  generic (
    INPUTS  : positive; -- costs some gates each
    OUTPUTS : positive
  );
  port (
    clk         : in    std_ulogic;
    rst         : in    std_ulogic; -- synchronous, active high

    in_valid    : in    std_ulogic_vector(INPUTS - 1 downto 0);
    in_damaged  : in    std_ulogic_vector(INPUTS - 1 downto 0); -- of the frames that are valid
    in_ready    : out   std_ulogic;                             -- all frames leave now

    room        : in    std_ulogic_vector(OUTPUTS - 1 downto 0); -- for one more result
    accept      : out   std_ulogic;                              -- the pipeline takes them now

    out_valid   : out   std_ulogic;
    out_ready   : in    std_ulogic; -- of the pipeline

    frame_error : out   std_ulogic -- frames have been dropped
  );
end entity;

architecture rtl of fpgann_frame_join is

  signal is_complete : std_ulogic;
  signal is_damaged  : std_ulogic;
  signal enters      : std_ulogic;

begin

  is_complete <= and in_valid;
  is_damaged  <= is_complete and (or in_damaged);

  enters    <= is_complete and not is_damaged and (and room);
  out_valid <= enters;
  accept    <= enters and out_ready;
  in_ready  <= (enters and out_ready) or is_damaged;

  p_error : process (clk)
  begin
    if rising_edge(clk) then
      frame_error <= is_damaged;

      if rst = '1' then
        frame_error <= '0';
      end if;
    end if;
  end process;

end architecture;
