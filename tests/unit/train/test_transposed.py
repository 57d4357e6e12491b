# SPDX-License-Identifier: Apache-2.0
"""Transposed convolutions have their inputs first: folding, merging, pruning and export mind that."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fpgann.train.plan import plan_of
from tests.unit.train.networks import nn, torch
from tests.unit.train.test_session import integers_of

pytestmark = [pytest.mark.filterwarnings("ignore")]

SAMPLES = torch.round(torch.rand(48, 1, 4, 4, generator=torch.Generator().manual_seed(3)) * 16) / 16


def decoder() -> Any:
    """A map of 4x4 to 2x2 and back, with batch normalization behind a transposed convolution."""
    torch.manual_seed(5)
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3, stride=2, padding=1), nn.ReLU(),
        nn.ConvTranspose2d(4, 3, 3, padding=1, bias=False), nn.BatchNorm2d(3), nn.ReLU(),
        nn.ConvTranspose2d(3, 2, 2, stride=2),
    )  # fmt: skip
    model.train()
    for _ in range(3):
        model(SAMPLES)
    return model.eval()


def attached(model: Any, document: dict[str, Any]) -> Any:
    from fpgann.train import attach

    return attach(model, plan_of(document), SAMPLES, steps=1)


def test_batch_normalization_is_folded() -> None:
    from fpgann.train.topology import fold_batch_norms

    model = decoder()
    wanted = model(SAMPLES)
    assert fold_batch_norms(model) == ["3"]
    assert torch.allclose(model(SAMPLES), wanted, atol=1e-5)


def test_copies_of_channels_go_without_a_trace() -> None:
    model = decoder()
    with torch.no_grad():
        model[0].weight[1] = 2 * model[0].weight[0]
        model[0].bias[1] = 2 * model[0].bias[0]
        for tensor in (model[3].weight, model[3].bias, model[3].running_mean, model[3].running_var):
            tensor[2] = tensor[1]
        model[2].weight[:, 2] = model[2].weight[:, 1]
        wanted = model(SAMPLES)
    session = attached(model, {"quantize": {"weight_bits": 16, "activation_bits": 16}})
    assert [(report.before, report.after) for report in session.merged] == [(4, 3), (3, 2)]
    assert session.model[2].weight.shape == (3, 2, 3, 3)
    assert session.model[5].weight.shape == (2, 2, 2, 2)
    assert torch.allclose(session.model.eval()(SAMPLES), wanted, atol=0.01)


def channels_last(maps: Any) -> Any:
    """Shape (samples, elements), with the channels next to one another."""
    return maps.reshape(len(SAMPLES), 2, -1).swapaxes(1, 2).reshape(len(SAMPLES), -1)


PLANS = {
    "merged": {"merge": {"keep": 0.5}, "quantize": {"weight_bits": 4, "activation_bits": 4}},
    "pruned": {
        "prune": {"sparsity": 0.5, "schedule": "one_shot", "by": "effect"},
        "quantize": {"weight_bits": 5, "activation_bits": 4, "per": "channel"},
    },
    "neurons": {
        "prune": {"sparsity": 0.5, "schedule": "one_shot", "what": "neurons"},
        "quantize": {"weights": "ternary", "activation_bits": 4},
    },
}


@pytest.mark.parametrize("name", PLANS)
def test_the_hardware_computes_what_the_module_does(name: str, tmp_path: Path) -> None:
    import fpgann

    session = attached(decoder(), PLANS[name])
    with torch.no_grad():
        scores = session.model.eval()(SAMPLES).numpy()
    path = session.export(tmp_path / "net.onnx")
    assert np.array_equal(session.model(SAMPLES).detach().numpy(), scores), "export changes nothing"
    design = fpgann.compile(path, tmp_path / "build")
    (port,) = (port["name"] for port in design.manifest["inputs"])
    found = design.emulate({port: SAMPLES.numpy().astype(np.float64)})
    raw = next(codes for key, codes in found.items() if key.endswith("__raw"))
    assert np.array_equal(integers_of(design, channels_last(scores)), channels_last(raw).astype(object))
    if name == "neurons":
        weights = [node.op.weight.data.shape for node in design.graph.nodes if hasattr(node.op, "weight")]
        assert weights[0][1] == 2, "channels that nobody reads are gone"


def test_half_of_the_weights_and_channels_are_gone() -> None:
    session = attached(decoder(), PLANS["pruned"])
    codes = [layer.codes() for layer in session.layers.values()]
    assert sum(int((c == 0).sum()) for c in codes) >= sum(c.numel() for c in codes) // 2
    session = attached(copy.deepcopy(decoder()), PLANS["neurons"])
    middle = session.layers["2"].weight_quantizer.mask
    assert middle.any(dim=(1, 2, 3)).sum() == 2, "inputs"
    assert middle.any(dim=(0, 2, 3)).sum() == 1, "outputs: two of three go"
