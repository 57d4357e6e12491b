# SPDX-License-Identifier: Apache-2.0
"""Batch normalization at inference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from fpgann.ir.operator import Operator, expect, register
from fpgann.ir.types import TensorType
from fpgann.numerics.integers import FloatArray


@register
@dataclass(frozen=True, slots=True, eq=False)
class BatchNormalization(Operator):
    """y = (x - mean) / sqrt(variance + epsilon) * gamma + beta, per channel along an axis.

    Ioffe and Szegedy 2015, algorithm 2.

    Args:
        gamma: shape (channels,).
        beta: shape (channels,).
        mean: shape (channels,).
        variance: shape (channels,).
        epsilon: added to the variance.
        axis: channel axis, from the front.
    """

    name: ClassVar[str] = "batch_normalization"

    gamma: FloatArray
    beta: FloatArray
    mean: FloatArray
    variance: FloatArray
    epsilon: float
    axis: int = 1

    def infer(self, operands: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
        """The shape of the operand."""
        (x,) = operands
        channels = x.shape[self.axis] if len(x.shape) > self.axis else 1
        parameters = (self.gamma, self.beta, self.mean, self.variance)
        fit = all(p.shape == (channels,) for p in parameters)
        expect(fit, f"parameters must have {channels} entries, one per channel")
        expect(bool((self.variance + self.epsilon > 0).all()), "the variance plus epsilon must be positive")
        return (TensorType(x.shape),)

    def describe(self) -> str:
        """Number of channels."""
        return f"channels: {self.gamma.size}"
