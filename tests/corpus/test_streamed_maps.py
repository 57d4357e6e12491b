# SPDX-License-Identifier: Apache-2.0
"""Convolutional networks of the corpus, streamed: every stored vector through Verilator, as its Verilog."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import require_tool
from tests.corpus.models import fpgann, load

MODELS = (
    "brevitas_qcdq/qconv1d_w4a4_24__qcdq",
    "brevitas_qonnx/qlenet_w4a4_28__qonnx",
    "brevitas_qonnx/qresblock_w4a4_8__qonnx",
    "hls4ml_example_keras/k2o_KERAS_conv1d_small",
    "hls4ml_example_keras/k2o_KERAS_conv2d_model",
    "hls4ml_example_onnx/em_conv2d_small_mp_keras",
    "onnx2c_models/onnx2c_conv_k2_maxpool_k2",
    "ort_quantized/ortq_densenet_qdq_concat_u8s8",
    "tflite_micro/tflm_micro_speech_int8",
    "torch_arch/conv1d_grouped_32__ts",
    "torch_arch/dwsep_mobilenetish_28__ts",
    "torch_arch/gan_generator_16__ts",
    "torch_arch/pixelshuffle_sr_8__ts",
    "torch_arch/resnet8_w8_32__ts",
    "torch_arch/tcn_dilated_24__ts",
)
"""Small ones: Verilator compiles each in a minute or two."""


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_bit_exact_on_all_stored_vectors(corpus: Path, tmp_path: Path, name: str) -> None:
    """Back to back, then with pauses on all sides; outputs, latency and interval are those that were predicted."""
    for tool in ("ghdl", "verilator", "g++", "make", "perl"):
        require_tool(tool)
    entry = load(corpus, name)
    inputs = entry.write_inputs(tmp_path)
    build, delivered, emulated = (tmp_path / file for file in ("build", "hardware.npz", "emulated.npz"))
    for call in (
        fpgann(
            *("compile", entry.model, "-o", build, "--io", "stream", "--target", "verilog"),
            *("--precision", "fixed<8,4>", "--calibration", inputs),
        ),
        fpgann("simulate", build, "--simulator", "verilator", "--batch", "--inputs", inputs, "-o", delivered),
        fpgann("emulate", build, "--inputs", inputs, "-o", emulated),
    ):
        assert call.status == 0, call
    verdict = json.loads((build / "simulate.json").read_text())
    samples = len(next(iter(entry.inputs.values())))
    assert (verdict["vectors"], verdict["mismatches"], verdict["bit_exact"]) == (samples, 0, True)
    with np.load(delivered) as hardware, np.load(emulated) as reference:
        assert sorted(hardware) == sorted(reference)
        assert all(np.array_equal(hardware[key], reference[key]) for key in reference)
