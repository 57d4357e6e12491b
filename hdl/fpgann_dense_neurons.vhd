-- SPDX-License-Identifier: Apache-2.0
-- PE neurons that read the same inputs, each with weights and a bias of its own.
--
-- Latency as in fpgann_neuron, one item a cycle.
-- Bit-true model: sim/models.py (neuron)

library ieee;
  use ieee.std_logic_1164.all;
  use ieee.numeric_std.all;

entity fpgann_dense_neurons is
  generic (
    PE           : positive;        -- neurons
    SIMD         : positive;        -- multipliers of a neuron
    IN_WIDTH     : positive;        -- bits of an input
    IN_SIGNED    : boolean;         -- unsigned inputs cost a multiplier bit
    WEIGHT_WIDTH : positive;        -- bits of a (signed) weight
    BIAS_WIDTH   : positive;        -- bits of a (signed) bias
    ACC_WIDTH    : positive;        -- bits of a (signed) sum; it wraps where this is too few
    DSP_STYLE    : string := "auto" -- multipliers in DSP slices: "auto", "yes" or "no" (LUTs)
  );
  port (
    clk     : in    std_ulogic;

    first   : in    std_ulogic;                                               -- starts a sum
    in_data : in    std_ulogic_vector(SIMD * IN_WIDTH - 1 downto 0);
    weights : in    std_ulogic_vector(PE * SIMD * WEIGHT_WIDTH - 1 downto 0); -- of neuron 0 lowest
    biases  : in    std_ulogic_vector(PE * BIAS_WIDTH - 1 downto 0);          -- sampled with `first`

    acc     : out   std_ulogic_vector(PE * ACC_WIDTH - 1 downto 0)
  );
end entity;

architecture rtl of fpgann_dense_neurons is

begin

  g_neuron : for i in 0 to PE - 1 generate

    -- Plain slices: a function call would make every neuron wait for every bit, slow to simulate.
    neuron : entity work.fpgann_neuron
      generic map (
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
        in_data => in_data,
        weights => weights((i + 1) * SIMD * WEIGHT_WIDTH - 1 downto i * SIMD * WEIGHT_WIDTH),
        bias    => biases((i + 1) * BIAS_WIDTH - 1 downto i * BIAS_WIDTH),
        acc     => acc((i + 1) * ACC_WIDTH - 1 downto i * ACC_WIDTH)
      );

  end generate g_neuron;

end architecture;
