# SPDX-License-Identifier: Apache-2.0
"""PyTorch modules handed over as they are: the same as exporting by hand."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fpgann
from fpgann.errors import ConfigError, FormatError, ToolNotFoundError, UnsupportedOperatorError
from fpgann.frontend import import_onnx, read_model
from fpgann.frontend.torch import exported
from tests.command_line import environment

torch = pytest.importorskip("torch", reason="PyTorch is not installed (pip install 'fpgann[train]')")
nn = torch.nn

pytestmark = [pytest.mark.filterwarnings("ignore")]


def mlp() -> Any:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Dropout(0.5), nn.Linear(6, 3))


class TwoInputs(nn.Module):
    """Names of inputs, a nested module, and noise while training."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.inner = mlp()
        self.head = nn.Linear(5, 2)

    def forward(self, features, extra, scale=None):
        return self.head(torch.cat([self.inner(features), extra], dim=1))


def quantized() -> Any:
    qnn = pytest.importorskip("brevitas.nn", reason="Brevitas is not installed (pip install 'fpgann[train]')")
    torch.manual_seed(2)
    return nn.Sequential(
        qnn.QuantIdentity(bit_width=6, return_quant_tensor=True),
        qnn.QuantLinear(4, 5, bias=False, weight_bit_width=4),
        qnn.QuantReLU(bit_width=4),
        qnn.QuantLinear(5, 3, bias=True, weight_bit_width=4),
    )


def by_hand(module: Any, folder: Path, inputs: tuple[Any, ...], names: list[str]) -> Path:
    """What a user would write."""
    path = folder / f"{type(module).__name__}.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(module.eval(), inputs, str(path), input_names=names)
    return path


def files(design: fpgann.Design) -> dict[str, bytes]:
    return {str(p.relative_to(design.folder)): p.read_bytes() for p in design.folder.rglob("*") if p.is_file()}


def test_a_module_gives_the_build_of_its_file(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    module, example = mlp(), torch.zeros(1, 4)
    handed = fpgann.compile(module, example, tmp_path / "handed")
    assert capfd.readouterr() == ("", "")
    path = by_hand(module, tmp_path, (example,), ["input"])
    exported_by_hand = fpgann.compile(path, tmp_path / "file")
    first, second = files(handed), files(exported_by_hand)
    assert first.keys() == second.keys()
    different = {path for path in first if first[path] != second[path]}
    assert different <= {"manifest.json"}  # the sha256 of a file that was written twice
    assert handed.manifest["top"] == "sequential"
    assert [port["name"] for port in handed.manifest["inputs"]] == ["input"]


def test_nothing_of_the_module_changes(tmp_path: Path) -> None:
    module = TwoInputs()
    module.train()
    module.inner[1].eval()  # frozen statistics: modes differ between parts
    state = {name: value.clone() for name, value in module.state_dict().items()}
    modes = [part.training for part in module.modules()]
    examples = (torch.ones(1, 4), torch.ones(1, 2))
    plans = fpgann.check(module, examples)
    assert {plan.op for plan in plans} >= {"Gemm"}
    assert [part.training for part in module.modules()] == modes
    after = module.state_dict()
    assert state.keys() == after.keys()
    assert all(torch.equal(value, after[name]) for name, value in state.items())
    with exported(module, examples) as path:
        model = read_model(path)
    assert [port.name for port in model.inputs] == ["features", "extra"]
    assert not path.exists()


def test_what_is_computed_is_inference(tmp_path: Path) -> None:
    module = mlp()
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):  # statistics of their own
        module(torch.randn(32, 4, generator=generator))
    design = fpgann.compile(module, torch.zeros(1, 4), output=tmp_path / "b", options=None, force=False)
    assert module.training
    data = np.random.default_rng(0).normal(size=(64, 4))
    wanted = module.eval()(torch.tensor(data, dtype=torch.float32)).detach().numpy()
    (delivered,) = [array for name, array in design.emulate({"input": data}).items() if not name.endswith("__raw")]
    assert np.abs(delivered - wanted).max() < 0.02


def test_brevitas_modules_become_qonnx(tmp_path: Path) -> None:
    module, example = quantized(), torch.randn(1, 4)
    module(torch.randn(64, 4))  # scales of activations
    modules = [name for name, _ in module.named_modules()]
    assert module.training
    with exported(module, example) as path:
        graph = import_onnx(read_model(path))
    assert "quantize" in {node.op.name for node in graph.nodes}
    assert module.training
    assert [name for name, _ in module.named_modules()] == modules
    design = fpgann.compile(module, example, tmp_path / "b")
    assert not design.warnings  # nothing is left to be quantized
    data = torch.randn(64, 4)
    wanted = module.eval()(data).detach().numpy()
    outputs = design.emulate({design.manifest["inputs"][0]["name"]: data.numpy()})
    (delivered,) = [array for name, array in outputs.items() if not name.endswith("__raw")]
    assert np.median(np.abs(delivered - wanted)) < 1e-5


class Failing(nn.Module):
    def forward(self, x):
        raise ValueError("no way\nthrough")


@pytest.mark.parametrize(
    ("module", "example", "kind", "text"),
    [
        (nn.ReLU(), "abc", FormatError, "no tensor and no tuple of tensors"),
        (nn.ReLU(), (), FormatError, "no tensor and no tuple of tensors"),
        (nn.ReLU(), (torch.ones(1, 2), torch.ones(1, 2)), FormatError, "its forward takes 1 inputs, not 2"),
        (nn.Linear(3, 2), torch.ones(1, 4), UnsupportedOperatorError, "PyTorch cannot export it"),
        (Failing(), torch.ones(1, 4), UnsupportedOperatorError, "PyTorch cannot export it"),
        ("m.onnx", torch.ones(1, 4), TypeError, ""),
        (3, torch.ones(1, 4), ConfigError, "a model is the path of an ONNX file or a torch.nn.Module, not a int"),
    ],
)
def test_what_cannot_be_handed_over(tmp_path: Path, module: Any, example: Any, kind: Any, text: str) -> None:
    with pytest.raises(kind, match=text) as caught:
        fpgann.compile(module, example, tmp_path / "b")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize(
    ("package", "hint"), [("onnxscript", "pip install onnxscript"), (None, r"pip install 'fpgann\[train\]'")]
)
def test_an_exporter_that_lacks_a_package(monkeypatch: pytest.MonkeyPatch, package: str | None, hint: str) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ModuleNotFoundError("something is required", name=package)

    monkeypatch.setattr(torch.onnx, "export", fail)
    module = mlp()
    with pytest.raises(ToolNotFoundError, match=hint):
        fpgann.check(module, torch.zeros(1, 4))
    assert module.training


def test_fpgann_does_not_import_torch() -> None:
    code = "import sys, fpgann; fpgann.compile, fpgann.check, fpgann.Design; print('torch' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=True)
    assert result.stdout == "False\n"
