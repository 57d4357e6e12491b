-- SPDX-License-Identifier: Apache-2.0
-- A layer whose every output has inputs of its own, like a depthwise convolution: OUTPUTS sums over
-- INPUTS products each, on PE neurons of SIMD multipliers, with constant weights and biases.
--
-- STEPS = (INPUTS / SIMD) * (OUTPUTS / PE) cycles an item, without a pause; no backpressure: the
-- caller keeps at least STEPS cycles from one in_valid to the next (fpgann_pace).
-- Latency from in_valid, with FOLDS = INPUTS / SIMD: out_valid of group g after
--   (g + 1) * FOLDS + 2 cycles for SIMD = 1, else (g + 1) * FOLDS + 3,
-- so the first after FOLDS + 2 or 3, the last after STEPS + 2 or 3.
-- Bit-true model: sim/models.py (depthwise_folded)

library ieee;
  use ieee.std_logic_1164.all;
  use ieee.numeric_std.all;
  use work.fpgann_pkg.all;

entity fpgann_depthwise_folded is
  generic (
    INPUTS       : positive; -- products of a sum
    OUTPUTS      : positive; -- sums: INPUTS * OUTPUTS * IN_WIDTH registers
    PE           : positive; -- neurons: outputs computed at a time; divides OUTPUTS
    SIMD         : positive; -- multipliers of a neuron; divides INPUTS
    IN_WIDTH     : positive; -- bits of an input
    IN_SIGNED    : boolean;  -- unsigned inputs cost a multiplier bit
    WEIGHT_WIDTH : positive; -- bits of a (signed) weight
    BIAS_WIDTH   : positive; -- bits of a (signed) bias
    ACC_WIDTH    : positive; -- bits of a (signed) sum; it wraps where this is too few
    -- One word a step = group * FOLDS + fold: element pe * SIMD + simd, from the low bits, is the
    -- weight of input fold * SIMD + simd in output group * PE + pe.
    WEIGHTS : word_array_t;
    -- One word a group: PE biases, that of pe 0 in the low bits.
    BIASES    : word_array_t;
    DSP_STYLE : string := "auto"; -- multipliers in DSP slices: "auto", "yes" or "no" (LUTs)
    ROM_STYLE : string := "auto"  -- weights in "auto", "block" (BRAM) or "distributed" (LUTs)
  );
  port (
    clk       : in    std_ulogic;
    rst       : in    std_ulogic; -- synchronous, active high

    in_valid  : in    std_ulogic;
    in_data   : in    std_ulogic_vector(INPUTS * OUTPUTS * IN_WIDTH - 1 downto 0); -- like WEIGHTS

    out_valid : out   std_ulogic;                                    -- one cycle a group
    out_group : out   u_unsigned(index_width(OUTPUTS / PE) - 1 downto 0);
    out_acc   : out   std_ulogic_vector(PE * ACC_WIDTH - 1 downto 0) -- output group * PE lowest
  );
end entity;

architecture rtl of fpgann_depthwise_folded is

  constant FOLDS  : positive := INPUTS / SIMD;
  constant GROUPS : positive := OUTPUTS / PE;
  constant STEPS  : positive := FOLDS * GROUPS;
  constant SHARE  : positive := SIMD * IN_WIDTH; -- bits that a neuron takes a cycle
  constant CHUNK  : positive := PE * SHARE;      -- bits that all of them take

  -- Position whose weights are being addressed; all zero while idle. The inputs, the flags and the
  -- words of the memories come one cycle later.
  signal step      : natural range 0 to STEPS - 1;
  signal fold      : natural range 0 to FOLDS - 1;
  signal group_now : natural range 0 to GROUPS - 1;
  signal active    : std_ulogic;

  signal first        : std_ulogic;
  signal last         : std_ulogic;
  signal inputs_left  : std_ulogic_vector(STEPS * CHUNK - 1 downto 0); -- the next ones lowest
  signal step_weights : std_ulogic_vector(PE * SIMD * WEIGHT_WIDTH - 1 downto 0);
  signal group_biases : std_ulogic_vector(PE * BIAS_WIDTH - 1 downto 0);

  signal group_valid : std_ulogic;
  signal out_index   : natural range 0 to GROUPS - 1;

