# SPDX-License-Identifier: Apache-2.0
"""Models of the corpus: those of supported operators import and compute what the stored vectors say."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from fpgann.errors import FpgannError, UnsupportedOperatorError
from fpgann.frontend import OnnxModel, explain, import_onnx, read_model, samplewise
from fpgann.frontend.onnx.runtime import Float32Runtime
from fpgann.ir.verify import verify
from tests.frontend import interpreter

# models that hold one of these cannot be imported yet; all others can
REFUSED_OPERATORS = frozenset({"DynamicQuantizeLinear"})
MAPS = frozenset({"Conv", "ConvTranspose", "QLinearConv", "MaxPool", "AveragePool"})
MAP_SAMPLES, MOST_MACS = 4, 100_000_000  # for the interpreter, which takes its time
# exact arithmetic and float32 take different sides of a tie: one step of the output's quantizer
TIES = {"ort_quantized/ortq_densenet_qdq_concat_u8s8": 0.01, "ort_quantized/ortq_mlperf_resnet8_qdq_po2ish_s8s8": 0.01}


def entries(corpus: Path) -> dict[str, dict]:
    catalog = json.loads((corpus / "catalog.json").read_text(encoding="utf-8"))
    return {entry["model"].removeprefix("models/").removesuffix(".onnx"): entry for entry in catalog["models"]}


def is_supported(entry: dict) -> bool:
    return not {key.rpartition("::")[2] for key in entry["ops"]} & REFUSED_OPERATORS


@pytest.fixture(scope="module")
def supported(corpus) -> list[str]:
    return [name for name, entry in entries(corpus).items() if is_supported(entry)]


def read(path: Path, entry: dict | None = None) -> OnnxModel:
    """A model with the shapes that the catalog fed where the file leaves more than the batch axis open."""
    ports = [] if entry is None else entry["inputs"]
    if any(not isinstance(size, int) for port in ports for size in port["shape"][1:]):
        return read_model(path, {port["name"]: tuple(port["fed_shape"]) for port in ports})
    return samplewise(read_model(path))


def refusal(path: Path, entry: dict | None = None) -> FpgannError | None:
    try:
        import_onnx(read(path, entry))
    except FpgannError as error:
        return error
    return None


def load(corpus: Path, name: str):
    entry = entries(corpus)[name]
    samples = MAP_SAMPLES if MAPS & {key.rpartition("::")[2] for key in entry["ops"]} else None
    model = read(corpus / "models" / f"{name}.onnx", entry)
    vectors = np.load(corpus / "models" / f"{name}.npz")
    inputs = {port.name: vectors[f"in{i}"][:samples] for i, port in enumerate(model.inputs)}
    return model, inputs, [vectors[f"out{i}"][:samples] for i in range(len(model.outputs))]


def difference(got: np.ndarray, wanted: np.ndarray) -> float:
    """The largest error, as a share of the largest number."""
    return float(np.abs(got.reshape(wanted.shape) - wanted).max() / np.abs(wanted).max())


def test_import_computes_the_stored_outputs(corpus, supported):
    for name in supported:
        if entries(corpus)[name]["macs"] > MOST_MACS:
            continue
        model, inputs, outputs = load(corpus, name)
        graph = verify(import_onnx(model), "the import")
        assert [value.name for value in graph.inputs] == [port.name for port in model.inputs]
        values = interpreter.run(graph, inputs)
        for delivered, wanted in zip(model.outputs, outputs, strict=True):
            assert difference(values[graph.outputs[delivered]], wanted) <= TIES.get(name, 1e-5), (name, delivered)


def test_single_operators(corpus, tmp_path):
    """Hundreds of one-operator models, each imported or refused in one line; `fpgann.onnx_backend` compares results."""
    imported = 0
    for archive in sorted((corpus / "node").glob("*.zip")):
        with zipfile.ZipFile(archive) as files:
            for member in (name for name in files.namelist() if name.endswith(".onnx")):
                path = tmp_path / "model.onnx"
                path.write_bytes(files.read(member))
                error = refusal(path)
                assert error is None or "\n" not in str(error), member
                imported += error is None
    assert imported >= 200


def test_runtime_computes_the_stored_outputs(corpus, supported):
    for name in supported:
        model, inputs, outputs = load(corpus, name)
        results = Float32Runtime(model).run(inputs)
        for delivered, wanted in zip(model.outputs, outputs, strict=True):
            # other processors add up in another order; quantized models hide it
            assert difference(results[delivered], wanted) <= 1e-6, (name, delivered)


def test_every_model_is_imported_or_refused_in_one_line(corpus, supported):
    refused = []
    for name, entry in entries(corpus).items():
        path = corpus / entry["model"]
        if (error := refusal(path, entry)) is not None:
            assert isinstance(error, UnsupportedOperatorError), f"{name}: {error}"
            assert "\n" not in str(error)
            assert path.name in str(error)
            assert error.hint or "cannot be built" in error.message, name
            refused.append(name)
    assert sorted(set(entries(corpus)) - set(refused)) == sorted(supported)


def test_explain_names_what_is_missing(corpus):
    model = read_model(corpus / "models/ort_quantized/ortq_bnmlp_dynamic_matmulinteger.onnx")
    report = explain(model)
    refused = [entry for entry in report if not entry.supported]
    assert {entry.op for entry in refused} == {"DynamicQuantizeLinear", "MatMulInteger"}  # zero points are computed
    assert all(entry.hint for entry in refused)


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
