# SPDX-License-Identifier: Apache-2.0
"""Matrix products of two computed tensors."""

from __future__ import annotations

import numpy as np

from fpgann.ir.alignment import pad_axes
from fpgann.ir.ops.matrix_product import MatrixProduct
from fpgann.numerics.integers import FLOAT64_EXACT, FloatArray, IntArray, fits_int64, magnitude, multiply_add
from fpgann.reference.tables import ON_CODES, ON_VALUES


@ON_VALUES.register(MatrixProduct)
def matrix_product_values(op: MatrixProduct, x: FloatArray, y: FloatArray) -> FloatArray:
    """In float64."""
    del op
    rank = max(x.ndim, y.ndim) - 1
    return np.asarray(np.matmul(pad_axes(x, rank), pad_axes(y, rank)))


@ON_CODES.register(MatrixProduct)
def matrix_product_codes(op: MatrixProduct, x: IntArray, y: IntArray) -> IntArray:
    """Exact; BLAS carries the integers where no partial sum can leave those of float64."""
    x, y = (multiply_add(codes, 1, -zero) for codes, zero in zip((x, y), op.zeros, strict=True))
    bound = max(1, magnitude(x)) * max(1, magnitude(y)) * max(1, x.shape[-1])
    if bound < FLOAT64_EXACT:
        return matrix_product_values(op, x.astype(np.float64), y.astype(np.float64)).astype(np.int64)
    kind = np.int64 if fits_int64(bound) else object
    return matrix_product_values(op, x.astype(kind), y.astype(kind))
