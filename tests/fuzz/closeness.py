# SPDX-License-Identifier: Apache-2.0
"""How far a quantized network may be from the real one: noise of one step at every value that has a type."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np

from fpgann.ir import Graph
from fpgann.ir.ops.dense import Dense
from fpgann.ir.ops.recurrence import Recurrence
from fpgann.passes.calibrate import Plan
from fpgann.reference.ops.recurrence import run_steps
from fpgann.reference.tables import ON_VALUES

RUNS = 12
FACTOR = 4.0  # of the largest deviation seen
FLOAT32 = 1e-4  # of the range of an output: what float32 and a sum of many terms may lose
UNIT = 2.0**-23  # of float32, in which the model was evaluated: a sum that is zero may come out beside a jump
JUMPING = {"Sign", "Floor", "Ceil", "Round", "Cast", "ArgMax", "ArgMin", "Hardmax", "ThresholdedRelu", "Mod"}
JUMPING |= {"TopK"}
JUMPING |= {"Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Equal", "Quant", "BipolarQuant", "Trunc"}
JUMPING |= {
    "QuantizeLinear",
    "QLinearMatMul",
    "QGemm",
    "QLinearAdd",
    "QLinearMul",
    "QLinearSigmoid",
    "QLinearLeakyRelu",
}
"""Operators whose results jump: noise need not show what rounding does to them."""


def tolerances(graph: Graph, plan: Plan, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Tolerance of every element of every output, shape (samples, *shape).

    Args:
        graph: the graph of real numbers.
        plan: the types of its values.
        inputs: samples of its inputs.
    """
    clean = _run(graph, None, inputs, np.random.default_rng(0))
    worst = {name: np.zeros_like(clean[value]) for name, value in graph.outputs.items()}
    for seed in range(RUNS):
        noisy = _run(graph, plan, inputs, np.random.default_rng(seed))
        for name, value in graph.outputs.items():
            worst[name] = np.maximum(worst[name], np.abs(noisy[value] - clean[value]))
    return {
        name: FACTOR * deviation + FLOAT32 * (1e-3 + np.abs(clean[graph.outputs[name]]).max())
        for name, deviation in worst.items()
    }


def _run(
    graph: Graph, plan: Plan | None, inputs: dict[str, np.ndarray], rng: np.random.Generator
) -> dict[str, np.ndarray]:
    values = {}
    for value in graph.inputs:
        values[value.name] = _rounded(plan, value.name, inputs[value.name], rng)
    for node in graph.nodes:
        operands = [values[name] for name in node.inputs]
        if isinstance(node.op, Recurrence):
            results, _ = run_steps(node.op, tuple(operands), partial(_run_step, node.op, plan, rng))
            values.update(zip(node.outputs, results, strict=True))
            continue
        with np.errstate(all="ignore"):
            result = ON_VALUES[type(node.op)](node.op, *operands)
        if plan is not None and isinstance(node.op, Dense):
            largest = np.abs(node.op.weight.data).max()
            step = UNIT * largest
            if node.op.weight.encoding is None:
                step += 2.0 * largest / 2.0**plan.weight_bits
            spread = step * (1 + np.abs(operands[0]).sum(axis=-1, keepdims=True))  # 1: the bias, in the same unit
            result = result + rng.uniform(-1, 1, result.shape) * spread
        values[node.output] = _rounded(plan, node.output, np.nan_to_num(result), rng)
    return values


def _run_step(
    op: Recurrence, plan: Plan | None, rng: np.random.Generator, body: Graph, fed: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """One step; what becomes a state has the type of the state."""
    values = _run(body, plan, dict(fed), rng)
    for state, name in zip(op.state_inputs, op.results, strict=False):
        values[name] = _rounded(plan, state, values[name], rng)
    return values


def _rounded(plan: Plan | None, name: str, array: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    precision = None if plan is None else plan.types.get(name)
    if precision is None:
        return array
    ends = precision.fixed.range
    low, high = (float(precision.fixed.decode(np.array(end))) for end in (ends.low, ends.high))
    return np.clip(array + rng.uniform(-1, 1, array.shape) * float(precision.fixed.lsb), low, high)
