# SPDX-License-Identifier: Apache-2.0
"""Weights loaded over AXI4-Lite: other sets give the reference's bits, wrong ones and broken twins are found."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

import fpgann
from fpgann import api
from fpgann.config import CompileOptions, override, read_config
from fpgann.errors import ConfigError, FormatError, MismatchError
from fpgann.hardware.loading import Window
from fpgann.numerics.interval import CodeRange
from fpgann.weight_sets import WeightSet, write_weight_set
from tests.conftest import require_tool
from tests.cosim.models import Network

FLOAT = {"weights": "runtime", "precision": "fixed<12,5>", "reuse_factor": 4}


def float_network(seed: int, features: int = 6) -> Network:
    """Real numbers; two layers, the second with fewer outputs than a word has places."""
    return Network(features, seed).dense("hidden", 8).node("Relu", name="relu").dense("last", 3)


def row_network(seed: int) -> Network:
    """One layer on two rows of a tensor, whose copies get the same weights; biases of more than 32 bits."""
    network = Network(6, seed)
    network.node("Reshape", network.constant((1, 2, 3), np.int64), name="rows")
    network.width = 3
    weight = network.constant(network.rng.normal(0, 1, (3, 4)))
    return network.node("MatMul", weight, name="each").node("Add", network.constant(network.rng.normal(0, 1, 4)))


def coded_network() -> Network:
    """Quantized by its file: an input with a zero point, a scale per channel, biases that are no whole codes."""
    network = Network(6, 2)
    operands = [network.constant(0.25), network.constant(5.0), network.constant(6.0)]
    network.node("Quant", *operands, name="entry", signed=0, narrow=0, rounding_mode="ROUND")
    network.dense("hidden", 8, scale=0.0731).node("Relu", name="relu").quantize("many", 5, 0.0613, signed=False)
    return network.dense("last", 3, scale=np.array([[0.11, 0.07, 0.13]]), bias=False)


def retrained(model: Path, path: Path, shapes: set[tuple[int, ...]], low: float = -1.0) -> Path:
    """The model with other constants of some shapes, from `low` to 1 times the largest one there was."""
    rng = np.random.default_rng(9)
    proto = onnx.load(model)
    for tensor in proto.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.shape in shapes:
            other = np.abs(values).max() * rng.uniform(low, 1, values.shape)
            tensor.CopyFrom(numpy_helper.from_array(other.astype(values.dtype), tensor.name))
    onnx.save(proto, path)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models, and builds of them."""
    folder = tmp_path_factory.mktemp("weights")
    float_network(1).write(folder / "float.onnx")
    float_network(2).write(folder / "float2.onnx")
    coded_network().write(folder / "coded.onnx")
    retrained(folder / "coded.onnx", folder / "coded2.onnx", {(6, 8), (8, 3)})
    float_options = override(CompileOptions(), **FLOAT)
    api.compile(folder / "float.onnx", folder / "parallel", float_options)
    stream = override(float_options, io="stream", stream_width=32)
    api.compile(folder / "float.onnx", folder / "stream", stream)
    row_network(1).write(folder / "rows.onnx")
    row_network(2).write(folder / "rows2.onnx")
    wide = override(CompileOptions(), weights="runtime", precision="fixed<18,6>", reuse_factor=4)
    api.compile(folder / "rows.onnx", folder / "rows", wide)
    coded = override(CompileOptions(), weights="runtime", reuse_factor=8)
    api.compile(folder / "coded.onnx", folder / "coded", coded)
    return folder


def inputs(features: int = 6, count: int = 24) -> dict[str, np.ndarray]:
    return {"x": np.random.default_rng(5).normal(0, 2, (count, features))}


MODELS = {"parallel": "float2", "stream": "float2", "coded": "coded2", "rows": "rows2"}


