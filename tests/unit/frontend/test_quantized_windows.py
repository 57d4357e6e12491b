# SPDX-License-Identifier: Apache-2.0
"""Quantized convolutions and pools against the oracle, with ==, and against onnxruntime."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fpgann.ir.ops.windows import Windows
from fpgann.passes import lower_windows
from fpgann.reference.ops import windows as evaluator
from tests.unit.frontend.exactness import agree, delivered, lower
from tests.unit.frontend.models import QONNX, model, names, node, tensor
from tests.unit.frontend.test_convolutions import Draw
from tests.unit.frontend.test_qlinear import MS, Case
from tests.unit.frontend.test_quantize_linear import integer

FEW = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=12, derandomize=True
)
SEEDS = st.integers(0, 10**6)


def shaped(seed: int, *, same: bool = True) -> Draw:
    """One or two axes, small enough for exact arithmetic."""
    draw = Draw(seed)
    draw.axes = 1 + draw.axes % 2
    draw.sizes, draw.kernel = draw.sizes[:1] * draw.axes, draw.several(1, 3)
    draw.attributes.clear()
    if draw.chance():
        draw.attributes["strides"] = [int(draw.rng.integers(1, k + 1)) for k in draw.kernel]
    draw.padded(same=same)
    return draw


@FEW
@given(SEEDS, st.booleans(), st.booleans())
def test_qlinear_convolutions(tmp_path, seed, per_output, last):
    draw = shaped(seed)
    channels, outputs = draw.groups * draw.inputs, draw.groups * draw.outputs
    last = last and draw.axes == 2
    case = Case(seed, {"x": (1, *draw.sizes, channels) if last else (1, channels, *draw.sizes)})
    weight = case.integers("w", (outputs, draw.inputs, *draw.kernel))
    operands = ["x", *case.grid("x"), weight, case.scale("w_s", count=outputs if per_output else 0)]
    if per_output:
        case.constants.append(integer("w_z", case.kind, np.full(outputs, 128 if case.kind == "UINT8" else 0)))
        operands += ["w_z"]
    else:
        operands += [case.zero("w_z")]
    operands += case.grid("y", greatest=4, least=1)
    if draw.chance():
        case.constants.append(integer("b", "INT32", case.rng.integers(-(2**16), 2**16, outputs)))
        operands += ["b"]
    options = {"domain": MS, "channels_last": 1} if last else {}
    conv = node("QLinearConv", operands, group=draw.groups, **draw.attributes, **options)
    runtime = case.kind == "UINT8" and not last  # onnxruntime wants other combinations of types
    agree(case.model(conv), case.inputs(4), tmp_path, runtime=runtime)


@FEW
@given(SEEDS)
def test_convolutions_of_integers(tmp_path, seed):
    draw = shaped(seed)
    case = Case(seed, {"x": (1, draw.groups * draw.inputs, *draw.sizes)})
    weight = case.integers("w", (draw.groups * draw.outputs, draw.inputs, *draw.kernel))
    conv = node("ConvInteger", ["x", weight, case.zero("x_z"), case.zero("w_z")], group=draw.groups, **draw.attributes)
    agree(case.model(conv, kind="INT32"), case.inputs(4), tmp_path, runtime=case.kind == "UINT8" and draw.axes == 2)


@FEW
@given(SEEDS, st.booleans())
def test_qlinear_average_pools(tmp_path, seed, include):
    draw = shaped(seed)
    case = Case(seed, {"x": (1, draw.inputs, *draw.sizes)})
    operands = ["x", *case.grid("x"), *case.grid("y")]
    options = draw.attributes | {"kernel_shape": draw.kernel, "count_include_pad": int(include)}
    options.pop("dilations", None)
    agree(
        case.model(node("QLinearAveragePool", operands, domain=MS, **options)), case.inputs(4), tmp_path, runtime=False
    )


def quant(value: str, result: str, scale: str = "s", bits: str = "bits", **options) -> onnx.NodeProto:
    return node("Quant", [value, scale, "zero", bits], [result], domain=QONNX, **options)


def qonnx_model(draw: Draw, op_type: str, pool: list[onnx.NodeProto]) -> onnx.ModelProto:
    """Input quantizer, quantized weights with a scale per output, batch normalization, ReLU, a pool, a quantizer."""
    channels, outputs = draw.groups * draw.inputs, draw.groups * draw.outputs
    transposed = op_type == "ConvTranspose"
    shape = (channels, draw.outputs) if transposed else (outputs, draw.inputs)
    scales = (1, outputs) if transposed and draw.groups == 1 else (1, 1) if transposed else (outputs, 1)
    numbers = {f"p{i}": draw.rng.uniform(0.1, 1, outputs).astype(np.float32) for i in range(4)}
    numbers["p0"][0] *= -1
    constants = {
        "s": np.float32(0.11), "t": np.float32(0.3), "zero": np.float32(0),
        "bits": np.float32(4), "eight": np.float32(8),
        "raw": draw.weights(*shape, *draw.kernel),
        "ws": draw.rng.uniform(0.05, 0.4, (*scales, *(1,) * draw.axes)).astype(np.float32),
    }  # fmt: skip
    nodes = [
        quant("x", "q", bits="eight"),
        quant("raw", "w", "ws", narrow=1),
        node(op_type, ["q", "w"], ["a"], group=draw.groups, **draw.attributes),
        node("BatchNormalization", ["a", *numbers], ["n"]),
        node("Relu", ["n"], ["r"]),
        *pool,
        quant("p" if pool else "r", "y", "t", signed=0),
    ]
    return model(nodes, (1, channels, *draw.sizes), constants | numbers)


@FEW
@given(SEEDS, st.sampled_from(["Conv", "ConvTranspose"]))
def test_qonnx_layers(tmp_path, seed, op_type):
    draw = shaped(seed, same=op_type == "Conv")
    if op_type == "ConvTranspose":
        draw.attributes.pop("auto_pad", None)
    proto = qonnx_model(draw, op_type, [])
    x = draw.rng.normal(0, 4, (4, *[d.dim_value for d in proto.graph.input[0].type.tensor_type.shape.dim]))
    agree(proto, {"x": x.astype(np.float32)}, tmp_path, runtime=False)


@FEW
@given(SEEDS)
def test_a_pool_before_the_quantizer(tmp_path, seed):
    """Batch normalization with a negative factor, ReLU and a maximum are exact although no quantizer lies between."""
    draw = shaped(seed)
    draw.attributes = {"pads": [k - 1 for k in draw.kernel * 2]}
    options = {"kernel_shape": [2] * draw.axes, "pads": [1] * (2 * draw.axes), "strides": [2] * draw.axes}
    late = qonnx_model(draw, "Conv", [node("MaxPool", ["r"], ["p"], **options)])
    early = qonnx_model(draw, "Conv", [])
    early.graph.node[-1].output[0] = "e"
    early.graph.node.append(node("MaxPool", ["e"], **options))
    shape = [d.dim_value for d in early.graph.input[0].type.tensor_type.shape.dim]
    x = {"x": draw.rng.normal(0, 4, (4, *shape)).astype(np.float32)}
    graph = lower(late, tmp_path)
    got = delivered(graph, x)["y"]
    del early.graph.initializer[:]
    early.graph.initializer.extend(late.graph.initializer)
    wanted = agree(early, x, tmp_path, runtime=False)
    assert names(graph) == names(wanted)
    assert np.array_equal(got, delivered(wanted, x)["y"])


def padded_convolution() -> tuple[onnx.ModelProto, dict[str, np.ndarray]]:
    case = Case(3, {"x": (1, 2, 4, 4)})
    operands = [
        "x",
        *case.grid("x"),
        case.integers("w", (2, 1, 3, 3)),
        *case.grid("w"),
        *case.grid("y", least=1, greatest=4),
    ]
    return case.model(node("QLinearConv", operands, group=2, pads=[1, 1, 1, 1])), case.inputs(4)


@pytest.mark.parametrize("fault", ["fill", "pad", "tap", "groups"])
def test_twins(tmp_path, fault, monkeypatch):
    proto, inputs = padded_convolution()
    agree(proto, inputs, tmp_path, runtime=False)
    windows, fill = evaluator._windows, lower_windows._fill

    def broken(op: Windows, x: np.ndarray) -> np.ndarray:
        if fault == "pad":
            x = np.roll(x, 1, axis=2)
        got = windows(op, x)
        parts = got.reshape(*got.shape[:-1], op.groups, op.taps, -1)
        if fault == "tap":
            parts = np.flip(parts, -2)
        if fault == "groups":
            parts = np.flip(parts, -3)
        return parts.reshape(got.shape)

    monkeypatch.setattr(evaluator, "_windows", broken)
    if fault == "fill":
        monkeypatch.setattr(lower_windows, "_fill", lambda number, codes: fill(number, codes) + 1)
    with pytest.raises(AssertionError):
        agree(proto, inputs, tmp_path, runtime=False)


def test_zero_that_is_no_code(tmp_path):
    """Bipolar codes stand for +1 and -1; zeros around the map need a finer unit."""
    constants = [
        tensor("s", 1.0),
        tensor("w", np.sign(Draw(1).weights(2, 2, 3, 3))),
        tensor("t", 1.0),
        tensor("zero", 0.0),
        tensor("bits", 6.0),
    ]
    nodes = [
        node("BipolarQuant", ["x", "s"], ["q"], domain=QONNX),
        node("BipolarQuant", ["w", "s"], ["v"], domain=QONNX),
        node("Conv", ["q", "v"], ["a"], pads=[1, 1, 1, 1]),
        quant("a", "y", "t"),
    ]
    graph = agree(model(nodes, (1, 2, 4, 4), constants), {"x": Draw(2).weights(4, 1, 2, 4, 4)}, tmp_path, runtime=False)
    assert "add" in names(graph)
