# SPDX-License-Identifier: Apache-2.0
"""QuantizeLinear and DequantizeLinear against the oracle, with ==."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from fpgann.errors import MalformedModelError, UnsupportedOperatorError
from tests.unit.frontend.exactness import Fraction, agree, defined, delivered, lower
from tests.unit.frontend.models import model, node, value

TYPES = ["INT8", "UINT8", "INT16", "UINT16", "INT4", "UINT4"]
RANGES = {
    name: (-(1 << bits - 1), (1 << bits - 1) - 1) if name.startswith("I") else (0, (1 << bits) - 1)
    for name in TYPES
    for bits in [int(name.strip("UINT"))]
}
SCALES = st.floats(2.0**-10, 8, width=32)
SAME_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)


def integer(name: str, kind: str, values) -> onnx.TensorProto:
    array = np.asarray(values)
    return helper.make_tensor(name, getattr(TensorProto, kind), array.shape, array.reshape(-1).tolist())


def real(name: str, values) -> onnx.TensorProto:
    return onnx.numpy_helper.from_array(np.asarray(values, np.float32), name)


def pair(kind: str, scale, zero, *, back=None, **attributes) -> onnx.ModelProto:
    """x quantized and back; `back` are another scale and zero point for the way back."""
    scale2, zero2 = (scale, zero) if back is None else back
    nodes = [
        node("QuantizeLinear", ["x", "s", "z"], ["q"], **attributes),
        node("DequantizeLinear", ["q", "s2", "z2"], ["y"], **attributes),
    ]
    constants = [real("s", scale), real("s2", scale2), integer("z", kind, zero), integer("z2", kind, zero2)]
    return model(nodes, (1, 3, 4), constants, opset=21)


def samples(scale: float, seed: int = 0) -> dict[str, np.ndarray]:
    """Numbers within and far beyond the range, ties among them."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(-70000, 70000, (20, 1, 3, 4)) >> rng.integers(0, 17, (20, 1, 3, 4))
    ties = (codes + rng.choice([0, 0.5, 0.25], codes.shape)) * np.float64(np.float32(scale))
    return {"x": np.where(np.abs(ties) < 3e38, ties, 0).astype(np.float32)}


@SAME_FOLDER
@given(st.sampled_from(TYPES), SCALES, st.data())
def test_pairs(tmp_path, kind, scale, data):
    low, high = RANGES[kind]
    zero, zero2 = (data.draw(st.integers(low, high)) for _ in range(2))
    same = data.draw(st.booleans())
    proto = pair(kind, scale, zero, back=None if same else (data.draw(SCALES), zero2))
    graph = agree(proto, samples(scale), tmp_path, runtime=kind in ("INT8", "UINT8"))
    assert [n.op.name for n in graph.nodes] in ([], [] if same else ["reinterpret"])  # the host quantizes


@pytest.mark.parametrize("zero", [0, 1, -1, 127])
def test_the_zero_point_is_added_behind_rounding(tmp_path, zero):
    """0.5 rounds to 0 and 1.5 to 2 whatever the zero point, unlike in QONNX."""
    ties = {"x": np.arange(-6, 6, dtype=np.float32).reshape(1, 1, 3, 4) + np.float32(0.5)}
    graph = agree(pair("INT8", 1.0, zero), ties, tmp_path)
    numbers = delivered(graph, ties)["y"].reshape(-1)
    assert all(number % 2 == 0 or number + zero in (-128, 127) for number in numbers)


def test_a_zero_point_off_by_one_is_noticed(tmp_path):
    data = samples(0.3)
    right, wrong = pair("UINT8", 0.3, 7), pair("UINT8", 0.3, 7, back=(0.3, 8))
    ours = delivered(lower(right, tmp_path), data)["y"]
    assert np.all(ours.reshape(20, 1, 3, 4) == defined(right, data)["y"])
    assert not np.any(ours.reshape(20, 1, 3, 4) == defined(wrong, data)["y"])