@pytest.mark.parametrize("build", MODELS)
def test_loaded_weights_change_the_outputs_as_predicted(folder: Path, build: str) -> None:
    require_tool("ghdl")
    first = fpgann.Design(folder / build)
    second = first.with_weights(fpgann.weights(folder / build, folder / f"{MODELS[build]}.onnx"))
    delivered = []
    for design in (first, second):
        simulation = design.simulate(inputs())
        simulation.require_exact()
        assert simulation.outputs is not None
        for name, values in design.emulate(inputs()).items():
            assert np.array_equal(simulation.outputs[name], values)
        delivered.append(next(iter(simulation.outputs.values())))
    assert not np.array_equal(*delivered)


def test_loaded_weights_in_verilator(folder: Path) -> None:
    require_tool("verilator")
    design = fpgann.Design(folder / "coded")
    design.with_weights(fpgann.weights(folder / "coded", folder / "coded2.onnx")).simulate(
        simulator="verilator"
    ).require_exact()


@pytest.mark.parametrize("kind", ["low", "high", "mixed"])
def test_every_set_of_the_types_has_room(folder: Path, kind: str) -> None:
    """The extremes of the types, which no accumulator nor rounding behind it may overflow on."""
    require_tool("ghdl")
    design = fpgann.Design(folder / "coded")
    loading = design.address_map()
    ops = {node.name: node.op for node in design.graph.nodes}
    codes = {}
    for layer in loading.layers:
        pair = []
        for constant in (ops[layer.layer].weight, ops[layer.layer].bias):
            low, high = constant.encoding.range.low, constant.encoding.range.high
            alternating = np.where(np.arange(constant.data.size) % 3 == 0, low, high).reshape(constant.data.shape)
            choice = {"low": np.full_like(constant.data, low), "high": np.full_like(constant.data, high)}
            pair.append(choice.get(kind, alternating))
        codes[layer.name] = (pair[0], pair[1])
    design.with_weights(WeightSet(codes, loading.identity)).simulate().require_exact()


def test_a_loaded_quantized_model_is_the_compiled_one(folder: Path) -> None:
    loaded = fpgann.Design(folder / "coded").with_weights(fpgann.weights(folder / "coded", folder / "coded2.onnx"))
    compiled = fpgann.compile(folder / "coded2.onnx", folder / "coded_constant", force=True)
    for name, values in compiled.emulate(inputs()).items():
        if not name.endswith("__raw"):
            assert np.array_equal(loaded.emulate(inputs())[name], values)


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        # addresses that are decoded wrongly
        ("fpgann_loadable_memory.vhd", "lane = i and", "lane = LANES - 1 - i and"),
        # biases that are never written
        ("fpgann_dense_loadable.vhd", "load_hit     => bias_hit", "load_hit     => open"),
        ("fpgann_loadable_memory.vhd", "write(i) <= load_valid", "write(i) <= load_valid and load_address(0)"),
        ("fpgann_axil_loader.vhd", "s_axil_rdata <= IDENTITY", "s_axil_rdata <= VERSION"),
        ("fpgann_axil_loader.vhd", "s_axil_bresp <= SLVERR", "s_axil_bresp <= OKAY"),
    ],
)
def test_a_broken_twin_is_found(folder: Path, tmp_path: Path, file: str, old: str, new: str) -> None:
    require_tool("ghdl")
    build = tmp_path / "twin"
    shutil.copytree(folder / "parallel", build)
    source = build / "rtl" / "fpgann" / file
    text = source.read_text()
    assert text.count(old) == 1
    text = text.replace(old, new)
    if "load_hit     => open" in new:
        text = text.replace("weight_hit or bias_hit", "weight_hit")
    source.write_text(text)
    weights = fpgann.weights(build, folder / "float2.onnx")
    simulation = fpgann.Design(build).with_weights(weights).simulate(inputs())
    with pytest.raises(MismatchError):
        simulation.require_exact()


