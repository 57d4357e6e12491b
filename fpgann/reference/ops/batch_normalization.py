# SPDX-License-Identifier: Apache-2.0
"""Batch normalization."""

from __future__ import annotations

import numpy as np

from fpgann.ir.ops.batch_normalization import BatchNormalization
from fpgann.numerics.integers import FloatArray
from fpgann.reference.tables import ON_VALUES


@ON_VALUES.register(BatchNormalization)
def batch_normalization_values(op: BatchNormalization, x: FloatArray) -> FloatArray:
    """In float64; x has a sample axis in front."""
    shape = (-1,) + (1,) * (x.ndim - 2 - op.axis)
    gain = op.gamma / np.sqrt(op.variance + op.epsilon)
    return np.asarray((x - op.mean.reshape(shape)) * gain.reshape(shape) + op.beta.reshape(shape))
