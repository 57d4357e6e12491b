-- SPDX-License-Identifier: Apache-2.0
-- The neurons of a dense layer, memories beside: OUTPUTS sums over INPUTS products, folded in time.
--
-- STEPS = (INPUTS / SIMD) * (OUTPUTS / PE) cycles an item, without a pause; no backpressure: the
-- caller keeps at least STEPS cycles from one in_valid to the next (fpgann_pace).
-- Latency from in_valid, with FOLDS = INPUTS / SIMD: out_valid of group g after
--   (g + 1) * FOLDS + 2 cycles for SIMD = 1, else (g + 1) * FOLDS + 3,
-- so the first after FOLDS + 2 or 3, the last after STEPS + 2 or 3.
-- The memories answer after 1 cycle.
-- Bit-true model: sim/models.py (dense_folded)

library ieee;
  use ieee.std_logic_1164.all;
  use ieee.numeric_std.all;
  use work.fpgann_pkg.all;

entity fpgann_dense_array is
  generic (
    INPUTS       : positive;        -- elements of an item: INPUTS * IN_WIDTH registers
    OUTPUTS      : positive;        -- rows of the weight matrix
    PE           : positive;        -- neurons: outputs computed at a time; divides OUTPUTS
    SIMD         : positive;        -- multipliers of a neuron; divides INPUTS
    IN_WIDTH     : positive;        -- bits of an input
    IN_SIGNED    : boolean;         -- unsigned inputs cost a multiplier bit
    WEIGHT_WIDTH : positive;        -- bits of a (signed) weight
    BIAS_WIDTH   : positive;        -- bits of a (signed) bias
    ACC_WIDTH    : positive;        -- bits of a (signed) sum; it wraps where this is too few
    DSP_STYLE    : string := "auto" -- multipliers in DSP slices: "auto", "yes" or "no" (LUTs)
  );
  port (
    clk : in    std_ulogic;
    rst : in    std_ulogic; -- synchronous, active high

    -- For step_index = group * FOLDS + fold: element pe * SIMD + simd of the weights, from the low
    -- bits, is that of input fold * SIMD + simd in output group * PE + pe. Of the biases pe 0 is
    -- lowest.
    step_index   : out   u_unsigned(index_width((INPUTS / SIMD) * (OUTPUTS / PE)) - 1 downto 0);
    step_weights : in    std_ulogic_vector(PE * SIMD * WEIGHT_WIDTH - 1 downto 0);
    group_index  : out   u_unsigned(index_width(OUTPUTS / PE) - 1 downto 0);
    group_biases : in    std_ulogic_vector(PE * BIAS_WIDTH - 1 downto 0);

    in_valid     : in    std_ulogic;
    in_data      : in    std_ulogic_vector(INPUTS * IN_WIDTH - 1 downto 0); -- element 0 lowest

    out_valid    : out   std_ulogic;                                    -- one cycle a group
    out_group    : out   u_unsigned(index_width(OUTPUTS / PE) - 1 downto 0);
    out_acc      : out   std_ulogic_vector(PE * ACC_WIDTH - 1 downto 0) -- output group * PE lowest
  );
end entity;

architecture rtl of fpgann_dense_array is

  signal first : std_ulogic;
  signal chunk : std_ulogic_vector(SIMD * IN_WIDTH - 1 downto 0);

begin

  sequencer : entity work.fpgann_dense_sequence
    generic map (
      INPUTS   => INPUTS,
      OUTPUTS  => OUTPUTS,
      PE       => PE,
      SIMD     => SIMD,
      IN_WIDTH => IN_WIDTH
    )
    port map (
      clk         => clk,
      rst         => rst,
      in_valid    => in_valid,
      in_data     => in_data,
      step_index  => step_index,
      group_index => group_index,
      busy        => open,
      first       => first,
      chunk       => chunk,
      out_valid   => out_valid,
      out_group   => out_group
    );

  neurons : entity work.fpgann_dense_neurons
    generic map (
      PE           => PE,
      SIMD         => SIMD,
      IN_WIDTH     => IN_WIDTH,
      IN_SIGNED    => IN_SIGNED,
      WEIGHT_WIDTH => WEIGHT_WIDTH,
      BIAS_WIDTH   => BIAS_WIDTH,
      ACC_WIDTH    => ACC_WIDTH,
      DSP_STYLE    => DSP_STYLE
    )
    port map (
      clk     => clk,
      first   => first,
      in_data => chunk,
      weights => step_weights,
      biases  => group_biases,
      acc     => out_acc
    );

end architecture;
