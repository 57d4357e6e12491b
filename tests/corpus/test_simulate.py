# SPDX-License-Identifier: Apache-2.0
"""MLPs and small convolutional networks of the corpus through the command line: bit-exact on every stored vector."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import require_tool
from tests.corpus.models import Entry, fpgann, load

OPTIONS = {
    # exported with the whole data set as a fixed batch
    "hls4ml_example_onnx/em_three_layer_pytorch": ("--input-shape", "0=1x16"),
    "onnx2c_models/onnx2c_lstm_keras_relu": ("--input-shape", "input_1=1x7x5"),
}
JET_MODEL = "qonnx_zoo/zoo_qkeras_jettagging"
FAST = [
    "hls4ml_example_keras/k2o_KERAS_1layer",
    "hls4ml_example_keras/k2o_KERAS_3layer_95pruned_retrained",
    "qonnx_zoo/zoo_TFC_1W1A",
    "torch_arch/mlp_2_50_25_1__dynamo",
    JET_MODEL,
]
SLOW = [
    "arm_kws/armkws_DNN_S",
    "brevitas_qcdq/qmlp_w3a5_po2_bc__qcdq",
    "brevitas_qcdq/qmlp_w4a4_bc__qcdq",
    "brevitas_qcdq/qmlp_w4a4_bc__qcdq_dyn",
    "brevitas_qcdq/qmlp_w8a8_perchannel_bc__qcdq",
    "brevitas_qcdq/tfc_2w2a__qcdq",
    "brevitas_qcdq/tfc_2w2a__qcdq_dyn",
    "brevitas_qonnx/qconv1d_w4a4_24__qonnx",
    "brevitas_qonnx/qmlp_w3a5_po2_bc__qonnx",
    "brevitas_qonnx/qmlp_w4a4_bc__qonnx",
    "brevitas_qonnx/qmlp_w4a4_bc__qonnx_dyn",
    "brevitas_qonnx/qmlp_w8a8_perchannel_bc__qonnx",
    "brevitas_qonnx/tfc_1w1a__qonnx",
    "brevitas_qonnx/tfc_2w2a__qonnx",
    "brevitas_qonnx/tfc_2w2a__qonnx_dyn",
    "hls4ml_example_keras/k2o_KERAS_3layer",
    "hls4ml_example_keras/k2o_KERAS_conv1d_small",
    "hls4ml_example_keras/k2o_KERAS_conv2d_model",
    "hls4ml_example_onnx/em_bnn_fc_1layer",
    "hls4ml_example_onnx/em_three_layer_keras",
    "hls4ml_example_onnx/em_three_layer_pytorch",
    "hls4ml_example_onnx/em_two_layer_keras",
    "mlperf_tiny_v07/mlperf_v07_alibaba_ad",
    "onnx2c_models/onnx2c_conv_k2_maxpool_k2",
    "onnx2c_models/onnx2c_maxpool_k2_s2",
    "onnx2c_models/onnx2c_tfl_helloworld",
    "onnx2c_models/onnx2c_velardo_lesson9",
    "ort_quantized/ortq_mlp_2_50_25_1_qdq_s8s8_sym",
    "physics/cms_l1t_tau_3layer",
    "qkeras_qonnx/qk_3layer",
    "qonnx_zoo/zoo_TFC_1W2A",
    "qonnx_zoo/zoo_kwsmlp_w3a3",
    "tflite_micro/tflm_hello_world_float",
    "torch_arch/activation_zoo_wine__ts",
    "torch_arch/bn_mlp_breast_cancer__dynamo",
    "torch_arch/bn_mlp_breast_cancer__dynamo_dynb",
    "torch_arch/bn_mlp_breast_cancer__ts",
    "torch_arch/bn_mlp_breast_cancer__ts_dynb",
    "torch_arch/deepsets_masked_n8__ts",
    "torch_arch/gcn_fixed_adj_n10__ts",
    "torch_arch/grucell_step__dynamo",
    "torch_arch/grucell_step__ts",
    "torch_arch/mlp_2_50_25_1__dynamo_dynb",
    "torch_arch/mlp_2_50_25_1__ts",
    "torch_arch/mlp_2_50_25_1__ts_dynb",
    "torch_arch/multi_io_split_where__dynamo",
    "torch_arch/multi_io_split_where__ts",
    "vnncomp/vnn_nn4sys_lindex",
    "vnncomp/vnn_reach_vdp",
    "vnncomp/vnn_rl_cartpole",
]
REFUSED = {
    "audio/silero_vad_half_if": "give the shape with --input-shape",
    "ort_quantized/ortq_bnmlp_dynamic_matmulinteger": "DynamicQuantizeLinear",
}


def compile_and_simulate(entry: Entry, folder: Path) -> dict[str, float]:
    """Every step must succeed; seconds of each."""
    build, inputs, delivered = folder / "build", entry.write_inputs(folder), folder / "hardware.npz"
    model = (entry.model, *OPTIONS.get(entry.name, ()))
    steps = {
        "check": fpgann("check", *model),
        "compile": fpgann("compile", *model, "-o", build, "--target", "vhdl", "--calibration", inputs),
        "simulate": fpgann("simulate", build, "--simulator", "ghdl", "--inputs", inputs, "-o", delivered),
    }
    for call in steps.values():
        assert call.status == 0, call
    verdict = json.loads((build / "simulate.json").read_text())
    samples = len(next(iter(entry.inputs.values())))
    assert samples >= 64
    assert (verdict["vectors"], verdict["mismatches"], verdict["bit_exact"]) == (samples, 0, True)
    assert verdict["first_divergence"] is None
    manifest = json.loads((build / "manifest.json").read_text())
    assert (verdict["latency_cycles"], verdict["ii"]) == (manifest["latency_cycles"], manifest["interval_cycles"])
    emulated = folder / "emulated.npz"
    call = fpgann("emulate", build, "--inputs", inputs, "-o", emulated)
    assert call.status == 0, call
    with np.load(delivered) as hardware, np.load(emulated) as reference:
        assert sorted(hardware) == sorted(reference)
        assert set(entry.outputs) < set(hardware)
        for key in reference:
            assert np.array_equal(hardware[key], reference[key]), key
    return {step: call.seconds for step, call in steps.items()}


@pytest.mark.parametrize("name", [*FAST, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)])
def test_bit_exact_on_all_stored_vectors(corpus: Path, tmp_path: Path, name: str) -> None:
    require_tool("ghdl")
    seconds = compile_and_simulate(load(corpus, name), tmp_path)
    print(f"\n{name}: " + ", ".join(f"{step} {value:.1f} s" for step, value in seconds.items()))


@pytest.mark.slow
def test_no_model_is_refused_without_a_reason(corpus: Path) -> None:
    """`check` accepts every model but those, and says what is wrong with them."""
    catalog = json.loads((corpus / "catalog.json").read_text(encoding="utf-8"))
    calls = {
        name: fpgann("check", corpus / entry["model"], *OPTIONS.get(name, ()))
        for entry in catalog["models"]
        for name in [f"{entry['family']}/{entry['name']}"]
    }
    assert sorted(REFUSED) == sorted(name for name, call in calls.items() if call.status)
    for name, reason in REFUSED.items():
        assert reason in calls[name].out + calls[name].err, name


def test_the_jet_model_compiles_fast(corpus: Path, tmp_path: Path) -> None:
    """The goal of 5 s holds for an idle machine, so it is printed here and not asserted."""
    call = fpgann("compile", load(corpus, JET_MODEL).model, "-o", tmp_path / "build", "--target", "vhdl")
    assert call.status == 0, call
    print(f"\n{JET_MODEL}: compiled and validated in {call.seconds:.2f} s")
