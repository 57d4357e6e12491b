# SPDX-License-Identifier: Apache-2.0
"""Recurrences on codes: the same integers in every step, and those of the model where it is quantized."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

from fpgann import passes, reference
from fpgann.errors import UnsupportedOperatorError
from fpgann.frontend import import_onnx
from fpgann.ir import Graph
from fpgann.ir.ops.arrange import Arrange
from fpgann.ir.verify import verify
from fpgann.numerics.fixed import parse_precision
from tests.unit.frontend.exactness import delivered, lower
from tests.unit.frontend.models import model, node, read, tensor, value

STEPS, UNITS = 4, 3


def lowered(folder: Path, proto: onnx.ModelProto, precision: str = "fixed<10,4>") -> tuple[Graph, Graph, dict]:
    real = verify(import_onnx(read(folder, proto)), "the import")
    samples = {v.name: np.random.default_rng(0).normal(size=(64, *v.type.shape)) for v in real.inputs}
    values = reference.run_values(real, samples)
    kind = parse_precision(precision)
    choose = lambda points: passes.choose_plan(points, values, kind, fit_binary_point=True)  # noqa: E731
    _, graph, _ = passes.plan_and_lower(real, choose)
    codes = reference.run_codes(graph, {v.name: reference.encode_input(v, samples[v.name]) for v in graph.inputs})
    return real, verify(graph, "quantization"), {"codes": codes, "values": values}


def gru(**attributes) -> onnx.ModelProto:
    generator = np.random.default_rng(1)
    shapes = {"w": (1, 3 * UNITS, 2), "r": (1, 3 * UNITS, UNITS), "b": (1, 6 * UNITS)}
    constants = {name: generator.normal(0, 0.7, shape).astype(np.float32) for name, shape in shapes.items()}
    layer = node("GRU", ["x", "w", "r", "b"], ["y", "h"], hidden_size=UNITS, **attributes)
    return model([layer], (STEPS, 1, 2), constants, outputs=("y", "h"))


@pytest.mark.parametrize("first", [0, 1])
def test_every_step_computes_the_same(tmp_path, first):
    """The operators of all steps are the very same objects: weights, staircases, types."""
    _, graph, _ = lowered(tmp_path, gru(linear_before_reset=first))
    steps = [[n.op for n in graph.nodes if n.name.endswith(f"_step_{t}")] for t in range(STEPS)]
    for others in steps[1:]:
        assert [a is b for a, b in zip(steps[0], others, strict=True)].count(False) == 0
    inside = [op for op in steps[0] if not isinstance(op, Arrange)]
    assert len(inside) >= 10


def test_errors_stay_small_over_the_steps(tmp_path):
    real, graph, found = lowered(tmp_path, gru(), "fixed<16,6>")
    name = graph.outputs["y"]
    got = graph.types[name].codes.decode(found["codes"][name])
    errors = np.abs(got - found["values"][real.outputs["y"]]).max(axis=(0, 2, 3, 4))
    assert errors.shape == (STEPS,)
    assert errors.max() < 2e-3


def test_states_share_one_type(tmp_path):
    _, graph, _ = lowered(tmp_path, gru())
    states = [n.output for n in graph.nodes if "_state_step_" in n.name and n.op.name == "requantize"]
    assert len(states) == STEPS
    assert len({graph.types[name].codes.fixed for name in states}) == 1


# -- quantized cells: a Scan of QDQ nodes, and the same steps written one after another


def cell(step: str, x: str, h: str) -> tuple[list[onnx.NodeProto], str]:
    """h' = quantized tanh-like clip of (x + 3/4 h), with scales that are no powers of two."""
    name = lambda text: f"{text}{step}"  # noqa: E731
    nodes = [
        node("Mul", [h, "factor"], [name("decayed")]),
        node("Add", [x, name("decayed")], [name("sum")]),
        node("Clip", [name("sum"), "low", "high"], [name("clipped")]),
        node("QuantizeLinear", [name("clipped"), "s", "z"], [name("codes")]),
        node("DequantizeLinear", [name("codes"), "s", "z"], [name("state")]),
    ]
    return nodes, name("state")


