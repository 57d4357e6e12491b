# SPDX-License-Identifier: Apache-2.0
"""Random numbers inside a model: refused, or replaced by their mean."""

from __future__ import annotations

import json

import numpy as np
import pytest

import fpgann
from fpgann.config import CompileOptions, override
from fpgann.errors import UnsupportedOperatorError
from fpgann.frontend import import_onnx, with_drawn_inputs, with_sampling_inputs, without_sampling
from fpgann.reference.gaussian import first_states, gaussian_codes
from tests.command_line import CommandLine
from tests.unit.frontend.models import model, names, node, read, write

W = np.linspace(-1, 1, 12).reshape(4, 3).astype(np.float32)
V = W[:, ::-1].copy()
MEAN = override(CompileOptions(), sampling="mean")


def encoder(*, noise="RandomNormalLike", **attributes):
    """mean + noise * sigmoid(deviation / 2), and a dense layer behind, much as variational autoencoders have them."""
    like = ["deviation"] if noise.endswith("Like") else []
    shape = {} if like else {"shape": [1, 3]}
    return [
        node("MatMul", ["x", "w"], ["mean"], name="mean"),
        node("MatMul", ["x", "v"], ["deviation"], name="deviation"),
        node("Mul", ["deviation", "half"], ["log"]),
        node("Sigmoid", ["log"], ["scale"]),
        node(noise, like, ["noise"], name="sampling", **shape, **attributes),
        node("Mul", ["noise", "scale"], ["jitter"]),
        node("Add", ["jitter", "mean"], ["z"]),
        node("MatMul", ["z", "u"], name="decoder"),
    ]


CONSTANTS = {"w": W, "v": V, "u": W.T.copy(), "half": np.float32(0.5)}


@pytest.mark.parametrize("noise", ["RandomNormalLike", "RandomNormal"])
def test_noise_disappears_with_all_that_only_it_needs(tmp_path, noise):
    found = without_sampling(read(tmp_path, model(encoder(noise=noise), (1, 4), CONSTANTS)))
    assert found.noiseless == ("sampling",)
    assert names(import_onnx(found)) == ["dense", "dense"]


@pytest.mark.parametrize(
    ("noise", "attributes", "mean"),
    [
        ("RandomNormalLike", {"mean": 2.0, "scale": 3.0}, 2.0),
        ("RandomUniformLike", {}, 0.5),
        ("RandomUniform", {"low": -1.0, "high": 4.0}, 1.5),
        ("RandomUniformLike", {"low": -1.0, "high": 1.0}, 0.0),
    ],
)
def test_other_means_stay(tmp_path, noise, attributes, mean):
    """Noise that is not 0 on average."""
    design = fpgann.compile(
        write(tmp_path, model(encoder(noise=noise, **attributes), (1, 4), CONSTANTS)), tmp_path / "b", MEAN
    )
    data = np.random.default_rng(0).normal(size=(16, 4)) / 2
    latent = data @ W + mean / (1 + np.exp(-data @ V / 2))
    assert np.abs(design.emulate({"x": data})["y"] - latent @ W.T).max() < 0.05


def test_refused_by_default(tmp_path):
    path = write(tmp_path, model(encoder(), (1, 4), CONSTANTS))
    refused = [plan for plan in fpgann.check(path) if not plan.supported]
    assert [plan.name for plan in refused] == ["sampling"]
    assert "--sampling mean" in refused[0].hint
    assert all(plan.supported for plan in fpgann.check(path, MEAN))


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ([node("RandomNormalLike", ["x"])], "output 'y': it is nothing but random numbers"),
        (
            [node("RandomNormalLike", ["x"], ["n"]), node("MatMul", ["n", "w"])],
            r"\(MatMul\): it uses random numbers in another way",
        ),
        ([node("RandomNormalLike", ["x"], ["n"]), node("Div", ["x", "n"])], r"\(Div\): it uses random numbers"),
        *(
            (
                [node("RandomNormal", [], ["n"], shape=[5, 4], mean=mean), node("Add", ["x", "n"])],
                r"\(Add\): its random numbers enlarge the tensor",
            )
            for mean in (0.0, 1.0)
        ),
    ],
)
def test_noise_that_is_no_part_of_sums_and_products(tmp_path, nodes, message):
    with pytest.raises(UnsupportedOperatorError, match=message):
        without_sampling(read(tmp_path, model(nodes, (1, 4), {"w": W})))


def test_models_without_noise_stay_as_they_are(tmp_path):
    found = read(tmp_path, model([node("Relu", ["x"])]))
    assert without_sampling(found) is found


def test_the_option(cli: CommandLine) -> None:
    write(cli.folder, model(encoder(), (1, 4), CONSTANTS))
    cli("compile", "model.onnx", "-o", "b").require_error(1, "node 'sampling'", "--sampling mean")
    outcome = cli("compile", "model.onnx", "-o", "b", "--sampling", "mean")
    assert outcome.status == 0
    assert "node 'sampling' draws random numbers: their mean stands in their place" in outcome.err
    assert json.loads((cli.folder / "b/manifest.json").read_text())["options"]["sampling"] == "mean"
    (cli.folder / "fpgann.toml").write_text("sampling = 'mean'\n")
    assert cli("check", "model.onnx", "--config", "fpgann.toml").status == 0
    (cli.folder / "fpgann.toml").write_text("sampling = 'median'\n")
    cli("check", "model.onnx", "--config", "fpgann.toml").require_error(2, "'median'", "refuse, mean")


