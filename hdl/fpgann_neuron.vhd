-- SPDX-License-Identifier: Apache-2.0
-- One native neuron: accumulate SIMD products a cycle, made for DSP slices.
--
-- Latency from an item's inputs to its share of `acc`: 2 cycles (product, accumulator) for
-- SIMD = 1, else 3 (product, sum, accumulator). One item a cycle, no pause between sums: the
-- item flagged `first` loads bias + products, the others add theirs. What tells that a sum is
-- complete travels beside, in an fpgann_delay that can be reset.
-- Bit-true model: sim/models.py (neuron)

library ieee;
  use ieee.std_logic_1164.all;
  use ieee.numeric_std.all;
  use work.fpgann_pkg.all;

entity fpgann_neuron is
  generic (
    SIMD         : positive;        -- products a cycle: multipliers; above 1 also an adder tree
    IN_WIDTH     : positive;        -- bits of an input; a DSP slice takes 18 to 27
    IN_SIGNED    : boolean;         -- unsigned inputs cost a multiplier bit
    WEIGHT_WIDTH : positive;        -- bits of a (signed) weight
    BIAS_WIDTH   : positive;        -- bits of the (signed) bias: 1 or 2 registers each
    ACC_WIDTH    : positive;        -- bits of the (signed) sum; it wraps where this is too few
    DSP_STYLE    : string := "auto" -- multipliers in DSP slices: "auto", "yes" or "no" (LUTs)
  );
  port (
    clk     : in    std_ulogic;

    first   : in    std_ulogic;                                 -- starts a sum
    in_data : in    std_ulogic_vector(SIMD * IN_WIDTH - 1 downto 0);
    weights : in    std_ulogic_vector(SIMD * WEIGHT_WIDTH - 1 downto 0);
    bias    : in    std_ulogic_vector(BIAS_WIDTH - 1 downto 0); -- sampled with `first`

    acc     : out   std_ulogic_vector(ACC_WIDTH - 1 downto 0)
  );
end entity;

architecture rtl of fpgann_neuron is

  constant CODE_WIDTH    : positive := code_bits(IN_WIDTH, IN_SIGNED);
  constant PRODUCT_WIDTH : positive := CODE_WIDTH + WEIGHT_WIDTH;
  constant SUM_WIDTH     : positive := PRODUCT_WIDTH + log2_ceil(SIMD);

  type products_t is array (natural range <>) of u_signed(PRODUCT_WIDTH - 1 downto 0);
  type sums_t is array (natural range <>) of u_signed(SUM_WIDTH - 1 downto 0);

  signal product       : products_t(0 to SIMD - 1);
  signal product_first : std_ulogic;
  signal product_bias  : u_signed(BIAS_WIDTH - 1 downto 0);

  signal sum       : u_signed(SUM_WIDTH - 1 downto 0);
  signal sum_first : std_ulogic;
  signal sum_bias  : u_signed(BIAS_WIDTH - 1 downto 0);

  signal base  : u_signed(ACC_WIDTH - 1 downto 0);
  signal total : u_signed(ACC_WIDTH - 1 downto 0);

  attribute use_dsp    : string;
  attribute multstyle  : string;
  attribute use_dsp of product   : signal is DSP_STYLE;
  attribute multstyle of product : signal is multstyle_of(DSP_STYLE);

begin

  assert DSP_STYLE = "auto" or DSP_STYLE = "yes" or DSP_STYLE = "no"
    report "fpgann_neuron: DSP_STYLE is '" & DSP_STYLE & "', not auto, yes or no"
    severity failure;

  acc <= std_ulogic_vector(total);

  p_multiply : process (clk)
  begin
    if rising_edge(clk) then
      for i in 0 to SIMD - 1 loop
        product(i) <= multiply(wide(to_code(element(in_data, i, IN_WIDTH), IN_SIGNED), CODE_WIDTH),
                               u_signed(element(weights, i, WEIGHT_WIDTH)), DSP_STYLE);
      end loop;

      product_first <= first;
      product_bias  <= u_signed(bias);
    end if;
  end process;

  g_single : if SIMD = 1 generate

    sum       <= product(0);
    sum_first <= product_first;
    sum_bias  <= product_bias;

  end generate g_single;

  g_tree : if SIMD > 1 generate

    -- A balanced tree as a heap: node i adds nodes 2i + 1 and 2i + 2, the products are its leaves.
    signal node : sums_t(0 to 2 * SIMD - 2);

  begin

    g_leaf : for i in 0 to SIMD - 1 generate

      node(SIMD - 1 + i) <= wide(product(i), SUM_WIDTH);

    end generate g_leaf;

    g_add : for i in 0 to SIMD - 2 generate

      node(i) <= node(2 * i + 1) + node(2 * i + 2);

    end generate g_add;

    p_sum : process (clk)
    begin
      if rising_edge(clk) then
        sum       <= node(0);
        sum_first <= product_first;
        sum_bias  <= product_bias;
      end if;
    end process;

  end generate g_tree;

  -- One adder behind a choice: of two adders synthesis would make two, and choose between them.
  base <= wide(sum_bias, ACC_WIDTH) when sum_first = '1' else
          total;

  p_accumulate : process (clk)
  begin
    if rising_edge(clk) then
      total <= base + wide(sum, ACC_WIDTH);
    end if;
  end process;

end architecture;
