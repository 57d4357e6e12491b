-- SPDX-License-Identifier: Apache-2.0
-- What the neurons of a dense layer read in which cycle: inputs in a ring, addresses of memories.
--
-- STEPS = (INPUTS / SIMD) * (OUTPUTS / PE) cycles an item, without a pause; no backpressure: the
-- caller keeps at least STEPS cycles from one in_valid to the next, and PAUSE + STEPS where there is
-- a pause. The first step is addressed PAUSE cycles after in_valid; its inputs come 1 cycle later,
-- together with the words of the memories, and `busy` says so. Group g is complete, and out_valid
-- says so, (g + 1) * FOLDS + 2 cycles after the first step is addressed for SIMD = 1, else
-- (g + 1) * FOLDS + 3.
-- Bit-true model: sim/models.py (dense_folded)

library ieee;
  use ieee.std_logic_1164.all;
  use ieee.numeric_std.all;
  use work.fpgann_pkg.all;

entity fpgann_dense_sequence is
  generic (
    INPUTS   : positive;    -- elements of an item: INPUTS * IN_WIDTH registers
    OUTPUTS  : positive;    -- rows of the weight matrix
    PE       : positive;    -- neurons: outputs computed at a time; divides OUTPUTS
    SIMD     : positive;    -- multipliers of a neuron; divides INPUTS
    IN_WIDTH : positive;    -- bits of an input
    PAUSE    : natural := 0 -- cycles to wait with an item: as many registers
  );
  port (
    clk      : in    std_ulogic;
    rst      : in    std_ulogic; -- synchronous, active high

    in_valid : in    std_ulogic;
    in_data  : in    std_ulogic_vector(INPUTS * IN_WIDTH - 1 downto 0); -- element 0 lowest

    -- step = group * FOLDS + fold; zero while idle
    step_index  : out   u_unsigned(index_width((INPUTS / SIMD) * (OUTPUTS / PE)) - 1 downto 0);
    group_index : out   u_unsigned(index_width(OUTPUTS / PE) - 1 downto 0);

    busy        : out   std_ulogic;                                      -- a step is computed
    first       : out   std_ulogic;                                      -- it starts a sum
    chunk       : out   std_ulogic_vector(SIMD * IN_WIDTH - 1 downto 0); -- inputs of fold * SIMD on

    out_valid   : out   std_ulogic; -- one cycle a group
    out_group   : out   u_unsigned(index_width(OUTPUTS / PE) - 1 downto 0)
  );
end entity;

architecture rtl of fpgann_dense_sequence is

  constant FOLDS      : positive := INPUTS / SIMD;
  constant GROUPS     : positive := OUTPUTS / PE;
  constant STEPS      : positive := FOLDS * GROUPS;
  constant CHUNK_BITS : positive := SIMD * IN_WIDTH; -- taken a cycle

  -- Position whose weights are being addressed; all zero while idle. The inputs, the flags and the
  -- words of the memories come one cycle later.
  signal step      : natural range 0 to STEPS - 1;
  signal fold      : natural range 0 to FOLDS - 1;
  signal group_now : natural range 0 to GROUPS - 1;
  signal go        : std_ulogic; -- the first step is addressed
  signal active    : std_ulogic;

  signal last        : std_ulogic;
  signal inputs_left : std_ulogic_vector(INPUTS * IN_WIDTH - 1 downto 0); -- the next ones lowest

  signal group_valid : std_ulogic;
  signal out_index   : natural range 0 to GROUPS - 1;

begin

  assert OUTPUTS mod PE = 0
    report "fpgann_dense_sequence: PE = " & integer'image(PE)
           & " does not divide OUTPUTS = " & integer'image(OUTPUTS)
    severity failure;

  assert INPUTS mod SIMD = 0
    report "fpgann_dense_sequence: SIMD = " & integer'image(SIMD)
           & " does not divide INPUTS = " & integer'image(INPUTS)
    severity failure;

  step_index  <= to_unsigned(step, index_width(STEPS));
  group_index <= to_unsigned(group_now, index_width(GROUPS));

  pause_delay : entity work.fpgann_delay
    generic map (
      WIDTH  => 1,
      CYCLES => PAUSE,
      RESETS => true
    )
    port map (
      clk         => clk,
      rst         => rst,
      in_data(0)  => in_valid,
      out_data(0) => go
    );

  active <= '1' when go = '1' or step /= 0 else
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

      busy  <= active;
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
        busy      <= '0';
        first     <= '0';
        last      <= '0';
      end if;
    end if;
  end process;

  -- The inputs pass by in a ring, once a group: no multiplexer of INPUTS elements. It turns without
  -- an enable, which would double its logic; an item enters it turned back by what it turns in PAUSE.
  p_rotate : process (clk)

    constant TURNED : natural := (PAUSE mod FOLDS) * CHUNK_BITS;

    variable inputs_twice : std_ulogic_vector(2 * INPUTS * IN_WIDTH - 1 downto 0);

  begin
    if rising_edge(clk) then
      if in_valid = '1' then
        inputs_twice := in_data & in_data;
        inputs_left  <= inputs_twice(2 * INPUTS * IN_WIDTH - 1 - TURNED downto INPUTS * IN_WIDTH - TURNED);
      else
        inputs_twice := inputs_left & inputs_left;
        inputs_left  <= inputs_twice(CHUNK_BITS + INPUTS * IN_WIDTH - 1 downto CHUNK_BITS);
      end if;
    end if;
  end process;

  chunk <= inputs_left(CHUNK_BITS - 1 downto 0);

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
