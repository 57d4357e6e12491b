# SPDX-License-Identifier: Apache-2.0
"""What is special about the neurons of a folded layer: weights that are loaded, an array that other layers use too."""

from __future__ import annotations

from dataclasses import dataclass

from fpgann.hardware.options import Multipliers
from fpgann.numerics.interval import CodeRange


@dataclass(frozen=True, slots=True)
class Loadable:
    """Codes that memories take at run time.

    Args:
        weights: range of every weight: all of a signed type, so that whatever is loaded is one.
        biases: range of every bias, likewise.
    """

    weights: CodeRange
    biases: CodeRange


@dataclass(frozen=True, slots=True)
class SharedArray:
    """Neurons that several layers use, one after another.

    Args:
        name: HDL name.
        pe: neurons side by side.
        simd: multipliers of a neuron.
        in_bits: bits of a signed input.
        weight_bits: bits of a weight.
        bias_bits: bits of a bias.
        sum_bits: bits of a sum.
        multipliers: what its multipliers are made of.
    """

    name: str
    pe: int
    simd: int
    in_bits: int
    weight_bits: int
    bias_bits: int
    sum_bits: int
    multipliers: Multipliers

    @property
    def request_bits(self) -> int:
        """Bits of what a layer asks for: inputs, weights, biases, whether a sum starts."""
        products = self.pe * self.simd
        return self.simd * self.in_bits + products * self.weight_bits + self.pe * self.bias_bits + 1


@dataclass(frozen=True, slots=True)
class Share:
    """How a layer uses neurons that others use too.

    Args:
        array: the neurons.
        pause_cycles: how long it waits with its inputs.
    """

    array: SharedArray
    pause_cycles: int
