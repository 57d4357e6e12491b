# SPDX-License-Identifier: Apache-2.0
"""Static checks of generated C++ find what a vendor's compiler would refuse or ignore."""

from __future__ import annotations

import pytest

from fpgann.codegen.hls.lint import lint

WEIGHTS = """
// clang-format off
static const fpgann::constant<4> fc_weights[8][6] =
    {{1, 2, 3, 4, 5, 6}};
// clang-format on
"""
LAYER = """
namespace layers {

inline fc_t fc_staircase(const fc_acc_t &code, int channel) {
#pragma HLS INLINE
  return fpgann::narrow<fc_t>(code);
}

inline void fc(
    const x_t x[8],
    fc_t y[6]) {
#pragma HLS PIPELINE II = 1
#pragma HLS ARRAY_PARTITION variable = x complete
#pragma HLS ARRAY_PARTITION variable = fc_weights cyclic factor = 3 dim = 2
  sum_t sums[6];
#pragma HLS ARRAY_PARTITION variable = sums complete
  for (int input = 0; input < 8; ++input) {
#pragma HLS UNROLL
    for (int neuron = 0; neuron < 6; ++neuron) {
#pragma HLS UNROLL
      const product_t product = fpgann::product<product_t>(x[input], fc_weights[input][neuron]);
#pragma HLS BIND_OP variable = product op = mul impl = dsp
      sums[neuron] = fpgann::sum<sum_t>(sums[neuron], product);
    }
  }
  for (int neuron = 0; neuron < 6; ++neuron) {
#pragma HLS UNROLL
    y[neuron] = fc_staircase(sums[neuron], neuron);
  }
}

}  // namespace layers
"""


def problems(layer: str) -> list[str]:
    return lint({"weights/fc.h": WEIGHTS, "layers/fc.h": layer})


def test_a_sound_layer_passes() -> None:
    assert problems(LAYER) == []


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("HLS UNROLL", "HLS UNROL", "no directive is called UNROL"),
        ("variable = x complete", "variable = z complete", "names z, which is not declared here"),
        ("variable = sums complete", "variable = y_sums complete", "names y_sums, which is not declared here"),
        ("variable = fc_weights", "variable = fc_weight", "names fc_weight, which"),
        ("factor = 3 dim = 2", "factor = 4 dim = 2", "asks for 4 parts of 6 elements"),
        ("factor = 3 dim = 2", "factor = 3 dim = 1", "asks for 3 parts of 8 elements"),
        ("factor = 3 dim = 2", "factor = 3 dim = 3", "asks for dimension 3 of 2"),
        ("impl = dsp", "impl = dsp48", "knows no impl dsp48"),
        ("PIPELINE II = 1", "PIPELINE interval = 1", "PIPELINE has no option interval"),
        ("variable = product op", "op", "BIND_OP names no variable"),
        ("input < 8; ++input", "input < last(); ++input", "a loop whose bound is no constant"),
        ("for (int input = 0; input < 8; ++input) {", "while (true) {", "a loop whose end is not known"),
        ("  sum_t sums[6];", "  sum_t *sums = new sum_t[6];", "memory allocated at run time"),
        ("  sum_t sums[6];", "  std::vector<sum_t> sums(6);", "memory allocated at run time"),
        ("return fpgann::narrow<fc_t>(code);", "return fc_staircase(code, channel);", "fc_staircase calls itself"),
        ("sum_t sums[6];", "double sums[6];", "a floating-point number"),
    ],
)
def test_what_is_wrong_is_found(old: str, new: str, message: str) -> None:
    assert old in LAYER
    found = problems(LAYER.replace(old, new, 1))
    assert any(message in line for line in found), found


def test_a_variable_of_an_inner_block_is_not_in_scope_behind_it() -> None:
    late = "#pragma HLS BIND_OP variable = product op = mul impl = dsp\n"
    layer = LAYER.replace(late, "").replace(
        "  for (int neuron = 0; neuron < 6; ++neuron) {\n#pragma HLS UNROLL\n    y",
        (f"{late}  for (int neuron = 0; neuron < 6; ++neuron) {{\n#pragma HLS UNROLL\n    y"),
    )
    assert any("names product, which is not declared here" in line for line in problems(layer))


def test_the_line_is_named() -> None:
    (found,) = problems(LAYER.replace("HLS PIPELINE", "HLS PIPED"))
    number = LAYER.split("\n").index("#pragma HLS PIPELINE II = 1") + 1
    assert found == f"layers/fc.h:{number}: no directive is called PIPED"
