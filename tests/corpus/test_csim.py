# SPDX-License-Identifier: Apache-2.0
"""Models of the corpus as HLS C++: every layer exact on every stored vector."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import require_tool
from tests.corpus.models import fpgann, load
from tests.corpus.test_simulate import OPTIONS

FAST = (
    ("brevitas_qonnx/qconv1d_w4a4_24__qonnx", "stream"),
    ("onnx2c_models/onnx2c_velardo_lesson9", "parallel"),
    ("torch_arch/grucell_step__ts", "parallel"),
    ("torch_arch/tcn_dilated_24__ts", "stream"),
)
SLOW = (
    ("arm_kws/armkws_DNN_S", "stream"),
    ("brevitas_qcdq/cnv_2w2a_slim8__qcdq", "stream"),
    ("brevitas_qonnx/qresblock_w4a4_8__qonnx", "stream"),
    ("gnn/fair4hep_hbb_in_small_n12__ts", "stream"),
    ("mlperf_tiny/mlperf_resnet8_keras", "stream"),
    ("onnx2c_models/onnx2c_lstm_keras_relu", "stream"),
    ("ort_quantized/ortq_densenet_qdq_concat_u8s8", "stream"),
    ("qkeras_qonnx/qk_3layer", "parallel"),
    ("torch_arch/dgcnn_knn4_p16__ts", "stream"),
    ("torch_arch/gan_generator_16__ts", "stream"),
    ("torch_arch/lstm_digits_rows__ts", "stream"),
    ("torch_arch/pixelshuffle_sr_8__ts", "stream"),
    ("torch_arch/tiny_transformer_rows__ts", "stream"),
)


@pytest.mark.parametrize(
    ("name", "io"), [*FAST, *(pytest.param(name, io, marks=pytest.mark.slow) for name, io in SLOW)]
)
def test_every_layer_is_exact_on_all_stored_vectors(corpus: Path, tmp_path: Path, name: str, io: str) -> None:
    for tool in ("g++", "hls4ml"):
        require_tool(tool)
    entry = load(corpus, name)
    inputs, build, delivered, emulated = entry.write_inputs(tmp_path), *(tmp_path / f for f in ("b", "h.npz", "e.npz"))
    options = ("--target", "hls", "--io", io, "--calibration", inputs, *OPTIONS.get(name, ()))
    for call in (
        fpgann("compile", entry.model, "-o", build, *options),
        fpgann("simulate", build, "--inputs", inputs, "-o", delivered),
        fpgann("emulate", build, "--inputs", inputs, "-o", emulated),
    ):
        assert call.status == 0, call
    verdict = json.loads((build / "simulate.json").read_text())
    samples = len(next(iter(entry.inputs.values())))
    assert (verdict["vectors"], verdict["mismatches"], verdict["bit_exact"]) == (samples, 0, True)
    assert (verdict["simulator"], verdict["compared"]) == ("csim", "layers")
    with np.load(delivered) as hardware, np.load(emulated) as reference:
        assert sorted(hardware) == sorted(reference)
        assert all(np.array_equal(hardware[key], reference[key]) for key in reference)
