# SPDX-License-Identifier: Apache-2.0
"""Sums of computed tensors."""

from __future__ import annotations

from functools import reduce

import numpy as np

from fpgann.ir.alignment import pad_axes
from fpgann.ir.ops.add import Add
from fpgann.numerics.integers import FloatArray, IntArray, fits_int64, magnitude
from fpgann.reference.tables import ON_CODES, ON_VALUES


@ON_VALUES.register(Add)
def add_values(op: Add, *operands: FloatArray) -> FloatArray:
    """In float64."""
    del op
    return reduce(np.add, _same_rank(operands))


@ON_CODES.register(Add)
def add_codes(op: Add, *operands: IntArray) -> IntArray:
    """Exact."""
    assert op.alignment is not None
    aligned = op.alignment.apply(operands)
    wide = not fits_int64(sum(magnitude(codes) for codes in aligned))
    return reduce(np.add, [codes.astype(object) if wide else codes for codes in _same_rank(aligned)])


def _same_rank(operands: tuple[IntArray, ...] | list[IntArray]) -> list[IntArray]:
    rank = max(codes.ndim for codes in operands) - 1
    return [pad_axes(codes, rank) for codes in operands]