def test_the_addresses_are_those_that_the_manifest_explains(folder: Path) -> None:
    design = fpgann.Design(folder / "parallel")
    (hidden, _) = design.manifest["loading"]["layers"]
    assert [hidden[key] for key in ("inputs", "outputs", "pe", "simd")] == [6, 8, 4, 3]
    weights = fpgann.weights(folder / "parallel", folder / "float2.onnx")
    addresses, data = design.address_map().writes(weights.codes)
    written = dict(zip(addresses, data, strict=True))
    assert len(written) == len(addresses) == 6 * 8 + 8 + 8 * 3 + 3
    weight, bias = weights.codes[hidden["name"]]
    for i in range(6):
        for o in range(8):
            step, lane = o // 4 * 2 + i // 3, o % 4 * 3 + i % 3
            place = hidden["weights"]["base"] + 16 * 4 * step + 4 * lane
            assert written[place] == int(weight[i, o]) % 2**32
    for o in range(8):
        assert written[hidden["biases"]["base"] + 16 * (o // 4) + 4 * (o % 4)] == int(bias[o]) % 2**32


def test_wide_elements_take_several_words() -> None:
    window = Window(256, 40, 3, 2)
    assert (window.lane_stride, window.step_stride, window.size) == (8, 32, 64)
    addresses, data = window.writes(np.array([[-2, 1 << 35, 0], [5, 6, 7]]))
    assert addresses[:6] == [256, 260, 264, 268, 272, 276]
    assert addresses[6:8] == [288, 292]
    assert data[:4] == [0xFFFF_FFFE, 0xFFFF_FFFF, 0, 8]


def test_files_of_weights(folder: Path, tmp_path: Path) -> None:
    design = fpgann.Design(folder / "parallel")
    weights = fpgann.weights(folder / "parallel", folder / "float2.onnx")
    for name in ("w.npz", "w.csv", "w.h"):
        assert write_weight_set(tmp_path / name, weights, design.address_map()) == 83
    again = design.with_weights(tmp_path / "w.npz")
    expected = design.with_weights(weights).emulate(inputs())
    assert all(np.array_equal(values, expected[name]) for name, values in again.emulate(inputs()).items())
    rows = (tmp_path / "w.csv").read_text().split()
    stored = np.load(tmp_path / "w.npz")
    assert rows[0] == "address,data"
    assert [int(row.split(",")[0], 16) for row in rows[1:]] == stored["addresses"].tolist()
    assert [int(row.split(",")[1], 16) for row in rows[1:]] == stored["data"].tolist()
    assert f"0x{design.manifest['loading']['identity']:08x}u" in (tmp_path / "w.h").read_text()


def changed(folder: Path, tmp_path: Path, **changes: np.ndarray | None) -> Path:
    """A file of weights with other arrays in it."""
    design = fpgann.Design(folder / "parallel")
    path = tmp_path / "w.npz"
    write_weight_set(path, fpgann.weights(folder / "parallel", folder / "float2.onnx"), design.address_map())
    arrays = {name.replace(".", "__"): array for name, array in np.load(path).items()} | changes
    np.savez(path, **{name.replace("__", "."): array for name, array in arrays.items() if array is not None})
    return path


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"identity": np.int64(7)}, "they are for another build"),
        ({"hidden__weight": np.zeros((8, 6), np.int64)}, r"int64\[8, 6\], not int64\[6, 8\]"),
        ({"hidden__weight": np.zeros((6, 8))}, r"float64\[6, 8\], not int64"),
        ({"last__bias": None}, "'last.bias': it is missing"),
        ({"hidden__weight": np.full((6, 8), 2048)}, r"codes 2048..2048 leave -2048..2047"),
    ],
)
def test_wrong_files_are_refused(folder: Path, tmp_path: Path, changes: dict, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        fpgann.Design(folder / "parallel").with_weights(changed(folder, tmp_path, **changes))


def _wider(folder: Path, path: Path) -> None:
    Network(6, 1).dense("hidden", 9).node("Relu", name="relu").dense("last", 3).write(path)


def _scaled(folder: Path, path: Path) -> None:
    retrained(folder / "coded.onnx", path, {(1, 3)}, low=0.3)


def _large(folder: Path, path: Path) -> None:
    proto = onnx.load(folder / "float.onnx")
    tensor = proto.graph.initializer[0]
    tensor.CopyFrom(numpy_helper.from_array(9 * numpy_helper.to_array(tensor), tensor.name))
    onnx.save(proto, path)


@pytest.mark.parametrize(
    ("build", "change", "message"),
    [
        ("parallel", _wider, r"node 'hidden': its weights have shape \[6, 9\], not \[6, 8\]"),
        ("parallel", lambda _, path: float_network(1, 7).write(path), r"input 'x' has another type"),
        ("parallel", lambda _, path: Network(6, 1).dense("hidden", 8).write(path), r"it has 1 dense layers and"),
        ("parallel", _large, r"a weight of .* lies outside fixed<12,3>"),
        (
            "coded",
            lambda folder, path: retrained(folder / "coded.onnx", path, {(8,)}),
            r"\(a bias, .*\), differs: that is part of the circuit; compile the new model",
        ),
        ("coded", _scaled, r"node 'last': its weights have another type or scale"),
    ],
)
def test_models_that_differ_in_more_than_weights_are_refused(
    folder: Path, tmp_path: Path, build: str, change: Callable[[Path, Path], object], message: str
) -> None:
    change(folder, tmp_path / "other.onnx")
    with pytest.raises(FormatError, match=message):
        fpgann.weights(folder / build, tmp_path / "other.onnx")


def test_constant_weights_cannot_be_loaded(folder: Path, tmp_path: Path) -> None:
    config = tmp_path / "fpgann.toml"
    config.write_text('strategy = "folded"\n[layers."hidden"]\nweights = "runtime"\n')
    options = override(read_config(config), precision="fixed<12,5>")
    design = fpgann.compile(folder / "float.onnx", tmp_path / "one", options)
    assert [layer["name"] for layer in design.manifest["loading"]["layers"]] == ["hidden"]
    with pytest.raises(FormatError, match="node 'last': its weights differ and are constant"):
        fpgann.weights(tmp_path / "one", folder / "float2.onnx")
    hidden_only = retrained(folder / "float.onnx", tmp_path / "hidden.onnx", {(6, 8), (8,)})
    assert set(fpgann.weights(tmp_path / "one", hidden_only).codes) == {"hidden"}
    constant = fpgann.compile(folder / "float.onnx", tmp_path / "constant")
    with pytest.raises(FormatError, match="its weights are part of the circuit; compile the model with --weights"):
        constant.address_map()


def test_options(folder: Path, tmp_path: Path) -> None:
    options = override(CompileOptions(), weights="runtime", strategy="unrolled")
    with pytest.raises(ConfigError, match="layer 'hidden': weights that are loaded at run time need memories"):
        fpgann.compile(folder / "float.onnx", tmp_path / "u", options)
    config = tmp_path / "fpgann.toml"
    config.write_text('weights = "sometimes"\n')
    with pytest.raises(ConfigError, match="there is no weights 'sometimes'"):
        read_config(config)
    design = fpgann.Design(folder / "parallel")
    loaded = design.with_weights(fpgann.weights(folder / "parallel", folder / "float2.onnx"))
    with pytest.raises(ConfigError, match="--batch: it runs the weights that were compiled"):
        loaded.simulate(simulator="verilator", batch=True)


def test_ranges_follow_the_types(folder: Path) -> None:
    design = fpgann.Design(folder / "parallel")
    op = next(node.op for node in design.graph.nodes if node.name == "hidden")
    codes = design.graph.types["x"].codes.range
    products = 6 * 2048 * -codes.low
    assert op.weight.encoding.range == CodeRange(-2048, 2047)
    assert op.bias.encoding.range.high >= products
    assert design.graph.types["hidden"].codes.range.high == products + op.bias.encoding.range.high
