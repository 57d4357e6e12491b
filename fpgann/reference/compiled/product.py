# SPDX-License-Identifier: Apache-2.0
"""Matrix products of integers carried by floating-point numbers.

A float product of integers is exact if every product and every partial sum, in whatever order BLAS adds, is an
integer that the float type holds: the sum of the magnitudes bounds all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import prod

import numpy as np

from fpgann.numerics.integers import IntArray, magnitude
from fpgann.reference.compiled.carrier import FLOATS, Carrier, holds
from fpgann.reference.compiled.kernel import Array, Kernel, Pass, Run, bind_passes

# OpenBLAS computes a product of up to so many multiplications in the calling thread. More threads would not help
# with matrices that small, and where they find no free core they wait for milliseconds.
_ONE_THREAD = 1 << 18
_FEWEST_ROWS = 4  # fewer rows at a time are slower than one by one


@dataclass(frozen=True, eq=False)
class Product(Kernel):
    """x @ weights over the last axis, then passes over the result.

    Args:
        weights: shape (inputs of a group, outputs), in the carrier's type.
        shape: of the result.
        carrier: of operand and result.
        passes: after the product.
        bias: integers that the product itself lacks; shape (outputs,).
        bound: greatest magnitude of any partial sum of codes.
        is_rounded: the passes do more than add the bias.
        groups: parts of the inputs, each with its part of the outputs.
    """

    weights: Array
    shape: tuple[int, ...]
    carrier: Carrier
    passes: tuple[Pass, ...]
    bias: IntArray
    bound: int
    is_rounded: bool = False
    groups: int = 1
    takes: tuple[Carrier, ...] = field(init=False)
    gives: Carrier = field(init=False)

    def __post_init__(self) -> None:
        """One carrier for all."""
        object.__setattr__(self, "takes", (self.carrier,))
        object.__setattr__(self, "gives", self.carrier)

    def bind(self, rows: int) -> Run:
        """Cut the product into pieces that stay in one thread."""
        inputs, outputs = self.weights.shape[0] * self.groups, self.weights.shape[1]
        lines = prod(self.shape[:-1])
        multiply = bind_product(self.weights) if self.groups == 1 else _bind_groups(self.weights, self.groups)
        finish = bind_passes(self.passes, rows, self.shape)

        def run(out: Array, x: Array) -> None:
            multiply(out.reshape(len(x) * lines, outputs), x.reshape(len(x) * lines, inputs))
            finish(out, out)

        return run


def product_carrier(weights: IntArray, bias: IntArray, largest: int) -> tuple[Carrier | None, int]:
    """The cheapest float type that computes `x @ weights + bias` exactly, and the bound that says so.

    Args:
        weights: shape (inputs, outputs).
        bias: shape (outputs,).
        largest: greatest magnitude of x.

    Returns:
        The carrier (None if there is none) and the greatest magnitude of operands, products and sums.
    """
    sums = np.abs(weights.astype(object)).sum(axis=0)
    bound = max(int(sums.max()) * max(1, largest) + magnitude(bias), largest)
    return next((carrier for carrier in FLOATS if holds(carrier, bound)), None), bound


def bind_product(weights: Array) -> Callable[[Array, Array], None]:
    """What computes `out = x @ weights` for contiguous x of shape (any, inputs), in one thread."""
    inputs, outputs = weights.shape
    piece = 1 << max(0, (_ONE_THREAD // weights.size).bit_length() - 1)
    piece = piece if piece >= _FEWEST_ROWS else 1

    def run(out: Array, x: Array) -> None:
        whole = len(x) - len(x) % piece
        np.matmul(x[:whole].reshape(-1, piece, inputs), weights, out=out[:whole].reshape(-1, piece, outputs))
        if whole < len(x):
            np.matmul(x[whole:], weights, out=out[whole:])

    return run


def _bind_groups(weights: Array, groups: int) -> Callable[[Array, Array], None]:
    """What computes a product group by group; weights have shape (inputs of a group, outputs of all groups)."""
    inputs, outputs = weights.shape[0], weights.shape[1] // groups
    if outputs == 1:
        rows = np.ascontiguousarray(weights.T)  # (groups, inputs)

        def run_single(out: Array, x: Array) -> None:
            np.einsum("ngi,gi->ng", x.reshape(len(x), groups, inputs), rows, out=out)

        return run_single
    parts = [bind_product(np.ascontiguousarray(part)) for part in np.split(weights, groups, axis=1)]

    def run(out: Array, x: Array) -> None:
        product = np.empty((len(x), outputs), out.dtype)
        for group, multiply in enumerate(parts):
            multiply(product, np.ascontiguousarray(x[:, group * inputs : (group + 1) * inputs]))
            out[:, group * outputs : (group + 1) * outputs] = product

    return run
