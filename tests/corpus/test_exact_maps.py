# SPDX-License-Identifier: Apache-2.0
"""Quantized convolutional networks: the graph of codes equals the definition in their files, with ==.

A softmax with a quantizer behind it is cut off, with all that follows: what it computes is rounded twice, by design.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import pytest

from fpgann import api, frontend, reference
from fpgann.config import CompileOptions
from fpgann.ir.verify import verify
from tests.corpus.models import load
from tests.oracle import definition
from tests.oracle.compare import count_mismatches

MODELS = {
    "brevitas_qcdq/cnv_2w2a_slim8__qcdq": 1,
    "brevitas_qcdq/qconv1d_w4a4_24__qcdq": 8,
    "brevitas_qcdq/qlenet_w4a4_28__qcdq": 2,
    "brevitas_qcdq/qlenet_w4a4_28__qcdq_dyn": 2,
    "brevitas_qcdq/qresblock_w4a4_8__qcdq": 4,
    "brevitas_qonnx/cnv_1w1a_slim8__qonnx": 1,
    "brevitas_qonnx/cnv_2w2a_slim8__qonnx": 1,
    "brevitas_qonnx/qconv1d_w4a4_24__qonnx": 8,
    "brevitas_qonnx/qlenet_w4a4_28__qonnx": 2,
    "brevitas_qonnx/qlenet_w4a4_28__qonnx_dyn": 2,
    "brevitas_qonnx/qresblock_w4a4_8__qonnx": 4,
    "mlperf_tiny/mlperf_kws_dscnn_int8": 1,
    "ort_quantized/ortq_densenet_qdq_concat_u8s8": 2,
    "ort_quantized/ortq_lenet5_qdq_s8s8_perchannel": 2,
    "ort_quantized/ortq_mlperf_resnet8_qdq_po2ish_s8s8": 1,
    "ort_quantized/ortq_resnet8_qoperator_u8u8": 1,
    "tflite_micro/tflm_micro_speech_int8": 2,
}
"""Models, and how many samples of each."""
FAST = {
    "brevitas_qcdq/qlenet_w4a4_28__qcdq",
    "brevitas_qonnx/qconv1d_w4a4_24__qonnx",
    "brevitas_qonnx/qresblock_w4a4_8__qonnx",
    "ort_quantized/ortq_lenet5_qdq_s8s8_perchannel",
    "tflite_micro/tflm_micro_speech_int8",
}


def before_softmax(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model up to what its softmax reads; the model itself if it has none, or nothing behind it."""
    softmax = next((i for i, node in enumerate(model.graph.node) if node.op_type == "Softmax"), None)
    if softmax is None or softmax == len(model.graph.node) - 1:
        return model
    result = onnx.ModelProto()
    result.CopyFrom(model)
    del result.graph.node[softmax:]
    del result.graph.output[:]
    result.graph.output.append(onnx.ValueInfoProto(name=model.graph.node[softmax].input[0]))
    result.graph.output[0].type.tensor_type.elem_type = onnx.TensorProto.FLOAT
    return result


@pytest.mark.parametrize("name", [pytest.param(n, marks=() if n in FAST else pytest.mark.slow) for n in MODELS])
def test_codes_are_those_of_the_definition(corpus: Path, tmp_path: Path, name: str) -> None:
    entry, samples = load(corpus, name), MODELS[name]
    model = before_softmax(definition.load(entry.model))
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    options = CompileOptions()
    imported = verify(frontend.import_onnx(frontend.samplewise(frontend.read_model(path))), "the import")
    real = verify(api._folded(imported, options.softmax), "folding")
    inputs = {key: np.asarray(array[:samples]) for key, array in entry.inputs.items()}
    values = reference.run_values(real, {key: array.astype(np.float64) for key, array in inputs.items()})
    plan, graph, _ = api._quantize(real, values, options, calibrated=False)
    assert plan.types == {}
    codes = reference.run_codes(
        graph, {v.name: reference.encode_input(v, inputs[v.name].astype(np.float64)) for v in graph.inputs}
    )
    exact = definition.run(model, inputs)
    for delivered, value in graph.outputs.items():
        wanted = exact.values[exact.logits.get(delivered, delivered)]
        build = SimpleNamespace(graph=graph)
        assert count_mismatches(build, delivered, codes[value], wanted, exact) == 0
