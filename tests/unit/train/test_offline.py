# SPDX-License-Identifier: Apache-2.0
"""Compression of files without training: what is exact stays exact, the rest is as small as asked for."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from fpgann import api
from fpgann.config import CompileOptions
from fpgann.errors import ConfigError, UnsupportedOperatorError
from fpgann.frontend import read_model
from fpgann.frontend.onnx.editing import EditableModel, file_bytes
from fpgann.frontend.onnx.runtime import Float32Runtime
from fpgann.passes.prune import signed_digits
from fpgann.train.offline import compress_model
from fpgann.train.plan import plan_of

SIZES = (5, 8, 6, 3)


def network(folder: Path, *, kind: str = "Gemm", function: str = "Relu", seed: int = 0) -> Path:
    """An MLP whose first layer has a copy, a multiple, a constant and an unread neuron."""
    rng = np.random.default_rng(seed)
    weights = [rng.normal(size=(n, m)).astype(np.float32) for m, n in itertools.pairwise(SIZES)]
    biases = [rng.normal(size=n).astype(np.float32) for n in SIZES[1:]]
    weights[0][1], biases[0][1] = weights[0][0], biases[0][0]
    weights[0][2], biases[0][2] = 2 * weights[0][3], 2 * biases[0][3]
    weights[0][4] = 0
    weights[1][:, 5] = 0
    nodes, constants, value = [], [], "x"
    for number, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        last = number == len(weights) - 1
        matrix = weight if kind == "Gemm" else weight.T
        constants += [numpy_helper.from_array(matrix.copy(), f"w{number}"), numpy_helper.from_array(bias, f"b{number}")]
        result = "y" if last else f"s{number}"
        if kind == "Gemm":
            nodes.append(helper.make_node("Gemm", [value, f"w{number}", f"b{number}"], [result], transB=1))
        else:
            nodes.append(helper.make_node("MatMul", [value, f"w{number}"], [f"p{number}"], name=f"fc{number}"))
            nodes.append(helper.make_node("Add", [f"b{number}", f"p{number}"], [result]))
        if not last:
            nodes.append(helper.make_node(function, [result], [f"h{number}"]))
            value = f"h{number}"
    graph = helper.make_graph(
        nodes,
        "mlp",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["batch", SIZES[0]])],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["batch", SIZES[-1]])],
        constants,
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path = folder / "mlp.onnx"
    onnx.save(proto, path)
    return path


def inputs(count: int = 64) -> dict[str, Any]:
    return {"x": np.random.default_rng(1).uniform(-1, 1, (count, 1, SIZES[0])).astype(np.float32).astype(np.float64)}


def run(model: Any) -> Any:
    return Float32Runtime(model).run(inputs())["y"]


@pytest.mark.parametrize("kind", ["Gemm", "MatMul"])
def test_a_model_written_again_computes_the_same(kind: str, tmp_path: Path) -> None:
    model = read_model(network(tmp_path, kind=kind))
    edited = EditableModel(model)
    assert [layer.weight.shape for layer in edited.layers.values()] == [(8, 5), (6, 8), (3, 6)]
    assert np.allclose(run(edited.model_now()), run(model), atol=1e-5)
    (tmp_path / "again.onnx").write_bytes(file_bytes(edited.write()))
    again = read_model(tmp_path / "again.onnx")
    assert np.allclose(run(again), run(model), atol=1e-5)
    assert again.inputs == model.inputs
    onnx.checker.check_model(edited.write(), full_check=True)


@pytest.mark.parametrize("kind", ["Gemm", "MatMul"])
@pytest.mark.parametrize(("function", "left"), [("Relu", 4), ("LeakyRelu", 4), ("Sigmoid", 5)])
def test_copies_and_dead_neurons_go_without_a_trace(kind: str, function: str, left: int, tmp_path: Path) -> None:
    model = read_model(network(tmp_path, kind=kind, function=function))
    outcome = compress_model(model, plan_of({"quantize": {"weight_bits": 16, "activation_bits": 16}}), inputs())
    assert [(m.before, m.after, m.error_bound) for m in outcome.merged] == [(8, left, 0.0), (6, 6, 0.0)]
    assert np.allclose(run(outcome.model.model_now()), run(model), atol=2e-3)


def convolutional(folder: Path) -> tuple[Any, Any]:
    """A network of torch with batch normalizations, and samples for it."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (pip install 'fpgann[train]')")
    nn = torch.nn
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Conv2d(1, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 5, 2), nn.ReLU(),
        nn.Flatten(), nn.Linear(5, 6), nn.BatchNorm1d(6), nn.Sigmoid(), nn.Linear(6, 3),
    )  # fmt: skip
    for _ in range(5):
        module(torch.randn(16, 1, 6, 6))
    path = folder / "cnn.onnx"
    torch.onnx.export(
        module.eval(), (torch.zeros(1, 1, 6, 6),), path, dynamo=False, input_names=["x"], output_names=["y"],
        dynamic_axes={"x": {0: "batch"}}, training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False,
    )  # fmt: skip
    return read_model(path), {"x": np.random.default_rng(2).normal(size=(32, 1, 1, 6, 6)).astype(np.float32)}


