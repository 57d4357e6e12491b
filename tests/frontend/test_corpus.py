# SPDX-License-Identifier: Apache-2.0
"""Models of the corpus: those of supported operators import and compute what the stored vectors say."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from fpgann.errors import FpgannError, UnsupportedOperatorError
from fpgann.frontend import explain, import_onnx, read_model
from fpgann.frontend.onnx.runtime import Float32Runtime
from fpgann.ir.verify import verify
from tests.frontend import interpreter

IMPORTED = [
    "arm_kws/armkws_DNN_S",
    "brevitas_qonnx/qmlp_w3a5_po2_bc__qonnx",
    "brevitas_qonnx/qmlp_w4a4_bc__qonnx",
    "brevitas_qonnx/qmlp_w4a4_bc__qonnx_dyn",
    "brevitas_qonnx/qmlp_w8a8_perchannel_bc__qonnx",
    "brevitas_qonnx/tfc_1w1a__qonnx",
    "brevitas_qonnx/tfc_2w2a__qonnx",
    "brevitas_qonnx/tfc_2w2a__qonnx_dyn",
    "hls4ml_example_keras/k2o_KERAS_1layer",
    "hls4ml_example_keras/k2o_KERAS_3layer",
    "hls4ml_example_keras/k2o_KERAS_3layer_95pruned_retrained",
    "hls4ml_example_onnx/em_bnn_fc_1layer",
    "hls4ml_example_onnx/em_three_layer_keras",
    "hls4ml_example_onnx/em_three_layer_pytorch",
    "hls4ml_example_onnx/em_two_layer_keras",
    "mlperf_tiny_v07/mlperf_v07_alibaba_ad",
    "onnx2c_models/onnx2c_tfl_helloworld",
    "onnx2c_models/onnx2c_velardo_lesson9",
    "ort_datasets/ort_mul_1",
    "physics/cms_l1t_tau_3layer",
    "qkeras_qonnx/qk_3layer",
    "qonnx_zoo/zoo_TFC_1W1A",
    "qonnx_zoo/zoo_TFC_1W2A",
    "qonnx_zoo/zoo_kwsmlp_w3a3",
    "qonnx_zoo/zoo_qkeras_jettagging",
    "tflite_micro/tflm_hello_world_float",
    "torch_arch/bn_mlp_breast_cancer__dynamo",
    "torch_arch/bn_mlp_breast_cancer__dynamo_dynb",
    "torch_arch/bn_mlp_breast_cancer__ts",
    "torch_arch/bn_mlp_breast_cancer__ts_dynb",
    "torch_arch/mlp_2_50_25_1__dynamo",
    "torch_arch/mlp_2_50_25_1__dynamo_dynb",
    "torch_arch/mlp_2_50_25_1__ts",
    "torch_arch/mlp_2_50_25_1__ts_dynb",
    "vnncomp/vnn_nn4sys_lindex",
    "vnncomp/vnn_reach_vdp",
    "vnncomp/vnn_rl_cartpole",
]
# exported with the whole data set as a fixed batch
SHAPES = {"hls4ml_example_onnx/em_three_layer_pytorch": {"0": (1, 16)}}
SUPPORTED_OPERATORS = frozenset(
    {
        *(
            "Gemm",
            "MatMul",
            "Add",
            "Sub",
            "Mul",
            "Div",
            "Neg",
            "BatchNormalization",
            "Relu",
            "Sigmoid",
            "Tanh",
        ),
        *(
            "Reshape",
            "Flatten",
            "Squeeze",
            "Unsqueeze",
            "Identity",
            "Dropout",
            "Transpose",
            "Softmax",
            "Shape",
        ),
        *("Quant", "IntQuant", "BipolarQuant"),
    }
)


def entries(corpus: Path) -> dict[str, dict]:
    catalog = json.loads((corpus / "catalog.json").read_text(encoding="utf-8"))
    return {entry["model"].removeprefix("models/").removesuffix(".onnx"): entry for entry in catalog["models"]}


def refusal(path: Path, shapes) -> FpgannError | None:
    try:
        import_onnx(read_model(path, shapes))
    except FpgannError as error:
        return error
    return None


def load(corpus: Path, name: str):
    model = read_model(corpus / "models" / f"{name}.onnx", SHAPES.get(name))
    vectors = np.load(corpus / "models" / f"{name}.npz")
    inputs = {port.name: vectors[f"in{i}"] for i, port in enumerate(model.inputs)}
    return model, inputs, [vectors[f"out{i}"] for i in range(len(model.outputs))]


@pytest.mark.parametrize("name", IMPORTED)
def test_import_computes_the_stored_outputs(corpus, name):
    model, inputs, outputs = load(corpus, name)
    graph = verify(import_onnx(model), "the import")
    assert [value.name for value in graph.inputs] == [port.name for port in model.inputs]
    values = interpreter.run(graph, inputs)
    for delivered, wanted in zip(model.outputs, outputs, strict=True):
        got = values[graph.outputs[delivered]].reshape(wanted.shape)
        assert np.abs(got - wanted).max() <= 1e-5 * np.abs(wanted).max(), delivered


def test_single_operators(corpus, tmp_path):
    """Hundreds of one-operator models: each is refused in one line or computes what is stored."""
    imported = 0
    for archive in sorted((corpus / "node").glob("*.zip")):
        with zipfile.ZipFile(archive) as files:
            for member in (name for name in files.namelist() if name.endswith(".onnx")):
                path = tmp_path / "model.onnx"
                path.write_bytes(files.read(member))
                if (error := refusal(path, None)) is not None:
                    assert "\n" not in str(error)
                    continue
                vectors = np.load(io.BytesIO(files.read(member.replace(".onnx", ".npz"))))
                model = read_model(path)
                graph = verify(import_onnx(model), "the import")
                inputs = {p.name: vectors[f"in{i}"].reshape(1, *p.shape) for i, p in enumerate(model.inputs)}
                values = interpreter.run(graph, inputs)
                for i, delivered in enumerate(model.outputs):
                    got, wanted = values[graph.outputs[delivered]][0], vectors[f"out{i}"]
                    np.testing.assert_allclose(got.reshape(wanted.shape), wanted, 1e-4, 1e-5, err_msg=member)
                imported += 1
    assert imported >= 49


@pytest.mark.parametrize("name", IMPORTED)
def test_runtime_computes_the_stored_outputs(corpus, name):
    model, inputs, outputs = load(corpus, name)
    results = Float32Runtime(model).run(inputs)
    for delivered, wanted in zip(model.outputs, outputs, strict=True):
        got = results[delivered].reshape(wanted.shape)
        # other processors add up in another order; quantized models hide it
        assert np.abs(got - wanted).max() <= 1e-6 * np.abs(wanted).max(), delivered


def test_every_model_is_imported_or_refused_in_one_line(corpus):
    refused = []
    for name, entry in entries(corpus).items():
        path = corpus / entry["model"]
        if (error := refusal(path, SHAPES.get(name))) is not None:
            assert isinstance(error, UnsupportedOperatorError), f"{name}: {error}"
            assert "\n" not in str(error)
            assert path.name in str(error)
            assert error.hint or "cannot be built" in error.message, name
            refused.append(name)
    assert sorted(set(entries(corpus)) - set(refused)) == sorted(IMPORTED)


def test_models_of_supported_operators_are_imported(corpus):
    """Except for those that use them on two computed tensors."""
    for name, entry in entries(corpus).items():
        operators = {key.rpartition("::")[2] for key in entry["ops"]}
        if operators <= SUPPORTED_OPERATORS:
            assert name in IMPORTED


def test_explain_names_what_is_missing(corpus):
    model = read_model(corpus / "models/brevitas_qonnx/qlenet_w4a4_28__qonnx.onnx")
    report = explain(model)
    refused = [entry for entry in report if not entry.supported]
    assert {entry.op for entry in refused} == {"Conv", "MaxPool"}
    assert all(entry.hint for entry in refused)
    built = {entry.op: entry.built_as for entry in report if entry.supported}
    assert built["Gemm"].startswith("dense")
    assert "not checked" not in "".join(built.values())  # shapes go through nodes that cannot be built


def test_zoo_weights_are_codes(corpus):
    graph = import_onnx(read_model(corpus / "models/qonnx_zoo/zoo_TFC_1W2A.onnx"))
    dense = [node.op for node in graph.nodes if node.op.name == "dense"]
    assert len(dense) == 4
    for op in dense:
        assert set(np.unique(op.weight.data)) == {-1, 1}
        assert op.weight.encoding.plain
    graph = import_onnx(read_model(corpus / "models/brevitas_qonnx/qmlp_w8a8_perchannel_bc__qonnx.onnx"))
    dense = [node.op for node in graph.nodes if node.op.name == "dense"]
    assert [len(op.weight.encoding.scale) for op in dense] == [32, 16, 2]