@pytest.mark.parametrize(("axis", "size"), [(2, 4), (-1, 4), (1, 3)])
def test_channels_of_computed_numbers(tmp_path, axis, size):
    nodes = [
        node("QuantizeLinear", ["x", "one", "nought"], ["i"]),
        node("DequantizeLinear", ["i", "one", "nought"], ["r"]),
        node("QuantizeLinear", ["r", "s", "z"], ["q"], axis=axis),
        node("DequantizeLinear", ["q", "s", "z"], ["y"], axis=axis),
    ]
    constants = [
        real("one", 0.01),
        integer("nought", "INT8", 0),
        real("s", np.linspace(0.01, 0.07, size)),
        integer("z", "INT8", np.full(size, -3)),
    ]
    agree(model(nodes, (1, 3, 4), constants), samples(0.01), tmp_path)


def test_a_missing_zero_point_means_uint8_and_zero(tmp_path):
    nodes = [node("QuantizeLinear", ["x", "s"], ["q"]), node("DequantizeLinear", ["q", "s"], ["y"])]
    graph = agree(model(nodes, (1, 3, 4), [real("s", 0.2)]), samples(0.2), tmp_path)
    assert graph.types[graph.outputs["y"]].codes.range.high == 255


def test_output_dtype(tmp_path):
    nodes = [
        node("QuantizeLinear", ["x", "s"], ["q"], output_dtype=TensorProto.INT16),
        node("DequantizeLinear", ["q", "s"], ["y"]),
    ]
    graph = agree(model(nodes, (1, 3, 4), [real("s", 0.2)], opset=21), samples(0.2), tmp_path, runtime=False)
    assert graph.types[graph.outputs["y"]].codes.range.low == -(1 << 15)


@SAME_FOLDER
@given(st.sampled_from(["INT8", "UINT8", "INT16"]), SCALES, st.data())
def test_integers_as_inputs_and_outputs(tmp_path, kind, scale, data):
    """The host hands over and receives the integers themselves."""
    low, high = RANGES[kind]
    zeros = [data.draw(st.integers(low, high)) for _ in range(2)]
    nodes = [
        node("DequantizeLinear", ["x", "s", "z"], ["r"]),
        node("Relu", ["r"], ["p"]),
        node("QuantizeLinear", ["p", "t", "w"], ["y"]),
    ]
    constants = [
        real("s", scale),
        real("t", data.draw(SCALES)),
        integer("z", kind, zeros[0]),
        integer("w", kind, zeros[1]),
    ]
    proto = model(nodes, inputs=[value("x", (1, 5), getattr(TensorProto, kind))], constants=constants, opset=21)
    proto.graph.output[0].type.tensor_type.elem_type = getattr(TensorProto, kind)
    drawn = np.random.default_rng(1).integers(low, high + 1, (30, 1, 5))
    drawn.reshape(-1)[:2] = low, high
    inputs = {"x": drawn.astype(kind.lower())}
    graph = agree(proto, inputs, tmp_path, runtime=kind != "INT16")
    codes = graph.types[graph.outputs["y"]].codes
    assert codes.plain
    assert codes.fixed.frac == 0
    assert low <= codes.range.low <= codes.range.high <= high
    assert (graph.inputs[0].type.codes.range.low, graph.inputs[0].type.codes.range.high) == (low, high)


@SAME_FOLDER
@given(st.integers(-128, 127), st.integers(-128, 127), st.integers(-20, 20))
def test_clipped_integers_are_narrower_codes(tmp_path, one, other, zero):
    low, high = sorted((one, other))
    nodes = [
        node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        node("Clip", ["q", "low", "high"], ["c"]),
        node("DequantizeLinear", ["c", "s", "z"], ["y"]),
    ]
    constants = [
        real("s", 0.3), integer("z", "INT8", zero), integer("low", "INT8", low), integer("high", "INT8", high)
    ]  # fmt: skip
    if low == high:
        return
    graph = agree(model(nodes, (1, 3, 4), constants), samples(0.3), tmp_path)
    codes = graph.types[graph.outputs["y"]].codes.range
    assert graph.nodes == ()
    assert (codes.low, codes.high) == (low - zero, high - zero)


