# SPDX-License-Identifier: Apache-2.0
"""Dense layers."""

from __future__ import annotations

import numpy as np

from fpgann.ir.ops.dense import Dense
from fpgann.ir.types import TensorType
from fpgann.reference.compiled.carrier import largest
from fpgann.reference.compiled.kernel import FAST, Operand, Pass
from fpgann.reference.compiled.product import Product, product_carrier


@FAST.register(Dense)
def dense(op: Dense, result: TensorType, x: Operand) -> Product | None:
    """A float matrix product where it is exact."""
    weights = op.weight.data
    bias = np.zeros(weights.shape[1], np.int64) if op.bias is None else op.bias.data
    carrier, bound = product_carrier(weights, bias, largest(x.type.codes.range))
    if carrier is None:
        return None
    add = (Pass(np.add, (bias.astype(carrier.dtype),)),) if bias.any() else ()
    return Product(weights.astype(carrier.dtype), result.shape, carrier, add, bias, bound, groups=op.groups)
