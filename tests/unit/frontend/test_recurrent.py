# SPDX-License-Identifier: Apache-2.0
"""RNN, LSTM and GRU: every attribute and operand against onnxruntime or, where it lacks one, ONNX's definition."""

from __future__ import annotations

import numpy as np
import pytest

from fpgann.errors import MalformedModelError, UnsupportedOperatorError
from fpgann.ir.ops.recurrence import Recurrence
from tests.unit.frontend.models import agree, load, model, names, node, operators, value

GATES = {"RNN": 1, "LSTM": 4, "GRU": 3}
STEPS, ROWS, FEATURES, UNITS = 4, 2, 3, 5
KINDS = sorted(GATES)


def weights(kind: str, directions: int = 1, *, seed: int = 0) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(seed)
    gates = GATES[kind] * UNITS
    shapes = {"w": (directions, gates, FEATURES), "r": (directions, gates, UNITS), "b": (directions, 2 * gates)}
    return {name: generator.normal(0, 0.6, shape).astype(np.float32) for name, shape in shapes.items()}


def layer(kind: str, inputs=("x", "w", "r", "b"), outputs=("y", "h"), **attributes):
    return node(kind, inputs, outputs, hidden_size=UNITS, **attributes)


def proto(kind: str, constants=None, inputs=("x", "w", "r", "b"), outputs=("y", "h"), directions=1, **attributes):
    shape = (ROWS, STEPS, FEATURES) if attributes.get("layout") else (STEPS, ROWS, FEATURES)
    given = [value("x", shape)]
    if "s" in inputs:
        given.append(value("s", (directions, ROWS, UNITS)))
    return model(
        [layer(kind, inputs, outputs, **attributes)],
        shape,
        {**weights(kind, directions), **(constants or {})},
        inputs=given,
        outputs=[name for name in outputs if name],
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
def test_directions(tmp_path, kind, direction):
    directions = 2 if direction == "bidirectional" else 1
    outputs = ("y", "h", "c") if kind == "LSTM" else ("y", "h")
    graph = agree(tmp_path, proto(kind, directions=directions, direction=direction, outputs=outputs))
    assert names(graph).count("recurrence") == directions


@pytest.mark.parametrize("kind", KINDS)
def test_without_bias_and_stack(tmp_path, kind):
    graph = agree(tmp_path, proto(kind, inputs=("x", "w", "r"), outputs=("", "h")))
    (op,) = (op for op in operators(graph) if isinstance(op, Recurrence))
    assert len(op.results) == op.states  # nothing is stacked that nobody reads


@pytest.mark.parametrize("kind", KINDS)
def test_constant_and_computed_states(tmp_path, kind):
    start = np.random.default_rng(1).normal(0, 0.5, (1, ROWS, UNITS)).astype(np.float32)
    agree(tmp_path, proto(kind, {"i": start}, inputs=("x", "w", "r", "b", "", "i")))
    agree(tmp_path, proto(kind, inputs=("x", "w", "r", "b", "", "s")))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("direction", ["forward", "bidirectional"])
def test_sequences_of_several_lengths(tmp_path, kind, direction):
    directions = 2 if direction == "bidirectional" else 1
    lengths = np.array([2, STEPS], np.int32)
    inputs = ("x", "w", "r", "b", "n")
    agree(tmp_path, proto(kind, {"n": lengths}, inputs=inputs, directions=directions, direction=direction))


@pytest.mark.parametrize("coupled", [0, 1])
def test_peepholes(tmp_path, coupled):
    seen = np.random.default_rng(2).normal(0, 0.5, (1, 3 * UNITS)).astype(np.float32)
    inputs = ("x", "w", "r", "b", "", "", "", "p")
    agree(tmp_path, proto("LSTM", {"p": seen}, inputs=inputs, input_forget=coupled))


@pytest.mark.parametrize("first", [0, 1])
def test_linear_before_reset(tmp_path, first):
    agree(tmp_path, proto("GRU", linear_before_reset=first))


@pytest.mark.parametrize("kind", KINDS)
def test_clip(tmp_path, kind):
    agree(tmp_path, proto(kind, clip=0.5))


@pytest.mark.parametrize(
    "functions",
    [
        ["HardSigmoid", "Relu", "ScaledTanh"],
        ["Softsign", "LeakyRelu", "Elu"],
        ["Affine", "ThresholdedRelu", "Softplus"],
    ],
)
def test_activations(tmp_path, functions):
    numbers = {"activation_alpha": [0.3, 0.7, 1.25], "activation_beta": [0.4, 0.6]}
    agree(tmp_path, proto("LSTM", activations=functions, **numbers))


def test_each_direction_has_its_activations(tmp_path):
    functions = ["Sigmoid", "Relu", "HardSigmoid", "Tanh"]
    attributes = {"direction": "bidirectional", "activations": functions}
    agree(tmp_path, proto("GRU", directions=2, activation_alpha=[0.3], activation_beta=[0.45], **attributes))


def test_two_layers(tmp_path):
    second = weights("GRU", seed=3)
    second["w"] = np.random.default_rng(4).normal(0, 0.5, (1, 3 * UNITS, UNITS)).astype(np.float32)
    nodes = [
        layer("GRU", outputs=("a", "")),
        node("Squeeze", ["a", "one"], ["t"]),
        layer("GRU", ("t", "w2", "r2", "b2"), ("y",)),
    ]
    constants = {**weights("GRU"), **{f"{name}2": array for name, array in second.items()}}
    agree(tmp_path, model(nodes, (STEPS, ROWS, FEATURES), {**constants, "one": np.array([1], np.int64)}))


def test_computed_weights(tmp_path):
    nodes = [layer("RNN", ("a", "x", "r"), outputs=("y",))]
    constants = {"a": np.zeros((STEPS, ROWS, 3), np.float32), "r": np.zeros((1, 5, 5), np.float32)}
    with pytest.raises(UnsupportedOperatorError, match=r"its W .* is computed"):
        load(tmp_path, model(nodes, (1, 5, 3), constants))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"direction": "sideways"}, "direction 'sideways' does not exist"),
        ({"activations": ["Swirl"]}, "activation 'Swirl' does not exist"),
        ({"hidden_size": 7}, "those of 5 units"),
        ({"constants": {"w": np.zeros((1, 5, 4), np.float32)}}, "operand 1 is of shape"),
        ({"constants": {"n": np.array([9, 1], np.int32)}, "inputs": ("x", "w", "r", "b", "n")}, "do not fit 2 rows"),
    ],
)
def test_contradictions(tmp_path, change, message):
    change = dict(change)
    made = proto("RNN", **{key: change.pop(key) for key in ("constants", "inputs") if key in change})
    for name, attribute in change.items():
        kept = [a for a in made.graph.node[0].attribute if a.name != name]
        changed = node("RNN", [], [], **{name: attribute}).attribute
        del made.graph.node[0].attribute[:]
        made.graph.node[0].attribute.extend([*kept, *changed])
    with pytest.raises(MalformedModelError, match=message):
        load(tmp_path, made)
