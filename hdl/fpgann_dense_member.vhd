-- SPDX-License-Identifier: Apache-2.0
-- A dense layer whose neurons other layers use at other times: its memories and what it asks for.
--
-- While the layer computes, `request` holds, from the low bits: SIMD inputs of ARRAY_WIDTH signed
-- bits, PE * SIMD weights, PE biases, and whether a sum starts; else it is zero. So the requests of
-- all layers are joined by `or` and go to fpgann_dense_neurons; its sums belong to the layer where
-- out_valid is '1'. The caller keeps layers apart in time.
-- Latency and interval as in fpgann_dense_sequence.
-- Bit-true model: sim/models.py (dense_request)

library ieee;
  use ieee.std_logic_1164.all;
  use ieee.numeric_std.all;
  use work.fpgann_pkg.all;

entity fpgann_dense_member is
  generic (
    INPUTS       : positive; -- elements of an item: INPUTS * IN_WIDTH registers
    OUTPUTS      : positive; -- rows of the weight matrix
    PE           : positive; -- neurons: outputs computed at a time; divides OUTPUTS
    SIMD         : positive; -- multipliers of a neuron; divides INPUTS
    PAUSE        : natural;  -- cycles to wait with an item
    IN_WIDTH     : positive; -- bits of an input
    IN_SIGNED    : boolean;  -- what they are
    ARRAY_WIDTH  : positive; -- bits of an input of the neurons, signed: as wide or wider
    WEIGHT_WIDTH : positive; -- bits of a (signed) weight
    BIAS_WIDTH   : positive; -- bits of a (signed) bias
    -- Words as in fpgann_dense_folded.
    WEIGHTS   : word_array_t;
    BIASES    : word_array_t;
    ROM_STYLE : string := "auto" -- weights in "auto", "block" (BRAM) or "distributed" (LUTs)
  );
  port (
    clk       : in    std_ulogic;
    rst       : in    std_ulogic; -- synchronous, active high

    in_valid  : in    std_ulogic;
    in_data   : in    std_ulogic_vector(INPUTS * IN_WIDTH - 1 downto 0); -- element 0 lowest

    request   : out   std_ulogic_vector(SIMD * ARRAY_WIDTH + PE * SIMD * WEIGHT_WIDTH + PE * BIAS_WIDTH downto 0);

    out_valid : out   std_ulogic; -- one cycle a group
    out_group : out   u_unsigned(index_width(OUTPUTS / PE) - 1 downto 0)
  );
end entity;

architecture rtl of fpgann_dense_member is

  constant GROUPS : positive := OUTPUTS / PE;
  constant STEPS  : positive := (INPUTS / SIMD) * GROUPS;

  signal step_index   : u_unsigned(index_width(STEPS) - 1 downto 0);
  signal step_weights : std_ulogic_vector(PE * SIMD * WEIGHT_WIDTH - 1 downto 0);
  signal group_index  : u_unsigned(index_width(GROUPS) - 1 downto 0);
  signal group_biases : std_ulogic_vector(PE * BIAS_WIDTH - 1 downto 0);

  signal busy  : std_ulogic;
  signal first : std_ulogic;
  signal chunk : std_ulogic_vector(SIMD * IN_WIDTH - 1 downto 0);
  signal items : std_ulogic_vector(SIMD * ARRAY_WIDTH - 1 downto 0); -- the chunk, wider

begin

  assert WEIGHTS'length = STEPS
    report "fpgann_dense_member: " & integer'image(WEIGHTS'length)
           & " words of WEIGHTS for STEPS = " & integer'image(STEPS)
    severity failure;

  assert BIASES'length = GROUPS
    report "fpgann_dense_member: " & integer'image(BIASES'length)
           & " words of BIASES for OUTPUTS / PE = " & integer'image(GROUPS)
    severity failure;

  assert ARRAY_WIDTH >= code_bits(IN_WIDTH, IN_SIGNED)
    report "fpgann_dense_member: ARRAY_WIDTH = " & integer'image(ARRAY_WIDTH)
           & " does not hold inputs of IN_WIDTH = " & integer'image(IN_WIDTH)
    severity failure;

  sequencer : entity work.fpgann_dense_sequence
    generic map (
      INPUTS   => INPUTS,
      OUTPUTS  => OUTPUTS,
      PE       => PE,
      SIMD     => SIMD,
      IN_WIDTH => IN_WIDTH,
      PAUSE    => PAUSE
    )
    port map (
      clk         => clk,
      rst         => rst,
      in_valid    => in_valid,
      in_data     => in_data,
      step_index  => step_index,
      group_index => group_index,
      busy        => busy,
      first       => first,
      chunk       => chunk,
      out_valid   => out_valid,
      out_group   => out_group
    );

  weight_memory : entity work.fpgann_rom
    generic map (
      WORDS => WEIGHTS,
      DEPTH => STEPS,
      WIDTH => PE * SIMD * WEIGHT_WIDTH,
      STYLE => ROM_STYLE
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

  g_item : for i in 0 to SIMD - 1 generate

    signal item : u_signed(ARRAY_WIDTH - 1 downto 0);

  begin

    item <= wide(to_code(element(chunk, i, IN_WIDTH), IN_SIGNED), ARRAY_WIDTH);

    items((i + 1) * ARRAY_WIDTH - 1 downto i * ARRAY_WIDTH) <= std_ulogic_vector(item);

  end generate g_item;

  request <= first & group_biases & step_weights & items when busy = '1' else
             (others => '0');

end architecture;
