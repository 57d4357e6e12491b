# SPDX-License-Identifier: Apache-2.0
"""Bugs that random networks found, each as small as it gets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from fpgann import api
from fpgann.config import CompileOptions, override
from fpgann.hardware import HardwareOptions, LayerOptions, Strategy
from tests.conftest import require_tool
from tests.cosim.models import Network


def folded(reuse_factor: int) -> CompileOptions:
    return override(CompileOptions(), strategy="folded", reuse_factor=reuse_factor)


def compile_network(network: Network, options: CompileOptions, folder: Path) -> api.Design:
    return api.compile(network.write(folder / "net.onnx"), folder / "build", options)


def test_a_neuron_that_serves_all_channels_searches_in_each_ones_thresholds(tmp_path: Path) -> None:
    """With one neuron there is one search only, which must get the channel's number all the same."""
    require_tool("ghdl")
    network = Network(4, 3).quantize("entry", 5, 0.1).dense("layer", 6, scale=0.1).normalize("norm")
    network.node("Tanh", name="tanh").quantize("curved", 5, 0.07)
    design = compile_network(network, folded(24), tmp_path)
    assert "fpgann_requantize_search" in (design.folder / "rtl" / "net_layer.vhd").read_text()
    design.simulate().require_exact()


def test_half_even_rounding_of_minus_one_needs_a_bit_more(tmp_path: Path) -> None:
    """-24 / 16 rounds to -2, found as floor(-16 / 16) = -1 with its last bit cleared: one bit wider than -1."""
    require_tool("ghdl")
    network = Network(1, 0).quantize("entry", 2, 1.0, signed=False)
    operands = [network.constant([[-8.0]]), network.constant(1.0), network.constant(0.0), network.constant(4.0)]
    network.append("Quant", operands, "weight", signed=1, narrow=0)
    network.node("MatMul", "weight", name="layer").quantize("exit", 4, 16.0)
    design = compile_network(network, override(CompileOptions(), strategy="unrolled"), tmp_path)
    codes = design.graph.types[next(iter(design.graph.outputs.values()))].codes
    assert (codes.range.low, codes.range.high) == (-2, 0)
    design.simulate().require_exact()


def test_a_layer_whose_input_is_constant(tmp_path: Path) -> None:
    """Its adder graph is a constant, which is no miscompilation."""
    require_tool("ghdl")
    network = Network(3, 4).quantize("entry", 3, 0.25).dense("zero", 2, scale=1e4, bits=2, bias=False)
    network.node("Add", network.constant([3.0, 3.0]), name="shift").quantize("same", 4, 0.5).dense(
        "after", 3, scale=0.1
    )
    design = compile_network(network, override(CompileOptions(), strategy="unrolled"), tmp_path)
    design.simulate().require_exact()


def test_folded_layers_keep_their_name(tmp_path: Path) -> None:
    """Options and reports call a layer what the model calls it, whatever is folded into it."""
    network = Network(4, 5).dense("first", 3).normalize("norm").node("Relu", name="relu")
    network.node("Mul", network.constant(2.0), name="twice").dense("second", 2).normalize("norm2")
    layers = {
        "first": LayerOptions(Strategy.FOLDED, 2),
        "second": LayerOptions(Strategy.FOLDED, 3),
    }
    design = compile_network(network, CompileOptions(hardware=HardwareOptions(layers=layers)), tmp_path)
    assert [(layer["name"], layer["reuse_factor"]) for layer in design.report["layers"]] == [
        ("first", 2),
        ("second", 3),
    ]


def test_channels_that_lie_along_rows_are_not_those_of_neurons(tmp_path: Path) -> None:
    """Batch normalization counts axis 1, a layer on a tensor of three axes the last."""
    require_tool("ghdl")
    network = Network(6, 6).quantize("entry", 5, 0.1)
    network.node("Reshape", network.constant((1, 2, 3), np.int64), name="rows")
    network.width = 3
    weight = network.constant(np.linspace(-0.7, 0.7, 12).reshape(3, 4))
    operands = [weight, network.constant(0.1), network.constant(0.0), network.constant(4.0)]
    network.append("Quant", operands, "weight", signed=1, narrow=0)
    network.node("MatMul", "weight", name="layer")
    network.width = 2
    network.normalize("norm").quantize("exit", 6, 0.05)
    design = compile_network(network, folded(3), tmp_path)
    design.simulate().require_exact()


def test_memories_beyond_the_simulators_stack_limit(tmp_path: Path) -> None:
    """GHDL refuses objects of more than 128 KB in functions, unless it is told to take them."""
    require_tool("ghdl")
    network = Network(160, 7).dense("layer", 80)
    design = compile_network(network, folded(160), tmp_path)
    inputs = {"x": np.random.default_rng(0).normal(0, 1, (2, 1, 160))}
    design.simulate(inputs).require_exact()


def concat_beside(kind: int, path: Path) -> Path:
    """Real numbers through Gemm, Max and Clip, and beside them numbers that only change places."""
    nodes = [
        helper.make_node("Gemm", ["x", "weight"], ["sum"], "layer"),
        helper.make_node("Max", ["sum", "sum"], ["largest"]),
        helper.make_node("Clip", ["largest", "low"], ["clipped"]),
        helper.make_node("Concat", ["y", "y"], ["twice"], axis=1),
    ]
    constants = {"weight": np.float32([[0.7, -0.3], [0.45, 1.1]]), "low": np.float32(-1115477 / 2**20)}
    inputs = [("x", TensorProto.FLOAT, (1, 2)), ("y", kind, (1, 2))]
    outputs = [("clipped", TensorProto.FLOAT, None), ("twice", kind, None)]
    graph = helper.make_graph(
        nodes,
        "beside",
        [helper.make_tensor_value_info(*value) for value in inputs],
        [helper.make_tensor_value_info(*value) for value in outputs],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.write_bytes(proto.SerializeToString())
    return path


def test_a_bit_at_an_input_does_not_make_the_rest_quantized(tmp_path: Path) -> None:
    """Accumulators are rounded in a model of real numbers, whatever else it computes."""
    options = override(CompileOptions(), precision="fixed<10,6>")
    design = api.compile(concat_beside(TensorProto.BOOL, tmp_path / "net.onnx"), tmp_path / "build", options)
    greatest = next(node for node in design.graph.nodes if node.op.name == "extreme")
    assert design.graph.types[greatest.output].codes.fixed.width == 10


def test_a_limit_between_two_codes_of_the_chosen_type(tmp_path: Path) -> None:
    """Whether a clipped value must be rounded depends on the types before it, which are chosen later."""
    require_tool("ghdl")
    options = override(CompileOptions(), precision="fixed<10,6>")
    design = api.compile(concat_beside(TensorProto.INT8, tmp_path / "net.onnx"), tmp_path / "build", options)
    design.simulate().require_exact()
