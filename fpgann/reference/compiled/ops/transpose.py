# SPDX-License-Identifier: Apache-2.0
"""Transpose."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fpgann.ir.ops.transpose import Transpose
from fpgann.ir.types import TensorType
from fpgann.reference.compiled.carrier import Carrier
from fpgann.reference.compiled.kernel import FAST, Array, Kernel, Operand, Run


@dataclass(frozen=True, eq=False)
class _Permute(Kernel):
    axes: tuple[int, ...]
    takes: tuple[Carrier, ...]
    gives: Carrier

    def bind(self, rows: int) -> Run:
        del rows

        def run(out: Array, x: Array) -> None:
            np.copyto(out, np.transpose(x, self.axes))

        return run


@FAST.register(Transpose)
def transpose(op: Transpose, result: TensorType, x: Operand) -> Kernel:
    """A copy in another order, in whatever carrier."""
    del result
    return _Permute((0, *(axis + 1 for axis in op.permutation)), (x.carrier,), x.carrier)
