# SPDX-License-Identifier: Apache-2.0
"""Training as a plan wants it, and the proof that hardware computes what torch trained: all integers compared."""

from __future__ import annotations

import copy
import hashlib
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fpgann
from fpgann.errors import ConfigError, FormatError
from fpgann.passes.prune import signed_digits
from fpgann.train.plan import plan_of
from tests.unit.train.networks import cnn, data, epoch, fit, mlp, torch, trained

from fpgann.train import attach  # isort: skip  after torch is known to be there

nn = torch.nn
pytestmark = [pytest.mark.filterwarnings("ignore")]

SIX_BITS = {"quantize": {"weight_bits": 6, "activation_bits": 6}}
PLANS: dict[str, dict[str, Any]] = {
    "fixed": {"quantize": {"weight_bits": 5, "activation_bits": 4, "input_bits": 6}},
    "channels": {"quantize": {"weight_bits": 4, "activation_bits": 5, "per": "channel"}},
    "ternary": {"quantize": {"weights": "ternary", "activation_bits": 4}},
    "binary": {"quantize": {"weights": "binary", "activation_bits": 4, "per": "channel"}},
    "pruned": {"prune": {"sparsity": 0.75}, **SIX_BITS},
    "digits": {"prune": {"sparsity": 0.6, "what": "digits"}, **SIX_BITS},
    "neurons": {"prune": {"sparsity": 0.5, "what": "neurons"}, **SIX_BITS},
    "merged": {"merge": {"keep": 0.5}, **SIX_BITS},
    "shared": {"share": {"values": 5, "start": 0.0}, "prune": {"sparsity": 0.3, "schedule": "one_shot"}, **SIX_BITS},
    "learned": {"quantize": {"weight_bits": 6, "activation_bits": 6, "learn_bits": True, "bit_cost": 1e-4}},
    "mixed": {"layers": {"0": {"weights": "ternary"}, "5": {"weight_bits": 3, "activation_bits": 3}}, **SIX_BITS},
}


def outputs(session: Any, x: Any) -> Any:
    with torch.no_grad():
        return session.model.eval()(x).numpy()


def integers_of(design: fpgann.Design, values: Any) -> Any:
    """Outputs of torch as exact fractions of the units of the accumulator, without its offset."""
    (name,) = design.graph.outputs.values()
    encoding = design.graph.types[name].codes
    units, offsets = encoding.scale_lsb(), encoding.offset
    rows = [
        [(Fraction(float(v)) - offsets[c % len(offsets)]) / units[c % len(units)] for c, v in enumerate(row)]
        for row in values
    ]
    return np.array(rows, dtype=object)


def emulated(design: fpgann.Design, x: Any) -> Any:
    """Integer outputs of the reference model."""
    (name,) = (port["name"] for port in design.manifest["inputs"])
    result = design.emulate({name: x.numpy().astype(np.float64)})
    return next(codes for key, codes in result.items() if key.endswith("__raw"))


def compiled(session: Any, folder: Path) -> fpgann.Design:
    return fpgann.compile(session.export(folder / "model.onnx"), folder / "build")


@pytest.mark.parametrize("name", PLANS)
def test_torch_computes_the_integers_of_the_hardware(name: str, tmp_path: Path) -> None:
    session = trained(PLANS[name])
    x, _ = data()
    design = compiled(session, tmp_path)
    assert np.array_equal(integers_of(design, outputs(session, x)), emulated(design, x).astype(object))


def test_free_scales_agree_but_for_ties(tmp_path: Path) -> None:
    session = trained({"quantize": {"weight_bits": 5, "activation_bits": 4, "scale": "free"}})
    x, _ = data()
    design = compiled(session, tmp_path)
    wanted = np.array([[round(v) for v in row] for row in integers_of(design, outputs(session, x))])
    same = np.all(np.abs(wanted - emulated(design, x)) <= 1, axis=1)  # float32 itself is off by less than a unit
    assert np.mean(~same) <= 2 / 256  # a code that float32 rounds the other way changes all of its row


def test_pruned_weights_are_zero_and_as_many_as_wanted() -> None:
    session = trained(PLANS["pruned"])
    masks = torch.cat([layer.weight_quantizer.mask.reshape(-1) for layer in session.layers.values()])
    assert int((masks == 0).sum()) == round(0.75 * masks.numel())
    for layer in session.layers.values():
        assert not layer.codes()[layer.weight_quantizer.mask == 0].any()


def test_digits_are_as_few_as_wanted() -> None:
    free = trained({**SIX_BITS})
    session = trained(PLANS["digits"])
    count = {
        s: sum(np.count_nonzero(signed_digits(layer.codes().numpy())) for layer in s.layers.values())
        for s in (free, session)
    }
    assert count[session] <= 0.45 * count[free]
    for layer in session.layers.values():
        digits = np.count_nonzero(signed_digits(layer.codes().numpy()), axis=0)
        assert np.all(digits <= layer.weight_quantizer.digits.numpy())


def test_shared_weights_have_as_many_values_as_wanted() -> None:
    session = trained(PLANS["shared"])
    for layer in session.layers.values():
        values = torch.unique(layer.quantized())
        assert len(values[values != 0]) <= 5


