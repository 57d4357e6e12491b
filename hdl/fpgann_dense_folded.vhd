-- SPDX-License-Identifier: Apache-2.0
-- A dense layer on an array of PE neurons (fpgann_dense_array), with constant weights and biases.
--
-- STEPS = (INPUTS / SIMD) * (OUTPUTS / PE) cycles an item, without a pause; no backpressure: the
-- caller keeps at least STEPS cycles from one in_valid to the next (fpgann_pace).
-- Latency from in_valid, with FOLDS = INPUTS / SIMD: out_valid of group g after
--   (g + 1) * FOLDS + 2 cycles for SIMD = 1, else (g + 1) * FOLDS + 3,
-- so the first after FOLDS + 2 or 3, the last after STEPS + 2 or 3.
-- Bit-true model: sim/models.py (dense_folded)

library ieee;
  use ieee.std_logic_1164.all;
  use ieee.numeric_std.all;
  use work.fpgann_pkg.all;

entity fpgann_dense_folded is
  generic (
    INPUTS       : positive; -- elements of an item: INPUTS * IN_WIDTH registers
    OUTPUTS      : positive; -- rows of the weight matrix
    PE           : positive; -- neurons: outputs computed at a time; divides OUTPUTS
    SIMD         : positive; -- multipliers of a neuron; divides INPUTS
    IN_WIDTH     : positive; -- bits of an input
    IN_SIGNED    : boolean;  -- unsigned inputs cost a multiplier bit
    WEIGHT_WIDTH : positive; -- bits of a (signed) weight
    BIAS_WIDTH   : positive; -- bits of a (signed) bias
    ACC_WIDTH    : positive; -- bits of a (signed) sum; it wraps where this is too few
    -- One word a step = group * FOLDS + fold: element pe * SIMD + simd, from the low bits, is the
    -- weight of input fold * SIMD + simd in output group * PE + pe; or its index in BOOK.
    WEIGHTS : word_array_t;
    -- One word a group: PE biases, that of pe 0 in the low bits.
    BIASES    : word_array_t;
    BOOK_SIZE : natural      := 0;       -- values that weights have; 0 for any, and WEIGHTS of weights
    BOOK      : word_array_t := NO_BOOK; -- these values; costs a table of them a multiplier
    DSP_STYLE : string       := "auto";  -- multipliers in DSP slices: "auto", "yes" or "no" (LUTs)
    ROM_STYLE : string       := "auto"   -- weights in "auto", "block" (BRAM) or "distributed" (LUTs)
  );
  port (
    clk       : in    std_ulogic;
    rst       : in    std_ulogic; -- synchronous, active high

    in_valid  : in    std_ulogic;
    in_data   : in    std_ulogic_vector(INPUTS * IN_WIDTH - 1 downto 0); -- element 0 lowest

    out_valid : out   std_ulogic;                                    -- one cycle a group
    out_group : out   u_unsigned(index_width(OUTPUTS / PE) - 1 downto 0);
    out_acc   : out   std_ulogic_vector(PE * ACC_WIDTH - 1 downto 0) -- output group * PE lowest
  );
end entity;

architecture rtl of fpgann_dense_folded is

  constant GROUPS : positive := OUTPUTS / PE;
  constant STEPS  : positive := (INPUTS / SIMD) * GROUPS;

  signal step_index   : u_unsigned(index_width(STEPS) - 1 downto 0);
  signal step_weights : std_ulogic_vector(PE * SIMD * WEIGHT_WIDTH - 1 downto 0);
  signal group_index  : u_unsigned(index_width(GROUPS) - 1 downto 0);
  signal group_biases : std_ulogic_vector(PE * BIAS_WIDTH - 1 downto 0);

begin

  assert WEIGHTS'length = STEPS
    report "fpgann_dense_folded: " & integer'image(WEIGHTS'length)
           & " words of WEIGHTS for STEPS = " & integer'image(STEPS)
    severity failure;

  assert BIASES'length = GROUPS
    report "fpgann_dense_folded: " & integer'image(BIASES'length)
           & " words of BIASES for OUTPUTS / PE = " & integer'image(GROUPS)
    severity failure;

  neurons : entity work.fpgann_dense_array
    generic map (
      INPUTS       => INPUTS,
      OUTPUTS      => OUTPUTS,
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
      clk          => clk,
      rst          => rst,
      step_index   => step_index,
      step_weights => step_weights,
      group_index  => group_index,
      group_biases => group_biases,
      in_valid     => in_valid,
      in_data      => in_data,
      out_valid    => out_valid,
      out_group    => out_group,
      out_acc      => out_acc
    );

  weight_memory : entity work.fpgann_weight_rom
    generic map (
      WORDS     => WEIGHTS,
      DEPTH     => STEPS,
      LANES     => PE * SIMD,
      WIDTH     => WEIGHT_WIDTH,
      BOOK_SIZE => BOOK_SIZE,
      BOOK      => BOOK,
      STYLE     => ROM_STYLE
    )
    port map (
      clk     => clk,
      address => step_index,
      data    => step_weights
    );

  bias_memory : entity work.fpgann_rom
    generic map (
      WORDS => BIASES,
      DEPTH => GROUPS,
      WIDTH => PE * BIAS_WIDTH,
      STYLE => "auto"
    )
    port map (
      clk     => clk,
      address => group_index,
      data    => group_biases
    );

end architecture;