@pytest.mark.filterwarnings("ignore")
def test_convolutions_and_batch_normalizations(tmp_path: Path) -> None:
    model, data = convolutional(tmp_path)
    assert sum(node.op_type == "BatchNormalization" for node in model.proto.graph.node) == 2
    edited = EditableModel(model)
    wanted = Float32Runtime(model).run(data)["y"]
    assert [layer.weight.shape for layer in edited.layers.values()] == [(4, 1, 3, 3), (5, 4, 2, 2), (6, 5), (3, 6)]
    assert [(link.homogeneous, len(link.functions)) for link in edited.links()] == [(True, 2), (True, 2), (False, 1)]
    assert not any(node.op_type == "BatchNormalization" for node in edited.write().graph.node)
    assert np.allclose(Float32Runtime(edited.model_now()).run(data)["y"], wanted, atol=1e-5)
    fine = compress_model(model, plan_of({"quantize": {"weight_bits": 12, "activation_bits": 12}}), data)
    assert np.allclose(Float32Runtime(fine.model.model_now()).run(data)["y"], wanted, atol=2e-2)
    half = compress_model(model, plan_of({"merge": {"keep": 0.5}}), data)
    assert [(m.before, m.after) for m in half.merged] == [(4, 2), (5, 2), (6, 3)]
    compiled(half, tmp_path)


def compiled(outcome: Any, folder: Path) -> api.Design:
    path = folder / "small.onnx"
    path.write_bytes(file_bytes(outcome.model.write()))
    return api.compile(path, folder / "build", CompileOptions(), force=True)


def dense_codes(design: api.Design) -> list[Any]:
    return [node.op.weight.data for node in design.graph.nodes if node.op.name == "dense"]


@pytest.mark.parametrize("kind", ["Gemm", "MatMul"])
@pytest.mark.parametrize(
    ("document", "largest"),
    [
        ({"quantize": {"weight_bits": 4, "activation_bits": 6}}, 7),
        ({"quantize": {"weight_bits": 4, "per": "channel"}}, 7),
        ({"quantize": {"weight_bits": 5, "scale": "free"}}, 15),
        ({"quantize": {"weights": "ternary"}}, 1),
        ({"quantize": {"weights": "binary", "scale": "free"}}, 1),
    ],
)
def test_what_comes_out_is_compiled_as_it_is(kind: str, document: Any, largest: int, tmp_path: Path) -> None:
    outcome = compress_model(read_model(network(tmp_path, kind=kind)), plan_of(document), inputs())
    design = compiled(outcome, tmp_path)
    assert not any("calibration" in warning for warning in design.warnings)  # all types come from the file
    for codes in dense_codes(design):
        assert np.abs(codes).max() <= largest
    if document["quantize"].get("weights") == "binary":
        assert all(np.all(codes != 0) for codes in dense_codes(design))


def test_pruning_and_sharing(tmp_path: Path) -> None:
    document = {"prune": {"sparsity": 0.5}, "share": {"values": 3}, "quantize": {"weight_bits": 8}}
    outcome = compress_model(read_model(network(tmp_path)), plan_of(document), inputs())
    weights = [layer.weight for layer in outcome.model.layers.values()]
    assert sum(np.sum(w == 0) for w in weights) >= round(0.5 * sum(w.size for w in weights))
    for codes in dense_codes(compiled(outcome, tmp_path)):
        assert len(set(codes[codes != 0].tolist())) <= 3


def test_digits_and_neurons(tmp_path: Path) -> None:
    model = read_model(network(tmp_path))
    plain = compress_model(model, plan_of({"quantize": {"weight_bits": 6}}), inputs())
    cut = compress_model(
        model, plan_of({"prune": {"sparsity": 0.5, "what": "digits"}, "quantize": {"weight_bits": 6}}), inputs()
    )
    count = [
        sum(np.count_nonzero(signed_digits(codes)) for codes in dense_codes(compiled(outcome, tmp_path)))
        for outcome in (plain, cut)
    ]
    assert count[1] <= 0.55 * count[0]
    fewer = compress_model(model, plan_of({"prune": {"sparsity": 0.5, "what": "neurons"}}), inputs())
    assert [len(layer.weight) for layer in fewer.model.layers.values()] == [2, 3, 3]


def test_bias_correction_lowers_the_mean_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fpgann.train import offline

    model = read_model(network(tmp_path))
    plan = plan_of({"quantize": {"weight_bits": 3, "activation_bits": 8}})

    def bias_of_output() -> float:
        difference = run(compress_model(model, plan, inputs()).model.model_now()) - run(model)
        return float(np.abs(difference.mean(axis=0)).max())

    corrected = bias_of_output()
    monkeypatch.setattr(offline, "_correct_bias", lambda *given: None)
    assert corrected < 0.3 * bias_of_output()


def test_what_cannot_be_done_is_refused(tmp_path: Path) -> None:
    model = read_model(network(tmp_path))
    with pytest.raises(ConfigError, match="widths are learned by training"):
        compress_model(model, plan_of({"quantize": {"learn_bits": True}}), inputs())
    with pytest.raises(ConfigError, match="the layers are"):
        compress_model(model, plan_of({"layers": {"fc": {"weight_bits": 4}}}), inputs())
    again = compress_model(model, plan_of({}), inputs()).model.model_now()
    with pytest.raises(UnsupportedOperatorError, match="no layer with real weights"):
        compress_model(again, plan_of({}), inputs())


def test_mixed_precision_keeps_its_budget_and_beats_equal_widths(tmp_path: Path) -> None:
    model = read_model(network(tmp_path, seed=0))
    searched = compress_model(model, plan_of({"search": {"budget": 4.0}}), inputs())
    equal = compress_model(model, plan_of({"quantize": {"weight_bits": 4}}), inputs())
    errors = [float(np.sum((run(o.model.model_now()) - run(model)) ** 2)) for o in (searched, equal)]
    assert errors[0] < errors[1]
    design = compiled(searched, tmp_path)
    widths = [int(np.abs(codes).max()).bit_length() + 1 for codes in dense_codes(design)]
    sizes = [codes.size for codes in dense_codes(design)]
    assert sum(w * s for w, s in zip(widths, sizes, strict=True)) <= 4.0 * sum(sizes)