def test_silent_neurons_are_left_out_of_the_file(tmp_path: Path) -> None:
    session = trained(PLANS["neurons"])
    design = compiled(session, tmp_path)
    shapes = [tuple(node.op.weight.data.shape) for node in design.graph.nodes if node.op.name == "dense"]
    assert shapes == [(8, 6), (6, 3), (3, 3)]


def test_merging_reports_what_it_did() -> None:
    session = trained(PLANS["merged"])
    assert [(m.layer, m.before, m.after) for m in session.merged] == [("0", 12, 6), ("3", 6, 3)]
    assert all(m.error_bound > 0 for m in session.merged)


def test_exact_merges_change_nothing() -> None:
    model = mlp()
    with torch.no_grad():
        model[0].weight[3], model[0].bias[3] = model[0].weight[5], model[0].bias[5]
        for part in (model[1].weight, model[1].bias, model[1].running_mean, model[1].running_var):
            part[3] = part[5]
        model[5].weight[:, 2] = 0
    x, _ = data()
    wanted = model(x)
    session = attach(model, plan_of({"quantize": {"weight_bits": 16, "activation_bits": 16}}), x)
    assert [(m.after, m.error_bound) for m in session.merged] == [(11, 0.0), (5, 0.0)]
    assert torch.allclose(model(x), wanted, atol=1e-2)


class Named(nn.Module):
    """Layers called as the ends of a traced graph are."""

    def __init__(self) -> None:
        super().__init__()
        self.x, self.norm, self.output = nn.Linear(8, 6), nn.BatchNorm1d(6), nn.Linear(6, 3)

    def forward(self, x: Any) -> Any:
        return self.output(torch.relu(self.norm(self.x(x))))


def test_names_of_layers_do_not_matter() -> None:
    session = attach(Named().eval(), plan_of({"merge": {"keep": 0.5}}), data()[0])
    assert [(m.layer, m.before, m.after) for m in session.merged] == [("x", 6, 3)]
    assert isinstance(session.model.norm, nn.Identity)


def test_convolutions_are_compressed_too() -> None:
    model = cnn()
    torch.manual_seed(3)
    x = torch.rand(16, 1, 6, 6)
    wanted = model(x).detach()
    session = attach(model, plan_of({"quantize": {"weight_bits": 12, "activation_bits": 12}}), x)
    assert list(session.layers) == ["0", "3", "6"]
    assert torch.allclose(model(x), wanted, atol=1e-2)
    model = cnn()
    session = attach(model, plan_of({"merge": {"keep": 0.5}}), x)
    assert [layer.weight.shape[:2] for layer in session.layers.values()] == [(2, 1), (2, 2), (3, 8)]
    model(x).sum().backward()


def test_convolutions_of_all_kinds_merge() -> None:
    torch.manual_seed(4)
    x = torch.rand(8, 2, 9)
    model = nn.Sequential(nn.Conv1d(2, 6, 3, padding="same"), nn.ReLU(), nn.Conv1d(6, 4, 3, stride=2), nn.Flatten())
    with torch.no_grad():
        model[0].weight[4], model[0].bias[4] = 4 * model[0].weight[1], 4 * model[0].bias[1]
    wanted = model.eval()(x).detach()
    session = attach(model, plan_of({"quantize": {"weight_bits": 14, "activation_bits": 14}}), x)
    assert [(m.before, m.after, m.error_bound) for m in session.merged] == [(6, 5, 0.0)]
    assert torch.allclose(model(x), wanted, atol=1e-2)


def test_learned_widths_shrink() -> None:
    document = {"quantize": {"weight_bits": 6, "activation_bits": 6, "learn_bits": True, "bit_cost": 1e-2}}
    session = trained(document, epochs=1)
    before = float(session.penalty().detach())
    fit(session.model, 6, session)
    assert float(session.penalty().detach()) < 0.7 * before


def test_distillation_pulls_towards_the_float_model() -> None:
    x, _ = data()
    session = attach(mlp(), plan_of({"distill": {"weight": 1.0}, "quantize": {"weight_bits": 2}}), x)
    optimizer = torch.optim.Adam(session.model.parameters(), lr=0.01)
    losses = []
    for _ in range(30):
        optimizer.zero_grad()
        loss = session.distillation(session.model(x), x)
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.5 * losses[0]


def test_rewinding_brings_weights_back() -> None:
    plan = {"prune": {"sparsity": 0.5, "schedule": "rewind", "rounds": 2, "end": 1.0}, **SIX_BITS}
    model = mlp()
    session = attach(model, plan_of(plan), data()[0], steps=16)
    first = {name: layer.weight.detach().clone() for name, layer in session.layers.items()}
    fit(model, 2, session)
    assert all(torch.equal(layer.weight.detach(), first[name]) for name, layer in session.layers.items())
    other = attach(mlp(), plan_of(plan), data()[0], steps=2)
    with pytest.raises(ConfigError, match=r"session\.step\(optimizer\)"):
        other.step()