begin

  assert OUTPUTS mod PE = 0
    report "fpgann_depthwise_folded: PE = " & integer'image(PE)
           & " does not divide OUTPUTS = " & integer'image(OUTPUTS)
    severity failure;

  assert INPUTS mod SIMD = 0
    report "fpgann_depthwise_folded: SIMD = " & integer'image(SIMD)
           & " does not divide INPUTS = " & integer'image(INPUTS)
    severity failure;

  assert WEIGHTS'length = STEPS
    report "fpgann_depthwise_folded: " & integer'image(WEIGHTS'length)
           & " words of WEIGHTS for STEPS = " & integer'image(STEPS)
    severity failure;

  assert BIASES'length = GROUPS
    report "fpgann_depthwise_folded: " & integer'image(BIASES'length)
           & " words of BIASES for OUTPUTS / PE = " & integer'image(GROUPS)
    severity failure;

  active <= '1' when in_valid = '1' or step /= 0 else
            '0';

  p_sequence : process (clk)
  begin
    if rising_edge(clk) then
      if active = '1' then
        if step = STEPS - 1 then
          step <= 0;
        else
          step <= step + 1;
        end if;

        if fold = FOLDS - 1 then
          fold <= 0;
          if group_now = GROUPS - 1 then
            group_now <= 0;
          else
            group_now <= group_now + 1;
          end if;
        else
          fold <= fold + 1;
        end if;
      end if;

      first <= '0';
      last  <= '0';
      if fold = 0 then
        first <= active;
      end if;
      if fold = FOLDS - 1 then
        last <= active;
      end if;

      if rst = '1' then
        step      <= 0;
        fold      <= 0;
        group_now <= 0;
        first     <= '0';
        last      <= '0';
      end if;
    end if;
  end process;

  -- Every input passes by once: a shift register, no multiplexer of all elements.
  p_shift : process (clk)

    variable moved : std_ulogic_vector((STEPS + 1) * CHUNK - 1 downto 0);

  begin
    if rising_edge(clk) then
      moved                             := (others => '0');
      moved(STEPS * CHUNK - 1 downto 0) := inputs_left;
      if in_valid = '1' then
        inputs_left <= in_data;
      else
        inputs_left <= moved((STEPS + 1) * CHUNK - 1 downto CHUNK);
      end if;
    end if;
  end process;

  weight_memory : entity work.fpgann_rom
    generic map (
      WORDS => WEIGHTS,
      DEPTH => STEPS,
      WIDTH => PE * SIMD * WEIGHT_WIDTH,
      STYLE => ROM_STYLE
    )
    port map (
      clk     => clk,
      address => to_unsigned(step, index_width(STEPS)),
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
      address => to_unsigned(group_now, index_width(GROUPS)),
      data    => group_biases
    );

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
        in_data => inputs_left((i + 1) * SHARE - 1 downto i * SHARE),
        weights => step_weights((i + 1) * SIMD * WEIGHT_WIDTH - 1 downto i * SIMD * WEIGHT_WIDTH),
        bias    => group_biases((i + 1) * BIAS_WIDTH - 1 downto i * BIAS_WIDTH),
        acc     => out_acc((i + 1) * ACC_WIDTH - 1 downto i * ACC_WIDTH)
      );

  end generate g_neuron;

  -- Not beside the data: a reset must stop it at once.
  valid_delay : entity work.fpgann_delay
    generic map (
      WIDTH  => 1,
      CYCLES => neuron_cycles(SIMD),
      RESETS => true
    )
    port map (
      clk         => clk,
      rst         => rst,
      in_data(0)  => last,
      out_data(0) => group_valid
    );

  out_valid <= group_valid;
  out_group <= to_unsigned(out_index, index_width(GROUPS));

  p_group : process (clk)
  begin
    if rising_edge(clk) then
      if group_valid = '1' then
        if out_index = GROUPS - 1 then
          out_index <= 0;
        else
          out_index <= out_index + 1;
        end if;
      end if;

      if rst = '1' then
        out_index <= 0;
      end if;
    end if;
  end process;

end architecture;