def test_integers_may_be_moved_and_clipped_before_they_are_scaled(tmp_path):
    nodes = [
        node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        node("Transpose", ["q"], ["t"], perm=[0, 2, 1]),
        node("Flatten", ["t"], ["f"]),
        node("Clip", ["f", "low", "high"], ["c"]),
        node("DequantizeLinear", ["c", "s2", "z2"], ["y"]),
    ]
    constants = [
        real("s", 0.3),
        real("s2", 0.7),
        integer("z", "UINT8", 9),
        integer("z2", "UINT8", 11),
        integer("low", "UINT8", 3),
        integer("high", "UINT8", 200),
    ]
    agree(model(nodes, (1, 3, 4), constants), samples(0.3), tmp_path)


@SAME_FOLDER
@given(st.sampled_from(["INT8", "UINT8", "INT4"]), st.booleans(), st.booleans(), st.booleans(), st.integers(0, 10**6))
def test_dense_layers(tmp_path, kind, per_channel, clipped, split, seed):
    """Asymmetric weights per tensor or per channel, int32 biases, integers inside and out."""
    rng = np.random.default_rng(seed)
    low, high = RANGES[kind]
    count = 3 if per_channel else 1
    scales = rng.uniform(0.01, 0.3, count).astype(np.float32)
    zeros = rng.integers(low, high + 1, count)
    step = np.float32(0.21)
    shape = (count,) if per_channel else ()
    constants = [
        real("s", step),
        integer("z", "UINT8", int(rng.integers(0, 256))),
        integer("w", kind, rng.integers(low, high + 1, (4, 3))),
        real("ws", scales.reshape(shape)),
        integer("wz", kind, zeros.reshape(shape)),
        integer("b", "INT32", rng.integers(-(2**31), 2**31, 3)),
        real("bs", (scales * step).reshape(shape)),
        real("t", 40000.0),
        integer("tz", "INT8", int(rng.integers(-128, 128))),
    ]
    nodes = [
        node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        node("DequantizeLinear", ["q", "s", "z"], ["d"]),
        node("DequantizeLinear", ["w", "ws", "wz"], ["wd"], axis=1),
        node("DequantizeLinear", ["b", "bs"], ["bd"], axis=0),
        *(
            [node("MatMul", ["d", "wd"], ["m"]), node("Add", ["bd", "m"], ["g"])]
            if split
            else [node("Gemm", ["d", "wd", "bd"], ["g"])]
        ),
        *([node("Relu", ["g"], ["h"])] if clipped else [node("Identity", ["g"], ["h"])]),
        node("QuantizeLinear", ["h", "t", "tz"], ["o"]),
        node("DequantizeLinear", ["o", "t", "tz"], ["y"]),
    ]
    proto = model(nodes, (1, 4), constants, opset=21)
    inputs = {"x": rng.normal(0, 9, (12, 1, 4)).astype(np.float32)}
    agree(proto, inputs, tmp_path, runtime=kind != "INT4")


@pytest.mark.parametrize("op_type", ["Gemm", "Add", "Sub"])
def test_biases_of_more_bits_than_float64_has(tmp_path, op_type):
    """An int32 code times a float32 scale has up to 55 bits; the delivered number has them all."""
    constants = [
        real("s", 0.1), integer("w", "INT8", np.ones((4, 2))), real("ws", 0.3), real("bs", 0.1234567),
        integer("b", "INT32", [2**31 - 1, -(2**31) + 1]),
    ]  # fmt: skip
    product = {
        "Gemm": [node("Gemm", ["d", "wd", "bd"])],
        "Add": [node("MatMul", ["d", "wd"], ["m"]), node("Add", ["m", "bd"])],
        "Sub": [node("MatMul", ["d", "wd"], ["m"]), node("Sub", ["bd", "m"])],
    }
    nodes = [
        node("QuantizeLinear", ["x", "s"], ["q"]),
        node("DequantizeLinear", ["q", "s"], ["d"]),
        node("DequantizeLinear", ["w", "ws"], ["wd"]),
        node("DequantizeLinear", ["b", "bs"], ["bd"]),
        *product[op_type],
    ]
    inputs = {"x": np.linspace(0, 20, 40, dtype=np.float32).reshape(10, 1, 4)}
    graph = agree(model(nodes, (1, 4), constants), inputs, tmp_path)
    exact = graph.types[graph.outputs["y"]].codes.offset[0]
    assert Fraction(float(exact)) != exact


