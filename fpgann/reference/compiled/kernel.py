# SPDX-License-Identifier: Apache-2.0
"""What a node of a graph compiles to, and the table of how."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from fpgann.dispatch import StageTable
from fpgann.ir.operator import Operator
from fpgann.ir.types import TensorType
from fpgann.numerics.integers import IntArray
from fpgann.reference.compiled.carrier import Carrier
from fpgann.reference.tables import ON_CODES

Array: TypeAlias = npt.NDArray[Any]  # codes in any carrier
Run: TypeAlias = Callable[..., None]  # (result, *operands), each of shape (rows, *tensor shape)


class Kernel(ABC):
    """One step of a compiled graph, exact on all codes within the ranges it was compiled for.

    Attributes:
        takes: the carrier of each operand.
        gives: the carrier of the result.
    """

    takes: tuple[Carrier, ...]
    gives: Carrier

    @abstractmethod
    def bind(self, rows: int) -> Run:
        """Make what only depends on the number of rows, and return what computes up to so many."""


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A step that computes nothing: the same codes seen in another shape.

    Args:
        look: array -> array that shares its memory, contiguous if the other is.
    """

    look: Callable[[Array], Array]


@dataclass(frozen=True, slots=True, eq=False)
class Absorbed:
    """A kernel that does the work of the step before it, too, and takes that step's operands.

    Args:
        kernel: both steps in one.
    """

    kernel: Kernel


@dataclass(frozen=True, slots=True, eq=False)
class Operand:
    """A tensor that a step reads.

    Args:
        type: its shape and the exact range of its codes.
        carrier: what holds it; a kernel may ask for another one, at the cost of a copy.
        maker: the kernel that makes it, if no one else reads it and both steps may become one.
    """

    type: TensorType
    carrier: Carrier
    maker: Kernel | None = None


Compiled: TypeAlias = "Kernel | View | Absorbed | None"
FAST: StageTable[Callable[..., Compiled]] = StageTable("compiled integer reference")
"""Operator class -> (operator, type of the result, *operands) -> how to compute it; None: by its plain evaluator."""


@dataclass(frozen=True, eq=False)
class Plain(Kernel):
    """The plain evaluator of an operator: the definition itself."""

    op: Operator
    takes: tuple[Carrier, ...]
    gives: Carrier

    def bind(self, rows: int) -> Run:
        """Nothing to make."""
        del rows
        evaluate = ON_CODES[type(self.op)]

        def run(out: Array, *operands: IntArray) -> None:
            np.copyto(out, evaluate(self.op, *operands), casting="unsafe")

        return run


@dataclass(frozen=True, eq=False)
class Cast(Kernel):
    """The same integers in another carrier."""

    takes: tuple[Carrier, ...]
    gives: Carrier

    def bind(self, rows: int) -> Run:
        """Nothing to make."""
        del rows
        if self.gives is Carrier.OBJECT and self.takes[0].is_float:
            return lambda out, x: np.copyto(out, x.astype(np.int64))  # of Python integers, not of floats

        def run(out: Array, x: Array) -> None:
            np.copyto(out, x, casting="unsafe")

        return run


@dataclass(frozen=True, slots=True, eq=False)
class Pass:
    """One pass over a tensor: a numpy function of its elements and of constants.

    Args:
        function: called as function(x, *constants, out=...).
        constants: each a scalar array, or one that broadcasts to the tensor.
    """

    function: Callable[..., object]
    constants: tuple[Array, ...] = ()


def bind_passes(passes: tuple[Pass, ...], rows: int, shape: tuple[int, ...]) -> Callable[[Array, Array], None]:
    """What applies passes one after another: the first reads x, all write `out`, which may be x.

    Constants are spread over all rows: a pass over contiguous memory is much faster than broadcasting.

    Args:
        passes: at least one, unless `out` is x.
        rows: greatest number of rows.
        shape: of the tensor.
    """
    bound = [(p.function, tuple(spread(c, rows, shape) for c in p.constants)) for p in passes]

    def run(out: Array, x: Array) -> None:
        count = len(x)
        source = x
        for function, constants in bound:
            if count == rows:
                function(source, *constants, out=out)
            else:
                function(source, *(c[:count] if c.ndim else c for c in constants), out=out)
            source = out

    return run


def spread(constant: Array, rows: int, shape: tuple[int, ...]) -> Array:
    """A constant for every element of some rows; a single number stays one."""
    if constant.size == 1:
        return constant.reshape(())
    return np.ascontiguousarray(np.broadcast_to(constant, (rows, *shape)))


def one_or_all(numbers: Array) -> Array:
    """Numbers per channel, or only one if all are the same."""
    return numbers[:1].reshape(()) if np.all(numbers == numbers[0]) else numbers


def along(numbers: Array, axis: int) -> Array:
    """Numbers per channel, shaped so that they broadcast along an axis counted from the end."""
    one = one_or_all(numbers)
    return one if one.ndim == 0 else one.reshape(-1, *(1,) * (-1 - axis))
