# SPDX-License-Identifier: Apache-2.0
"""Translation validation: every stage computes what the graph says."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from fpgann.errors import VerificationError
from fpgann.hardware.design import Design, FoldedKernel, PointwiseKernel, Stage, Stream, UnrolledKernel, WiringKernel
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
        case UnrolledKernel(pipeline=pipeline):
            return evaluate(pipeline.netlist, codes)
        case WiringKernel(wires=wires):
            taken = codes[:, [wire.element or 0 for wire in wires]]
            factors = integers([0 if wire.element is None else 1 << wire.shift for wire in wires])
            return multiply_add(taken, factors, integers([wire.constant for wire in wires]))
        case PointwiseKernel(requantizer=requantizer, channels=channels):
            return apply_form(spread(requantizer.form, channels), codes)
        case FoldedKernel() as kernel:
            rows = codes.reshape(len(codes), kernel.copies, -1)
            values = multiply_add(matmul(rows, kernel.weights), 1, kernel.bias)
            for requantizer in kernel.requantizers:
                values = apply_form(requantizer.form, values)
            return values.reshape(len(codes), -1)


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
