# SPDX-License-Identifier: Apache-2.0
"""Convolutions and pools on real numbers: what is imported computes what onnxruntime computes."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fpgann.errors import MalformedModelError, UnsupportedOperatorError
from fpgann.ir.ops.activation import Function
from fpgann.ir.ops.windows import Windows
from tests.unit.frontend.models import agree, load, model, names, node, operators

MS = "com.microsoft"
RANDOM = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40, derandomize=True
)


class Draw:
    """Random sizes and attributes of one operator.

    Args:
        seed: for everything.
    """

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.axes = int(self.rng.integers(1, 4))
        self.groups = int(self.rng.integers(1, 4))
        self.inputs, self.outputs = self.several(1, 2, 2)
        self.sizes, self.kernel = self.several(5, 7), self.several(1, 3)
        self.attributes: dict[str, object] = {}
        if self.chance():
            self.attributes["strides"] = self.several(1, 3)

    def several(self, low: int, high: int, count: int | None = None) -> list[int]:
        return [int(n) for n in self.rng.integers(low, high + 1, self.axes if count is None else count)]

    def chance(self) -> bool:
        return bool(self.rng.random() < 0.5)

    def weights(self, *shape: int) -> np.ndarray:
        return self.rng.standard_normal(shape).astype(np.float32)

    def padded(self, *, same: bool) -> None:
        """Pads smaller than the kernel, or a mode of auto_pad; dilations where they mean the same to everybody."""
        mode = str(self.rng.choice(["pads", "SAME_UPPER", "SAME_LOWER", "VALID"]))
        if mode == "pads" or (mode.startswith("SAME") and not same):
            self.attributes["pads"] = [int(self.rng.integers(0, k)) for k in self.kernel * 2]
        else:
            self.attributes["auto_pad"] = mode
        if not mode.startswith("SAME") and self.chance():
            self.attributes["dilations"] = self.several(1, 2)


@RANDOM
@given(st.integers(0, 10**6))
def test_convolutions(tmp_path, seed):
    draw = Draw(seed)
    draw.padded(same=True)
    shape = (draw.groups * draw.outputs, draw.inputs, *draw.kernel)
    constants = {"w": draw.weights(*shape)}
    if draw.chance():
        constants["b"] = draw.weights(shape[0])
    if draw.chance():
        draw.attributes["kernel_shape"] = draw.kernel
    conv = node("Conv", ["x", *constants], group=draw.groups, **draw.attributes)
    graph = agree(tmp_path, model([conv], (1, draw.groups * draw.inputs, *draw.sizes), constants), samples=3)
    assert names(graph) == ["transpose", "windows", "dense", "transpose"]


@RANDOM
@given(st.integers(0, 10**6))
def test_transposed_convolutions(tmp_path, seed):
    draw = Draw(seed)
    draw.padded(same=False)
    strides = draw.attributes.get("strides", [1] * draw.axes)
    if draw.chance():
        draw.attributes["output_padding"] = [int(draw.rng.integers(0, stride)) for stride in strides]
    elif draw.chance():
        draw.attributes.pop("pads", None)
        draw.attributes["output_shape"] = [s * n for s, n in zip(strides, draw.sizes, strict=True)]
        draw.attributes["auto_pad"] = str(draw.rng.choice(["NOTSET", "SAME_UPPER", "SAME_LOWER"]))
    shape = (draw.groups * draw.inputs, draw.outputs, *draw.kernel)
    constants = {"w": draw.weights(*shape)}
    if draw.chance():
        constants["b"] = draw.weights(draw.groups * draw.outputs)
    conv = node("ConvTranspose", ["x", *constants], group=draw.groups, **draw.attributes)
    graph = agree(tmp_path, model([conv], (1, shape[0], *draw.sizes), constants), samples=3)
    assert names(graph) == ["transpose", "windows", "dense", "arrange", "transpose"]


@pytest.mark.parametrize("op_type", ["MaxPool", "AveragePool", "LpPool"])
@RANDOM
@given(seed=st.integers(0, 10**6))
def test_pools(tmp_path, op_type, seed):
    draw = Draw(seed)
    draw.attributes.pop("strides", None)
    draw.attributes["strides"] = [int(draw.rng.integers(1, k + 1)) for k in draw.kernel]
    draw.padded(same=True)
    if draw.chance() and "auto_pad" not in draw.attributes:
        draw.attributes["ceil_mode"] = 1
    if op_type == "AveragePool" and draw.chance():
        draw.attributes["count_include_pad"] = 1
    if op_type == "LpPool":
        draw.attributes["p"] = int(draw.rng.integers(1, 4))
    pool = node(op_type, ["x"], kernel_shape=draw.kernel, **draw.attributes)
    agree(tmp_path, model([pool], (1, draw.inputs, *draw.sizes), opset=19), samples=3)


@pytest.mark.parametrize("op_type", ["GlobalMaxPool", "GlobalAveragePool", "GlobalLpPool"])
@pytest.mark.parametrize("shape", [(1, 3, 5), (1, 2, 3, 4), (1, 2, 2, 2, 3)])
def test_global_pools(tmp_path, op_type, shape):
    agree(tmp_path, model([node(op_type, ["x"])], shape))


def test_a_pool_without_padding_divides_by_one_number(tmp_path):
    pool = node("AveragePool", ["x"], kernel_shape=[2, 2], strides=[2, 2])
    graph = agree(tmp_path, model([pool], (1, 2, 4, 4)))
    assert names(graph) == ["transpose", "windows", "reshape", "reduce", "reshape", "affine", "transpose"]


@pytest.mark.parametrize("activation", ["", "Relu", "LeakyRelu", "Clip", "HardSigmoid", "Sigmoid", "Tanh"])
def test_fused_convolutions(tmp_path, activation):
    numbers = {"LeakyRelu": [0.2], "Clip": [-0.5, 0.75], "HardSigmoid": [0.3, 0.4]}.get(activation, [])
    constants = {"w": Draw(1).weights(2, 3, 3, 3), "b": Draw(2).weights(2)}
    options = ({"activation": activation} if activation else {}) | ({"activation_params": numbers} if numbers else {})
    conv = node("FusedConv", ["x", "w", "b"], domain=MS, pads=[1, 1, 1, 1], **options)
    graph = agree(tmp_path, model([conv], (1, 3, 4, 4), constants))
    assert bool(activation) == any(isinstance(getattr(op, "function", None), Function) for op in operators(graph))


def test_fused_convolutions_with_a_sum(tmp_path):
    constants = {"w": Draw(1).weights(3, 3, 3, 3), "b": Draw(2).weights(3)}
    conv = node("FusedConv", ["x", "w", "b", "x"], domain=MS, pads=[1, 1, 1, 1], activation="Relu")
    assert "add" in names(agree(tmp_path, model([conv], (1, 3, 4, 4), constants)))


@pytest.mark.parametrize("op_type", ["Conv", "MaxPool", "AveragePool", "BatchNormalization", "ConvTranspose"])
def test_channels_last_of_qonnx(tmp_path, op_type):
    """The same as the standard operator between transposes, weights included."""
    weight = Draw(1).weights(3, 3, 3, 3)
    numbers = {f"p{i}": np.abs(Draw(i).weights(3)) for i in range(4)}
    options = {} if op_type == "BatchNormalization" else {"kernel_shape": [3, 3]}
    options |= {"group": 1} if op_type.startswith("Conv") else {}
    extra = {"Conv": ["w"], "ConvTranspose": ["w"], "BatchNormalization": list(numbers)}.get(op_type, [])
    standard = [
        node("Transpose", ["x"], ["first"], perm=[0, 3, 1, 2]),
        node(op_type, ["first", *extra], ["result"], **options),
        node("Transpose", ["result"], perm=[0, 2, 3, 1]),
    ]
    last = node(op_type, ["x", *extra], domain="qonnx.custom_op.channels_last", **options)
    shape = (1, 5, 4, 3)
    wanted = agree(tmp_path, model(standard, shape, {"w": weight} | numbers))
    got = agree(tmp_path, model([last], shape, {"w": np.moveaxis(weight, 1, -1)} | numbers))
    assert names(got) == names(wanted)
    for a, b in zip(operators(got), operators(wanted), strict=True):
        if a.name == "dense":
            assert np.array_equal(a.weight.data, b.weight.data)


WEIGHT = {"w": np.ones((2, 3, 3, 3), np.float32)}


@pytest.mark.parametrize(
    ("failing", "error", "message"),
    [
        (node("Conv", ["x", "x"]), UnsupportedOperatorError, "its weight .* is computed from the model's inputs"),
        (node("Conv", ["x", "w"], group=2), MalformedModelError, r"do not fit 3 channels in 2 groups"),
        (node("Conv", ["x", "w"], kernel_shape=[2, 2]), MalformedModelError, "kernel_shape .* is not that of its"),
        (node("Conv", ["x", "w"], pads=[1, 1]), MalformedModelError, "attributes do not fit an input with 2 axes"),
        (node("Conv", ["x", "w"], dilations=[4, 1]), MalformedModelError, "does not fit into an input of"),
        (node("Conv", ["x", "w"], strides=[0, 1]), MalformedModelError, "must be positive"),
        (node("Conv", ["x", "w", "w"]), MalformedModelError, "a bias of shape"),
        (node("Conv", ["x", "w"], auto_pad="SAME"), MalformedModelError, "'SAME' is no padding"),
        (
            node("Conv", ["x", "w"], auto_pad="SAME_UPPER", dilations=[2, 2]),
            UnsupportedOperatorError,
            "means other pads to onnxruntime",
        ),
        (node("MaxPool", ["x"], ["y", "i"], kernel_shape=[2, 2]), UnsupportedOperatorError, "output 'i' is not"),
        (node("AveragePool", ["x"], kernel_shape=[2, 2], pads=[2, 0, 0, 0]), MalformedModelError, "padding alone"),
        (node("ConvTranspose", ["x", "w"]), MalformedModelError, "do not fit 3 channels"),
        (node("LpPool", ["x"], kernel_shape=[2, 2], p=0), MalformedModelError, "p = 0 is no norm"),
    ],
)
def test_refusals(tmp_path, failing: onnx.NodeProto, error, message):
    outputs = list(failing.output)
    with pytest.raises(error, match=message):
        load(tmp_path, model([failing], (1, 3, 5, 5), WEIGHT, outputs=outputs))


@pytest.mark.parametrize("field", ["pads", "dilations", "groups", "fill"])
def test_twins(tmp_path, field, monkeypatch):
    """Windows with a wrong attribute are found by the comparison with onnxruntime."""
    build = Windows.__init__

    def broken(self, kernel, strides, dilations, pads, fill=0, groups=1):
        wrong = {"pads": pads, "dilations": dilations, "groups": groups, "fill": fill}
        axes = len(kernel)
        wrong["pads"] = (pads[0] + 1, *pads[1:axes], pads[axes] - 1, *pads[axes + 1 :]) if field == "pads" else pads
        wrong["dilations"] = (1,) * axes if field == "dilations" else dilations
        wrong["groups"] = 1 if field == "groups" else groups
        wrong["fill"] = 1.0 if field == "fill" else fill
        build(self, kernel, strides, wrong["dilations"], wrong["pads"], wrong["fill"], wrong["groups"])

    monkeypatch.setattr(Windows, "__init__", broken)
    conv = node("Conv", ["x", "w"], pads=[1, 1, 1, 1], dilations=[2, 2], group=2)
    with pytest.raises(AssertionError):
        agree(tmp_path, model([conv], (1, 4, 6, 6), {"w": Draw(1).weights(2, 2, 3, 3)}))
