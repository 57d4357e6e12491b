# SPDX-License-Identifier: Apache-2.0
"""The convolutional examples' plans and trainings: what they export is what the module computes."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import fpgann
from fpgann.config import CompileOptions, override
from fpgann.train.plan import read_plan
from tests.unit.train.networks import torch
from tests.unit.train.test_session import integers_of

EXAMPLES = Path(__file__).parents[3] / "examples"
pytestmark = [pytest.mark.filterwarnings("ignore")]


@pytest.fixture
def training(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script of an example; what it puts on the path is taken away again."""
    pytest.importorskip("sklearn", reason="scikit-learn is not installed (pip install 'fpgann[train]')")
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "train", raising=False)
    path = EXAMPLES / request.param / "retrain.py"
    spec = importlib.util.spec_from_file_location(f"retrain_{request.param}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.modules.pop("train", None)
    return module


def trained(name: str, training: ModuleType, folder: Path) -> object:
    from fpgann.train.compress import Task

    task = Task(read_plan(EXAMPLES / name / "plans" / "small.toml"), folder / "c", resumed=False, progress=print)
    threads = torch.get_num_threads()
    try:
        training.retrain(task, float_epochs=1, epochs=1)
    finally:
        torch.use_deterministic_algorithms(mode=False)
        torch.set_num_threads(threads)
    return task.session


@pytest.mark.parametrize("training", ["lenet"], indirect=True)
def test_lenet(training: ModuleType, tmp_path: Path) -> None:
    session = trained("lenet", training, tmp_path)
    images = training.samples()[:100]
    with torch.no_grad():
        scores = session.model(images).numpy()
    design = fpgann.compile(
        session.export(tmp_path / "net.onnx"), tmp_path / "b", override(CompileOptions(), io="stream")
    )
    (port,) = (port["name"] for port in design.manifest["inputs"])
    found = design.emulate({port: images.numpy().astype(np.float64)})
    raw = next(codes for key, codes in found.items() if key.endswith("__raw"))
    assert np.array_equal(integers_of(design, scores), raw.astype(object))
    assert {name: len(layer.weight) for name, layer in session.layers.items()} == {
        "conv1": 5,
        "conv2": 10,
        "hidden": 20,
        "output": 10,
    }


@pytest.mark.parametrize("training", ["denoising_autoencoder"], indirect=True)
def test_denoising_autoencoder(training: ModuleType, tmp_path: Path) -> None:
    """The sigmoid at the end is rounded by the hardware alone."""
    session = trained("denoising_autoencoder", training, tmp_path)
    images = training.samples()[:100]
    with torch.no_grad():
        wanted = session.model(images).numpy()
    options = override(CompileOptions(), io="stream", precision="fixed<12,4>")
    design = fpgann.compile(session.export(tmp_path / "net.onnx"), tmp_path / "b", options)
    (port,) = (port["name"] for port in design.manifest["inputs"])
    found = design.emulate({port: images.numpy().astype(np.float64)})
    values = next(values for key, values in found.items() if not key.endswith("__raw"))
    assert np.abs(values.reshape(wanted.shape) - wanted).max() <= 2.0**-8, "a step of the result"
    zeros = sum(int((layer.codes() == 0).sum()) for layer in session.layers.values())
    assert zeros >= 0.55 * sum(layer.weight.numel() for layer in session.layers.values())