@pytest.mark.parametrize("noise", ["RandomNormalLike", "RandomNormal"])
def test_noise_from_outside(tmp_path, noise):
    """The input is named after the tensor, and the reference computes with what comes in."""
    path = write(tmp_path, model(encoder(noise=noise), (1, 4), CONSTANTS))
    design = fpgann.compile(path, tmp_path / "build", override(CompileOptions(), sampling="input"))
    assert [port["name"] for port in design.manifest["inputs"]] == ["x", "noise"]
    x, drawn = np.random.default_rng(0).normal(0, 1, (2, 5, 4))
    found = design.emulate({"x": x, "noise": drawn[:, :3]})
    latent = x @ W + drawn[:, :3] / (1 + np.exp(-(x @ V) / 2))
    (name,) = (port["name"] for port in design.manifest["outputs"])
    assert np.allclose(found[name], latent @ CONSTANTS["u"], atol=0.1)


def test_noise_of_unknown_size_is_no_input(tmp_path):
    nodes = [node("Celu", ["x"], ["c"], domain="unknown"), node("RandomNormalLike", ["c"], ["noise"])]
    nodes.append(node("Mul", ["x", "noise"]))
    with pytest.raises(UnsupportedOperatorError, match="how many random numbers"):
        with_sampling_inputs(read(tmp_path, model(nodes, (1, 4), {})))


def quantized_encoder() -> list:
    """The noise passes a quantizer of the model's own."""
    first, second = (["noise", "step", "zero"], ["codes", "step", "zero"])
    nodes = [n for n in encoder() if n.output[0] != "jitter"]
    place = next(i for i, n in enumerate(nodes) if n.output[0] == "z")
    return [
        *nodes[:place],
        node("QuantizeLinear", first, ["codes"]),
        node("DequantizeLinear", second, ["rough"]),
        node("Mul", ["rough", "scale"], ["jitter"]),
        *nodes[place:],
    ]


def test_noise_from_a_generator(tmp_path):
    """The input has no port; its numbers are the reference's."""
    drawn = with_drawn_inputs(read(tmp_path, model(encoder(scale=2.0, mean=1.0), (1, 4), CONSTANTS)))
    assert drawn.drawn == ("noise_standard",)
    path = write(tmp_path, model(encoder(), (1, 4), CONSTANTS))
    design = fpgann.compile(path, tmp_path / "build", override(CompileOptions(), sampling="generator"))
    assert [port["name"] for port in design.manifest["inputs"]] == ["x"]
    x = np.random.default_rng(0).normal(0, 1, (5, 4))
    noise = gaussian_codes(first_states(1, 3), 5) / 2.0**12
    latent = x @ W + noise / (1 + np.exp(-(x @ V) / 2))
    assert np.allclose(design.emulate({"x": x})["y"], latent @ CONSTANTS["u"], atol=0.1)


def test_noise_that_no_generator_draws(tmp_path):
    generator = override(CompileOptions(), sampling="generator")
    constants = {**CONSTANTS, "step": np.float32(0.25), "zero": np.zeros((), np.int8)}
    path = write(tmp_path, model(quantized_encoder(), (1, 4), constants))
    with pytest.raises(UnsupportedOperatorError, match="quantizes its random numbers"):
        fpgann.compile(path, tmp_path / "b", generator)
    refused = [plan for plan in fpgann.check(path, generator) if not plan.supported]
    assert "quantizes its random numbers" in refused[0].built_as
    path = write(tmp_path, model(encoder(noise="RandomUniformLike"), (1, 4), CONSTANTS))
    with pytest.raises(UnsupportedOperatorError, match="not uniform ones"):
        fpgann.compile(path, tmp_path / "b", generator)


def test_options_of_the_generator(cli: CommandLine) -> None:
    write(cli.folder, model(encoder(), (1, 4), CONSTANTS))
    generator = ("compile", "model.onnx", "-o", "b", "--sampling", "generator")
    assert cli(*generator, "--sampling-seed", "7").status == 0
    manifest = json.loads((cli.folder / "b/manifest.json").read_text())
    assert manifest["options"]["sampling_seed"] == manifest["noise"][0]["seed"] == 7
    cli(*generator, "--force", "--sampling-seed", "-1").require_error(2, "must be a seed")
    (cli.folder / "fpgann.toml").write_text("sampling = 'generator'\nsampling_seed = 7\n")
    assert cli("compile", "model.onnx", "-o", "c", "--config", "fpgann.toml").status == 0
    assert (cli.folder / "b/manifest.json").read_bytes() == (cli.folder / "c/manifest.json").read_bytes()
