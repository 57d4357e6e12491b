# SPDX-License-Identifier: Apache-2.0
"""What both exporters of PyTorch write today, and what brevitas makes of quantized layers."""

from __future__ import annotations

import io
import warnings

import numpy as np
import pytest

from fpgann.frontend import import_onnx, read_model
from fpgann.frontend.onnx.runtime import Float32Runtime
from fpgann.ir.verify import verify
from tests.frontend import interpreter

torch = pytest.importorskip("torch", reason="PyTorch is not installed (pip install 'fpgann[train]')")

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


def network(kind: str):
    nn = torch.nn
    torch.manual_seed(0)
    layers = {
        "mlp": lambda: [
            nn.Linear(6, 8),
            nn.ReLU(),
            nn.Linear(8, 5),
            nn.Tanh(),
            nn.Linear(5, 3),
            nn.Sigmoid(),
        ],
        "batch_norm": lambda: [nn.Linear(6, 8, bias=False), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3)],
        "head": lambda: [
            nn.Flatten(),
            nn.Dropout(0.5),
            nn.Linear(6, 4),
            nn.ReLU(),
            nn.Linear(4, 3),
            nn.Softmax(-1),
        ],
    }[kind]()
    model = nn.Sequential(*layers)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.BatchNorm1d):
                module.running_mean.uniform_(-1, 1)
                module.running_var.uniform_(0.5, 2)
    return model.eval()


def export(path, model, example, *, dynamo: bool, dynamic: bool):
    options = {"dynamo": dynamo, "input_names": ["x"], "output_names": ["y"]}
    if dynamic and dynamo:
        options["dynamic_shapes"] = ({0: torch.export.Dim("batch")},)
    elif dynamic:
        options["dynamic_axes"] = {"x": {0: "batch"}, "y": {0: "batch"}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(model, (example,), str(path), **options)


@pytest.mark.parametrize("kind", ["mlp", "batch_norm", "head"])
@pytest.mark.parametrize("dynamo", [True, False])
@pytest.mark.parametrize("dynamic", [True, False])
def test_exporters(tmp_path, kind, dynamo, dynamic, capsys):
    model = network(kind)
    example = torch.randn(2 if dynamic and dynamo else 1, 6)
    export(tmp_path / "model.onnx", model, example, dynamo=dynamo, dynamic=dynamic)
    capsys.readouterr()  # the exporter talks
    imported = read_model(tmp_path / "model.onnx")
    graph = verify(import_onnx(imported), "the import")
    x = np.random.default_rng(0).normal(size=(16, 1, 6)).astype(np.float32)
    with torch.no_grad():
        wanted = model(torch.from_numpy(x[:, 0])).numpy()
    got = interpreter.run(graph, {"x": x})[graph.outputs["y"]][:, 0]
    np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(Float32Runtime(imported).run({"x": x})["y"][:, 0], wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("per_channel", [True, False])
def test_brevitas(tmp_path, per_channel, capsys):
    pytest.importorskip("brevitas", reason="brevitas is not installed (pip install 'fpgann[train]')")
    from brevitas import nn as qnn
    from brevitas.export import export_qonnx

    torch.manual_seed(0)
    model = torch.nn.Sequential(
        qnn.QuantIdentity(bit_width=6),
        qnn.QuantLinear(6, 8, bias=True, weight_bit_width=4, weight_scaling_per_output_channel=per_channel),
        qnn.QuantReLU(bit_width=4),
        qnn.QuantLinear(8, 3, bias=True, weight_bit_width=3),
    )
    model(torch.randn(64, 6))
    model.eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exported = export_qonnx(model, torch.randn(1, 6))
    capsys.readouterr()
    buffer = io.BytesIO(exported.SerializeToString())
    (tmp_path / "model.onnx").write_bytes(buffer.getvalue())
    imported = read_model(tmp_path / "model.onnx")
    graph = verify(import_onnx(imported), "the import")
    dense = [node.op for node in graph.nodes if node.op.name == "dense"]
    assert [len(op.weight.encoding.scale) for op in dense] == [8 if per_channel else 1, 1]
    name = imported.inputs[0].name
    x = np.random.default_rng(0).normal(size=(16, 1, 6)).astype(np.float32)
    with torch.no_grad():
        wanted = model(torch.from_numpy(x[:, 0]))
    wanted = np.asarray(getattr(wanted, "value", wanted))
    (output,) = imported.outputs
    np.testing.assert_allclose(Float32Runtime(imported).run({name: x})[output][:, 0], wanted, rtol=1e-4, atol=1e-5)
    got = interpreter.run(graph, {name: x})[graph.outputs[output]][:, 0]
    np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-5)
