# SPDX-License-Identifier: Apache-2.0
"""Recurrences on codes: the same integers in every step, and those of the model where it is quantized."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

from fpgann import passes, reference
from fpgann.errors import ModelError, UnsupportedOperatorError
from fpgann.frontend import import_onnx
from fpgann.ir import Graph
from fpgann.ir.ops.arrange import Arrange
from fpgann.ir.ops.repeat import Repeat
from fpgann.ir.serialize import load_graph, save_graph
from fpgann.ir.text import to_text
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


def recurrent(kind: str, output: str) -> onnx.ModelProto:
    generator = np.random.default_rng(1)
    gates = {"RNN": 1, "LSTM": 4, "GRU": 3}[kind] * UNITS
    shapes = {"w": (1, gates, 2), "r": (1, gates, UNITS), "b": (1, 2 * gates)}
    constants = {name: generator.normal(0, 0.7, shape).astype(np.float32) for name, shape in shapes.items()}
    layer = node(kind, ["x", "w", "r", "b"], ["y", "h"], hidden_size=UNITS)
    return model([layer], (STEPS, 1, 2), constants, outputs=(output,))


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


def both_forms(folder: Path, proto: onnx.ModelProto) -> tuple[Graph, Graph, dict[str, np.ndarray]]:
    """Steps written out, and one operator that repeats them, on the same codes."""
    real, written, found = lowered(folder, proto)
    kind = parse_precision("fixed<10,4>")
    points = passes.quantization_points(real)
    plan = passes.choose_plan(points, found["values"], kind, fit_binary_point=True)
    repeated = passes.QuantizeGraph(replace(plan, folded_recurrences=True)).apply(real)
    return written, verify(repeated, "quantization"), found["codes"]


@pytest.mark.parametrize("output", ["y", "h"])
@pytest.mark.parametrize("kind", ["GRU", "LSTM", "RNN"])
def test_both_forms_mean_the_same_integers(tmp_path, kind, output):
    written, repeated, codes = both_forms(tmp_path, recurrent(kind, output))
    (op,) = (n.op for n in repeated.nodes if isinstance(n.op, Repeat))
    assert op.steps == STEPS
    again = reference.run_codes(repeated, {v.name: codes[v.name] for v in repeated.inputs})
    found, wanted = repeated.outputs[output], written.outputs[output]
    assert repeated.types[found].codes.scale_lsb() == written.types[wanted].codes.scale_lsb()
    assert np.array_equal(again[found], codes[wanted])
    save_graph(repeated, tmp_path / "stored")
    assert to_text(load_graph(tmp_path / "stored")) == to_text(repeated)


def test_a_recurrence_of_which_two_results_are_read_is_written_out(tmp_path):
    _, repeated, _ = both_forms(tmp_path, gru())
    assert not [n for n in repeated.nodes if isinstance(n.op, Repeat)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": 3}, "operand 1 of shape"),
        ({"delivered": 9}, "delivers nothing"),
        ({"scanned": 9}, "fit no steps"),
        ({"names": ()}, "no list of operators"),
        ({"results": (99, 99)}, "that nothing computes"),
        ({"reads": ((99,),) * 99}, "no list of operators"),
    ],
)
def test_damaged_bodies_are_refused(tmp_path, change, message):
    _, graph, _ = both_forms(tmp_path, recurrent("RNN", "y"))
    (node_,) = (n for n in graph.nodes if isinstance(n.op, Repeat))
    with pytest.raises(ModelError, match=message):
        replace(node_.op, **change).infer(tuple(graph.types[name] for name in node_.inputs))


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
