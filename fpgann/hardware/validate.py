# SPDX-License-Identifier: Apache-2.0
"""Translation validation: every stage computes what the graph says."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from fpgann.errors import VerificationError
from fpgann.hardware.design import (
    Design,
    FoldedKernel,
    PointwiseKernel,
    RecurrentKernel,
    Stage,
    StepKernel,
    Stream,
    UnrolledKernel,
)
from fpgann.hardware.wiring import WiringKernel
from fpgann.kernel.interpreter import evaluate
from fpgann.kernel.requantize import apply_form, spread
from fpgann.numerics.integers import IntArray, integers, matmul, multiply_add


def evaluate_stage(stage: Stage, codes: IntArray) -> IntArray:
    """What the hardware of a stage computes.

    Args:
        stage: the stage.
        codes: shape (samples, elements of all sources).

    Returns:
        Shape (samples, elements of the target).
    """
    match stage.kernel:
        case RecurrentKernel() as kernel:
            return _evaluate_steps(kernel, codes)
        case StepKernel() as kernel:
            return _evaluate_sequences(kernel, codes)
        case UnrolledKernel(pipeline=pipeline):
            return evaluate(pipeline.netlist, codes)
        case WiringKernel(wires=wires):
            taken = codes[:, [wire.element or 0 for wire in wires]]
            factors = integers([0 if wire.element is None else 1 << wire.shift for wire in wires])
            return multiply_add(taken, factors, integers([wire.constant for wire in wires]))
        case PointwiseKernel(requantizer=requantizer, channels=channels):
            return apply_form(spread(requantizer.form, channels), codes)
        case FoldedKernel() as kernel:
            rows = codes.reshape(len(codes), kernel.copies, kernel.parts, -1)
            values = multiply_add(_sums(kernel, rows), 1, kernel.bias[: kernel.outputs])
            for requantizer in kernel.requantizers:
                values = apply_form(requantizer.form, values)
            return values.reshape(len(codes), -1)


def _sums(kernel: FoldedKernel, rows: IntArray) -> IntArray:
    """Products of the inputs of each part, shape (samples, copies, parts, inputs), with its weights, side by side."""
    weights = np.split(kernel.weights[: kernel.inputs, : kernel.outputs], kernel.parts, axis=1)
    return np.concatenate([matmul(rows[:, :, part], own) for part, own in enumerate(weights)], axis=-1)


def _evaluate_steps(kernel: RecurrentKernel, codes: IntArray) -> IntArray:
    """What a pipeline computes step by step."""
    inputs = [port.stream for port in kernel.core.inputs]
    steps = [kernel.steps if kernel.states <= i < kernel.states + kernel.scanned else 1 for i in range(len(inputs))]
    taken = [
        codes[:, start : start + count * stream.elements].reshape(len(codes), count, -1)
        for stream, start, count in zip(inputs, kernel.starts, steps, strict=True)
    ]
    states = [array[:, 0] for array in taken[: kernel.states]]
    stack = []
    for step in range(kernel.steps):
        fed = [*states, *(array[:, step if array.shape[1] > 1 else 0] for array in taken[kernel.states :])]
        results = _evaluate_core(kernel.core, fed)
        states = results[: kernel.states]
        stack.append(results[-1])
    return np.concatenate(stack, axis=1) if kernel.delivered is None else states[kernel.delivered]


def _evaluate_sequences(kernel: StepKernel, codes: IntArray) -> IntArray:
    """What a pipeline computes of slices, shape (sequences * steps, elements), whose states stay."""
    slices = codes.reshape(-1, kernel.steps, codes.shape[1])
    widths = [port.stream.elements for port in kernel.core.inputs[: kernel.states]]
    states = [np.zeros((len(slices), width), codes.dtype) for width in widths]
    stack = []
    for step in range(kernel.steps):
        *states, result = _evaluate_core(kernel.core, [*states, slices[:, step]])
        stack.append(result)
    return np.stack(stack, axis=1).reshape(len(codes), -1)


def _evaluate_core(core: Design, fed: list[IntArray]) -> list[IntArray]:
    """The outputs of a pipeline, of its inputs."""
    values = {port.stream.name: array for port, array in zip(core.inputs, fed, strict=True)}
    for stage in core.stages:
        joined = np.concatenate([values[stream.name] for stream in stage.sources], axis=1)
        values[stage.target.name] = evaluate_stage(stage, joined)
    return [values[port.stream.name] for port in core.outputs]


def check_design(design: Design, values: Mapping[str, IntArray]) -> None:
    """Compare every stage with the reference on samples of all values.

    Args:
        design: the design.
        values: the reference's codes of every graph value, shape (samples, *shape).

    Raises:
        VerificationError: a stage differs; the message names the layer and the element.
    """
    for stage in design.stages:
        flat = {name: values[name].reshape(len(values[name]), -1) for name in (s.value for s in _streams(stage))}
        wanted = flat[stage.target.value]
        got = evaluate_stage(stage, np.concatenate([flat[stream.value] for stream in stage.sources], axis=1))
        wrong = np.argwhere(got != wanted)
        if len(wrong):
            sample, element = (int(i) for i in wrong[0])
            raise VerificationError(
                f"element {element} is {got[sample, element]}, the reference says {wanted[sample, element]}",
                where=f"layer '{stage.layers[0]}' ({stage.strategy.value})",
                hint="this is a bug of fpgann, please report it",
            )
        low, high = int(wanted.min()), int(wanted.max())
        if low < stage.target.codes.low or high > stage.target.codes.high:
            raise VerificationError(
                f"codes {low}..{high} leave the predicted range", where=f"layer '{stage.layers[0]}'"
            )


def _streams(stage: Stage) -> tuple[Stream, ...]:
    return (*stage.sources, stage.target)