def test_weights_that_are_quantized_in_the_file(tmp_path):
    rng = np.random.default_rng(3)
    constants = [
        real("s", 0.11), integer("z", "INT8", 5), real("w", rng.normal(0, 1, (3, 4))),
        real("ws", [0.011, 0.017, 0.03]), integer("wz", "INT8", [0, 0, 0]),
        integer("low", "INT8", -7), integer("high", "INT8", 7),
    ]  # fmt: skip
    nodes = [
        node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        node("DequantizeLinear", ["q", "s", "z"], ["d"]),
        node("QuantizeLinear", ["w", "ws", "wz"], ["wq"], axis=0),
        node("Clip", ["wq", "low", "high"], ["wc"]),
        node("DequantizeLinear", ["wc", "ws", "wz"], ["wd"], axis=0),
        node("Gemm", ["d", "wd"], ["y"], transB=1),
    ]
    graph = agree(model(nodes, (1, 4), constants), {"x": rng.normal(0, 5, (9, 1, 4)).astype(np.float32)}, tmp_path)
    weight = graph.nodes[0].op.weight
    assert (int(weight.data.min()), int(weight.data.max())) == (-7, 7)


class TestRefusals:
    def test_scales_along_the_inputs(self, tmp_path):
        constants = [real("s", 0.1), integer("w", "INT8", np.ones((4, 3))), real("ws", [0.1, 0.2, 0.3, 0.4])]
        nodes = [
            node("QuantizeLinear", ["x", "s"], ["q"]),
            node("DequantizeLinear", ["q", "s"], ["d"]),
            node("DequantizeLinear", ["w", "ws"], ["wd"], axis=0),
            node("MatMul", ["d", "wd"], ["y"]),
        ]
        with pytest.raises(UnsupportedOperatorError, match="varies along the inputs"):
            lower(model(nodes, (1, 4), constants), tmp_path)

    def test_blocks(self, tmp_path):
        proto = pair("INT8", np.full((1, 3, 2), 0.5), np.zeros((1, 3, 2), int), axis=2, block_size=2)
        with pytest.raises(UnsupportedOperatorError, match="in blocks"):
            lower(proto, tmp_path)

    def test_small_floats(self, tmp_path):
        zero = helper.make_tensor("z", TensorProto.FLOAT8E4M3FN, (), [0.0])
        nodes = [node("QuantizeLinear", ["x", "s", "z"], ["q"]), node("DequantizeLinear", ["q", "s", "z"], ["y"])]
        with pytest.raises(UnsupportedOperatorError, match="FLOAT8E4M3FN"):
            lower(model(nodes, (1, 3, 4), [real("s", 1.0), zero], opset=21), tmp_path)

    def test_scales_that_depend_on_the_data(self, tmp_path):
        nodes = [
            node("DynamicQuantizeLinear", ["x"], ["q", "s", "z"]),
            node("DequantizeLinear", ["q", "s", "z"], ["y"]),
        ]
        with pytest.raises(UnsupportedOperatorError, match="static quantization"):
            lower(model(nodes, (1, 3, 4)), tmp_path)

    def test_a_scale_of_zero(self, tmp_path):
        with pytest.raises(UnsupportedOperatorError, match="must be positive"):
            lower(pair("INT8", 0.0, 0), tmp_path)

    def test_entries_that_fit_no_axis(self, tmp_path):
        with pytest.raises(MalformedModelError, match="3 entries"):
            lower(pair("INT8", [0.1, 0.2, 0.3], [0, 0, 0], axis=2), tmp_path)

    def test_zero_points_that_differ(self, tmp_path):
        with pytest.raises(UnsupportedOperatorError, match="vary between channels"):
            lower(pair("INT8", [0.1, 0.2, 0.3], [0, 1, 0], axis=1), tmp_path)