def digest(session: Any) -> str:
    state = session.model.state_dict()
    return hashlib.sha256(b"".join(state[name].numpy().tobytes() for name in sorted(state))).hexdigest()


@pytest.mark.parametrize("name", ["pruned", "digits", "shared", "learned", "merged"])
def test_a_resumed_training_ends_as_if_it_had_not_stopped(name: str, tmp_path: Path) -> None:
    epochs, x, y = 4, *data()

    def begin(seed: int) -> tuple[Any, Any, Any, Any]:
        generator = torch.Generator().manual_seed(seed)
        session = attach(mlp(), plan_of(PLANS[name]), x, steps=epochs * 8, generator=generator)
        optimizer = torch.optim.Adam(session.model.parameters(), lr=0.01)
        return session, optimizer, torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs), generator

    def run(parts: tuple[Any, Any, Any, Any], first: int, last: int) -> None:
        session, optimizer, schedule, generator = parts
        session.model.train()
        for _ in range(first, last):
            epoch(session.model, x, y, optimizer, session, generator)
            schedule.step()

    whole = begin(5)
    run(whole, 0, epochs)
    stopped = begin(5)
    run(stopped, 0, 2)
    stopped[0].checkpoint(tmp_path / "c.pt", stopped[1], schedule=stopped[2])
    resumed = begin(99)  # another seed: the checkpoint brings the right numbers back
    resumed[0].resume(tmp_path / "c.pt", resumed[1], schedule=resumed[2])
    assert digest(resumed[0]) == digest(stopped[0])
    run(resumed, 2, epochs)
    assert digest(resumed[0]) == digest(whole[0])
    assert resumed[0].losses == whole[0].losses


def test_a_wrong_checkpoint_is_refused(tmp_path: Path) -> None:
    session = attach(mlp(), plan_of({}), data()[0])
    optimizer = torch.optim.Adam(session.model.parameters())
    with pytest.raises(FormatError, match="cannot be resumed"):
        session.resume(tmp_path / "none.pt", optimizer)
    (tmp_path / "damaged.pt").write_bytes(b"no checkpoint")
    with pytest.raises(FormatError, match="cannot be resumed"):
        session.resume(tmp_path / "damaged.pt", optimizer)
    other = attach(mlp(), plan_of({"merge": {"keep": 0.5}}), data()[0])
    other.checkpoint(tmp_path / "other.pt", torch.optim.Adam(other.model.parameters()))
    with pytest.raises(FormatError, match="attach the same plan"):
        session.resume(tmp_path / "other.pt", optimizer)


def test_unknown_layers_are_refused() -> None:
    with pytest.raises(ConfigError, match="the layers are 0, 3, 5"):
        attach(mlp(), plan_of({"layers": {"fc": {"weight_bits": 3}}}), data()[0])
    with pytest.raises(ConfigError, match="no layer to compress"):
        attach(nn.Sequential(nn.ReLU()), plan_of({}), data()[0])


# A mutation of the training that the checks above must notice.


def mutated(monkeypatch: pytest.MonkeyPatch, mutation: str) -> None:
    from fpgann.train import export
    from fpgann.train.quantizers import WeightQuantizer

    quantize = WeightQuantizer.forward
    if mutation == "mask not applied":

        def unmasked(self: Any, weight: Any) -> Any:
            kept, self.mask = self.mask, torch.ones_like(self.mask)
            result = quantize(self, weight)
            self.mask = kept
            return result

        monkeypatch.setattr(WeightQuantizer, "forward", unmasked)
    elif mutation == "group not tied":
        monkeypatch.setattr(WeightQuantizer, "tied", lambda self, weight: weight)
    else:
        original = export.exported

        def twice_the_scale(model: Any, example: Any) -> Any:
            model = copy.deepcopy(model)
            model.get_submodule("3").weight_quant.tensor_quant.step.log2.data += 1.0
            return original(model, example)

        monkeypatch.setattr(export, "exported", twice_the_scale)


@pytest.mark.parametrize(
    ("mutation", "check"),
    [
        ("mask not applied", lambda path: test_pruned_weights_are_zero_and_as_many_as_wanted()),
        ("group not tied", lambda path: test_shared_weights_have_as_many_values_as_wanted()),
        ("scale off by one bit", lambda path: test_torch_computes_the_integers_of_the_hardware("fixed", path)),
    ],
)
def test_a_broken_training_is_noticed(
    mutation: str, check: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    mutated(monkeypatch, mutation)
    with pytest.raises(AssertionError):
        check(tmp_path)


def test_inputs_that_are_always_zero_lose_their_weights_first() -> None:
    x, _ = data()
    x = x.clone()
    x[:, 2] = 0
    masks = {}
    for by in ("magnitude", "effect"):
        plan = {"prune": {"sparsity": 0.12, "by": by, "scope": "layer", "schedule": "one_shot"}, **SIX_BITS}
        masks[by] = attach(mlp(), plan_of(plan), x).layers["0"].weight_quantizer.mask
    assert not masks["effect"][:, 2].any()
    assert masks["magnitude"][:, 2].any()