CONSTANTS = {
    "factor": np.float32(0.75),
    "low": np.float32(-1.3),
    "high": np.float32(1.1),
    "s": np.float32(0.0173),
    "z": np.int8(5),
    "xs": np.float32(0.041),
    "xz": np.int8(-3),
    "zero": np.zeros((1, UNITS), np.float32),
}
QUANTIZED_INPUT = [
    node("QuantizeLinear", ["x", "xs", "xz"], ["xc"]),
    node("DequantizeLinear", ["xc", "xs", "xz"], ["xq"]),
]


def scanned() -> onnx.ModelProto:
    nodes, state = cell("", "e", "h")
    inputs = [value("h", (1, UNITS)), value("e", (1, UNITS))]
    outputs = [value(state, (1, UNITS)), value("copy", (1, UNITS))]
    body = helper.make_graph([*nodes, node("Identity", [state], ["copy"])], "body", inputs, outputs)
    scan = node("Scan", ["zero", "xq"], ["last", "y"], body=body, num_scan_inputs=1)
    return model([*QUANTIZED_INPUT, scan], (STEPS, 1, UNITS), tensors(), outputs=("last", "y"))


def written_out() -> onnx.ModelProto:
    nodes, h, states = list(QUANTIZED_INPUT), "zero", []
    for step in range(STEPS):
        nodes.append(node("Gather", ["xq", f"i{step}"], [f"e{step}"], axis=0))
        more, h = cell(str(step), f"e{step}", h)
        nodes += [*more, node("Unsqueeze", [h, "front"], [f"u{step}"])]
        states.append(f"u{step}")
    nodes += [node("Concat", states, ["y"], axis=0), node("Identity", [h], ["last"])]
    more = [tensor(f"i{step}", step, np.int64) for step in range(STEPS)]
    return model(nodes, (STEPS, 1, UNITS), [*tensors(), *more, tensor("front", [0], np.int64)], outputs=("last", "y"))


def tensors() -> list[onnx.TensorProto]:
    return [onnx.numpy_helper.from_array(np.asarray(array), name) for name, array in CONSTANTS.items()]


def test_a_quantized_cell_means_what_its_steps_mean(tmp_path):
    inputs = {"x": np.random.default_rng(2).normal(0, 1.5, (64, STEPS, 1, UNITS)).astype(np.float32)}
    found = [delivered(lower(proto, tmp_path), inputs) for proto in (scanned(), written_out())]
    for name in ("last", "y"):
        assert np.array_equal(*(result[name] for result in found)), name
    assert len(np.unique(found[0]["y"].astype(np.float64))) > 20


def test_a_state_whose_scale_changes(tmp_path):
    """The first state is no multiple of the scale that the cell gives it: it is rounded to it."""
    proto = scanned()
    for initial in proto.graph.initializer:
        if initial.name == "zero":
            initial.CopyFrom(tensor("zero", np.full((1, UNITS), 0.3)))
    inputs = {"x": np.zeros((1, STEPS, 1, UNITS), np.float32)}
    first = delivered(lower(proto, tmp_path), inputs)["y"].astype(np.float64)[0, 0]
    codes = np.round(0.75 * 17 * 0.0173 / 0.0173)  # 0.3 is 17.3 steps
    assert np.allclose(first, codes * np.float32(0.0173))


def test_a_state_of_several_scales_is_refused(tmp_path):
    proto = scanned()
    for initial in proto.graph.initializer:
        if initial.name == "s":
            initial.CopyFrom(tensor("s", [0.1, 0.2, 0.3]))
        if initial.name == "z":
            initial.CopyFrom(tensor("z", [0, 0, 0], np.int8))
    for part in (proto.graph, proto.graph.node[-1].attribute[0].g):
        for inner in part.node:
            if inner.op_type.endswith("QuantizeLinear") and inner.input[1] == "s":
                inner.attribute.append(helper.make_attribute("axis", 1))
    with pytest.raises(UnsupportedOperatorError, match=r"scale"):
        lower(proto, tmp_path)
